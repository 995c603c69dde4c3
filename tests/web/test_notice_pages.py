"""The pages of notices: drafted, taken away, followed, and nothing foreign obeyed in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from tests.web import cases_made
from tests.web.cases_made import HOSTILE, HUB, SECRETS, Made
from tests.web.visitors import Visitor

from reseen.review import decide, queue
from reseen.review.case_filter import ALL
from reseen.review.roles import Role
from reseen.review.verdicts import Verdict
from reseen.store import audit
from reseen.web.service import Service

Visit = Callable[..., Visitor]
ACCOUNT = "sample-account"


def confirm(service: Service, made: Made, browser: Visitor) -> None:
    from dataclasses import replace

    assert browser.who is not None
    with service.store.write() as connection:
        (found,) = queue.queue(connection, replace(ALL, text=made.case)).entries
        decide.decide(
            *(connection, service.keyring, decide.ShownCase(made.case, found.version)),
            *(Verdict.CONFIRM, decide.DecidedBy(browser.who, "A sample reason.")),
        )


@pytest.fixture
def lead(visit: Visit, service: Service) -> Visitor:
    browser = visit(Role.LEAD)
    confirm(service, cases_made.made(service, repo=f"{ACCOUNT}/lora"), browser)
    return browser


def drafted(browser: Visitor, account: str = ACCOUNT) -> str:
    answer = browser.post("/notices", {"hub": HUB, "account": account})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].split("?")[0])


def version(browser: Visitor, path: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', browser.get(path).text)
    assert found is not None
    return found[1]


def test_a_notice_from_confirmed_to_gone_and_back_a_step(lead: Visitor, service: Service) -> None:
    assert "Draft a notice" in lead.get("/notices").text
    path = drafted(lead)
    draft = lead.get(path).text
    assert "Nothing has been sent" in draft
    assert "due" not in draft.partition("<h1>")[2].partition("</p>")[0]
    sent = lead.post(
        f"{path}/sent",
        {"version": version(lead, path), "how": "e-mail", "note": "To the desk", "hours": "12"},
    )
    assert sent.headers["location"] == f"{path}?done=sent"
    shown = lead.get(f"{path}?done=sent").text
    assert "The clock runs" in shown
    assert "An answer is due" in shown
    assert "To the desk" in shown
    for word in ("acknowledged", "refused", "sent", "gone", "re-seen"):
        answer = lead.post(f"{path}/{word}", {"version": version(lead, path)})
        assert answer.status_code == 303, word
    undone = lead.post(f"{path}/undo", {"version": version(lead, path)})
    assert undone.status_code == 303
    assert "taken back" in lead.get(path).text
    listed = lead.get("/notices?state=gone")
    assert path in listed.text
    assert lead.get("/notices?state=elsewhere").status_code == 400


def test_the_text_and_the_json_are_exports(lead: Visitor, service: Service) -> None:
    path = drafted(lead)
    text, value = lead.post(f"{path}/text"), lead.post(f"{path}/json")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert "attachment" in text.headers["content-disposition"]
    assert f"https://{HUB}/{ACCOUNT}/lora/blob/" in text.text
    assert json.loads(value.text)["format"] == "reseen-notice"
    with service.store.read() as connection:
        lines = [x for x in audit.every(connection) if x.action == "export"]
    assert [x.details["form"] for x in lines] == ["text", "json"]
    assert {x.actor for x in lines} == {"user:sample-lead"}
    for secret in SECRETS:
        assert secret not in text.text + value.text


def test_the_clause_is_written_and_a_name_in_it_refused(lead: Visitor) -> None:
    path = drafted(lead)
    good = {"version": version(lead, path), "clause": "Rule 4 of the sample hub."}
    assert lead.post(f"{path}/clause", good).status_code == 303
    assert "Rule 4" in lead.post(f"{path}/text").text
    bad = {"version": version(lead, path), "clause": f"It shows {SECRETS[0]}."}
    refused = lead.post(f"{path}/clause", bad)
    assert refused.status_code == 400
    assert SECRETS[0] not in refused.text


def test_two_people_do_not_send_the_same_notice(lead: Visitor) -> None:
    path = drafted(lead)
    seen = version(lead, path)
    assert lead.post(f"{path}/sent", {"version": seen}).status_code == 303
    again = lead.post(f"{path}/sent", {"version": seen})
    assert again.status_code == 409
    assert "changed since you looked" in again.text


def test_sending_by_mail_is_not_offered_where_no_server_is_configured(lead: Visitor) -> None:
    path = drafted(lead)
    assert "Send it by mail" not in lead.get(path).text
    answer = lead.post(f"{path}/send", {"version": "1", "to": "abuse@example.org"})
    assert answer.status_code >= 400
    assert "No mail server" in answer.text


def test_a_reader_sees_a_notice_and_no_button(lead: Visitor, visit: Visit) -> None:
    path = drafted(lead)
    reader = visit(Role.READER)
    shown = reader.get(path).text
    assert f'action="{path}' not in shown
    assert f"{path}/text" not in shown
    reviewer = visit(Role.REVIEWER).get(path).text
    assert f"{path}/text" in reviewer
    assert f'action="{path}/sent"' not in reviewer


def test_a_reader_does_not_see_what_people_wrote(lead: Visitor, visit: Visit) -> None:
    path = drafted(lead)
    lead.post(f"{path}/clause", {"version": version(lead, path), "clause": "A clause of ours."})
    lead.post(f"{path}/sent", {"version": version(lead, path), "note": "About somebody"})
    written = ("About somebody", "A clause of ours.")
    assert all(text in lead.get(path).text for text in written)
    answer = visit(Role.READER).get(path)
    assert answer.status_code == 200
    assert not any(text in answer.text for text in written)


@pytest.mark.parametrize("name", HOSTILE)
def test_foreign_names_are_shown_and_never_obeyed(
    visit: Visit, service: Service, name: str
) -> None:
    lead = visit(Role.LEAD)
    repo = f"{name.replace('/', '-')}/{name.replace('/', '-')}"
    made = cases_made.made(service, repo=repo, paths=(name,))
    confirm(service, made, lead)
    listed = lead.get("/notices").text
    (place,) = re.findall(r'name="place" value="([^"]*)"', listed)
    path = lead.post("/notices", {"place": place}).headers["location"].split("?")[0]
    for page in (listed, lead.get(path).text, lead.get("/notices").text):
        assert "<script>alert" not in page
        assert "onerror=alert(1)>" not in page
        assert "\x1b" not in page
        assert "\u202e" not in page
        assert "49" not in re.findall(r"7\*7", page)
    text = lead.post(f"{path}/text").text
    assert "\x1b" not in text
    assert quote(name.replace("/", "-"), safe="") in text


def test_a_hub_or_an_account_that_nobody_knows_is_said(lead: Visitor) -> None:
    assert lead.post("/notices", {"hub": HUB, "account": "nobody"}).status_code == 400
    for form in ({}, {"place": "x"}, {"place": "/"}, {"place": "%00/%ff"}):
        assert lead.post("/notices", form).status_code == 400
    assert lead.get("/notices/nt-none").status_code == 404
    assert lead.post("/notices/nt-none/text").status_code == 404


@pytest.mark.parametrize("hours", ["0", "x", "-1", "99999", "1e3"])
def test_a_clock_that_makes_no_sense_changes_nothing(lead: Visitor, hours: str) -> None:
    path = drafted(lead)
    answer = lead.post(f"{path}/sent", {"version": version(lead, path), "hours": hours})
    assert answer.status_code == 400
    assert "drafted" in lead.get(path).text


def test_a_recheck_of_the_account_is_queued(lead: Visitor) -> None:
    path = drafted(lead)
    assert lead.post(f"{path}/recheck").status_code == 303
    assert f"Known sightings of {ACCOUNT}" in lead.get("/scans").text
