"""A removal leaves the registry, or comes back, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from reseen.operations import consequences, reading
from reseen.records import Names
from reseen.registry import removals
from reseen.review.settling import Settled
from reseen.store.database import Store
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class RemovalChanged:
    """What came of withdrawing or restoring."""

    changed: bool
    """False: it stood like that already."""
    sightings: tuple[str, ...]
    """Ids of sightings that are new."""
    notices: tuple[Settled, ...]
    """Notices that moved by themselves."""
    unread: int
    """Copies that are known and not yet read."""


def withdraw(
    store: Store, keyring: Keyring | None, removal: str, why: str, *, actor: str | None = None
) -> RemovalChanged:
    """Take a removal out of force. `why` is sealed; `actor`: who, as the audit log names them.
    Raises NotFound, and SealError without a key."""
    with store.write() as connection:
        changed = removals.withdraw(connection, keyring, removal, why, actor=actor)
    return _followed(store, changed)


def restore(
    store: Store, keyring: Keyring | None, removal: str, why: str, *, actor: str | None = None
) -> RemovalChanged:
    """Put a withdrawn removal back in force, and match it against what was seen meanwhile."""
    with store.write() as connection:
        changed = removals.restore(connection, keyring, removal, why, actor=actor)
    return _followed(store, changed)


def reveal(store: Store, keyring: Keyring, removal: str) -> Names:
    """What is sealed of a removal, in clear; recorded. Raises NotFound."""
    with store.write() as connection:
        return removals.reveal(connection, keyring, removal)


def _followed(store: Store, changed: bool) -> RemovalChanged:
    followed = consequences.follow(store)
    unread = reading.unread(store)
    return RemovalChanged(changed, followed.sightings, followed.notices, unread)
