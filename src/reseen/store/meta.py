"""Small facts of the store, by name."""

from __future__ import annotations

from sqlalchemy import Connection, select

from reseen.store.database import upsert
from reseen.store.schema import meta


def value(connection: Connection, name: str) -> bytes | None:
    """What is kept under a name."""
    found = connection.scalar(select(meta.c.value).where(meta.c.name == name))
    return None if found is None else bytes(found)


def starting(connection: Connection, start: str) -> dict[str, bytes]:
    """What is kept under all names that start so."""
    named = meta.c.name.startswith(start, autoescape=True)
    return {name: bytes(kept) for name, kept in connection.execute(select(meta).where(named))}


def keep(connection: Connection, name: str, value: bytes) -> None:
    """Keep it instead of what was kept before."""
    upsert(connection, meta, [{"name": name, "value": value}], key=("name",), update=("value",))
