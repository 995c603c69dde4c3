"""What bytes teach about removals: derived from what was read, whenever it was read.

A file of which every byte was read teaches a claim all its other digests and its sketch, if it has
the claim's SHA-256 or BLAKE3 and contradicts none of its digests of the whole file. So what is
learned depends on claims and readings only, never on which of them came first; a claim that a
file contradicts is marked for a person to look at (`contradictions`). What the file says of itself
is not learned: it may lie. Of a file of the class that is never read nobody learns, under whatever
removal it stands; nor of a file in an archive of that class. Everything happens in the caller's
transaction; doing it again changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from reseen.fingerprints.kinds import ON_DEMAND, TEACH, WHOLE, contradicts
from reseen.observed import further, sketches
from reseen.observed import rows as kept_rows
from reseen.records import Digest, DigestKind, Fingerprint
from reseen.registry import claims, contradictions, file_facts, same_files
from reseen.registry.claims import LEARNED, LISTED
from reseen.registry.removals import kept
from reseen.store import schema
from reseen.store.database import chunks, insert_many, now, reserve

_TEACH = tuple(int(kind) for kind in TEACH)
_WHOLE = tuple(int(kind) for kind in WHOLE)


@dataclass(frozen=True, slots=True)
class _Agreement:
    """A reading that has one of a claim's digests."""

    removal_pk: int
    claim_pk: int
    artifact_pk: int


def learn(
    connection: Connection,
    *,
    removals: Collection[int] | None = None,
    artifacts: Collection[int] | None = None,
) -> set[int]:
    """Let removals (by pk; None: all) learn from what was read (of these artifacts, by pk; None:
    everything). Returns the removals of which something is in force that was not before."""
    if artifacts is None:
        contradictions.by_removals(connection, removals)
    agreeing, contradicted = _sorted_out(
        connection, list(dict.fromkeys(_equal(connection, removals, artifacts)))
    )
    contradictions.mark(connection, contradicted)
    if not agreeing:
        return set()
    return _keep(connection, agreeing)


def same_bytes(connection: Connection, removal: str) -> tuple[str, ...]:
    """Other removals in force (by id) that have learned from the same file as this one: lists that
    name one file by digests of different kinds are about one model, which reading alone tells."""
    mine, theirs = schema.digests.alias("mine"), schema.digests.alias("theirs")
    own, other = schema.claims.alias("own"), schema.claims.alias("other")
    here, there = schema.removals.alias("here"), schema.removals.alias("there")
    query = (
        select(there.c.id)
        .select_from(here)
        .join(own, own.c.removal_pk == here.c.pk)
        .join(mine, mine.c.claim_pk == own.c.pk)
        .join(theirs, (theirs.c.kind == mine.c.kind) & (theirs.c.value == mine.c.value))
        .join(other, other.c.pk == theirs.c.claim_pk)
        .join(there, there.c.pk == other.c.removal_pk)
        .where(here.c.id == removal, there.c.pk != here.c.pk, mine.c.kind.in_(_TEACH))
        .where(own.c.source == LEARNED, own.c.in_force == 1)
        .where(other.c.source == LEARNED, other.c.in_force == 1, there.c.withdrawn_at.is_(None))
        .distinct()
        .order_by(there.c.id)
    )
    return tuple(connection.scalars(query))


def renew(connection: Connection, sha256: bytes, read: Fingerprint) -> set[int]:
    """Claims about this very file whose sketch is of an earlier version, or of whose bytes an
    earlier release made none, have this one from now on, those of further adapters in it, and the
    rows of its embeddings. Returns their removals."""
    c, d = schema.claims.c, schema.digests.c
    query = (
        select(c.pk, c.removal_pk, c.container)
        .join(schema.digests, d.claim_pk == c.pk)
        .where(d.kind == int(DigestKind.SHA256), d.value == sha256)
    )
    found = connection.execute(query).all()
    owner = {row.pk: row.removal_pk for row in found}
    sketched = sketches.versions(connection, owner)
    pks = sorted({*sketched, *(row.pk for row in found if row.container is not None)})
    before = file_facts.digests(connection, pks)
    renewed: set[int] = set()
    if read.sketch is not None:
        renewed |= sketches.keep_removed(connection, [(pk, read.sketch) for pk in pks])
    renewed |= further.keep_removed(connection, [(pk, read.further_sketches) for pk in pks])
    if read.rows is not None:
        renewed |= kept_rows.keep_removed(connection, [(pk, read.rows) for pk in pks])
    changed = {owner[pk] for pk in renewed}
    if changed:
        file_facts.write_lines(connection, {pk: owner[pk] for pk in renewed}, before)
        claims.refresh(connection, changed, only_learned=True)
    return changed


