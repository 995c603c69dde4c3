"""A removal may come before a scan or after it, and more may be asked of what is known: what is
seen in the end is what one scan sees that knew and was asked all of it. Nothing is read twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from replica.sample import sample_world
from replica.server import Replica
from replica.world import World, lfs
from sqlalchemy import select, update
from tests.fresh_store import fresh_store
from tests.scan.walking import ALL, KEYRING, QUICK, fill, walk_hub

from reseen.hubs.huggingface import HuggingFace
from reseen.observed import sightings
from reseen.operations import consequences
from reseen.scan import unread_copies
from reseen.scan.context import ScanContext
from reseen.scan.frontier import Task
from reseen.scan.target import Confirm, Options, Target
from reseen.scan.unread_copies import UnreadCopies
from reseen.scan.walk import walk
from reseen.store.database import Store
from reseen.store.schema import frontier, scans, walks

NOTHING, HEADER, FULL = (Options(confirm=c) for c in Confirm)
EVERYTHING = Options(confirm=Confirm.FULL, refs=True)
READ = Options(confirm=Confirm.NONE, follow=False, edited=False)
"""Of the verb that reads what is owed: no more than was asked."""
OWED = Target(types=(), owed=True)
Seen = tuple[object, ...]


class Known:
    """A store, and what it holds of the sample world."""

    def __init__(self, store: Store, world: World, hub: Replica) -> None:
        self.store, self.world, self.hub = store, world, hub
        self.ids: dict[str, int] = {}

    def add(self, *numbers: int) -> None:
        """A list with these removals (all of them) comes; what follows is done."""
        new = fill(self.store, self.world, numbers or None)
        self.ids |= {id: number for number, id in new.items()}
        consequences.follow(self.store)

    def scan(self, options: Options, target: Target = ALL) -> None:
        assert walk_hub(self.store, self.hub.endpoint, target, options).ended

    def read(self, options: Options = READ) -> None:
        self.scan(options, OWED)

    def stop_reading(self, after: float) -> None:
        """Begin to read what is owed, and be told to stop."""

        async def whole() -> None:
            async with HuggingFace(self.hub.endpoint) as hub:
                context = ScanContext(self.store, KEYRING, hub, OWED, READ, pace=QUICK)
                asyncio.get_running_loop().call_later(after, context.stop.set)
                await walk(context)

        asyncio.run(whole())

    def unread(self) -> UnreadCopies:
        with self.store.read() as connection:
            return unread_copies.count(connection)

    def sha(self, repo: str) -> str:
        found = self.world.find("model", repo)
        assert found is not None
        return found.refs["refs/heads/main"]

    def seen(self) -> list[Seen]:
        with self.store.read() as connection:
            return sorted(
                (
                    *(self.ids[s.removal], s.type.value, s.repo, s.ref or "", s.path),
                    *(s.rung.label, s.state.value, s.confirmed.value),
                )
                for s in sightings.every(connection)
            )


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Seen]]:
    """What one scan sees that knows all from its beginning."""
    seen: dict[Options, list[Seen]] = {}

    def scan(options: Options) -> list[Seen]:
        if options not in seen:
            world = sample_world()
            path = tmp_path_factory.mktemp("fresh") / "fresh.db"
            with Replica(world) as hub, Store(fresh_store(path)) as store:
                known = Known(store, world, hub)
                known.add()
                known.scan(options)
                seen[options] = known.seen()
        return seen[options]

    return scan


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Known]:
    world = sample_world()
    with Replica(world) as hub, Store(fresh_store(tmp_path / "known.db")) as store:
        yield Known(store, world, hub)


@pytest.mark.parametrize("options", [HEADER, FULL, EVERYTHING], ids=str)
def test_a_list_that_comes_after_a_scan_is_read_by_the_next(
    known: Known, fresh: Callable[..., list[Seen]], options: Options
) -> None:
    known.scan(options)
    known.add()
    known.scan(options)
    assert known.seen() == fresh(options)


@pytest.mark.parametrize("options", [HEADER, FULL, EVERYTHING], ids=str)
def test_a_list_that_comes_after_a_scan_is_read_without_a_walk(
    known: Known, fresh: Callable[..., list[Seen]], options: Options
) -> None:
    known.scan(options)
    known.add()
    known.hub.journal.clear()
    known.read()
    assert known.seen() == fresh(options)
    assert known.hub.journal.requests["list"] == 0


def test_more_is_asked_of_what_is_known(known: Known, fresh: Callable[..., list[Seen]]) -> None:
    known.add()
    known.scan(HEADER)
    known.scan(FULL)
    assert known.seen() == fresh(FULL)


def test_known_sightings_are_read_in_full_without_a_walk(
    known: Known, fresh: Callable[..., list[Seen]]
) -> None:
    """What reading them teaches is looked for at once, as far as was asked there."""
    known.add()
    known.scan(HEADER)
    assert known.unread() == UnreadCopies(copies=14, asked=0, refused=1), "one is gated"
    known.read(replace(READ, confirm=Confirm.FULL))
    assert known.seen() == fresh(FULL)
    assert known.unread() == UnreadCopies(copies=0, asked=0, refused=1)


def test_less_that_is_asked_later_takes_nothing_back(
    known: Known, fresh: Callable[..., list[Seen]]
) -> None:
    """A header scan of what was asked to be read in full reads it in full; one that is to read
    nothing reads nothing, and what is owed stays owed."""
    known.scan(FULL)
    known.add()
    known.hub.journal.clear()
    known.scan(NOTHING)
    assert known.hub.journal.requests["resolve"] == 0
    assert known.unread().asked == 15
    known.scan(HEADER)
    assert known.seen() == fresh(FULL)


def test_lists_that_come_one_by_one_are_one_list(
    known: Known, fresh: Callable[..., list[Seen]]
) -> None:
    known.add(1, 3, 16)
    known.scan(FULL)
    known.add(2, 4, 5, 6, 7, 8)
    known.read()
    known.add(9, 10, 11, 12, 13, 14, 15)
    known.scan(HEADER)
    known.read()
    assert known.seen() == fresh(FULL)


def test_a_newer_registry_reads_what_it_owes_and_no_more(known: Known) -> None:
    known.add(1)
    known.scan(Options(confirm=Confirm.FULL, follow=False))
    known.add(16)  # as large as no other
    known.hub.journal.clear()
    known.read()
    read = {e.path.partition("?")[0] for e in known.hub.journal.entries if e.route == "resolve"}
    copy = f"/account-02/backup/resolve/{known.sha('account-02/backup')}/file-16.safetensors"
    # Behind its gate stands who knows what: a new list asks once more.
    gate = f"/account-05/members-only/resolve/{known.sha('account-05/members-only')}/m.safetensors"
    assert read == {copy, gate}
    assert set(known.hub.journal.requests) <= {"resolve", "cdn"}
    for again in (known.read, lambda: known.scan(Options(confirm=Confirm.FULL, follow=False))):
        known.hub.journal.clear()
        again()
        assert set(known.hub.journal.requests) <= {"list"}


def test_what_following_adds_belongs_to_the_target_also_when_the_list_comes_later(
    known: Known,
) -> None:
    """One repository was looked at; its account, its refs and its history come with the list."""
    hidden = known.world.repositories["model", "account-01/Test"]
    hidden.commit({"x.safetensors": lfs(known.world.removal(9).data)}, ref="refs/pr/1")
    known.scan(HEADER, Target(repos=("account-01/LORA",)))
    assert known.hub.journal.requests["tree"] == 1
    known.add()
    known.read()
    assert {(seen[2], seen[3]) for seen in known.seen()} == {
        ("account-01/LORA", "main"),
        ("account-01/test-model", "main"),
        ("account-01/test-model-2", "main"),
        ("account-01/Test", "main"),
        ("account-01/Test", "refs/pr/1"),
    }
    known.hub.journal.clear()
    known.read()
    assert not known.hub.journal.requests


def test_nothing_is_followed_where_that_was_not_asked(known: Known) -> None:
    known.scan(replace(HEADER, follow=False), Target(repos=("account-01/LORA",)))
    known.add()
    known.read(replace(READ, follow=True))
    assert {seen[2] for seen in known.seen()} == {"account-01/LORA"}


def test_what_was_refused_is_asked_for_again_by_a_new_list_only(known: Known) -> None:
    known.add(6)
    target = Target(repos=("account-05/members-only",))
    known.scan(FULL, target)
    for times in (0, 1):
        known.hub.journal.clear()
        known.read()
        assert known.hub.journal.requests["resolve"] == times
        known.add(7)


def test_what_the_limit_on_bytes_left_out_stays_owed(
    known: Known, fresh: Callable[..., list[Seen]]
) -> None:
    known.add()
    known.scan(replace(FULL, max_scan_bytes=200_000))
    assert known.unread().asked > 5
    with known.store.read() as connection:
        assert unread_copies.count(connection, "another.example") == UnreadCopies()
    known.read()
    assert known.seen() == fresh(FULL)


@pytest.mark.parametrize("seed", range(4))
def test_in_whatever_order_a_hub_is_visited(
    known: Known,
    fresh: Callable[..., list[Seen]],
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dice = random.Random(seed)
    monkeypatch.setattr("reseen.scan.priorities.priority", lambda *_: dice.randrange(100))
    monkeypatch.setattr(
        "reseen.scan.ordering.ordered",
        lambda weighed, *_: [dice.randrange(100) for _ in weighed],
    )
    known.add()
    known.scan(FULL)
    assert known.seen() == fresh(FULL)


def test_stopped_at_any_moment_it_goes_on(known: Known, fresh: Callable[..., list[Seen]]) -> None:
    known.scan(FULL)
    known.add()
    dice = random.Random(1)
    for _ in range(8):
        known.stop_reading(after=dice.uniform(0.0, 0.5))
    known.read()
    assert known.seen() == fresh(FULL)


def test_a_copy_that_a_stopped_scan_has_yet_to_read_was_not_refused(known: Known) -> None:
    """Its repository's history was walked and its head was not: "no access, or too large", said
    the end of the scan, of copies that nobody had tried to read."""
    known.add()
    known.scan(NOTHING)
    with known.store.write() as connection:
        connection.execute(update(walks).values(confirm=2, version=1_000_000))
    assert known.unread().refused > 10
    with known.store.write() as connection:
        connection.execute(update(scans).values(ended_at=None))
        scan = connection.scalar(select(scans.c.pk).limit(1))
        fixed = {"scan_pk": scan, "task": int(Task.FILES), "subject": "head", "priority": 1}
        walked = connection.scalars(select(walks.c.repository_pk).distinct())
        work = [{**fixed, "repository_pk": pk} for pk in walked]
        connection.execute(frontier.insert(), work)
    left = known.unread()
    assert (left.copies, left.waiting, left.asked, left.refused) == (left.copies, left.copies, 0, 0)
    assert left.copies > 10
    with known.store.write() as connection:
        connection.execute(update(scans).values(ended_at=1))
    assert known.unread().waiting == 0, "a scan that ended reads nothing more"


def test_only_what_is_named_is_read(known: Known) -> None:
    known.scan(FULL)
    known.add()
    (id,) = (id for id, number in known.ids.items() if number == 16)
    for target, read in (
        (Target(types=(), owed=True, repos=("account-13/archive",)), {"account-13/archive"}),
        (Target(types=(), owed=True, authors=("account-11",)), {"account-11/collection"}),
        (Target(types=(), owed=True, removal=id), {"account-02/backup"}),
    ):
        known.hub.journal.clear()
        known.scan(replace(READ, follow=False), target)
        paths = [e.path for e in known.hub.journal.entries if e.route == "resolve"]
        assert {path.removeprefix("/datasets").split("/resolve/")[0][1:] for path in paths} == read
