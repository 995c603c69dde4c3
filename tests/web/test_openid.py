"""Signing in at an OpenID provider: somebody else's program, and answers of no honest one."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import html
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from oidc_provider_mock import run_server_in_thread
from sqlalchemy import select
from tests.audited import lines
from tests.web.visitors import PASSWORD, Visitor

from reseen.errors import Conflict, InputError, IssuerError, SettingsError
from reseen.operations import sign_in_issuer
from reseen.review import openid, openid_answers, sign_in_limits, users
from reseen.review.openid import OpenIdClient
from reseen.review.openid_answers import MOST, SEATS, TURNS, Answers
from reseen.review.roles import Role
from reseen.settings import ROLES as LABELS
from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring
from reseen.store.service_schema import users as table
from reseen.web.app import make_app
from reseen.web.service import Service

ROLES = "ts-reviewers=reviewer,ts-leads=lead,ts-admins=administrator"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The issuer of a provider that runs here; see https://github.com/geigerzaehler/oidc-provider-mock."""
    with run_server_in_thread(require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


def _knows(provider: str, sub: str, **claims: object) -> None:
    answer = httpx2.put(f"{provider}/users/{sub}", json={"sub": sub, **claims})
    assert answer.status_code == 204


class Team:
    """The service with this provider, and those who come to it."""

    def __init__(self, home: Path, issuer: str, **more: str) -> None:
        environment = {
            "RESEEN_HOME": str(home),
            "RESEEN_KEY": "5e" * 32,
            "HF_HOME": str(home / "hf"),
            "RESEEN_URL": "http://testserver",
            "RESEEN_OIDC_ISSUER": issuer,
            "RESEEN_OIDC_CLIENT_ID": "reseen",
            "RESEEN_OIDC_CLIENT_SECRET": "a secret of tests",
            "RESEEN_OIDC_ROLES": ROLES,
            **more,
        }
        self.settings = Settings.from_environment(environment)
        self.store = Store(self.settings.db)
        keyring = Keyring.for_store(self.store, self.settings, create=True)
        self.app = make_app(Service(self.store, self.settings, keyring))

    def visitor(self) -> Visitor:
        return Visitor(self.app)


Begins = Callable[..., Team]


@pytest.fixture
def team(tmp_path: Path, provider: str) -> Iterator[Begins]:
    made: list[Team] = []

    def begun(issuer: str = provider, **more: str) -> Team:
        made.append(Team(tmp_path / str(len(made)), issuer, **more))
        return made[-1]

    openid.client_of.cache_clear()
    yield begun
    for one in made:
        one.store.close()
    openid.client_of.cache_clear()


def begin(visitor: Visitor, next: str = "") -> str:
    """The address at the provider that the page leads to."""
    form = visitor.get("/sign-in").text
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', form)
    assert token is not None
    data = {"csrf": token[1], "next": next}
    answer = visitor.client.post("/sign-in/issuer", data=data)
    assert answer.status_code == 200, answer.text
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.text)
    assert found is not None
    return html.unescape(found[1])


def consent(address: str, sub: str) -> str:
    """What the provider sends the browser back with, once the person has said who they are."""
    answer = httpx2.post(address, data={"sub": sub}, follow_redirects=False)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"]).removeprefix("http://testserver")


def sign_in(visitor: Visitor, sub: str, next: str = "") -> Any:
    return visitor.get(consent(begin(visitor, next), sub))


# -- with somebody else's provider ---------------------------------------------------------------


