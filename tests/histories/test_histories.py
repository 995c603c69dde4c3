"""What is known in the end does not depend on the order in which it was said, asked and read.

As many are played as fit in `SECONDS`, and at least `LEAST`, from a new seed each run, which is
printed at its end (`tests/conftest.py`); RESEEN_HISTORY_SEED plays those from a seed on. How many
are played is all that a clock decides. One that differs is told with its own seed and in few acts.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

import pytest
from tests.histories.acts import draw
from tests.histories.mutants import MUTANTS, Mutant
from tests.histories.play import differences, play, said, shrunk

LEAST = 60
"""Histories of each run, however long they take."""
SECONDS = 90.0
"""How long more are played."""
PROCESSES = 2
ENOUGH = 200
"""Histories in which every mutant is caught: it is, in far fewer."""
LIKELY = {
    "imports_forget_the_past": 157,
    "restores_forget_the_past": 52,
    "learning_forgets_the_past": 22,
    "confirming_forgets_the_past": 11419,
}
"""Seeds that catch them, tried first: short ones."""


def account(seed: int, found: list[str]) -> str:
    """What a person needs who wants to see it again."""
    history = draw(seed)
    lines = [f"RESEEN_HISTORY_SEED={seed}", said(history), *found]
    again = play(history)
    if not again:
        lines.append("It did not differ when it was played once more.")
    for kind in sorted({each.kind for each in again})[:3]:
        fewest = shrunk(history, kind)
        lines += [f"in fewer acts, {kind}:", said(fewest), *map(str, play(fewest))]
    return "\n".join(lines)


def played(first: int, until: float) -> Iterator[tuple[int, list[str]]]:
    """Seeds with what differs, played by processes side by side: at least `LEAST`, and as many
    as begin before an instant."""
    spawned = multiprocessing.get_context("spawn")
    seeds = itertools.count(first)
    under_way: dict[Future[list[str]], int] = {}
    begun = 0
    with ProcessPoolExecutor(PROCESSES, mp_context=spawned) as pool:
        while True:
            while len(under_way) < PROCESSES and (begun < LEAST or time.monotonic() < until):
                seed = next(seeds)
                under_way[pool.submit(differences, seed)] = seed
                begun += 1
            if not under_way:
                return
            for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                yield under_way.pop(done), done.result()


def test_what_is_known_does_not_depend_on_the_order(
    record_property: Callable[[str, object], None],
) -> None:
    first = int(os.environ["RESEEN_HISTORY_SEED"])
    count = 0
    try:
        for seed, found in played(first, time.monotonic() + SECONDS):
            if found:
                pytest.fail(account(seed, found))
            count += 1
    finally:
        record_property("histories", f"{count} histories from seed {first}")


def test_a_history_is_the_same_for_the_same_seed() -> None:
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_product_without_a_consequence_is_caught(mutant: Callable[..., Mutant]) -> None:
    """The test above finds what it is there to find."""
    for seed in (LIKELY[mutant.__name__], *range(1, ENOUGH)):
        with mutant():
            caught = play(draw(seed))
        if caught:
            assert play(draw(seed)) == []  # of a right product
            return
    pytest.fail("nothing tells this product from a right one")
