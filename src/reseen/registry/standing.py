"""Removals of the store <-> `Standing`s, for the length of one import.

What comes in: a connection in a write transaction, drafts, and what a merger made of them. What
goes out: the standing removals that the drafts may be about; then rows, in bulk and in the order
of the tables' keys, so that their trees grow at one end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from struct import Struct
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from reseen.records import DigestKind, Names
from reseen.registry.beside import beside
from reseen.registry.drafts import FULL, Draft
from reseen.registry.merging import Key, Merger, Standing, StandingFile, join
from reseen.registry.removals import (
    DIGEST_COLUMNS,
    FILE_COLUMNS,
    REMOVAL_COLUMNS,
    TOKEN_COLUMNS,
    day,
    days,
    new_ids,
)
from reseen.store import schema
from reseen.store.database import chunks, insert_many, now, reserve
from reseen.store.sealing import Field, Keyring

_TOKEN = Struct(">16sqB")
"""A row of the index: token, pk, field. Sorted as bytes, such rows are in the order of its key."""
_LENGTH = Struct(">Q")
_MANY = 20_000
"""Removals from which on a second process pays."""


class Reader:
    """Reads from the store what a list's drafts may be about."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring

    def tell(self, merger: Merger, drafts: Sequence[Draft]) -> None:
        """Let a merger know every removal that one of the drafts may belong to."""
        removals = schema.removals.c
        if self._connection.scalar(select(removals.pk).limit(1)) is None:
            return  # a new registry: nothing to look up
        keys = self._by_written_keys({draft.otherwise for draft in drafts if draft.otherwise})
        likely, doubtful = self._by_ids({draft.source for draft in drafts if draft.source})
        standings = self._load(sorted(self._by_digests(drafts) | keys.keys() | likely.keys()))
        for pk, theirs in likely.items():
            source = standings[pk].source
            for key in theirs:
                if key == source:
                    keys[pk].append(key)
                else:
                    doubtful.add(key)
        for pk, more in self._by_written_keys(doubtful).items():
            keys[pk].extend(more)
        standings |= self._load(sorted(keys.keys() - standings.keys()))
        # in force before withdrawn, old before new: the first one told of keeps a digest
        for standing in sorted(standings.values(), key=lambda s: (s.withdrawn, s.pk)):
            merger.knows(standing, keys.get(standing.pk or 0, []))

    def lacks(self, standing: Standing, names: Names) -> bool:
        """Whether the index lacks any token by which a removal with these names is found."""
        tokens = {token for _, token in self._keyring.tokens(names)}
        table = schema.sealed_index.c
        query = select(table.token).where(table.token.in_(tokens), table.removal_pk == standing.pk)
        return len(set(self._connection.scalars(query))) < len(tokens)

    def _by_digests(self, drafts: Sequence[Draft]) -> set[int]:
        """The removals that hold a full digest of a draft."""
        wanted: defaultdict[DigestKind, list[bytes]] = defaultdict(list)
        for draft in drafts:
            for digest in draft.digests:
                if digest.kind in FULL:
                    wanted[digest.kind].append(digest.value)
        table, files = schema.digests.c, schema.removed_files.c
        found: set[int] = set()
        for kind, values in wanted.items():
            for chunk in chunks(sorted(set(values))):
                query = (
                    select(files.removal_pk)
                    .join(schema.digests, files.pk == table.file_pk)
                    .where(table.kind == int(kind), table.value.in_(chunk))
                )
                found.update(self._connection.scalars(query))
        return found

    def _by_ids(self, sources: Iterable[Key]) -> tuple[dict[int, list[Key]], set[Key]]:
        """The removals that have a draft's site and ids, with those keys, if they have them
        together; and the keys whose ids are those of removals of other sites."""
        make = self._keyring.token
        needed = {key: (make(Field.MODEL, key[1]), make(Field.VERSION, key[2])) for key in sources}
        table, removed = schema.sealed_index.c, schema.removals.c
        holders: defaultdict[bytes, set[int]] = defaultdict(set)
        site_of: dict[int, str | None] = {}
        for chunk in chunks(sorted({token for tokens in needed.values() for token in tokens})):
            query = (
                select(table.token, table.removal_pk, removed.site)
                .join(schema.removals, removed.pk == table.removal_pk)
                .where(table.token.in_(chunk))
            )
            for token, removal_pk, site in self._connection.execute(query):
                holders[token].add(removal_pk)
                site_of[removal_pk] = site
        likely: defaultdict[int, list[Key]] = defaultdict(list)
        elsewhere: set[Key] = set()
        for key, (model, version) in needed.items():
            for pk in holders[model] & holders[version]:
                if site_of[pk] == key[0]:
                    likely[pk].append(key)
                else:
                    elsewhere.add(key)
        return likely, elsewhere

    def _by_written_keys(self, keys: Iterable[Key]) -> defaultdict[int, list[Key]]:
        """The removals for which one of these keys is written, with those keys."""
        key_of = {key_token(self._keyring, key): key for key in keys}
        table = schema.sealed_index.c
        found: defaultdict[int, list[Key]] = defaultdict(list)
        for chunk in chunks(sorted(key_of)):
            query = select(table.token, table.removal_pk).where(table.token.in_(chunk))
            for token, removal_pk in self._connection.execute(query):
                found[removal_pk].append(key_of[token])
        return found

    def _load(self, pks: Sequence[int]) -> dict[int, Standing]:
        """By pk."""
        index = schema.sealed_index.c
        marked = select(index.removal_pk).where(index.token == apart_token(self._keyring))
        apart = set(self._connection.scalars(marked)) if pks else set()
        standings: dict[int, Standing] = {}
        files: dict[int, StandingFile] = {}
        removals, removed = schema.removals.c, schema.removed_files.c
        digests = schema.digests.c
        for chunk in chunks(pks):
            for row in self._connection.execute(
                select(schema.removals).where(removals.pk.in_(chunk))
            ):
                standings[row.pk] = Standing(
                    list_name=row.list,
                    site=row.site,
                    removed_on=day(row.removed_on),
                    names=self._keyring.open(row.sealed, row.id) if row.sealed else Names(),
                    files=[],
                    pk=row.pk,
                    id=row.id,
                    withdrawn=row.withdrawn_at is not None,
                )
            query = select(removed.pk, removed.removal_pk, removed.size)
            for pk, removal_pk, size in self._connection.execute(
                query.where(removed.removal_pk.in_(chunk)).order_by(removed.pk)
            ):
                files[pk] = StandingFile({}, size, pk)
                standings[removal_pk].files.append(files[pk])
        for chunk in chunks(files):
            for pk, kind, value in self._connection.execute(
                select(digests.file_pk, digests.kind, digests.value).where(
                    digests.file_pk.in_(chunk)
                )
            ):
                files[pk].digests[DigestKind(kind)] = value
        for pk in apart & standings.keys():
            standings[pk].apart = True
        for standing in standings.values():
            if len(standing.files) > 1:
                standing.files = join(standing.files)
        return standings


