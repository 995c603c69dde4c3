"""Removals of the store <-> `RemovalDraft`s, for the length of one import.

What comes in: a connection in a write transaction, drafts, and what a merger made of them. What
goes out: the removals that the drafts may be about; then rows, in bulk and in the order of the
tables' keys, so that their trees grow at one end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from struct import Struct
from typing import Any

from sqlalchemy import Connection, select

from reseen.observed import sketches
from reseen.records import DigestKind, RemovalClass
from reseen.registry import claims
from reseen.registry.beside import beside
from reseen.registry.claim_lines import covering
from reseen.registry.claims import LISTED
from reseen.registry.days import day, days
from reseen.registry.merge import SUREST, Key, KnownClaim, Merger, RemovalDraft
from reseen.registry.removals import (
    CLAIM_COLUMNS,
    DIGEST_COLUMNS,
    REMOVAL_COLUMNS,
    TOKEN_COLUMNS,
    kept,
    new_ids,
)
from reseen.registry.rows import Draft
from reseen.store import change_log, schema
from reseen.store.database import chunks, insert_many, now, reserve
from reseen.store.sealing import Keyring, SealedField

_TOKEN = Struct(">16sqB")
"""A row of the index: token, pk, field. Sorted as bytes, such rows are in the order of its key."""
_LENGTH = Struct(">Q")
_MANY = 20_000
"""Claims from which on a second process pays."""


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
        for pk, sources in self._by_ids({d.source for d in drafts if d.source}).items():
            keys[pk].update(sources)
        standings = self._load(sorted(self._by_digests(drafts) | keys.keys()))
        for pk, theirs in keys.items():
            standings[pk].keys = theirs
        # in force before withdrawn, old before new: the first one told of keeps a digest
        for standing in sorted(standings.values(), key=lambda s: (not s.in_force, s.pk)):
            merger.knows(standing)

    def _by_digests(self, drafts: Sequence[Draft]) -> set[int]:
        """The removals of which a claim holds a full digest of a draft."""
        wanted: defaultdict[DigestKind, list[bytes]] = defaultdict(list)
        for draft in drafts:
            for digest in draft.digests:
                if digest.kind in SUREST:
                    wanted[digest.kind].append(digest.value)
        table, c = schema.digests.c, schema.claims.c
        found: set[int] = set()
        for kind, values in wanted.items():
            for chunk in chunks(sorted(set(values))):
                query = (
                    select(c.removal_pk)
                    .join(schema.digests, c.pk == table.claim_pk)
                    .where(table.kind == int(kind), table.value.in_(chunk), c.source == LISTED)
                )
                found.update(self._connection.scalars(query))
        return found

    def _by_ids(self, sources: Iterable[Key]) -> dict[int, dict[Key, None]]:
        """The removals of which one claim has a draft's site and ids, with those keys."""
        make = self._keyring.token
        needed = {
            key: (make(SealedField.MODEL, key[1]), make(SealedField.VERSION, key[2]))
            for key in sources
        }
        table, c = schema.sealed_index.c, schema.claims.c
        holders: defaultdict[bytes, set[int]] = defaultdict(set)
        where: dict[int, tuple[int, str | None]] = {}
        for chunk in chunks(sorted({token for tokens in needed.values() for token in tokens})):
            query = (
                select(table.token, c.pk, c.removal_pk, c.site)
                .join(schema.claims, c.pk == table.claim_pk)
                .where(table.token.in_(chunk))
            )
            for token, pk, removal_pk, site in self._connection.execute(query):
                holders[token].add(pk)
                where[pk] = removal_pk, site
        found: defaultdict[int, dict[Key, None]] = defaultdict(dict)
        for key, (model, version) in needed.items():
            for pk in holders[model] & holders[version]:
                removal_pk, site = where[pk]
                if site == key[0]:
                    found[removal_pk][key] = None
        return found

    def _by_written_keys(self, keys: Iterable[Key]) -> defaultdict[int, dict[Key, None]]:
        """The removals of which a claim has one of these keys written for it, with those keys."""
        key_of = {key_token(self._keyring, key): key for key in keys}
        table, c = schema.sealed_index.c, schema.claims.c
        found: defaultdict[int, dict[Key, None]] = defaultdict(dict)
        for chunk in chunks(sorted(key_of)):
            query = (
                select(table.token, c.removal_pk)
                .join(schema.claims, c.pk == table.claim_pk)
                .where(table.token.in_(chunk))
            )
            for token, removal_pk in self._connection.execute(query):
                found[removal_pk][key_of[token]] = None
        return found

    def _load(self, pks: Sequence[int]) -> dict[int, RemovalDraft]:
        """By pk."""
        standings: dict[int, RemovalDraft] = {}
        loaded: dict[int, KnownClaim] = {}
        removals, c, d = schema.removals.c, schema.claims.c, schema.digests.c
        for chunk in chunks(pks):
            query = select(removals.pk, removals.id, removals.withdrawn_at)
            for pk, id, withdrawn_at in self._connection.execute(
                query.where(removals.pk.in_(chunk))
            ):
                standings[pk] = RemovalDraft(pk=pk, id=id, in_force=withdrawn_at is None)
            rows = self._connection.execute(
                select(schema.claims, schema.lists.c.name)
                .join(schema.lists, schema.lists.c.pk == c.list_pk)
                .where(c.removal_pk.in_(chunk), c.source == LISTED)
                .order_by(c.pk)
            )
            for row in rows:
                cls = row._mapping[c.cls]
                loaded[row.pk] = KnownClaim(
                    list_name=row.name,
                    digests={},
                    size=row.size,
                    site=row.site,
                    removed_on=day(row.removed_on),
                    cls=None if cls is None else RemovalClass(cls),
                    withdrawn=row.withdrawn_at is not None,
                    sealed=row.sealed,
                )
                standings[row.removal_pk].claims.append(loaded[row.pk])
        for chunk in chunks(loaded):
            held = select(d.claim_pk, d.kind, d.value).where(d.claim_pk.in_(chunk))
            for pk, kind, value in self._connection.execute(held):
                loaded[pk].digests[DigestKind(kind)] = value
        return standings


