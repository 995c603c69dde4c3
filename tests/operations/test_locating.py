"""A locator is asked where copies are said to stand; those repositories are looked at first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from replica.civarchive import CivArchiveSite
from replica.faults import Fault, Kind
from replica.server import Replica
from replica.world import Repo, World, lfs
from tests import removals_made

from reseen.errors import Conflict
from reseen.hubs import civarchive
from reseen.observed import sightings
from reseen.operations import asking, locating
from reseen.operations.asking import AboutToAsk, Asks
from reseen.operations.locating import Located, LocateListener, Places
from reseen.records import Digest, DigestKind, Names, RemovalClass, RemovedFile, Rung, Sighting
from reseen.settings import CIVARCHIVE, HubSettings, RateLimit, Settings, host_of
from reseen.store import audit, schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEYRING = Keyring(bytes(range(32)))
DAY = 24 * 3600 * 1_000_000
COPY = b"weights of sample 1" * 4_000


@dataclass
class Room:
    """A store, a hub where a copy stands, and a locator that knows of it."""

    store: Store
    world: World
    hub: Replica
    site: CivArchiveSite
    locator: Replica

    @property
    def settings(self) -> Settings:
        at = {"HF_ENDPOINT": self.hub.endpoint, "RESEEN_DB": "unused"}
        return Settings.from_environment(at)

    @property
    def archive(self) -> HubSettings:
        return HubSettings(
            CIVARCHIVE, self.locator.endpoint, CIVARCHIVE, quota=RateLimit(1000, 1.0)
        )

    def remove(self, data: bytes, *, age: int = 2 * DAY, cls: RemovalClass | None = None) -> None:
        digest = Digest(DigestKind.SHA256, hashlib.sha256(data).digest())
        new = removals_made.NewRemoval(
            *("site A", "models.example", None, Names(name="Sample person 07")),
            (RemovedFile((digest,)),),
            cls,
        )
        with self.store.write() as connection:
            (id,) = removals_made.insert(connection, KEYRING, [new])
            r = schema.removals
            older = r.update().where(r.c.id == id).values(added_at=r.c.added_at - age)
            connection.execute(older)

    def put(self, repo: str, data: bytes) -> str:
        """A copy at the hub, of which the locator knows; its address."""
        self.world.add(Repo(repo)).commit({"a.safetensors": lfs(data)})
        place = f"{self.hub.endpoint}/{repo}/resolve/main/a.safetensors"
        known = hashlib.sha256(data).hexdigest()
        self.site.places[known] = (*self.site.places.get(known, ()), place)
        return place

    def locate(self) -> tuple[Located, list[AboutToAsk], list[Places], list[Sighting]]:
        about: list[AboutToAsk] = []
        places: list[Places] = []
        found: list[Sighting] = []
        listener = LocateListener(about.append, places=places.append, found=found.append)
        ended = locating.locate(self.store, KEYRING, self.archive, self.settings, listener)
        return ended, about, places, found

    def allow(self) -> None:
        asking.switch(self.store, self.archive, Asks.ALL)


@pytest.fixture
def room(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(civarchive, "LONGEST_PAUSE", 0.0)
    world, site = World(), CivArchiveSite()
    with Replica(world) as hub, Replica(World(), site=site) as locator:
        yield Room(store, world, hub, site, locator)


def test_nothing_is_asked_until_an_administrator_says_so(room: Room) -> None:
    room.remove(COPY)
    assert asking.preview(room.store, room.archive).asks is Asks.NOTHING
    with pytest.raises(Conflict, match="switched off"):
        room.locate()
    assert room.locator.journal.total == 0


def test_the_repositories_that_it_names_are_looked_at(room: Room) -> None:
    room.remove(COPY)
    room.put("sample-account/LORA", COPY)
    room.world.add(Repo("another-account/other")).commit({"a.safetensors": lfs(COPY)})
    room.allow()
    ended, about, (places,), found = room.locate()
    assert (about[0].digests, ended.asked.came.there) == (1, 1)
    assert [(hub.host, len(named)) for hub, named in places.at_hubs] == [
        (host_of(room.hub.endpoint), 1)
    ]
    assert [each.repo for each in found] == ["sample-account/LORA"]
    with room.store.read() as connection:
        assert [s.rung for s in sightings.every(connection)] == [Rung.DECLARED]
        acts = [each.action for each in audit.every(connection)]
    assert acts == ["asking-all", "asking-list", "asked"]


def test_places_at_no_hub_of_the_settings_are_counted_and_left_alone(room: Room) -> None:
    room.remove(COPY)
    elsewhere = (
        "https://models.example/4711",
        "https://models.example/2",
        "https://[bad",
        "http:///x",
    )
    room.site.places[hashlib.sha256(COPY).hexdigest()] = elsewhere
    room.allow()
    ended, _, (places,), found = room.locate()
    assert (places.at_hubs, ended.looked, found) == ((), (), [])
    assert dict(places.at_others) == {"models.example": 2, "no host": 2}
    assert room.hub.journal.total == 0


def test_more_than_are_looked_at_are_counted(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a locator says does not use up a hub's quota."""
    monkeypatch.setattr(locating, "MOST_LOOKED_FIRST", 2)
    room.remove(COPY)
    for number in range(5):
        room.put(f"sample-account-{number}/LORA", COPY)
    room.allow()
    _, _, (places,), found = room.locate()
    assert (len(places.at_hubs[0][1]), places.left_out, len(found)) == (2, 3, 2)


def test_what_came_today_is_not_asked_for_yet(room: Room) -> None:
    room.remove(COPY, age=0)
    room.remove(COPY + b"old")
    room.allow()
    _, (about,), _, _ = room.locate()
    assert (about.digests, about.too_new) == (1, 1)
    assert room.locator.journal.total == 1


def test_the_class_that_is_never_read_is_never_asked_for(room: Room) -> None:
    room.remove(COPY, cls=RemovalClass.CHILD_ABUSE)
    room.put("sample-account/LORA", COPY)
    room.allow()
    _, (about,), _, _ = room.locate()
    assert (about.digests, about.never_sent, room.locator.journal.total) == (0, 1, 0)


def test_a_place_that_is_gone_is_no_sighting_and_hides_no_other(room: Room) -> None:
    room.remove(COPY)
    known = hashlib.sha256(COPY).hexdigest()
    room.site.places[known] = (f"{room.hub.endpoint}/sample-account/gone/resolve/main/a",)
    room.put("sample-account/LORA", COPY)
    room.allow()
    _, _, (places,), found = room.locate()
    assert len(places.at_hubs[0][1]) == 2
    assert [each.repo for each in found] == ["sample-account/LORA"]


def test_a_hub_that_answers_with_pages_ends_in_no_sighting(room: Room) -> None:
    room.remove(COPY)
    room.put("sample-account/LORA", COPY)
    room.allow()
    with room.hub.faults.during(Fault(Kind.WRONG_TYPE)):
        ended, *_ = room.locate()
    (looked,) = ended.looked
    assert looked.outcome is not None
    assert (looked.outcome.sightings, looked.outcome.coverage.walked) == ((), 0)
