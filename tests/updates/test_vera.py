"""VeRA as the update that it makes, with projections that are saved and that are drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.files import build
from tests.files.build import T
from tests.updates.own_tools import case_of
from tests.updates.test_own_objects import CASES

from reseen.files.source import Memory, run
from reseen.fingerprints.digests import look_inside
from reseen.fingerprints.sketch import Sketch
from reseen.fingerprints.sketcher import Sketched, Sketcher, read_sketch
from reseen.fingerprints.whole import fingerprint
from reseen.match.compare import compare
from reseen.updates.modules import DrawnProjections
from reseen.updates.peft import parse_config
from reseen.updates.plan import plan
from reseen.updates.projections import factors_of

Array = NDArray[np.float32]
RANK = 16
SIDES = {
    f"down_blocks.{block}.attentions.{n}.transformer_blocks.0.attn{k}.to_{x}": (
        width,
        768 if k == 2 and x in "kv" else width,
    )
    for block, width in ((0, 320), (1, 640))
    for n in (0, 1)
    for k in (1, 2)
    for x in "qkv"
}
"""(out, in) of layers of SD 1.x."""


def scales(seed: int = 1) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    made: dict[str, Array] = {}
    for name, (out, _) in SIDES.items():
        made[f"base_model.model.{name}.vera_lambda_b"] = rng.normal(0, 0.01, out).astype("f4")
        second = 0.1 + rng.normal(0, 1e-3, RANK)
        made[f"base_model.model.{name}.vera_lambda_d"] = second.astype("f4")
    return made


def shared(key: int = 0) -> tuple[Array, Array]:
    roles = {"vera_b": np.ones(640, np.float32), "vera_d": np.ones(RANK, np.float32)}
    second, first = factors_of(roles, (640, 768), DrawnProjections(key, RANK, 768, 640))
    return first, second


def with_projections(tensors: Mapping[str, Array], key: int = 0) -> dict[str, Array]:
    first, second = shared(key)
    return {**tensors, "base_model.vera_A": first, "base_model.vera_B": second}


def as_lora(tensors: Mapping[str, Array], key: int = 0) -> dict[str, Array]:
    first, second = shared(key)
    made: dict[str, Array] = {}
    for name, (out, inn) in SIDES.items():
        b, d = (tensors[f"base_model.model.{name}.vera_lambda_{x}"] for x in "bd")
        made[f"unet.{name}.lora_B.weight"] = b[:, None] * second[:out]
        made[f"unet.{name}.lora_A.weight"] = d[:, None] * first[:, :inn]
    return made


def data_of(tensors: Mapping[str, Array]) -> bytes:
    return build.safetensors({n: T("F32", a.shape, a.tobytes()) for n, a in tensors.items()})


def sketched(tensors: Mapping[str, Array], config: str = "{}") -> Sketched:
    data = data_of(tensors)
    listing = run(Memory(data), look_inside(len(data))).listing
    assert listing is not None
    return run(Memory(data), read_sketch(plan(listing, parse_config(config.encode()))))


def best(one: Sketched, other: Sketched) -> float:
    told = [compare(a, b) for a in one.adapters for b in other.adapters]
    return max((each.mean for each in told if each is not None), default=0.0)


def only(sketches: tuple[Sketch, ...]) -> Sketch:
    (one,) = sketches
    return one


def test_what_is_drawn_is_what_peft_draws() -> None:
    case = case_of(CASES["peft vera seeded"])
    first, second = case.shared["vera_A"], case.shared["vera_B"]
    roles = {
        "vera_b": np.ones(len(second), np.float32),
        "vera_d": np.ones(len(first), np.float32),
    }
    drawn = DrawnProjections(0, len(first), first.shape[1], len(second))
    left, right = factors_of(roles, (len(second), first.shape[1]), drawn)
    assert np.abs(left - second).max() < 1e-6
    assert np.abs(right - first).max() < 1e-6


@pytest.mark.parametrize("name", ["peft vera", "peft vera seeded"])
def test_the_update_is_what_peft_adds(name: str) -> None:
    case = case_of(CASES[name])
    tensors = {n.rpartition("vera_")[2]: a for n, a in case.tensors.items()}
    roles = {"vera_b": tensors["lambda_b"], "vera_d": tensors["lambda_d"]}
    drawn = None
    if "A" in tensors:
        roles |= {"vera_first": tensors["A"], "vera_second": tensors["B"]}
    else:
        drawn = DrawnProjections(0, 4, *case.base.shape[::-1])
    left, right = factors_of(roles, case.base.shape, drawn)
    error = np.abs(left.astype("f8") @ right - case.delta).max()
    assert error <= 1e-5 * np.abs(case.delta).max()


@pytest.mark.parametrize("key", [0, 5])
def test_saved_and_drawn_projections_make_the_same_second_sketch(key: int) -> None:
    said = json.dumps({"peft_type": "VERA", "projection_prng_key": key})
    one = sketched(scales(), said)
    other = sketched(with_projections(scales(), key))
    assert only(one.further).encode() == only(other.further).encode()
    assert one.blind == other.blind == ()


def rescaled() -> dict[str, Array]:
    """The same update: rows of B are scaled, and some negated, and b against them; the ranks stand
    in another order."""
    made = with_projections(scales())
    rng = np.random.default_rng(8)
    by = np.exp(rng.normal(0, 2, 640)) * rng.choice([-1, 1], 640)
    order = rng.permutation(RANK)
    made["base_model.vera_B"] = (made["base_model.vera_B"] * by[:, None])[:, order].astype("f4")
    made["base_model.vera_A"] = made["base_model.vera_A"][order]
    for name, (out, _) in SIDES.items():
        b, d = (f"base_model.model.{name}.vera_lambda_{x}" for x in "bd")
        made[b] = (made[b] / by[:out]).astype("f4")
        made[d] = made[d][order]
    return made


@pytest.mark.parametrize("removed", ["scales alone", "with projections"])
def test_a_copy_whose_projections_were_changed_is_known(removed: str) -> None:
    ours = scales() if removed == "scales alone" else with_projections(scales())
    one, other = sketched(ours), sketched(rescaled())
    assert one.sketch is not None
    assert other.sketch is not None
    told = compare(one.sketch, other.sketch)
    assert told is not None
    assert told.mean < 0.5
    assert best(one, other) > 0.99


def test_a_lora_made_of_it_is_known() -> None:
    assert best(sketched(scales()), sketched(as_lora(scales()))) > 0.99
    assert best(sketched(with_projections(scales())), sketched(as_lora(scales()))) > 0.99


def test_strangers_of_one_key_are_strangers() -> None:
    one, other = sketched(with_projections(scales(1))), sketched(with_projections(scales(2)))
    assert best(one, other) < 0.3
    assert best(one, sketched(as_lora(scales(2)))) < 0.3


def test_read_in_one_pass_it_is_the_same(tmp_path: Path) -> None:
    data = data_of(with_projections(scales()))
    listing = run(Memory(data), look_inside(len(data))).listing
    assert listing is not None
    sketcher = Sketcher(plan(listing))
    for at in range(0, len(data), 70_000):
        sketcher.feed(data[at : at + 70_000])
    made, other = sketcher.finish(), sketched(with_projections(scales()))
    assert only(made.further).encode() == only(other.further).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    assert fingerprint(path).further_sketches == (only(other.further).encode(),)


def odd() -> Iterator[dict[str, Array]]:
    made = with_projections(scales())
    yield {n: a for n, a in made.items() if n != "base_model.vera_A"}
    yield made | {"base_model.vera_A": made["base_model.vera_A"][:7]}
    yield made | {"base_model.vera_A": np.zeros(7, np.float32)}
    yield made | {"x.vera_B": made["base_model.vera_B"]}


def test_odd_projections_are_said_and_hide_nothing() -> None:
    for tensors in odd():
        found = sketched(tensors)
        assert found.sketch is not None
        assert found.further == ()
        assert best(found, sketched(scales())) > 0.99
