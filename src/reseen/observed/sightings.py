"""Sightings: where a removal was re-seen, when, how sure, and if it is still there.

What comes in: what `match.judge` made of what is stored, and what rechecks answered. What goes out:
sightings. A sighting is one removal at one hub, repository, path and content: saying it again finds
the same one and keeps when it was first seen. It stands where it is judged to stand, up or down the
ladder; one that leaves the ladder is kept. A hint alone is no sighting; it is kept as a lead, and
joins the sighting that comes later.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    func,
    or_,
    select,
    update,
)

from reseen.errors import NotFound
from reseen.observed import blind_spots, evidence
from reseen.observed.artifacts import artifact_of, instant
from reseen.records import (
    Confirmed,
    Evidence,
    RemovalClass,
    Rung,
    Sighting,
    SightingState,
)
from reseen.store import ids, schema
from reseen.store.database import chunks, insert_many, now, reserve

MISSES = 2
"""Answers in a row that must say "gone" before a sighting is."""

GONE = (SightingState.GONE, SightingState.DISABLED)
"""States of a sighting that no longer stands there."""


@dataclass(frozen=True, slots=True)
class SightingFilter:
    """Which sightings; all that is given must hold."""

    ids: frozenset[str] | None = None
    """These; at most as many as one `IN (...)` holds."""
    removal: str | None = None
    hub: str | None = None
    repo: str | None = None
    author: str | None = None
    """An account, as `records.account_of` says whose a repository is."""
    rung: Rung | None = None
    """At least this."""
    rungs: frozenset[Rung] | None = None
    """One of these, or of the marks of what left the ladder."""
    states: frozenset[SightingState] | None = None
    since: int | None = None
    """First seen at or after (microseconds)."""
    until: int | None = None
    """First seen before (microseconds)."""
    seen_since: int | None = None
    """Last seen at or after (microseconds)."""
    scan_pk: int | None = None
    """First recorded by this scan."""
    withdrawn: bool | None = None
    """False: only removals in force; True: only withdrawn; None: both."""


ALL = SightingFilter()


_COLUMNS = (
    *("pk", "id", "removal_pk", "artifact_pk", "rung", "state", "confirmed"),
    *("missed", "first_seen", "last_seen", "scan_pk"),
)


def _places(connection: Connection, pks: set[int]) -> dict[int, Any]:
    table, places = schema.artifacts.c, schema.repositories.c
    found: dict[int, Any] = {}
    for chunk in chunks(pks):
        query = (
            select(
                table.pk,
                table.path,
                table.git_oid,
                table.seen_at,
                places.hub,
                places.type,
                places.repo,
            )
            .join(schema.repositories, places.pk == table.repository_pk)
            .where(table.pk.in_(chunk))
        )
        for row in connection.execute(query):
            found[row.pk] = row
    if len(found) < len(pks):
        raise NotFound("a match names an artifact that was not stored")
    return found


def _known(connection: Connection, artifact_pks: Iterable[int]) -> dict[tuple[int, int], Row[Any]]:
    table = schema.sightings.c
    found: dict[tuple[int, int], Row[Any]] = {}
    for chunk in chunks(artifact_pks):
        query = select(schema.sightings).where(table.artifact_pk.in_(chunk))
        for row in connection.execute(query):
            found[row.removal_pk, row.artifact_pk] = row
    return found


_TELLING = ("rung", "state", "confirmed")
"""What reviewers are told of when it changes."""


def _id(secret: bytes, removal: str, place: Row[Any], again: int = 0) -> str:
    """The same for the same removal, place and content; telling nothing of them without the
    store's secret. `again`: where a sighting that moved away has that one."""
    parts: list[object] = [removal, place.hub, place.type, place.repo, place.path]
    parts += [place.git_oid.hex(), *([again] if again else [])]
    digest = hmac.digest(secret, json.dumps(parts).encode(), "sha256")
    return f"sg-{ids.digits(digest[:10])[:12]}"


# -- as they are judged --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """How a removal and an artifact stand to each other, by all that is known."""

    removal_pk: int
    artifact_pk: int
    rung: Rung
    """HINT: a lead; REFUTED and UNSUPPORTED: off the ladder."""
    confirmed: Confirmed = Confirmed.NONE
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class SettledSighting:
    """What became of it."""

    id: str
    artifact_pk: int
    rung: Rung
    new: bool
    """Never recorded before."""
    lifted: bool
    """Known before, and on a higher rung of the ladder now."""


