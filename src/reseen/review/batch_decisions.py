"""Many cases decided together: ticked in the queue, or all of an account.

What comes in: cases as they were shown, with their versions, and which of them the person who
decides has opened. What goes out: a `BatchOutcome` with what was decided and what was left as it
was, and why. "Not this model" may be said of any of them. That one is the removed model (confirmed,
or allowed to stay) is said together only where everything in it that stands was read by us and has
the removed file's bytes or tensors, or where whoever says so has opened it as it stands; any other
is left, to be confirmed by itself. Every case gets a decision of its own, so each can be undone by
itself; all of them together by their batch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select

from reseen.errors import AccessError, Conflict, InputError, NotFound
from reseen.records import Rung
from reseen.review import cases, queue, sealed_text
from reseen.review.decide import DecidedBy, ShownCase, decide, undo
from reseen.review.queue import ORDER
from reseen.review.queue_entries import together_by_reading
from reseen.review.roles import Role
from reseen.review.verdicts import UNDO, CaseState, Verdict
from reseen.store import audit, ids, schema
from reseen.store.database import chunks, now
from reseen.store.sealing import Keyring
from reseen.store.service_schema import case_sightings, decisions
from reseen.store.service_schema import cases as table

MOST = 500
"""Cases that are decided in one go."""
NOT_OPENED = (
    "not everything in it was read and has the removed file's bytes or tensors: open it first, or "
    "confirm it by itself"
)


@dataclass(frozen=True, slots=True)
class ShownCases:
    """Cases as they were shown."""

    versions: Mapping[str, int]
    """Id of the case -> the version that was shown."""
    account: tuple[str, str] | None = None
    """Hub and name, where all of them must be of one account."""


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What was decided together, or undone."""

    batch: str
    """ "bt-..." """
    verdict: str
    """A verdict, or "undo"."""
    decided: tuple[str, ...]
    """Ids of cases."""
    left: tuple[tuple[str, str], ...]
    """Ids of cases that were left as they were, and why."""


def waiting(connection: Connection, hub: str, account: str) -> dict[str, int]:
    """The open cases of an account that are decided together, strongest first, with their versions;
    at most `MOST`. Without those that wait for a second pair of eyes, are gone, or whose removal
    was withdrawn; what was confirmed and then refuted is decided by itself, and what nothing
    supports any more is not."""
    query = (
        select(table.c.id, table.c.version)
        .join(schema.removals, schema.removals.c.pk == table.c.removal_pk)
        .where(
            table.c.hub == hub,
            table.c.account == account,
            table.c.state == CaseState.OPEN.value,
            table.c.live > 0,
            table.c.rung.between(int(Rung.REFUTED), int(Rung.BYTES)),
            schema.removals.c.withdrawn_at.is_(None),
        )
        .order_by(*ORDER)
        .limit(MOST)
    )
    return dict(connection.execute(query).all())


def to_be_opened(connection: Connection, case_ids: Collection[str]) -> tuple[str, ...]:
    """Those of these cases that whoever confirms them together must have opened, strongest first:
    not everything in them was read, with the removed file's bytes or tensors."""
    s = schema.sightings.c
    found: list[tuple[tuple[int, int, int, int], str]] = []
    for chunk in chunks(sorted(case_ids)):
        query = (
            select(table.c.id, func.min(s.rung).label("weakest"))
            .join(case_sightings, case_sightings.c.case_pk == table.c.pk)
            .join(schema.sightings, s.pk == case_sightings.c.sighting_pk)
            .where(table.c.id.in_(chunk), s.rung > 0)
            .group_by(table.c.id)
        )
        rows = connection.execute(query).all()
        proved = {row.id for row in rows if together_by_reading([row.weakest])}
        others = [id for id in chunk if id not in proved]
        columns = (table.c.id, table.c.strength, table.c.reach, table.c.opened_at, table.c.pk)
        for id, strong, reach, opened_at, pk in connection.execute(
            select(*columns).where(table.c.id.in_(others))
        ):
            found.append(((-strong, -reach, opened_at, pk), id))
    return tuple(id for _, id in sorted(found))


