"""Which lists say a removal, and by which rows: what leads back to who gave a list.

What comes in: removals by their ids; or the file of a list that was imported before. What goes out:
titles of lists, the numbers of their claims, and numbers of rows. Nothing sealed is in it, and
nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path

from sqlalchemy import Connection, select

from reseen.registry.claims import LISTED
from reseen.registry.imports import ROWS_AT_ONCE, ImportOptions, no_cycle_collection, reading
from reseen.registry.known import Reader
from reseen.registry.merge import merge
from reseen.store import schema
from reseen.store.database import Store, chunks
from reseen.store.sealing import Keyring

ListRows = Mapping[str, tuple[str, ...]]
"""By the removal's id: rows of a file, "7" or "sheet 2, 7"."""


@dataclass(frozen=True, slots=True)
class ListSource:
    """Where a removal comes from."""

    lists: tuple[str, ...]
    """Titles of the lists of which a claim is in force."""
    claims: tuple[str, ...]
    """Those claims: "rm-4f7k2q9d/2"."""
    rows: tuple[str, ...] = ()
    """Of a file that was read again: "7", or "sheet 2, 7"."""


def of_removals(connection: Connection, ids: Iterable[str]) -> dict[str, ListSource]:
    """By the removal's id."""
    c, r, lists = schema.claims.c, schema.removals.c, schema.lists.c
    found: dict[str, ListSource] = {}
    for some in chunks(sorted(set(ids))):
        query = (
            select(r.id, c.source, c.in_force, lists.name)
            .join(schema.removals, r.pk == c.removal_pk)
            .outerjoin(schema.lists, lists.pk == c.list_pk)
            .where(r.id.in_(some))
            .order_by(c.removal_pk, c.pk)
        )
        for id, rows in groupby(connection.execute(query), key=lambda row: row.id):
            said = [
                (row.name, f"{id}/{number}")
                for number, row in enumerate(rows, 1)
                if row.source == LISTED and row.in_force and row.name
            ]
            titles = tuple(dict.fromkeys(name for name, _ in said))
            found[id] = ListSource(titles, tuple(claim for _, claim in said))
    return found


@no_cycle_collection()
def rows_about(store: Store, keyring: Keyring, path: Path, options: ImportOptions) -> ListRows:
    """By the removal's id: the rows of a list's file that are about it, by what an import of the
    file would tie them to. Raises ListError, InputError, StoreError and SealError."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    asked = replace(options, keep_rejects=False)
    with store.read() as connection, reading(path, asked) as (_, drafts):
        reader = Reader(connection, keyring)
        while part := list(islice(drafts, ROWS_AT_ONCE)):
            known = reader.known(part)
            merged = merge(part, known, lambda id, sealed: keyring.open(sealed, id), reader.more)
            for standing, draft in zip(merged.about, part, strict=True):
                if standing.pk is not None:
                    place = f"{draft.place}, " if draft.place else ""
                    found[standing.id].append(f"{place}{draft.row}")
            reader.forget()
    return {id: tuple(rows) for id, rows in found.items()}
