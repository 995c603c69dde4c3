"""What was removed under names that such files have no longer is found as it was before: the
weights are gone, and its sketch is all there is."""

from __future__ import annotations

import numpy as np
import pytest
from tests.match.made import known, read, remove
from tests.match.updates import sketched, sketched_anew
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import Factors, go, large

from replica import made
from reseen.gate.upload_work import from_json, to_json
from reseen.match.stated import NamedIndex
from reseen.records import RemovedFile, Rung
from reseen.store.database import Store
from reseen.updates import file_layer
from reseen.updates import plan as plans
from reseen.updates.any_words import WaysNamed


def fused(seed: int) -> Factors:
    """Updates of Flux's fused layers, of a width that costs little."""
    numbers = np.random.default_rng(seed)
    return {
        f"double_blocks.{i}.img_attn.qkv": (
            numbers.standard_normal((2, 3072)) * 0.02,
            numbers.standard_normal((9216, 2)) * 0.01,
        )
        for i in range(6)
    }


def wrapped(factors: Factors, dtype: str = "<f2") -> bytes:
    """Under a prefix that no list of prefixes has."""
    kind = {"<f2": "F16", "<f4": "F32"}[dtype]
    tensors = [
        made.Tensor(f"my_custom.{name}.{side}.weight", kind, v.shape, v.astype(dtype).tobytes())
        for name, both in factors.items()
        for side, v in zip(("lora_down", "lora_up"), both, strict=True)
    ]
    return made.safetensors(tensors)


def as_before(monkeypatch: pytest.MonkeyPatch, file: bytes) -> RemovedFile:
    """The facts of a file that was removed before words around a name were seen through."""
    with monkeypatch.context() as then:
        then.setattr(file_layer, "is_name", lambda alias, part, models: True)
        then.setattr(file_layer, "is_put_before", lambda name, models: False)
        then.setattr(plans, "by_any_words", lambda every: WaysNamed(every, strictly=every))
        return sketched_anew(file)


@pytest.fixture(params=[large, fused], ids=["sd1", "flux, fused"])
def factors(request: pytest.FixtureRequest) -> Factors:
    made: Factors = request.param(1)
    return made


def test_an_altered_copy_is_found_under_the_names_of_before(
    store: Store, monkeypatch: pytest.MonkeyPatch, factors: Factors
) -> None:
    old = as_before(monkeypatch, wrapped(factors))
    assert old.sketch != read(wrapped(factors)).sketch
    removal = remove(store, old)
    copy = read(wrapped(factors, "<f4"))
    assert copy.other_sketches
    (match,) = known(store).match_fingerprint(copy)
    assert (match.removal, match.rung) == (removal, Rung.WEIGHTS)
    assert match.evidence[0].figures["modules"] == len(factors)


def test_so_it_is_at_the_gate_after_another_process_read_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    removal = remove(store, as_before(monkeypatch, wrapped(large(1))))
    copy = from_json(to_json(read(wrapped(large(1), "<f4"))))
    (found,) = NamedIndex(known(store), {}).upload(copy)
    assert found.removal == removal


def test_so_it_is_at_a_hub(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    removal = remove(store, as_before(monkeypatch, wrapped(large(1))))
    hub = FakeHub({"x": wrapped(large(1), "<f4"), "other": wrapped(large(2), "<f4")})
    one, other = go(hub, known(store)).seen
    assert [match.removal for match in one.matches] == [removal]
    assert not other.matches


def test_a_copy_without_its_wrapper_is_found_of_what_is_removed_from_now_on(store: Store) -> None:
    removal = remove(store, sketched(wrapped(large(1))))
    tensors = [
        made.Tensor(
            f"lora_unet_{name.replace('.', '_')}.{side}.weight", "F32", v.shape,
            v.astype("<f4").tobytes(),
        )
        for name, both in large(1).items()
        for side, v in zip(("lora_down", "lora_up"), both, strict=True)
    ]  # fmt: skip
    (match,) = known(store).match_fingerprint(read(made.safetensors(tensors)))
    assert match.removal == removal


def test_a_file_whose_names_are_as_before_is_sketched_once() -> None:
    assert not read(made.adapter(7)).other_sketches


def test_a_stranger_matches_nothing_by_either_name(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(store, as_before(monkeypatch, wrapped(large(1))))
    assert known(store).match_fingerprint(read(wrapped(large(2)))) == ()
