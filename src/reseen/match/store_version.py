"""Which store something was read from, and as of which change."""

from __future__ import annotations

from dataclasses import dataclass

from blake3 import blake3
from sqlalchemy import Connection, select

from reseen.store import meta
from reseen.store.service_schema import changes


@dataclass(frozen=True, slots=True)
class StoreVersion:
    """What of a store is in an index."""

    store: str | None = None
    """What tells the store from every other."""
    change: int = 0
    """The number of the last change that was taken in."""
    at: int = 0
    """When that was."""


def identity(secret: bytes) -> str:
    """What tells a store from every other, made from its random secret."""
    return blake3(secret, derive_key_context="reseen gate store 1").hexdigest()


def version_of(connection: Connection) -> StoreVersion:
    """The store as it is now."""
    secret = meta.value(connection, "secret") or b""
    query = select(changes.c.pk, changes.c.at).order_by(changes.c.pk.desc()).limit(1)
    row = connection.execute(query).first()
    change, at = (0, 0) if row is None else (row.pk, row.at)
    return StoreVersion(identity(secret), change, at)


def follows(connection: Connection, before: StoreVersion, now: StoreVersion) -> bool:
    """Whether the store of now came from what it was before: it is no other, and was not set
    back."""
    if before.store != now.store or now.change < before.change:
        return False
    if not before.change:
        return True
    at = connection.scalar(select(changes.c.at).where(changes.c.pk == before.change))
    return bool(at == before.at)
