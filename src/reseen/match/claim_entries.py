"""Claims in force as the index holds them, read from the store: those that changed.

A claim stands with the removal that it is about, the lists that it is to be counted for (for what
was learned from bytes: those of the claims it rests on), and which long digests it has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from reseen.fingerprints.git import pointer_oid
from reseen.fingerprints.kinds import OF_TENSORS
from reseen.match.digests_alone import such_claims, without_weights
from reseen.match.ladder import ClaimFacts
from reseen.records import Container, DigestKind, RemovalClass
from reseen.store.database import chunks
from reseen.store.schema import claims, digests, learned_from, removals

POINTER = 0
"""Beside the kinds of digests, which count from 1: git oids of LFS pointers."""
LENGTHS = (20, *(kind.length for kind in sorted(DigestKind)))
"""Bytes of a value, by kind."""
ID = 16
"""Bytes an id takes, as the schema bounds it."""
LEARNED = 1
"""`claims.source` of what was computed from bytes."""


@dataclass(frozen=True, slots=True)
class ClaimEntry:
    """One claim in force."""

    claim_pk: int
    facts: ClaimFacts
    """Without its digests."""
    digests: tuple[tuple[int, bytes], ...]
    """(kind or POINTER, value); the pointer is among them where it can be told."""
    lists: tuple[int, ...] = ()
    """By the store's numbers."""
    alone: bool = False
    """Only its digests count, and no sketch of the file."""

    @property
    def held(self) -> int:
        """The kinds it has, as `kinds.bits`."""
        made = 0
        for kind, _ in self.digests:
            made |= 1 << kind
        return made & ~1


@dataclass(frozen=True, slots=True)
class RemovalEntry:
    """A removal in force."""

    pk: int
    id: str
    claims: tuple[ClaimEntry, ...]
    cls: RemovalClass = RemovalClass.OTHER


def read_changed(connection: Connection, pks: Collection[int]) -> dict[int, RemovalEntry | None]:
    """These removals as they are; None for one that is not in force."""
    found: dict[int, RemovalEntry | None] = dict.fromkeys(pks)
    for chunk in chunks(sorted(found)):
        _read(connection, chunk, found)
    return found


def _read(connection: Connection, pks: list[int], found: dict[int, RemovalEntry | None]) -> None:
    r, c, d = removals.c, claims.c, digests.c
    ids = {
        pk: (id, RemovalClass(cls))
        for pk, id, cls in connection.execute(
            select(r.pk, r.id, r.cls).where(r.pk.in_(pks), r.withdrawn_at.is_(None))
        )
    }
    mine = (c.removal_pk.in_(list(ids))) & (c.in_force == 1)
    rows = connection.execute(select(claims).where(mine).order_by(c.pk)).all()
    held: defaultdict[int, list[tuple[int, bytes]]] = defaultdict(list)
    size_of = {row.pk: row.size for row in rows}
    of_mine = select(d.claim_pk, d.kind, d.value).join(claims, c.pk == d.claim_pk).where(mine)
    for claim_pk, kind, value in connection.execute(of_mine.order_by(d.kind, d.value)):
        if 0 < kind < len(LENGTHS) and len(value) == LENGTHS[kind]:
            held[claim_pk].append((kind, bytes(value)))
            size = size_of[claim_pk]
            if kind == DigestKind.SHA256 and size is not None:
                held[claim_pk].append((POINTER, pointer_oid(value, size)))
    rests = lists_of_learned(connection, [row.pk for row in rows if row.source == LEARNED])
    tensors = [pk for pk, some in held.items() if any(kind in OF_TENSORS for kind, _ in some)]
    alone = such_claims(connection, {*tensors, *(row.pk for row in rows if row.container)})
    bare = without_weights(connection, alone)
    by_removal: defaultdict[int, list[ClaimEntry]] = defaultdict(list)
    for row in rows:
        learned = row.source == LEARNED
        facts = ClaimFacts(
            digests={},
            size=row.size,
            container=Container(row.container) if row.container else None,
            data_size=row.data_size,
            layout=None if row.layout is None else bytes(row.layout),
            learned=learned,
        )
        lists = rests.get(row.pk, ()) if learned else (row.list_pk,)
        entry = ClaimEntry(row.pk, facts, tuple(held[row.pk]), lists)
        if row.pk in alone:
            entry = _outside(entry, weights=row.pk not in bare)
        by_removal[row.removal_pk].append(entry)
    for pk, (id, cls) in ids.items():
        found[pk] = RemovalEntry(pk, id, tuple(by_removal[pk]), cls)


def _outside(entry: ClaimEntry, *, weights: bool) -> ClaimEntry:
    """`weights`: the digests of its weights count all the same."""
    digests = tuple(each for each in entry.digests if weights or each[0] not in OF_TENSORS)
    return replace(entry, facts=entry.facts.outside(), digests=digests, alone=True)


def lists_of_learned(
    connection: Connection, learned: Collection[int] | None
) -> Mapping[int, tuple[int, ...]]:
    """Learned claims (None: all) -> the lists of the claims in force on which they rest."""
    c, link = claims.c, learned_from.c
    query = (
        select(link.learned_pk, c.list_pk)
        .join(claims, c.pk == link.claim_pk)
        .where(c.in_force == 1)
    )
    found: defaultdict[int, set[int]] = defaultdict(set)
    if learned is None:
        for pk, list_pk in connection.execute(query):
            found[pk].add(list_pk)
    else:
        for chunk in chunks(learned):
            for pk, list_pk in connection.execute(query.where(link.learned_pk.in_(chunk))):
                found[pk].add(list_pk)
    return {pk: tuple(sorted(some)) for pk, some in found.items()}
