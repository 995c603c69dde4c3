"""The second factor of local accounts: given, given again, set up, required, reset."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pyotp
import pytest
from click.testing import CliRunner
from sqlalchemy import select, update
from tests.audited import lines
from tests.web.visitors import PASSWORD, Visitor

from reseen.cli import cli
from reseen.review import app_codes, second_factors, security_keys, sign_in_limits, users
from reseen.review.roles import Role
from reseen.review.security_keys import Party
from reseen.store import audit
from reseen.store.service_schema import users as users_table
from reseen.store.sign_in_schema import recovery_codes, sign_in_steps
from reseen.store.sign_in_schema import second_factors as table
from reseen.web.access import auth_middleware, csrf
from reseen.web.service import Service

Visit = Callable[..., Visitor]
OTHER = "another sentence of plain words"
BY_APP = 4
"""Steps: so far apart are the codes of one test, for each is good once."""


class Clock:
    """The time of apps and of sessions, which goes on when it is told to, and only then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from reseen.store.database import now

        step = app_codes.STEP * 1_000_000
        self._begun, self.ahead = now() // step * step + step // 2, 0.0
        for place in (
            "review.second_factors",
            "review.sessions",
            "review.sign_in_steps",
            "review.sign_in_limits",
            "operations.second_factor",
        ):
            monkeypatch.setattr(f"reseen.{place}.now", self.now)

    def now(self) -> int:
        return self._begun + int(self.ahead * 1_000_000)

    def code(self, secret: str, steps: int = 0) -> str:
        return str(pyotp.TOTP(secret).at(self.now() / 1e6 + steps * app_codes.STEP))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Person:
    """Somebody with a local account, in one browser."""

    def __init__(self, visitor: Visitor, clock: Clock, name: str = "grace") -> None:
        self.browser, self.clock, self.name, self.secret = visitor, clock, name, ""
        self.codes: list[str] = []

    def sign_in(self, password: str = PASSWORD, next: str = "") -> str:
        """By name and password; where it leads."""
        return str(self.browser.sign_in(self.name, password, next).headers.get("location", ""))

    def second(self, code: str) -> int:
        """At the door; the status."""
        token = re.search(r'name="csrf" value="(\w+)"', self.browser.get("/sign-in/second").text)
        data = {"code": code, "csrf": token[1] if token else ""}
        answer = self.browser.client.post("/sign-in/second", data=data)
        service = self.browser.service
        held = self.browser.client.cookies.get(auth_middleware.session_cookie(service))
        self.browser.csrf = csrf.token_for(service.store.secret, held) if held else ""
        self.answer = answer
        return int(answer.status_code)

    def confirm(self, **given: str) -> int:
        return int(self.browser.post("/me/second-factor/confirm", given).status_code)

    def set_up(self) -> Person:
        """Signs in, and adds an app."""
        if self.browser.get("/me/second-factor").status_code == 303:
            assert self.sign_in() == "/"
        assert self.confirm(password=PASSWORD) == 303
        assert self.browser.post("/me/second-factor/app").status_code == 303
        shown = self.browser.get("/me/second-factor/app").text
        found = re.search(r"<code>([A-Z2-7 ]+)</code>", shown)
        assert found is not None
        self.secret = found[1].replace(" ", "")
        form = {"code": self.clock.code(self.secret)}
        added = self.browser.post("/me/second-factor/app/confirm", form)
        assert added.status_code == 200, added.text
        self.codes = re.findall(r'<code class="id">([A-Z2-7-]{19})</code>', added.text)
        self.clock.ahead += BY_APP * app_codes.STEP
        return self

    def now(self) -> str:
        """The code of now; the next one is another."""
        self.clock.ahead += 2 * app_codes.STEP
        return self.clock.code(self.secret)


@pytest.fixture
def person(visit: Visit, service: Service, clock: Clock) -> Callable[..., Person]:
    def made(name: str = "grace", role: Role = Role.LEAD, password: str = PASSWORD) -> Person:
        with service.store.write() as connection:
            known = {user.name for user in users.every(connection)}
            if name not in known:
                users.add(connection, name, role, password, actor=None)
        return Person(visit(), clock, name)

    return made


