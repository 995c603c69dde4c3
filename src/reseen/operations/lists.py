"""Removals come into the registry, from a list or from local files, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reseen.errors import bulkhead
from reseen.files.system_limits import limits_of_a_list
from reseen.operations import consequences, reading
from reseen.registry import adds, imports
from reseen.registry.adds import Added, AddOptions
from reseen.registry.import_account import ImportAccount
from reseen.registry.imports import ImportOptions, ReadList
from reseen.scan.owed import UnreadCopies
from reseen.store.database import Store
from reseen.store.sealing import Keyring

_UNKNOWN = 1 << 30
"""Bytes of a list that comes through a pipe: as if it were the longest."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a list."""

    account: ImportAccount
    """What became of every row."""
    sightings: tuple[str, ...]
    """Ids of sightings that are new: removals found among what was seen before."""
    unread: UnreadCopies | None
    """Copies that are known and not read; None of a dry run."""


@dataclass(frozen=True, slots=True)
class FilesAdded:
    """What came of local files."""

    files: tuple[Added, ...]
    """What became of every file."""
    sightings: tuple[str, ...]
    unread: UnreadCopies


def import_list(
    store: Store,
    keyring: Keyring,
    path: Path,
    options: ImportOptions | None = None,
    read: ReadList | None = None,
) -> Imported:
    """Import one list, and match what is new against all that was seen before. Asks no hub. Of a
    dry run nothing follows. `read`: what `imports.read_list` made of the file.

    Raises ListError for a file that cannot be read as a list, InputError for options that make no
    sense, StoreError and SealError.
    """
    size = path.stat().st_size if path.is_file() else _UNKNOWN
    with limits_of_a_list(size), bulkhead():
        account = imports.import_list(store, keyring, path, options, read)
    if account.dry_run:
        return Imported(account, (), None)
    followed = consequences.follow(store)
    return Imported(account, followed.sightings, reading.unread(store))


def add_files(
    store: Store,
    keyring: Keyring,
    paths: Sequence[Path],
    options: AddOptions | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> FilesAdded:
    """Register local files, and match them against all that was seen before. Asks no hub.
    `progress` is told bytes read."""
    files = adds.add_files(store, keyring, paths, options, progress=progress)
    followed = consequences.follow(store)
    return FilesAdded(files, followed.sightings, reading.unread(store))
