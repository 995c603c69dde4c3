"""A copy is searched among its model's, whatever stands beside it in the file."""

from __future__ import annotations

import numpy as np
import pytest
from tests.match.made import known, read, remove
from tests.match.updates import sketched
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import Factors, go, large, saved

from reseen.fingerprints.sketch import decode
from reseen.store.database import Store


def junk(names: str, out: int, inn: int) -> Factors:
    """More than the copy, by stored bytes."""
    numbers = np.random.default_rng(9)
    return {
        names.format(i): (
            numbers.standard_normal((10, inn)) * 0.02,
            numbers.standard_normal((out, 10)) * 0.01,
        )
        for i in range(8)
    }


BESIDE = {
    "layers of no model": junk("towers.{}.mixer", 1280, 1280),
    "layers of another model": junk("transformer_blocks.{}.attn.to_q", 3072, 3072),
}


@pytest.mark.parametrize("what", BESIDE)
def test_what_stands_beside_a_copy_hides_nothing(store: Store, what: str) -> None:
    removal = remove(store, sketched(saved(large(1, rank=2))))
    file = saved({**large(1, rank=2), **BESIDE[what]})
    fingerprint = read(file)
    assert fingerprint.sketch is not None
    assert decode(fingerprint.sketch).architecture != "sd1"
    (match,) = known(store).match_fingerprint(fingerprint)
    assert match.removal == removal
    assert match.evidence[0].figures["modules"] == len(large(1, rank=2))
    (seen,) = go(FakeHub({"x": file}), known(store)).seen
    assert [each.removal for each in seen.matches] == [removal]


def test_a_stranger_beside_junk_is_none(store: Store) -> None:
    remove(store, sketched(saved(large(1, rank=2))))
    for beside in BESIDE.values():
        assert not known(store).match_fingerprint(read(saved({**large(2, rank=2), **beside})))
