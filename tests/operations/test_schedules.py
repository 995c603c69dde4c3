"""Scans that come back by themselves: once when they are due, whoever looks; what was missed once;
stopped, never; a look at what is new from where the last one left off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from replica.server import Replica
from replica.world import Repo, World, lfs
from sqlalchemy import event, select, update
from tests.operations.working import until, worker_at
from tests.operations.working import working as at_work
from tests.scan.walking import KEYRING, fill
from tests.web.visitors import user_of

from reseen.errors import AccessError, Conflict, InputError, NotFound
from reseen.operations import jobs, schedules
from reseen.operations.jobs import JobKind, JobState
from reseen.review.roles import Role, Who
from reseen.scan.target import Confirm, Options, Target
from reseen.settings import Settings
from reseen.store import audit, service_schema
from reseen.store.database import Store, now
from reseen.store.lease import SECOND

HOUR = 3_600
SOME = jobs.scan_of(Target(authors=("account-01",)), Options(confirm=Confirm.NONE))
WHOLE_HUB = jobs.scan_of(Target(everything=True), Options(confirm=Confirm.NONE))
TABLE = service_schema.jobs


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as opened:
        yield opened


@pytest.fixture
def lead(store: Store) -> Who:
    with store.write() as connection:
        return user_of(connection, "lead", Role.LEAD)


def of_work(store: Store) -> list[jobs.Job]:
    with store.read() as connection:
        return jobs.every(connection)


def one(store: Store) -> schedules.Schedule:
    with store.read() as connection:
        (found,) = schedules.in_force(connection)
    return found


def pass_time(store: Store, seconds: float) -> None:
    """What was due then was due so much earlier."""
    with store.write() as connection:
        kind = TABLE.c.kind == JobKind.SCHEDULE.value
        for row in connection.execute(select(TABLE.c.pk, TABLE.c.progress).where(kind)).all():
            progress = json.loads(row.progress)
            progress["due_at"] -= int(seconds * SECOND)
            values = {"progress": json.dumps(progress)}
            connection.execute(update(TABLE).where(TABLE.c.pk == row.pk).values(values))


def end_all(store: Store) -> None:
    with store.write() as connection:
        work = TABLE.c.kind != JobKind.SCHEDULE.value
        ended = {"state": JobState.DONE.value, "ended_at": now()}
        connection.execute(update(TABLE).where(work).values(ended))


def test_it_is_due_once_whoever_looks_and_what_was_missed_once(store: Store, lead: Who) -> None:
    id, new = schedules.set_up(store, JobKind.SCAN, SOME, HOUR, lead)
    assert new
    assert schedules.set_up(store, JobKind.SCAN, SOME, HOUR, lead) == (id, False)
    for _ in range(3):  # as several processes do
        schedules.make_due(store)
    (job,) = of_work(store)
    assert (job.kind, job.what, job.asked_by) == (JobKind.SCAN, SOME, None)
    assert one(store).last == job
    assert 0 < one(store).due_at - now() <= HOUR * SECOND
    pass_time(store, 10.5 * HOUR)  # the service was off
    schedules.make_due(store)
    assert len(of_work(store)) == 1, "the last one has not ended"
    end_all(store)
    for _ in range(3):
        schedules.make_due(store)
    assert len(of_work(store)) == 2
    assert 0 < one(store).due_at - now() <= HOUR * SECOND
    end_all(store)
    schedules.make_due(store)
    assert len(of_work(store)) == 2, "it is not due"
    with store.read() as connection:
        asked = [x for x in audit.every(connection) if x.action == "scan-asked"]
    assert [x.actor for x in asked] == ["user:lead", f"schedule:{id}", f"schedule:{id}"]


def test_a_stopped_one_asks_for_nothing_and_what_it_asked_for_ends(store: Store, lead: Who) -> None:
    id, _ = schedules.set_up(store, JobKind.SCAN, SOME, HOUR, lead)
    schedules.make_due(store)
    schedules.stop(store, id, lead)
    assert [job.state for job in of_work(store)] == [JobState.STOPPED]
    pass_time(store, 2 * HOUR)
    schedules.make_due(store)
    assert len(of_work(store)) == 1
    with store.read() as connection:
        assert schedules.in_force(connection) == []
        assert jobs.by_state(connection) == {"stopped": 1}
    with pytest.raises(Conflict):
        schedules.stop(store, id, lead)
    with pytest.raises(NotFound):
        schedules.stop(store, of_work(store)[0].id, lead)


def test_only_leads_and_within_bounds(
    store: Store, lead: Who, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.write() as connection:
        reviewer = user_of(connection, "reviewer", Role.REVIEWER)
    with pytest.raises(AccessError):
        schedules.set_up(store, JobKind.SCAN, SOME, HOUR, reviewer)
    for wrong in (HOUR - 1, 366 * 86_400):
        with pytest.raises(InputError):
            schedules.set_up(store, JobKind.SCAN, SOME, wrong, lead)
    id, _ = schedules.set_up(store, JobKind.SCAN, SOME, HOUR, lead)
    with pytest.raises(AccessError):
        schedules.stop(store, id, reviewer)
    monkeypatch.setattr(schedules, "MOST", 1)
    with pytest.raises(Conflict):
        schedules.set_up(store, JobKind.SCAN, SOME, 2 * HOUR, lead)


def test_many_are_read_in_as_few_queries_as_one(store: Store, lead: Who) -> None:
    said: list[str] = []

    def queries() -> int:
        said.clear()
        with store.read() as connection:
            event.listen(connection, "before_cursor_execute", lambda *a: said.append(a[2]))
            found = schedules.in_force(connection)
        assert all(one.last is not None for one in found)
        return len(said)

    counts = []
    for number in range(6):
        what = jobs.scan_of(Target(authors=(f"account-{number}",)))
        schedules.set_up(store, JobKind.SCAN, what, HOUR, lead)
        schedules.make_due(store)
        counts.append(queries())
    assert counts[0] == counts[-1]


def test_a_full_queue_leaves_it_due(
    store: Store, lead: Who, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedules.set_up(store, JobKind.SCAN, SOME, HOUR, lead)
    monkeypatch.setattr(jobs, "MOST_WAITING", 1)
    schedules.make_due(store)
    assert of_work(store) == []
    monkeypatch.undo()
    schedules.make_due(store)
    assert len(of_work(store)) == 1


def test_a_look_at_what_is_new_begins_where_the_last_one_ended(
    store: Store, lead: Who, settings: Settings, world: World, replica: Replica
) -> None:
    """Of the whole hub; by the worker, which makes it due and does it."""
    fill(store, world)
    for repo in world.repositories.values():
        repo.modified = datetime(2026, 1, 1, tzinfo=UTC)
    schedules.set_up(store, JobKind.WATCH, WHOLE_HUB, HOUR, lead)

    def looks() -> list[jobs.Job]:
        return [job for job in of_work(store) if job.kind is JobKind.WATCH]

    with at_work(worker_at(store, KEYRING, settings, replica)):
        until(lambda: [job.state for job in looks()] == [JobState.DONE])
        at = datetime.now(UTC).replace(microsecond=0)
        new = world.add(Repo("account-77/LORA", created=at, modified=at))
        new.commit({"model.safetensors": lfs(world.removal(2).data)}, date=at)
        pass_time(store, HOUR)
        until(lambda: [job.state for job in looks()] == [JobState.DONE] * 2)
    second, first = looks()
    assert first.progress["walked"] == 0
    assert second.progress["walked"] == 1
    assert second.progress["sightings"] == 1
