"""Claims that what is known of a file contradicts: marked, for a person to look at.

A claim is contradicted where a file has one of its digests of the whole file and not another
(`fingerprints.kinds`): by bytes that were read, or, of a file that was not, by what a hub states of
it whose Xet hash, which nobody here computes, is the claim's. Where reading shows then that the hub
stated something false, and that the claim is true of the file, the claim waits for nobody any more.
So it depends on what was said and read, never on the order. Everything happens in the caller's
transaction; doing it again changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select, update

from reseen.fingerprints.kinds import WHOLE, contradicts
from reseen.observed import as_stated, stated_digests
from reseen.records import DigestKind
from reseen.registry.claims import LISTED
from reseen.store import schema
from reseen.store.database import chunks

_XET = int(DigestKind.XET)
_STATED = tuple(schema.artifacts.c[name] for name in ("pk", "sha256", "xet", "git_oid", "flags"))


def mark(connection: Connection, claim_pks: Iterable[int]) -> None:
    """These claims wait for a person, but for those at which one has looked."""
    c = schema.claims.c
    for chunk in chunks(sorted(set(claim_pks))):
        fresh = (c.pk.in_(chunk)) & (c.contradicted == 0)
        connection.execute(update(schema.claims).where(fresh).values(contradicted=1))


def by_files(connection: Connection, artifact_pks: Collection[int]) -> set[int]:
    """Mark claims of the Xet hash of one of these artifacts (by pk), and of other digests than it
    has; let those wait no more that it was said of before its bytes were read. Returns the
    artifacts that contradict any."""
    a = schema.artifacts.c
    query = select(*_STATED).where(a.xet.is_not(None))
    rows = [
        row
        for chunk in chunks(sorted(artifact_pks))
        for row in connection.execute(query.where(a.pk.in_(chunk)))
    ]
    return _mark_those(connection, rows, _claims_of(connection, {bytes(row.xet) for row in rows}))


def by_removals(connection: Connection, removal_pks: Collection[int] | None) -> None:
    """Mark claims of these removals (by pk; None: all) by any artifact. There is no index of Xet
    hashes: one pass, when one of them is of such a hash."""
    c, d = schema.claims.c, schema.digests.c
    query = (
        select(d.value, c.removal_pk)
        .join(schema.claims, c.pk == d.claim_pk)
        .where(d.kind == _XET, c.source == LISTED)
    )
    wanted = {
        bytes(value)
        for value, removal_pk in connection.execute(query)
        if removal_pks is None or removal_pk in removal_pks
    }
    if mine := _with_xet(connection, wanted):
        _mark_those(connection, mine, _claims_of(connection, wanted))


def _with_xet(connection: Connection, xets: Collection[bytes]) -> list[Any]:
    """The artifacts of which a hub states one of these."""
    if not xets:
        return []
    every = select(*_STATED).where(schema.artifacts.c.xet.is_not(None))
    rows = connection.execute(every.execution_options(yield_per=10_000))
    return [row for row in rows if bytes(row.xet) in xets]


def _mark_those(
    connection: Connection, rows: Collection[Any], claims: Mapping[bytes, Collection[int]]
) -> set[int]:
    rows = [row for row in rows if bytes(row.xet) in claims]
    if not rows:
        return set()
    told = _contradicting(connection, rows, claims)
    mark(connection, told.contradicted)
    _let_go(connection, told.stated_only - told.contradicted)
    return told.files


@dataclass(frozen=True, slots=True)
class _Contradicting:
    """What artifacts tell of claims that have their Xet hashes."""

    contradicted: set[int]
    """Claims."""
    stated_only: set[int]
    """Claims that what a hub states contradicts, and what was read of the file does not."""
    files: set[int]
    """Artifacts that contradict a claim."""


def _contradicting(
    connection: Connection, rows: Collection[Any], claims: Mapping[bytes, Collection[int]]
) -> _Contradicting:
    about = {pk for some in claims.values() for pk in some}
    said = digests_of(connection, schema.digests, "claim_pk", about)
    read = digests_of(connection, schema.read_digests, "artifact_pk", {row.pk for row in rows})
    told = _Contradicting(set(), set(), set())
    by_store = stated_digests.of_artifacts(connection, [row.pk for row in rows])
    for row in rows:
        stated = {**as_stated.declared(row), **by_store.get(row.pk, {})}
        for claim_pk in claims[bytes(row.xet)]:
            if contradicts({**stated, **read[row.pk]}, said[claim_pk]):
                told.contradicted.add(claim_pk)
                told.files.add(row.pk)
            elif contradicts(stated, said[claim_pk]):
                told.stated_only.add(claim_pk)
    return told


def _let_go(connection: Connection, claim_pks: Collection[int]) -> None:
    """These claims wait for nobody, but where another file contradicts one. Asked only where a hub
    was found to state something false."""
    c, d, read = schema.claims.c, schema.digests.c, schema.read_digests.c
    waiting = {
        pk
        for chunk in chunks(sorted(claim_pks))
        for pk in connection.scalars(select(c.pk).where(c.pk.in_(chunk), c.contradicted == 1))
    }
    if not waiting:
        return
    said = digests_of(connection, schema.digests, "claim_pk", waiting)
    xets = {digests[DigestKind.XET] for digests in said.values() if DigestKind.XET in digests}
    waiting -= _contradicting(
        connection, _with_xet(connection, xets), _claims_of(connection, xets)
    ).contradicted
    for pk in sorted(waiting):
        same = (
            select(read.artifact_pk)
            .join(schema.digests, (d.kind == read.kind) & (d.value == read.value))
            .where(d.claim_pk == pk, read.kind.in_([int(kind) for kind in WHOLE]))
        )
        files = set(connection.scalars(same))
        computed = digests_of(connection, schema.read_digests, "artifact_pk", files)
        if not any(contradicts(each, said[pk]) for each in computed.values()):
            connection.execute(update(schema.claims).where(c.pk == pk).values(contradicted=0))


def _claims_of(connection: Connection, xets: Iterable[bytes]) -> dict[bytes, list[int]]:
    c, d = schema.claims.c, schema.digests.c
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    for chunk in chunks(sorted(xets)):
        query = (
            select(d.value, c.pk)
            .join(schema.claims, c.pk == d.claim_pk)
            .where(d.kind == _XET, d.value.in_(chunk), c.source == LISTED)
        )
        for value, pk in connection.execute(query):
            found[bytes(value)].append(pk)
    return found


def digests_of(
    connection: Connection, table: Table, column: str, pks: Collection[int]
) -> dict[int, dict[DigestKind, bytes]]:
    """Of claims or of what was read, by the pk in this column."""
    found: dict[int, dict[DigestKind, bytes]] = {pk: {} for pk in pks}
    whose = table.c[column]
    for chunk in chunks(sorted(pks)):
        query = select(whose, table.c.kind, table.c.value).where(whose.in_(chunk))
        for pk, kind, value in connection.execute(query):
            found[pk][DigestKind(kind)] = bytes(value)
    return found
