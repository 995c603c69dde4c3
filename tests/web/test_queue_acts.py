"""The queue over HTTP: groups, ticked cases, whose a case is, filters with a name, pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser

import pytest
from tests.web.cases_made import HUB, SECRETS, Made, made, removal, sighting
from tests.web.test_case_page import words
from tests.web.test_queue_page import ids
from tests.web.visitors import Visitor, user_of

from reseen.review import users
from reseen.review.roles import Role
from reseen.store import audit
from reseen.web.pages import queue as queue_page
from reseen.web.service import Service

Visit = Callable[..., Visitor]


def ticks(text: str) -> dict[str, str]:
    """What a tick sends, by case."""
    found = re.findall(r'name="case" value="((cs-\w+):\d+)"', text)
    return {case: value for value, case in found}


@pytest.fixture
def some(service: Service) -> dict[str, Made]:
    """By what stands behind them: two that were read, one by the hub's word."""
    return {
        "read": made(service, 1, "account-1/one"),
        "read too": made(service, 2, "account-1/two"),
        "said": made(service, 3, "account-2/three", read=False),
    }


def test_ticked_cases_are_confirmed_where_reading_proves_them(
    visit: Visit, some: dict[str, Made]
) -> None:
    browser = visit(Role.REVIEWER)
    sent = list(ticks(browser.get("/queue").text).values())
    answer = browser.post("/queue/confirm", {"case": sent, "reason": "One uploader."})
    told = words(answer.text)
    assert "2 decided together: confirmed. 1 left as they were" in told
    assert f"{some['said'].case} not everything in it was read" in told
    assert ids(browser.get("/queue").text) == [some["said"].case]
    batch = re.search(r'name="batch" value="(bt-\w+)"', answer.text)
    assert batch is not None
    assert (
        visit(Role.REVIEWER, "another").post("/queue/undo", {"batch": batch[1]}).status_code == 403
    )
    assert "2 taken back" in words(browser.post("/queue/undo", {"batch": batch[1]}).text)
    assert len(ids(browser.get("/queue").text)) == 3


def test_what_one_opened_by_the_button_of_its_row_may_be_confirmed_along(
    visit: Visit, some: dict[str, Made]
) -> None:
    browser, case = visit(Role.REVIEWER), some["said"].case
    text = browser.get("/queue").text
    assert re.findall(r'formaction="(/cases/[^"]+/look)"', text) == [f"/cases/{case}/look"]
    shown = browser.post(f"/cases/{case}/look", {"back": "group=&state=any"})
    assert shown.headers["location"] == f"/cases/{case}?state=any"
    assert "✓ opened" in browser.get("/queue").text
    assert "✓ opened" not in visit(Role.REVIEWER, "another").get("/queue").text
    sent = [ticks(text)[case]]
    by_another = visit(Role.REVIEWER, "another").post(
        "/queue/confirm", {"case": sent, "reason": "Posted by hand."}
    )
    assert "0 decided together" in words(by_another.text)
    answer = browser.post("/queue/confirm", {"case": sent, "reason": "Opened it."})
    assert "1 decided together: confirmed." in words(answer.text)


def test_not_this_model_is_said_of_any_and_a_wrong_form_keeps_ticks_and_reason(
    visit: Visit, some: dict[str, Made]
) -> None:
    browser = visit(Role.REVIEWER)
    sent = ticks(browser.get("/queue?state=open").text)
    kept = [sent[some["said"].case]]
    wrong = browser.post(
        "/queue/not-this-model", {"case": kept, "reason": " ", "back": "state=open"}
    )
    assert wrong.status_code == 400
    assert ticks(wrong.text) == sent
    assert re.findall(r'value="(cs-\w+:\d+)"[^>]* checked', wrong.text) == kept
    assert 'aria-invalid="true" aria-describedby="reason-wrong"' in wrong.text
    none = browser.post("/queue/not-this-model", {"reason": "kept as written", "case": []})
    assert none.status_code == 400
    assert "kept as written" in none.text
    answer = browser.post("/queue/not-this-model", {"case": list(sent.values()), "reason": "No."})
    assert "3 decided together: not this model" in words(answer.text)
    assert visit(Role.READER).get("/queue?state=any").text.count("data-tick ") == 0


