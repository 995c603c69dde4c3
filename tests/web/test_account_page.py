"""An account over HTTP: what is known, the sample, deciding together, and taking it back."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import quote

import pytest
from tests.web.cases_made import HOSTILE, HUB, SECRETS, Made, made, said, sighting
from tests.web.test_case_page import words
from tests.web.test_queue_page import harmless, ids
from tests.web.visitors import Visitor

from reseen.review.roles import Role
from reseen.texts import visible
from reseen.web.service import Service

Visit = Callable[..., Visitor]

URL = f"/accounts/{HUB}/sample-account"


@pytest.fixture
def many(service: Service) -> list[Made]:
    """Eight cases of one account, by the hub's word."""
    return [made(service, n, f"sample-account/lora-{n}", downloads=n, read=False) for n in range(8)]


def sample(text: str) -> list[str]:
    """Where the forms go that open cases which are to be confirmed together."""
    return [unescape(at) for at in re.findall(r'action="(/cases/[^"]+/look)"', text)]


def seen(text: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', text)
    assert found is not None
    return found[1]


def looked_at(browser: Visitor) -> str:
    """The page after everything on it was opened."""
    for at in sample(browser.get(URL).text):
        shown = browser.post(at)
        assert shown.status_code == 303
        assert browser.get(shown.headers["location"]).status_code == 200
    return str(browser.get(URL).text)


def test_an_account_says_what_is_known_of_it(
    visit: Visit, service: Service, many: list[Made]
) -> None:
    made(service, 50, "other-account/lora")
    text = words(visit(Role.READER).get(URL).text)
    for figure in ("8 undecided cases", "8 files seen", "8 still there", "8 different removals"):
        assert figure in text
    assert "2025-06" in text
    assert all(it.repo in text for it in many)
    assert "other-account" not in text
    assert not any(secret in text for secret in SECRETS)


def test_an_account_that_nobody_knows_is_an_empty_page(visit: Visit) -> None:
    text = words(visit(Role.READER).get("/accounts/hub.example/nobody").text)
    assert "Nothing of this account is open" in text


def test_what_was_not_opened_is_not_confirmed_along(
    visit: Visit, service: Service, many: list[Made]
) -> None:
    browser = visit(Role.LEAD)
    text = browser.get(URL).text
    assert len(sample(text)) == len(many)
    assert "8 are not opened yet" in words(text)
    refused = browser.post(f"{URL}/confirm", {"seen": "", "reason": "kept as written"})
    assert refused.status_code == 400
    assert "kept as written" in refused.text
    browser.post(sample(text)[0])
    assert "7 are not opened yet" in words(browser.get(URL).text)
    assert "you opened it" in browser.get(URL).text
    assert "8 are not opened yet" in words(visit(Role.LEAD, "another").get(URL).text)
    answer = browser.post(f"{URL}/confirm", {"seen": seen(text), "reason": "a batch uploader"})
    assert "1 decided together: confirmed. 7 left as they were" in words(answer.text)
    assert "open it first, or confirm it by itself" in words(answer.text)


def test_a_case_that_changed_must_be_opened_again(
    visit: Visit, service: Service, many: list[Made]
) -> None:
    browser = visit(Role.LEAD)
    assert "not opened yet" not in looked_at(browser)
    first = sample(browser.get(URL).text)[0]
    it = next(it for it in many if it.case in first)
    sighting(service, it.removal, it.repo, paths=("new.safetensors",))
    assert "1 is not opened yet" in words(browser.get(URL).text)


@pytest.mark.parametrize("route", ["confirm", "not-this-model", "allow"])
def test_many_cases_are_decided_together_and_taken_back_together(
    visit: Visit, service: Service, many: list[Made], route: str
) -> None:
    browser = visit(Role.LEAD)
    text = looked_at(browser)
    answer = browser.post(f"{URL}/{route}", {"seen": seen(text), "reason": "a batch uploader"})
    assert answer.status_code == 200
    assert "8 decided together" in words(answer.text)
    assert ids(browser.get("/queue").text) == []
    assert "decided together with others" in browser.get(f"/cases/{many[0].case}").text
    batch = re.search(r'name="batch" value="(bt-\w+)"', answer.text)
    assert batch is not None
    undone = browser.post(f"{URL}/undo", {"batch": batch[1]})
    assert "8 taken back" in words(undone.text)
    assert len(ids(browser.get("/queue").text)) == len(many)


def test_what_changed_or_is_claimed_is_left_and_named(
    visit: Visit, service: Service, many: list[Made]
) -> None:
    browser = visit(Role.LEAD)
    text = looked_at(browser)
    free = many[2:4]
    visit(Role.REVIEWER, "rio").post(f"/cases/{free[0].case}/claim")
    again = {"paths": ("new.safetensors",), "downloads": many.index(free[1])}
    sighting(service, free[1].removal, free[1].repo, **again)  # type: ignore[arg-type]
    answer = browser.post(f"{URL}/confirm", {"seen": seen(text), "reason": "a batch uploader"})
    told = words(answer.text)
    assert "6 decided together: confirmed. 2 left as they were" in told
    assert f"{free[0].case} rio is working on this case" in told
    assert f"{free[1].case} not everything in it was read" in told  # opened, and changed since
    assert set(ids(browser.get("/queue").text)) == {free[0].case, free[1].case}


def test_a_reviewer_sees_the_account_and_decides_one_by_one(
    visit: Visit, service: Service, many: list[Made]
) -> None:
    browser = visit(Role.REVIEWER)
    text = browser.get(URL).text
    assert "needs the role lead" in text
    for route in ("confirm", "not-this-model", "allow", "undo"):
        refused = browser.post(f"{URL}/{route}", {"seen": seen(text), "reason": "x", "batch": "x"})
        assert refused.status_code == 403


@pytest.mark.parametrize(
    "given", ["", "x", "cs-nothing:1", "cs-1:-1", "a:1 " * 501, "x:" + "9" * 30]
)
def test_a_form_that_no_page_of_ours_made_decides_nothing(
    visit: Visit, service: Service, many: list[Made], given: str
) -> None:
    browser = visit(Role.LEAD)
    answer = browser.post(f"{URL}/confirm", {"seen": given, "reason": "x"})
    assert answer.status_code == 400
    assert len(ids(browser.get("/queue").text)) == len(many)


def test_cases_of_another_account_are_not_decided_along(
    visit: Visit, service: Service, many: list[Made]
) -> None:
    other = made(service, 50, "other-account/lora")
    browser = visit(Role.LEAD)
    text = looked_at(browser)
    answer = browser.post(f"{URL}/confirm", {"seen": f"{seen(text)} {other.case}:1", "reason": "x"})
    assert answer.status_code == 400
    assert "not of this account" in answer.text


@pytest.mark.parametrize("name", [name for name in HOSTILE if "/" not in name])
def test_hostile_names_are_shown_and_do_nothing(visit: Visit, service: Service, name: str) -> None:
    made(service, 1, f"{name}/{name}", paths=(name,), more=(said(name),), read=False)
    browser = visit(Role.LEAD)
    answer = browser.get(f"/accounts/{HUB}/{quote(name, safe='')}")
    assert answer.status_code == 200
    page = harmless(answer.text)
    assert page.text.count(visible(name)) >= 4
    assert len(sample(answer.text)) == 1
