"""What reading refuted, on every page: its own mark, last, and nothing that confirms it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from fastapi import FastAPI
from tests.review.test_mail import mail_server
from tests.web import cases_made
from tests.web.cases_made import HUB, Made, made
from tests.web.test_case_page import words
from tests.web.test_notice_pages import confirm, drafted, version
from tests.web.test_queue_page import ids
from tests.web.visitors import Visitor

from reseen.review.roles import Role
from reseen.web.service import Service

Visit = Callable[..., Visitor]
ACCOUNT = f"/accounts/{HUB}/sample-account"


@pytest.fixture
def framed(service: Service) -> Made:
    return made(service, 1, "sample-account/framed", refuted=True)


def refute(service: Service, it: Made) -> None:
    cases_made.sighting(service, it.removal, it.repo, refuted=True)


def case_version(text: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', text)
    assert found is not None
    return found[1]


def test_the_queue_has_it_last_without_bars_and_counts_it_apart(
    visit: Visit, service: Service, framed: Made
) -> None:
    alike = cases_made.alike(service)
    text = visit(Role.READER).get("/queue").text
    assert ids(text) == [alike.case, framed.case]
    assert "1 case and 1 refuted, which is last" in words(text)
    row = text.split(f"/cases/{framed.case}")[0].rsplit("<li", 1)[1]
    assert "off-ladder" in row
    assert 'class="steps"' not in row
    assert "the hub's statement is false" in words(text)
    cosine = text.split(f"/cases/{alike.case}")[0].rsplit("<li", 1)[1]
    assert 'weights</span> <span class="cosine">cosine 1.000<' in cosine
    assert ids(visit(Role.READER).get("/queue?mark=refuted").text) == [framed.case]


def test_its_page_offers_not_this_model_and_nothing_that_confirms(
    visit: Visit, service: Service, framed: Made
) -> None:
    browser = visit(Role.REVIEWER)
    path = f"/cases/{framed.case}"
    text = browser.get(path).text
    assert "It cannot be confirmed" in words(text)
    assert "Somebody may be framing this account" in words(text)
    assert f'action="{path}/confirm"' not in text
    assert f'action="{path}/allow"' not in text
    form = text.split(f'action="{path}/not-this-model"')
    assert form[0].rsplit("<details", 1)[1].split(">")[0].endswith(" open")
    assert " selected>The hub" in unescape(form[1])
    assert "s hash is false</option>" in unescape(form[1]).split("selected>The hub")[1][:30]
    given = {"version": case_version(text), "quick": "The same file or the same weights"}
    refused = browser.post(f"{path}/confirm", given)
    assert refused.status_code == 409
    assert "reading proved that this is not the removed model" in words(refused.text)
    given["quick"] = "The hub's hash is false"
    assert browser.post(f"{path}/not-this-model", given).status_code == 303
    assert "not this model" in words(browser.get(path).text)


def test_what_stands_on_the_weights_is_confirmed_though_the_hash_is_false(
    visit: Visit, service: Service
) -> None:
    it = cases_made.alike(service, refuted=True)
    text = visit(Role.REVIEWER).get(f"/cases/{it.case}").text
    assert "the hub’s hash is false" in words(text)
    assert f'action="/cases/{it.case}/confirm"' in text
    assert "It cannot be confirmed" not in words(text)
    assert "the hub’s hash is false" in words(visit(Role.READER).get("/queue").text)


def test_an_account_is_not_charged_with_it(visit: Visit, service: Service, framed: Made) -> None:
    made(service, 2, "sample-account/lora")
    text = words(visit(Role.LEAD).get(ACCOUNT).text)
    assert "1 file seen" in text
    assert "1 undecided case" in text
    assert "1 file of it is refuted and counts nowhere above" in text


def test_what_was_confirmed_and_then_refuted_is_first_and_its_notice_is_corrected(
    visit: Visit, service: Service
) -> None:
    lead = visit(Role.LEAD)
    fallen = made(service, 1, "sample-account/lora", read=False)
    made(service, 2, "other-account/lora", downloads=10**6)
    confirm(service, fallen, lead)
    notice = drafted(lead)
    assert lead.post(f"{notice}/sent", {"version": version(lead, notice)}).status_code == 303
    assert "To be corrected" not in lead.get(notice).text
    refute(service, fallen)
    text = lead.get("/queue").text
    assert ids(text)[0] == fallen.case
    assert "confirmed, and then refuted" in words(text)
    assert "Confirmed, and then refuted." in words(lead.get(f"/cases/{fallen.case}").text)
    listed = lead.get("/notices").text
    assert "Sent, and not so: to be corrected" in words(listed)
    assert f'href="{notice}#correction"' in listed
    page = lead.get(notice).text
    assert "To be corrected: 1 file is not what we said" in words(page)
    taken = lead.post(f"{notice}/correction")
    assert taken.headers["content-disposition"].endswith('-correction.txt"')
    assert taken.text.startswith("Correction to notice nt-")
    assert visit(Role.REVIEWER).post(f"{notice}/corrected").status_code == 403
    said = lead.post(f"{notice}/corrected", {"version": version(lead, notice), "note": "By mail"})
    assert said.headers["location"] == f"{notice}?done=corrected"
    after = words(lead.get(notice).text)
    assert "To be corrected" not in after
    assert "the host was told what is not so" in after
    assert "to be corrected" not in words(lead.get("/notices").text)
    assert lead.post(f"{notice}/correction").status_code == 409


def test_a_correction_is_sent_by_mail_from_its_page(
    visit: Visit, service: Service, app: FastAPI
) -> None:
    lead = visit(Role.LEAD)
    fallen = made(service, 1, "sample-account/lora", read=False)
    confirm(service, fallen, lead)
    notice = drafted(lead)
    lead.post(f"{notice}/sent", {"version": version(lead, notice)})
    refute(service, fallen)
    value = lead.post(f"{notice}/correction/json")
    assert value.headers["content-disposition"].endswith('-correction.json"')
    assert json.loads(value.text)["format"] == "reseen-correction"
    assert "Send the correction by mail" not in lead.get(notice).text, "there is no server"
    refused = lead.post(
        f"{notice}/correction/send", {"version": version(lead, notice), "to": "abuse@example.org"}
    )
    assert refused.status_code >= 400
    assert "No mail server" in refused.text
    with mail_server() as (url, got):
        settings = replace(service.settings, smtp=url, smtp_from="desk@example.org")
        app.state.service = replace(service, settings=settings)
        assert "Send the correction by mail" in lead.get(notice).text
        assert "Send the correction by mail" not in visit(Role.REVIEWER).get(notice).text
        form = {"version": version(lead, notice), "to": "abuse@example.org"}
        for role in (Role.READER, Role.REVIEWER):
            assert visit(role).post(f"{notice}/correction/send", form).status_code == 403
        wrong = lead.post(f"{notice}/correction/send", form | {"to": "abuse@example.org, x@y.org"})
        assert wrong.status_code == 400
        assert not got.mails
        done = lead.post(f"{notice}/correction/send", form)
        assert done.headers["location"] == f"{notice}?done=corrected-by-mail"
        assert lead.post(f"{notice}/correction/send", form).status_code == 409
    assert got.recipients == ["rcpt to:<abuse@example.org>"]
    page = words(lead.get(f"{notice}?done=corrected-by-mail").text)
    assert "The mail server took the correction" in page
    assert "the host was told what is not so" in page
    assert "By mail, to abuse@example.org" in page
    assert "To be corrected" not in page
