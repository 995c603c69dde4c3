"""Sightings, judged from what is stored: claims in force, what hubs declare, what was read.

What comes in: removals that changed, or artifacts that were looked at. What goes out: sightings as
they stand now, recorded. Nothing else says on which rung a sighting stands: what is in memory only
finds candidates and decides what to read. So the order in which things became known does not
matter, and a sighting steps down as well as up: what reading refuted, and what nothing in force
supports any more, leaves the ladder and is kept. Everything happens in the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

from reseen.fingerprints.git import pointer_oid
from reseen.fingerprints.kinds import COMPARED, LONG, OF_TENSORS, WEAK
from reseen.match import digests_alone, ladder
from reseen.match.evidence import BY_EMBEDDED, BY_NAME, BY_WEIGHTS, PART
from reseen.match.ladder import ClaimFacts, FileFacts, Header
from reseen.observed import artifacts, as_stated, embedded, sightings, stated_digests
from reseen.observed import evidence as kept
from reseen.observed.artifacts import LFS, ON_POINTER
from reseen.observed.of_class import ClassToldBy
from reseen.observed.parts_of_files import within
from reseen.observed.sightings import SettledSighting
from reseen.records import Container, DigestKind, Evidence, RemovalClass, Rung
from reseen.store import schema
from reseen.store.database import chunks, now

Pair = tuple[int, int]
"""Artifact pk, removal pk."""
_TOLD_ANEW = BY_WEIGHTS | BY_EMBEDDED
"""The kinds of leads that are made anew of what is stored when a removal or a file changed."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging changed."""

    new: tuple[SettledSighting, ...] = ()
    """Sightings that were not there before, refuted ones too."""
    lifted: tuple[SettledSighting, ...] = ()
    """Known ones that stand on a higher rung now."""


def judge_removals(
    connection: Connection,
    secret: bytes,
    removal_pks: Collection[int] | None = None,
    *,
    scan_pk: int | None = None,
) -> Judged:
    """Judge everything stored by these removals (None: all in force). For when a list was imported,
    a claim came or went, or something was learned. No hub is asked. `secret`: the store's."""
    if connection.scalar(select(schema.artifacts.c.pk).limit(1)) is None:
        return Judged()
    r = schema.removals.c
    wanted = select(r.pk).where(r.withdrawn_at.is_(None)).order_by(r.pk)
    if removal_pks is None:
        pks = list(connection.scalars(wanted))
    else:
        pks = [
            pk
            for chunk in chunks(sorted(set(removal_pks)))
            for pk in connection.scalars(wanted.where(r.pk.in_(chunk)))
        ]
    more = _elsewhere(connection, pks, everything=removal_pks is None)
    xet = _by_xet(connection, pks)
    done = Judged()
    by_removal: defaultdict[int, set[Pair]] = defaultdict(set)
    for pair in (*more, *xet):
        by_removal[pair[1]].add(pair)
    for removal, artifact in kept.leads_of(connection, _TOLD_ANEW, removals=pks):
        by_removal[removal].add((artifact, removal))
    for chunk in chunks(pks):
        pairs = set(_exact(connection, chunk))
        pairs.update(pair for pk in chunk for pair in by_removal.get(pk, ()))
        pairs.update(_known(connection, removals=chunk))
        beside = [*_components(connection, pairs), *_hints(connection, pairs, BY_WEIGHTS)]
        for pair, proofs in beside:
            more[pair] = (*more.get(pair, ()), *proofs)
        done = _plus(done, _judge(connection, secret, pairs, more, scan_pk=scan_pk, seen_at=None))
    return done


def judge_artifacts(
    connection: Connection,
    secret: bytes,
    artifact_pks: Collection[int],
    found: Mapping[Pair, tuple[Evidence, ...]],
    sketched: Collection[int] = (),
    *,
    scan_pk: int | None = None,
    at: int | None = None,
) -> Judged:
    """Judge artifacts that were looked at just now (at `at`). `found`: pairs that the index in
    memory found, with the evidence that cannot be made anew from rows: likeness and hints.
    `sketched`: artifacts of which modules were read just now; of the others what was found in
    their weights before stands."""
    pairs = set(found)
    pairs.update(_known(connection, artifacts=artifact_pks))
    pairs.update(_by_reading(connection, artifact_pks))
    more: dict[Pair, tuple[Evidence, ...]] = {
        pair: tuple(e for e in proofs if e.rung <= Rung.WEIGHTS) for pair, proofs in found.items()
    }
    again = {pair for pair in found if pair[0] in sketched}
    beside = [
        *_likeness(connection, pairs - again),
        *_hints(connection, pairs - again),
        *_components(connection, again),
        *_hints(connection, again, BY_WEIGHTS),
    ]
    for pair, proofs in beside:
        more[pair] = (*more.get(pair, ()), *proofs)
    at = now() if at is None else at
    return _judge(connection, secret, pairs, more, scan_pk=scan_pk, seen_at=at)