def key_token(keyring: Keyring, key: Key) -> bytes:
    """The index token of a key that is written for a removal."""
    if len(key) == 3:
        return keyring.source_token("", " ".join(key))
    said, site = key
    return keyring.source_token(site, said)


def apart_token(keyring: Keyring) -> bytes:
    """The index token of all removals that are `apart`."""
    return keyring.source_token("", "site and ids of different rows")


def write_new(connection: Connection, keyring: Keyring, new: Sequence[Standing]) -> None:
    """Put in the removals that are not there yet, with files, digests and tokens."""
    if not new:
        return
    # In the order of their digests, and the ids drawn for them sorted too: then every tree but
    # the tokens' grows at one end, and neither pk nor id tells the order of the list.
    new = sorted(new, key=_first_digest)
    ids = sorted(new_ids(connection, len(new)))
    pks = reserve(connection, schema.removals, len(new))
    ours = len(new) * 2 // 3  # the other process makes the tokens, and seals the rest

    def work() -> bytes:
        tokens = _packed_tokens(keyring, new, pks)
        sealed = [keyring.seal(s.names, id) for s, id in zip(new[ours:], ids[ours:], strict=True)]
        lengths = b"".join([_LENGTH.pack(len(each)) for each in sealed])
        return b"".join((_LENGTH.pack(len(tokens)), tokens, lengths, *sealed))

    with beside(work) if len(new) >= _MANY else nullcontext(work) as packed:
        sealed = [keyring.seal(s.names, id) for s, id in zip(new[:ours], ids[:ours], strict=True)]
        pairs = [(pk, f) for standing, pk in zip(new, pks, strict=True) for f in standing.files]
        _write_files(connection, pairs)
        view = memoryview(packed())
    (length,) = _LENGTH.unpack_from(view)
    tokens, rest = view[_LENGTH.size :][:length], view[_LENGTH.size + length :]
    at = _LENGTH.size * (len(new) - ours)
    for (length,) in _LENGTH.iter_unpack(rest[:at]):
        sealed.append(bytes(rest[at : at + length]))
        at += length
    moment = now()
    rows = (
        (pk, id, s.list_name, s.site, days(s.removed_on), moment, names)
        for pk, id, s, names in zip(pks, ids, new, sealed, strict=True)
    )
    insert_many(connection, schema.removals, REMOVAL_COLUMNS, rows)
    columns = TOKEN_COLUMNS
    insert_many(connection, schema.sealed_index, columns, _TOKEN.iter_unpack(tokens), ignore=True)


