"""What a person decides about a case, and how it is taken back.

What comes in: a case, the version of it that the person saw, a verdict, and why. What goes out:
rows that are appended and never changed, and columns of the case that follow from them. It
promises: nobody decides about what was not shown to them, over somebody else's claim, or a case
that is decided already; whoever asked for a second pair of eyes is not that pair; an undo restores
what was before, and what was decided automatically because of it is open again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from reseen.errors import AccessError, Conflict, InputError
from reseen.records import Rung
from reseen.review import cases, claims, decision_records, remembered, sealed_text
from reseen.review.decision_records import appended
from reseen.review.roles import Role, Who
from reseen.review.verdicts import (
    UNDO,
    CaseState,
    DecisionRecord,
    SightingNow,
    Verdict,
    in_force,
    stand,
)
from reseen.store import audit, ids, schema
from reseen.store.database import now, reserve
from reseen.store.sealing import Keyring
from reseen.store.service_schema import cases as table
from reseen.store.service_schema import decisions


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A case as a person saw it."""

    id: str
    version: int
    """That was shown."""


@dataclass(frozen=True, slots=True)
class DecidedBy:
    """Who decides, or takes back a decision, why, and when."""

    who: Who
    reason: str
    """In their words; it is sealed."""
    at: int | None = None
    """Unix seconds; None: now."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of deciding, or of undoing."""

    id: str
    """ "dc-..." """
    case: str
    state: CaseState
    """Of the case, now."""
    verdict: Verdict | None
    version: int
    """Of the case, now: the one to show next."""


def decide(
    connection: Connection,
    keyring: Keyring | None,
    shown: ShownCase,
    verdict: Verdict,
    by: DecidedBy,
    *,
    batch: str | None = None,
) -> Decision:
    """Decide a case in the version that was shown.

    Raises AccessError (role; asked for the second pair of eyes), InputError (no reason, or too
    long), SealError (no key), NotFound, Conflict (changed, decided or claimed meanwhile, the
    removal was withdrawn, or reading refuted what would be confirmed).
    """
    who, at = by.who, now() if by.at is None else by.at
    who.must_be(Role.REVIEWER)
    verdict = Verdict(verdict)
    reason = sealed_text.written(by.reason, "reason")
    row = current(connection, shown, who, at)
    sealed = sealed_text.seal(keyring, reason, row.id)
    standing = decision_records.load(connection, [row.pk])[row.pk]
    how = stand(*standing)
    if how.state is CaseState.DECIDED:
        raise Conflict("the case is decided already", remedy="Undo that decision first.")
    if _withdrawn(connection, row):
        raise Conflict("the removal was withdrawn", remedy="Restore it first if that was wrong.")
    check(verdict, standing[1])
    if how.state is CaseState.SECOND and verdict is Verdict.SECOND:
        raise Conflict("a second pair of eyes was asked for already")
    if who.pk in how.asked:
        raise AccessError(
            "whoever asked for a second pair of eyes cannot be that pair",
            remedy="Let somebody else decide, or undo the question.",
        )
    covers = [
        (one.pk, one.rung, one.confirmed.value, one.sha256)
        for one in standing[1]
        if one.pk not in how.automatic
    ]
    new = NewDecision(row, verdict.value, who, sealed, batch=batch)
    details: dict[str, str | int | None] = {"verdict": verdict.value, "sightings": len(covers)}
    if batch:
        details["batch"] = batch
    _, id = _append(connection, new, at, covers, details)
    also: set[int] = set()
    if verdict is not Verdict.SECOND:
        read = {sha for _, _, _, sha in covers if sha is not None}
        fresh = remembered.remember(connection, row.removal_pk, read)
        also = remembered.others(connection, row.removal_pk, fresh)
    claims.free(connection, row.pk)  # who decided is done with it
    cases.settle(connection, {row.pk, *also}, at, must_be_seen={row.pk})
    return _outcome(connection, id, row.pk)


def check(verdict: Verdict, sightings: Sequence[SightingNow]) -> None:
    """Raise Conflict for what cannot be said of these sightings: none of them is the removed model
    where reading refuted them all, and nothing is asked where nothing supports any."""
    if any(one.on_ladder for one in sightings):
        return
    if all(one.rung == Rung.UNSUPPORTED for one in sightings):
        raise Conflict(
            "nothing in force supports this case any more",
            remedy="There is nothing to decide, unless what it stood on is restored.",
        )
    if verdict in (Verdict.CONFIRM, Verdict.ALLOWED):
        raise Conflict(
            "reading proved that this is not the removed model: what the hub states of it is false",
            remedy='Say "not this model", or have it read again.',
        )


