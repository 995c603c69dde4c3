"""A list may come before a scan or after it, by any face: what is known in the end is the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from replica.lists import write_csv
from replica.server import Replica
from replica.world import World
from sqlalchemy import func, select
from tests.operations.faces import FACES, KEY, Face
from tests.operations.working import worker_at
from tests.scan.walking import ALL, KEYRING, seen_at, walk_hub
from tests.web.visitors import Visitor

from reseen.observed import sightings
from reseen.operations import consequences
from reseen.registry import imports, removals
from reseen.registry.imports import ImportOptions
from reseen.review import cases as review_cases
from reseen.review.case_filter import CaseFilter
from reseen.review.queue import queue
from reseen.review.roles import Role
from reseen.scan.target import Confirm, Options
from reseen.settings import Settings
from reseen.store import audit, change_log, service_schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring
from reseen.web.app import make_app
from reseen.web.service import Service

FOUND = 15
"""Copies in the sample world that a listing shows."""
NOTHING_READ = Options(confirm=Confirm.NONE, follow=False)
"""What the hub's listing proves, and no more: what is read, or followed, is tested with `scan`."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    home = {"RESEEN_HOME": str(tmp_path), "RESEEN_KEY": KEY, "HF_HOME": str(tmp_path / "hf")}
    settings = Settings.from_environment(home)
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        yield Service(store=store, settings=settings, keyring=keyring)


@pytest.fixture
def sample(tmp_path: Path, world: World) -> Path:
    """The list of what was removed."""
    path = tmp_path / "removed.csv"
    write_csv(path, world.removals)
    return path


@pytest.fixture(params=sorted(FACES))
def face(request: pytest.FixtureRequest) -> Face:
    return FACES[request.param]


def known(service: Service) -> int:
    with service.store.read() as connection:
        return sightings.count(connection)


def places(store: Store) -> list[tuple[object, ...]]:
    """Every sighting with its rung; removals have other ids in other stores."""
    return sorted((*map(str, where[1:]), rung) for where, rung in seen_at(store).items())


def cases(service: Service) -> int:
    with service.store.read() as connection:
        query = select(func.count()).select_from(service_schema.cases)
        return int(connection.scalar(query) or 0)


def ids(service: Service) -> list[str]:
    with service.store.read() as connection:
        return [each.id for each in removals.every(connection, withdrawn=None)]


def a_round(service: Service, replica: Replica) -> None:
    """What the worker does now and then."""
    worker_at(service.store, service.keyring, service.settings, replica).round()


def test_a_list_imported_after_a_scan_finds_what_it_found_before(
    tmp_path: Path, service: Service, replica: Replica, sample: Path, face: Face
) -> None:
    walk_hub(service.store, replica.endpoint, ALL, NOTHING_READ)
    assert known(service) == 0
    face.import_list(service, sample)
    assert cases(service) > 0
    with Store(f"sqlite:///{tmp_path / 'other.db'}") as other:
        imports.import_list(other, KEYRING, sample)
        walk_hub(other, replica.endpoint, ALL, NOTHING_READ)
        assert places(service.store) == places(other)


def test_a_restored_removal_finds_what_was_seen_meanwhile(
    service: Service, replica: Replica, sample: Path, face: Face
) -> None:
    face.import_list(service, sample)
    for id in ids(service):
        face.withdraw(service, id)
    walk_hub(service.store, replica.endpoint, ALL, NOTHING_READ)
    assert known(service) == 0
    for id in ids(service):
        face.restore(service, id)
    assert known(service) == FOUND
    assert cases(service) > 0


def test_what_a_killed_process_left_is_done_by_whoever_comes_next(
    service: Service, replica: Replica, sample: Path, tmp_path: Path
) -> None:
    """Killed after the list was stored, and before anything followed from it."""
    assert service.keyring is not None
    walk_hub(service.store, replica.endpoint, ALL, NOTHING_READ)
    imports.import_list(service.store, service.keyring, sample, ImportOptions(list_name="sample"))
    assert known(service) == 0
    with service.store.read() as connection:
        assert consequences.is_due(connection)
    a_round(service, replica)
    assert known(service) == FOUND
    assert cases(service) > 0
    with service.store.read() as connection:
        assert not consequences.is_due(connection)

    # By another act, about something else.
    for id in ids(service):
        with service.store.write() as connection:
            removals.withdraw(connection, service.keyring, id, "A test.")
            removals.restore(connection, service.keyring, id, "A test.")
    other = tmp_path / "other.csv"
    other.write_text("name,sha256\nSample person 77," + sha256(b"another").hexdigest() + "\n")
    FACES["command"].import_list(service, other)
    with service.store.read() as connection:
        assert consequences.matched(connection) == change_log.latest(connection)


def test_a_process_killed_after_the_import_leaves_nothing_undone(
    service: Service, replica: Replica, sample: Path
) -> None:
    walk_hub(service.store, replica.endpoint, ALL, NOTHING_READ)
    code = (
        "import os, signal, sys\n"
        "from reseen.operations import consequences\n"
        "consequences.follow = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.argv = ['reseen', 'registry', 'import', sys.argv[1], '--list', 'sample']\n"
        "from reseen.cli import main\n"
        "main()\n"
    )
    environment = os.environ | {
        "RESEEN_HOME": str(service.settings.home),
        "RESEEN_DB": service.settings.db,
        "RESEEN_KEY": KEY,
    }
    killed = subprocess.run([sys.executable, "-c", code, str(sample)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(ids(service)) > 0
    assert known(service) == 0
    a_round(service, replica)
    assert known(service) == FOUND


def test_what_follows_by_itself_is_the_services_act_and_nobodys(
    service: Service, replica: Replica, sample: Path
) -> None:
    """Not that of the account of the operating system under which the service happens to run."""
    walk_hub(service.store, replica.endpoint, ALL, NOTHING_READ)
    FACES["page"].import_list(service, sample)
    lead = Visitor(make_app(service), Role.LEAD)
    with service.store.read() as connection:
        entry = queue(connection, CaseFilter()).entries[0]
        version = entry.version
    account = entry.account
    for each in range(2):  # confirmed, drafted, and taken back
        form = {"version": str(version), "quick": "Sample reason", "then": "queue"}
        route = ("confirm", "undo")[each]
        if each:
            notice = {"hub": entry.hub, "account": account}
            assert lead.post("/notices", notice).status_code == 303
        assert lead.post(f"/cases/{entry.id}/{route}", form).status_code == 303
        with service.store.read() as connection:
            version = review_cases.row(connection, entry.id).version
    with service.store.read() as connection:
        lines = [line for line in audit.every(connection) if "dropped" in (line.text or "")]
    assert [line.actor for line in lines] == [audit.SERVICE]


def test_following_twice_changes_nothing(service: Service, replica: Replica, sample: Path) -> None:
    walk_hub(service.store, replica.endpoint, ALL, NOTHING_READ)
    FACES["python"].import_list(service, sample)
    before = seen_at(service.store)
    assert consequences.follow(service.store) == consequences.Followed()
    assert consequences.follow(service.store, since=0) == consequences.Followed()
    assert seen_at(service.store) == before
