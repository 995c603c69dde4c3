"""The search box: what is found, who finds it, and that what was typed is kept nowhere."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from tests.web import cases_made
from tests.web.cases_made import HUB, NAMES, SEALED, SECRETS
from tests.web.visitors import Visitor

from reseen.review import name_rate
from reseen.review.roles import Role
from reseen.store import audit
from reseen.store.sealing import Keyring
from reseen.web.service import Service

Visit = Callable[..., Visitor]
DIGEST = hashlib.sha256(b"removed 7").hexdigest()


def search(browser: Visitor, text: str, **more: Any) -> Any:
    return browser.post("/search", {"for": text}, **more)


def lines(service: Service) -> list[audit.AuditLine]:
    with service.store.read() as connection:
        return list(audit.every(connection))


@pytest.mark.parametrize("role", [Role.READER, Role.REVIEWER])
@pytest.mark.parametrize(
    "text",
    [
        DIGEST,
        DIGEST.upper(),
        DIGEST[:10],
        DIGEST[:12],
        f"sha256: {DIGEST}",
        f"autov2:{DIGEST[:10]}",
    ],
)
def test_a_digest_of_any_length_finds_its_removal(
    service: Service, visit: Visit, role: Role, text: str
) -> None:
    made = cases_made.made(service)
    other = cases_made.removal(service, 8)
    page = search(visit(role), text)
    assert page.status_code == 200
    assert f"/removals/{made.removal}" in page.text
    assert "sha256" in page.text
    assert ">sample list</bdi>" in page.text, "which list says it"
    assert other not in page.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DIGEST[:10], "die ersten 10 Stellen seines sha256"),
        (DIGEST, "sein sha256"),
        (SEALED, "sein Name"),
    ],
)
def test_what_matched_is_said_in_the_language_of_the_page(
    service: Service, visit: Visit, text: str, said: str
) -> None:
    cases_made.made(service)
    page = search(visit(Role.REVIEWER), text, headers={"Accept-Language": "de"}).text
    assert "Gefunden: <b>1</b> Entfernung" in page
    assert said in page
    assert 'lang="en"' not in page


@pytest.mark.parametrize(
    "text",
    [
        SEALED,
        SEALED.upper(),
        str(NAMES.url),
        "models.example/models/777007",
        NAMES.file_names[0],
        "777007",
    ],
)
def test_a_name_or_link_is_for_reviewers_and_tells_a_reader_nothing(
    service: Service, visit: Visit, text: str
) -> None:
    browser = visit(Role.READER)
    before = search(browser, text)
    made = cases_made.made(service)
    after = search(browser, text)
    assert after.status_code == 200
    assert after.text == before.text, "whether it is listed shows"
    assert "reviewers may search by them" in after.text
    assert not [line for line in lines(service) if line.action == name_rate.SEARCH]

    page = search(visit(Role.REVIEWER), text)
    assert f"/removals/{made.removal}" in page.text
    assert not any(secret in page.text for secret in SECRETS)


def test_of_a_reader_nothing_sealed_is_asked(
    service: Service, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    token = Keyring.token
    monkeypatch.setattr(Keyring, "token", lambda *a: asked.append(a) or token(*a))
    search(visit(Role.READER), SEALED)
    assert not asked
    search(visit(Role.REVIEWER), SEALED)
    assert asked


def test_a_search_by_name_is_recorded_without_what_was_typed(
    service: Service, visit: Visit, caplog: pytest.LogCaptureFixture
) -> None:
    made = cases_made.made(service)
    browser = visit(Role.REVIEWER)
    caplog.set_level(logging.DEBUG)
    for text in (SEALED, "smplprsn07 nobody", str(NAMES.url)):
        answer = search(browser, text)
        assert answer.status_code == 200
        assert text not in answer.text
    found = [line for line in lines(service) if line.action == name_rate.SEARCH]
    assert [line.subject for line in found] == [made.removal, "*", made.removal]
    assert {line.actor for line in found} == {"user:sample-reviewer"}
    told = json.dumps([line.text for line in found]) + caplog.text
    assert not any(secret in told for secret in SECRETS)


def test_without_the_key_names_are_said_to_be_left_out(service: Service) -> None:
    from reseen.web.app import make_app

    cases_made.made(service)
    keyless = make_app(Service(store=service.store, settings=service.settings))
    page = search(Visitor(keyless, Role.LEAD), SEALED)
    assert "the key is not here" in page.text
    assert not [line for line in lines(service) if line.action == name_rate.SEARCH]
    assert "Found" in search(Visitor(keyless, Role.LEAD), DIGEST).text


def test_asking_for_names_is_bounded_for_each_person(
    service: Service, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = cases_made.made(service)
    monkeypatch.setattr(name_rate, "BOUNDS", ((3_600_000_000, 3, "an hour"),))
    browser = visit(Role.REVIEWER)
    assert search(browser, SEALED).status_code == 200
    assert browser.post(f"/cases/{made.case}/reveal").status_code == 200
    assert search(browser, "nobody").status_code == 200
    refused = search(browser, SEALED)
    assert refused.status_code == 409
    assert made.removal not in refused.text
    assert browser.post(f"/cases/{made.case}/reveal").status_code == 409
    assert search(visit(Role.LEAD), SEALED).status_code == 200
    assert len([line for line in lines(service) if line.action == name_rate.REVEAL]) == 1


def test_digests_cannot_be_guessed_digit_by_digit(
    service: Service, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases_made.made(service)
    monkeypatch.setattr(name_rate, "BOUNDS", ((3_600_000_000, 2, "an hour"),))
    browser = visit(Role.READER)
    for text in (DIGEST[:8], f"https://civitai.com/api/v1/model-versions/by-hash/{DIGEST[:20]}"):
        assert search(browser, text).status_code == 200
    assert search(browser, DIGEST[:9]).status_code == 409
    assert search(browser, DIGEST).status_code == 200, "whoever has it whole guesses nothing"
    assert search(browser, SEALED).status_code == 200
    found = [line for line in lines(service) if line.action == name_rate.SEARCH]
    assert len(found) == 2
    assert not any(DIGEST[:8] in str(line.text) for line in found)


def test_an_id_leads_on(service: Service, visit: Visit) -> None:
    made = cases_made.made(service)
    with service.store.read() as connection:
        from reseen.observed import sightings

        (seen,) = sightings.every(connection)
    browser = visit(Role.READER)
    for id, place in (
        (made.case, f"/cases/{made.case}"),
        (made.case.upper(), f"/cases/{made.case}"),
        (made.removal, f"/removals/{made.removal}"),
        (f" {made.removal}/1 ", f"/removals/{made.removal}"),
        (seen.id, f"/cases/{made.case}"),
    ):
        answer = search(browser, id)
        assert answer.status_code == 303
        assert answer.headers["location"] == place
        by_script = search(browser, id, headers={"HX-Request": "true"})
        assert by_script.status_code == 204
        assert by_script.headers["hx-redirect"] == place


@pytest.mark.parametrize("kind", ["rm", "cs", "sg", "nt", "jb"])
def test_an_unknown_id_is_said_to_be_unknown(visit: Visit, kind: str) -> None:
    page = search(visit(Role.READER), f"{kind}-0000zzzz")
    assert page.status_code == 200
    assert "There is no" in page.text
    assert "of this id here" in page.text


@pytest.mark.parametrize("hub", [HUB, "huggingface.co"])
def test_places_are_found_by_their_whole_names(
    service: Service, visit: Visit, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases_made, "HUB", hub)
    made = cases_made.made(service)
    browser = visit(Role.READER)
    by_name = search(browser, made.repo).text
    assert f"/cases/{made.case}" in by_name
    assert f"/accounts/{hub}/sample-account" in by_name
    assert f"/accounts/{hub}/sample-account" in search(browser, "sample-account").text
    assert made.case not in search(browser, "sample-account/lor").text
    if hub != HUB:
        for address in (f"hf://{made.repo}", f"https://huggingface.co/{made.repo}/tree/main"):
            assert f"/cases/{made.case}" in search(browser, address).text
        by_address = search(browser, "https://huggingface.co/sample-account").text
        assert f"/accounts/{hub}/sample-account" in by_address


def test_lists_are_found_by_a_part_of_their_names(service: Service, visit: Visit) -> None:
    cases_made.removal(service, 1)
    browser = visit(Role.READER)
    assert "sample list" in search(browser, "SAMPLE").text
    assert "sample list" not in search(browser, "s%list").text


@pytest.mark.parametrize(
    "text", ["", "   ", "\0", "<script>alert(1)</script>", "%", "'", "a" * 4096]
)
def test_whatever_is_typed_is_answered(visit: Visit, text: str) -> None:
    for role in (Role.READER, Role.REVIEWER):
        answer = search(visit(role), text)
        assert answer.status_code == 200
        assert "alert(1)" not in answer.text
    assert search(visit(Role.READER), "a" * 4097).status_code == 400


def test_the_box_is_on_every_page_of_who_is_signed_in(visit: Visit) -> None:
    for page in ("/queue", "/lists", "/nowhere"):
        text = visit(Role.READER).get(page).text
        assert 'action="/search"' in text
        assert 'autocomplete="off"' in text
    assert 'action="/search"' not in visit().get("/sign-in").text
