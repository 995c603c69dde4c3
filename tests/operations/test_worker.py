"""The worker: what people ask for is done, one at a time among all, taken over, stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

import pytest
from replica.server import Replica
from replica.world import World
from sqlalchemy import select, update
from tests.operations.working import INTERVALS, until, worker_at
from tests.operations.working import working as at_work
from tests.scan.walking import KEYRING, QUICK, fill
from tests.web.visitors import user_of

from reseen.errors import AccessError, Conflict
from reseen.observed import sightings
from reseen.operations import jobs
from reseen.operations.jobs import JobKind, JobState
from reseen.operations.worker import Worker
from reseen.records import SightingState
from reseen.review.roles import Role, Who
from reseen.scan.target import Confirm, Options, Target
from reseen.settings import HubSettings, Settings
from reseen.store import service_schema
from reseen.store.database import Store, now
from reseen.store.lease import LEASE, Owner

SOME = jobs.scan_of(Target(authors=("account-01",)), Options(confirm=Confirm.NONE))
OTHER = jobs.scan_of(Target(authors=("account-02",)))


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as opened:
        yield opened


@pytest.fixture
def lead(store: Store) -> Who:
    with store.write() as connection:
        return user_of(connection, "lead", Role.LEAD)


def working(
    store: Store, settings: Settings, replica: Replica, recheck: float = 10**9
) -> AbstractContextManager[Worker]:
    return at_work(worker_at(store, KEYRING, settings, replica, recheck=recheck))


def asked(store: Store, kind: JobKind, what: dict[str, object], who: Who | None) -> str:
    with store.write() as connection:
        return jobs.ask(connection, kind, what, who)[0]


def job(store: Store, id: str) -> jobs.Job:
    with store.read() as connection:
        return jobs.by_id(connection, id)


def ended(store: Store, id: str) -> bool:
    return job(store, id).ended_at is not None


def test_a_scan_is_done_and_what_it_found_is_before_people(
    store: Store, settings: Settings, world: World, replica: Replica, lead: Who
) -> None:
    fill(store, world)
    id = asked(store, JobKind.SCAN, SOME, lead)
    with working(store, settings, replica):
        until(partial(ended, store, id))
        done = job(store, id)
        assert done.state is JobState.DONE, done.problem
        assert done.scan_pk is not None
        assert done.progress["sightings"] > 0

        def cases() -> int:
            with store.read() as connection:
                return len(connection.execute(select(service_schema.cases.c.pk)).all())

        until(lambda: cases() > 0)


def test_a_recheck_says_what_is_gone(
    store: Store, settings: Settings, world: World, replica: Replica, lead: Who
) -> None:
    fill(store, world)
    id = asked(store, JobKind.SCAN, SOME, lead)
    with working(store, settings, replica):
        until(partial(ended, store, id))
        world.remove("model", "account-01/LORA")
        for _ in range(2):
            again = asked(store, JobKind.RECHECK, {"account": "account-01", "most": None}, lead)
            until(partial(ended, store, again))
            assert job(store, again).state is JobState.DONE, job(store, again).problem
    with store.read() as connection:
        found = {s.repo: s.state for s in sightings.every(connection)}
    assert found["account-01/LORA"] is SightingState.GONE


def test_a_target_that_is_not_there_is_a_sentence_in_the_job(
    store: Store, settings: Settings, replica: Replica, lead: Who
) -> None:
    bad = asked(store, JobKind.SCAN, {"from": "elsewhere"}, lead)
    good = asked(store, JobKind.SCAN, SOME, lead)
    with working(store, settings, replica):
        until(partial(ended, store, good))
    assert job(store, bad).state is JobState.FAILED
    assert "another version" in (job(store, bad).problem or "")
    assert job(store, good).state is JobState.DONE


def test_the_same_is_not_queued_twice(store: Store, lead: Who) -> None:
    one = asked(store, JobKind.SCAN, SOME, lead)
    assert asked(store, JobKind.SCAN, SOME, lead) == one
    assert asked(store, JobKind.SCAN, OTHER, lead) != one
    owner = Owner.this()
    with store.write() as connection:
        assert jobs.take(connection, jobs.LANES[0], owner) is not None
    assert asked(store, JobKind.SCAN, SOME, lead) == one  # it runs
    assert asked(store, JobKind.SCAN, SOME, None) != one  # what a hub tells of now is newer


def test_a_scan_is_a_leads(store: Store) -> None:
    with store.write() as connection:
        who = user_of(connection, "rev", Role.REVIEWER)
        with pytest.raises(AccessError):
            jobs.ask(connection, JobKind.SCAN, SOME, who)


def test_one_of_many_workers_has_a_lane(store: Store, lead: Who) -> None:
    asked(store, JobKind.SCAN, SOME, lead)
    asked(store, JobKind.SCAN, OTHER, lead)
    one, other = Owner.this(), Owner.this()
    with store.write() as connection:
        assert jobs.take(connection, jobs.LANES[0], one) is not None
        assert jobs.take(connection, jobs.LANES[0], other) is None


def test_what_a_dead_process_left_is_taken_over_and_given_up_at_last(
    store: Store, lead: Who
) -> None:
    id = asked(store, JobKind.SCAN, SOME, lead)
    for _ in range(jobs.LIVES):
        with store.write() as connection:
            taken = jobs.take(connection, jobs.LANES[0], Owner.this())
            assert taken is not None
            assert taken.id == id
            _leave(connection, id)
    with store.write() as connection:
        assert jobs.take(connection, jobs.LANES[0], Owner.this()) is None
    assert job(store, id).state is JobState.FAILED
    assert "3 times" in (job(store, id).problem or "")


def _leave(connection: object, id: str) -> None:
    """Its process died long ago, on another machine."""
    values = {"leased_until": now() - LEASE, "leased_by": "elsewhere 1 00"}
    connection.execute(  # type: ignore[attr-defined]
        update(service_schema.jobs).where(service_schema.jobs.c.id == id).values(values)
    )


def test_waiting_work_is_stopped_at_once_and_ended_work_never(store: Store, lead: Who) -> None:
    id = asked(store, JobKind.SCAN, SOME, lead)
    with store.write() as connection:
        jobs.stop(connection, id, lead)
        assert jobs.take(connection, jobs.LANES[0], Owner.this()) is None
        with pytest.raises(Conflict):
            jobs.stop(connection, id, lead)
    assert job(store, id).state is JobState.STOPPED


def test_running_work_stops_in_order(
    store: Store, settings: Settings, world: World, replica: Replica, lead: Who
) -> None:
    fill(store, world)
    owner = Owner.this()
    id = asked(store, JobKind.SCAN, SOME, lead)
    with store.write() as connection:
        taken = jobs.take(connection, jobs.LANES[0], owner)
        assert taken is not None
        assert jobs.beat(connection, taken, owner, {"walked": 1})
        jobs.stop(connection, id, lead)
        assert not jobs.beat(connection, taken, owner, {"walked": 2})
        jobs.end(connection, taken.pk, owner, JobState.FAILED, problem="stopped")
    over = job(store, id)
    assert (over.state, over.problem) == (JobState.STOPPED, None)
    assert over.progress["walked"] == 2


def test_the_service_ends_in_order_and_the_next_one_goes_on(
    store: Store, settings: Settings, world: World, replica: Replica, lead: Who
) -> None:
    fill(store, world)
    id = asked(store, JobKind.SCAN, SOME, lead)
    with working(store, settings, replica):
        pass  # stopped at once, wherever it was
    assert job(store, id).state in (JobState.WAITING, JobState.DONE)
    with working(store, settings, replica):
        until(partial(ended, store, id))
    assert job(store, id).state is JobState.DONE


def test_what_goes_wrong_in_the_house_does_not_end_the_worker(
    store: Store,
    settings: Settings,
    world: World,
    replica: Replica,
    lead: Who,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(store, world)

    def broken(store: Store) -> None:
        raise RuntimeError("an error of our own")

    monkeypatch.setattr("reseen.review.cases.put_all", broken)
    id = asked(store, JobKind.SCAN, SOME, lead)
    with working(store, settings, replica):
        until(partial(ended, store, id))
        other = asked(store, JobKind.SCAN, OTHER, lead)
        until(partial(ended, store, other))
    assert job(store, other).state is JobState.DONE


def test_a_recheck_comes_by_itself_where_there_is_something_to_ask_about(
    store: Store, settings: Settings, world: World, replica: Replica, lead: Who
) -> None:
    fill(store, world)
    with working(store, settings, replica, recheck=0.0):
        id = asked(store, JobKind.SCAN, SOME, lead)
        until(partial(ended, store, id))

        def rechecked() -> bool:
            with store.read() as connection:
                return any(
                    each.kind is JobKind.RECHECK and each.ended_at and each.asked_by is None
                    for each in jobs.every(connection)
                )

        until(rechecked)


def test_a_job_goes_to_the_hub_that_it_names(
    store: Store, settings: Settings, replica: Replica, world: World, lead: Who
) -> None:
    fill(store, world)
    nowhere = HubSettings("huggingface", "http://127.0.0.1:9")
    hubs = (nowhere, HubSettings("small", replica.endpoint))
    worker = Worker(store, KEYRING, replace(settings, hubs=hubs), intervals=INTERVALS, pace=QUICK)
    target, options = Target(repos=("account-13/small",)), Options(follow=False)
    host = replica.endpoint.removeprefix("http://")
    good = [
        asked(store, JobKind.SCAN, jobs.scan_of(target, options, hub=name), lead)
        for name in ("small", host)
    ]
    lost = asked(store, JobKind.SCAN, jobs.scan_of(target, options, hub="gone.example"), lead)
    worker.start()
    try:
        until(lambda: all(ended(store, id) for id in (*good, lost)))
    finally:
        worker.stop()
    assert [job(store, id).state for id in good] == [JobState.DONE] * 2
    assert "no longer name the hub" in (job(store, lost).problem or "")
