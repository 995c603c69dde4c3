"""What the tests of the walk share: a registry filled from a world, and a walk over a replica."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

from replica.world import Removed, World
from tests import removals_made

from replica import git
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.huggingface import HuggingFace
from reseen.observed import sightings
from reseen.records import Digest, DigestKind, Names, RemovedFile, RepoType, Rung
from reseen.scan.pace import Pace
from reseen.scan.progress import Found, Listener, Outcome, Report
from reseen.scan.target import Options, Target
from reseen.scan.walk import scan
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEYRING = Keyring(bytes(range(32)))
USUAL = Options()
PLAIN_GIT = 14
"""The sample removal that comes back as a plain git file."""
QUICK = Pace(workers=8, turn=0.01, idle=0.02, patience=20.0, backoff=0.05)
ALL = Target(types=tuple(RepoType), everything=True)


class Hasty:
    """A clock that jumps over every wait: patience is tested, and costs nothing."""

    def __init__(self) -> None:
        self._jumped = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._jumped

    async def sleep(self, seconds: float) -> None:
        self._jumped += seconds
        await asyncio.sleep(0)


def fill(store: Store, world: World, only: Collection[int] | None = None) -> dict[int, str]:
    """Put the world's removals into the registry, as a list tells of them: number -> id."""
    wanted = [r for r in world.removals if only is None or r.number in only]
    new = [
        removals_made.NewRemoval(
            list="sample",
            site="models.example",
            removed_on=None,
            names=Names(name=r.name, url=r.link, file_names=(r.file_name,)),
            files=(RemovedFile(digests(r), size=r.size),),
        )
        for r in wanted
    ]
    with store.write() as connection:
        ids = removals_made.insert(connection, KEYRING, new)
    return {r.number: id for r, id in zip(wanted, ids, strict=True)}


def digests(removed: Removed) -> tuple[Digest, ...]:
    """A SHA-256; for the smallest also its git blob's SHA-1, without which plain git hides it."""
    found = [Digest(DigestKind.SHA256, bytes.fromhex(removed.sha256))]
    if removed.number == PLAIN_GIT:
        found.append(Digest(DigestKind.GIT_BLOB, bytes.fromhex(git.blob_oid(removed.data))))
    return tuple(found)


def walk_hub(
    store: Store,
    endpoint: str,
    target: Target = ALL,
    options: Options = USUAL,
    *,
    pace: Pace = QUICK,
    token: str | None = None,
    attempts: int = 8,
    report: Report | None = None,
    found: Found | None = None,
) -> Outcome:
    """Scan a hub to the end."""

    def hub() -> HuggingFace:
        clock = Hasty()
        return HuggingFace(
            endpoint, token, ClientOptions(attempts=attempts, clock=clock, sleep=clock.sleep)
        )

    listener = Listener(report, found)
    return scan(store, KEYRING, hub, target, options, pace=pace, listener=listener)


def seen_at(store: Store) -> dict[tuple[str, str, str, str | None, str], Rung]:
    """(removal, type, repo, ref, path) -> rung, of every sighting."""
    with store.read() as connection:
        return {
            (s.removal, s.type.value, s.repo, s.ref, s.path): s.rung
            for s in sightings.every(connection)
        }
