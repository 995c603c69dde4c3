"""Removals: read out, withdrawn, revealed.

What comes in and goes out are `records.Removal`s, with nothing sealed in them; names come out of
`reveal` alone, which is audited. What is known of a removal are its `claims`. Everything happens in
the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, func, or_, select, tuple_

from reseen.errors import NotFound
from reseen.fingerprints.kinds import LONG, LONG_OF
from reseen.fingerprints.known_bogus import why_bogus
from reseen.observed import sketches
from reseen.observed.artifacts import instant
from reseen.records import Digest, DigestKind, Names, Removal, RemovalClass
from reseen.registry import claims, stands_in
from reseen.store import audit, ids, schema
from reseen.store.database import chunks, those_there
from reseen.store.sealing import Keyring

_PAGE = 1000

DIGEST_COLUMNS = ("kind", "value", "claim_pk")
TOKEN_COLUMNS = ("token", "claim_pk", "field")


@dataclass(frozen=True, slots=True, repr=False)
class Withdrawal:
    """One withdrawing or restoring, with its reason in clear."""

    at: datetime
    restored: bool
    why: str


def new_ids(connection: Connection, count: int) -> list[str]:
    """Opaque ids that nobody has: "rm-" and 8 of Crockford's base-32 digits, at random."""
    taken: set[str] = set()
    new: list[str] = []
    removals = schema.removals.c
    holds_some = connection.scalar(select(removals.pk).limit(1)) is not None
    while len(new) < count:
        drawn = ids.draw(count - len(new))
        if not holds_some and not new and len(set(drawn)) == count:
            return drawn
        if holds_some:
            taken.update(those_there(connection, removals.id, drawn))
        for id in drawn:
            if id not in taken:
                taken.add(id)
                new.append(id)
    return new


def kept(digests: Sequence[Digest]) -> Sequence[Digest]:
    """The digests worth storing: neither bogus nor implied by a longer one beside them."""
    if len(digests) == 1:  # of most rows of a list
        return digests if why_bogus(digests[0]) is None else ()
    long = {d.kind: d.value for d in digests if not d.kind.is_short}
    implied = {short: long.get(kind, b"")[: short.length] for short, kind in LONG_OF.items()}
    worth = dict.fromkeys(digests)  # no doubles
    return [d for d in worth if d.value != implied.get(d.kind) and why_bogus(d) is None]


def holders(
    connection: Connection, digests: Sequence[Digest]
) -> dict[Digest, list[tuple[int, int]]]:
    """For each digest that is known: (removal pk, claim pk), whether in force or not."""
    table, c = schema.digests.c, schema.claims.c
    found: dict[Digest, list[tuple[int, int]]] = defaultdict(list)
    for chunk in chunks(dict.fromkeys(digests), 200):
        wanted = [(int(d.kind), d.value) for d in chunk]
        query = (
            select(table.kind, table.value, c.removal_pk, table.claim_pk)
            .join(schema.claims, c.pk == table.claim_pk)
            .where(tuple_(table.kind, table.value).in_(wanted))
            .order_by(table.claim_pk)
        )
        for kind, value, removal_pk, claim_pk in connection.execute(query):
            found[Digest(DigestKind(kind), value)].append((removal_pk, claim_pk))
    return dict(found)


def ids_of(connection: Connection, pks: Iterable[int]) -> list[str]:
    """The ids of these removals."""
    table = schema.removals.c
    return [
        id
        for some in chunks(pks)
        for id in connection.scalars(select(table.id).where(table.pk.in_(some)))
    ]


