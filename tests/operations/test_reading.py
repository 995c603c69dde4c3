"""What an import leaves to be read is read by the worker, or by a verb, without walking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from replica.lists import write_csv
from replica.server import Replica
from replica.world import World
from tests.operations.faces import FACES, KEY, command
from tests.operations.working import until, worker_at, working
from tests.scan.walking import ALL, KEYRING, walk_hub
from tests.web.visitors import Visitor

from reseen.observed import sightings
from reseen.operations import consequences, jobs, reading
from reseen.operations.hooks import repository_changed
from reseen.operations.jobs import Job, JobKind, JobState
from reseen.records import Confirmed, RepoType, Rung
from reseen.registry import imports
from reseen.review.case_filter import CaseFilter
from reseen.review.queue import queue
from reseen.review.queue_entries import QueueEntry
from reseen.review.roles import Role
from reseen.scan.target import Confirm, Options, Target
from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring
from reseen.web.app import make_app
from reseen.web.service import Service


@pytest.fixture
def service(tmp_path: Path, replica: Replica) -> Iterator[Service]:
    home = {"RESEEN_HOME": str(tmp_path), "RESEEN_KEY": KEY, "HF_HOME": str(tmp_path / "hf")}
    settings = Settings.from_environment(home)
    hub = replace(settings.hubs[0], endpoint=replica.endpoint)
    settings = replace(settings, hubs=(hub,))
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        yield Service(store=store, settings=settings, keyring=keyring)


@pytest.fixture
def sample(tmp_path: Path, world: World) -> Path:
    path = tmp_path / "removed.csv"
    write_csv(path, world.removals)
    return path


def every_job(service: Service) -> list[Job]:
    with service.store.read() as connection:
        return jobs.every(connection)


def reads(service: Service) -> list[Job]:
    return [job for job in every_job(service) if job.kind is JobKind.READ]


def confirmed(store: Store) -> list[tuple[str, ...]]:
    """Every sighting with its rung and how far it was read; removals have other ids elsewhere."""
    with store.read() as connection:
        return sorted(
            (s.type.value, s.repo, s.ref or "", s.path, s.rung.label, s.confirmed.value)
            for s in sightings.every(connection)
        )


def as_if_imported_first(tmp_path: Path, replica: Replica, sample: Path, how: Options) -> object:
    with Store(f"sqlite:///{tmp_path / 'other.db'}") as other:
        imports.import_list(other, KEYRING, sample)
        walk_hub(other, replica.endpoint, ALL, how)
        return confirmed(other)


@pytest.mark.parametrize("level", [Confirm.HEADER, Confirm.FULL])
def test_what_is_owed_after_an_import_is_read_by_the_worker(
    tmp_path: Path, service: Service, replica: Replica, sample: Path, level: Confirm
) -> None:
    """A scan of a registry that is empty, an import in the browser, and a round of the worker."""
    how = Options(confirm=level)
    walk_hub(service.store, replica.endpoint, ALL, how)
    FACES["page"].import_list(service, sample)
    lead = Visitor(make_app(service), Role.LEAD)
    page = lead.get("/lists").text
    assert "Known copies" in page
    assert "waiting" in page
    with service.store.read() as connection:
        assert any(s.confirmed is Confirmed.NONE for s in sightings.every(connection))
    worker = worker_at(service.store, service.keyring, service.settings, replica)
    with working(worker):
        until(lambda: not any(job.ended_at is None for job in reads(service)))
    (job,) = reads(service)
    assert job.state is JobState.DONE, job.problem
    assert job.asked_by == "sample-lead"
    assert "done" in lead.get("/lists").text
    assert confirmed(service.store) == as_if_imported_first(tmp_path, replica, sample, how)
    with service.store.read() as connection:
        assert not reading.is_owed(connection, service.settings.hubs[0].host)


def test_a_list_imported_elsewhere_is_read_by_the_worker_too(
    service: Service, replica: Replica, sample: Path
) -> None:
    """By the command line, while the service runs."""
    walk_hub(service.store, replica.endpoint, ALL, Options())
    FACES["command"].import_list(service, sample)
    assert reads(service) == []
    worker = worker_at(service.store, service.keyring, service.settings, replica)
    worker.round()
    worker.round()
    (job,) = reads(service)
    assert job.asked_by is None
    with working(worker):
        until(lambda: reads(service)[0].ended_at is not None)
        worker.round()
    assert len(reads(service)) == 1


def test_the_verb_reads_without_walking(
    tmp_path: Path, service: Service, replica: Replica, sample: Path
) -> None:
    how = Options(confirm=Confirm.FULL)
    walk_hub(service.store, replica.endpoint, ALL, how)
    FACES["command"].import_list(service, sample)
    # 3: one file cannot be read.
    said = command(service, "read", endpoint=replica.endpoint, code=3)
    assert "6 new sightings (" in said
    assert confirmed(service.store) == as_if_imported_first(tmp_path, replica, sample, how)
    # still 3: what is known and cannot be read was not judged
    again = command(service, "read", endpoint=replica.endpoint, code=3)
    assert "0 new sightings (0 requests" in again
    assert "cannot be read" in again


def test_nothing_owed_queues_nothing(service: Service, sample: Path) -> None:
    FACES["page"].import_list(service, sample)
    assert reads(service) == []
    assert "Known copies" not in Visitor(make_app(service), Role.LEAD).get("/lists").text


@pytest.mark.parametrize("before", Confirm)
def test_a_webhook_asks_the_same_whatever_was_asked_before(
    service: Service, replica: Replica, sample: Path, before: Confirm
) -> None:
    """A header at least, and all bytes where these were asked for."""
    imports.import_list(service.store, service.keyring, sample)
    target = Target(repos=("account-01/LORA",))
    walk_hub(service.store, replica.endpoint, target, Options(confirm=before, follow=False))
    assert repository_changed(service.store, RepoType.MODEL, "account-01/LORA")
    with working(worker_at(service.store, service.keyring, service.settings, replica)):
        until(lambda: not any(job.ended_at is None for job in every_job(service)))
    far = "bytes" if before is Confirm.FULL else "header"
    found = confirmed(service.store)
    assert {how for _, repo, *_, how in found if repo == "account-01/LORA"} == {far}
    assert len({repo for _, repo, *_ in found}) > 1


def test_the_case_page_has_every_byte_read(
    service: Service, replica: Replica, sample: Path
) -> None:
    FACES["page"].import_list(service, sample)
    walk_hub(service.store, replica.endpoint, ALL, Options(confirm=Confirm.NONE))
    consequences.follow(service.store)
    with service.store.read() as connection:
        case = queue(connection, CaseFilter(rung=Rung.DECLARED)).entries[0]
    reviewer = Visitor(make_app(service), Role.REVIEWER)
    assert "Read every byte" in reviewer.get(f"/cases/{case.id}").text
    assert reviewer.post(f"/cases/{case.id}/read").status_code == 303
    assert "is to be read" in reviewer.get(f"/cases/{case.id}").text
    worker = worker_at(service.store, service.keyring, service.settings, replica)
    with working(worker):
        until(lambda: reads(service)[-1].ended_at is not None)
    assert reads(service)[-1].state is JobState.DONE
    with service.store.read() as connection:
        which = sightings.SightingFilter(removal=case.removal, repo=case.repo)
        levels = {s.confirmed for s in sightings.every(connection, which)}
    assert levels <= {Confirmed.BYTES, Confirmed.CONTRADICTED}
    assert "Read every byte" not in reviewer.get(f"/cases/{case.id}").text


def test_what_reading_refuted_can_be_read_again_and_stays_refuted_meanwhile(
    service: Service, replica: Replica, sample: Path
) -> None:
    FACES["page"].import_list(service, sample)
    walk_hub(service.store, replica.endpoint, ALL, Options(confirm=Confirm.FULL))
    consequences.follow(service.store)

    def refuted() -> list[QueueEntry]:
        with service.store.read() as connection:
            return list(queue(connection, CaseFilter(mark="refuted")).entries)

    case = refuted()[0]
    reviewer = Visitor(make_app(service), Role.REVIEWER)
    assert "Read it again" in reviewer.get(f"/cases/{case.id}").text
    assert reviewer.post(f"/cases/{case.id}/read").status_code == 303
    assert case.id in [each.id for each in refuted()]
    worker = worker_at(service.store, service.keyring, service.settings, replica)
    with working(worker):
        until(lambda: reads(service)[-1].ended_at is not None)
    job = reads(service)[-1]
    assert job.state is JobState.DONE
    assert job.progress["bytes_read"] > 0
    assert case.id in [each.id for each in refuted()]
    with service.store.read() as connection:
        which = sightings.SightingFilter(removal=case.removal, repo=case.repo)
        (found,) = [s for s in sightings.every(connection, which) if s.rung is Rung.REFUTED]
    assert found.confirmed is Confirmed.CONTRADICTED