def test_groups_are_rows_that_open(visit: Visit, service: Service) -> None:
    one, two = removal(service, 1), removal(service, 2)
    for n in range(3):
        sighting(service, one, f"account-1/copy-{n}")
    sighting(service, two, "account-2/other", read=False)
    browser = visit(Role.REVIEWER)
    for by, counts in {"bytes": [3, 1], "removal": [3, 1], "account": [3, 1]}.items():
        text = browser.get(f"/queue?group={by}").text
        assert [int(n) for n in re.findall(r"<b>(\d+) cases?</b>:", text)] == counts, by
        opens = [unescape(to) for to in re.findall(r'<a href="([^"]+)" data-open>', text)]
        assert [len(ids(browser.get(to).text)) for to in opens] == counts, by
        assert all("group=" not in to for to in opens)
        assert not any(secret in text for secret in SECRETS)
    assert "No case here" in browser.get("/queue?group=bytes&state=decided").text
    assert browser.get("/queue?group=nonsense&offset=9").status_code == 200


def test_pages_go_on_from_a_place_and_back(
    visit: Visit, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_page, "ROWS", 2)
    for n in range(5):
        made(service, n, f"account-{n}/copy", downloads=n)
    browser = visit(Role.READER)

    def following(text: str, label: str) -> str | None:
        found = re.search(rf'<a [^>]*href="([^"]+)">{label}</a>', text)
        return None if found is None else str(browser.get(unescape(found[1])).text)

    first = browser.get("/queue").text
    every = ids(first)
    second = following(first, "More cases")
    assert second is not None
    third = following(second, "More cases")
    assert third is not None
    every += ids(second) + ids(third)
    assert len(every) == len(set(every)) == 5
    assert following(third, "More cases") is None
    assert ids(following(third, "Earlier cases") or "") == ids(second)
    assert ids(following(second, "Earlier cases") or "") == ids(first)
    assert ids(following(first, "Last cases") or "") == every[-2:]
    assert following(first, "Earlier cases") is None
    # Into a case of the second page, and back to that page.
    link = re.search(r'<a href="(/cases/[^"]+)" data-open', second)
    assert link is not None
    case = browser.get(unescape(link[1])).text
    back = re.search(r'<a class="button" href="([^"]+)" data-key="Escape">Queue', case)
    assert back is not None
    assert ids(browser.get(unescape(back[1])).text) == ids(second)
    for odd in ("after=x", "after=1.2.3", "before=1.1.1.1.1", "after=" + "9" * 40, "before=.-..."):
        assert browser.get(f"/queue?{odd}").status_code == 200


def test_what_is_done_on_a_page_leads_back_to_it(
    visit: Visit, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_page, "ROWS", 2)
    for n in range(6):
        made(service, n, f"account-{n}/copy", downloads=n)
    browser = visit(Role.REVIEWER)
    every = ids(browser.get("/queue").text) + ids(browser.get("/queue?before=end").text)
    after = re.search(r'href="/queue\?(after=[^"]+)"', browser.get("/queue").text)
    assert after is not None
    second = browser.get(f"/queue?{after[1]}").text
    assert len({*every, *ids(second)}) == 6
    sent = list(ticks(second).values())

    def send(act: str, **form: object) -> str:
        answer = browser.post(act, {"reason": "A sample.", "back": after[1], **form})
        if answer.status_code == 303:
            answer = browser.get(answer.headers["location"])
        return str(answer.text)

    assert ids(send("/queue/assign", case=sent[:1], to=browser.who.name)) == ids(second)
    assert ids(send("/queue/filters", name="mine", back=f"state=open&{after[1]}")) == ids(second)
    assert 'href="/queue?state=open">mine' in browser.get("/queue").text
    assert ids(send("/queue/not-this-model", case=sent[:1])) == [ids(second)[1], every[2]]
    last = list(ticks(browser.get("/queue?before=end").text).values())
    left = ids(send("/queue/not-this-model", case=last, back="before=end"))
    assert left == [every[1], ids(second)[1]]
    # Nothing is left where one was: the page begins anew.
    assert ids(send("/queue/not-this-model", case=sent[1:])) == every[:2]


