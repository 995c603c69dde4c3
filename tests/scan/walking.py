"""What the tests of the walk share: a registry filled from a world, and a walk over a replica."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from replica.world import World

from reseen.hubs.huggingface import HuggingFace
from reseen.records import Digest, DigestKind, Names, RemovedFile, RepoType, Rung
from reseen.registry import removals, sightings
from reseen.registry.sealing import Keyring
from reseen.registry.store import Store
from reseen.scan.progress import Outcome
from reseen.scan.target import Options, Target
from reseen.scan.walk import Pace, scan

KEYRING = Keyring(bytes(range(32)))
USUAL = Options()
QUICK = Pace(workers=8, turn=0.01, idle=0.02, patience=20.0, backoff=0.05)
ALL = Target(types=tuple(RepoType), everything=True)


def fill(store: Store, world: World, only: Collection[int] | None = None) -> dict[int, str]:
    """Put the world's removals into the registry, as a list tells of them: number -> id."""
    wanted = [r for r in world.removals if only is None or r.number in only]
    new = [
        removals.New(
            list="sample",
            site="models.example",
            removed_on=None,
            names=Names(name=r.name, url=r.link, file_names=(r.file_name,)),
            files=(
                RemovedFile((Digest(DigestKind.SHA256, bytes.fromhex(r.sha256)),), size=r.size),
            ),
        )
        for r in wanted
    ]
    with store.write() as connection:
        ids = removals.insert(connection, KEYRING, new)
    return {r.number: id for r, id in zip(wanted, ids, strict=True)}


def walk_hub(
    store: Store,
    endpoint: str,
    target: Target = ALL,
    options: Options = USUAL,
    *,
    pace: Pace = QUICK,
    token: str | None = None,
    **more: Any,
) -> Outcome:
    """Scan a hub to the end."""

    def hub() -> HuggingFace:
        return HuggingFace(endpoint, token, attempts=2, patience=1.0)

    return scan(store, KEYRING, hub, target, options, pace=pace, **more)


def seen_at(store: Store) -> dict[tuple[str, str, str, str | None, str], Rung]:
    """(removal, type, repo, ref, path) -> rung, of every sighting."""
    with store.read() as connection:
        return {
            (s.removal, s.type.value, s.repo, s.ref, s.path): s.rung
            for s in sightings.every(connection)
        }
