"""Sightings -> cases: what a scan touched is put before people.

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

from sqlalchemy import Connection, Row, bindparam, select, tuple_, update

from reseen.errors import NotFound
from reseen.observed import sightings
from reseen.records import Rung, account_of
from reseen.review import made, remembered
from reseen.review.verdicts import Stand, State, Verdict, stand
from reseen.store import ids, schema
from reseen.store.database import Store, chunks, insert_many, now, reserve
from reseen.store.service_schema import case_sightings, cases

FALLEN = 100
"""In `rung` of a case: above every rung, for a person must see first that reading refuted what was
confirmed. The rung that the case stands on is then that of its sightings."""

MOST = 2_000
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
    query = _touched().where(table.touched == 1).order_by(table.pk).limit(most)
    touched = connection.execute(query).all()
    if not touched:
        return Put()
    known = _of_pairs(connection, {(row.removal_pk, row.repository_pk) for row in touched})
    fresh = _make(connection, secret, touched, known, at)
    known |= fresh
    told = _tell(connection, touched, known, at)
    done = settle(connection, set(known.values()), at, told=told)
    return Put(
        sightings=len(touched),
        new=len(fresh),
        reopened=done.reopened,
        remembered=done.remembered,
        more=len(touched) == most,
    )


def refresh(connection: Connection, case: Row[Any], at: int) -> None:
    """Put what was touched in this one case, so that nobody decides about what nobody showed."""
    table = schema.sightings.c
    query = _touched().where(
        table.touched == 1,
        table.removal_pk == case.removal_pk,
        schema.artifacts.c.repository_pk == case.repository_pk,
    )
    touched = connection.execute(query).all()
    if touched:
        pair = (case.removal_pk, case.repository_pk)
        told = _tell(connection, touched, {pair: case.pk}, at)
        settle(connection, {case.pk}, at, told=told)


@dataclass(frozen=True, slots=True)
class Settled:
    """What settling changed."""

    reopened: int = 0
    remembered: int = 0


def settle(
    connection: Connection, pks: Collection[int], at: int, *, told: Collection[int] = ()
) -> Settled:
    """Make the columns of these cases say how they stand now. `told`: cases in which there is
    something that a reviewer must see before deciding. Remembered decisions are applied first."""
    reopened = decided = 0
    for chunk in chunks(sorted(pks)):
        standings = made.load(connection, chunk)
        applied = remembered.apply(connection, chunk, standings, at)
        if applied:
            decided += sum(applied.values())
            standings |= made.load(connection, list(applied))
        figures = _figures(connection, chunk)
        changes: list[dict[str, Any]] = []
        for row in connection.execute(select(cases).where(cases.c.pk.in_(chunk))).all():
            how = stand(*standings[row.pk])
            verdict = None if how.verdict is None else how.verdict.value
            new = {"state": how.state.value, "verdict": verdict, **figures[row.pk]}
            if how.fallen:
                new["rung"] = FALLEN
            matters = (
                row.pk in told
                or row.pk in applied
                or (row.state, row.verdict) != (new["state"], new["verdict"])
            )
            if not matters and all(row._mapping[name] == value for name, value in new.items()):
                continue
            reopened += row.state == State.DECIDED and how.state is State.OPEN
            new["version"] = row.version + (1 if matters else 0)
            changes.append({"at_pk": row.pk, "changed_at": max(at, row.changed_at), **new})
        if changes:
            values: dict[str, Any] = {
                name: bindparam(name) for name in changes[0] if name != "at_pk"
            }
            connection.execute(
                update(cases).where(cases.c.pk == bindparam("at_pk")).values(values), changes
            )
    return Settled(reopened, decided)


def verdicts(connection: Connection, pks: Iterable[int]) -> dict[int, Mapping[int, Verdict | None]]:
    """By case, by sighting (all by pk): what is decided about it. A notice is about sightings whose
    verdict is `confirm`; when that is undone, or no longer covers them, it is None here."""
    return {pk: how.verdicts for pk, how in stands(connection, pks).items()}


def stands(connection: Connection, pks: Iterable[int]) -> dict[int, Stand]:
    """How these cases stand, made anew from what was decided."""
    found: dict[int, Stand] = {}
    for chunk in chunks(sorted(set(pks))):
        loaded = made.load(connection, chunk)
        found.update((pk, stand(*one)) for pk, one in loaded.items())
    return found


def row(connection: Connection, case: str) -> Row[Any]:
    """A case's row. Raises NotFound."""
    found = connection.execute(select(cases).where(cases.c.id == ids.given(case))).one_or_none()
    if found is None:
        raise NotFound("there is no such case", remedy="The queue shows those that there are.")
    return found


def id_of(secret: bytes, removal: str, hub: str, type: str, repo: str) -> str:
    """The same for the same removal and repository; telling nothing of them without the secret."""
    parts = ["case", removal, hub, type, repo]
    digest = hmac.digest(secret, json.dumps(parts).encode(), "sha256")
    return f"cs-{ids.digits(digest[:10])[:12]}"


# -- the steps -----------------------------------------------------------------------------------

_Pair = tuple[int, int]
"""Removal pk, repository pk."""


