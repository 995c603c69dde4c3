"""`lookup`: from what a person has (name, link, digest, id) to removals and their sightings."""

from __future__ import annotations

from dataclasses import dataclass

from reseen.records import Removal, Sighting
from reseen.registry.sealing import Keyring
from reseen.registry.store import Store


@dataclass(frozen=True, slots=True)
class Found:
    removal: Removal
    how: tuple[str, ...]
    """What matched, a sentence each: "its SHA-256"; never a sealed value."""
    sightings: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    found: tuple[Found, ...]
    not_searched: str | None = None
    """What was left out and why ("names, since the key is not here")."""
    more: bool = False
    """There were more than the limit."""


def find(store: Store, keyring: Keyring | None, query: str, *, limit: int = 100) -> Answer:
    """Everything that the query names, whatever it is."""
    raise NotImplementedError
