"""`registry add`: local files become removals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from reseen.records import Names
from reseen.registry.sealing import Keyring
from reseen.registry.store import Store


class Outcome(StrEnum):
    ADDED = "added"
    MERGED = "merged"
    """Into a removal that holds an equal full digest; it learned something."""
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, repr=False)
class Added:
    """What became of one file."""

    path: Path
    outcome: Outcome
    removal: str | None = None
    reason: str | None = None
    """Why it was rejected."""


def add_files(
    store: Store,
    keyring: Keyring,
    paths: Sequence[Path],
    *,
    list: str = "local",
    site: str | None = None,
    names: Names | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Added, ...]:
    """Register files (and all files under folders), one removal each; accounts for every one.
    `progress` is told bytes read."""
    raise NotImplementedError
