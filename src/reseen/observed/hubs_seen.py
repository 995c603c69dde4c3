"""Which hubs anything was seen at."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from reseen.store.schema import repositories

MOST = 100
"""Hubs that are named."""


def hubs(connection: Connection) -> list[str]:
    """As the store calls them, by name. Each is one step along the index, however many
    repositories it has."""
    found: list[str] = []
    hub: str | None = connection.scalar(select(func.min(repositories.c.hub)))
    while hub is not None and len(found) < MOST:
        found.append(hub)
        later = select(func.min(repositories.c.hub)).where(repositories.c.hub > hub)
        hub = connection.scalar(later)
    return found
