"""Sessions, seen and ended; who is not a stranger stays out of strangers' way."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from tests.audited import lines
from tests.web.visitors import PASSWORD, Visitor

from reseen.cli import cli
from reseen.review import sign_in_limits, users
from reseen.review.roles import Role
from reseen.web.access.browser import kind_of
from reseen.web.service import Service

Visit = Callable[..., Visitor]
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)


@pytest.fixture
def grace(service: Service) -> users.User:
    with service.store.write() as connection:
        return users.add(connection, "grace", Role.LEAD, PASSWORD, actor=None)


def _signed_in(visit: Visit, agent: str) -> Visitor:
    browser = visit()
    browser.client.headers["User-Agent"] = agent
    assert browser.sign_in("grace").status_code == 303
    return browser


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        (FIREFOX, "Firefox on Windows"),
        (PHONE, "Safari on an iPhone"),
        (CHROME, "Chrome on Linux"),
        (CHROME + " Edg/142.0.0.0", "Edge on Linux"),
        ("curl/8.5.0", "Another browser"),
        ("<script>", "Another browser"),
        ("", "Another browser"),
    ],
    ids=str,
)
def test_a_browser_is_told_in_a_few_words_of_ours(agent: str, kind: str) -> None:
    assert kind_of(agent) == kind


def test_somebody_sees_the_own_sessions_and_ends_one(
    visit: Visit, service: Service, grace: users.User
) -> None:
    here, there = _signed_in(visit, FIREFOX), _signed_in(visit, PHONE)
    visit(Role.READER, "somebody-else")
    text = here.get("/me").text
    assert "2 sessions" in text
    assert "Firefox on Windows" in text
    assert "Safari on an iPhone" in text
    assert text.count("this one") == 1
    assert "testclient" not in text  # its address
    (id,) = re.findall(r"/me/sessions/([0-9a-f]{16})/end", text)
    assert here.post(f"/me/sessions/{id}/end").headers["location"] == "/me?done=ended"
    assert there.get("/me").status_code == 303
    assert here.get("/me").status_code == 200
    assert here.post(f"/me/sessions/{id}/end").status_code == 409
    (line,) = lines(service.store, "session-ended")
    assert (line.actor, line.subject) == ("user:grace", "user:grace")


def test_somebody_ends_all_others(visit: Visit, grace: users.User) -> None:
    here, *others = [_signed_in(visit, agent) for agent in (FIREFOX, PHONE, CHROME)]
    assert here.post("/me/sessions/end").headers["location"] == "/me?done=ended-others"
    assert [browser.get("/me").status_code for browser in (here, *others)] == [200, 303, 303]


def test_nobody_ends_the_session_of_somebody_else(visit: Visit, grace: users.User) -> None:
    here, there = _signed_in(visit, FIREFOX), _signed_in(visit, PHONE)
    (id,) = re.findall(r"/me/sessions/([0-9a-f]{16})/end", here.get("/me").text)
    thief = visit(Role.ADMINISTRATOR)
    assert thief.post(f"/me/sessions/{id}/end").status_code == 409
    assert there.get("/me").status_code == 200


@pytest.mark.parametrize("id", ["é", "\U0001f511" * 8, "A" * 5_000, "%00", "0" * 16])
def test_a_made_up_session_ends_nothing(visit: Visit, grace: users.User, id: str) -> None:
    here = _signed_in(visit, FIREFOX)
    assert here.post(f"/me/sessions/{quote(id, safe='%')}/end").status_code == 409
    assert here.get("/me").status_code == 200


def test_an_administrator_sees_and_ends_a_users_sessions(
    visit: Visit, service: Service, grace: users.User
) -> None:
    browser = _signed_in(visit, PHONE)
    admin = visit(Role.ADMINISTRATOR)
    assert "Safari on an iPhone" in admin.get(f"/users/{grace.pk}").text
    ended = admin.post(f"/users/{grace.pk}/sessions/end")
    assert ended.headers["location"] == f"/users/{grace.pk}?done=ended"
    assert browser.get("/me").status_code == 303
    assert "signed in nowhere" in admin.get(f"/users/{grace.pk}").text
    (line,) = lines(service.store, "session-ended")
    assert (line.actor, line.subject) == ("user:sample-administrator", "user:grace")
    assert _signed_in(visit, PHONE).get("/me").status_code == 200


def test_the_command_lists_and_ends_them(visit: Visit, service: Service, grace: users.User) -> None:
    browser = _signed_in(visit, PHONE)
    run = CliRunner().invoke
    listed = run(cli, ["user", "sessions", "grace", "--db", service.settings.db])
    assert listed.output.startswith("Safari on an iPhone")
    ended = run(cli, ["user", "sessions", "grace", "--end", "--db", service.settings.db])
    assert "1 session of grace ended" in ended.output
    assert browser.get("/me").status_code == 303


def test_strangers_do_not_keep_out_who_was_here_before(
    visit: Visit, service: Service, grace: users.User
) -> None:
    known = _signed_in(visit, FIREFOX)
    known.post("/sign-out")
    holder = _signed_in(visit, CHROME)
    secret = service.store.secret
    with service.store.write() as connection:
        for number in range(sign_in_limits.BY_NAME):
            limits = sign_in_limits.of_sign_in("grace", f"192.0.2.{number}")
            sign_in_limits.take(connection, secret, limits)
    assert visit().sign_in("grace").status_code == 409
    assert known.sign_in("grace").status_code == 303
    form = {"now": PASSWORD, "password": "x", "again": "y"}
    assert "passwords differ" in holder.post("/me/password", form).text
    other = visit()  # another's device is a stranger's
    other.client.cookies.set("reseen-device", known.client.cookies["reseen-device"])
    assert other.sign_in("somebody").status_code == 403
    assert other.sign_in("grace", "wrong").status_code == 403  # one of the device's own tries


def test_a_device_that_mistypes_waits_too(visit: Visit, grace: users.User) -> None:
    known = _signed_in(visit, FIREFOX)
    known.post("/sign-out")
    answers = {known.sign_in("grace", "wrong").status_code for _ in range(sign_in_limits.BY_PAIR)}
    assert answers == {403}
    assert known.sign_in("grace").status_code == 409
