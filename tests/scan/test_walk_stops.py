"""A walk stops in order, goes on where it was, lives through a hub that is away, and gives up
what cannot be answered for."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from replica.faults import Fault, Kind
from replica.sample import sample_world
from replica.server import Replica
from replica.world import lfs
from sqlalchemy import func, select
from tests.fresh_store import fresh_store
from tests.scan.walking import ALL, KEYRING, QUICK, fill, seen_at, walk_hub

from reseen.errors import HubError
from reseen.hubs.huggingface import HuggingFace
from reseen.records import Coverage
from reseen.scan.context import ScanContext
from reseen.scan.progress import Listener, Progress
from reseen.scan.target import Confirm, Options, Target
from reseen.scan.walk import walk
from reseen.settings import host_of
from reseen.store.database import Store
from reseen.store.schema import frontier, listings, problems, repositories

QUIETLY = Options(confirm=Confirm.NONE, follow=False)


def counts(coverage: Coverage) -> tuple[int, ...]:
    return coverage.listed, coverage.walked, coverage.artifacts, coverage.unchanged


def undisturbed(tmp_path: Path) -> tuple[Coverage, set[tuple[str, str]]]:
    world = sample_world()
    with Replica(world) as hub, Store(fresh_store(tmp_path / "undisturbed.db")) as store:
        fill(store, world)
        outcome = walk_hub(store, hub.endpoint, options=QUIETLY)
        return outcome.coverage, {(s.repo, s.path) for s in outcome.sightings}


async def stopped_walk(store: Store, endpoint: str, after: int) -> bool:
    """A walk that is asked to stop once so many repositories were walked. True if it ended."""
    stop = asyncio.Event()

    def report(progress: Progress) -> None:
        if progress.walked >= after:
            stop.set()

    pace = replace(QUICK, workers=2, every=0.001)
    async with HuggingFace(endpoint) as hub:
        context = ScanContext(
            store, KEYRING, hub, ALL, QUIETLY, pace=pace, listener=Listener(report), stop=stop
        )
        outcome = await walk(context)
        assert outcome.ended or outcome.stopped
        return outcome.ended


def test_a_stopped_walk_goes_on_where_it_was(store: Store, tmp_path: Path) -> None:
    expected, places = undisturbed(tmp_path)
    world = sample_world()
    fill(store, world)
    with Replica(world, latency=0.005) as hub:
        for after in (0, 1, 5, 20):
            asyncio.run(stopped_walk(store, hub.endpoint, after))
            with store.read() as connection:
                held = select(func.count()).where(frontier.c.leased_by.is_not(None))
                assert connection.scalar(held) == 0, "an orderly stop gives everything back"
        outcome = walk_hub(store, hub.endpoint, options=QUIETLY)
    assert outcome.ended
    assert counts(outcome.coverage) == counts(expected)
    assert {(s.repo, s.path) for s in outcome.sightings} == places


def test_several_walks_share_one_store(store: Store, tmp_path: Path) -> None:
    expected, places = undisturbed(tmp_path)
    world = sample_world()
    fill(store, world)

    async def together(endpoint: str) -> list[Coverage]:
        hubs = [HuggingFace(endpoint) for _ in range(3)]
        pace = replace(QUICK, workers=2, ahead=2)
        outcomes = await asyncio.gather(
            *(walk(ScanContext(store, KEYRING, hub, ALL, QUIETLY, pace=pace)) for hub in hubs)
        )
        for hub in hubs:
            await hub.close()
        assert all(outcome.ended for outcome in outcomes)
        return [outcome.coverage for outcome in outcomes]

    with Replica(world, latency=0.002) as hub:
        asyncio.run(together(hub.endpoint))
        # Each commit was asked for by one of them only.
        assert hub.journal.requests["tree"] == expected.walked
    assert {(s, p) for _, _, s, _, p in seen_at(store)} == places


def test_a_hub_that_goes_away_is_waited_for(store: Store, tmp_path: Path) -> None:
    expected, places = undisturbed(tmp_path)
    world = sample_world()
    fill(store, world)
    with Replica(world, latency=0.005) as hub:
        gone, back = threading.Event(), threading.Event()

        def report(progress: Progress) -> None:
            if progress.walked >= 3:
                gone.set()
            if progress.away:
                back.set()

        def vanish() -> None:
            gone.wait(60)
            with hub.away():
                back.wait(60)

        vanishing = threading.Thread(target=vanish)
        vanishing.start()
        pace = replace(QUICK, workers=2, every=0.001, patience=120.0)
        outcome = walk_hub(
            store, hub.endpoint, options=QUIETLY, pace=pace, report=report, attempts=2
        )
        gone.set()
        back.set()
        vanishing.join()
    assert outcome.ended
    assert counts(outcome.coverage) == counts(expected)
    assert {(s.repo, s.path) for s in outcome.sightings} == places


def test_a_hub_that_stays_away_ends_our_patience_and_nothing_is_given_up(store: Store) -> None:
    world = sample_world()
    fill(store, world)
    impatient = replace(QUICK, patience=0.2)
    with Replica(world) as hub:
        with hub.faults.during(
            Fault(Kind.ERROR, route="tree"), Fault(Kind.ERROR, route="list", after=3)
        ):
            outcome = walk_hub(store, hub.endpoint, options=QUIETLY, pace=impatient)
        assert not outcome.ended
        assert outcome.stopped == (
            f"The hub {host_of(hub.endpoint)} does not answer as needed: "
            "the hub has troubles (status 500), also after waiting."
        )
        with store.read() as connection:
            assert connection.scalar(select(func.count()).select_from(problems)) == 0
        outcome = walk_hub(store, hub.endpoint, options=QUIETLY)
    assert outcome.ended
    assert outcome.sightings


@pytest.mark.parametrize("kind", [Kind.GARBAGE, Kind.ERROR])
def test_a_repository_without_usable_answers_is_given_up(
    store: Store, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reseen.scan.frontier.RETRY", (0, 0, 0))
    world = sample_world()
    fill(store, world)
    fault = Fault(kind, route="tree", containing="account-01/LORA")
    with Replica(world) as hub, hub.faults.during(fault):
        outcome = walk_hub(store, hub.endpoint, options=QUIETLY)
    assert outcome.ended
    assert outcome.coverage.skipped["no usable answer after several attempts"] == 1
    assert "account-01/LORA" not in {s.repo for s in outcome.sightings}
    assert "account-01/Test" in {s.repo for s in outcome.sightings}
    with store.read() as connection:
        (place,) = connection.scalars(select(problems.c.place)).all()
        assert "account-01/LORA" in place
        for table in (frontier, listings):
            assert connection.scalar(select(func.count()).select_from(table)) == 0


def test_the_reasons_for_skips_are_counted(store: Store) -> None:
    world = sample_world()
    fill(store, world)
    with Replica(world) as hub:
        outcome = walk_hub(store, hub.endpoint, options=QUIETLY)
        again = walk_hub(store, hub.endpoint, options=QUIETLY)
    assert outcome.coverage.skipped["disabled by the hub"] == 1
    assert outcome.coverage.skipped["no commit listed"] == 1
    assert outcome.coverage.listed == outcome.coverage.walked + 2
    assert again.coverage.listed == again.coverage.unchanged + 2


def test_a_repository_that_is_not_there_is_a_problem_and_no_error(store: Store) -> None:
    world = sample_world()
    fill(store, world)
    target = Target(repos=("account-01/LORA", "nobody/nothing"))
    with Replica(world) as hub:
        outcome = walk_hub(store, hub.endpoint, target, QUIETLY)
    assert outcome.coverage.walked == 1
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(problems)) == 1


def test_a_listing_that_cannot_be_had_is_an_error(store: Store) -> None:
    quick = replace(QUICK, backoff=0.0)
    garbage = Fault(Kind.GARBAGE, route="list")
    with Replica(sample_world()) as hub, hub.faults.during(garbage), pytest.raises(HubError):
        walk_hub(store, hub.endpoint, options=QUIETLY, pace=quick)


def test_a_sighting_leads_to_the_account_and_a_hint_does_not(store: Store) -> None:
    world = sample_world()
    fill(store, world)
    with Replica(world) as hub:
        outcome = walk_hub(
            store, hub.endpoint, Target(repos=("account-01/LORA",)), Options(confirm=Confirm.NONE)
        )
        assert {s.repo for s in outcome.sightings} == {
            "account-01/LORA",
            "account-01/test-model",
            "account-01/test-model-2",
            "account-01/Test",
        }
        assert hub.journal.requests["refs"] == 4
    # A hint alone: a stranger's file is named by a removal's hash.
    world = sample_world()
    repo = world.repositories["model", "account-20/model-00"]
    name = f"{world.removal(12).sha256}.safetensors"
    repo.commit({name: lfs(b"a stranger" * 1000)})
    with Replica(world) as hub:
        outcome = walk_hub(store, hub.endpoint, Target(repos=(repo.id,)), Options())
        assert outcome.sightings == ()
        assert hub.journal.requests["refs"] == 0
        assert hub.journal.requests["list"] == 0


def test_hidden_copies_are_found_after_a_sighting_without_asking_for_refs(store: Store) -> None:
    world = sample_world()
    fill(store, world)
    repo = world.repositories["model", "account-01/LORA"]
    repo.commit({"x.safetensors": lfs(world.removal(9).data)}, ref="refs/pr/1")
    with Replica(world) as hub:
        outcome = walk_hub(store, hub.endpoint, Target(repos=(repo.id,)), Options())
    assert "refs/pr/1" in {s.ref for s in outcome.sightings}


def test_the_priority_is_by_what_is_known(store: Store) -> None:
    """Accounts of sightings first: what a scan found orders the next one."""
    world = sample_world()
    fill(store, world)
    with Replica(world) as hub:
        walk_hub(store, hub.endpoint, Target(repos=("account-09/framed",)), QUIETLY)
        hub.journal.clear()
        models = Target(everything=True)
        one_by_one = replace(QUICK, workers=1, ahead=1)
        walk_hub(store, hub.endpoint, models, QUIETLY, pace=one_by_one)
        trees = [e.path for e in hub.journal.entries if e.route == "tree"]
    assert "account-09/framed-too" in trees[0]


def test_progress_tells_where_the_walk_is(store: Store) -> None:
    world = sample_world()
    fill(store, world)
    told: list[Progress] = []
    seen: list[str] = []
    with Replica(world) as hub:
        outcome = walk_hub(
            store,
            hub.endpoint,
            options=QUIETLY,
            report=told.append,
            found=lambda sighting: seen.append(sighting.id),
        )
    last = told[-1]
    assert (last.listed, last.walked) == (outcome.coverage.listed, outcome.coverage.walked)
    assert last.waiting == 0
    assert not last.listing
    assert last.sightings == len(outcome.sightings)
    assert last.requests == outcome.coverage.requests
    assert last.quota_left["api"] > 0
    assert sorted(seen) == sorted(s.id for s in outcome.sightings)


def test_since_lists_only_what_changed(store: Store) -> None:
    world = sample_world()
    newest = max(repo.modified for repo in world.repositories.values() if repo.type == "model")
    with Replica(world) as hub:
        outcome = walk_hub(store, hub.endpoint, Target(since=newest), QUIETLY)
    assert outcome.coverage.listed == 1
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(repositories)) == 1