def undo(
    connection: Connection,
    keyring: Keyring | None,
    shown: ShownCase,
    by: DecidedBy,
    *,
    decision: str | None = None,
) -> Decision:
    """Take back the last decision of a person that is in force, or, where there is none, what a
    remembered decision decided; or the remembered one named by `decision`. One's own; a lead
    anybody's.

    Raises AccessError, InputError, SealError, NotFound, Conflict (changed or claimed meanwhile, or
    nothing to take back).
    """
    who, at = by.who, now() if by.at is None else by.at
    who.must_be(Role.REVIEWER)
    reason = sealed_text.written(by.reason, "reason")
    row = current(connection, shown, who, at)
    sealed = sealed_text.seal(keyring, reason, row.id)
    standing = decision_records.load(connection, [row.pk])[row.pk]
    target = _target(connection, standing[0], stand(*standing).last, decision)
    if who.role < Role.LEAD and _maker(connection, target) != who.pk:
        raise AccessError(
            "this was somebody else's decision", remedy="Ask them, or a lead, to undo it."
        )
    undo_row = NewDecision(row, UNDO, who, sealed, undoes=target.pk)
    undone = connection.scalar(select(decisions.c.id).where(decisions.c.pk == target.pk))
    pk, id = _append(connection, undo_row, at, (), {"undoes": undone})
    also = _undo_because(connection, target.pk, pk, who, at)
    if not target.automatic and target.verdict != Verdict.SECOND:
        read = {then.sha256 for then in target.covers.values() if then.sha256 is not None}
        fresh = remembered.remember(connection, row.removal_pk, read)
        also |= remembered.others(connection, row.removal_pk, fresh)
    claims.free(connection, row.pk)  # who decided is done with it
    cases.settle(connection, {row.pk, *also}, at, must_be_seen={row.pk})
    return _outcome(connection, id, row.pk)


def current(connection: Connection, shown: ShownCase, who: Who, at: int) -> Row[Any]:
    """The case, if it is still what was shown and nobody but `who` is at it. Raises NotFound and
    Conflict."""
    row = cases.row(connection, shown.id)
    cases.refresh(connection, row, at)
    row = cases.row(connection, shown.id)
    claims.held_by(connection, row, who, at)
    if row.version != shown.version:
        raise Conflict(
            "the case changed since you looked at it, or somebody decided it",
            remedy="Look at it again, then decide.",
        )
    return row


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A row to append."""

    case: Row[Any]
    verdict: str
    who: Who
    sealed: bytes
    undoes: int | None = None
    batch: str | None = None


def _append(
    connection: Connection,
    new: NewDecision,
    at: int,
    covers: Sequence[tuple[int, int, str, bytes | None]],
    details: Mapping[str, str | int | None],
) -> tuple[int, str]:
    (pk,) = reserve(connection, decisions, 1)
    id = sealed_text.new_id("dc")
    case = new.case
    row = (pk, id, case.pk, at, new.who.pk, new.verdict, new.sealed, new.undoes, None)
    kept = appended((*row, new.batch, case.version), [(pk, *one) for one in covers])
    action = "undo" if new.verdict == UNDO else "decide"
    told = {**details, "decision": id}
    audit.append(connection, [audit.Act(action, case.id, new.who.actor, told, kept)])
    return pk, id


def _target(
    connection: Connection,
    every: Sequence[DecisionRecord],
    last: DecisionRecord | None,
    decision: str | None,
) -> DecisionRecord:
    if decision is None:
        if last is None:
            raise Conflict("there is nothing to undo")
        return last
    pk = connection.scalar(select(decisions.c.pk).where(decisions.c.id == ids.given(decision)))
    for one in in_force(every):
        if one.pk == pk and (one.automatic or one is last):
            return one
    raise InputError(
        "this decision cannot be undone", remedy="Undo the ones that came after it first."
    )


def _maker(connection: Connection, target: DecisionRecord) -> int | None:
    """Who made it, or made what it remembers."""
    if not target.automatic:
        return target.user_pk
    return connection.scalar(select(decisions.c.user_pk).where(decisions.c.pk == target.because))


def _undo_because(connection: Connection, target: int, undo_pk: int, who: Who, at: int) -> set[int]:
    """Take back what was decided because of a decision; the cases that it was in."""
    d = decisions.c
    undone = select(d.undoes).where(d.undoes.is_not(None))
    query = (
        select(d.pk, d.case_pk, table.c.id, table.c.version)
        .join(table, table.c.pk == d.case_pk)
        .where(d.because == target, d.verdict != UNDO, d.pk.not_in(undone))
        .order_by(d.pk)
    )
    rows = connection.execute(query).all()
    if not rows:
        return set()
    pks = reserve(connection, decisions, len(rows))
    acts: list[audit.Act] = []
    for pk, row in zip(pks, rows, strict=True):
        id = sealed_text.new_id("dc")
        by = (at, who.pk, UNDO, None, row.pk, undo_pk, None)
        kept = appended((pk, id, row.case_pk, *by, row.version))
        acts.append(audit.Act("undo", row.id, who.actor, {"decision": id}, kept))
    audit.append(connection, acts)
    return {row.case_pk for row in rows}


def _withdrawn(connection: Connection, row: Row[Any]) -> bool:
    removals = schema.removals.c
    query = select(removals.withdrawn_at).where(removals.pk == row.removal_pk)
    return connection.scalar(query) is not None


def _outcome(connection: Connection, id: str, pk: int) -> Decision:
    row = connection.execute(select(table).where(table.c.pk == pk)).one()
    verdict = None if row.verdict is None else Verdict(row.verdict)
    return Decision(id, row.id, CaseState(row.state), verdict, row.version)