def key_token(keyring: Keyring, key: Key) -> bytes:
    """The index token of a key that is written for a claim."""
    if len(key) == 3:
        return keyring.source_token("", " ".join(key))
    said, site = key
    return keyring.source_token(site, said)


@dataclass(frozen=True, slots=True)
class _Row:
    """A claim to be written."""

    pk: int
    removal_pk: int
    id: str
    draft: Draft
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class WrittenClaims:
    """What was written."""

    removals: frozenset[int] = frozenset()
    """By pk: those of which something was."""
    covered: Mapping[str, str] = field(default_factory=dict)
    """Details of the audit line that covers the claims (`claim_lines`)."""


def write(connection: Connection, keyring: Keyring, merger: Merger) -> WrittenClaims:
    """Write what a merger made of drafts: removals, claims, digests, sketches and tokens."""
    # In the order of their digests, and the ids drawn for them sorted too: then every tree but
    # the tokens' grows at one end, and neither pk nor id tells the order of the list.
    new = sorted(merger.new, key=_first_digest)
    ids = sorted(new_ids(connection, len(new))) if new else []
    pks = reserve(connection, schema.removals, len(new)) if new else ()
    for standing, pk, id in zip(new, pks, ids, strict=True):
        standing.pk, standing.id = pk, id
    changed = [merger.changed[pk] for pk in sorted(merger.changed)]
    moment = now()
    insert_many(
        connection,
        schema.removals,
        REMOVAL_COLUMNS,
        ((pk, id, moment, None, 0) for pk, id in zip(pks, ids, strict=True)),
    )
    told = [
        (standing, draft, standing.stays_withdrawn(draft.list_name))
        for standing in (*new, *changed)
        for draft in standing.new
    ]
    if not told:
        return WrittenClaims()
    claim_pks = reserve(connection, schema.claims, len(told))
    rows = [
        _Row(claim_pk, standing.pk or 0, standing.id, draft, withdrawn)
        for claim_pk, (standing, draft, withdrawn) in zip(claim_pks, told, strict=True)
    ]
    covered = _write_claims(connection, keyring, rows, moment)
    made = [(row.pk, row.draft.file.sketch) for row in rows if row.draft.file is not None]
    sketches.keep_removed(connection, [(pk, sketch) for pk, sketch in made if sketch is not None])
    written = {row.removal_pk for row in rows}
    # Plain new removals stand as they were written: only what is not so is made up anew.
    by_itself = set(pks) - {
        row.removal_pk for row in rows if row.draft.cls is not None or row.withdrawn
    }
    unsure = written - by_itself
    unusual = (schema.lists.c.withdrawn_at.is_not(None)) | (schema.lists.c.cls > 0)
    if connection.scalar(select(schema.lists.c.pk).where(unusual).limit(1)) is not None:
        unsure = written
    claims.refresh(connection, unsure)
    change_log.note(connection, written - unsure)
    return WrittenClaims(frozenset(written), covered)


