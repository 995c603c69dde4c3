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
from itertools import chain
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
    DIGEST_COLUMNS,
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


@dataclass(slots=True)
class _Row:
    """A claim to be written. Not frozen, since a list makes millions."""

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
    # Numbered in the order of their digests, and the ids drawn for them sorted too: then every tree
    # but the tokens' grows at one end, and neither pk nor id tells the order of the list. What is
    # made for the rows is made in the order of the list, as they lie in memory: much faster.
    new = merger.new
    ids = sorted(new_ids(connection, len(new))) if new else []
    pks = reserve(connection, schema.removals, len(new)) if new else ()
    for at, pk, id in zip(_order([_first_digest(each) for each in new]), pks, ids, strict=True):
        new[at].pk, new[at].id = pk, id
    changed = [merger.changed[pk] for pk in sorted(merger.changed)]
    rows = [
        _Row(0, standing.pk or 0, standing.id, draft, standing.stays_withdrawn(draft.list_name))
        for standing in (*new, *changed)
        for draft in standing.new
    ]
    if not rows:
        return WrittenClaims()
    order = _order([row.removal_pk for row in rows])
    for at, pk in zip(order, reserve(connection, schema.claims, len(rows)), strict=True):
        rows[at].pk = pk
    moment = now()
    removals = [(pk, id, moment) for pk, id in zip(pks, ids, strict=True)]
    covered = _insert(connection, keyring, removals, rows, order, moment)
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


def _insert(
    connection: Connection,
    keyring: Keyring,
    removals: Sequence[tuple[int, str, int]],
    rows: Sequence[_Row],
    order: Sequence[int],
    moment: int,
) -> dict[str, str]:
    """Write new removals (pk, id, when), and claims with all that belongs to them. `order`: of the
    rows, by pk. Returns the details of the audit line that covers the claims."""
    lists = claims.list_pks(connection, {row.draft.list_name for row in rows})
    ours = len(rows) // 2  # the other process makes the tokens, and seals the rest

    def work() -> bytes:
        tokens = _packed_tokens(keyring, rows)
        sealed = keyring.seal_all((row.draft.names, row.id) for row in rows[ours:])
        lengths = b"".join([_LENGTH.pack(len(each)) for each in sealed])
        return b"".join((_LENGTH.pack(len(tokens)), tokens, lengths, *sealed))

    with beside(work) if len(rows) >= _MANY else nullcontext(work) as packed:
        insert_many(connection, schema.removals, ("pk", "id", "added_at"), removals)
        digests = _digests(rows, order)
        insert_many(connection, schema.digests, DIGEST_COLUMNS, digests)
        covered = _covering(rows, order, lists, moment, digests)
        sealed = keyring.seal_all((row.draft.names, row.id) for row in rows[:ours])
        view = memoryview(packed())
    (length,) = _LENGTH.unpack_from(view)
    tokens, rest = view[_LENGTH.size :][:length], view[_LENGTH.size + length :]
    at = _LENGTH.size * (len(rows) - ours)
    for (length,) in _LENGTH.iter_unpack(rest[:at]):
        sealed.append(bytes(rest[at : at + length]))
        at += length
    columns = _claim_columns(rows, lists, moment, sealed)
    made = list(zip(*columns.values(), strict=True))
    insert_many(connection, schema.claims, tuple(columns), (made[at] for at in order))
    insert_many(connection, schema.sealed_index, TOKEN_COLUMNS, _TOKEN.iter_unpack(tokens))
    return covered


def _covering(
    rows: Sequence[_Row], order: Sequence[int], lists: Mapping[str, int], moment: int,
    digests: Sequence[tuple[int, bytes, int]],
) -> dict[str, str]:  # fmt: skip
    said = [
        (
            *(row.pk, row.removal_pk, row.draft.size, lists[row.draft.list_name], LISTED),
            *(days(row.draft.removed_on), row.draft.cls, moment, row.draft.site),
        )
        for row in rows
    ]
    return covering([said[at] for at in order], digests)


def _digests(rows: Sequence[_Row], order: Sequence[int]) -> list[tuple[int, bytes, int]]:
    """The rows of digests, in the order of their key; no doubles. Nearly so they are in the order
    of the claims: put into that they are sorted sooner."""
    made = [
        [(int(digest.kind), digest.value, row.pk) for digest in kept(row.draft.digests)]
        for row in rows
    ]
    return sorted(chain.from_iterable(made[at] for at in order))


def _claim_columns(
    rows: Sequence[_Row], lists: Mapping[str, int], moment: int, sealed: Sequence[bytes]
) -> dict[str, Sequence[Any]]:
    """The columns of claims, by name. Optional ones of which no row says anything are left out: a
    list fills few of them, and writing nothing takes as long as writing something."""
    drafts = [row.draft for row in rows]
    files = [draft.file for draft in drafts]
    optional: dict[str, Sequence[Any]] = {
        "size": [draft.size for draft in drafts],
        "site": [draft.site for draft in drafts],
        "removed_on": [days(draft.removed_on) for draft in drafts],
        "cls": [None if draft.cls is None else int(draft.cls) for draft in drafts],
        "withdrawn_at": [moment if row.withdrawn else None for row in rows],
        "container": [file and file.container and file.container.value for file in files],
        "data_size": [file and file.data_size for file in files],
        "layout": [file and file.layout for file in files],
    }
    nothing = [None] * len(rows)
    return {
        "pk": [row.pk for row in rows],
        "removal_pk": [row.removal_pk for row in rows],
        "list_pk": [lists[draft.list_name] for draft in drafts],
        "source": [LISTED] * len(rows),
        "added_at": [moment] * len(rows),
        "in_force": [0 if row.withdrawn else 1 for row in rows],
        "sealed": sealed,
        **{name: values for name, values in optional.items() if values != nothing},
    }


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


def _order(keys: Sequence[Any]) -> list[int]:
    """The positions of these keys, in the order of the keys."""
    return sorted(range(len(keys)), key=keys.__getitem__)


def _first_digest(standing: RemovalDraft) -> bytes:
    for draft in standing.new:
        for digest in draft.digests:
            return digest.value
    return b""
