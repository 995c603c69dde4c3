"""What was removed: put in, read out, learned about, withdrawn, revealed.

What comes in and goes out are `records.Removal`s, with nothing sealed in them; names come out of
`reveal` alone, which is audited. Everything happens in the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select, tuple_, update

from reseen.errors import NotFound, SealError
from reseen.fingerprints.known_bogus import why_bogus
from reseen.observed import sketches
from reseen.observed.artifacts import instant
from reseen.records import (
    Container,
    Digest,
    DigestKind,
    Fingerprint,
    Names,
    Removal,
    RemovedFile,
)
from reseen.store import audit, change_log, ids, links, schema
from reseen.store.database import chunks, insert_many, now, reserve
from reseen.store.sealing import Keyring

_EPOCH = date(1970, 1, 1)
_PAGE = 1000

REMOVAL_COLUMNS = ("pk", "id", "list", "site", "removed_on", "added_at", "sealed")
FILE_COLUMNS = ("pk", "removal_pk", "size", "container", "data_size", "layout")
DIGEST_COLUMNS = ("kind", "value", "file_pk", "learned")
TOKEN_COLUMNS = ("token", "removal_pk", "field")


@dataclass(frozen=True, slots=True)
class New:
    """A removal to put in."""

    list: str
    site: str | None
    removed_on: date | None
    names: Names
    files: tuple[RemovedFile, ...]


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
        if holds_some:
            for chunk in chunks(drawn):
                taken.update(connection.scalars(select(removals.id).where(removals.id.in_(chunk))))
        for id in drawn:
            if id not in taken:
                taken.add(id)
                new.append(id)
    return new


def days(day: date | None) -> int | None:
    """A date as the store keeps it: days since 1970."""
    return None if day is None else (day - _EPOCH).days


def day(days: int | None) -> date | None:
    """And back."""
    return None if days is None else _EPOCH + timedelta(days=days)


def insert(connection: Connection, keyring: Keyring, new: Sequence[New]) -> list[str]:
    """Put removals in, in bulk, and return their ids in the same order. Short digests that a longer
    one of the same file implies are not stored. Checks nothing for doubles."""
    if not new:
        return []
    drawn = new_ids(connection, len(new))
    pks = reserve(connection, schema.removals, len(new))
    file_pks = iter(reserve(connection, schema.removed_files, sum(len(n.files) for n in new)))
    at = now()
    rows: list[tuple[Any, ...]] = []
    files: list[tuple[Any, ...]] = []
    digests: list[tuple[Any, ...]] = []
    made: list[tuple[int, bytes]] = []
    tokens: list[tuple[Any, ...]] = []
    for pk, id, n in zip(pks, drawn, new, strict=True):
        site = links.normal_site(n.site) if n.site else None
        rows.append((pk, id, n.list, site, days(n.removed_on), at, keyring.seal(n.names, id)))
        tokens.extend((token, pk, int(field)) for field, token in keyring.tokens(n.names))
        for file in n.files:
            file_pk = next(file_pks)
            files.append(_file_row(file_pk, pk, file))
            digests.extend((int(d.kind), d.value, file_pk, 0) for d in kept(file.digests))
            if file.sketch is not None:
                made.append((file_pk, file.sketch))
    insert_many(connection, schema.removals, REMOVAL_COLUMNS, rows)
    insert_many(connection, schema.removed_files, FILE_COLUMNS, files)
    # In key order the tables' trees grow at one end: several times faster for a long list.
    insert_many(connection, schema.digests, DIGEST_COLUMNS, sorted(digests), ignore=True)
    insert_many(connection, schema.sealed_index, TOKEN_COLUMNS, sorted(tokens), ignore=True)
    sketches.keep_removed(connection, made)
    change_log.note(connection, pks)
    return drawn


def _file_row(file_pk: int, removal_pk: int, file: RemovedFile) -> tuple[Any, ...]:
    container = None if file.container is None else file.container.value
    return (file_pk, removal_pk, file.size, container, file.data_size, file.layout)


def kept(digests: Iterable[Digest]) -> list[Digest]:
    """The digests worth storing: neither bogus nor implied by a longer one beside them."""
    digests = tuple(digests)
    long = {d.kind: d.value for d in digests if not d.kind.is_short}
    implied = {
        DigestKind.AUTOV2: long.get(DigestKind.SHA256, b"")[:5],
        DigestKind.AUTOV3: long.get(DigestKind.DATA_SHA256, b"")[:6],
    }
    return [d for d in digests if d.value != implied.get(d.kind) and why_bogus(d) is None]


def add_file(connection: Connection, removal_pk: int, file: RemovedFile) -> int:
    """One more file for a removal; returns its pk."""
    (file_pk,) = reserve(connection, schema.removed_files, 1)
    row = _file_row(file_pk, removal_pk, file)
    insert_many(connection, schema.removed_files, FILE_COLUMNS, [row])
    add_digests(connection, file_pk, file.digests)
    if file.sketch is not None:
        sketches.keep_removed(connection, [(file_pk, file.sketch)])
    change_log.note(connection, [removal_pk])
    return file_pk


def add_digests(
    connection: Connection, file_pk: int, digests: Sequence[Digest], *, learned: bool = False
) -> int:
    """More digests for a file; returns how many were new."""
    table = schema.digests.c
    query = select(table.kind, table.value).where(table.file_pk == file_pk)
    known = {(row.kind, row.value) for row in connection.execute(query)}
    new = {(int(d.kind), d.value) for d in kept(digests)} - known
    rows = [(kind, value, file_pk, int(learned)) for kind, value in sorted(new)]
    insert_many(connection, schema.digests, DIGEST_COLUMNS, rows, ignore=True)
    return len(rows)


def learn(connection: Connection, file_pk: int, fingerprint: Fingerprint) -> int:
    """Keep what a full reading of the same bytes taught about a file: digests and the sketch;
    returns how many of them were new. What the file says of itself is not learned: it may lie."""
    table = schema.removed_files.c
    known = connection.execute(
        select(
            *(table.size, table.container, table.data_size, table.layout, table.removal_pk)
        ).where(table.pk == file_pk)
    ).one_or_none()
    if known is None:
        raise NotFound("there is no such file of a removal")
    told = {
        "size": fingerprint.size,
        "container": fingerprint.container.value,
        "data_size": fingerprint.data_size,
        "layout": fingerprint.layout,
    }
    missing = {k: v for k, v in told.items() if v is not None and known._mapping[k] is None}
    if missing:
        connection.execute(update(schema.removed_files).where(table.pk == file_pk).values(missing))
    new = add_digests(connection, file_pk, fingerprint.digests, learned=True)
    if fingerprint.sketch is not None:
        new += sketches.keep_removed(connection, [(file_pk, fingerprint.sketch)])
    if new or missing:
        change_log.note(connection, [known.removal_pk])
    return new


def set_names(connection: Connection, keyring: Keyring, removal: str, names: Names) -> None:
    """Seal names anew and index them (the old ones' tokens stay: they were true once)."""
    row = _row(connection, removal)
    connection.execute(
        update(schema.removals)
        .where(schema.removals.c.pk == row.pk)
        .values(sealed=keyring.seal(names, row.id))
    )
    tokens = [(token, row.pk, int(field)) for field, token in keyring.tokens(names)]
    insert_many(connection, schema.sealed_index, TOKEN_COLUMNS, tokens, ignore=True)


def add_names(connection: Connection, keyring: Keyring, removal: str, more: Names) -> bool:
    """Add what is not known yet of a removal's names; whether there was anything. What is known
    is not replaced."""
    row = _row(connection, removal)
    old = Names() if row.sealed is None else keyring.open(row.sealed, row.id)
    names = Names(
        name=old.name or more.name,
        trigger_words=tuple(dict.fromkeys(old.trigger_words + more.trigger_words)),
        url=old.url or more.url,
        model_id=old.model_id or more.model_id,
        version_id=old.version_id or more.version_id,
        file_names=tuple(dict.fromkeys(old.file_names + more.file_names)),
        reason=old.reason or more.reason,
    )
    if names == old:
        return False
    set_names(connection, keyring, row.id, names)
    return True


def holders(
    connection: Connection, digests: Sequence[Digest]
) -> dict[Digest, list[tuple[int, int]]]:
    """For each digest that is known: (removal pk, file pk), withdrawn removals too."""
    table, files = schema.digests.c, schema.removed_files.c
    found: dict[Digest, list[tuple[int, int]]] = defaultdict(list)
    for chunk in chunks(dict.fromkeys(digests), 200):
        wanted = [(int(d.kind), d.value) for d in chunk]
        query = (
            select(table.kind, table.value, files.removal_pk, table.file_pk)
            .join(schema.removed_files, files.pk == table.file_pk)
            .where(tuple_(table.kind, table.value).in_(wanted))
            .order_by(table.file_pk)
        )
        for kind, value, removal_pk, file_pk in connection.execute(query):
            found[Digest(DigestKind(kind), value)].append((removal_pk, file_pk))
    return dict(found)


def pk_of(connection: Connection, removal: str) -> int:
    """Raises NotFound."""
    return int(_row(connection, removal).pk)


def last_pk(connection: Connection) -> int:
    """The pk of the last removal that was put in; 0 for none."""
    return connection.scalar(select(func.max(schema.removals.c.pk))) or 0


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
    """All, oldest first, streamed; `withdrawn` None: both kinds."""
    table = schema.removals.c
    query = select(schema.removals).order_by(table.pk).limit(_PAGE)
    if list is not None:
        query = query.where(table.list == list)
    if withdrawn is not None:
        gone = table.withdrawn_at.is_not(None)
        query = query.where(gone if withdrawn else ~gone)
    last = 0
    while rows := connection.execute(query.where(table.pk > last)).all():
        yield from _load(connection, rows)
        last = rows[-1].pk


def count(connection: Connection, *, withdrawn: bool | None = None) -> int:
    """How many there are."""
    query = select(func.count()).select_from(schema.removals)
    if withdrawn is not None:
        gone = schema.removals.c.withdrawn_at.is_not(None)
        query = query.where(gone if withdrawn else ~gone)
    return int(connection.scalar(query) or 0)


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
    return _turn(connection, keyring, removal, why, restored=False, actor=actor)


def restore(
    connection: Connection,
    keyring: Keyring | None,
    removal: str,
    why: str,
    *,
    actor: str | None = None,
) -> bool:
    """The way back."""
    return _turn(connection, keyring, removal, why, restored=True, actor=actor)


def _turn(
    connection: Connection,
    keyring: Keyring | None,
    removal: str,
    why: str,
    *,
    restored: bool,
    actor: str | None,
) -> bool:
    row = _row(connection, removal)
    if (row.withdrawn_at is None) == restored:
        return False
    if keyring is None:
        raise SealError(
            "the reason cannot be sealed without the key",
            remedy="Give the key in RESEEN_KEY or RESEEN_KEY_FILE.",
        )
    at = now()
    connection.execute(
        update(schema.removals)
        .where(schema.removals.c.pk == row.pk)
        .values(withdrawn_at=None if restored else at)
    )
    connection.execute(
        schema.withdrawals.insert(),
        [
            {
                "removal_pk": row.pk,
                "at": at,
                "restored": int(restored),
                "sealed": keyring.seal_text(why, row.id),
            }
        ],
    )
    change_log.note(connection, [row.pk])
    audit.write(connection, "restore" if restored else "withdraw", row.id, actor=actor)
    return True


def reveal(connection: Connection, keyring: Keyring, removal: str) -> Names:
    """The names in clear: needs a write transaction, since it is audited."""
    row = _row(connection, removal)
    names = Names() if row.sealed is None else keyring.open(row.sealed, row.id)
    audit.write(connection, "reveal", row.id)
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
        raise NotFound("there is no such removal", remedy="`reseen registry list` shows them.")
    return row


def _load(connection: Connection, rows: Sequence[Row[Any]]) -> list[Removal]:
    """The removals of these rows (in pk order) with files, digests and sketches."""
    files = schema.removed_files.c
    theirs: ColumnElement[bool] = files.removal_pk.in_([row.pk for row in rows])
    if len(rows) == _PAGE:  # a page of `every`: nearly all between its ends are wanted
        theirs = files.removal_pk.between(rows[0].pk, rows[-1].pk)
    digests_of: dict[int, list[Digest]] = defaultdict(list)
    digests = schema.digests.c
    query = (
        select(digests.file_pk, digests.kind, digests.value)
        .join(schema.removed_files, files.pk == digests.file_pk)
        .where(theirs)
        .order_by(digests.file_pk, digests.kind, digests.value)
    )
    for file_pk, kind, value in connection.execute(query):
        digests_of[file_pk].append(Digest(DigestKind(kind), value))
    files_of: dict[int, list[RemovedFile]] = defaultdict(list)
    theirs_in_order = select(schema.removed_files).where(theirs).order_by(files.pk)
    all_files = connection.execute(theirs_in_order).all()
    sketch_of = sketches.of_files(connection, [file.pk for file in all_files])
    for row in all_files:
        files_of[row.removal_pk].append(
            RemovedFile(
                digests=tuple(digests_of.get(row.pk, ())),
                size=row.size,
                container=None if row.container is None else Container(row.container),
                data_size=row.data_size,
                layout=row.layout,
                sketch=sketch_of.get(row.pk),
            )
        )
    return [
        Removal(
            id=row.id,
            list=row.list,
            site=row.site,
            removed_on=day(row.removed_on),
            added_at=instant(row.added_at),
            withdrawn_at=instant(row.withdrawn_at),
            files=tuple(files_of.get(row.pk, ())),
        )
        for row in rows
    ]
