"""`registry add`: local files become removals.

What comes in: paths. What goes out: an account of every file. Each file is read once, through all
hashes; a removal that holds an equal full digest learns what it did not know, and no second one is
made. File names are names: sealed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from reseen.errors import FileError
from reseen.fingerprints.digests import fingerprint
from reseen.fingerprints.known_bogus import why_bogus
from reseen.records import DigestKind, Fingerprint, Names, RemovedFile
from reseen.registry import removals
from reseen.store import audit
from reseen.store.database import Store
from reseen.store.sealing import Keyring

FULL = (
    DigestKind.SHA256,
    DigestKind.BLAKE3,
    DigestKind.DATA_SHA256,
    DigestKind.TENSORS_BLAKE3,
)
"""Digests whose equality makes two files one removal."""


class Outcome(StrEnum):
    ADDED = "added"
    MERGED = "merged"
    """Into a removal that holds an equal full digest; it learned something."""
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, repr=False)
class Added:
    """What became of one file. Silent when printed: a path holds names."""

    path: Path
    outcome: Outcome
    removal: str | None = None
    reason: str | None = None
    """Why it was rejected, or what else there is to say."""

    def __repr__(self) -> str:
        return f"Added({self.outcome.value}, {self.removal})"


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
    `progress` is told bytes read. A withdrawn removal stays withdrawn."""

    def one(path: Path) -> Added:
        try:
            told = fingerprint(path, progress)
        except FileError as e:
            return Added(path, Outcome.REJECTED, reason=str(e))
        given = names or Names()
        own = replace(given, file_names=(*given.file_names, path.name))
        return _add(store, keyring, path, told, removals.New(list, site, None, own, ()))

    return tuple(one(path) for path in _files(paths))


def _add(store: Store, keyring: Keyring, path: Path, told: Fingerprint, new: removals.New) -> Added:
    full = [d for d in told.digests if d.kind in FULL and why_bogus(d) is None]
    if not full or told.size == 0:
        return Added(path, Outcome.REJECTED, reason="the file is empty")
    file = RemovedFile(
        digests=told.digests,
        size=told.size,
        container=told.container,
        data_size=told.data_size,
        layout=told.layout,
        sketch=told.sketch,
    )
    with store.write() as connection:
        known = removals.holders(connection, full)
        same = next((digest for digest in full if digest in known), None)
        if same is None:
            (id,) = removals.insert(connection, keyring, [replace(new, files=(file,))])
            audit.write(connection, "add", id)
            return Added(path, Outcome.ADDED, id)
        removal_pk, file_pk = known[same][0]
        (removal,) = removals.by_pks(connection, [removal_pk])
        if same.kind in (DigestKind.SHA256, DigestKind.BLAKE3):
            learned = removals.learn(connection, file_pk, told)
        else:  # the same weights in another file
            removals.add_file(connection, removal_pk, file)
            learned = 1
        learned += removals.add_names(connection, keyring, removal.id, new.names)
        if learned:
            audit.write(connection, "add", removal.id, learned=learned)
        return Added(
            path,
            Outcome.MERGED if learned else Outcome.UNCHANGED,
            removal.id,
            "it is withdrawn, and stays so" if removal.withdrawn_at else None,
        )


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """Files as given, and all under folders in a stable order; links are followed only as given."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, files in os.walk(path):
            folders.sort()
            for name in sorted(files):
                each = Path(folder) / name
                if each.is_file() and not each.is_symlink():
                    yield each
