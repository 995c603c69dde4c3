"""Known copies that nobody has read yet."""

from __future__ import annotations

from reseen.observed import sightings
from reseen.store.database import Store


def unread(store: Store) -> int:
    """How many copies are known by what a hub declares alone, stand there, and are of removals in
    force."""
    with store.read() as connection:
        return sightings.unread(connection)