Makes = Callable[..., Person]


# -- an app --------------------------------------------------------------------------------------


def test_who_has_an_app_gives_its_code_after_the_password(person: Makes, service: Service) -> None:
    grace = person().set_up()
    grace.browser.post("/sign-out")
    assert grace.sign_in(next="/notices") == "/sign-in/second"
    for path in ("/queue", "/me", "/me/second-factor"):  # not in yet
        assert grace.browser.get(path).headers["location"].startswith("/sign-in")
    assert grace.second("000000") == 403
    assert "does not fit" in grace.answer.text
    assert grace.second(grace.now()) == 303
    assert grace.answer.headers["location"] == "/notices"
    assert grace.browser.get("/queue").status_code == 200
    assert [line.details.get("by") for line in lines(service.store, "sign-in")] == [
        *("password", "password and app")
    ]
    assert lines(service.store, "factor-refused")[0].actor == "nobody"
    assert lines(service.store, "factor-added")[0].details["kind"] == "app"


def test_a_code_is_good_once_and_its_clock_one_step_off(person: Makes) -> None:
    grace = person().set_up()
    code = grace.now()
    for status in (303, 403):
        grace.browser.client.cookies.clear()
        grace.sign_in()
        assert grace.second(code) == status
    for steps, status in ((-2, 403), (2, 403), (1, 303)):
        grace.clock.ahead += 5 * app_codes.STEP
        assert grace.second(grace.clock.code(grace.secret, steps)) == status
    grace.browser.client.cookies.clear()
    grace.sign_in()
    assert grace.second(grace.clock.code(grace.secret)) == 403  # before the last one used


def test_the_password_is_given_in_the_same_browser_and_lately(
    person: Makes, visit: Visit, clock: Clock
) -> None:
    grace = person().set_up()
    grace.browser.post("/sign-out")
    grace.sign_in()
    other = Person(visit(), clock)
    other.browser.get("/sign-in")
    assert other.second(grace.now()) == 403  # no form of its own
    clock.ahead += 11 * 60
    assert grace.second(grace.now()) in (403, 409)
    assert grace.browser.get("/queue").status_code == 303
    assert grace.browser.get("/sign-in/second").headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    "way", ["password", "disabled and enabled", "second factor reset", "sessions ended"]
)
def test_what_ends_sessions_ends_a_sign_in_that_is_under_way(
    person: Makes, visit: Visit, service: Service, way: str
) -> None:
    grace = person().set_up()
    grace.browser.post("/sign-out")
    assert grace.sign_in() == "/sign-in/second"
    admin = visit(Role.ADMINISTRATOR)
    with service.store.read() as connection:
        pk = users.by_name(connection, "grace").pk
    paths = {
        "password": ["password"],
        "disabled and enabled": ["disable", "enable"],
        "second factor reset": ["second-factor/reset"],
        "sessions ended": ["sessions/end"],
    }
    for path in paths[way]:
        sent = admin.post(f"/users/{pk}/{path}", {"password": OTHER} if path == "password" else {})
        assert sent.status_code == 303
    assert grace.browser.get("/sign-in/second").headers["location"] == "/sign-in"
    with service.store.read() as connection:
        assert connection.execute(select(sign_in_steps)).all() == []


def test_a_wrong_password_tells_nothing_of_a_second_factor(person: Makes, visit: Visit) -> None:
    person().set_up()
    answers = [visit().sign_in(name, "wrong words here") for name in ("grace", "nobody")]
    assert [answer.status_code for answer in answers] == [403, 403]


def test_guessing_codes_ends_soon(person: Makes, service: Service) -> None:
    grace = person().set_up()
    grace.browser.post("/sign-out")
    grace.sign_in()
    for _ in range(sign_in_limits.FACTOR):
        assert grace.second("000000") == 403
    assert grace.second(grace.clock.code(grace.secret)) == 409
    assert "Too many" in grace.answer.text or "too many" in grace.answer.text
    grace.clock.ahead += 31 * 60
    grace.sign_in()
    assert grace.second(grace.now()) == 303