def test_who_has_a_role_there_comes_in_and_is_made_a_user(team: Begins, provider: str) -> None:
    it = team()
    _knows(provider, "7", preferred_username="Ada Sample", groups=["other", "ts-reviewers"])
    visitor = it.visitor()
    answer = sign_in(visitor, "7", next="/notices")
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/notices"
    page = visitor.get("/me").text
    assert "adasample" in page
    assert "reviewer" in page
    assert "Change your password" not in page
    (made,) = lines(it.store, "user-made")
    assert (made.subject, made.details["role"], made.details["by"]) == (
        *("user:adasample", "reviewer"),
        "issuer",
    )
    assert [line.details["by"] for line in lines(it.store, "sign-in")] == ["issuer"]
    # who knows no password signs in with none, and is given none
    with it.store.read() as connection:
        user = users.by_name(connection, "adasample")
    with pytest.raises(Conflict), it.store.write() as connection:
        users.set_password(connection, user, PASSWORD, actor=None)
    assert it.visitor().sign_in("adasample", "").status_code == 403


def test_the_role_comes_and_goes_with_the_claim(team: Begins, provider: str) -> None:
    it = team()
    with it.store.write() as connection:
        users.add(connection, "root", Role.ADMINISTRATOR, PASSWORD, actor=None)
    _knows(provider, "8", preferred_username="grace", groups=["ts-reviewers", "ts-admins"])
    first = it.visitor()
    assert sign_in(first, "8").status_code == 303
    assert first.get("/users").status_code == 200
    _knows(provider, "8", preferred_username="grace", groups="ts-leads")
    second = it.visitor()
    assert sign_in(second, "8").status_code == 303
    assert second.get("/audit").status_code == 200
    assert second.get("/users").status_code == 403
    assert first.get("/users").status_code == 403
    _knows(provider, "8", preferred_username="grace", groups=[])
    third = it.visitor()
    refused = sign_in(third, "8")
    assert refused.status_code == 403
    assert "you have no role here" in refused.text
    for one in (first, second, third):
        assert one.get("/queue").status_code == 303
    assert lines(it.store, "sign-in-refused")[0].details["why"] == "no role"
    with it.store.read() as connection:
        assert users.by_name(connection, "grace").role is Role.READER
        assert users.by_name(connection, "root").role is Role.ADMINISTRATOR
    _knows(provider, "8", preferred_username="grace", groups=["ts-leads"])
    assert sign_in(third, "8").status_code == 303


def test_a_name_or_mail_of_somebody_here_makes_nobody_them(team: Begins, provider: str) -> None:
    it = team()
    with it.store.write() as connection:
        users.add(connection, "root@example.org", Role.ADMINISTRATOR, PASSWORD, actor=None)
    for sub in ("root@example.org", "9"):
        claims = {"preferred_username": "root@example.org", "email": "root@example.org"}
        _knows(provider, sub, **claims, groups=["ts-reviewers"])
        visitor = it.visitor()
        assert sign_in(visitor, sub).status_code == 303
        assert visitor.get("/users").status_code == 403
    with it.store.read() as connection:
        names = [user.name for user in users.every(connection)]
    assert names == ["root@example.org", "root@example.org-2", "root@example.org-3"]


def test_who_was_made_here_comes_in_where_claims_give_nothing(team: Begins, provider: str) -> None:
    it = team(RESEEN_OIDC_ROLES="")
    _knows(provider, "10", preferred_username="root", groups=["ts-admins"])
    assert sign_in(it.visitor(), "10").status_code == 403
    sign_in_issuer.add(it.store, it.settings.oidc, "10", "lin", Role.LEAD)
    visitor = it.visitor()
    assert sign_in(visitor, "10").status_code == 303
    assert "lin" in visitor.get("/me").text
    with it.store.write() as connection:
        users.disable(connection, users.by_name(connection, "lin"), actor=None)
    assert sign_in(it.visitor(), "10").status_code == 403


def test_nobody_is_made_where_the_settings_say_no(team: Begins, provider: str) -> None:
    it = team(RESEEN_OIDC_NEW_USERS="no")
    _knows(provider, "11", groups=["ts-admins"])
    assert sign_in(it.visitor(), "11").status_code == 403
    assert lines(it.store, "user-made") == []
    assert lines(it.store, "sign-in-refused")[0].details["why"] == "unknown"