def settle(
    connection: Connection,
    secret: bytes,
    standing: Sequence[JudgedPair],
    *,
    scan_pk: int | None = None,
    seen_at: int | None = None,
) -> list[SettledSighting]:
    """Make sightings say what was judged, up or down the ladder; a sighting that leaves it is kept,
    with its evidence as history. A hint alone makes no sighting: it is kept as a lead.

    `secret`: `store.secret`. `seen_at`: when the artifacts were seen there; None: when they were
    stored. Doing it again changes nothing.
    """
    places = _places(connection, {one.artifact_pk for one in standing})
    known = _known(connection, places)
    at = now()
    new: list[tuple[Any, ...]] = []
    proofs: dict[int, tuple[Evidence, ...]] = {}
    settled: list[SettledSighting] = []
    fresh = iter(reserve(connection, schema.sightings, len(standing)))
    pairs = [(one.removal_pk, one.artifact_pk) for one in standing]
    fresh_ids = _fresh_ids(connection, secret, [p for p in pairs if p not in known], places)
    for one in standing:
        place = places[one.artifact_pk]
        when = place.seen_at if seen_at is None else seen_at
        before = known.get((one.removal_pk, one.artifact_pk))
        if before is None:
            if one.rung in (Rung.HINT, Rung.UNSUPPORTED):
                continue
            pk = next(fresh)
            id = fresh_ids[one.removal_pk, one.artifact_pk]
            state, confirmed = SightingState.LIVE.value, one.confirmed.value
            row = (pk, id, one.removal_pk, one.artifact_pk, int(one.rung), state, confirmed)
            new.append((*row, 0, when, when, scan_pk))
            proofs[pk] = one.evidence
            settled.append(SettledSighting(id, one.artifact_pk, one.rung, new=True, lifted=False))
            continue
        rung = Rung.UNSUPPORTED if one.rung is Rung.HINT else one.rung
        _settle_again(connection, before, rung, one.confirmed, when)
        proofs[before.pk] = one.evidence
        lifted = rung.on_ladder and rung > before.rung
        settled.append(SettledSighting(before.id, one.artifact_pk, rung, new=False, lifted=lifted))
    insert_many(connection, schema.sightings, _COLUMNS, new)
    evidence.replace(connection, proofs, at)
    leads = {
        (one.removal_pk, one.artifact_pk): [e.kind for e in one.evidence if e.rung is Rung.HINT]
        for one in standing
    }
    evidence.replace_leads(connection, leads, {pk: place.seen_at for pk, place in places.items()})
    return settled


def ids_for(
    connection: Connection, secret: bytes, pairs: Collection[tuple[int, int]]
) -> dict[tuple[int, int], str]:
    """The ids that sightings of these pairs (removal's pk, artifact's pk) have, or will have."""
    places = _places(connection, {artifact for _, artifact in pairs})
    known = _known(connection, places)
    fresh = [pair for pair in sorted(set(pairs)) if pair not in known]
    made = _fresh_ids(connection, secret, fresh, places)
    return {pair: known[pair].id if pair in known else made[pair] for pair in pairs}


def _fresh_ids(
    connection: Connection,
    secret: bytes,
    pairs: Sequence[tuple[int, int]],
    places: Mapping[int, Any],
) -> dict[tuple[int, int], str]:
    """Ids for pairs (removal's pk, artifact's pk) that have no sighting yet."""
    names = _removal_ids(connection, {removal for removal, _ in pairs})
    found = {(r, a): _id(secret, names[r], places[a]) for r, a in pairs}
    taken: set[str] = set()
    for chunk in chunks(found.values()):
        query = select(schema.sightings.c.id).where(schema.sightings.c.id.in_(chunk))
        taken.update(connection.scalars(query))
    for (removal, artifact), id in found.items():
        if id in taken:
            found[removal, artifact] = _id(secret, names[removal], places[artifact], artifact)
    return found


def _settle_again(
    connection: Connection, before: Row[Any], rung: Rung, confirmed: Confirmed, seen_at: int
) -> None:
    changes: dict[str, Any] = {}
    if rung != before.rung:
        changes["rung"] = int(rung)
    if rung is not Rung.UNSUPPORTED and confirmed.value != before.confirmed:
        changes["confirmed"] = confirmed.value
    if seen_at > before.last_seen:
        changes |= {"last_seen": seen_at, "state": SightingState.LIVE.value, "missed": 0}
        changes["hidden_at"] = None
    if any(changes.get(name, getattr(before, name)) != getattr(before, name) for name in _TELLING):
        changes["touched"] = 1
    if changes:
        connection.execute(
            update(schema.sightings).where(schema.sightings.c.pk == before.pk).values(changes)
        )