def _touched() -> Any:
    s, a = schema.sightings.c, schema.artifacts.c
    return select(s.pk, s.removal_pk, s.rung, s.confirmed, a.repository_pk).join(
        schema.artifacts, a.pk == s.artifact_pk
    )


def _of_pairs(connection: Connection, pairs: Iterable[_Pair]) -> dict[_Pair, int]:
    found: dict[_Pair, int] = {}
    for chunk in chunks(sorted(pairs)):
        query = select(cases.c.removal_pk, cases.c.repository_pk, cases.c.pk).where(
            tuple_(cases.c.removal_pk, cases.c.repository_pk).in_(chunk)
        )
        found.update(((removal, repo), pk) for removal, repo, pk in connection.execute(query))
    return found


_COLUMNS = (
    *("pk", "id", "removal_pk", "repository_pk", "hub", "account", "opened_at", "changed_at"),
    *("state", "rung", "reach", "live", "version"),
)


def _make(
    connection: Connection,
    secret: bytes,
    touched: Sequence[Row[Any]],
    known: Mapping[_Pair, int],
    at: int,
) -> dict[_Pair, int]:
    """Cases for pairs that have none."""
    wanted = dict.fromkeys((row.removal_pk, row.repository_pk) for row in touched)
    missing = [pair for pair in wanted if pair not in known]
    if not missing:
        return {}
    removals: dict[int, str] = {}
    for chunk in chunks({removal for removal, _ in missing}):
        names = select(schema.removals.c.pk, schema.removals.c.id)
        removals.update(
            (pk, id) for pk, id in connection.execute(names.where(schema.removals.c.pk.in_(chunk)))
        )
    places: dict[int, Any] = {}
    r = schema.repositories.c
    for chunk in chunks({repository for _, repository in missing}):
        query = select(r.pk, r.hub, r.type, r.repo).where(r.pk.in_(chunk))
        for place in connection.execute(query):
            places[place.pk] = place
    made_: dict[_Pair, int] = {}
    rows: list[tuple[Any, ...]] = []
    for pair, pk in zip(missing, reserve(connection, cases, len(missing)), strict=True):
        place = places[pair[1]]
        id = id_of(secret, removals[pair[0]], place.hub, place.type, place.repo)
        account = account_of(place.repo)
        rows.append((pk, id, *pair, place.hub, account, at, at, State.OPEN.value, 0, 0, 0, 0))
        made_[pair] = pk
    insert_many(connection, cases, _COLUMNS, rows)
    return made_


def _tell(
    connection: Connection,
    touched: Sequence[Row[Any]],
    known: Mapping[_Pair, int],
    at: int,
) -> set[int]:
    """Sightings into their cases; the cases in which one is new or stands otherwise than told."""
    told: set[int] = set()
    before: dict[int, Any] = {}
    for chunk in chunks(row.pk for row in touched):
        query = select(case_sightings).where(case_sightings.c.sighting_pk.in_(chunk))
        for row in connection.execute(query):
            before[row.sighting_pk] = row
    new: list[tuple[Any, ...]] = []
    changed: list[dict[str, Any]] = []
    for one in touched:
        case_pk, last = known[one.removal_pk, one.repository_pk], before.get(one.pk)
        if last is None:
            new.append((one.pk, case_pk, at, one.rung, one.confirmed))
        elif (last.rung, last.confirmed) != (one.rung, one.confirmed):
            changed.append({"at_pk": one.pk, "rung": one.rung, "confirmed": one.confirmed})
        else:
            continue
        told.add(case_pk)
    columns = ("sighting_pk", "case_pk", "added_at", "rung", "confirmed")
    insert_many(connection, case_sightings, columns, new)
    if changed:
        at_pk = case_sightings.c.sighting_pk == bindparam("at_pk")
        values: dict[str, Any] = {"rung": bindparam("rung"), "confirmed": bindparam("confirmed")}
        connection.execute(update(case_sightings).where(at_pk).values(values), changed)
    for chunk in chunks(row.pk for row in touched):
        done = update(schema.sightings).where(schema.sightings.c.pk.in_(chunk))
        connection.execute(done.values(touched=0))
    return told


def _figures(connection: Connection, pks: Sequence[int]) -> dict[int, dict[str, int]]:
    """What a case is sorted by: its strongest rung, its repository's reach, what is live."""
    s, r = schema.sightings.c, schema.repositories.c
    found: dict[int, dict[str, int]] = {}
    reach = select(cases.c.pk, r.downloads, r.likes).join(
        schema.repositories, r.pk == cases.c.repository_pk
    )
    for pk, downloads, likes in connection.execute(reach.where(cases.c.pk.in_(pks))):
        found[pk] = {
            "rung": int(Rung.UNSUPPORTED),
            "reach": (downloads or 0) + (likes or 0),
            "live": 0,
        }
        found[pk]["reach"] = min(found[pk]["reach"], 2**63 - 1)
    every = (
        select(case_sightings.c.case_pk, s.rung, s.state)
        .join(schema.sightings, s.pk == case_sightings.c.sighting_pk)
        .where(case_sightings.c.case_pk.in_(pks))
    )
    for pk, rung, state in connection.execute(every):
        found[pk]["rung"] = max(found[pk]["rung"], rung)
        found[pk]["live"] += state not in sightings.GONE
    return found
