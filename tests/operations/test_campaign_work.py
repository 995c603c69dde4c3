"""The worker looks for campaigns: in a process of its own, one at a time, also after a restart, and
nothing else waits for it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from replica.server import Replica
from sqlalchemy import update
from tests import campaigns_made
from tests.campaigns_made import bystanders, crew
from tests.operations.working import until, worker_at
from tests.operations.working import working as at_work
from tests.scan.walking import KEYRING
from tests.web.visitors import user_of

from reseen.errors import ReseenError
from reseen.operations import campaigns as acts
from reseen.operations import jobs, own_process
from reseen.operations.jobs import JobKind, JobState
from reseen.review import campaigns
from reseen.review.campaign_accounts import SeenFile
from reseen.review.roles import Role
from reseen.settings import Settings
from reseen.store import meta, service_schema
from reseen.store.database import Store
from reseen.store.lease import SECOND, Owner

TABLE = service_schema.jobs
MEMBERS = ("brightoak", "zunafi88", "m-kestrel", "polarlynx2")
EVERY, AGAIN = 300.0, 6 * 3_600.0


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as opened:
        yield opened


@pytest.fixture
def settings(settings: Settings, url: str) -> Settings:
    return replace(settings, db=url)


def put_crew(store: Store) -> None:
    """With others; every file is what the registry says of its removal: the worker looks."""
    made = campaigns_made.removals(store, KEYRING, 380)
    for account in [*bystanders(30), *crew(MEMBERS, range(320, 341))]:
        files = [replace(one, content=content_of(one)) for one in account.files]
        campaigns_made.put(store, [replace(account, files=tuple(files))], made)


def content_of(one: SeenFile) -> bytes:
    return one.content if one.removal is None else campaigns_made.content(f"removal {one.removal}")


def looks(store: Store) -> list[jobs.Job]:
    with store.read() as connection:
        return jobs.of_kind(connection, JobKind.CAMPAIGNS, most=10)


def standing(store: Store) -> int:
    with store.read() as connection:
        return len(campaigns.every(connection))


def pass_time(store: Store, seconds: float) -> None:
    """The last look was asked for so much earlier, and has ended."""
    with store.write() as connection:
        mine = update(TABLE).where(TABLE.c.kind == JobKind.CAMPAIGNS.value)
        asked = TABLE.c.asked_at - int(seconds * SECOND)
        ended = {"ended_at": asked, "state": JobState.DONE.value}
        connection.execute(mine.values(asked_at=asked, **ended))


def test_the_worker_finds_them_and_says_so_to_nobody_who_asks_for_scans(
    store: Store, settings: Settings, replica: Replica
) -> None:
    put_crew(store)
    with at_work(worker_at(store, KEYRING, settings, replica, campaigns=0.05)):
        until(lambda: standing(store) == 1)
        until(lambda: all(one.state is JobState.DONE for one in looks(store)))
    with store.read() as connection:
        assert jobs.every(connection) == []
        assert jobs.by_state(connection) == {}


def test_a_long_look_keeps_nothing_else_waiting_and_is_one(
    store: Store, settings: Settings, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, goes_on = threading.Semaphore(0), threading.Event()
    under_way: list[int] = []

    def long(_: Settings, stop: threading.Event) -> int:
        under_way.append(1)
        began.release()
        goes_on.wait(120)
        return 0

    monkeypatch.setattr(acts, "find_in_own_process", long)
    one = worker_at(store, KEYRING, settings, replica, campaigns=0.05, campaigns_again=0.0)
    other = worker_at(store, KEYRING, settings, replica, campaigns=0.05, campaigns_again=0.0)
    with store.write() as connection:
        who = user_of(connection, "lead", Role.LEAD)
    with at_work(one), at_work(other):
        assert began.acquire(timeout=120)
        for number in range(3):
            with store.write() as connection:
                what = jobs.scan_of(jobs.Target(repos=(f"nobody/{number}",)))
                id, _ = jobs.ask(connection, JobKind.SCAN, what, who)
            until(partial(ended, store, id))
        assert under_way == [1]
        goes_on.set()


def ended(store: Store, id: str) -> bool:
    with store.read() as connection:
        return jobs.by_id(connection, id).ended_at is not None


def test_a_look_is_due_after_a_change_and_after_six_hours_whoever_asks(store: Store) -> None:
    def ask() -> int:
        before = {one.id for one in looks(store)}
        acts.queue_if_due(store, EVERY, AGAIN)
        return len({one.id for one in looks(store)} - before)

    def found() -> None:
        with store.write() as connection:
            meta.keep(connection, acts.FOUND, acts.campaign_rows.state(connection))

    assert [ask(), ask()] == [1, 0], "never looked; one waits"
    pass_time(store, 2 * EVERY)
    found()
    assert ask() == 0, "nothing changed"
    pass_time(store, AGAIN)
    assert ask() == 1, "it is long ago, whatever process asked then"
    assert len(looks(store)) == 1, "the last one alone is kept"
    pass_time(store, 0)
    with store.write() as connection:
        meta.keep(connection, acts.FOUND, b"something else")
    assert ask() == 0, "it changed, and the last look is just over"
    pass_time(store, 2 * EVERY)
    assert ask() == 1


def test_a_service_that_ends_takes_the_look_with_it_and_the_next_one_does_it(
    store: Store, settings: Settings, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_crew(store)
    began, real = threading.Event(), own_process.in_own_process

    def watched(*given: object, stop: threading.Event, died: ReseenError, nice: int) -> int:
        began.set()
        stop.wait(120)  # so that it has certainly not ended
        return real(os.getppid, nice=nice, died=died, stop=stop) and 0

    monkeypatch.setattr(acts, "in_own_process", watched)
    with at_work(worker_at(store, KEYRING, settings, replica, campaigns=0.05)):
        assert began.wait(120)
    assert [one.state for one in looks(store)] == [JobState.WAITING]
    assert standing(store) == 0
    with store.write() as connection:
        (lane,) = (lane for lane in jobs.LANES if JobKind.CAMPAIGNS in lane)
        assert jobs.take(connection, lane, Owner.this()) is not None


def test_what_is_to_end_is_ended_and_said() -> None:
    stop, died = threading.Event(), ReseenError("it was ended")
    stop.set()
    with pytest.raises(ReseenError, match="it was ended"):
        own_process.in_own_process(time.sleep, 120.0, nice=0, died=died, stop=stop)
