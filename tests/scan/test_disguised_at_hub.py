"""A scan finds copies without what a fixed choice looked at, by any secret."""

from __future__ import annotations

from replica.server import Replica
from replica.world import Repo, World, lfs
from tests.match.made import remove
from tests.match.test_disguises import PART
from tests.match.updates import sketched
from tests.scan.test_screen import large, saved
from tests.scan.walking import walk_hub

from reseen.observed import sightings
from reseen.records import Rung
from reseen.scan.target import Options
from reseen.store import search_key
from reseen.store.database import Store


def disguised() -> World:
    world = World()
    for number, part in enumerate(PART.values()):
        repo = world.add(Repo(f"account-{number}/test-model-{number}"))
        repo.commit({"model.safetensors": lfs(saved(part, "<f4", 0.9))})
    return world


def test_disguised_copies_at_a_hub_are_sightings(store: Store) -> None:
    removal = remove(store, sketched(saved(large(1, rank=1))))
    remove(store, sketched(saved(large(2, rank=1))))
    with store.write() as connection:
        search_key.change(connection)
    with Replica(disguised()) as hub:
        walk_hub(store, hub.endpoint, options=Options(background=0))
    with store.read() as connection:
        found = list(sightings.every(connection))
    assert [(s.removal, s.rung) for s in found] == [(removal, Rung.WEIGHTS)] * len(PART)
