"""Leaves out of a list's drafts those of models of which the list says elsewhere that they stand.

What comes in: the drafts of one list as they are made. What goes out: the same, without those whose
digest, or whose link, another row says was not removed or was put back: a log tells of both, a mail
takes back what it quotes. Which of two rows is the later one, no list says for certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from reseen.registry.draft import Draft, StandingModels, Tally

ELSEWHERE = "left out, since the list says elsewhere that the model was not removed or stands again"


def without_standing(
    drafts: Iterator[Draft],
    tally: Tally,
    left_out: Tally,
    *,
    at_once: int,
    all_of_them: Callable[[], StandingModels | None],
) -> Iterator[Draft]:
    """The drafts that are left; those left out are counted. So many (`at_once`) are held until the
    list ends: where it is longer, what it says of models that stand has to be known before."""
    long = False
    while held := list(islice(drafts, at_once)):
        if not long and len(held) == at_once and (standing := all_of_them()) is not None:
            tally.standing = standing
        long = True
        yield from _left(held, tally.standing, left_out)


def _left(held: list[Draft], standing: StandingModels, left_out: Tally) -> Iterator[Draft]:
    if not standing:
        yield from held
        return
    for draft in held:
        if standing.holds(draft):
            left_out.row, left_out.place = draft.row, draft.place
            left_out.count(ELSEWHERE)
        else:
            yield draft
