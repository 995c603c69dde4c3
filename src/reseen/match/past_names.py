"""How files are called that are sightings, asked again when removals changed.

What comes in: the store, opened for reading, with the key; which removals changed. What goes out:
for sightings of these, and of removals that share a file name with them, what their files' names
and paths say now, where that is not what is recorded. So a hint beside a sighting does not depend
on whether the list came before the scan. Names alone are not looked for in the past: a hint alone
starts nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cache

from sqlalchemy import Connection, select

from reseen.match import evidence
from reseen.match.judge import Pair
from reseen.match.name_hints import hints_of_path, sha256s_in
from reseen.match.registry_index import looked_at
from reseen.observed import evidence as kept
from reseen.records import DigestKind, Evidence
from reseen.store import schema
from reseen.store.database import chunks
from reseen.store.sealing import Keyring, SealedField


def changed_names(
    connection: Connection, keyring: Keyring, removal_pks: Collection[int] | None
) -> dict[Pair, tuple[Evidence, ...]]:
    """What names say of sightings (artifact's pk, removal's pk) of these removals (None: of all),
    where it is not what stands."""
    if connection.scalar(select(schema.sightings.c.pk).limit(1)) is None:
        return {}
    asked = None if removal_pks is None else _named_alike(connection, removal_pks)
    said = dict(_said(connection, keyring, asked))
    standing: defaultdict[Pair, set[str]] = defaultdict(set)
    for (removal, artifact), hint in kept.hints(connection, {(r, a) for a, r in said}):
        if hint.kind in evidence.BY_NAME:
            standing[artifact, removal].add(hint.kind)
    return {
        pair: proofs
        for pair, proofs in said.items()
        if {proof.kind for proof in proofs} != standing[pair]
    }


def _named_alike(connection: Connection, removal_pks: Collection[int]) -> set[int]:
    """These removals, and those with a file name that one of these has, or had: a name that many
    have says nothing."""
    c, i = schema.claims.c, schema.sealed_index.c
    mine = (
        select(i.token)
        .join(schema.claims, c.pk == i.claim_pk)
        .where(i.field == int(SealedField.FILE_NAME))
    )
    tokens: set[bytes] = set()
    for chunk in chunks(sorted(removal_pks)):
        tokens.update(map(bytes, connection.scalars(mine.where(c.removal_pk.in_(chunk)))))
    found = set(removal_pks)
    theirs = select(c.removal_pk).join(schema.sealed_index, i.claim_pk == c.pk)
    for some in chunks(sorted(tokens)):
        found.update(connection.scalars(theirs.where(i.token.in_(some))))
    return found


def _said(
    connection: Connection, keyring: Keyring, removal_pks: Collection[int] | None
) -> Iterator[tuple[Pair, tuple[Evidence, ...]]]:
    """Of each sighting of a removal in force."""
    s, a, r = schema.sightings.c, schema.artifacts.c, schema.removals.c
    c, d, i = schema.claims.c, schema.digests.c, schema.sealed_index.c
    of_token = select(c.removal_pk).join(schema.sealed_index, i.claim_pk == c.pk)
    of_digest = select(c.removal_pk).join(schema.digests, d.claim_pk == c.pk)

    @cache
    def owners(field: SealedField, value: str) -> frozenset[int]:
        token = keyring.token(field, value)
        query = of_token.where(i.token == token, i.field == int(field), c.in_force == 1)
        return frozenset(connection.scalars(query))

    @cache
    def held(sha256: bytes) -> frozenset[int]:
        query = of_digest.where(d.kind == int(DigestKind.SHA256), d.value == sha256)
        return frozenset(connection.scalars(query.where(c.in_force == 1)))

    query = (
        select(s.artifact_pk, s.removal_pk, a.path)
        .join(schema.artifacts, a.pk == s.artifact_pk)
        .join(schema.removals, r.pk == s.removal_pk)
        .where(r.withdrawn_at.is_(None))
    )
    for some in [None] if removal_pks is None else chunks(sorted(removal_pks)):
        narrowed = query if some is None else query.where(s.removal_pk.in_(some))
        for artifact, removal, path in connection.execute(narrowed).all():
            end, name = looked_at(path)
            found = [why for pk, why in hints_of_path(owners, end, name) if pk == removal]
            for sha256 in sha256s_in(name):
                if removal in held(sha256):
                    found.append(evidence.file_named_by_digest(sha256))
            yield (artifact, removal), tuple(found)
