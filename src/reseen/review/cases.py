"""Takes sightings into cases: what a scan touched is put before people.

What comes in: sightings that say they were touched (`sightings.touched`, the outbox of the room on
the left). What goes out: cases, one for each removal in each repository, whose columns say how they
stand now. It promises: putting again changes nothing; a decided case is open again as soon as there
is something in it that the decision does not cover; bytes that a person called "not this model" are
not asked about again, by a decision that names the one it remembers.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    and_,
    case,
    func,
    select,
    update,
)

from reseen.errors import NotFound
from reseen.observed import sightings
from reseen.records import Rung, account_of
from reseen.review import decision_records, remembered, strength
from reseen.review.verdicts import CaseState, CaseStatus, Verdict, stand
from reseen.store import ids, schema
from reseen.store.database import Store, chunks, insert_many, now, reserve, update_many
from reseen.store.service_schema import case_sightings, cases

FALLEN = 100
"""In `rung` of a case: above every rung, for a person must see first that reading refuted what was
confirmed. The rung that the case stands on is then that of its sightings."""

MOST = 20_000
"""Sightings that one call puts, so that nobody waits long for the writer."""


@dataclass(frozen=True, slots=True)
class Put:
    """What putting changed."""

    sightings: int = 0
    """Taken from the outbox."""
    new: int = 0
    """Cases that were not there."""
    reopened: int = 0
    """Decided cases that are open again."""
    remembered: int = 0
    """Sightings decided by a remembered decision."""
    more: bool = False
    """There is more in the outbox: put again."""

    def __add__(self, other: Put) -> Put:
        return Put(
            self.sightings + other.sightings,
            self.new + other.new,
            self.reopened + other.reopened,
            self.remembered + other.remembered,
            other.more,
        )


def is_due(connection: Connection) -> bool:
    """Whether putting would change anything: asked within a reading transaction, so that nobody
    waits for the writer when there is nothing to do."""
    table = schema.sightings.c
    return connection.scalar(select(table.pk).where(table.touched == 1).limit(1)) is not None


def put_all(store: Store) -> Put:
    """Put until the outbox is empty, in short transactions. Raises StoreError."""
    done = Put(more=True)
    while done.more:
        with store.write() as connection:
            done += put(connection, store.secret)
    return done


def put(connection: Connection, secret: bytes, *, at: int | None = None, most: int = MOST) -> Put:
    """Take at most `most` touched sightings into their cases. `secret`: `store.secret`."""
    at = now() if at is None else at
    table = schema.sightings.c
    touched = connection.execute(_touched().order_by(table.pk).limit(most)).all()
    if not touched:
        return Put()
    fresh, decided = _make(connection, secret, [row for row in touched if row.case_pk is None], at)
    _account_follows(connection, touched)
    told = _tell(connection, touched, fresh, at)
    known = {row.case_pk for row in touched if row.case_pk is not None}
    done = settle(connection, known | decided, at, must_be_seen=told | decided)
    sightings.put_into_cases(connection, table.pk.between(touched[0].pk, touched[-1].pk))
    return Put(
        sightings=len(touched),
        new=len(fresh),
        reopened=done.reopened,
        remembered=done.remembered,
        more=len(touched) == most,
    )


def refresh(connection: Connection, case: Row[Any], at: int) -> None:
    """Put what was touched in this one case, so that nobody decides about what nobody showed."""
    query = _touched().where(
        schema.sightings.c.removal_pk == case.removal_pk,
        schema.artifacts.c.repository_pk == case.repository_pk,
    )
    touched = connection.execute(query).all()
    if touched:
        told = _tell(connection, touched, {}, at)
        settle(connection, {case.pk}, at, must_be_seen=told)
        mine = schema.sightings.c.pk.in_([row.pk for row in touched])
        sightings.put_into_cases(connection, mine)


def go_with(connection: Connection, went: Mapping[int, int]) -> None:
    """Removals (by pk) that are one with another by now, of which all claims went there: their
    sightings and cases go too, with what was decided, to each repository in which the other was not
    seen. Where it was, they stay as history. Doing it again changes nothing."""
    s = schema.sightings.c
    seen_once: set[int] = set()
    for chunk in chunks(sorted(went)):
        seen_once.update(connection.scalars(select(s.removal_pk).where(s.removal_pk.in_(chunk))))
    for old in sorted(seen_once):
        new = went[old]
        seen = sightings.repositories_of(connection, new)
        mine = select(cases.c.repository_pk).where(cases.c.removal_pk == new)
        free = sightings.repositories_of(connection, old) - seen
        free -= set(connection.scalars(mine))
        if not free:
            continue
        words = remembered.said_of(connection, old)
        sightings.go_with(connection, old, new, free)
        for chunk in chunks(sorted(free)):
            theirs = (cases.c.removal_pk == old) & cases.c.repository_pk.in_(chunk)
            connection.execute(update(cases).where(theirs).values(removal_pk=new))
        for pk in (old, new):
            remembered.remember(connection, pk, words)


@dataclass(frozen=True, slots=True)
class CasesSettled:
    """What settling changed."""

    reopened: int = 0
    remembered: int = 0


def settle(
    connection: Connection, pks: Collection[int], at: int, *, must_be_seen: Collection[int] = ()
) -> CasesSettled:
    """Make the columns of these cases say how they stand now. `must_be_seen`: cases in which
    there is something that a reviewer must see before deciding. Remembered decisions are
    applied first."""
    reopened = decided = 0
    for chunk in chunks(sorted(pks), _TOGETHER):
        standings = decision_records.load(connection, chunk)
        applied = remembered.apply(connection, chunk, standings, at)
        if applied:
            decided += sum(applied.values())
            standings |= decision_records.load(connection, list(applied))
        figures = _figures(connection, chunk)
        changes: list[tuple[Any, ...]] = []
        of_bytes = strength.contents(connection, chunk)
        alike = strength.alike(connection, chunk)
        for row in connection.execute(select(cases).where(cases.c.pk.in_(chunk))).all():
            how = stand(*standings[row.pk])
            verdict = None if how.verdict is None else how.verdict.value
            new: dict[str, Any] = {"state": how.state.value, "verdict": verdict}
            new |= figures[row.pk]
            if how.fallen:
                new["rung"] = FALLEN
            new["strength"] = strength.of(new["rung"], row.pk in alike)
            new["sha256"] = of_bytes.get(row.pk)
            matters = (
                row.pk in must_be_seen
                or row.pk in applied
                or (row.state, row.verdict) != (new["state"], new["verdict"])
            )
            if not matters and all(row._mapping[name] == value for name, value in new.items()):
                continue
            reopened += row.state == CaseState.DECIDED and how.state is CaseState.OPEN
            new["version"] = row.version + (1 if matters else 0)
            new["changed_at"] = max(at, row.changed_at)
            changes.append((row.pk, *(new[name] for name in _CHANGED)))
        update_many(connection, cases, "pk", _CHANGED, changes)
    return CasesSettled(reopened, decided)


def verdicts(connection: Connection, pks: Iterable[int]) -> dict[int, Mapping[int, Verdict | None]]:
    """By case, by sighting (all by pk): what is decided about it. A notice is about sightings whose
    verdict is `confirm`; when that is undone, or no longer covers them, it is None here."""
    return {pk: how.verdicts for pk, how in stands(connection, pks).items()}


def stands(connection: Connection, pks: Iterable[int]) -> dict[int, CaseStatus]:
    """How these cases stand, made anew from what was decided."""
    found: dict[int, CaseStatus] = {}
    for chunk in chunks(sorted(set(pks))):
        loaded = decision_records.load(connection, chunk)
        found.update((pk, stand(*one)) for pk, one in loaded.items())
    return found


def row(connection: Connection, case: str) -> Row[Any]:
    """A case's row. Raises NotFound."""
    return rows(connection, [case])[0]


