"""What the logs, the figures and the audit log tell: never a name, a token or a place."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator

import pytest
import structlog
from tests.web.cases_made import SECRETS, made
from tests.web.visitors import PASSWORD, Visitor

from reseen.gate import keys
from reseen.operations import logs
from reseen.review import users
from reseen.review.roles import Role
from reseen.store import audit
from reseen.web.access import auth_middleware
from reseen.web.service import Service

REASON = "consent of Sample person 07, sealed for ever"
PLACE = "hidden-account/hidden-place"
SEARCHED = "searched-for-words"
AGENT = "an-agent-that-tells-much"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logging as it was: it belongs to the process, not to a test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_whole_day_of_work_leaves_no_secret_in_logs_figures_and_audit(
    service: Service, visit: Callable[..., Visitor], capfd: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(terminal=False)
    case = made(service, repo=PLACE)
    with service.store.write() as connection:
        users.add(connection, "grace", Role.ADMINISTRATOR, PASSWORD, actor=None)
        _, key = keys.make(connection, "figures", [keys.KeyScope.METRICS])
    browser = visit()
    browser.client.headers["User-Agent"] = AGENT
    browser.sign_in("grace", "a wrong password that is secret")
    browser.sign_in(PASSWORD, "typed into the wrong field")
    browser.sign_in("grace", next=f"/queue?q={SEARCHED}")
    session = browser.client.cookies[auth_middleware.session_cookie(service)]
    page = browser.get(f"/cases/{case.case}")
    assert page.status_code == 200
    assert browser.post(f"/cases/{case.case}/reveal").status_code in (200, 303)
    assert browser.post("/search", {"for": SECRETS[0]}).status_code == 200
    assert browser.post("/search", {"for": PLACE}).status_code == 200
    fields = dict.fromkeys(("reason", "text", "comment", "note"), REASON)
    version = re.search(r'name="version" value="(\d+)"', page.text)
    if version is not None:
        fields["version"] = version[1]
    for verb in ("comment", "allow", "confirm", "undo"):
        browser.post(f"/cases/{case.case}/{verb}", fields)
    for path in (
        f"/queue?q={SEARCHED}&account=hidden-account",
        "/accounts/hub.example/hidden-account",
        "/audit",
        f"/nothing/{SEARCHED}",
        f"/audit?before={SEARCHED}",
    ):
        browser.get(path)
    made_key = browser.post("/keys", {"name": "a hub", "scopes": ["check"], "rate": "5"})
    new_key = re.search(r"rsk_[A-Za-z0-9_-]+", made_key.text)
    assert new_key is not None
    figures = browser.get("/metrics", headers={"Authorization": f"Bearer {key}"}).text
    browser.post("/sign-out")

    said = capfd.readouterr()
    told = said.err + said.out
    lines = [json.loads(line) for line in said.err.splitlines() if line.startswith("{")]
    assert {"/sign-in", "/cases/{id}", "/audit"} <= {line.get("route") for line in lines}
    assert any(line.get("user") for line in lines)
    with service.store.read() as connection:
        audited = "\n".join(str(line) for line in audit.every(connection))
    secrets = [*SECRETS, REASON, "hidden-account", "hidden-place", PASSWORD, session, browser.csrf]
    secrets += [key, new_key[0], "typed into the wrong field", "a wrong password", SEARCHED, AGENT]
    for secret in secrets:
        for name, text in (("logs", told), ("figures", figures), ("audit log", audited)):
            assert secret not in text, f"{secret!r} is in the {name}"
    assert "grace" not in told + figures


def test_what_libraries_log_comes_without_its_values(capfd: pytest.CaptureFixture[str]) -> None:
    logs.set_up(terminal=False)
    logging.getLogger("some.library").warning("cannot open %s", "a secret place")
    try:
        raise RuntimeError("another secret")
    except RuntimeError:
        logging.getLogger("some.library").exception("failed")
    logging.getLogger("some.library").info("nothing to say")
    first, second = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert first["said"] == "cannot open %s"
    assert second["error"] == "RuntimeError"
    assert "secret" not in str((first, second))