def _removal_ids(connection: Connection, pks: set[int]) -> dict[int, str]:
    table = schema.removals.c
    found: dict[int, str] = {}
    for chunk in chunks(pks):
        rows = connection.execute(select(table.pk, table.id).where(table.pk.in_(chunk)))
        found.update((pk, id) for pk, id in rows)
    if len(found) < len(pks):
        raise NotFound("a match names a removal that is not in the registry")
    return found


# -- when removals are one by now -----------------------------------------------------------------


def repositories_of(connection: Connection, removal_pk: int) -> set[int]:
    """Where (repositories, by pk) a removal was seen."""
    s, a = schema.sightings.c, schema.artifacts.c
    query = select(a.repository_pk).join(schema.sightings, s.artifact_pk == a.pk)
    return set(connection.scalars(query.where(s.removal_pk == removal_pk).distinct()))


def go_with(
    connection: Connection, old_pk: int, new_pk: int, repository_pks: Iterable[int]
) -> None:
    """What was seen of one removal in these repositories, where the other was not seen, is of that
    other from now on."""
    s, a = schema.sightings.c, schema.artifacts.c
    for chunk in chunks(sorted(repository_pks)):
        there = select(a.pk).where(a.repository_pk.in_(chunk))
        mine = update(schema.sightings).where(s.removal_pk == old_pk, s.artifact_pk.in_(there))
        connection.execute(mine.values(removal_pk=new_pk, touched=1))


# -- reading out ---------------------------------------------------------------------------------


def by_id(connection: Connection, sighting: str) -> Sighting:
    """Raises NotFound."""
    wanted = schema.sightings.c.id == ids.given(sighting)
    for found in _stream(connection, _query().where(wanted)):
        return found
    raise NotFound.of("sighting", sighting, "`reseen sightings` shows them.")


def by_pks(connection: Connection, pks: Sequence[int]) -> list[Sighting]:
    """These sightings, in this order; at most as many as one `IN (...)` holds."""
    rows = connection.execute(_query().where(schema.sightings.c.pk.in_(pks)))
    found = {pk: _sighting(list(some)) for pk, some in groupby(rows, key=lambda row: row.pk)}
    return [found[pk] for pk in pks if pk in found]


def every(connection: Connection, which: SightingFilter = ALL) -> Iterator[Sighting]:
    """The last recorded first, streamed, in one query."""
    return _stream(connection, _narrowed(_query(), which))


def of_removals(connection: Connection, removals: Iterable[str]) -> dict[str, list[Sighting]]:
    """The sightings of these removals (by id), the last recorded first; what left the ladder after
    what stands on it."""
    found: dict[str, list[Sighting]] = {}
    for chunk in chunks(removals):
        for sighting in _stream(connection, _query().where(schema.removals.c.id.in_(chunk))):
            found.setdefault(sighting.removal, []).append(sighting)
    for some in found.values():
        some.sort(key=lambda one: not one.rung.on_ladder)
    return found


def count(connection: Connection, which: SightingFilter = ALL) -> int:
    """How many there are."""
    query = _narrowed(select(func.count()).select_from(_JOINED), which)
    return int(connection.scalar(query) or 0)


def any_standing(connection: Connection, hub: str) -> bool:
    """Whether anything that was seen at this hub is not gone."""
    a, r, s = schema.artifacts.c, schema.repositories.c, schema.sightings.c
    standing = exists().where(
        a.pk == s.artifact_pk,
        r.pk == a.repository_pk,
        r.hub == hub,
        s.state != SightingState.GONE.value,
    )
    return bool(connection.scalar(select(standing)))


def by_hub(connection: Connection, which: SightingFilter = ALL) -> dict[str, int]:
    """How many there are at each hub."""
    hub = schema.repositories.c.hub
    query = _narrowed(select(hub, func.count()).select_from(_JOINED), which)
    return {name: int(number) for name, number in connection.execute(query.group_by(hub))}