def rows(connection: Connection, case_ids: Iterable[str]) -> list[Row[Any]]:
    """Cases' rows, in this order, each once. Raises NotFound."""
    wanted = list(dict.fromkeys(case_ids))
    found: dict[str, Row[Any]] = {}
    for chunk in chunks(ids.given(id) for id in wanted):
        query = select(cases).where(cases.c.id.in_(chunk))
        found.update((row.id, row) for row in connection.execute(query))
    for id in wanted:
        if ids.given(id) not in found:
            raise NotFound.of("case", id, "The queue shows those that there are.")
    return [found[ids.given(id)] for id in wanted]


def id_of(secret: bytes, removal: str, hub: str, type: str, repo: str, again: int = 0) -> str:
    """The same for the same removal and repository; telling nothing of them without the secret.
    `again`: where the case of a repository that was renamed has that one."""
    parts = ["case", removal, hub, type, repo, *([again] if again else [])]
    digest = hmac.digest(secret, json.dumps(parts).encode(), "sha256")
    return f"cs-{ids.digits(digest[:10])[:12]}"


# -- the steps -----------------------------------------------------------------------------------

_Pair = tuple[int, int]
"""Removal pk, repository pk."""
_CHANGED = (
    *("state", "verdict", "rung", "reach", "live", "strength", "sha256"),
    *("version", "changed_at"),
)
_TOGETHER = 5_000
"""Cases that are settled at a time."""