def test_the_secret_of_an_app_is_sealed_and_not_shown_again(
    person: Makes, service: Service
) -> None:
    grace = person().set_up()
    with service.store.read() as connection:
        kept = repr(connection.execute(select(table)).all())
        hashes = repr(connection.execute(select(recovery_codes)).all())
        log = repr(list(audit.every(connection)))
    for told in (kept, hashes, log):
        assert grace.secret not in told
        assert not any(code in told or code.replace("-", "") in told for code in grace.codes)
    assert grace.browser.get("/me/second-factor/app").status_code == 303
    assert grace.secret not in grace.browser.get("/me/second-factor").text


def test_the_picture_comes_from_nowhere_else(person: Makes) -> None:
    grace = person()
    grace.sign_in()
    grace.confirm(password=PASSWORD)
    grace.browser.post("/me/second-factor/app")
    shown = grace.browser.get("/me/second-factor/app").text
    picture = shown[shown.index("<svg") : shown.index("</svg>")]
    assert "path" in picture
    assert not re.search(r"style=|https?:|<script|<image", picture)
    wrong = grace.browser.post("/me/second-factor/app/confirm", {"code": "000000"})
    assert wrong.status_code == 400
    assert picture in wrong.text  # the same: nothing is scanned twice


# -- recovery codes ------------------------------------------------------------------------------


def test_a_recovery_code_is_good_once(person: Makes, service: Service) -> None:
    grace = person().set_up()
    assert len(set(grace.codes)) == second_factors.CODES
    typed = f" {grace.codes[0].lower()} "
    for status in (303, 403):
        grace.browser.client.cookies.clear()
        grace.sign_in()
        assert grace.second(typed) == status
    assert grace.second(grace.codes[1].replace("-", "")) == 303
    assert "8 recovery codes" in grace.browser.get("/me/second-factor").text
    made = grace.browser.post("/me/second-factor/codes")
    again = re.findall(r'<code class="id">([A-Z2-7-]{19})</code>', made.text)
    grace.browser.post("/sign-out")
    grace.sign_in()
    assert grace.second(grace.codes[2]) == 403
    assert grace.second(again[0]) == 303


# -- again ---------------------------------------------------------------------------------------


def test_what_matters_most_asks_again(person: Makes, service: Service, clock: Clock) -> None:
    root = person("root", Role.ADMINISTRATOR).set_up()
    form = {"name": "lin", "role": "reader", "password": PASSWORD}
    assert root.browser.post("/users", form).status_code == 303
    clock.ahead += 20 * 60
    asked = root.browser.get("/users")
    assert asked.headers["location"] == "/me/second-factor/confirm?next=/users"
    one = root.browser.get("/users/1?done=reset")
    assert one.headers["location"] == "/me/second-factor/confirm?next=/users/1%3Fdone%3Dreset"
    assert 'name="people"' not in root.browser.get("/").text
    # a form that was shown in time is still taken
    assert root.browser.post("/users", {**form, "name": "sam"}).status_code == 303
    clock.ahead += 20 * 60
    change = {"now": PASSWORD, "password": OTHER, "again": OTHER}
    with service.store.read() as connection:
        lin = users.by_name(connection, "lin").pk
    for path, sent in (
        ("/users", {**form, "name": "kim"}),
        (f"/users/{lin}/role", {"role": "administrator"}),
        (f"/users/{lin}/password", {"password": OTHER}),
        (f"/users/{lin}/disable", {}),
        (f"/users/{lin}/second-factor/reset", {}),
        ("/users/second-factor", {}),
        ("/begin", {"people": "kim"}),
        ("/me/password", change),
        ("/me/second-factor/app", {}),
        ("/me/second-factor/codes", {}),
        ("/me/second-factor/1/remove", {}),
    ):
        refused = root.browser.post(path, sent)
        assert refused.status_code == 403, path
        assert "proved lately" in refused.text
    assert root.confirm(password=PASSWORD) == 403  # the password is not enough
    assert root.confirm(code=root.now()) == 303
    assert root.browser.get("/users").status_code == 200
    assert root.browser.get(f"/users/{lin}").status_code == 200
    assert 'name="people"' in root.browser.get("/").text
    assert root.browser.post("/me/password", change).status_code == 303
    assert root.browser.get("/users").status_code == 200