_JOINED = (
    schema.sightings.join(schema.removals, schema.removals.c.pk == schema.sightings.c.removal_pk)
    .join(schema.artifacts, schema.artifacts.c.pk == schema.sightings.c.artifact_pk)
    .join(schema.repositories, schema.repositories.c.pk == schema.artifacts.c.repository_pk)
)


def _query() -> Select[Any]:
    s, r = schema.sightings.c, schema.repositories.c
    a, e = schema.artifacts.c, schema.evidence.c
    # What no longer holds is shown of what nothing supports any more, and of nothing else.
    shown = or_(e.stands == 1, s.rung == int(Rung.UNSUPPORTED))
    return (
        select(
            s.pk,
            s.id,
            s.rung,
            s.state,
            s.confirmed,
            s.first_seen,
            s.last_seen,
            s.hidden_at,
            schema.removals.c.id.label("removal"),
            schema.removals.c.withdrawn_at,
            schema.removals.c.cls.label("removal_class"),
            _is_never_read_too().label("beside"),
            r.hub,
            r.type,
            r.repo,
            r.downloads,
            r.likes,
            r.created_at,
            a.commit,
            a.ref,
            a.path,
            a.size,
            a.sha256,
            a.xet,
            a.git_oid,
            a.flags,
            schema.readings.c.judged_by,
            blind_spots.codes().label("not_read"),
            e.rung.label("e_rung"),
            e.kind,
            e.value,
            e.why,
            e.figures,
        )
        .select_from(
            _JOINED.outerjoin(schema.readings, schema.readings.c.artifact_pk == a.pk).outerjoin(
                schema.evidence, and_(e.sighting_pk == s.pk, shown)
            )
        )
        .order_by(s.pk.desc())
    )


def _is_never_read_too() -> ColumnElement[bool]:
    """Whether the same file is taken for a removal of the class that is never read, too."""
    other, removal = schema.sightings.alias("other"), schema.removals.alias("theirs")
    return exists().where(
        other.c.artifact_pk == schema.sightings.c.artifact_pk,
        removal.c.pk == other.c.removal_pk,
        removal.c.cls >= int(RemovalClass.CHILD_ABUSE),
    )


def _narrowed(query: Select[Any], which: SightingFilter) -> Select[Any]:
    s, r, m = schema.sightings.c, schema.repositories.c, schema.removals.c
    if which.ids is not None:
        query = query.where(s.id.in_(sorted(which.ids)))
    if which.removal is not None:
        query = query.where(m.id == ids.given(which.removal))
    if which.hub is not None:
        query = query.where(r.hub == which.hub)
    if which.repo is not None:
        query = query.where(r.repo == which.repo)
    if which.author is not None:
        prefix = which.author + "/"
        mine = or_(r.repo == which.author, func.substr(r.repo, 1, len(prefix)) == prefix)
        query = query.where(mine)
    if which.rung is not None:
        query = query.where(s.rung >= int(which.rung))
    if which.rungs is not None:
        query = query.where(s.rung.in_(sorted(map(int, which.rungs))))
    if which.states is not None:
        query = query.where(s.state.in_(sorted(state.value for state in which.states)))
    if which.since is not None:
        query = query.where(s.first_seen >= which.since)
    if which.until is not None:
        query = query.where(s.first_seen < which.until)
    if which.seen_since is not None:
        query = query.where(s.last_seen >= which.seen_since)
    if which.scan_pk is not None:
        query = query.where(s.scan_pk == which.scan_pk)
    if which.withdrawn is not None:
        gone = m.withdrawn_at.is_not(None)
        query = query.where(gone if which.withdrawn else ~gone)
    return query


def _stream(connection: Connection, query: Select[Any]) -> Iterator[Sighting]:
    with connection.execute(query.execution_options(yield_per=2000)) as rows:
        for _, group in groupby(rows, key=lambda row: row.pk):
            yield _sighting(list(group))


def _why(rung: Rung, proofs: Sequence[Evidence]) -> str:
    """The sentence that a sighting stands on."""
    if rung is Rung.UNSUPPORTED:
        return "Nothing in force supports this any more: what it stood on was taken back."
    return next((e.why for e in proofs if e.rung is rung), proofs[0].why if proofs else "")