def pks_of(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """The pks of these removals, by id; ids that nobody has are left out."""
    table = schema.removals.c
    found: dict[str, int] = {}
    for some in chunks(ids):
        rows = connection.execute(select(table.id, table.pk).where(table.id.in_(some)))
        found.update((id, pk) for id, pk in rows)
    return found


def by_id(connection: Connection, removal: str) -> Removal:
    """One removal with its files and digests. Raises NotFound."""
    return _load(connection, [_row(connection, removal)])[0]


def by_pks(connection: Connection, pks: Iterable[int]) -> list[Removal]:
    """Those that there are, oldest first."""
    found: list[Removal] = []
    for chunk in chunks(sorted(set(pks))):
        query = select(schema.removals).where(schema.removals.c.pk.in_(chunk))
        found.extend(_load(connection, connection.execute(query.order_by("pk")).all()))
    return found


def every(
    connection: Connection, *, list: str | None = None, withdrawn: bool | None = None
) -> Iterator[Removal]:
    """All, oldest first, streamed; `withdrawn` None: both kinds. `list`: of which that list says
    something that is in force, or where `withdrawn` is not False, anything."""
    table = schema.removals.c
    query = select(schema.removals).where(_is_one()).order_by(table.pk).limit(_PAGE)
    if list is not None:
        c, lists = schema.claims.c, schema.lists.c
        said = select(c.removal_pk).join(schema.lists, lists.pk == c.list_pk)
        said = said.where(lists.name == list)
        query = query.where(
            table.pk.in_(said.where(c.in_force == 1) if withdrawn is False else said)
        )
    if withdrawn is not None:
        gone = table.withdrawn_at.is_not(None)
        query = query.where(gone if withdrawn else ~gone)
    last = 0
    while rows := connection.execute(query.where(table.pk > last)).all():
        yield from _load(connection, rows)
        last = rows[-1].pk


def _is_one() -> ColumnElement[bool]:
    """The condition on `removals`: its claims have not all gone to another, of which a list said
    later that it is the same."""
    c, r, m = schema.claims.c, schema.removals.c, schema.claim_moves.c
    return or_(r.pk.not_in(select(m.from_pk)), exists().where(c.removal_pk == r.pk))


def count(connection: Connection, *, withdrawn: bool | None = None) -> int:
    """How many there are."""
    query = select(func.count()).select_from(schema.removals).where(_is_one())
    if withdrawn is not None:
        gone = schema.removals.c.withdrawn_at.is_not(None)
        query = query.where(gone if withdrawn else ~gone)
    return int(connection.scalar(query) or 0)


def count_unfindable(connection: Connection, but: Iterable[str] = ()) -> int:
    """How many in force have neither a full digest nor a sketch by a claim in force: no scan finds
    them. `but`: removals (by id) that are not counted."""
    c, d, r = schema.claims.c, schema.digests.c, schema.removals.c
    theirs = (c.removal_pk == r.pk, c.in_force == 1)
    full = exists().where(*theirs, d.claim_pk == c.pk, d.kind.in_([int(kind) for kind in LONG]))
    sketched = exists().where(*theirs, c.pk.in_(sketches.claims_with()))
    query = select(func.count()).select_from(schema.removals)
    query = query.where(r.withdrawn_at.is_(None), ~full, ~sketched)
    count = int(connection.scalar(query) or 0)
    for some in chunks(sorted(set(but))):
        count -= int(connection.scalar(query.where(r.id.in_(some))) or 0)
    return count


def withdraw(
    connection: Connection,
    keyring: Keyring | None,
    removal: str,
    why: str,
    *,
    actor: str | None = None,
) -> bool:
    """Take a removal out of force; False if it was out already. Audited; the reason is sealed
    (raises SealError without a key). `actor`: who, as the audit log names them."""
    row = _row(connection, removal)
    return claims.withdraw_removal(
        connection, keyring, row.pk, row.id, why, restored=False, actor=actor
    )


def restore(
    connection: Connection,
    keyring: Keyring | None,
    removal: str,
    why: str,
    *,
    actor: str | None = None,
) -> bool:
    """The way back."""
    row = _row(connection, removal)
    return claims.withdraw_removal(
        connection, keyring, row.pk, row.id, why, restored=True, actor=actor
    )


def names_of(connection: Connection, keyring: Keyring, removal_pk: int, id: str) -> Names:
    """What its claims in force (of a withdrawn removal: all) say, put together: the first of each;
    trigger words and file names of all. Reveals: see `reveal`."""
    c = schema.claims.c
    query = (
        select(c.sealed, c.in_force)
        .where(c.removal_pk == removal_pk, c.sealed.is_not(None))
        .order_by(c.pk)
    )
    rows = connection.execute(query).all()
    told = [row for row in rows if row.in_force] or rows
    found = Names()
    for row in told:
        more = keyring.open(row.sealed, id)
        found = Names(
            name=found.name or more.name,
            trigger_words=tuple(dict.fromkeys(found.trigger_words + more.trigger_words)),
            url=found.url or more.url,
            model_id=found.model_id or more.model_id,
            version_id=found.version_id or more.version_id,
            file_names=tuple(dict.fromkeys(found.file_names + more.file_names)),
            reason=found.reason or more.reason,
        )
    return found


def reveal(
    connection: Connection, keyring: Keyring, removal: str, *, actor: str | None = None
) -> Names:
    """The names in clear: needs a write transaction, since it is audited."""
    row = _row(connection, removal)
    names = names_of(connection, keyring, row.pk, row.id)
    audit.write(connection, "reveal", row.id, actor=actor)
    return names


def history(connection: Connection, keyring: Keyring, removal: str) -> tuple[Withdrawal, ...]:
    """Every withdrawing and restoring with its reason, oldest first. Show it with `reveal` only."""
    row = _row(connection, removal)
    table = schema.withdrawals.c
    query = select(schema.withdrawals).where(table.removal_pk == row.pk).order_by(table.pk)
    return tuple(
        Withdrawal(
            at=instant(turn.at),
            restored=bool(turn.restored),
            why=keyring.open_text(turn.sealed, row.id),
        )
        for turn in connection.execute(query)
    )


def _row(connection: Connection, removal: str) -> Row[Any]:
    query = select(schema.removals).where(schema.removals.c.id == ids.given(removal))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound.of("removal", removal, "`reseen registry list` shows them.")
    pk = stands_in.where(connection, row.pk)
    if pk == row.pk:
        return row
    return connection.execute(select(schema.removals).where(schema.removals.c.pk == pk)).one()


def _load(connection: Connection, rows: Sequence[Row[Any]]) -> list[Removal]:
    """The removals of these rows (in pk order) with their claims."""
    said = claims.of_removals(connection, [row.pk for row in rows], between=len(rows) == _PAGE)
    return [
        Removal(
            id=row.id,
            added_at=instant(row.added_at),
            withdrawn_at=instant(row.withdrawn_at),
            cls=RemovalClass(row._mapping[schema.removals.c.cls]),
            claims=said.get(row.pk, ()),
        )
        for row in rows
    ]