def test_a_new_password_proves_no_second_factor(person: Makes, clock: Clock) -> None:
    root = person("root", Role.ADMINISTRATOR).set_up()
    clock.ahead += 20 * 60  # a form that was shown in time is taken for half an hour
    change = {"now": PASSWORD, "password": OTHER, "again": OTHER}
    changed = root.browser.post("/me/password", change)
    assert changed.headers["location"] == "/me?done=password"
    asked = root.browser.get("/users")
    assert asked.headers["location"] == "/me/second-factor/confirm?next=/users"


def test_a_session_alone_sets_nothing_up(person: Makes) -> None:
    grace = person()
    grace.sign_in()
    assert grace.browser.post("/me/second-factor/app").status_code == 403
    assert grace.browser.post("/me/second-factor/key", {"key": "{}"}).status_code == 403
    wrong = grace.browser.post("/me/second-factor/confirm", {"password": "wrong"})
    assert wrong.status_code == 403
    assert "Not taken: this is not your password. Type it again." in wrong.text
    assert "code" not in wrong.text.split("Not taken:")[1].split("</p>")[0]
    assert grace.browser.post("/me/second-factor/app").status_code == 403
    assert 'name="now"' in grace.browser.get("/me").text  # a password is changed as before


@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_asking_again_leads_nowhere_else(person: Makes, next: str) -> None:
    grace = person()
    grace.sign_in()
    form = {"password": PASSWORD, "next": next}
    answer = grace.browser.post("/me/second-factor/confirm", form)
    assert answer.headers["location"] == "/"


# -- required, removed, reset --------------------------------------------------------------------


def test_a_role_may_need_one(person: Makes, visit: Visit, service: Service) -> None:
    admin = visit(Role.ADMINISTRATOR)
    grace, rea = person(), person("rea", Role.READER)
    rea.sign_in()
    grace.sign_in()
    assert admin.post("/users/second-factor", {"roles": ["lead"]}).status_code == 303
    assert lines(service.store, "factor-required")[0].details["roles"] == "lead"
    for path in ("/", "/queue", "/me", "/lists"):
        assert grace.browser.get(path).headers["location"] == "/me/second-factor"
    assert grace.browser.post("/queue/next").headers["location"] == "/me/second-factor"
    assert "needs a second factor" in grace.browser.get("/me/second-factor").text
    assert rea.browser.get("/queue").status_code == 200
    grace.set_up()
    assert grace.browser.get("/queue").status_code == 200
    with service.store.read() as connection:
        (factor,) = second_factors.of_user(connection, users.by_name(connection, "grace").pk)
    assert grace.browser.post(f"/me/second-factor/{factor.pk}/remove").status_code == 409
    assert admin.post("/users/second-factor").status_code == 303
    assert grace.browser.post(f"/me/second-factor/{factor.pk}/remove").status_code == 303
    with service.store.read() as connection:
        assert connection.execute(select(recovery_codes)).all() == []
    grace.browser.post("/sign-out")
    assert grace.sign_in() == "/"


def test_who_comes_from_an_issuer_needs_none_here(visit: Visit, service: Service) -> None:
    lead = visit(Role.LEAD)
    with service.store.write() as connection:
        connection.execute(update(users_table).values(issuer="https://id.example", subject="7"))
    visit(Role.ADMINISTRATOR).post("/users/second-factor", {"roles": ["lead"]})
    assert lead.get("/queue").status_code == 200
    assert lead.post("/me/second-factor/app").status_code == 403


def test_an_administrator_resets_that_of_somebody_else(
    person: Makes, visit: Visit, service: Service
) -> None:
    grace = person().set_up()
    with service.store.read() as connection:
        pk = users.by_name(connection, "grace").pk
    admin = visit(Role.ADMINISTRATOR)
    assert "password, then app" in admin.get(f"/users/{pk}").text
    assert admin.post(f"/users/{pk}/second-factor/reset").status_code == 303
    assert grace.browser.get("/queue").status_code == 303  # out, whoever it was
    (line,) = lines(service.store, "factor-reset")
    assert (line.actor, line.subject) == ("user:sample-administrator", "user:grace")
    assert grace.sign_in() == "/"
    assert admin.who is not None
    assert admin.post(f"/users/{admin.who.pk}/second-factor/reset").status_code == 403


