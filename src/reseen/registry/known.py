"""Which removals of the store the drafts of a list may be about, as `RemovalDraft`s.

What comes in: a connection, the key, drafts. What goes out: every removal that holds a full digest,
the site and ids, or the link that a draft gives, with its claims.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Connection, Row, select

from reseen.records import DigestKind, RemovalClass
from reseen.registry.claims import LISTED
from reseen.registry.days import day
from reseen.registry.draft import Draft
from reseen.registry.identity import Key
from reseen.registry.merge import FULL, Held, KnownClaim, RemovalDraft
from reseen.store import schema
from reseen.store.database import chunks
from reseen.store.sealing import Keyring, SealedField


class Reader:
    """Reads from the store what a list's drafts may be about."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring
        self._loaded: dict[int, RemovalDraft] = {}
        """By pk, since `known` was asked last."""

    def known(self, drafts: Sequence[Draft]) -> list[RemovalDraft]:
        """Every removal that one of the drafts may be about."""
        self._loaded = {}
        if not drafts or self.holds_nothing():
            return []
        digests = (digest for draft in drafts for digest in draft.digests)
        return self._found(
            {draft.key for draft in drafts if draft.key},
            ((digest.kind, digest.value) for digest in digests if digest.kind in FULL),
        )

    def forget(self) -> None:
        """Hold nothing of what was given."""
        self._loaded = {}

    def more(self, helds: Collection[Held]) -> list[RemovalDraft]:
        """Every removal of which a claim is known by one of these; of those that were given before
        the same again."""
        keys: set[Key] = set()
        digests: list[tuple[DigestKind, bytes]] = []
        for held in helds:
            if isinstance(held[0], DigestKind) and isinstance(held[1], bytes):
                digests.append((held[0], held[1]))
            else:
                keys.add(tuple(map(str, held)))
        return self._found(keys, digests)

    def _found(
        self, keys: Collection[Key], digests: Iterable[tuple[DigestKind, bytes]]
    ) -> list[RemovalDraft]:
        known_by = self._by_written_keys({key for key in keys if len(key) == 2})
        known_by |= self._by_ids({key for key in keys if len(key) == 3})
        pks = self._by_digests(digests) | {removal_pk for removal_pk, _ in known_by.values()}
        key_of = {claim_pk: key for claim_pk, (_, key) in known_by.items()}
        self._loaded |= self._load(sorted(pks - self._loaded.keys()), key_of)
        return [self._loaded[pk] for pk in sorted(pks)]

    def holds_nothing(self) -> bool:
        """A new registry: there is nothing to look up."""
        return self._connection.scalar(select(schema.removals.c.pk).limit(1)) is None

    def _by_digests(self, digests: Iterable[tuple[DigestKind, bytes]]) -> set[int]:
        """The removals of which a claim of a list holds one of these."""
        wanted: defaultdict[DigestKind, list[bytes]] = defaultdict(list)
        for digest_kind, digest in digests:
            wanted[digest_kind].append(digest)
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

    def _by_ids(self, sources: Iterable[Key]) -> dict[int, tuple[int, Key]]:
        """The claims that have a draft's site and ids: their removal, and that key."""
        make = self._keyring.token
        needed = {
            key: (make(SealedField.MODEL, key[1]), make(SealedField.VERSION, key[2]))
            for key in sources
        }
        holders: defaultdict[bytes, set[int]] = defaultdict(set)
        where: dict[int, tuple[int, str | None]] = {}
        tokens = {token for both in needed.values() for token in both}
        for token, pk, removal_pk, site in self._under(tokens):
            holders[token].add(pk)
            where[pk] = removal_pk, site
        found: dict[int, tuple[int, Key]] = {}
        for key, (model, version) in needed.items():
            for pk in holders[model] & holders[version]:
                removal_pk, site = where[pk]
                if site == key[0]:
                    found[pk] = removal_pk, key
        return found

    def _by_written_keys(self, keys: Iterable[Key]) -> dict[int, tuple[int, Key]]:
        """The claims for which one of these keys was written: their removal, and that key."""
        key_of = {key_token(self._keyring, key): key for key in keys}
        return {pk: (removal_pk, key_of[token]) for token, pk, removal_pk, _ in self._under(key_of)}

    def _under(self, tokens: Iterable[bytes]) -> Iterator[Row[bytes, int, int, str | None]]:
        """The claims that stand in the index under one of these: (token, pk, removal pk, site)."""
        table, c = schema.sealed_index.c, schema.claims.c
        query = select(table.token, c.pk, c.removal_pk, c.site)
        query = query.join(schema.claims, c.pk == table.claim_pk)
        for chunk in chunks(sorted(tokens)):
            yield from self._connection.execute(query.where(table.token.in_(chunk)))

    def _load(self, pks: Sequence[int], key_of: Mapping[int, Key]) -> dict[int, RemovalDraft]:
        """By pk. `key_of`: of claims, by pk."""
        standings: dict[int, RemovalDraft] = {}
        loaded: dict[int, KnownClaim] = {}
        told: dict[int, list[KnownClaim]] = {}
        removals, c, d = schema.removals.c, schema.claims.c, schema.digests.c
        for chunk in chunks(pks):
            query = select(removals.pk, removals.id, removals.withdrawn_at)
            for pk, id, withdrawn_at in self._connection.execute(
                query.where(removals.pk.in_(chunk))
            ):
                standings[pk] = RemovalDraft(pk=pk, id=id, in_force=withdrawn_at is None)
                told[pk] = standings[pk].claims
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
                    key=key_of.get(row.pk),
                    pk=row.pk,
                )
                told[row.removal_pk].append(loaded[row.pk])
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


class SeenKeys:
    """What an import has written so far, in 16 MiB whatever its length: tells for certain that a
    draft names nothing of it; now and then it takes one for known that is not."""

    _BITS = 1 << 27

    def __init__(self) -> None:
        self._bits = bytearray(self._BITS >> 3)

    def add(self, drafts: Iterable[Draft]) -> list[Draft]:
        """Those drafts that may name something of what was added before, or of each other."""
        bits, mask = self._bits, self._BITS - 1
        may_hold: list[Draft] = []
        for draft in drafts:
            is_there = False
            key = draft.key
            keys: list[Key | bytes] = [d.value for d in draft.digests if d.kind in FULL]
            if key is not None:
                keys.append(key)
            for each in keys:
                at = hash(each) & mask
                bit = 1 << (at & 7)
                if bits[at >> 3] & bit:
                    is_there = True
                else:
                    bits[at >> 3] |= bit
            if is_there:
                may_hold.append(draft)
        return may_hold