def _sighting(rows: Sequence[Row[Any]]) -> Sighting:
    row = rows[0]
    proofs = evidence.of_rows(rows)
    secret = RemovalClass(row.removal_class).never_read or bool(row.beside)
    if secret:  # digests of this class leave the store in one way only
        proofs = tuple(replace(e, value="") for e in proofs)
    artifact = artifact_of(row)
    return Sighting(
        id=row.id,
        removal=row.removal,
        hub=artifact.hub,
        type=artifact.type,
        repo=artifact.repo,
        revision=artifact.revision,
        ref=artifact.ref,
        path=artifact.path,
        rung=Rung(row.rung),
        evidence=proofs,
        why=_why(Rung(row.rung), proofs),
        state=SightingState(row.state),
        confirmed=Confirmed(row.confirmed),
        first_seen=instant(row.first_seen),
        last_seen=instant(row.last_seen),
        size=row.size,
        declared_sha256=None if row.sha256 is None or secret else row.sha256.hex(),
        downloads=row.downloads,
        likes=row.likes,
        repo_created_at=instant(row.created_at),
        withdrawn=row.withdrawn_at is not None,
        hidden_since=None if row.hidden_at is None else instant(row.hidden_at),
        never_read=secret,
        judged_by=blind_spots.rungs_of(artifact, row.judged_by),
        member=artifact.member,
        not_read=tuple(dict.fromkeys((row.not_read or "").split())),
    )


# -- what rechecks answer ------------------------------------------------------------------------


def artifact_pk(connection: Connection, sighting: str) -> int:
    """Raises NotFound."""
    return int(_own_row(connection, sighting).artifact_pk)


def standing_with(connection: Connection, hub: str, sha256s: Collection[bytes]) -> list[str]:
    """Sightings (by id) at a hub that are not gone, of files of which the hub stated these."""
    s, a, r = schema.sightings.c, schema.artifacts.c, schema.repositories.c
    query = (
        select(s.id)
        .join(schema.artifacts, a.pk == s.artifact_pk)
        .join(schema.repositories, r.pk == a.repository_pk)
        .where(r.hub == hub, s.state.not_in([state.value for state in GONE]))
        .order_by(s.pk)
    )
    chosen = (query.where(a.sha256.in_(some)) for some in chunks(sorted(sha256s)))
    return [id for each in chosen for id in connection.scalars(each)]


def put_into_cases(connection: Connection, which: ColumnElement[bool]) -> None:
    """Those that were touched are before people now: the mark goes."""
    done = update(schema.sightings).where(schema.sightings.c.touched == 1, which)
    connection.execute(done.values(touched=0))


def answered(
    connection: Connection,
    sighting: str,
    state: SightingState,
    *,
    hidden_for: int | None = None,
    at: int | None = None,
) -> SightingState:
    """A recheck's answer; returns the state that now holds. GONE holds after two answers in a row
    that say so; the others at once; UNREACHABLE never hides GONE or DISABLED. `hidden_for`: a
    stranger was refused without a reason, which is UNREACHABLE until such an answer comes again so
    many microseconds after the first, and GONE then."""
    at = now() if at is None else at
    row = _own_row(connection, sighting)
    was = SightingState(row.state)
    missed, last_seen, hidden_at = row.missed, row.last_seen, row.hidden_at
    if hidden_for is not None:
        again = hidden_at is not None and at - hidden_at >= hidden_for
        hidden_at = at if hidden_at is None else min(hidden_at, at)
        state = SightingState.GONE if again or was is SightingState.GONE else state
        if state is SightingState.UNREACHABLE and was is not SightingState.LIVE:
            state = was
    elif state is SightingState.LIVE:
        missed, last_seen, hidden_at = 0, max(last_seen, at), None
    elif state is SightingState.DISABLED:
        hidden_at = None
    elif state is SightingState.GONE:
        missed = min(missed + 1, MISSES)
        state = state if missed >= MISSES else was
    elif state is SightingState.UNREACHABLE and was is not SightingState.LIVE:
        state = was
    changes: dict[str, Any] = {
        "state": state.value,
        "missed": missed,
        "last_seen": last_seen,
        "hidden_at": hidden_at,
    }
    if state is not was:
        changes["touched"] = 1
    connection.execute(
        update(schema.sightings).where(schema.sightings.c.pk == row.pk).values(changes)
    )
    return state


def _own_row(connection: Connection, sighting: str) -> Row[Any]:
    query = select(schema.sightings).where(schema.sightings.c.id == ids.given(sighting))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound.of("sighting", sighting, "`reseen sightings` shows them.")
    return row
