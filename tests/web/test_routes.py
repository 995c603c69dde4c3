"""Every route against every role, and against nobody; forged sessions and forms."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from tests.web.routes import NEEDS, Open, path_of, routes_of
from tests.web.visitors import Visitor, user_of

from reseen.gate.gate import GateProcess
from reseen.review import sessions, users
from reseen.review.roles import Role
from reseen.settings import Settings
from reseen.store.database import Store, now
from reseen.store.sealing import Keyring
from reseen.store.service_schema import sessions as table
from reseen.web.access import auth_middleware, csrf
from reseen.web.app import make_app
from reseen.web.service import Service

Visit = Callable[..., Visitor]

PAGES = sorted((m, p) for (m, p), needed in NEEDS.items() if isinstance(needed, Role))
POSTS = sorted(p for m, p in NEEDS if m == "POST" and not p.startswith("/v1/"))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """One application for all: who is refused changes nothing."""
    home = tmp_path_factory.mktemp("routes")
    settings = Settings.from_environment(
        {"RESEEN_HOME": str(home), "RESEEN_KEY": "5e" * 32, "HF_HOME": str(home / "hf")}
    )
    with Store(settings.db) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        gate = GateProcess(settings, keyring, store)
        service = Service(store=store, settings=settings, keyring=keyring, gate=gate)
        with store.write() as connection:
            user_of(connection, "first", Role.ADMINISTRATOR)  # pk 1, whom the routes are tried on
        yield make_app(service)


def test_every_route_says_what_it_needs(app: FastAPI) -> None:
    assert routes_of(app) == set(NEEDS)


@pytest.mark.parametrize(("method", "template"), PAGES)
def test_nobody_is_sent_to_sign_in(app: FastAPI, method: str, template: str) -> None:
    answer = Visitor(app).client.request(method, path_of(template))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize(("method", "template"), PAGES)
def test_a_route_is_for_its_role_and_those_above(app: FastAPI, method: str, template: str) -> None:
    needed, path = NEEDS[method, template], path_of(template)
    assert isinstance(needed, Role)
    for role in Role:
        browser = Visitor(app, role, f"routes-{role.label}")
        answer = browser.get(path) if method == "GET" else browser.post(path)
        # What is asked for is not there, or the form is empty: the door was passed all the same.
        if role < needed:
            assert answer.status_code == 403, role
            assert f"needs the role {needed.label}" in answer.text
        elif answer.status_code == 403:  # not for the role: the old factor is asked for
            assert template.startswith("/me/second-factor"), role
            said = ("you have not proved lately that it is you", "this is not your password")
            assert any(each in answer.text.lower() for each in said)
        else:
            assert answer.status_code not in (401, 500, 503), role


@pytest.mark.parametrize("template", POSTS)
def test_a_form_needs_the_token_of_its_session(app: FastAPI, template: str) -> None:
    browser = Visitor(app, Role.ADMINISTRATOR, "forms")
    other = Visitor(app, Role.ADMINISTRATOR, "others")
    for token in (None, "0" * 64, other.csrf, ""):
        data = {} if token is None else {"csrf": token}
        answer = browser.client.post(path_of(template), data=data)
        assert answer.status_code == 403, token
        assert "came from elsewhere" in answer.text
        token_or_another = "x" if token is None else token
        header = browser.client.post(path_of(template), headers={"X-CSRF": token_or_another})
        assert header.status_code == 403, token


@pytest.mark.parametrize("template", POSTS)
def test_another_site_sends_nothing(app: FastAPI, template: str) -> None:
    browser = Visitor(app, Role.ADMINISTRATOR, "forms")
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = browser.post(path_of(template), headers=headers)
        assert answer.status_code == 403, headers
        assert "another site" in answer.text


@pytest.mark.parametrize(
    ("method", "template"),
    sorted((m, p) for (m, p), needed in NEEDS.items() if needed is Open.KEY),
)
def test_the_gate_wants_a_key_and_knows_no_session(
    app: FastAPI, method: str, template: str
) -> None:
    browser = Visitor(app, Role.ADMINISTRATOR, "forms")
    for headers in ({}, {"Authorization": "Bearer rsk_" + "A" * 48}, {"Authorization": "Basic x"}):
        answer = browser.client.request(method, template, headers=headers, json={})
        assert answer.status_code in (401, 503)  # 503: before the gate has loaded anything
        assert answer.headers["content-type"] == "application/problem+json"


def _session(app: FastAPI) -> tuple[Service, Visitor, str]:
    service: Service = app.state.service
    browser = Visitor(app, Role.READER, "sessions")
    return service, browser, str(browser.client.cookies[auth_middleware.session_cookie(service)])


@pytest.mark.parametrize(
    "token",
    ["", "x", "A" * 43, "A" * 42 + "é", "A" * 100_000, "' OR 1=1 --", "%00", "../../x", '"' * 43],
)
def test_a_made_up_session_is_nobody(app: FastAPI, token: str) -> None:
    cookie = f"{auth_middleware.session_cookie(app.state.service)}={token}".encode()
    answer = Visitor(app).client.get("/me", headers=[(b"cookie", cookie)])
    assert answer.status_code == 303


def test_what_the_store_keeps_of_a_session_opens_nothing(app: FastAPI) -> None:
    service, _, token = _session(app)
    kept = hashlib.sha256(token.encode()).digest()
    for stolen in (kept.hex(), kept.hex()[:43]):
        browser = Visitor(app)
        browser.client.cookies.set(auth_middleware.session_cookie(service), stolen)
        assert browser.get("/me").status_code == 303


@pytest.mark.parametrize(
    "column",
    [
        {"ends_at": 1},
        {"seen_at": 1},
    ],
    ids=["its end has come", "nobody used it"],
)
def test_a_session_runs_out(app: FastAPI, column: dict[str, int]) -> None:
    service, browser, token = _session(app)
    assert browser.get("/me").status_code == 200
    kept = hashlib.sha256(token.encode()).digest()
    with service.store.write() as connection:
        connection.execute(update(table).where(table.c.token == kept).values(column))
    assert browser.get("/me").status_code == 303


def test_use_keeps_a_session_from_running_out(app: FastAPI) -> None:
    service, browser, token = _session(app)
    kept = hashlib.sha256(token.encode()).digest()
    almost = now() - sessions.IDLE + 60_000_000
    with service.store.write() as connection:
        connection.execute(update(table).where(table.c.token == kept).values(seen_at=almost))
    assert browser.get("/me").status_code == 200
    with service.store.read() as connection:
        seen = connection.scalar(
            table.select().with_only_columns(table.c.seen_at).where(table.c.token == kept)
        )
    assert seen is not None
    assert seen > almost


def test_signing_out_ends_the_session_for_whoever_holds_it(app: FastAPI) -> None:
    service, browser, token = _session(app)
    thief = Visitor(app)
    thief.client.cookies.set(auth_middleware.session_cookie(service), token)
    assert thief.get("/me").status_code == 200
    browser.post("/sign-out")
    assert thief.get("/me").status_code == 303


def test_a_disabled_user_is_out_at_once_and_a_new_role_holds_at_once(app: FastAPI) -> None:
    service: Service = app.state.service
    browser = Visitor(app, Role.LEAD, "rising")
    assert browser.get("/audit").status_code == 200
    with service.store.write() as connection:
        user = users.by_name(connection, "rising")
        users.set_role(connection, user, Role.REVIEWER, actor=None)
    assert browser.get("/audit").status_code == 403
    with service.store.write() as connection:
        users.disable(connection, user, actor=None)
    assert browser.get("/me").status_code == 303
    with service.store.write() as connection:
        users.enable(connection, user, actor=None)
    assert browser.get("/me").status_code == 303  # the session did not come back


def test_a_token_of_forms_says_nothing_of_the_session() -> None:
    token = csrf.token_for(b"s" * 32, "held")
    assert re.fullmatch("[0-9a-f]{64}", token)
    assert token != csrf.token_for(b"t" * 32, "held")


def test_cookies_are_for_https_where_people_come_by_https(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "RESEEN_HOME": str(tmp_path),
            "RESEEN_KEY": "5e" * 32,
            "RESEEN_URL": "https://review.example",
            "HF_HOME": str(tmp_path / "hf"),
        }
    )
    with Store(settings.db) as store:
        app = make_app(Service(store=store, settings=settings))
        browser = Visitor(app)
        browser.client.base_url = "https://review.example"  # type: ignore[assignment]
        answer = browser.get("/sign-in")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-reseen-visitor=")
        for word in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
            assert word in cookie
        assert "Domain" not in cookie
        assert "max-age" in answer.headers["strict-transport-security"]
        other = browser.get("/sign-in", headers={"Host": "evil.example"})
        assert other.status_code == 421
        assert browser.get("/health", headers={"Host": "10.0.0.7:8321"}).status_code == 200


def test_what_an_error_says_begins_as_a_sentence_does(visit: Visit) -> None:
    reader = visit(Role.READER)
    assert "This needs the role lead" in reader.get("/lists/import").text
    assert ">There is no page here" in reader.get("/nothing").text
    assert ">This link leads nowhere any more" in reader.get("/join/" + "a" * 43).text