def judge_parts(
    connection: Connection,
    secret: bytes,
    found: Mapping[Pair, tuple[Evidence, ...]],
    fallen: Collection[Pair] = (),
    kind: str = PART,
) -> Judged:
    """Judge pairs anew of which it was found that the one is inside the other, as a part of a
    merge; what is of a claim that has gone meanwhile counts no more. `fallen`: known ones of which
    that, evidence of this kind, is not found any more."""
    supported = _supported(connection, found.items())
    more = {pair: list(proofs) for pair, proofs in supported}
    pairs = {*more, *fallen, *found}
    for pair, proofs in _likeness(connection, found):
        more[pair] = [*more.get(pair, ()), *proofs]
    for pair, proofs in _likeness(connection, fallen):
        stays = (each for each in proofs if each.kind != kind)
        more[pair] = [*more.get(pair, ()), *stays]
    for pair, proofs in _hints(connection, pairs):
        more[pair] = [*more.get(pair, ()), *proofs]
    every = {pair: tuple(proofs) for pair, proofs in more.items()}
    return _judge(connection, secret, pairs, every, scan_pk=None, seen_at=None)


def files_of(connection: Connection, removal_pks: Collection[int]) -> set[int]:
    """Artifacts (by pk) that have a digest of these removals, by claims in force or not; and those
    that stand in one of them."""
    pks = sorted(removal_pks)
    found = {pk for chunk in chunks(pks) for pk, _ in _exact(connection, chunk, in_force=False)}
    found.update(pk for pk, _ in _by_xet(connection, pks, in_force=False))
    return found | within(connection, found)


def judge_files(connection: Connection, secret: bytes, artifact_pks: Collection[int]) -> Judged:
    """Judge all that is stored of these artifacts, for all removals in force. For when it may have
    changed of what was read of them whether it counts. No hub is asked."""
    if not artifact_pks:
        return Judged()
    from reseen.match.retroactive import copies_among, stated_among

    pairs = {*_known(connection, artifacts=artifact_pks), *_by_reading(connection, artifact_pks)}
    like = [*copies_among(connection, artifact_pks), *stated_among(connection, artifact_pks)]
    pk_of = _pks(connection, {removal for _, removal, _ in like})
    more: defaultdict[Pair, list[Evidence]] = defaultdict(list)
    leads = kept.leads_of(connection, _TOLD_ANEW, artifacts=artifact_pks)
    pairs.update((artifact, removal) for removal, artifact in leads)
    for pair, proofs in (*_likeness(connection, pairs), *_hints(connection, pairs, BY_WEIGHTS)):
        more[pair] += proofs
    for artifact_pk, removal, why in like:
        more[artifact_pk, pk_of[removal]].append(why)
    every = {pair: tuple(proofs) for pair, proofs in more.items()}
    return _judge(connection, secret, {*pairs, *every}, every, scan_pk=None, seen_at=None)


def judge_names(
    connection: Connection, secret: bytes, found: Mapping[Pair, tuple[Evidence, ...]]
) -> Judged:
    """Judge known pairs anew of which it was asked how their files are called: that, and no more
    than that, is what the name says of each."""
    more = {pair: [*proofs] for pair, proofs in found.items()}
    for pair, proofs in (*_likeness(connection, found), *_hints(connection, found, BY_NAME)):
        more[pair] += proofs
    every = {pair: tuple(proofs) for pair, proofs in more.items()}
    return _judge(connection, secret, every.keys(), every, scan_pk=None, seen_at=None)


def _plus(one: Judged, other: Judged) -> Judged:
    return Judged(one.new + other.new, one.lifted + other.lifted)


# -- which pairs are to be judged ----------------------------------------------------------------