def test_the_last_local_administrator_stays_whoever_comes_from_there(
    team: Begins, provider: str
) -> None:
    it = team()
    with it.store.write() as connection:
        root = users.add(connection, "root", Role.ADMINISTRATOR, PASSWORD, actor=None)
    _knows(provider, "12", preferred_username="admin", groups=["ts-admins"])
    visitor = it.visitor()
    sign_in(visitor, "12")
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', visitor.get("/users").text)
    assert token is not None
    visitor.csrf = token[1]
    assert visitor.post(f"/users/{root.pk}/disable").status_code == 409
    assert visitor.post(f"/users/{root.pk}/role", {"role": "lead"}).status_code == 409


def test_a_code_is_good_once_and_for_the_browser_that_began(team: Begins, provider: str) -> None:
    it = team()
    _knows(provider, "13", groups=["ts-leads"])
    mine, other = it.visitor(), it.visitor()
    back = consent(begin(mine), "13")
    begin(other)
    stolen = other.get(back)  # somebody is led to the end of another's sign-in
    assert stolen.status_code == 409
    assert "begun elsewhere" in stolen.text
    assert other.get("/queue").status_code == 303
    assert mine.get(back).status_code == 303
    mine.client.cookies.clear()
    assert mine.get(back).status_code == 409
    assert len(lines(it.store, "sign-in")) == 1


def test_who_says_no_there_is_told_so_here(team: Begins, provider: str) -> None:
    it = team()
    visitor = it.visitor()
    address = begin(visitor)
    state = parse_qs(urlsplit(address).query)["state"][0]
    answer = visitor.get(f"/sign-in/issuer?error=access_denied&state={state}")
    assert answer.status_code == 403
    assert "has not let you in" in answer.text
    assert visitor.get(f"/sign-in/issuer?code=x&state={state}").status_code == 409
    without = visitor.get("/sign-in/issuer?error=access_denied")  # as this one says it
    assert without.status_code == 403
    assert "has not let you in" in without.text
    assert visitor.get("/sign-in/issuer?code=x").status_code == 303


def test_signing_out_ends_it_here_and_leads_out_there(team: Begins, provider: str) -> None:
    it = team()
    _knows(provider, "14", groups=["ts-leads"])
    visitor = it.visitor()
    sign_in(visitor, "14")
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', visitor.get("/me").text)
    assert token is not None
    out = visitor.client.post("/sign-out", data={"csrf": token[1]})
    assert out.status_code == 200
    found = re.search(rf'href="({re.escape(provider)}[^"]+)"', out.text)
    assert found is not None
    asked = parse_qs(urlsplit(html.unescape(found[1])).query)
    assert asked["client_id"] == ["reseen"]
    assert asked["post_logout_redirect_uri"] == ["http://testserver/sign-in"]
    assert visitor.get("/me").status_code == 303


# -- with answers that no honest provider gives --------------------------------------------------

ISSUER = "https://id.example"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
OTHER = RSAKey.generate_key(2048, {"kid": "two", "use": "sig", "alg": "RS256"})


