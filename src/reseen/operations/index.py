"""The index of the registry, saved for workers, and the key with which they open it.

Both are exports of what a stolen database would give away, and are recorded as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reseen.match import saved
from reseen.match.registry_index import RegistryIndex
from reseen.store import audit, search_key
from reseen.store.database import Store
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class IndexSaved:
    """What a saved index holds."""

    removals: int
    digests: int
    lists: int
    mac: str


def save(
    store: Store,
    keyring: Keyring,
    folder: Path,
    *,
    without_class: bool = False,
    actor: str | None = None,
) -> IndexSaved:
    """Save the registry in force as an index into a folder: digests, sizes, sketches and numbers;
    no name, link or list's title. Of removals of the class that is never read the digests that tell
    them are in it, or nothing (`without_class`). Recorded before anything is written. Raises
    InputError."""
    saved.check_place(folder)
    with store.read() as connection:
        index = RegistryIndex.load(connection).for_export(without_class=without_class)
    numbers = sorted({n for some in index.snapshot.list_sets for n in some})
    with store.write() as connection:
        audit.write(
            connection,
            "export",
            "index",
            actor=actor,
            removals=len(index),
            digests=index.digests,
            lists=" ".join(map(str, numbers)),
            without_class=int(without_class),
        )
    mac = index.save(folder, keyring.for_indexes)
    return IndexSaved(len(index), index.digests, len(numbers), mac)


def rotate(store: Store, *, actor: str | None = None) -> None:
    """Another secret for which modules of a file are looked at first, from now on. Recorded."""
    with store.write() as connection:
        search_key.change(connection)
        audit.write(connection, "rotate-search", "*", actor=actor)


def key(store: Store, keyring: Keyring, *, actor: str | None = None) -> str:
    """The key of indexes as the text of a file, for workers. The sealing key cannot be had from it:
    it opens no name. Recorded."""
    with store.write() as connection:
        audit.write(connection, "export", "index key", actor=actor)
    return saved.key_text(keyring.for_indexes)