def _touched() -> Any:
    """Sightings that reviewers have not been told of, with the case of their pair, and how they
    were told of last: each None where there is none."""
    s, a, r = schema.sightings.c, schema.artifacts.c, schema.repositories.c
    c, last = cases.c, case_sightings.c
    return (
        select(
            s.pk,
            s.removal_pk,
            s.artifact_pk,
            s.rung,
            s.state,
            s.confirmed,
            a.repository_pk,
            c.pk.label("case_pk"),
            last.rung.label("last_rung"),
            last.confirmed.label("last_confirmed"),
            r.hub,
            r.type,
            r.repo,
            r.downloads,
            r.likes,
            schema.removals.c.id.label("removal"),
        )
        .join(schema.artifacts, a.pk == s.artifact_pk)
        .join(schema.repositories, r.pk == a.repository_pk)
        .join(schema.removals, schema.removals.c.pk == s.removal_pk)
        .outerjoin(cases, and_(c.removal_pk == s.removal_pk, c.repository_pk == a.repository_pk))
        .outerjoin(case_sightings, last.sighting_pk == s.pk)
        .where(s.touched == 1)
    )


_COLUMNS = (
    *("pk", "id", "removal_pk", "repository_pk", "hub", "account", "opened_at", "changed_at"),
    *("state", "rung", "reach", "live", "strength", "sha256", "version"),
)


def _fresh_ids(
    connection: Connection, secret: bytes, places: Mapping[_Pair, Row[Any]]
) -> dict[_Pair, str]:
    found = {
        pair: id_of(secret, place.removal, place.hub, place.type, place.repo)
        for pair, place in places.items()
    }
    taken: set[str] = set()
    for chunk in chunks(found.values()):
        taken.update(connection.scalars(select(cases.c.id).where(cases.c.id.in_(chunk))))
    for pair, place in places.items():
        if found[pair] in taken:
            of = (place.removal, place.hub, place.type, place.repo)
            found[pair] = id_of(secret, *of, again=pair[1])
    return found


def _account_follows(connection: Connection, touched: Sequence[Row[Any]]) -> None:
    """A repository that was renamed may stand in another account: its cases with it."""
    accounts = {row.case_pk: account_of(row.repo) for row in touched if row.case_pk is not None}
    for pk, account in accounts.items():
        of = (cases.c.pk == pk, cases.c.account != account)
        connection.execute(update(cases).where(*of).values(account=account))