class Hostile:
    """A provider that answers as it is told to."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
        }
        self.keys = [KEY]
        self.signs = KEY
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "one"}
        self.claims: dict[str, Any] = {}
        self.token: str | None = None
        self.by_hand: str | None = None
        self.answers: dict[str, httpx2.Response] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.user_info: dict[str, Any] | None = None
        self.nonce = ""

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        form = dict(parse_qsl(request.content.decode()))
        self.asked.append((path, form | dict(request.headers)))
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            return httpx2.Response(200, json=self.metadata)
        if path == "/keys":
            return httpx2.Response(200, json={"keys": [key.as_dict() for key in self.keys]})
        if path == "/userinfo":
            return httpx2.Response(200, json=self.user_info)
        now = int(time.time())
        honest = {"iss": ISSUER, "aud": "reseen", "sub": "7", "exp": now + 60, "iat": now}
        honest |= {"nonce": self.nonce, "groups": ["ts-leads"], "preferred_username": "mallory"}
        claims = {k: v for k, v in (honest | self.claims).items() if v is not None}
        token = self.token
        if self.by_hand is not None:
            token = _by_hand(self.by_hand, claims)
        if token is None:
            token = jwt.encode(self.header, claims, self.signs)
        return httpx2.Response(200, json={"id_token": token, "access_token": "at"})


def as_sent(answer: httpx2.Response) -> httpx2.Response:
    """The answer as it comes over a wire: nobody has read it yet."""
    if not answer.is_stream_consumed:
        return answer
    body = httpx2.ByteStream(answer.content)
    return httpx2.Response(answer.status_code, headers=answer.headers, stream=body)


def packed(value: object) -> httpx2.Response:
    body = httpx2.ByteStream(gzip.compress(json.dumps(value).encode()))
    return httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=body)


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Hostile:
    provider = Hostile()
    clients: dict[object, OpenIdClient] = {}

    def client_of(settings: Any) -> OpenIdClient:
        if settings not in clients:
            answers = Answers(httpx2.MockTransport(lambda request: as_sent(provider(request))))
            clients[settings] = OpenIdClient(settings, answers)
        return clients[settings]

    client_of.cache_clear = lambda: None  # type: ignore[attr-defined]
    monkeypatch.setattr(openid, "client_of", client_of)
    return provider


def come_back(visitor: Visitor, hostile: Hostile, more: str = "") -> Any:
    asked = parse_qs(urlsplit(begin(visitor)).query)
    hostile.nonce = asked["nonce"][0]
    return visitor.get(f"/sign-in/issuer?state={asked['state'][0]}&code=c0de{more}")


def test_an_honest_answer_of_this_provider_is_taken(team: Begins, hostile: Hostile) -> None:
    """So that what is refused below is refused for its own sake."""
    it, visitor = team(ISSUER), None
    visitor = it.visitor()
    assert come_back(visitor, hostile).status_code == 303
    assert "mallory" in visitor.get("/me").text
    assert {headers["accept-encoding"] for _, headers in hostile.asked} == {"identity"}


def test_the_code_goes_with_its_verifier_and_the_secret_to_the_token_endpoint_alone(
    team: Begins, hostile: Hostile
) -> None:
    it = team(ISSUER)
    visitor = it.visitor()
    asked = parse_qs(urlsplit(begin(visitor)).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == ["http://testserver/sign-in/issuer"]
    hostile.nonce = asked["nonce"][0]
    visitor.get(f"/sign-in/issuer?state={asked['state'][0]}&code=c0de")
    told = dict(hostile.asked)
    verifier = told["/token"]["code_verifier"]
    digest = hashlib.sha256(verifier.encode()).digest()
    assert [base64.urlsafe_b64encode(digest).decode().rstrip("=")] == asked["code_challenge"]
    assert base64.b64decode(told["/token"]["authorization"][6:]) == b"reseen:a secret of tests"
    assert not any("authorization" in told[path] for path in told if path != "/token")
    for secret in (verifier, "a secret of tests"):
        assert secret not in str(asked)


def _by_hand(alg: str, claims: dict[str, Any]) -> str:
    """Signed by nobody, or with what everybody knows of the key as a secret."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    head = json.dumps({"alg": alg, "kid": "one"}).encode()
    text = f"{part(head)}.{part(json.dumps(claims).encode())}"
    public = KEY.as_pem(private=False)
    return f"{text}." + (
        "" if alg == "none" else part(hmac.digest(public, text.encode(), "sha256"))
    )


