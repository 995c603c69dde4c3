"""Computes how a case stands from what was decided about it. Pure: values in, values out.

What comes in: everything that was decided about one case, oldest first, and its sightings as they
are now. What goes out: a `CaseStatus`. Nothing else in the house says how a case stands: the
columns of the store are written from here, and can be made anew from what was appended.

A decision covers the sightings that it was made on, as they were then. Where a person went by the
hub's word alone, and the bytes were read or the evidence rose since, that sighting is no longer
covered: a declared hash can be a lie, which accuses or which shields the true file. What left the
ladder is confirmed by nobody: a refuted sighting that a person confirmed opens its case again, one
beside others that stand asks for nothing, and what nothing supports any more is history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from reseen.records import Confirmed, Rung


class Verdict(StrEnum):
    """What a person says of a case."""

    CONFIRM = "confirm"
    """It is the removed model."""
    NOT_THIS_MODEL = "not-this-model"
    """It is not: remembered for the removal and for bytes that we read."""
    ALLOWED = "allowed"
    """It is, and may stay: for example the person's own consent."""
    SECOND = "second"
    """Needs a second pair of eyes: decided by somebody else."""


class CaseState(StrEnum):
    """Where a case is."""

    OPEN = "open"
    """Something in it is not decided."""
    SECOND = "second"
    """A second pair of eyes was asked for."""
    DECIDED = "decided"


UNDO = "undo"
"""What stands in a decision's place where it takes another one back."""


@dataclass(frozen=True, slots=True)
class SightingThen:
    """One sighting as it stood when it was decided about."""

    rung: int
    confirmed: Confirmed
    sha256: bytes | None
    """Of bytes that we had read; None where only the hub's word was there."""


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One row of what was decided."""

    pk: int
    verdict: str
    user_pk: int | None
    """None: made by a remembered decision."""
    undoes: int | None = None
    because: int | None = None
    covers: Mapping[int, SightingThen] = field(default_factory=dict)
    """By the sighting's pk."""

    @property
    def automatic(self) -> bool:
        return self.because is not None


@dataclass(frozen=True, slots=True)
class SightingNow:
    """One sighting of the case as it is now."""

    pk: int
    rung: int
    confirmed: Confirmed
    sha256: bytes | None
    """Of bytes that we read, all of them; None where we did not."""

    @property
    def on_ladder(self) -> bool:
        return self.rung > 0


@dataclass(frozen=True, slots=True)
class CaseStatus:
    """How a case stands."""

    state: CaseState
    verdict: Verdict | None
    """The last that a person gave and nobody took back, also where a case is open again; that of a
    remembered decision where there is nothing else and it covers everything."""
    verdicts: Mapping[int, Verdict | None]
    """Of each sighting, by pk; None where it is not decided."""
    by: Mapping[int, int]
    """Sighting -> the decision that its verdict rests on, by pk."""
    last: DecisionRecord | None
    """What an undo takes back: a person's last decision in force, else a remembered one."""
    asked: frozenset[int]
    """Who asked for a second pair of eyes (users' pks), so that another one must decide."""
    automatic: frozenset[int]
    """Sightings that a remembered decision covers."""
    fallen: frozenset[int]
    """Sightings that a person confirmed and reading refuted: nobody has looked at that yet."""


def stand(made: Sequence[DecisionRecord], now: Sequence[SightingNow]) -> CaseStatus:
    """`made` oldest first. Promises: the same for the same values, whatever happened in between."""
    kept = in_force(made)
    sightings = {one.pk: one for one in now}
    verdicts: dict[int, Verdict | None] = dict.fromkeys(sightings)
    automatic: set[int] = set()
    by: dict[int, int] = {}
    fallen: set[int] = set()
    covered_ever: set[int] = set()
    for decision in kept:
        if decision.verdict == Verdict.SECOND:
            continue
        said = Verdict(decision.verdict)
        for pk, covered in decision.covers.items():
            if pk in sightings:
                held = holds(said, covered, sightings[pk])
                verdicts[pk] = said if held else None
                by[pk] = decision.pk
                covered_ever.add(pk)
                now_refuted = sightings[pk].rung == Rung.REFUTED
                stood = decision.verdict == Verdict.CONFIRM and covered.rung > 0
                (fallen.add if stood and now_refuted else fallen.discard)(pk)
                (automatic.add if decision.automatic and held else automatic.discard)(pk)
    people = [decision for decision in kept if not decision.automatic]
    asked: set[int] = set()
    spoken: Verdict | None = None
    for decision in people:
        if decision.verdict == Verdict.SECOND:
            asked.add(decision.user_pk or 0)
        else:
            asked.clear()
            spoken = Verdict(decision.verdict)
    ladder = any(one.on_ladder for one in now)
    waits = any(
        verdicts[one.pk] is None
        and (one.on_ladder or (one.rung == Rung.REFUTED and (one.pk in fallen or not ladder)))
        for one in now
    )
    settled = bool(covered_ever) and not waits
    if spoken is None and settled:
        spoken = Verdict(kept[-1].verdict)
        if spoken is Verdict.SECOND:  # asked for before all of it turned out to be remembered
            spoken = Verdict.NOT_THIS_MODEL
    state = CaseState.DECIDED if settled else CaseState.SECOND if asked else CaseState.OPEN
    return CaseStatus(
        state=state,
        verdict=spoken,
        verdicts=verdicts,
        by={pk: by[pk] for pk, verdict in verdicts.items() if verdict is not None},
        last=people[-1] if people else kept[-1] if kept else None,
        asked=frozenset(asked),
        automatic=frozenset(automatic),
        fallen=frozenset(fallen),
    )


def in_force(made: Sequence[DecisionRecord]) -> list[DecisionRecord]:
    """Those that nobody took back, oldest first."""
    undone = {decision.undoes for decision in made if decision.verdict == UNDO}
    return [d for d in made if d.verdict != UNDO and d.pk not in undone]


def holds(verdict: Verdict, then: SightingThen, now: SightingNow) -> bool:
    """Is what was decided about a sighting still about what it is now?"""
    if verdict is Verdict.CONFIRM and not (now.on_ladder and then.rung > 0):
        return False
    if then.sha256 is not None:
        return now.sha256 == then.sha256
    if verdict is Verdict.CONFIRM:
        # More proof of the same is no question; proof that the hub's claim is false is one, and so
        # is that it stands on less than what the person saw.
        false = Confirmed.CONTRADICTED in {now.confirmed} - {then.confirmed}
        return not false and now.rung >= then.rung
    return now.sha256 is None and now.rung <= then.rung
