"""The queue over HTTP: order, filters in the address, claiming the next, undo one press away."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest
from sqlalchemy import update
from tests.web import cases_made
from tests.web.cases_made import HOSTILE, SECRETS, alike, gone, made, said
from tests.web.visitors import Visitor

from reseen.review import queue
from reseen.review.roles import Role
from reseen.review.verdicts import CaseState
from reseen.store import service_schema
from reseen.texts import visible
from reseen.web.pages import account as account_page
from reseen.web.service import Service

Visit = Callable[..., Visitor]


class Seen(HTMLParser):
    """What stands in a page: tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def harmless(text: str) -> Seen:
    """Assert that a page holds no script, style or handler of its own, and no control character."""
    page = Seen(text)
    for tag, attributes in page.tags:
        assert tag not in ("img", "iframe", "object", "embed", "style", "base")
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        for name in ("href", "src", "action", "formaction"):
            place = attributes.get(name)
            assert place is None or place.startswith(("/", "#"))
            assert place is None or not place.startswith("//")
        if tag == "script":
            assert (attributes["src"] or "").startswith("/static/")
    hidden = [c for c in text if not c.isprintable() and c != "\n"]
    assert hidden == []
    return page


def ids(text: str) -> list[str]:
    """Cases in the order of the rows."""
    return re.findall(r'<a href="/cases/(cs-\w+)[^"]*" data-open', text)


def test_an_empty_queue_says_what_to_do_first_and_afterwards_that_nothing_waits(
    visit: Visit, service: Service
) -> None:
    for role in Role:
        page = visit(role).get("/queue").text
        assert 'href="/lists"' in page.partition('id="list"')[2]
        assert ("(a lead does this)" in page) is (role < Role.LEAD)
        assert "0 to 0" not in page
    assert "Import a list" not in visit(Role.LEAD).get("/queue?rung=bytes").text
    made(service)
    page = visit(Role.LEAD).get("/queue?account=nobody").text
    assert "All open cases" in page
    with service.store.write() as connection:
        connection.execute(update(service_schema.cases).values(state=CaseState.DECIDED.value))
    page = visit(Role.LEAD).get("/queue").text
    assert "Nothing waits for a decision." in page
    assert "Import a list" not in page


def test_the_strongest_evidence_comes_first_then_reach(visit: Visit, service: Service) -> None:
    weak = made(service, 1, "a/declared", read=False, downloads=10_000)
    little = made(service, 2, "b/little", downloads=1)
    much = made(service, 3, "c/much", downloads=500)
    text = visit(Role.READER).get("/queue").text
    assert ids(text) == [much.case, little.case, weak.case]
    assert "<b>3</b> cases" in text


def test_a_row_says_what_a_reviewer_needs_to_choose(visit: Visit, service: Service) -> None:
    made(service, 1, "sample-account/lora", paths=("a.safetensors", "b.safetensors"))
    text = Seen(visit(Role.READER).get("/queue").text).text
    for word in ("bytes", "Every byte was read", "hub.example", "sample-account/lora", "open"):
        assert word in text
    assert "a.safetensors" in text
    assert "2 of 2" in re.sub(r"\s+", " ", text)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"read", "declared", "alike"}),
        ("rung=declared", {"read", "declared"}),
        ("rung=bytes&state=open", {"read"}),
        ("account=b", {"declared"}),
        ("hub=elsewhere.example", set()),
        ("state=decided", set()),
        ("live=gone", {"gone"}),
        ("live=any", {"read", "declared", "alike", "gone"}),
        ("claimed=me", set()),
        ("claimed=nobody", {"read", "declared", "alike"}),
        ("rung=nonsense&state=%00&offset=-1&list=x%0dy", {"read", "declared", "alike"}),
        ("list=sample+list&rung=weights&account=c", {"alike"}),
    ],
)
def test_the_address_is_the_filter(
    visit: Visit, service: Service, query: str, shown: set[str]
) -> None:
    cases = {
        "read": made(service, 1, "a/x").case,
        "declared": made(service, 2, "b/x", read=False).case,
        "alike": alike(service, 3, "c/x").case,
        "gone": made(service, 4, "d/x").case,
    }
    gone(service, "d/x")
    answer = visit(Role.READER).get("/queue?" + query)
    assert answer.status_code == 200
    assert set(ids(answer.text)) == {cases[name] for name in shown}


def test_the_form_shows_the_filter_that_holds(visit: Visit, service: Service) -> None:
    account = '"><b>=1+1'
    text = (
        visit(Role.READER).get("/queue?" + urlencode({"rung": "declared", "account": account})).text
    )
    page = harmless(text)
    assert ("option", {"value": "declared", "selected": None}) in page.tags
    assert any(a.get("value") == account for tag, a in page.tags if tag == "input")


def test_the_filter_goes_along_into_a_case_and_back(visit: Visit, service: Service) -> None:
    case = made(service, 1).case
    browser = visit(Role.REVIEWER)
    (link,) = re.findall(
        r'<a href="(/cases/[^"]+)" data-open', browser.get("/queue?rung=tensors").text
    )
    assert unescape(link) == f"/cases/{case}?rung=tensors"
    assert 'href="/queue?rung=tensors"' in browser.get(unescape(link)).text


