"""Lists, and when each was imported last."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from reseen.store import audit
from reseen.store.schema import lists

MOST_IMPORTS = 2_000
"""Imports of the audit log that are looked through."""
MOST_LISTS = 5_000


@dataclass(frozen=True, slots=True)
class LastImport:
    """The last import of a list."""

    moment: int
    by: str


@dataclass(frozen=True, slots=True)
class FreshList:
    """A list, and how fresh it is."""

    number: int
    name: str
    withdrawn: bool
    last: LastImport | None
    """None: longer ago than is looked through, or not by an import."""


def last_imports(connection: Connection) -> dict[str, LastImport]:
    """By the list's name."""
    found: dict[str, LastImport] = {}
    for line in audit.latest(connection, {"action": "import"}, most=MOST_IMPORTS):
        name = str(line.details.get("list", ""))
        found.setdefault(name, LastImport(line.moment, line.actor))
    return found


def freshness(connection: Connection) -> list[FreshList]:
    """Every list, the stalest first; what is withdrawn is last."""
    last = last_imports(connection)
    query = select(lists.c.pk, lists.c.name, lists.c.withdrawn_at).order_by(lists.c.name)
    found = [
        FreshList(row.pk, row.name, row.withdrawn_at is not None, last.get(row.name))
        for row in connection.execute(query.limit(MOST_LISTS))
    ]
    return sorted(found, key=lambda one: (one.withdrawn, one.last.moment if one.last else 0))
