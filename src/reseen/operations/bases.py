"""Base models go into the store and out of it; and a checkpoint is told from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reseen.errors import InputError, bulkhead
from reseen.match.checkpoint_layers import is_fine, read_base
from reseen.match.registry_index import RegistryIndex
from reseen.operations import consequences
from reseen.operations.checkpoints import CheckpointReader
from reseen.operations.consequences import Followed
from reseen.records import DigestKind, Rung
from reseen.registry import bases, never_read
from reseen.registry.bases import Base
from reseen.registry.never_read import read_local
from reseen.store.database import Store
from reseen.store.sealing import Keyring

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class BaseAdded:
    """A base model that is in now, and what followed from it."""

    base: Base
    followed: Followed


def add(
    store: Store,
    keyring: Keyring | None,
    path: Path,
    name: str,
    *,
    actor: str | None = None,
    progress: Progress | None = None,
) -> BaseAdded:
    """Keep the sketch of a base model's weights under a name, and judge the checkpoints that scans
    read again: those of which nothing was known are told from it. The file is read twice: its
    digests, and its layers one after the other. Raises FileError for what is no checkpoint of known
    layers, or one in a coarse number format; InputError for a removed model, or one that has a
    removal inside: it would hide that one's copies; Conflict for a name or file that is in
    already."""
    said = bases.checked_name(name)
    with store.read() as connection:
        bases.may_add(connection, said)
        never = never_read.load(connection)
        known = RegistryIndex.load(connection, keyring)
    with bulkhead():
        read = read_local(path, never, progress)
        if never_read.forbids(never, read):
            raise InputError(f"{path.name} is not read: {never_read.WHY}")
        if any(match.rung > Rung.HINT for match in known.match_fingerprint(read)):
            raise InputError(f"{path.name} is a removed model, and no base")
        made = read_base(path, progress, never_read.forbidden_by(never))
    seen = CheckpointReader(store).seen(path, read)
    if seen is not None and any(each.is_sure for each in seen.parts):
        raise InputError(f"{path.name} has a removed model inside, and is no base")
    is_fine(made)
    sha256 = next(d.value for d in read.digests if d.kind is DigestKind.SHA256)
    base = Base(said, made.architecture, read.size, sha256, len(made.ids))
    with store.write() as connection:
        bases.add(connection, base, made.encode(), actor=actor)
    return BaseAdded(base, consequences.follow(store))


def remove(store: Store, name: str, *, actor: str | None = None) -> Followed:
    """Take one out; what was found by it falls. Raises NotFound."""
    with store.write() as connection:
        bases.remove(connection, name, actor=actor)
    return consequences.follow(store)