WRONG: dict[str, Callable[[Hostile], object]] = {
    "another issuer": lambda h: h.claims.update(iss="https://other.example"),
    "another audience": lambda h: h.claims.update(aud="somebody"),
    "audiences without azp": lambda h: h.claims.update(aud=["reseen", "somebody"]),
    "another azp": lambda h: h.claims.update(aud=["reseen", "x"], azp="x"),
    "no audience": lambda h: h.claims.update(aud=None),
    "expired": lambda h: h.claims.update(exp=int(time.time()) - 120),
    "no expiry": lambda h: h.claims.update(exp=None),
    "an expiry that is text": lambda h: h.claims.update(exp="never"),
    "issued tomorrow": lambda h: h.claims.update(iat=int(time.time()) + 86_400),
    "another nonce": lambda h: h.claims.update(nonce="x"),
    "no nonce": lambda h: h.claims.update(nonce=None),
    "no subject": lambda h: h.claims.update(sub=None),
    "an empty subject": lambda h: h.claims.update(sub=""),
    "a subject that is a number": lambda h: h.claims.update(sub=7),
    "a long subject": lambda h: h.claims.update(sub="7" * 256),
    "signed by nobody": lambda h: setattr(h, "by_hand", "none"),
    "signed by another key": lambda h: setattr(h, "signs", OTHER),
    "signed with a secret": lambda h: setattr(h, "by_hand", "HS256"),
    "no token": lambda h: h.answers.update({"/token": httpx2.Response(200, json={})}),
    "no JSON": lambda h: h.answers.update({"/token": httpx2.Response(200, text="<html>")}),
    "a list": lambda h: h.answers.update({"/token": httpx2.Response(200, json=[])}),
    "a token of dots": lambda h: setattr(h, "token", "..é"),
    "a huge answer": lambda h: h.answers.update(
        {"/token": httpx2.Response(200, text='{"id_token": "' + "x" * MOST + '"}')}
    ),
    "a redirect": lambda h: h.answers.update(
        {"/token": httpx2.Response(307, headers={"location": "https://evil.example/token"})}
    ),
    "a refusal": lambda h: h.answers.update(
        {"/token": httpx2.Response(400, json={"error": "invalid_grant"})}
    ),
    "keys that are packed": lambda h: h.answers.update(
        {"/keys": packed({"keys": [KEY.as_dict()]})}
    ),
    "keys that are none": lambda h: h.answers.update(
        {"/keys": httpx2.Response(200, json={"keys": [None, {"kty": "oct", "k": "AA"}, {}]})}
    ),
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_what_is_not_as_it_must_be_lets_nobody_in(
    team: Begins, hostile: Hostile, what: str
) -> None:
    it = team(ISSUER)
    WRONG[what](hostile)
    visitor = it.visitor()
    answer = come_back(visitor, hostile)
    assert answer.status_code == 502, answer.text
    assert "sign-in provider" in answer.text
    assert "Sign in</button>" in answer.text  # names and passwords go on
    assert visitor.get("/queue").status_code == 303
    with it.store.read() as connection:
        assert connection.execute(select(table)).all() == []
    assert all("evil" not in headers.get("host", "") for _, headers in hostile.asked)


@pytest.mark.parametrize("named", ["https://other.example", "", None])
def test_the_answer_of_another_provider_is_not_taken_for_this_ones(
    team: Begins, hostile: Hostile, named: str | None
) -> None:
    it = team(ISSUER)
    hostile.metadata["authorization_response_iss_parameter_supported"] = True
    more = "" if named is None else f"&iss={named}"
    assert come_back(it.visitor(), hostile, more).status_code == 502
    assert "/token" not in dict(hostile.asked)  # the code went to nobody
    assert come_back(it.visitor(), hostile, f"&iss={ISSUER}").status_code == 303


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://id.example/"},
        {"issuer": None},
        {"authorization_endpoint": "http://id.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://somebody:secret@id.example/"},
        {"authorization_endpoint": None},
    ],
    ids=str,
)
def test_metadata_that_lead_astray_lead_nowhere(
    team: Begins, hostile: Hostile, metadata: dict[str, Any]
) -> None:
    it = team(ISSUER)
    hostile.metadata.update(metadata)
    visitor = it.visitor()
    with pytest.raises(AssertionError, match="not what it must be"):
        begin(visitor)