def _equal(
    connection: Connection, removals: Collection[int] | None, artifacts: Collection[int] | None
) -> Iterator[_Agreement]:
    """Claims and readings that share a digest of the whole file. From the side where fewer stand:
    each side is one look-up in an index of the other."""
    if connection.scalar(select(schema.readings.c.artifact_pk).where(_FULL).limit(1)) is None:
        return
    if artifacts is None and removals is not None and len(removals) <= _FEW:
        yield from _by_claims(connection, removals)
        return
    wanted = None if removals is None else frozenset(removals)
    for one in _by_readings(connection, artifacts):
        if wanted is None or one.removal_pk in wanted:
            yield one


_FULL = schema.readings.c.full == 1
_FEW = 2_000
"""Removals up to which their claims are looked up among the readings."""


def _by_readings(connection: Connection, artifacts: Collection[int] | None) -> Iterator[_Agreement]:
    """Of these artifacts (None: all that were read in full)."""
    read = schema.read_digests.c
    query = (
        select(read.kind, read.value, read.artifact_pk)
        .join(schema.readings, schema.readings.c.artifact_pk == read.artifact_pk)
        .where(read.kind.in_(_WHOLE), _FULL)
    )
    some = [query] if artifacts is None else [
        query.where(read.artifact_pk.in_(chunk)) for chunk in chunks(sorted(set(artifacts)))
    ]  # fmt: skip
    for each in some:
        holders: defaultdict[tuple[int, bytes], list[int]] = defaultdict(list)
        for kind, value, artifact_pk in connection.execute(each):
            holders[kind, bytes(value)].append(artifact_pk)
        c, d = schema.claims.c, schema.digests.c
        for kind in _WHOLE:
            for values in chunks(value for k, value in holders if k == kind):
                claimed = (
                    select(d.value, c.removal_pk, c.pk)
                    .join(schema.claims, c.pk == d.claim_pk)
                    .where(d.kind == kind, d.value.in_(values), c.source == LISTED)
                )
                for value, removal_pk, pk in connection.execute(claimed).all():
                    for artifact_pk in holders[kind, bytes(value)]:
                        yield _Agreement(removal_pk, pk, artifact_pk)


def _by_claims(connection: Connection, removals: Collection[int]) -> Iterator[_Agreement]:
    """Of these removals."""
    c, d, read = schema.claims.c, schema.digests.c, schema.read_digests.c
    for chunk in chunks(sorted(set(removals))):
        claimed = (
            select(d.kind, d.value, c.removal_pk, c.pk)
            .join(schema.claims, c.pk == d.claim_pk)
            .where(c.removal_pk.in_(chunk), c.source == LISTED, d.kind.in_(_WHOLE))
        )
        holders: defaultdict[tuple[int, bytes], list[tuple[int, int]]] = defaultdict(list)
        for kind, value, removal_pk, pk in connection.execute(claimed):
            holders[kind, bytes(value)].append((removal_pk, pk))
        for kind in _WHOLE:
            for values in chunks(value for k, value in holders if k == kind):
                computed = (
                    select(read.value, read.artifact_pk)
                    .join(schema.readings, schema.readings.c.artifact_pk == read.artifact_pk)
                    .where(read.kind == kind, read.value.in_(values), _FULL)
                )
                for value, artifact_pk in connection.execute(computed).all():
                    for removal_pk, pk in holders[kind, bytes(value)]:
                        yield _Agreement(removal_pk, pk, artifact_pk)


def _sorted_out(
    connection: Connection, equal: list[_Agreement]
) -> tuple[list[_Agreement], set[int]]:
    """Those that agree, and the claims that a reading contradicts."""
    claim_pks, files = {one.claim_pk for one in equal}, {one.artifact_pk for one in equal}
    said = contradictions.digests_of(connection, schema.digests, "claim_pk", claim_pks)
    read = contradictions.digests_of(connection, schema.read_digests, "artifact_pk", files)
    agreeing: list[_Agreement] = []
    contradicted: set[int] = set()
    for one in equal:
        told, computed = said[one.claim_pk], read[one.artifact_pk]
        if contradicts(computed, told):
            contradicted.add(one.claim_pk)
        elif any(kind in told and told[kind] == computed.get(kind) for kind in TEACH):
            agreeing.append(one)
    return agreeing, contradicted


