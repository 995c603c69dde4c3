"""Strangers whose adapters share parts are no copies, and copies are: `benchmarks.strangers` does
this with 10,000 pairs of each algorithm."""

from __future__ import annotations

import pytest
from benchmarks.strangers import MAKERS, measured


@pytest.mark.parametrize("algorithm", sorted(MAKERS))
def test_no_stranger_is_accused_and_every_copy_is_known(algorithm: str) -> None:
    modules = 32 if algorithm == "adalora" else 6
    told = measured(algorithm, 6, modules, copies=1)
    assert (told.pairs, told.accused) == (15, 0)
    assert told.known_again == told.copies == 2
    assert told.least > 0.8
