"""The watch tells of what is new, what changed, and what is gone; and goes on after a stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from replica.server import Replica
from replica.world import Repo, World, lfs, plain
from tests.scan.walking import KEYRING, QUICK, Hasty, fill

from reseen.hubs.client_options import ClientOptions
from reseen.hubs.huggingface import HuggingFace
from reseen.observed import sightings
from reseen.operations.watching import following
from reseen.records import Confirmed, Sighting, SightingState
from reseen.scan.recheck import Change
from reseen.scan.target import Confirm, Options, Target
from reseen.scan.watch import Finding, Round, WatchContext, WatchIntervals, watching
from reseen.store.database import Store

QUIETLY = Options(confirm=Confirm.NONE)
INTERVALS = WatchIntervals(
    round=0.01, recheck=10**6, first=timedelta(days=1), overlap=timedelta(minutes=1)
)
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def world() -> World:
    """The sample world, a year ago."""
    from replica.sample import sample_world

    old = sample_world()
    for repo in old.repositories.values():
        repo.modified = NOW - timedelta(days=365)
    return old


def upload(world: World, id: str, number: int, ago: timedelta = timedelta()) -> Repo:
    repo = world.find("model", id) or world.add(Repo(id, created=NOW, modified=NOW))
    repo.commit(
        {"README.md": plain(b""), f"{number}.bin": lfs(world.removal(number).data)}, date=NOW - ago
    )
    return repo


def watch_rounds(
    store: Store,
    replica: Replica,
    rounds: int,
    intervals: WatchIntervals = INTERVALS,
    options: Options = QUIETLY,
    **events: object,
) -> list[Finding]:
    """Watch for so many rounds; `events`: round_N=callable, done after that round."""
    told: list[Finding] = []
    done: list[Round] = []

    async def whole() -> None:
        stop = asyncio.Event()

        def after(each: Round) -> None:
            done.append(each)
            event = events.get(f"round_{len(done)}")
            if callable(event):
                event()
            if len(done) >= rounds:
                stop.set()

        clock = Hasty()
        hub = HuggingFace(
            replica.endpoint, None, ClientOptions(attempts=2, clock=clock, sleep=clock.sleep)
        )
        async with hub:
            context = WatchContext(
                *(store, KEYRING, Target(), options, told.append),
                intervals=intervals,
                pace=replace(QUICK, patience=0.1),
                rounds=after,
            )
            await watching(following(context), hub, stop)

    asyncio.run(whole())
    assert len(done) == rounds
    return told


def repos(told: list[Finding]) -> list[str]:
    return [each.repo for each in told if isinstance(each, Sighting)]


def test_only_what_is_new_or_changed_is_looked_at(
    store: Store, world: World, replica: Replica
) -> None:
    fill(store, world)
    upload(world, "account-40/new", 1)
    assert repos(watch_rounds(store, replica, 1)) == ["account-40/new"]
    listed = [entry for entry in replica.journal.entries if entry.route == "tree"]
    assert len(listed) <= 2


def test_each_finding_is_told_once_and_what_comes_later_is_told(
    store: Store, world: World, replica: Replica
) -> None:
    fill(store, world)
    upload(world, "account-40/new", 1)
    told = watch_rounds(
        store,
        replica,
        4,
        round_1=lambda: upload(world, "account-41/newer", 2),
        # An old repository changes.
        round_2=lambda: upload(world, "account-20/model-00", 3),
    )
    assert repos(told) == ["account-40/new", "account-41/newer", "account-20/model-00"]
    assert repos(watch_rounds(store, replica, 1)) == []


def test_a_watch_goes_on_from_its_mark(store: Store, world: World, replica: Replica) -> None:
    fill(store, world)
    upload(world, "account-40/new", 1, timedelta(hours=3))
    watch_rounds(store, replica, 1)
    # While nobody watched; and a change from before the mark, which is known.
    upload(world, "account-41/newer", 2, timedelta(hours=2))
    replica.journal.clear()
    assert repos(watch_rounds(store, replica, 1)) == ["account-41/newer"]
    trees = [e.path for e in replica.journal.entries if e.route == "tree"]
    assert not any("account-40/new" in path for path in trees)


def test_a_round_that_the_hub_cut_short_is_made_again(
    store: Store, world: World, replica: Replica
) -> None:
    from replica.faults import Fault, Kind

    fill(store, world)
    upload(world, "account-40/new", 1)
    replica.faults.add(Fault(Kind.ERROR))
    told = watch_rounds(store, replica, 2, round_1=replica.faults.clear)
    assert repos(told) == ["account-40/new"]


def test_removals_imported_meanwhile_are_matched_against_the_past(
    store: Store, world: World, replica: Replica
) -> None:
    fill(store, world, only=(5,))
    upload(world, "account-40/new", 1)
    told = watch_rounds(store, replica, 2, round_1=lambda: fill(store, world, only=(1,)))
    assert repos(told) == ["account-40/new"]
    assert len([e for e in replica.journal.entries if "account-40/new/tree" in e.path]) == 1


def test_removals_imported_meanwhile_are_read_as_far_as_was_asked(
    store: Store, world: World, replica: Replica
) -> None:
    fill(store, world, only=(5,))
    upload(world, "account-40/new", 1)
    later = {"round_1": lambda: fill(store, world, only=(1,))}
    watch_rounds(store, replica, 2, options=Options(follow=False), **later)
    with store.read() as connection:
        (found,) = sightings.every(connection)
    assert found.confirmed is Confirmed.HEADER
    assert len([e for e in replica.journal.entries if "account-40/new/tree" in e.path]) == 1


def test_known_sightings_are_rechecked(store: Store, world: World, replica: Replica) -> None:
    fill(store, world)
    repo = upload(world, "account-40/new", 1)

    def disable() -> None:
        repo.disabled = True

    told = watch_rounds(store, replica, 2, replace(INTERVALS, recheck=0.0), round_1=disable)
    changes = [each for each in told if isinstance(each, Change)]
    assert [(c.sighting.repo, c.sighting.state) for c in changes] == [
        (repo.id, SightingState.DISABLED)
    ]
