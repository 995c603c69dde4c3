"""The pages of scans: started, watched with and without script, stopped; errors as sentences."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi import FastAPI
from replica.server import Replica
from replica.world import World
from sqlalchemy import select, update
from tests.operations.working import until, worker_at, working
from tests.scan.walking import fill as fill_registry
from tests.web.visitors import Visitor

from reseen.errors import InputError
from reseen.observed.known_commits import repositories_by_pk
from reseen.operations import jobs, schedules
from reseen.operations.jobs import JobKind
from reseen.records import Problem
from reseen.review.roles import Role
from reseen.scan import scan_rows
from reseen.scan.target import Confirm
from reseen.settings import HubSettings
from reseen.store import schema, service_schema
from reseen.store.database import Store, now
from reseen.web import typed_lines
from reseen.web.app import make_app
from reseen.web.languages import ENGLISH
from reseen.web.pages.scans import work_words
from reseen.web.service import Service
from reseen.web.speech import speech

Visit = Callable[..., Visitor]


def started(lead: Visitor, **form: object) -> str:
    answer = lead.post("/scans", form or {"accounts": "account-01"})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].split("?")[0])


def test_a_scan_is_started_watched_and_finished(
    visit: Visit, service: Service, world: World, replica: Replica
) -> None:
    fill(service.store, world)
    lead = visit(Role.LEAD)
    path = started(lead, accounts="account-01", confirm="none")
    waiting = lead.get(path).text
    assert "waiting" in waiting
    assert "waits for its turn" in lead.get(f"{path}?done=asked").text
    assert 'http-equiv="refresh"' in waiting
    assert "hx-trigger" in waiting

    with working(worker_at(service.store, service.keyring, service.settings, replica)):
        until(lambda: "Cases of what it found" in lead.get(path).text)
    done = lead.get(path).text
    assert "What it covered" in done
    assert "waits for its turn" not in lead.get(f"{path}?done=asked").text  # the address stays
    assert 'http-equiv="refresh"' not in done
    assert "hx-trigger" not in done
    assert 'href="/cases/' in done
    part = lead.get(path, headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith("<section")
    assert "<html" not in part


def test_an_account_that_is_not_there_is_said(
    visit: Visit, service: Service, world: World, replica: Replica
) -> None:
    fill(service.store, world)
    lead = visit(Role.LEAD)
    path = started(lead, accounts="account-01, nobody-of-that-name", confirm="none")
    with working(worker_at(service.store, service.keyring, service.settings, replica)):
        until(lambda: 'http-equiv="refresh"' not in lead.get(path).text)
    page = lead.get(path).text
    assert "nobody-of-that-name</bdi>: Nothing is listed for this account" in page
    assert "account-01</bdi>: Nothing is listed" not in page


def test_what_a_scan_looks_at_is_said_in_the_language_of_the_page(visit: Visit) -> None:
    lead = visit(Role.LEAD)
    path = started(lead, accounts="account-01, account-02", repos="account-03/lora", types="model")
    page = lead.get(path, headers={"Accept-Language": "de"}).text
    assert "2 Konten, Repository account-03/lora" in page
    assert "Er wartet, bis er an der Reihe ist." in page
    every = started(lead, everything="yes", types="dataset", every="36", unit="hours", new="yes")
    page = lead.get(every, headers={"Accept-Language": "es"}).text
    assert "lo nuevo, el hub entero (conjuntos de datos)" in page
    assert "36 horas" in page
    foreign = work_words(speech(ENGLISH), JobKind.SCAN, {"accounts": ["<i>%s"]})
    assert foreign == "account &lt;i&gt;%s"


def test_what_could_not_be_looked_at_is_looked_at_again_by_a_button(
    visit: Visit, service: Service, world: World, replica: Replica
) -> None:
    fill(service.store, world)
    lead = visit(Role.LEAD)
    path = started(lead, accounts="account-01", confirm="full")
    with working(worker_at(service.store, service.keyring, service.settings, replica)):
        until(lambda: 'http-equiv="refresh"' not in lead.get(path).text)
    assert "again</button>" not in lead.get(path).text
    nothing = lead.post(f"{path}/again")
    assert nothing.status_code == 409
    assert "No repository of this scan is left to look at again" in nothing.text

    with service.store.write() as connection:
        job = jobs.look_by_id(connection, path.removeprefix("/scans/"))
        assert job.scan_pk is not None
        pks = connection.scalars(
            select(schema.repositories.c.pk).order_by(schema.repositories.c.pk)
        )
        some = list(pks)[:2]
        for pk in some:  # a repository may have several
            trouble = Problem("account-01/x", "the hub breaks off")
            scan_rows.note(connection, job.scan_pk, pk, [trouble, trouble], now())
        named = repositories_by_pk(connection, some)
    assert "<button>Look at these 2 repositories again</button>" in lead.get(path).text
    assert "repositories again" not in visit(Role.REVIEWER).get(path).text

    answer = lead.post(f"{path}/again")
    assert answer.status_code == 303
    again = answer.headers["location"]
    assert again.endswith("?done=asked")
    assert lead.post(f"{path}/again").headers["location"] == again.replace("asked", "there")
    with service.store.read() as connection:
        asked = jobs.look_by_id(connection, again.split("?")[0].removeprefix("/scans/"))
    target, options = jobs.target_of(asked.what)
    assert set(target.names) == {each.id for each in named.values()}
    assert options.confirm is Confirm.FULL, "as far as the first was asked to look"
    assert lead.post(f"{again.split('?')[0]}/again").status_code == 409, "it has not ended"


def fill(store: Store, world: World) -> None:
    """With the service's own key, not the walk's."""
    fill_registry(store, world)


def test_the_same_scan_is_not_queued_twice(visit: Visit) -> None:
    lead = visit(Role.LEAD)
    assert started(lead) == started(lead)
    assert started(lead, accounts="account-02") != started(lead)


def test_a_scan_is_stopped_by_a_lead_and_seen_by_a_reader(visit: Visit) -> None:
    lead, reader = visit(Role.LEAD), visit(Role.READER)
    path = started(lead)
    assert "Stop" not in reader.get(path).text
    assert "Start a scan" not in reader.get("/scans").text
    assert lead.post(f"{path}/stop").status_code == 303
    assert "stopped" in reader.get(path).text
    assert lead.post(f"{path}/stop").status_code == 409
    assert lead.get("/scans/jb-none").status_code == 404


@pytest.mark.parametrize(
    "form",
    [
        {"accounts": ""},
        {"repos": "https://evil.example/a/b"},
        {"repos": "a/b/c"},
        {"repos": "../b"},
        {"accounts": "a/b"},
        {"accounts": "<script>"},
        {"accounts": "a", "since": "the other day"},
        {"accounts": "a", "types": "bucket"},
        {"accounts": "a", "confirm": "all"},
        {"accounts": ",".join(f"a{n}" for n in range(typed_lines.MOST_NAMES + 1))},
    ],
)
def test_what_cannot_be_scanned_is_said(visit: Visit, form: dict[str, str]) -> None:
    answer = visit(Role.LEAD).post("/scans", form)
    assert answer.status_code == 400
    assert "<script>" not in answer.text
    # What was typed stays in its field, so that it can be mended; the page says nothing of it.
    assert "evil.example" not in re.sub(r"<textarea.*?</textarea>", "", answer.text, flags=re.S)
    for name, value in form.items():
        assert name == "types" or name == "confirm" or html.escape(value) in answer.text
    assert "Not taken" in answer.text


def test_the_field_that_is_wrong_is_marked_and_nothing_typed_is_lost(visit: Visit) -> None:
    form = {"accounts": "one, two", "repos": "a/b", "since": "the other day", "refs": "yes"}
    answer = visit(Role.LEAD).post("/scans", form | {"types": ["dataset"], "confirm": "full"})
    assert answer.status_code == 400
    (marked,) = re.findall(r'<[^>]*aria-invalid="true"[^>]*>', answer.text)
    assert 'name="since"' in marked
    assert 'value="the other day"' in marked
    assert re.search(r'value="dataset" checked', answer.text)
    assert not re.search(r'value="model" checked', answer.text)
    assert re.search(r'name="refs" value="yes" checked', answer.text)
    assert re.search(r'value="full" selected', answer.text)


def test_what_was_asked_for_reaches_the_scan_as_it_was_meant(
    visit: Visit, service: Service
) -> None:
    path = started(
        visit(Role.LEAD),
        accounts="one, two\nthree",
        repos="a/b\n\nc/d",
        since="2026-11-01",
        types=["model", "dataset"],
        refs="yes",
        endpoint="https://evil.example",
    )
    with service.store.read() as connection:
        target, options = jobs.target_of(jobs.by_id(connection, path.split("/")[-1]).what)
    assert target.authors == ("one", "two", "three")
    assert target.repos == ("a/b", "c/d")
    assert [kind.value for kind in target.types] == ["model", "dataset"]
    assert target.since is not None
    assert target.since.date().isoformat() == "2026-11-01"
    assert options.refs


def test_a_failure_is_a_sentence_on_the_page(visit: Visit, app: FastAPI, service: Service) -> None:
    from sqlalchemy import update

    from reseen.store.service_schema import jobs as table

    lead = visit(Role.LEAD)
    path = started(lead)
    with service.store.write() as connection:
        values = {"state": "failed", "problem": "The hub said no <b>.", "ended_at": 1}
        connection.execute(update(table).values(values))
    shown = lead.get(path).text
    assert "The hub said no &lt;b&gt;." in shown
    assert "failed" in lead.get("/scans").text


def test_how_a_hub_behaves_is_said_on_the_page(visit: Visit, service: Service) -> None:
    lead = visit(Role.LEAD)
    path = started(lead)
    with service.store.write() as connection:
        said = json.dumps({"remarks": ["The hub asks us to wait 99999 s <b>."]})
        connection.execute(update(service_schema.jobs).values(progress=said))
    assert "The hub asks us to wait 99999 s &lt;b&gt;." in lead.get(path).text


def test_a_hub_is_chosen_by_its_name_in_the_settings(service: Service) -> None:
    other = HubSettings("other", "https://other.example")
    both = (*service.settings.hubs, other)
    several = replace(service, settings=replace(service.settings, hubs=both))
    lead = Visitor(make_app(several), Role.LEAD)
    assert 'name="hub"' in lead.get("/scans").text
    path = started(lead, accounts="one", hub="other")
    assert "at other" in lead.get(path).text
    with service.store.read() as connection:
        what = jobs.by_id(connection, path.split("/")[-1]).what
    assert jobs.hub_of(what, both) == other
    with pytest.raises(InputError, match="no longer name the hub"):
        jobs.hub_of(what, service.settings.hubs)
    assert lead.post("/scans", {"accounts": "one", "hub": "elsewhere"}).status_code == 400
    assert started(lead, accounts="one") == started(lead, accounts="one", hub=both[0].name)


def test_repositories_may_be_given_by_their_addresses(visit: Visit, service: Service) -> None:
    repos = "hf://a/b, https://huggingface.co/datasets/c/d\nhttps://hf.co/e/f/tree/main g/h"
    path = started(visit(Role.LEAD), repos=repos)
    with service.store.read() as connection:
        what = jobs.by_id(connection, path.rpartition("/")[2]).what
    assert what["typed"] == [["model", "a/b"], ["dataset", "c/d"], ["model", "e/f"]]
    assert (what["repos"], what["types"]) == (["g/h"], ["model"])
    target, _ = jobs.target_of(what)
    assert target.names == ("g/h", "a/b", "c/d", "e/f")


def test_a_scan_of_the_whole_hub_is_set_up_seen_by_a_reader_and_stopped(
    visit: Visit, service: Service
) -> None:
    lead, reader = visit(Role.LEAD), visit(Role.READER)
    form = {"everything": "yes", "new": "yes", "every": "2", "unit": "days"}
    assert lead.post("/scans", form).headers["location"] == "/scans?done=scheduled"
    assert lead.post("/scans", form).headers["location"] == "/scans?done=same-schedule"
    for page in (lead.get("/scans?done=scheduled").text, reader.get("/scans").text):
        assert "what is new, the whole hub (models)" in page
        assert "2 days" in page
        assert "by sample-lead" in page
    assert "Stop it" not in reader.get("/scans").text
    schedules.make_due(service.store)
    found = re.search(r'action="(/schedules/[^"]+)"', lead.get("/scans").text)
    assert found is not None
    waiting = re.search(r'href="(/scans/jb-[^"]+)"', lead.get("/scans").text)
    assert waiting is not None
    assert "Look at what is new" in lead.get(waiting[1]).text
    id = found[1].split("/")[2]
    assert lead.get(f"/scans/{id}").status_code == 404
    assert lead.post(f"/scans/{id}/stop").status_code == 404, "it is stopped where it is shown"
    assert lead.post(found[1]).headers["location"] == "/scans?done=unscheduled"
    assert "Asked for again and again" not in lead.get("/scans").text
    assert "stopped" in lead.get(waiting[1]).text


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"everything": "yes", "accounts": "account-01"}, "everything"),
        ({"accounts": "account-01", "every": "0"}, "every"),
        ({"accounts": "account-01", "every": "400", "unit": "days"}, "every"),
        ({"accounts": "account-01", "every": "2", "unit": "minutes"}, "every"),
        ({"accounts": "account-01", "every": "soon"}, "every"),
        ({"accounts": "account-01", "new": "yes"}, "every"),
        ({"accounts": "account-01", "since": "7d", "every": "1"}, "since"),
        ({"repos": "account-01/lora", "new": "yes", "every": "1"}, "repos"),
    ],
)
def test_what_cannot_be_repeated_so_is_said_at_its_field(
    visit: Visit, form: dict[str, str], field: str
) -> None:
    lead = visit(Role.LEAD)
    answer = lead.post("/scans", form)
    assert answer.status_code == 400
    marked = re.findall(r'<[^>]*aria-invalid="true"[^>]*>', answer.text)
    assert [f'name="{field}"' in each for each in marked] == [True]
    assert "No scan was asked for" in answer.text


def test_what_goes_on_is_said_whoever_works_on_it(visit: Visit, service: Service) -> None:
    """Waiting behind others; taken over; left by a process that ended; stopping."""
    lead = visit(Role.LEAD)
    first, path = started(lead), started(lead, accounts="account-02")
    assert "1 other is done first" in lead.get(path).text
    id = first.rsplit("/", 1)[1]
    table = service_schema.jobs

    def stands(**values: object) -> str:
        with service.store.write() as connection:
            connection.execute(update(table).where(table.c.id == id).values(**values))
        return str(lead.get(first).text)

    begun = {"state": "running", "started_at": now(), "leased_by": "elsewhere 1 x", "lives": 1}
    page = stands(**begun, leased_until=now() + 10**8)
    for word in ("waits for its turn", "taken it over", "No process works"):
        assert word not in page
    assert "another has taken it over" in stands(lives=2)
    assert "No process works on it" in stands(leased_until=now() - 10**6)
    assert "It stops in order" in stands(state="stopped", leased_until=now() + 10**8)
    ended = stands(ended_at=now(), leased_by=None, leased_until=None)
    for word in ("It stops in order", "taken it over", "hx-trigger"):
        assert word not in ended
