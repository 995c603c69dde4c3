"""The page of notifications: nobody by default; who, of what, what became of it; a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import update
from tests.web.visitors import Visitor

from reseen.review.roles import Role
from reseen.settings import NotifySettings
from reseen.store import service_schema
from reseen.web.app import make_app
from reseen.web.service import Service


def test_nobody_is_told_by_default(visit: Callable[..., Visitor]) -> None:
    lead = visit(Role.LEAD)
    assert "Nobody is told anything" in lead.get("/notifications").text
    assert lead.post("/notifications/test").status_code == 400
    assert visit(Role.REVIEWER).get("/notifications").status_code == 403


def test_a_test_is_sent_and_what_failed_is_shown(service: Service) -> None:
    told = NotifySettings(
        mail=("desk@example.org",), webhook="https://hook.example.org/token-5", secret="whsec_x"
    )
    telling = replace(service, settings=replace(service.settings, notify=told))
    lead = Visitor(make_app(telling), Role.LEAD)
    page = lead.get("/notifications").text
    assert "desk@example.org" in page
    assert "hook.example.org" in page
    assert "token-5" not in page
    assert "No mail can be sent" in page
    assert lead.post("/notifications/test").headers["location"] == "/notifications?done=test"
    jobs = service_schema.jobs
    with service.store.write() as connection:
        values = {"state": "failed", "problem": "it does not answer. Look whether it is up."}
        connection.execute(update(jobs).where(jobs.c.what.like("%webhook%")).values(values))
    page = lead.get("/notifications?done=test").text
    assert page.count("a test") >= 2
    assert "it does not answer" in page
    assert "by sample-lead" in page
    assert "No scan was asked for" in lead.get("/scans").text