def _keep(connection: Connection, agreeing: list[_Agreement]) -> set[int]:
    """A learned claim for each removal and content, resting on all claims that agree."""
    by_artifact = _readings(connection, {one.artifact_pk for one in agreeing})
    known = _known(connection, {one.removal_pk for one in agreeing})
    never = same_files.of_class(connection, {one.removal_pk for one in agreeing})
    barred = same_files.such_files(connection, by_artifact)
    changed: set[int] = set()
    wanted: dict[tuple[int, bytes], int] = {}
    rests: defaultdict[tuple[int, bytes], set[int]] = defaultdict(set)
    on_demand: defaultdict[tuple[int, bytes], dict[int, bytes]] = defaultdict(dict)
    for one in agreeing:
        reading = by_artifact[one.artifact_pk]
        if one.removal_pk in never or one.artifact_pk in barred or reading.sha256 is None:
            continue
        key = one.removal_pk, reading.sha256
        wanted.setdefault(key, one.artifact_pk)
        if reading.tells > by_artifact[wanted[key]].tells:
            wanted[key] = one.artifact_pk
        rests[key].add(one.claim_pk)
        on_demand[key].update((k, v) for k, v in reading.digests.items() if k in ON_DEMAND)
    before = file_facts.digests(connection, {known[key] for key in wanted if key in known})
    new = [key for key in wanted if key not in known]
    for key, pk in zip(new, reserve(connection, schema.claims, len(new)), strict=True):
        known[key] = pk
    at = now()
    insert_many(
        connection,
        schema.claims,
        _COLUMNS,
        ((known[key], key[0], *by_artifact[wanted[key]].facts, 0, LEARNED, at, 0) for key in new),
    )
    more = _learned_more(connection, {known[key]: by_artifact[wanted[key]] for key in wanted})
    told_more = [*new, *(key for key in wanted if known[key] in more)]
    changed.update(key[0] for key in told_more)
    for key in told_more:
        computed = by_artifact[wanted[key]].digests.items()
        told = kept([Digest(DigestKind(kind), value) for kind, value in sorted(computed)])
        rows = [(int(digest.kind), digest.value, known[key]) for digest in told]
        insert_many(connection, schema.digests, ("kind", "value", "claim_pk"), rows, ignore=True)
    owner = {known[key]: key[0] for key in wanted}
    beside = {known[key]: digests for key, digests in on_demand.items()}
    changed.update(owner[pk] for pk in _learned_beside(connection, beside))
    links = [(known[key], claim) for key, some in rests.items() for claim in sorted(some)]
    there = _links(connection, {known[key] for key in rests})
    fresh = [link for link in links if link not in there]
    insert_many(
        connection, schema.learned_from, ("learned_pk", "claim_pk"), sorted(fresh), ignore=True
    )
    changed.update(owner[learned] for learned, _ in fresh)
    changed.update(owner[pk] for pk in claims.comes_into_force(connection, owner))
    sketched = sketches.versions(connection, owner)
    taught = [
        (known[key], sketch)
        for key, artifact in wanted.items()
        if (sketch := by_artifact[artifact].sketch) is not None
        and by_artifact[artifact].version > sketched.get(known[key], 0)
    ]
    changed.update(owner[pk] for pk in sketches.keep_removed(connection, taught))
    more_taught = [(known[key], by_artifact[pk].further) for key, pk in wanted.items()]
    changed.update(owner[pk] for pk in further.keep_removed(connection, more_taught))
    embeddings = [
        (known[key], value)
        for key, artifact in wanted.items()
        if (value := by_artifact[artifact].rows) is not None
    ]
    changed.update(owner[pk] for pk in kept_rows.keep_removed(connection, embeddings))
    file_facts.write_lines(connection, owner, before)
    if changed:
        claims.refresh(connection, changed, only_learned=True)
    return changed


_COLUMNS = (
    *("pk", "removal_pk", "size", "container", "data_size", "layout"),
    *("list_pk", "source", "added_at", "in_force"),
)


