"""What came of a run, as figures: recall with its interval, false accusations, and curves.

What comes in: outcomes of the half that may be tuned on and of the held-out one. What goes out:
`Line`s of tables and `Curve`s of plots, of the held-out half alone. The other gives one number, the
bar: the highest score that a removal reached there that was not in the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.intervals import at_most, interval
from benchmarks.picture import Curve
from benchmarks.recognition.run import Found, Outcome


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, and what that proves at 95 %."""

    of: int
    found: int

    @property
    def interval(self) -> tuple[float, float]:
        return interval(self.found, self.of)

    def __str__(self) -> str:
        if not self.of:
            return "–"
        low, high = self.interval
        # Rounded down: what is not all is never said to be 100 %.
        shown = math.floor(1000 * self.found / self.of) / 10
        return f"{shown:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: files that belong together."""

    label: str
    files: int
    targets: int
    """Removals that are in them, each counted once a file."""
    by_verdict: Share | None
    """None of a method without a verdict."""
    by_bar: Share
    pairs: int
    """Of a file and a removal that is not in it."""
    accused: int | None
    """Of these pairs, by the verdict."""
    above: int
    """Of these pairs, by the bar."""


def bar_of(tuned: Iterable[Outcome]) -> float:
    """No removal that is not in a file may reach it; infinite where one could not be told apart
    from any."""
    return max((o.others[0] for o in tuned if o.others), default=-math.inf)


def is_above(score: float | None, bar: float) -> bool:
    """Is a removal that is named with this score taken for one that is in the file?"""
    return score is not None and score > bar


Chosen = Callable[[Outcome, Found], bool]
"""Which removals in which files a line is about."""


def line(label: str, outcomes: Sequence[Outcome], bar: float, chosen: Chosen | None = None) -> Line:
    """Of these outcomes; `chosen`: of some removals in them alone."""
    made = [o for o in outcomes if not o.skipped]
    targets = [t for o in made for t in o.targets if chosen is None or chosen(o, t)]
    verdict = all(o.has_verdict for o in made)
    return Line(
        label=label,
        files=len(made),
        targets=len(targets),
        by_verdict=Share(len(targets), sum(t.accused for t in targets)) if verdict else None,
        by_bar=Share(len(targets), sum(is_above(t.score, bar) for t in targets)),
        pairs=sum(o.pairs for o in made),
        accused=sum(o.accused for o in made) if verdict else None,
        above=sum(is_above(score, bar) for o in made for score in o.others),
    )


def curve(label: str, outcomes: Sequence[Outcome], chosen: Chosen | None = None) -> Curve | None:
    """Recall against the share of pairs of a file and a removal that is not in it which are taken
    for one, for every bar; None without files. It ends where more would be needed than were kept.
    The first point is that of no such pair at all."""
    made = [o for o in outcomes if not o.skipped]
    targets = [t.score for o in made for t in o.targets if chosen is None or chosen(o, t)]
    pairs = sum(o.pairs for o in made)
    if not targets or not pairs:
        return None
    named = sorted((s for s in targets if s is not None), reverse=True)
    others = sorted((s for o in made for s in o.others), reverse=True)
    xs, ys, at = [0.0], [], 0
    for number, bar in enumerate(others):
        while at < len(named) and named[at] > bar:
            at += 1
        ys.append(at / len(targets))
        xs.append((number + 1) / pairs)
    ys.append(len(named) / len(targets))
    return Curve(label, xs, ys)


def at_most_accused(accused: int, pairs: int) -> float:
    """The largest share of such pairs that may be accused all the same, at 95 %."""
    return at_most(accused, pairs)
