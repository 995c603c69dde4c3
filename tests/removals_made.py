"""Removals put straight into a store, as no face does: for tests and benchmarks that need them
there and ask nothing of lists. No line of the log covers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from reseen.observed import further, sketches
from reseen.records import Names, RemovalClass, RemovedFile
from reseen.registry import claims, removals
from reseen.registry.claims import LISTED
from reseen.registry.days import days
from reseen.store import change_log, links, schema
from reseen.store.database import insert_many, now, reserve
from reseen.store.sealing import Keyring

REMOVAL_COLUMNS = ("pk", "id", "added_at", "withdrawn_at", "cls")
CLAIM_COLUMNS = (
    *("pk", "removal_pk", "size", "container", "data_size", "layout", "list_pk", "source", "site"),
    *("removed_on", "cls", "added_at", "withdrawn_at", "in_force", "sealed"),
)


@dataclass(frozen=True, slots=True)
class NewRemoval:
    """A removal to put in."""

    list: str
    site: str | None
    removed_on: date | None
    names: Names
    files: tuple[RemovedFile, ...]
    cls: RemovalClass | None = None


def insert(connection: Connection, keyring: Keyring, new: Sequence[NewRemoval]) -> list[str]:
    """Put removals in and return their ids in the same order; each file is a claim. Short digests
    that a longer one of the same file implies are not stored. Checks nothing for doubles."""
    if not new:
        return []
    drawn = removals.new_ids(connection, len(new))
    pks = reserve(connection, schema.removals, len(new))
    wanted = [n.files or (RemovedFile(()),) for n in new]
    claim_pks = iter(reserve(connection, schema.claims, sum(map(len, wanted))))
    lists = claims.list_pks(connection, {n.list for n in new})
    at = now()
    standing: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    digests: list[tuple[Any, ...]] = []
    made: list[tuple[int, bytes]] = []
    more: list[tuple[int, tuple[bytes, ...]]] = []
    tokens: list[tuple[Any, ...]] = []
    for pk, id, n, files in zip(pks, drawn, new, wanted, strict=True):
        site = links.normal_site(n.site) if n.site else None
        standing.append((pk, id, at, None, int(n.cls or 0)))
        for number, file in enumerate(files):
            claim_pk = next(claim_pks)
            sealed = keyring.seal(n.names, id) if number == 0 else None
            row = (site, days(n.removed_on), None if n.cls is None else int(n.cls), at, None, 1)
            rows.append((claim_pk, pk, *_facts(file), lists[n.list], LISTED, *row, sealed))
            digests.extend((int(d.kind), d.value, claim_pk) for d in removals.kept(file.digests))
            if file.sketch is not None:
                made.append((claim_pk, file.sketch))
            if file.further:
                more.append((claim_pk, file.further))
            if number == 0:
                tokens.extend((t, claim_pk, int(field)) for field, t in keyring.tokens(n.names))
    insert_many(connection, schema.removals, REMOVAL_COLUMNS, standing)
    insert_many(connection, schema.claims, CLAIM_COLUMNS, rows)
    # In key order the tables' trees grow at one end: several times faster for a long list.
    insert_many(connection, schema.digests, removals.DIGEST_COLUMNS, sorted(digests), ignore=True)
    insert_many(
        connection, schema.sealed_index, removals.TOKEN_COLUMNS, sorted(tokens), ignore=True
    )
    sketches.keep_removed(connection, made)
    further.keep_removed(connection, more)
    change_log.note(connection, pks)
    return drawn


def _facts(file: RemovedFile) -> tuple[Any, ...]:
    """As the columns of a claim: size, container, data_size, layout."""
    container = None if file.container is None else file.container.value
    return file.size, container, file.data_size, file.layout
