"""The pages for asking hubs by hash: what would go out, the switch, a question, what was asked."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from replica.civitai import CivitaiSite
from replica.faults import Fault, Kind
from replica.server import Replica
from sqlalchemy import update
from tests import removals_made
from tests.hubs.civitai_site import opened, served
from tests.operations.working import INTERVALS, until, working
from tests.scan.walking import QUICK
from tests.web.visitors import Visitor

from reseen.hubs import kinds
from reseen.hubs.civarchive import CivArchive
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.hub import ByHash
from reseen.operations import asking, asking_jobs, jobs
from reseen.operations.asking import Asks
from reseen.operations.jobs import JobKind
from reseen.operations.worker import Worker
from reseen.records import Digest, DigestKind, Names, RemovalClass, RemovedFile
from reseen.review.roles import Role
from reseen.scan.stopping import on_word
from reseen.settings import CIVARCHIVE, CIVITAI, HUGGING_FACE, HubSettings
from reseen.store import audit
from reseen.store.database import now
from reseen.store.lease import Owner
from reseen.store.service_schema import jobs as table
from reseen.web.app import make_app
from reseen.web.service import Service

HERE, ELSEWHERE = "127.0.0.1", "models.example"
GERMAN = {"Accept-Language": "de"}


def digest_of(number: int) -> bytes:
    return hashlib.sha256(b"sample %d" % number).digest()


class Room:
    """A service that has a small Civitai and a locator, and removals of three kinds: of rows whose
    link was at the hub (1, 2), elsewhere (3), and of the class that is never read (4)."""

    def __init__(self, service: Service, site: CivitaiSite, replica: Replica) -> None:
        self.site, self.replica = site, replica
        hubs = (
            HubSettings(HUGGING_FACE, "https://hub.example"),
            HubSettings(CIVITAI, replica.endpoint, CIVITAI),
            HubSettings("archive", "https://archive.example", CIVARCHIVE),
        )
        self.service = replace(service, settings=replace(service.settings, hubs=hubs))
        self.app = make_app(self.service)
        for number, where, cls in (
            (1, HERE, None),
            (2, HERE, None),
            (3, ELSEWHERE, None),
            (4, HERE, RemovalClass.CHILD_ABUSE),
        ):
            link = f"https://{where}/models/4711{number}?modelVersionId=12"
            new = removals_made.NewRemoval(
                *("site A", where, None, Names(name="Sample person 07", url=link)),
                (RemovedFile((Digest(DigestKind.SHA256, digest_of(number)),)),),
                cls,
            )
            with service.store.write() as connection:
                removals_made.insert(connection, service.keyring, [new])
        site.put(1001, "sample-account", {5001: {"a.safetensors": (digest_of(1).hex(), 4097)}})

    def person(self, role: Role) -> Visitor:
        return Visitor(self.app, role)

    def worker(self) -> Worker:
        service = self.service
        return Worker(
            service.store,
            service.keyring,
            service.settings,
            intervals=INTERVALS,
            pace=QUICK,
            open_hub=lambda hub: opened(self.replica),
        )

    @property
    def hub(self) -> HubSettings:
        return self.service.settings.hubs[1]

    def stored(self) -> str:
        return kinds.stored_name(self.hub)

    def log(self, action: str) -> list[tuple[str, str, dict[str, object]]]:
        with self.service.store.read() as connection:
            lines = audit.latest(connection, {"action": action}, most=50)
        return [(line.actor, line.subject, dict(line.details)) for line in lines]


@pytest.fixture
def room(service: Service) -> Iterator[Room]:
    site = CivitaiSite()
    with served(site) as replica:
        yield Room(service, site, replica)


def test_which_hubs_can_be_asked_and_what_each_sends_is_said(room: Room) -> None:
    lead = room.person(Role.LEAD)
    every = lead.get("/asking").text
    assert 'href="/asking/civitai"' in every
    assert "only for removals whose former link was there" in every
    assert "says where else copies stand" in every
    assert "These can only be scanned: huggingface." in every
    one = lead.get("/asking/civitai").text
    assert "2 digests (removals: 2) would go to" in one
    assert "1 more is of the class that is never read, and is never sent" in one
    assert "Ask civitai for 2 digests" in one
    assert "Set the switch" not in one  # an administrator's
    assert "An administrator switches it on." in lead.get("/asking/archive").text
    assert lead.get("/asking/huggingface").status_code == 404
    german = lead.get("/asking/civitai", headers=GERMAN).text
    assert "civitai nach 2 Hashwerten fragen" in german


def test_a_question_is_a_job_that_says_how_far_it_is_and_what_came_of_it(room: Room) -> None:
    lead = room.person(Role.LEAD)
    answer = lead.post("/asking/civitai/ask")
    path = answer.headers["location"].split("?")[0]
    assert answer.headers["location"].endswith("?done=asked")
    assert lead.post("/asking/civitai/ask").headers["location"] == f"{path}?done=there"
    assert "waiting" in lead.get(path).text
    assert room.log("asked") == [], "nothing is asked before its turn"
    with working(room.worker()):
        until(lambda: 'http-equiv="refresh"' not in lead.get(path).text)
    page = lead.get(path).text
    assert "<b>2</b> of 2 digests asked" in page
    assert "The hub says that 1 of these files stands there." in page
    assert "1 digest is of the class that is never read, and was not sent." in page
    assert f'href="/queue?{urlencode({"hub": room.stored()})}"' in page
    assert [(subject, told) for _, subject, told in room.log("asked")] == [
        (room.stored(), {"digests": 2, "removals": 2})
    ]
    assert room.log("asked")[0][0] == "user:sample-lead"
    one = lead.get("/asking/civitai").text
    assert "user:sample-lead" in one
    assert path in one
    assert "Der Hub sagt, dass" in lead.get(path, headers=GERMAN).text


def test_the_switch_is_an_administrators_and_leaves_its_lines(room: Room) -> None:
    lead, admin = room.person(Role.LEAD), room.person(Role.ADMINISTRATOR)
    assert lead.post("/asking/civitai/switch", {"asks": "all"}).status_code == 403
    page = admin.get("/asking/civitai").text
    assert "Set the switch" in page
    assert "today 3 digests" in page
    assert admin.post("/asking/civitai/switch", {"asks": "everything"}).status_code == 400
    assert admin.post("/asking/archive/switch", {"asks": "origin"}).status_code == 400
    same = admin.post("/asking/civitai/switch", {"asks": "origin"})
    assert same.headers["location"] == "/asking/civitai?done=same"
    assert room.log("asking-origin") == []

    done = admin.post("/asking/civitai/switch", {"asks": "all"}).headers["location"]
    assert "Switched, and recorded." in admin.get(done).text
    ((actor, subject, told),) = room.log("asking-all")
    assert (actor, subject) == (admin.who.actor if admin.who else "", room.stored())
    assert (told["digests"], told["removals"]) == (3, 3)
    assert len(room.log("asking-list")) == 1
    assert "3 digests (removals: 3) would go to" in lead.get("/asking/civitai").text

    admin.post("/asking/civitai/switch", {"asks": "nothing"})
    refused = lead.post("/asking/civitai/ask")
    assert refused.status_code == 409
    assert "An administrator switches it on." in refused.text
    assert room.person(Role.REVIEWER).get("/asking").status_code == 403
    assert room.person(Role.REVIEWER).post("/asking/civitai/ask").status_code == 403


def test_what_was_switched_off_while_it_waited_is_not_asked(room: Room) -> None:
    lead = room.person(Role.LEAD)
    path = lead.post("/asking/civitai/ask").headers["location"].split("?")[0]
    asking.switch(room.service.store, room.hub, Asks.NOTHING)
    with working(room.worker()):
        until(lambda: 'http-equiv="refresh"' not in lead.get(path).text)
    assert "is switched off" in lead.get(path).text
    assert room.log("asked") == []


def test_a_hub_that_breaks_off_fails_the_job_in_words_and_keeps_what_it_said(room: Room) -> None:
    lead = room.person(Role.LEAD)
    path = lead.post("/asking/civitai/ask").headers["location"].split("?")[0]
    broken = Fault(Kind.ERROR, route="by-hash-ids")
    with room.replica.faults.during(broken), working(room.worker()):
        until(lambda: 'http-equiv="refresh"' not in lead.get(path).text)
    page = lead.get(path).text
    assert "failed" in page
    assert "<b>0</b> of 2 digests asked" in page
    assert 'role="alert"' in page


def test_a_question_that_waits_or_runs_is_stopped_by_its_button(room: Room) -> None:
    lead = room.person(Role.LEAD)
    path = lead.post("/asking/civitai/ask").headers["location"].split("?")[0]
    lead.post(f"{path}/stop")
    with working(room.worker()):
        until(lambda: 'http-equiv="refresh"' not in lead.get(path).text)
    assert "stopped" in lead.get(path).text
    assert room.log("asked") == []


def test_what_a_locator_names_at_a_hub_of_the_settings_is_scanned(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its removals are a day old; the rest is counted."""

    class Archive(CivArchive):
        async def ask(self, digests: Sequence[bytes]) -> AsyncIterator[ByHash]:
            named = ("https://hub.example/sample/copy/resolve/main/a.safetensors",)
            other = ("https://elsewhere.example/a",)
            yield ByHash(found=(), absent=(), elsewhere=named + other)

    archive = room.service.settings.hubs[2]
    asking.switch(room.service.store, archive, Asks.ALL)
    monkeypatch.setattr(asking, "now", lambda: now() + 2 * 86_400 * 1_000_000)
    lead = room.person(Role.LEAD)
    path = lead.post("/asking/archive/ask").headers["location"].split("?")[0]
    with room.service.store.write() as connection:
        job = jobs.take(connection, frozenset({JobKind.ASK}), Owner.this())
    assert job is not None
    said: list[dict[str, object]] = []
    asker = asking_jobs.AskingJob(
        room.service.store, room.service.keyring, room.service.settings, job, said.append
    )
    opens = lambda: Archive(archive.endpoint, None, ClientOptions())  # noqa: E731
    assert asker.whole(archive, opens, threading.Event()) is None
    assert said[-1]["elsewhere"] == 1
    with room.service.store.write() as connection:
        (scan,) = jobs.waiting(connection, JobKind.SCAN)
        connection.execute(
            update(table).where(table.c.pk == job.pk).values(progress=json.dumps(said[-1]))
        )
    assert scan.what["repos"] == ["sample/copy"]
    assert scan.what["hub"] == "huggingface"
    page = lead.get(path).text
    assert said[-1]["scans"] == [scan.id]
    assert "1 address is at no hub" not in page, "while it goes on"


def test_work_in_a_loop_of_its_own_is_stopped_by_another_thread() -> None:
    told = threading.Event()

    async def waits() -> None:
        stop = asyncio.Event()
        with on_word(told, stop):
            threading.Timer(0.01, told.set).start()
            await asyncio.wait_for(stop.wait(), 60)

    asyncio.run(waits())