def _exact(
    connection: Connection, removal_pks: list[int], *, in_force: bool = True
) -> Iterator[Pair]:
    """Pairs that share a digest: declared by the hub, or computed from bytes. `in_force`: by such
    claims only."""
    a, c, d = schema.artifacts.c, schema.claims.c, schema.digests.c
    read = schema.read_digests.c
    mine = (
        select(d.kind, d.value, c.removal_pk, c.size)
        .join(schema.claims, c.pk == d.claim_pk)
        .where(c.removal_pk.in_(removal_pks), c.in_force >= int(in_force))
        .where(d.kind.in_([int(kind) for kind in LONG]))
    )
    owners: defaultdict[tuple[int, bytes], set[int]] = defaultdict(set)
    pointers: defaultdict[bytes, set[int]] = defaultdict(set)
    for kind, value, removal_pk, size in connection.execute(mine):
        owners[kind, bytes(value)].add(removal_pk)
        if kind == DigestKind.SHA256 and size is not None:
            pointers[pointer_oid(value, size)].add(removal_pk)

    def look_up(values: Iterable[bytes], query: Any, column: Any, whose: Any) -> Iterator[Pair]:
        for some in chunks(values):
            for pk, value in connection.execute(query.where(column.in_(some))):
                yield from ((pk, removal_pk) for removal_pk in whose(bytes(value)))

    def of_kind(kind: DigestKind) -> list[bytes]:
        return [value for k, value in owners if k == kind]

    sha256, git = int(DigestKind.SHA256), int(DigestKind.GIT_BLOB)
    by_sha256 = select(a.pk, a.sha256)
    yield from look_up(of_kind(DigestKind.SHA256), by_sha256, a.sha256, lambda v: owners[sha256, v])
    by_oid: Select[Any] = select(a.pk, a.git_oid)
    plain = by_oid.where(a.flags.op("&")(LFS) == 0)
    yield from look_up(of_kind(DigestKind.GIT_BLOB), plain, a.git_oid, lambda v: owners[git, v])
    hidden = by_oid.where(a.sha256.is_(None))
    yield from look_up(pointers, hidden, a.git_oid, lambda v: pointers[v])
    held = [(read, kind) for kind in COMPARED]
    held += [(schema.stated_digests.c, kind) for kind in WEAK]
    for table, kind in held:
        number = int(kind)
        having = select(table.artifact_pk, table.value).where(table.kind == number)
        yield from look_up(
            of_kind(kind), having, table.value, lambda v, number=number: owners[number, v]
        )


def _by_xet(
    connection: Connection, removal_pks: Collection[int], *, in_force: bool = True
) -> set[Pair]:
    """There is no index of Xet hashes: few lists hold one. One pass, when any does."""
    a, c, d = schema.artifacts.c, schema.claims.c, schema.digests.c
    query = (
        select(d.value, c.removal_pk)
        .join(schema.claims, c.pk == d.claim_pk)
        .where(d.kind == int(DigestKind.XET), c.in_force >= int(in_force))
    )
    wanted = set(removal_pks)
    owners: defaultdict[bytes, set[int]] = defaultdict(set)
    for value, removal_pk in connection.execute(query):
        if removal_pk in wanted:
            owners[bytes(value)].add(removal_pk)
    if not owners:
        return set()
    rows = connection.execute(
        select(a.pk, a.xet).where(a.xet.is_not(None)).execution_options(yield_per=10_000)
    )
    return {(pk, removal) for pk, xet in rows for removal in owners.get(bytes(xet), ())}


def _known(
    connection: Connection,
    *,
    removals: Collection[int] = (),
    artifacts: Collection[int] = (),
) -> Iterator[Pair]:
    s = schema.sightings.c
    for column, pks in ((s.removal_pk, removals), (s.artifact_pk, artifacts)):
        for chunk in chunks(pks):
            query = select(s.artifact_pk, s.removal_pk).where(column.in_(chunk))
            yield from ((a, r) for a, r in connection.execute(query))


def _by_reading(connection: Connection, artifact_pks: Collection[int]) -> Iterator[Pair]:
    """Pairs that share a digest computed from the bytes of these artifacts."""
    c, d, read = schema.claims.c, schema.digests.c, schema.read_digests.c
    numbers = [int(kind) for kind in COMPARED]
    for chunk in chunks(artifact_pks):
        query = (
            select(read.artifact_pk, c.removal_pk)
            .join(schema.digests, (d.kind == read.kind) & (d.value == read.value))
            .join(schema.claims, c.pk == d.claim_pk)
            .where(read.artifact_pk.in_(chunk), read.kind.in_(numbers), c.in_force == 1)
        )
        yield from ((a, r) for a, r in connection.execute(query))


def _elsewhere(
    connection: Connection, removal_pks: list[int], *, everything: bool
) -> dict[Pair, tuple[Evidence, ...]]:
    """What stored rows tell beside whole digests: likeness of weights, short hashes."""
    from reseen.match.retroactive import beside_digests

    ids = _ids(connection, removal_pks)
    pk_of = {id: pk for pk, id in ids.items()}
    found: defaultdict[Pair, list[Evidence]] = defaultdict(list)
    only = None if everything else frozenset(ids.values())
    for artifact_pk, removal, why in beside_digests(connection, only):
        if removal in pk_of:
            found[artifact_pk, pk_of[removal]].append(why)
    return {pair: tuple(proofs) for pair, proofs in found.items()}


