"""Whether LoRA began as a part of its base weight is told by its numbers, not by a line of its
configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from tests.match.made import known, remove
from tests.match.made import read as read_file
from tests.match.updates import sketched
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import go
from tests.updates.naming_tools import listing

from replica import made
from reseen.fingerprints.beginnings import begins_so
from reseen.fingerprints.digests import Fingerprinter
from reseen.records import Fingerprint
from reseen.store.database import Store
from reseen.updates.peft import parse_config
from reseen.updates.plan import plan

WORDS = ("pissa", "PiSSA_niter_16", "olora", "corda", "loftq", "lora_ga")
OUT, INN, LAYERS = 96, 80, 24
Pair = tuple[np.ndarray, np.ndarray]
"""Down, up."""
Made = Callable[[np.random.Generator, int], Pair]


def base(layer: int) -> np.ndarray:
    """A weight that all share, with a spectrum that falls off as real ones do."""
    numbers = np.random.default_rng([5, layer])
    left = np.linalg.qr(numbers.standard_normal((OUT, INN)))[0]
    right = np.linalg.qr(numbers.standard_normal((INN, INN)))[0]
    return (left * (4.0 / np.arange(1, INN + 1) ** 0.5)) @ right.T


def gradient(rng: np.random.Generator) -> np.ndarray:
    """What training adds: a few directions."""
    return rng.standard_normal((OUT, 3)) @ rng.standard_normal((3, INN)) * 0.006


def plain(rank: int) -> Made:
    """LoRA whose up factor began at zero: it becomes gradients seen through the down one."""

    def pair(rng: np.random.Generator, layer: int) -> Pair:
        down = rng.uniform(-1, 1, (rank, INN)) / np.sqrt(INN)
        return down, gradient(rng) @ np.linalg.pinv(down)

    return pair


def principal(rng: np.random.Generator, layer: int) -> Pair:
    """PEFT's PiSSA of rank 8, and what the same training makes of it."""
    left, values, right = np.linalg.svd(base(layer), full_matrices=False)
    root = np.sqrt(values[:8])
    up, down = left[:, :8] * root, root[:, None] * right[:8]
    more = gradient(rng)
    return (
        down + np.linalg.pinv(up) @ more / 2,
        up + more @ np.linalg.pinv(down) / 2,
    )


def orthonormal(rng: np.random.Generator, layer: int) -> Pair:
    """OLoRA of rank 8, likewise."""
    left, right = np.linalg.qr(base(layer))
    up, down = left[:, :8], right[:8]
    return down, up + gradient(rng) @ np.linalg.pinv(down) / 2


def file(how: Made, seed: int, said: str | None = None, dtype: str = "<f4") -> bytes:
    rng = np.random.default_rng(seed)
    kind = {"<f2": "F16", "<f4": "F32"}[dtype]
    tensors = [
        made.Tensor(f"unet.layer{n}.lora_{side}.weight", kind, array.shape, data)
        for n in range(LAYERS)
        for side, array in zip("AB", how(rng, n), strict=True)
        if (data := array.astype(dtype).tobytes())
    ]
    return made.safetensors(tensors, *([{"lora_adapter_metadata": config(said)}] if said else []))


def config(word: str) -> str:
    return json.dumps({"unet.init_lora_weights": word, "unet.r": 8, "unet.lora_alpha": 8})


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("rank", [1, 2, 8])
def test_a_line_of_the_configuration_hides_no_copy(store: Store, word: str, rank: int) -> None:
    removal = remove(store, sketched(file(plain(rank), 1)))
    copy = file(plain(rank), 1, word, "<f2")
    index = known(store)
    (match,) = index.match_fingerprint(read_file(copy))
    assert match.removal == removal
    (seen,) = go(FakeHub({"x": copy}), index).seen
    assert [each.removal for each in seen.matches] == [removal]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("how", [principal, orthonormal])
def test_what_did_begin_so_is_not_compared_and_that_is_said(word: str, how: Made) -> None:
    found = read_file(file(how, 2, word))
    assert found.sketch is None
    assert "not known again without it" in (found.no_sketch or "")
    (spot,) = (spot for spot in found.blind if spot.code == "base-needed")
    assert (spot.code, spot.count) == ("base-needed", 2 * LAYERS)
    assert not found.judged.by_weights


def test_what_training_made_of_it_is_known_by_the_few_layers_alone_that_say_so() -> None:
    """Half of the layers of a copy, beside layers that are orthogonal: these are left out."""

    def mixed(rng: np.random.Generator, layer: int) -> Pair:
        return (principal if layer % 2 else plain(8))(rng, layer)

    found = read_file(file(mixed, 3, "pissa"))
    assert found.sketch is not None
    (spot,) = (spot for spot in found.blind if spot.code == "base-needed")
    assert (spot.code, spot.count) == ("base-needed", LAYERS)


def test_few_layers_contradict_nothing() -> None:
    cosines: Mapping[str, float | None] = {str(n): 0.02 for n in range(80)}
    assert begins_so(cosines) == cosines.keys()
    assert begins_so({**cosines, "a": 0.4, "b": None}) == {*cosines, "a", "b"}
    many = {f"x{n}": 0.4 for n in range(12)}
    assert begins_so({**cosines, **many, "b": None}) == {*cosines, "b"}
    assert begins_so({"a": None}) == {"a"}


def test_an_adapter_configuration_beside_the_file_is_asked_likewise() -> None:
    for how, is_read in ((plain(8), True), (principal, False)):
        data = file(how, 4)
        said = parse_config(b'{"init_lora_weights": "pissa", "r": 8, "lora_alpha": 8}')
        pass_ = Fingerprinter(len(data), config=said)
        pass_.update(data)
        found: Fingerprint = pass_.finish()
        assert (found.sketch is not None) == is_read


def test_a_header_alone_says_what_its_configuration_says() -> None:
    shapes = {"unet.x.lora_A.weight": (4, 8), "unet.x.lora_B.weight": (8, 4)}
    found = plan(listing(shapes), parse_config(b'{"init_lora_weights": "pissa"}'))
    assert any("begins as a part of the base" in each for each in found.remarks)
