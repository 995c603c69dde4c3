"""Removals come into the registry, from a list or from local files, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from reseen.errors import ListError, bulkhead
from reseen.files.system_limits import limits_of_a_list
from reseen.operations import consequences
from reseen.registry import adds, imports, list_rows
from reseen.registry.adds import Added, AddOptions
from reseen.registry.import_account import ImportAccount
from reseen.registry.imports import ImportOptions, ReadList
from reseen.registry.innocents import InnocentMoved
from reseen.registry.list_rows import ListRows
from reseen.registry.lists.columns import parse_map
from reseen.registry.lists.head import TableHead, heads_of
from reseen.registry.lists.table import MAX_FILE
from reseen.scan import unread_copies
from reseen.scan.unread_copies import UnreadCopies
from reseen.store.database import Store
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a list."""

    account: ImportAccount
    """What became of every row."""
    sightings: tuple[str, ...]
    """Ids of sightings that are new: removals found among what was seen before."""
    unread: UnreadCopies | None
    """Copies that are known and not read; None of a dry run."""
    innocents: tuple[InnocentMoved, ...] = ()
    """Known innocents that went out of use by it, or came back."""


@dataclass(frozen=True, slots=True)
class ListPreview:
    """What an import would do, and how the list begins."""

    account: ImportAccount | None
    """None where the list cannot be read so."""
    rejected: int
    """Rows; the account tells them one by one."""
    problem: ListError | None
    """Why not."""
    heads: tuple[TableHead, ...]
    """With values in clear, for the importer alone."""


@dataclass(frozen=True, slots=True)
class FilesAdded:
    """What came of local files."""

    files: tuple[Added, ...]
    """What became of every file."""
    sightings: tuple[str, ...]
    unread: UnreadCopies
    innocents: tuple[InnocentMoved, ...] = ()


def import_list(
    store: Store,
    keyring: Keyring,
    path: Path,
    options: ImportOptions | None = None,
    read: ReadList | None = None,
) -> Imported:
    """Import one list, and match what is new against all that was seen before. Asks no hub. Of a
    dry run nothing follows. `read`: what `read_list` made of the file.

    Raises ListError for a file that cannot be read as a list, InputError for options that make no
    sense, StoreError and SealError.
    """
    with _list_limits(path):
        account = imports.import_list(store, keyring, path, options, read)
    if account.dry_run:
        return Imported(account, (), None)
    followed = consequences.follow(store, keyring)
    unread = unread_copies.in_store(store)
    return Imported(account, followed.sightings, unread, followed.innocents)


def read_list(path: Path, options: ImportOptions) -> ReadList:
    """As `imports.read_list`, within the limits of an import."""
    with _list_limits(path):
        return imports.read_list(path, options)


def preview_list(store: Store, keyring: Keyring, path: Path, options: ImportOptions) -> ListPreview:
    """What an import with these options would do; nothing is written. A list that cannot be read
    so still shows how it begins, where it is one. Raises InputError for options that make no sense,
    StoreError and SealError."""
    given = parse_map([f"{column}={label}" for column, label in options.columns.items()])
    account, problem = None, None
    with _list_limits(path):
        heads = heads_of(path, given)
        try:
            asked = replace(options, dry_run=True, keep_rejects=False)
            account = imports.import_list(store, keyring, path, asked)
        except ListError as error:
            problem = error
    rejected = 0 if account is None else len(account.rejected)
    return ListPreview(account, rejected, problem, heads)


def rows_about(store: Store, keyring: Keyring, path: Path, options: ImportOptions) -> ListRows:
    """Which rows of a list that was imported are about which removal; nothing is written. Raises
    what `list_rows.rows_about` raises."""
    with _list_limits(path):
        return list_rows.rows_about(store, keyring, path, options)


@contextmanager
def _list_limits(path: Path) -> Iterator[None]:
    """What the system gives for a list; one that comes through a pipe may be the longest."""
    with limits_of_a_list(path.stat().st_size if path.is_file() else MAX_FILE), bulkhead():
        yield


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
    followed = consequences.follow(store, keyring)
    unread = unread_copies.in_store(store)
    return FilesAdded(files, followed.sightings, unread, followed.innocents)