def test_pages_go_on_where_the_last_one_ended(
    visit: Visit, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reseen.web.pages.queue.ROWS", 2)
    every = {made(service, n, f"account-{n}/x").case for n in range(5)}
    browser = visit(Role.READER)
    at, seen = "/queue?rung=bytes", []
    for _ in range(3):
        text = browser.get(at).text
        seen += ids(text)
        more = re.search(r'rel="next" href="([^"]+)"', text)
        at = unescape(more[1]) if more else ""
    assert at == ""
    assert len(seen) == 5
    assert set(seen) == every


def test_next_claims_a_case_that_nobody_holds(visit: Visit, service: Service) -> None:
    first, second = made(service, 1, "a/x", downloads=9), made(service, 2, "b/x", downloads=1)
    one, two = visit(Role.REVIEWER, "rio"), visit(Role.REVIEWER, "remy")
    went = one.post("/queue/next", {"back": "rung=bytes"})
    assert went.status_code == 303
    assert went.headers["location"] == f"/cases/{first.case}?rung=bytes"
    assert two.post("/queue/next").headers["location"] == f"/cases/{second.case}"
    nothing = visit(Role.REVIEWER, "robin").post("/queue/next").headers["location"]
    assert nothing.startswith("/queue?")
    assert "Nothing is left to claim" in one.get(nothing).text
    assert "rio" in two.get("/queue?claimed=other").text
    assert ids(two.get("/queue?claimed=me").text) == [second.case]


def test_a_reader_claims_nothing(visit: Visit, service: Service) -> None:
    made(service, 1)
    reader = visit(Role.READER)
    assert "/queue/next" not in reader.get("/queue").text
    assert reader.post("/queue/next").status_code == 403


def test_what_comes_back_in_a_form_is_parsed_anew(visit: Visit, service: Service) -> None:
    case = made(service, 1).case
    back = "rung=bytes&state=%3Cscript%3E&evil=1&hub=a%0d%0aSet-Cookie:x&done=confirm"
    went = visit(Role.REVIEWER).post("/queue/next", {"back": back})
    assert went.headers["location"] == f"/cases/{case}?rung=bytes"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_and_do_nothing(visit: Visit, service: Service, name: str) -> None:
    made(service, 1, name.replace("/", "") + "/m", paths=(name,), ref=name, more=(said(name),))
    page = harmless(visit(Role.ADMINISTRATOR).get("/queue").text)
    assert visible(name)[:40] in page.text


def test_no_sealed_name_is_in_the_queue(visit: Visit, service: Service) -> None:
    made(service, 1)
    for role in Role:
        text = visit(role).get("/queue").text
        assert not any(secret in text for secret in SECRETS)


@pytest.mark.parametrize(
    "words",
    ["done=confirm&of=cs-nothing", "done=confirm", "done=<b>&of=x", "done=undo&of=%00", "of=1"],
)
def test_an_address_cannot_say_what_was_not_done(
    visit: Visit, service: Service, words: str
) -> None:
    made(service, 1)
    answer = visit(Role.REVIEWER).get("/queue?" + words)
    assert answer.status_code == 200
    harmless(answer.text)
    assert "Decided:" not in answer.text


def test_undo_stands_there_right_after_deciding(visit: Visit, service: Service) -> None:
    case = made(service, 1).case
    browser = visit(Role.REVIEWER)
    version = re.search(r'name="version" value="(\d+)"', browser.get(f"/cases/{case}").text)
    assert version is not None
    decided = browser.post(
        f"/cases/{case}/not-this-model", {"version": version[1], "quick": "x", "then": "queue"}
    )
    text = browser.get(decided.headers["location"]).text
    assert "Decided: not this model." in text
    undo = re.search(r'action="(/cases/[^"]+/undo)".*?name="version" value="(\d+)"', text, re.S)
    assert undo is not None
    undone = browser.post(undo[1], {"version": undo[2], "quick": "Taken back at once"})
    assert undone.status_code == 303
    assert ids(browser.get("/queue").text) == [case]
    # The bar is about how the case stood: now it would undo something else.
    assert "/undo" not in browser.get(decided.headers["location"]).text


def test_where_counting_stops_the_page_says_that_there_are_more(
    visit: Visit, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = cases_made.removal(service, 1)
    case, *_ = [cases_made.sighting(service, one, f"account-1/copy-{n}") for n in range(4)]
    monkeypatch.setattr(queue, "COUNTED", 3)
    monkeypatch.setattr(account_page, "ROWS", 2)
    reader = visit(Role.READER)
    for page, told in {
        "/queue": "More than 3 cases",
        f"/accounts/{cases_made.HUB}/account-1": "2 of more than 3 cases",
        f"/cases/{case}": "(more than 2 other cases)",
        f"/removals/{one}": "More than 3 cases",
    }.items():
        assert told in " ".join(Seen(reader.get(page).text).text.split()), page