def decide_together(
    connection: Connection,
    keyring: Keyring | None,
    shown: ShownCases,
    verdict: Verdict,
    by: DecidedBy,
    *,
    opened: Collection[str],
) -> BatchOutcome:
    """Decide the cases that were shown, in one transaction. `opened`: those of them that whoever
    decides has opened as they stand.

    Raises AccessError (role), InputError (no reason, none or too many cases, somebody else's
    cases, a second pair of eyes for all of them), SealError.
    """
    who, versions = by.who, shown.versions
    whole = shown.account is not None or len(versions) > queue.MOST  # more than a page is a lead's
    who.must_be(Role.LEAD if whole else Role.REVIEWER)
    by = _written(by)
    verdict = Verdict(verdict)
    if verdict is Verdict.SECOND:
        raise InputError("a second pair of eyes is asked for case by case")
    if not 0 < len(versions) <= MOST:
        raise InputError(
            f"{len(versions):,} cases cannot be decided together",
            remedy=f"Tick at least one, and at most {MOST:,}.",
        )
    _check_account(connection, shown)
    seen = [id for id in versions if id in set(opened)]
    must: set[str] = set()
    if verdict is not Verdict.NOT_THIS_MODEL:
        must = set(to_be_opened(connection, versions)) - set(seen)
    batch = sealed_text.new_id("bt")
    audit.write(
        connection,
        "decide",
        batch,
        actor=who.actor,
        verdict=verdict.value,
        cases=len(versions),
        opened=" ".join(seen),
    )
    decided: list[str] = []
    left: list[tuple[str, str]] = []
    second = _second(connection, versions)
    for case, version in versions.items():
        if case in second:  # of somebody who looks at it, and not among many
            left.append((case, "a second pair of eyes was asked for: it is decided by itself"))
            continue
        if case in must:
            left.append((case, NOT_OPENED))
            continue
        try:
            decide(connection, keyring, ShownCase(case, version), verdict, by, batch=batch)
        except (Conflict, AccessError, NotFound) as e:  # raised before anything is written
            left.append((case, str(e)))
        else:
            decided.append(case)
    return BatchOutcome(batch, verdict.value, tuple(decided), tuple(left))


def undo_together(
    connection: Connection, keyring: Keyring | None, batch: str, by: DecidedBy
) -> BatchOutcome:
    """Take back what was decided together: one's own, a lead anybody's; what was decided otherwise
    since is left as it is. Raises AccessError, InputError, NotFound, SealError."""
    by.who.must_be(Role.REVIEWER)
    by = _written(by)
    rows = _of_batch(connection, batch)
    if by.who.role < Role.LEAD and any(row[3] != by.who.pk for row in rows):
        raise AccessError("somebody else decided these together", remedy="Ask them, or a lead.")
    audit.write(connection, "undo", rows[0][2], actor=by.who.actor, cases=len(rows))
    done: list[str] = []
    left: list[tuple[str, str]] = []
    for case, decision, *_ in rows:
        now_shown = ShownCase(case, cases.row(connection, case).version)
        try:
            undo(connection, keyring, now_shown, by, decision=decision)
        except (Conflict, AccessError, InputError) as e:
            left.append((case, str(e)))
        else:
            done.append(case)
    return BatchOutcome(rows[0][2], UNDO, tuple(done), tuple(left))


def _written(by: DecidedBy) -> DecidedBy:
    """With one time for all of them. Raises InputError for no reason, or one too long."""
    at = now() if by.at is None else by.at
    return replace(by, reason=sealed_text.written(by.reason, "reason"), at=at)


def _check_account(connection: Connection, shown: ShownCases) -> None:
    if shown.account is None:
        return
    hub, account = shown.account
    theirs: set[str] = set()
    for chunk in chunks(sorted(shown.versions)):
        query = select(table.c.id).where(
            table.c.id.in_(chunk), table.c.hub == hub, table.c.account == account
        )
        theirs.update(connection.scalars(query))
    if theirs != set(shown.versions):
        raise InputError(
            "some of these cases are not of this account", remedy="Open the account's page again."
        )


def _second(connection: Connection, case_ids: Collection[str]) -> set[str]:
    found: set[str] = set()
    for chunk in chunks(sorted(case_ids)):
        query = select(table.c.id).where(
            table.c.id.in_(chunk), table.c.state == CaseState.SECOND.value
        )
        found.update(connection.scalars(query))
    return found


def _of_batch(connection: Connection, batch: str) -> Sequence[tuple[str, str, str, int | None]]:
    """(case id, decision id, batch, who) of what was decided together."""
    d = decisions.c
    query = (
        select(table.c.id, d.id, d.batch, d.user_pk)
        .join(table, table.c.pk == d.case_pk)
        .where(d.batch == ids.given(batch), d.verdict != UNDO)
        .order_by(d.pk)
    )
    rows = [tuple(row) for row in connection.execute(query)]
    if not rows:
        raise NotFound("nothing was decided together under this id")
    return rows
