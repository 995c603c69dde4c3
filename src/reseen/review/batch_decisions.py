"""Many cases of one account decided together, after a person looked at a sample of them.

What comes in: an account, the cases that were shown with their versions, and the sample that was
looked at. What goes out: a `BatchOutcome` with what was decided and what was left as it was, and
why. The sample is chosen here, not by who decides: the strongest case, the weakest, and some
between, by their ids, which nobody can foresee. Every case gets a decision of its own, so each can
be undone by itself; all of them together by their batch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from reseen.errors import AccessError, Conflict, InputError, NotFound
from reseen.records import Rung
from reseen.review import cases, sealed_text
from reseen.review.decide import DecidedBy, ShownCase, decide, undo
from reseen.review.queue import ORDER
from reseen.review.roles import Role
from reseen.review.verdicts import UNDO, CaseState, Verdict
from reseen.store import audit, ids, schema
from reseen.store.database import chunks, now
from reseen.store.sealing import Keyring
from reseen.store.service_schema import cases as table
from reseen.store.service_schema import decisions

MOST = 500
"""Cases that are decided in one go."""
SAMPLE = 5
"""Cases that must be looked at, or all where there are fewer."""


@dataclass(frozen=True, slots=True)
class AccountCases:
    """Cases of one account, as they were shown."""

    hub: str
    account: str
    versions: Mapping[str, int]
    """Id of the case -> the version that was shown."""


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


def sample(connection: Connection, case_ids: Collection[str]) -> tuple[str, ...]:
    """Those of these cases that must be looked at, strongest first: the same for the same cases."""
    found: list[tuple[tuple[int, int, int, int], str]] = []
    for chunk in chunks(sorted(case_ids)):
        columns = select(
            *(table.c.id, table.c.rung, table.c.reach, table.c.opened_at, table.c.pk)
        ).where(table.c.id.in_(chunk))
        for id, rung, reach, opened_at, pk in connection.execute(columns):
            found.append(((-rung, -reach, opened_at, pk), id))
    ordered = [id for _, id in sorted(found)]
    if len(ordered) <= SAMPLE:
        return tuple(ordered)
    between = set(sorted(ordered[1:-1])[: SAMPLE - 2])
    return (ordered[0], *(id for id in ordered[1:-1] if id in between), ordered[-1])


def decide_together(
    connection: Connection,
    keyring: Keyring | None,
    shown: AccountCases,
    verdict: Verdict,
    by: DecidedBy,
    *,
    sample: Collection[str],
) -> BatchOutcome:
    """Decide the cases of an account that were shown, in one transaction. `sample`: those that
    were opened.

    Raises AccessError (a lead decides together), InputError (no sample looked at, no reason, too
    many cases, somebody else's cases, a second pair of eyes for all of them), SealError.
    """
    who, versions = by.who, shown.versions
    who.must_be(Role.LEAD)
    by = _written(by)
    if Verdict(verdict) is Verdict.SECOND:
        raise InputError("a second pair of eyes is asked for case by case")
    if not 0 < len(versions) <= MOST:
        raise InputError(
            f"{len(versions):,} cases cannot be decided together",
            remedy=f"Give at least one, and at most {MOST:,}.",
        )
    _check_account(connection, shown)
    must = _sample(connection, versions)
    missing = [id for id in must if id not in set(sample)]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(must)} cases of the sample were not looked at",
            remedy="Look at each of them first.",
        )
    batch = sealed_text.new_id("bt")
    audit.write(
        connection,
        "decide",
        batch,
        actor=who.actor,
        verdict=Verdict(verdict).value,
        cases=len(versions),
        sample=" ".join(must),
    )
    decided: list[str] = []
    left: list[tuple[str, str]] = []
    second = _second(connection, versions)
    for case, version in versions.items():
        if case in second:  # of somebody who looks at it, and not among many
            left.append((case, "a second pair of eyes was asked for: it is decided by itself"))
            continue
        try:
            seen = ShownCase(case, version)
            decide(connection, keyring, seen, verdict, by, batch=batch)
        except (Conflict, AccessError, NotFound) as e:  # raised before anything is written
            left.append((case, str(e)))
        else:
            decided.append(case)
    return BatchOutcome(batch, Verdict(verdict).value, tuple(decided), tuple(left))


def undo_together(
    connection: Connection, keyring: Keyring | None, batch: str, by: DecidedBy
) -> BatchOutcome:
    """Take back what was decided together; what was decided otherwise since is left as it is.
    Raises AccessError, InputError, NotFound, SealError."""
    by.who.must_be(Role.LEAD)
    by = _written(by)
    rows = _of_batch(connection, batch)
    audit.write(connection, "undo", rows[0][2], actor=by.who.actor, cases=len(rows))
    done: list[str] = []
    left: list[tuple[str, str]] = []
    for case, decision, _ in rows:
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


def _check_account(connection: Connection, shown: AccountCases) -> None:
    theirs: set[str] = set()
    for chunk in chunks(sorted(shown.versions)):
        query = select(table.c.id).where(
            table.c.id.in_(chunk), table.c.hub == shown.hub, table.c.account == shown.account
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


def _of_batch(connection: Connection, batch: str) -> Sequence[tuple[str, str, str]]:
    """(case id, decision id, batch) of what was decided together."""
    d = decisions.c
    query = (
        select(table.c.id, d.id, d.batch)
        .join(table, table.c.pk == d.case_pk)
        .where(d.batch == ids.given(batch), d.verdict != UNDO)
        .order_by(d.pk)
    )
    rows = [(case, decision, name) for case, decision, name in connection.execute(query)]
    if not rows:
        raise NotFound("nothing was decided together under this id")
    return rows


_sample = sample