def test_a_case_that_an_account_showed_leads_back_to_the_account(
    visit: Visit, some: dict[str, Made]
) -> None:
    browser, case = visit(Role.LEAD), some["said"].case
    account = f"/accounts/{HUB}/account-2"
    form = re.search(rf'{case}/look">.*?name="back" value="([^"]+)"', browser.get(account).text)
    assert form is not None
    for act in ("look", "claim", "release"):
        answer = browser.post(f"/cases/{case}/{act}", {"back": unescape(form[1])})
        text = browser.get(answer.headers["location"]).text
        assert f'href="{account}#together" data-key="Escape"' in text, act
    assert "#together" not in browser.get(f"/cases/{case}?account=account-2").text


def test_all_that_tells_the_filter_is_swapped_with_the_list(
    visit: Visit, some: dict[str, Made]
) -> None:
    case = some["read"].case
    done = f"done=not-this-model&of={case}&version=1&nothing="
    text = visit(Role.LEAD).get(f"/queue?rung=declared&{done}").text
    swapped = re.search(r'hx-select-oob="([^"]+)"', text)
    assert swapped is not None
    parts = {"list", *(part.removeprefix("#") for part in swapped[1].split(","))}
    forms = Forms(text).forms
    assert {"/queue/export", "/queue/next", "/queue/filters", f"/cases/{case}/undo"} <= set(forms)
    told = {at: around for at, around in forms.items() if at not in ("", "/queue", "/search")}
    assert [at for at, around in told.items() if not around & parts and "sign" not in at] == []