def _likeness(
    connection: Connection,
    pairs: Collection[Pair],
    rungs: Collection[Rung] = (Rung.COMPONENT, Rung.WEIGHTS),
) -> Iterator[tuple[Pair, tuple[Evidence, ...]]]:
    """Likeness as it was recorded of known sightings, where nobody looked anew."""
    s, e = schema.sightings.c, schema.evidence.c
    for chunk in chunks({artifact for artifact, _ in pairs}):
        query = (
            select(
                s.artifact_pk,
                s.removal_pk,
                e.rung.label("e_rung"),
                e.kind,
                e.value,
                e.why,
                e.figures,
            )
            .join(schema.evidence, e.sighting_pk == s.pk)
            .where(s.artifact_pk.in_(chunk), e.stands == 1)
            .where(e.rung.in_([int(rung) for rung in rungs]))
        )
        rows: defaultdict[Pair, list[Any]] = defaultdict(list)
        for row in connection.execute(query):
            rows[row.artifact_pk, row.removal_pk].append(row)
        found = [(p, kept.of_rows(some)) for p, some in rows.items() if p in pairs]
        yield from _supported(connection, found)


def _hints(
    connection: Connection, pairs: Collection[Pair], but: Collection[str] = ()
) -> Iterator[tuple[Pair, tuple[Evidence, ...]]]:
    """What was recorded of these pairs that only hints, but for these kinds: they are told anew."""
    wanted = {(removal, artifact) for artifact, removal in pairs}
    for (removal, artifact), hint in kept.hints(connection, wanted):
        if hint.kind not in but:
            yield (artifact, removal), (hint,)


def _components(
    connection: Connection, pairs: Collection[Pair]
) -> Iterator[tuple[Pair, tuple[Evidence, ...]]]:
    """What was found inside merges: it is asked again when a removal changed (`past_parts`), and
    counts as long as the claim does whose sketch it was."""
    return _likeness(connection, pairs, (Rung.COMPONENT,))


def _supported(
    connection: Connection, found: Collection[tuple[Pair, tuple[Evidence, ...]]]
) -> Iterator[tuple[Pair, tuple[Evidence, ...]]]:
    """The same without parts of merges that no claim in force has a sketch of."""
    inside = {pair[1] for pair, proofs in found if any(e.rung is Rung.COMPONENT for e in proofs)}
    names: Mapping[int, set[str]] = {}
    if inside:
        from reseen.match.registry_parts import names_of  # numpy, which few need

        names = names_of(connection, inside)
    for pair, proofs in found:
        mine = names.get(pair[1], ())
        stand = tuple(e for e in proofs if e.rung is not Rung.COMPONENT or e.value in mine)
        if stand:
            yield pair, stand


def _ids(connection: Connection, removal_pks: Collection[int]) -> dict[int, str]:
    r = schema.removals.c
    found: dict[int, str] = {}
    for chunk in chunks(removal_pks):
        found.update((pk, id) for pk, id in connection.execute(
            select(r.pk, r.id).where(r.pk.in_(chunk))
        ))  # fmt: skip
    return found


def _pks(connection: Connection, removals: Collection[str]) -> dict[str, int]:
    r = schema.removals.c
    found: dict[str, int] = {}
    for chunk in chunks(sorted(removals)):
        rows = connection.execute(select(r.id, r.pk).where(r.id.in_(chunk)))
        found.update((id, pk) for id, pk in rows)
    return found


# -- judging them --------------------------------------------------------------------------------


def _judge(
    connection: Connection,
    secret: bytes,
    pairs: Collection[Pair],
    more: Mapping[Pair, tuple[Evidence, ...]],
    *,
    scan_pk: int | None,
    seen_at: int | None,
) -> Judged:
    if not pairs:
        return Judged()
    files = _files(connection, {artifact for artifact, _ in pairs})
    claims, classes = _claims(connection, {removal for _, removal in pairs})
    standing: list[sightings.JudgedPair] = []
    for pair in sorted(pairs):
        artifact, removal = pair
        if removal not in classes:
            continue  # withdrawn: what was found of it stays as it was
        made = ladder.judge(
            files[artifact], claims.get(removal, ()), more.get(pair, ()), classes[removal]
        )
        if made is None:
            standing.append(sightings.JudgedPair(removal, artifact, Rung.UNSUPPORTED))
        else:
            standing.append(
                sightings.JudgedPair(removal, artifact, made.rung, made.confirmed, made.evidence)
            )
    settled = sightings.settle(connection, secret, standing, scan_pk=scan_pk, seen_at=seen_at)
    return Judged(
        new=tuple(one for one in settled if one.new),
        lifted=tuple(one for one in settled if one.lifted),
    )