def test_a_link_for_a_forgotten_password_is_no_way_around_it(
    person: Makes, visit: Visit, service: Service
) -> None:
    grace = person().set_up()
    admin = visit(Role.ADMINISTRATOR)
    with service.store.read() as connection:
        pk = users.by_name(connection, "grace").pk
    (token,) = re.findall(r"/join/([\w-]{43})", admin.post(f"/users/{pk}/invite").text)
    browser = visit()
    form = re.search(r'name="csrf" value="(\w+)"', browser.get(f"/join/{token}").text)
    assert form is not None
    sent = {"csrf": form[1], "password": OTHER, "again": OTHER}
    joined = browser.client.post(f"/join/{token}", data=sent)
    assert joined.headers["location"] == "/sign-in"
    assert browser.get("/queue").status_code == 303
    grace.browser.client.cookies.clear()
    assert grace.sign_in(OTHER) == "/sign-in/second"
    assert grace.second(grace.now()) == 303


def test_nobody_removes_that_of_somebody_else(person: Makes, service: Service) -> None:
    person().set_up()
    other = person("lin").set_up()
    with service.store.read() as connection:
        pk = second_factors.of_user(connection, users.by_name(connection, "grace").pk)[0].pk
    assert other.browser.post(f"/me/second-factor/{pk}/remove").status_code == 404


def test_the_command_resets_it_where_there_is_no_administrator(
    person: Makes, service: Service
) -> None:
    grace = person().set_up()
    arguments = ["user", "reset-second-factor", "grace", "--db", service.settings.db]
    done = CliRunner().invoke(cli, arguments)
    assert "no second factor any more (1 factor removed)" in done.output
    grace.browser.client.cookies.clear()
    assert grace.sign_in() == "/"


# -- keys (a real browser's are tried in tests/browser) ------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "party"),
    [
        ("https://review.example", "x", Party("review.example", "https://review.example")),
        (None, "localhost:8321", Party("localhost", "http://localhost:8321")),
        (None, "127.0.0.1:8321", None),
        (None, "review.example", None),  # whatever a request says of its host
        ("http://review.example", "x", None),
        ("https://192.0.2.1", "x", None),
        ("https://[2001:db8::1]:8443", "x", None),
        (None, "[", None),
    ],
)
def test_keys_are_for_the_host_of_the_settings(
    url: str | None, host: str, party: Party | None
) -> None:
    assert security_keys.party_of(url, host) == party


def test_a_challenge_is_bound_and_passes() -> None:
    def all_of(bound: str = "a", stamp: int = 1, seconds: float = 10_000.0) -> set[bytes]:
        return set(security_keys.challenges(b"s" * 32, bound, stamp, seconds))

    first = next(security_keys.challenges(b"s" * 32, "a", 1, 10_000.0))
    assert len(first) == 32
    assert first in all_of(seconds=10_000.0 + security_keys.LIFE)
    assert first not in all_of(seconds=10_000.0 + 2 * security_keys.LIFE)
    assert first not in all_of(bound="b")
    assert first not in all_of(stamp=2)


@pytest.mark.parametrize("answer", ["", "x", "[]", "{}", '{"rawId": 7}', "[" * 9_000, "x" * 20_000])
def test_an_answer_that_is_none_proves_nothing(answer: str) -> None:
    party = Party("localhost", "http://localhost:1")
    key = security_keys.SecurityKey(b"", b"", 0)
    assert security_keys.used(party, answer, [key], [b"c"]) is None


def test_a_key_that_is_none_is_not_added(person: Makes) -> None:
    grace = person()
    grace.sign_in()
    grace.confirm(password=PASSWORD)
    answer = grace.browser.post("/me/second-factor/key", {"key": "{}"})
    assert answer.status_code == 400
    assert "Not taken" in html.unescape(answer.text)