class Forms(HTMLParser):
    """Forms of a page by what they send to, each with the ids of what is around it, its own too."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: dict[str, set[str]] = {}
        self._open: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append((tag, dict(attrs).get("id")))
        if tag == "form":
            around = {id for _, id in self._open if id}
            self.forms[dict(attrs).get("action") or ""] = around

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass


def test_a_lead_assigns_and_a_reviewer_takes(visit: Visit, service: Service) -> None:
    cases = [made(service, n, f"account-{n}/copy").case for n in range(3)]
    lead, ann = visit(Role.LEAD, "lea"), visit(Role.REVIEWER, "ann")
    sent = ticks(lead.get("/queue").text)
    visit(Role.READER, "ron")
    assert lead.post("/queue/assign", {"case": [sent[cases[0]]], "to": "ann"}).status_code == 303
    assert ids(ann.get("/queue?assigned=me").text) == [cases[0]]
    assert "assigned to you" in ann.get("/queue").text
    assert "assigned to ann" in lead.get("/queue").text
    assert set(ids(lead.get("/queue?assigned=nobody").text)) == set(cases[1:])
    assert ids(lead.get("/queue?assigned=@ann").text) == [cases[0]]
    # A colleague's is not given as the next one, and may be decided all the same.
    bob = visit(Role.REVIEWER, "bob")
    nexts = {bob.post("/queue/next").headers["location"] for _ in range(1)}
    assert cases[0] not in "".join(nexts)
    for who, case, to, status in (
        (bob, cases[0], "bob", 403),  # somebody else's
        (bob, cases[1], "ann", 403),  # to others
        (bob, cases[1], "bob", 303),
        (bob, cases[1], "", 303),
        (lead, cases[1], "ron", 400),  # who cannot decide
        (lead, cases[1], "nobody-of-this-name", 404),
    ):
        answer = who.post("/queue/assign", {"case": [sent[case]], "to": to, "reason": "kept words"})
        assert answer.status_code == status, (case, to)
        assert status == 303 or "kept words" in answer.text
    with service.store.read() as connection:
        lines = [line for line in audit.every(connection) if line.action == "assign"]
    told = [(line.subject, line.actor, line.details.get("to")) for line in lines]
    assert told == [
        (cases[0], "user:lea", "user:ann"),
        (cases[1], "user:bob", "user:bob"),
        (cases[1], "user:bob", None),
    ]


def test_a_disabled_colleague_is_given_nothing(visit: Visit, service: Service) -> None:
    case = made(service, 1, "account-1/copy").case
    lead = visit(Role.LEAD)
    with service.store.write() as connection:
        user_of(connection, "gone", Role.REVIEWER)
        users.disable(connection, users.by_name(connection, "gone"), actor=None)
    sent = ticks(lead.get("/queue").text)[case]
    assert lead.post("/queue/assign", {"case": [sent], "to": "gone"}).status_code == 400
    assert ">gone<" not in lead.get("/queue").text


@pytest.mark.parametrize("change", ["disabled", "demoted"])
def test_what_was_of_somebody_who_cannot_decide_any_more_is_nobodys(
    visit: Visit, service: Service, change: str
) -> None:
    case = made(service, 1, "account-1/copy").case
    lead, bob = visit(Role.LEAD, "lea"), visit(Role.REVIEWER, "bob")
    sent = ticks(lead.get("/queue").text)[case]
    with service.store.write() as connection:
        user_of(connection, "ann", Role.REVIEWER)
    assert lead.post("/queue/assign", {"case": [sent], "to": "ann"}).status_code == 303
    assert "nothing=" in bob.post("/queue/next").headers["location"]
    with service.store.write() as connection:
        ann = users.by_name(connection, "ann")
        if change == "disabled":
            users.disable(connection, ann, actor=None)
        else:
            users.set_role(connection, ann, Role.READER, actor=None)
    assert ids(lead.get("/queue?assigned=nobody").text) == [case]
    assert "assigned to ann" not in lead.get("/queue").text
    assert case in bob.post("/queue/next").headers["location"]
    assert bob.post("/queue/assign", {"case": [sent], "to": "bob"}).status_code == 303
    assert ids(bob.get("/queue?assigned=me").text) == [case]


def test_a_filter_with_a_name_is_the_teams_or_ones_own(visit: Visit, service: Service) -> None:
    made(service, 1, "account-1/copy")
    ann, bob, lead = visit(Role.REVIEWER, "ann"), visit(Role.REVIEWER, "bob"), visit(Role.LEAD)
    back = "rung=bytes&group=account&text=typed&same=cs-x&state=any"
    for name, shared in (("Mine alone", ""), ("For <b>all</b>", "yes")):
        kept = ann.post("/queue/filters", {"name": name, "shared": shared, "back": back})
        assert kept.status_code == 303
    text = bob.get("/queue").text
    assert "For &lt;b&gt;all&lt;/b&gt;" in text
    assert "Mine alone" not in text
    assert "Mine alone" in ann.get("/queue").text
    to = re.search(r'<a href="(/queue\?[^"]+)">For', text)
    assert to is not None
    assert unescape(to[1]) == "/queue?state=any&rung=bytes&group=account"  # nothing that was typed
    shown = bob.get(unescape(to[1])).text
    assert "Delete the filter" not in shown
    delete = re.search(r"/queue/filters/(sf-\w+)/delete", lead.get(unescape(to[1])).text)
    assert delete is not None
    assert bob.post(f"/queue/filters/{delete[1]}/delete").status_code == 403
    # Again under the same name: changed.
    ann.post("/queue/filters", {"name": "For <b>all</b>", "shared": "yes", "back": "mark=fallen"})
    assert "/queue?mark=fallen" in bob.get("/queue").text
    assert lead.post(f"/queue/filters/{delete[1]}/delete").status_code == 303
    assert "For &lt;b&gt;" not in bob.get("/queue").text
    assert lead.post(f"/queue/filters/{delete[1]}/delete").status_code == 404
    with service.store.read() as connection:
        lines = [line for line in audit.every(connection) if line.action.startswith("filter-")]
    assert [line.action for line in lines] == ["filter-saved"] * 3 + ["filter-deleted"]
    assert "all" not in "".join(str(line) for line in lines).replace("allow", "")


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\u202eb", "a\x00b"])
def test_a_filter_needs_a_name(visit: Visit, name: str) -> None:
    browser = visit(Role.REVIEWER)
    answer = browser.post("/queue/filters", {"name": name, "back": "state=any"})
    assert answer.status_code == 400
    assert 'aria-describedby="name-wrong"' in answer.text
    assert "state=any" in answer.text