def _write_claims(
    connection: Connection, keyring: Keyring, rows: Sequence[_Row], moment: int
) -> dict[str, str]:
    lists = claims.list_pks(connection, {row.draft.list_name for row in rows})
    ours = len(rows) * 2 // 3  # the other process makes the tokens, and seals the rest

    def work() -> bytes:
        tokens = _packed_tokens(keyring, rows)
        sealed = [keyring.seal(row.draft.names, row.id) for row in rows[ours:]]
        lengths = b"".join([_LENGTH.pack(len(each)) for each in sealed])
        return b"".join((_LENGTH.pack(len(tokens)), tokens, lengths, *sealed))

    with beside(work) if len(rows) >= _MANY else nullcontext(work) as packed:
        sealed = [keyring.seal(row.draft.names, row.id) for row in rows[:ours]]
        digests = [
            (int(digest.kind), digest.value, row.pk)
            for row in rows
            for digest in kept(row.draft.digests)
        ]
        digests.sort()
        insert_many(connection, schema.digests, DIGEST_COLUMNS, digests, ignore=True)
        covered = _covering(rows, lists, moment, digests)
        view = memoryview(packed())
    (length,) = _LENGTH.unpack_from(view)
    tokens, rest = view[_LENGTH.size :][:length], view[_LENGTH.size + length :]
    at = _LENGTH.size * (len(rows) - ours)
    for (length,) in _LENGTH.iter_unpack(rest[:at]):
        sealed.append(bytes(rest[at : at + length]))
        at += length
    insert_many(
        connection,
        schema.claims,
        CLAIM_COLUMNS,
        (
            _columns(row, lists[row.draft.list_name], moment, names)
            for row, names in zip(rows, sealed, strict=True)
        ),
    )
    columns = TOKEN_COLUMNS
    insert_many(connection, schema.sealed_index, columns, _TOKEN.iter_unpack(tokens), ignore=True)
    return covered


def _covering(
    rows: Sequence[_Row], lists: Mapping[str, int], moment: int,
    digests: Sequence[tuple[int, bytes, int]],
) -> dict[str, str]:  # fmt: skip
    said = [
        (
            *(row.pk, row.removal_pk, row.draft.size, lists[row.draft.list_name], LISTED),
            *(days(row.draft.removed_on), row.draft.cls, moment, row.draft.site),
        )
        for row in rows
    ]
    return covering(said, digests)


def _columns(row: _Row, list_pk: int, moment: int, sealed: bytes) -> tuple[Any, ...]:
    draft, file = row.draft, row.draft.file
    facts = (None, None, None) if file is None else (file.container, file.data_size, file.layout)
    return (
        row.pk,
        row.removal_pk,
        draft.size,
        None if facts[0] is None else facts[0].value,
        *facts[1:],
        list_pk,
        LISTED,
        draft.site,
        days(draft.removed_on),
        None if draft.cls is None else int(draft.cls),
        moment,
        moment if row.withdrawn else None,
        0 if row.withdrawn else 1,
        sealed,
    )


def _packed_tokens(keyring: Keyring, rows: Sequence[_Row]) -> bytes:
    """The rows of the index for claims, in the order of its key, one `_TOKEN` each."""
    made: list[bytes] = []
    pack = _TOKEN.pack
    for row in rows:
        for which, token in keyring.tokens(row.draft.names):
            made.append(pack(token, row.pk, which))
        if row.draft.otherwise is not None:
            token = key_token(keyring, row.draft.otherwise)
            made.append(pack(token, row.pk, int(SealedField.SOURCE)))
    made.sort()
    return b"".join(made)


def _first_digest(standing: RemovalDraft) -> bytes:
    for draft in standing.new:
        for digest in draft.digests:
            return digest.value
    return b""