def _packed_tokens(keyring: Keyring, new: Sequence[Standing], pks: Sequence[int]) -> bytes:
    """The rows of the index for removals, in the order of its key, one `_TOKEN` each."""
    rows: list[bytes] = []
    pack = _TOKEN.pack
    for standing, pk in zip(new, pks, strict=True):
        for field, token in keyring.tokens(standing.names):
            rows.append(pack(token, pk, field))
        if standing.also or standing.known_by or standing.apart:
            rows.extend([pack(*row) for row in _more_tokens(keyring, standing, pk)])
    rows.sort()
    return b"".join(rows)


def _first_digest(standing: Standing) -> bytes:
    for file in standing.files:
        for value in file.digests.values():
            return value
    return b""


def write_changed(connection: Connection, keyring: Keyring, changed: Sequence[Standing]) -> None:
    """Write what a list told of removals that were there."""
    names = [{"at": s.pk, "to": keyring.seal(s.names, s.id)} for s in changed if s.fresh_names]
    facts = [
        {"at": s.pk, "to_site": s.site, "day": days(s.removed_on)} for s in changed if s.fresh_facts
    ]
    sizes = [
        {"at": file.pk, "to": file.size}
        for s in changed
        for file in (*s.files, *s.joined)
        if file.pk is not None and file.fresh_size
    ]
    removals, removed = schema.removals, schema.removed_files
    at_removal, at_file = removals.c.pk == bindparam("at"), removed.c.pk == bindparam("at")
    if names:
        connection.execute(update(removals).where(at_removal).values(sealed=bindparam("to")), names)
    if facts:
        to = update(removals).where(at_removal)
        connection.execute(to.values(site=bindparam("to_site"), removed_on=bindparam("day")), facts)
    if sizes:
        connection.execute(update(removed).where(at_file).values(size=bindparam("to")), sizes)

    tokens: list[tuple[bytes, int, int]] = []
    for s in changed:
        pk = s.pk or 0
        if s.fresh_names or s.fresh_facts:
            tokens.extend((t, pk, int(f)) for f, t in keyring.tokens(s.names))
        tokens.extend(_more_tokens(keyring, s, pk))
    insert_many(connection, schema.sealed_index, TOKEN_COLUMNS, sorted(tokens), ignore=True)
    digests = [
        (int(kind), file.digests[kind], file.pk, 0)
        for s in changed
        for file in (*s.files, *s.joined)
        if file.pk is not None
        for kind in file.fresh
    ]
    insert_many(connection, schema.digests, DIGEST_COLUMNS, sorted(digests), ignore=True)
    _write_files(connection, [(s.pk or 0, f) for s in changed for f in s.files if f.pk is None])


def _more_tokens(keyring: Keyring, standing: Standing, pk: int) -> Iterable[tuple[bytes, int, int]]:
    """Tokens of the other names and links that a removal was given, and of what it is known by."""
    for names in standing.also:
        for field, token in keyring.tokens(names):
            yield token, pk, int(field)
    for key in standing.known_by:
        yield key_token(keyring, key), pk, int(Field.SOURCE)
    if standing.apart:
        yield apart_token(keyring), pk, int(Field.SOURCE)


def _write_files(connection: Connection, files: Sequence[tuple[int, StandingFile]]) -> None:
    """Put in files of removals, each with its digests."""
    pks = reserve(connection, schema.removed_files, len(files)) if files else ()
    rows: list[tuple[Any, ...]] = []
    digests: list[tuple[int, bytes, int, int]] = []
    for (removal_pk, file), pk in zip(files, pks, strict=True):
        rows.append((pk, removal_pk, file.size, None, None, None))
        for kind, value in file.digests.items():
            digests.append((int(kind), value, pk, 0))
    digests.sort()
    insert_many(connection, schema.removed_files, FILE_COLUMNS, rows)
    insert_many(connection, schema.digests, DIGEST_COLUMNS, digests, ignore=True)