def _files(connection: Connection, artifact_pks: Collection[int]) -> dict[int, FileFacts]:
    a, r, read = schema.artifacts.c, schema.readings.c, schema.read_digests.c
    found: dict[int, FileFacts] = {}
    told_by = digests_alone.told_by(connection, artifact_pks)
    for chunk in chunks(sorted(artifact_pks)):
        computed: defaultdict[int, dict[DigestKind, bytes]] = defaultdict(dict)
        for pk, kind, value in connection.execute(
            select(read.artifact_pk, read.kind, read.value).where(read.artifact_pk.in_(chunk))
        ):
            computed[pk][DigestKind(kind)] = bytes(value)
        on_disk = artifacts.on_disk(connection, computed)
        stated = embedded.of_artifacts(connection, chunk)
        by_store = stated_digests.of_artifacts(connection, chunk)
        rows = connection.execute(
            select(
                a.pk,
                a.size,
                a.sha256,
                a.xet,
                a.git_oid,
                a.flags,
                r.artifact_pk,
                r.container,
                r.data_size,
                r.layout,
                r.full,
                r.problem,
            )
            .outerjoin(schema.readings, r.artifact_pk == a.pk)
            .where(a.pk.in_(chunk))
        )
        for row in rows:
            header = None
            if row.artifact_pk is not None and (row.container or row.problem):
                container = Container(row.container) if row.container else None
                header = Header(container, row.data_size, row.layout, row.problem)
            found[row.pk] = FileFacts(
                size=row.size,
                declared={**as_stated.declared(row), **by_store.get(row.pk, {})},
                pointer=as_stated.pointer(row),
                read=computed[row.pk] if row.full else None,
                header=header,
                on_pointer=bool(row.flags & ON_POINTER),
                on_disk=row.pk in on_disk
                and row.sha256 is not None
                and computed[row.pk].get(DigestKind.SHA256) == row.sha256,
                alone=row.pk in told_by,
                in_archive=told_by.get(row.pk) is ClassToldBy.ARCHIVE,
                by_weights=told_by.get(row.pk) is ClassToldBy.WEIGHTS,
                embedded=stated.get(row.pk, ()),
            )
    return found


def _claims(
    connection: Connection, removal_pks: Collection[int]
) -> tuple[dict[int, list[ClaimFacts]], dict[int, RemovalClass]]:
    """Claims in force, by removal; and the classes of the removals that are in force."""
    c, d, r = schema.claims.c, schema.digests.c, schema.removals.c
    classes: dict[int, RemovalClass] = {}
    found: defaultdict[int, list[ClaimFacts]] = defaultdict(list)
    for chunk in chunks(sorted(removal_pks)):
        in_force = select(r.pk, r.cls).where(r.pk.in_(chunk), r.withdrawn_at.is_(None))
        classes.update((pk, RemovalClass(cls)) for pk, cls in connection.execute(in_force))
        mine = (c.removal_pk.in_(chunk)) & (c.in_force == 1)
        digests: defaultdict[int, dict[DigestKind, bytes]] = defaultdict(dict)
        held = select(d.claim_pk, d.kind, d.value).join(schema.claims, c.pk == d.claim_pk)
        for pk, kind, value in connection.execute(held.where(mine)):
            digests[pk][DigestKind(kind)] = bytes(value)
        rows = connection.execute(select(schema.claims).where(mine).order_by(c.pk)).all()
        inside = [row.pk for row in rows if row.container or _tells_of_tensors(digests, row.pk)]
        alone = digests_alone.such_claims(connection, inside)
        bare = digests_alone.without_weights(connection, alone)
        for row in rows:
            facts = ClaimFacts(
                digests=digests.get(row.pk, {}),
                size=row.size,
                container=Container(row.container) if row.container else None,
                data_size=row.data_size,
                layout=row.layout,
                learned=row.source == 1,
            )
            if row.pk in alone:
                facts = facts.outside(weights=row.pk not in bare)
            found[row.removal_pk].append(facts)
    return found, classes


def _tells_of_tensors(digests: Mapping[int, Mapping[DigestKind, bytes]], claim_pk: int) -> bool:
    return any(kind in OF_TENSORS for kind in digests.get(claim_pk, ()))