@dataclass(frozen=True, slots=True)
class _FullReading:
    """What reading all bytes of an artifact told."""

    facts: tuple[Any, ...]
    """size, container, data_size, layout."""
    digests: dict[DigestKind, bytes]
    sketch: bytes | None
    version: int
    """Of the sketch; 0 without one."""
    rows: bytes | None = None
    """Of its embeddings."""
    further: tuple[bytes, ...] = ()
    """Sketches of further adapters in it."""

    @property
    def tells(self) -> tuple[int, int, bool]:
        """What it tells beside digests."""
        told = self.version or int(self.rows is not None)
        return told, len(self.further), self.facts[2] is not None

    @property
    def sha256(self) -> bytes | None:
        return self.digests.get(DigestKind.SHA256)


def _readings(connection: Connection, pks: Collection[int]) -> dict[int, _FullReading]:
    a, r, s = schema.artifacts.c, schema.readings.c, schema.read_sketches.c
    digests = contradictions.digests_of(connection, schema.read_digests, "artifact_pk", pks)
    rows: dict[int, Any] = {}
    made: dict[int, tuple[bytes | None, int]] = {}
    for chunk in chunks(sorted(pks)):
        query = (
            select(a.pk, a.size, r.container, r.data_size, r.layout)
            .join(schema.readings, r.artifact_pk == a.pk)
            .where(a.pk.in_(chunk))
        )
        for row in connection.execute(query):
            rows[row.pk] = row
        whole = select(s.artifact_pk, s.value, s.version).where(
            s.artifact_pk.in_(chunk), s.complete == 1, s.kind == sketches.ADAPTER
        )
        made.update((pk, (value, version)) for pk, value, version in connection.execute(whole))
    embeddings = kept_rows.of_artifacts(connection, sorted(pks))
    more = further.of_artifacts(connection, pks)
    return {
        pk: _FullReading(
            tuple(row)[1:],
            digests[pk],
            *made.get(pk, (None, 0)),
            rows=embeddings.get(pk),
            further=more.get(pk, ()),
        )
        for pk, row in rows.items()
    }


def _learned_more(connection: Connection, taught: Mapping[int, _FullReading]) -> set[int]:
    """Learned claims of which a reading tells what is in the file, where the one that taught them
    had ended at its digests; they say it from now on."""
    c = schema.claims.c
    more: set[int] = set()
    for chunk in chunks(sorted(taught)):
        bare = select(c.pk).where(c.pk.in_(chunk), c.data_size.is_(None))
        for pk in connection.scalars(bare).all():
            _, container, data_size, layout = taught[pk].facts
            if data_size is not None:
                told = {"container": container, "data_size": data_size, "layout": layout}
                connection.execute(update(schema.claims).where(c.pk == pk).values(told))
                more.add(pk)
    return more


def _learned_beside(
    connection: Connection, computed: Mapping[int, Mapping[int, bytes]]
) -> set[int]:
    """Learned claims get the digests that are computed only where they are asked for: one reading
    of a file has them, and another has not. Those claims that did not have them all."""
    d = schema.digests.c
    there: set[tuple[int, int]] = set()
    for chunk in chunks(sorted(pk for pk, digests in computed.items() if digests)):
        query = select(d.claim_pk, d.kind).where(d.claim_pk.in_(chunk))
        there.update((pk, kind) for pk, kind in connection.execute(query))
    rows = [
        (int(kind), value, pk)
        for pk, digests in computed.items()
        for kind, value in sorted(digests.items())
        if (pk, int(kind)) not in there
    ]
    insert_many(connection, schema.digests, ("kind", "value", "claim_pk"), rows, ignore=True)
    return {pk for _, _, pk in rows}


def _known(connection: Connection, removal_pks: Collection[int]) -> dict[tuple[int, bytes], int]:
    """Learned claims by removal and SHA-256."""
    c, d = schema.claims.c, schema.digests.c
    found: dict[tuple[int, bytes], int] = {}
    for chunk in chunks(sorted(removal_pks)):
        query = (
            select(c.removal_pk, d.value, c.pk)
            .join(schema.digests, d.claim_pk == c.pk)
            .where(c.removal_pk.in_(chunk), c.source == LEARNED, d.kind == int(DigestKind.SHA256))
        )
        found.update(((pk, bytes(v)), claim) for pk, v, claim in connection.execute(query))
    return found


def _links(connection: Connection, learned: Collection[int]) -> set[tuple[int, int]]:
    link = schema.learned_from.c
    found: set[tuple[int, int]] = set()
    for chunk in chunks(sorted(learned)):
        query = select(link.learned_pk, link.claim_pk).where(link.learned_pk.in_(chunk))
        found.update((a, b) for a, b in connection.execute(query))
    return found