def _make(
    connection: Connection, secret: bytes, touched: Sequence[Row[Any]], at: int
) -> tuple[dict[_Pair, int], set[int]]:
    """Cases for pairs that have none, as they stand: nobody decided about them. And those of them
    in which there may be what a remembered decision decides."""
    wanted: dict[_Pair, list[Row[Any]]] = {}
    for row in touched:
        wanted.setdefault((row.removal_pk, row.repository_pk), []).append(row)
    if not wanted:
        return {}, set()
    remembered_of = remembered.removals(connection)
    ids_of = _fresh_ids(connection, secret, {pair: some[0] for pair, some in wanted.items()})
    made_: dict[_Pair, int] = {}
    decided: set[int] = set()
    firsts = {pair: max(some, key=_strongest) for pair, some in wanted.items()}
    of_bytes = strength.contents_of(connection, {one.artifact_pk for one in firsts.values()})
    alike = strength.alike_sightings(connection, {row.pk for row in touched})
    rows: list[tuple[Any, ...]] = []
    for (pair, some), pk in zip(
        wanted.items(), reserve(connection, cases, len(wanted)), strict=True
    ):
        place = some[0]
        id = ids_of[pair]
        figures = (
            max(row.rung for row in some),
            _reach(place.downloads, place.likes),
            sum(row.state not in sightings.GONE for row in some),
            strength.of(firsts[pair].rung, any(row.pk in alike for row in some)),
            of_bytes.get(firsts[pair].artifact_pk),
        )
        of = (place.hub, account_of(place.repo))
        maybe = pair[0] in remembered_of
        rows.append((pk, id, *pair, *of, at, at, CaseState.OPEN.value, *figures, 0 if maybe else 1))
        made_[pair] = pk
        if maybe:
            decided.add(pk)
    insert_many(connection, cases, _COLUMNS, rows)
    return made_, decided


def _strongest(sighting: Row[Any]) -> tuple[int, int]:
    return sighting.rung, -sighting.pk


def _tell(
    connection: Connection, touched: Sequence[Row[Any]], fresh: Mapping[_Pair, int], at: int
) -> set[int]:
    """Sightings into their cases; the cases that were there, in which one is new or stands
    otherwise than told."""
    told: set[int] = set()
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[int, int, str]] = []
    for one in touched:
        case_pk = one.case_pk
        if case_pk is None:
            case_pk = fresh[one.removal_pk, one.repository_pk]
        if one.last_rung is None:
            new.append((one.pk, case_pk, at, one.rung, one.confirmed))
        elif (one.last_rung, one.last_confirmed) != (one.rung, one.confirmed):
            changed.append((one.pk, one.rung, one.confirmed))
        else:
            continue
        if one.case_pk is not None:
            told.add(case_pk)
    columns = ("sighting_pk", "case_pk", "added_at", "rung", "confirmed")
    insert_many(connection, case_sightings, columns, new)
    update_many(connection, case_sightings, "sighting_pk", ("rung", "confirmed"), changed)
    return told


def _reach(downloads: int | None, likes: int | None) -> int:
    return min((downloads or 0) + (likes or 0), 2**63 - 1)


def _figures(connection: Connection, pks: Sequence[int]) -> dict[int, dict[str, int]]:
    """What a case is sorted by: its strongest rung, its repository's reach, what is live."""
    s, r = schema.sightings.c, schema.repositories.c
    gone = s.state.in_([state.value for state in sightings.GONE])
    query = (
        select(
            cases.c.pk,
            r.downloads,
            r.likes,
            func.coalesce(func.max(s.rung), int(Rung.UNSUPPORTED)).label("rung"),
            func.sum(case((s.pk.is_(None) | gone, 0), else_=1)).label("live"),
        )
        .join(schema.repositories, r.pk == cases.c.repository_pk)
        .outerjoin(case_sightings, case_sightings.c.case_pk == cases.c.pk)
        .outerjoin(schema.sightings, s.pk == case_sightings.c.sighting_pk)
        .where(cases.c.pk.in_(pks))
        .group_by(cases.c.pk, r.downloads, r.likes)
    )
    return {
        pk: {"rung": int(rung), "reach": _reach(downloads, likes), "live": int(live)}
        for pk, downloads, likes, rung, live in connection.execute(query)
    }
