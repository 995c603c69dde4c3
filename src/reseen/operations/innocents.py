"""Known innocents are proposed, confirmed and removed, and what follows from it: files that were
asked for parts of merges are asked again, so that a sighting falls that rested on not knowing one,
and comes back when it is taken out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from reseen.errors import bulkhead
from reseen.operations import consequences
from reseen.operations.consequences import INNOCENTS, Followed
from reseen.records import Fingerprint
from reseen.registry import innocents, never_read, removals
from reseen.registry.classes import By
from reseen.registry.innocents import NearRemoval
from reseen.review.roles import Role, Who
from reseen.store import change_log, meta
from reseen.store.database import Store
from reseen.store.sealing import Keyring


def propose(
    store: Store, keyring: Keyring | None, path: Path, name: str, why: str, *, by: Who,
    progress: Callable[[int], None] | None = None,
) -> str:  # fmt: skip
    """The first pair of eyes: this local file is an adapter that many use; its id. The file is read
    and not kept. Raises Conflict where a removal in force is near it, or it is known; FileError,
    InputError, AccessError, SealError."""
    by.must_be(Role.LEAD)
    name = innocents.name_given(name)
    with store.read() as connection:
        never = never_read.load(connection)
    with bulkhead():
        read = never_read.read_local(path, never, progress)
    with store.read() as connection:
        asked = change_log.latest(connection)
        innocents.refuse_near(_near(connection, read, None))
    with store.write() as connection:
        changed = change_log.removals_since(connection, asked)
        innocents.refuse_near(_near(connection, read, changed))
        if not innocents.known_pks(connection):
            meta.keep(connection, INNOCENTS, b"%d" % change_log.latest(connection))
        who = By(by.pk, by.name)
        return innocents.propose(connection, keyring, read, name, why, by=who)


def confirm(store: Store, keyring: Keyring | None, id: str, why: str, *, by: Who) -> Followed:
    """The second pair of eyes, of somebody else: it is in use from now on. Raises NotFound,
    Conflict where the same person asks, it is confirmed, or a removal is near it, AccessError and
    SealError."""
    by.must_be(Role.LEAD)
    consequences.follow(store)  # so that it is known which removals are near it
    with store.write() as connection:
        innocents.confirm(connection, keyring, id, why, by=By(by.pk, by.name))
    return consequences.follow(store)


def remove(store: Store, keyring: Keyring | None, id: str, why: str, *, by: Who) -> Followed:
    """Take an innocent out, or a proposal: what it hid is found again. Raises NotFound, AccessError
    and SealError."""
    by.must_be(Role.LEAD)
    with store.write() as connection:
        innocents.remove(connection, keyring, id, why, by=By(by.pk, by.name))
    return consequences.follow(store)


def _near(
    connection: Connection, read: Fingerprint, removal_pks: list[int] | None
) -> list[NearRemoval]:
    """Removals that are near a file, of these (None: of all)."""
    from reseen.match import near_innocents  # numpy, which most commands do not need

    own = () if read.sketch is None else (read.sketch, *read.further_sketches)
    file = near_innocents.of_file(innocents.file_digests(read), own)
    found = near_innocents.near(connection, {0: file}, removal_pks)
    ids = removals.ids_of(connection, [pk for _, pk in found])
    named = {pk: id for id, pk in removals.pks_of(connection, ids).items()}
    return [NearRemoval(named[pk], rung) for (_, pk), rung in found.items()]
