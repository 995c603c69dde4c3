"""The class that is never read, by a link: a list may name by its link what another names by its
digests.

Whatever of it lists say apart, and so stands under several removals, what stands at a link of which
anybody says that class is not read either. That the gate blocks for it is another matter: a list
that is entitled to say so speaks of its own removals. Everything happens in the caller's
transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Connection, or_, select

from reseen.registry.same_files import CLASS
from reseen.store import schema
from reseen.store.database import chunks
from reseen.store.sealing import SealedField

_LINKS = (int(SealedField.LINK), int(SealedField.SOURCE))
_IDS = (int(SealedField.MODEL), int(SealedField.VERSION))


def at_links(connection: Connection, removal_pks: Collection[int]) -> set[int]:
    """Removals (by pk) that stand at a link which a claim in force about one of these names: these
    too, where they have one."""
    links, sites = _named(connection, set(removal_pks))
    if not links:
        return set()
    found: set[int] = set()
    owner: dict[int, int] = {}
    tokens = {token for said in links.values() for token in said.values()}
    under: defaultdict[bytes, set[tuple[int, str | None]]] = defaultdict(set)
    for token, field, claim_pk, removal_pk, site in _under(connection, tokens):
        if field in _LINKS:
            found.add(removal_pk)
        owner[claim_pk] = removal_pk
        under[token].add((claim_pk, site))
    # Of a link with ids the tokens of both must be there, at one site.
    for claim_pk, said in links.items():
        if all(field in said for field in _IDS):
            both = under[said[_IDS[0]]] & under[said[_IDS[1]]]
            found.update(owner[pk] for pk, site in both if site == sites[claim_pk])
    return found


def _named(
    connection: Connection, removal_pks: set[int]
) -> tuple[dict[int, dict[int, bytes]], dict[int, str | None]]:
    """By claim in force about one of these: the tokens of its link by field; and its site."""
    c, t = schema.claims.c, schema.sealed_index.c
    sites: dict[int, str | None] = {}
    for chunk in chunks(sorted(removal_pks)):
        mine = select(c.pk, c.site).where(c.removal_pk.in_(chunk), c.in_force == 1)
        sites.update((pk, site) for pk, site in connection.execute(mine))
    found: defaultdict[int, dict[int, bytes]] = defaultdict(dict)
    if sites:
        # The index has the order of its tokens: one pass, whatever the number of claims.
        rows = select(t.claim_pk, t.field, t.token).where(
            t.claim_pk.between(min(sites), max(sites)), t.field.in_((*_LINKS, *_IDS))
        )
        for pk, field, token in connection.execute(rows.execution_options(yield_per=10_000)):
            if pk in sites:
                found[pk][field] = bytes(token)
    return dict(found), sites


def _under(
    connection: Connection, tokens: Collection[bytes]
) -> Iterator[tuple[bytes, int, int, int, str | None]]:
    """Claims under these tokens that are in force, or about what is withdrawn."""
    c, t, r = schema.claims.c, schema.sealed_index.c, schema.removals.c
    query: Any = (
        select(t.token, t.field, c.pk, c.removal_pk, c.site)
        .join(schema.claims, c.pk == t.claim_pk)
        .join(schema.removals, r.pk == c.removal_pk)
        .where(or_(c.in_force == 1, r.withdrawn_at.is_not(None)))
    )
    for chunk in chunks(sorted(tokens)):
        for token, *rest in connection.execute(query.where(t.token.in_(chunk))):
            yield (bytes(token), *rest)


def of_class(connection: Connection) -> set[int]:
    """All removals (by pk) that are of that class, or were when they were asked last."""
    r = schema.removals.c
    return set(connection.scalars(select(r.pk).where(r.cls >= CLASS)))
