"""Language models' q and k, whose rows llama.cpp's converter turns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.files import build
from tests.files.build import T

from reseen.files.source import Memory, run
from reseen.fingerprints.digests import look_inside
from reseen.fingerprints.sketch import Sketch
from reseen.fingerprints.sketcher import Sketched, read_sketch
from reseen.match.compare import compare
from reseen.updates.plan import plan

THEIRS = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v"}
Array = NDArray[np.float16]


def turned(up: Array, head: int) -> Array:
    """Row 2k of a head is its row k, row 2k + 1 its row k + head/2."""
    order = [h * head + t * head // 2 + k
             for h in range(len(up) // head) for k in range(head // 2) for t in (0, 1)]  # fmt: skip
    return up[order]


def factors(columns: int, head: int) -> Iterator[tuple[str, Array, Array]]:
    rng = np.random.default_rng(3)
    for n in range(4):
        for layer, rows in (("q_proj", 4 * head), ("k_proj", 2 * head), ("v_proj", 2 * head)):
            up, down = (rng.normal(0, 0.02, s).astype("f2") for s in ((rows, 4), (4, columns)))
            yield f"{n}.{layer}", up, down


def files(columns: int, head: int, word: str) -> tuple[Sketched, Sketched]:
    """As PEFT saves it, and as llama.cpp has it."""
    peft, converted = dict[str, T](), dict[str, T]()
    for name, up, down in factors(columns, head):
        number, _, layer = name.partition(".")
        ours = f"base_model.model.model.layers.{number}.self_attn.{layer}"
        theirs = f"blk.{number}.{THEIRS[layer]}.weight"
        stored = turned(up, head) if layer != "v_proj" else up
        for end, value, other in (("A", down, down), ("B", up, stored)):
            peft[f"{ours}.lora_{end}.weight"] = T("F16", value.shape, value.tobytes())
            converted[f"{theirs}.lora_{end.lower()}"] = T("F16", other.shape, other.tobytes())
    said = {"general.type": "adapter", "general.architecture": word, "adapter.lora.alpha": 4.0}
    return sketched(build.safetensors(peft)), sketched(build.gguf(converted, said))


def sketched(data: bytes) -> Sketched:
    listing = run(Memory(data), look_inside(len(data))).listing
    assert listing is not None
    return run(Memory(data), read_sketch(plan(listing)))


def whole(found: Sketched) -> Sketch:
    assert found.sketch is not None
    return found.sketch


@pytest.mark.parametrize(("columns", "head"), [(2048, 64), (4096, 128), (3072, 128)])
def test_what_llama_cpp_turned_is_put_back(columns: int, head: int) -> None:
    one, other = files(columns, head, "llama")
    assert whole(one).encode() == whole(other).encode()


def test_models_with_other_heads_are_found_under_the_other_guess() -> None:
    one, other = files(2048, 128, "olmo")  # OLMo 1B
    first = compare(whole(one), whole(other))
    assert first is not None
    assert first.mean < 0.7  # v, and a few rows of the others, stand as they stood
    told = [compare(whole(one), each) for each in other.others]
    assert max(each.mean for each in told if each is not None) > 0.99


def test_of_models_whose_rows_are_not_turned_none_is() -> None:
    one, other = files(4096, 128, "qwen2")
    told = compare(whole(one), whole(other))
    assert told is not None
    assert told.mean < 0.7
    _, llama = files(4096, 128, "llama")
    assert len(llama.others) == len(other.others) + 2


def test_what_was_removed_as_it_is_stored_is_known_still() -> None:
    """A sketch of an earlier version has the rows as llama.cpp stores them."""
    _, before = files(4096, 128, "some word that no table has")
    _, now = files(4096, 128, "llama")
    told = [compare(whole(before), each) for each in now.others]
    assert max(each.mean for each in told if each is not None) > 0.99
