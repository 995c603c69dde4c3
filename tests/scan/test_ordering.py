"""The order within and between accounts."""

from __future__ import annotations

import random

import pytest

from reseen.scan.ordering import LATEST, ordered, priority_of
from reseen.scan.priorities import Priority
from reseen.scan.signs import LEAST, MOST_EXACT, Weighed

NOTHING = Weighed(0.0, 0.0)


def test_what_speaks_more_for_it_comes_sooner() -> None:
    own, shared, none = Weighed(2.0, 0.0), Weighed(0.0, 1.0), NOTHING
    first, second, third = ordered([own, shared, none])
    assert first < second < third


@pytest.mark.parametrize("size", [2, 10, 1_000])
def test_a_sample_of_each_account_comes_before_any_is_exhausted(size: int) -> None:
    """The second of an account comes later than the first, and so on; the last of a large one
    later than the first of any like it."""
    large = ordered([NOTHING] * size)
    assert large == sorted(large)
    assert large[0] < large[-1]
    alone = ordered([NOTHING])
    if size > 2:
        assert alone[0] < large[-1]
    same = [ordered([NOTHING] * 5) for _ in range(10)]
    assert max(max(order[:2]) for order in same) < min(min(order[3:]) for order in same)


def test_an_account_comes_up_with_what_was_found_and_down_with_what_was_not() -> None:
    untouched = ordered([NOTHING])[0]
    missed = ordered([NOTHING], looked_at=5)[0]
    one = ordered([NOTHING], looked_at=5, found=1)[0]
    more = ordered([NOTHING], looked_at=5, found=4)[0]
    assert more < one < untouched < missed


def test_misses_that_follow_take_an_account_down_again() -> None:
    hit = [ordered([NOTHING], looked_at=n, found=1)[0] for n in (1, 3, 10, 100)]
    assert hit == sorted(hit)


def test_repositories_that_say_much_together_lift_each_other() -> None:
    likely = Weighed(1.5, 0.0)
    alone = ordered([likely])[0]
    among = ordered([likely] * 8)[0]
    assert among < alone


def test_a_thousand_harmless_ones_beside_it_hide_nothing() -> None:
    """What speaks strongly for a copy stays ahead of what says nothing, however much is put beside
    it."""
    copy, harmless = Weighed(MOST_EXACT, 0.0), Weighed(LEAST, LEAST)
    hidden = ordered([copy, *[harmless] * 1_000])[0]
    assert hidden < ordered([NOTHING])[0]


def test_priorities_stay_within_what_is_stored() -> None:
    dice = random.Random(3)
    for _ in range(200):
        weighed = [
            Weighed(dice.uniform(-20, 20), dice.uniform(-20, 20)) for _ in range(dice.randrange(30))
        ]
        looked_at = dice.randrange(1_000)
        order = ordered(weighed, looked_at, dice.randrange(looked_at + 1))
        assert len(order) == len(weighed)
        assert all(Priority.NOW < each <= LATEST for each in order)
    assert priority_of(0.0) <= LATEST
    assert priority_of(1.0) >= -LATEST > Priority.NOW
    assert priority_of(0.5) == Priority.ACCOUNT