def test_a_provider_that_is_away_leaves_local_accounts(team: Begins, hostile: Hostile) -> None:
    it = team(ISSUER)
    with it.store.write() as connection:
        users.add(connection, "ada", Role.LEAD, PASSWORD, actor=None)
    hostile.answers["/.well-known/openid-configuration"] = httpx2.Response(503)
    visitor = it.visitor()
    with pytest.raises(AssertionError, match="does not answer"):
        begin(visitor)
    assert visitor.sign_in("ada").status_code == 303


def test_who_comes_too_often_has_the_provider_asked_nothing(
    team: Begins, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = team(ISSUER)
    monkeypatch.setattr(sign_in_limits, "AT_ISSUER", 0)
    with pytest.raises(AssertionError, match="Too many sign-ins"):
        begin(it.visitor())
    assert hostile.asked == []


def test_a_provider_that_is_away_is_no_fault_of_who_comes(
    team: Begins, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = team(ISSUER)
    monkeypatch.setattr(sign_in_limits, "AT_ISSUER", 1)
    hostile.answers["/.well-known/openid-configuration"] = httpx2.Response(503)
    with pytest.raises(AssertionError, match="does not answer"):
        begin(it.visitor())
    del hostile.answers["/.well-known/openid-configuration"]
    begin(it.visitor())
    with pytest.raises(AssertionError, match="Too many sign-ins"):
        begin(it.visitor())


def test_a_slow_provider_holds_up_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds all seats taken is sent away at once: each who waits holds up a thread of pages."""
    asked = Answers(httpx2.MockTransport(lambda request: pytest.fail("it was asked")))
    for _ in range(SEATS):
        assert asked._seats.acquire(blocking=False)
    monkeypatch.setattr(asked._turns, "acquire", lambda **_: pytest.fail("somebody waits"))
    with pytest.raises(IssuerError, match="others wait"):
        asked.get(f"{ISSUER}/keys")
    asked._seats.release()
    monkeypatch.undo()
    assert TURNS < SEATS
    for _ in range(TURNS):
        assert asked._turns.acquire(blocking=False)
    monkeypatch.setattr(openid_answers, "PATIENCE", 0.0)
    with pytest.raises(IssuerError, match="others wait"):
        asked.get(f"{ISSUER}/keys")
    assert asked._seats.acquire(blocking=False), "who was sent away has no seat any more"


def test_new_keys_are_asked_for_when_a_token_names_one(
    team: Begins, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = team(ISSUER)
    assert come_back(it.visitor(), hostile).status_code == 303
    hostile.keys, hostile.signs = [OTHER], OTHER
    hostile.header["kid"] = "two"
    # not at once: whoever makes up names of keys does not make us ask without end
    assert come_back(it.visitor(), hostile).status_code == 502
    monkeypatch.setattr(openid, "AGAIN", 0.0)
    assert come_back(it.visitor(), hostile).status_code == 303


def test_groups_that_stand_in_the_user_info_alone_count_for_its_subject(
    team: Begins, hostile: Hostile
) -> None:
    it = team(ISSUER)
    hostile.metadata["userinfo_endpoint"] = f"{ISSUER}/userinfo"
    hostile.claims["groups"] = None
    hostile.user_info = {"sub": "8", "groups": ["ts-admins"]}
    assert come_back(it.visitor(), hostile).status_code == 502
    hostile.user_info = {"sub": "7", "groups": ["ts-leads"], "iss": "x"}
    visitor = it.visitor()
    assert come_back(visitor, hostile).status_code == 303
    assert visitor.get("/audit").status_code == 200


@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_it_leads_nowhere_else(team: Begins, hostile: Hostile, next: str) -> None:
    visitor = team(ISSUER).visitor()
    asked = parse_qs(urlsplit(begin(visitor, next)).query)
    hostile.nonce = asked["nonce"][0]
    answer = visitor.get(f"/sign-in/issuer?state={asked['state'][0]}&code=c0de")
    assert answer.headers["location"] == "/"


def test_claims_of_any_form_give_roles_or_none() -> None:
    environment = {
        "RESEEN_URL": "https://review.example",
        "RESEEN_OIDC_ISSUER": ISSUER,
        "RESEEN_OIDC_CLIENT_ID": "reseen",
        "RESEEN_OIDC_ROLES_CLAIM": "realm_access.roles",
        "RESEEN_OIDC_ROLES": "a=lead, b=reader",
    }
    issuer = Settings.from_environment(environment).oidc
    assert issuer is not None

    def role(claims: dict[str, Any]) -> Role | None:
        return sign_in_issuer.role_of(issuer, claims)

    assert role({"realm_access": {"roles": ["b", "a"]}}) is Role.LEAD
    assert role({"realm_access.roles": "b"}) is Role.READER
    for nothing in ({}, {"realm_access": ["a"]}, {"realm_access": {"roles": {"a": 1}}}):
        assert role(nothing) is None
    assert role({"realm_access": {"roles": [["a"], None, 1, "A"]}}) is None
    anybody = Settings.from_environment({**environment, "RESEEN_OIDC_ROLES": "*=reader,a=lead"})
    assert anybody.oidc is not None
    assert sign_in_issuer.role_of(anybody.oidc, {}) is Role.READER
    assert "a secret" not in repr(
        Settings.from_environment({**environment, "RESEEN_OIDC_CLIENT_SECRET": "a secret"})
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"RESEEN_OIDC_CLIENT_ID": ""}, "RESEEN_OIDC_CLIENT_ID is not"),
        ({"RESEEN_OIDC_ISSUER": ""}, "RESEEN_OIDC_CLIENT_ID is set, and RESEEN_OIDC_ISSUER is not"),
        (
            {"RESEEN_OIDC_ISSUER": "", "RESEEN_OIDC_CLIENT_ID": "", "RESEEN_OIDC_ROLES": "a=lead"},
            "RESEEN_OIDC_ROLES is set, and RESEEN_OIDC_ISSUER is not",
        ),
        ({"RESEEN_OIDC_ISSUER": "http://id.example"}, "not reached by https"),
        ({"RESEEN_OIDC_ISSUER": "id.example"}, "RESEEN_OIDC_ISSUER is not a plain"),
        ({"RESEEN_OIDC_ROLES": "lead"}, "RESEEN_OIDC_ROLES"),
        ({"RESEEN_OIDC_ROLES": "a=owner"}, "RESEEN_OIDC_ROLES"),
        ({"RESEEN_OIDC_NEW_USERS": "perhaps"}, "RESEEN_OIDC_NEW_USERS"),
        ({"RESEEN_URL": ""}, "RESEEN_URL is not"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_said(wrong: dict[str, str], said: str) -> None:
    environment = {
        "RESEEN_URL": "https://review.example",
        "RESEEN_OIDC_ISSUER": ISSUER,
        "RESEEN_OIDC_CLIENT_ID": "reseen",
        **wrong,
    }
    with pytest.raises(SettingsError, match=said) as caught:
        Settings.from_environment(environment)
    assert not re.search("HF_TOKEN|huggingface", str(caught.value.remedy))


def test_roles_are_called_alike_in_settings_and_pages() -> None:
    assert [role.label for role in Role] == list(LABELS)


def test_a_subject_is_added_once(team: Begins) -> None:
    it = team()
    sign_in_issuer.add(it.store, it.settings.oidc, "10", "lin", Role.LEAD)
    with pytest.raises(Exception, match="already"):
        sign_in_issuer.add(it.store, it.settings.oidc, "10", "other", Role.LEAD)
    with pytest.raises(InputError):
        sign_in_issuer.add(it.store, it.settings.oidc, "", "other", Role.LEAD)
