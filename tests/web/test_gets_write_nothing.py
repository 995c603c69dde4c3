"""Every route that is fetched, in a store where there is something left to do: nothing is written.

Allowed are the row of the session that asks, and the audit line of a download.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.web import cases_made
from tests.web.cases_made import HUB
from tests.web.routes import NEEDS, path_of
from tests.web.test_notice_pages import confirm, drafted, version
from tests.web.visitors import Visitor

from reseen.review import campaigns, cases, decide, invitations, users
from reseen.review.campaign_score import Score
from reseen.review.campaign_traits import SignalKind
from reseen.review.roles import Role
from reseen.store import schema, service_schema
from reseen.web.service import Service

Visit = Callable[..., Visitor]
Rows = Mapping[str, list[tuple[Any, ...]]]

DOWNLOADS = {"/audit/export"}
MORE = (
    "/queue?state=any&live=any&withdrawn=yes",
    "/queue?nothing=&done=confirm&of={case}&version=1",
    "/cases/{case}?sample=1",
    "/cases/{case}?files=20&state=any",
    "/notices?state=drafted",
    "/notices/{told}",
    "/audit?verify=1",
)
"""Addresses beside the bare ones."""


@pytest.fixture
def ids(service: Service, visit: Visit) -> dict[str, str]:
    """What is touched and not put, a draft that holds what is no longer confirmed, a scan asked
    for: every consequence that a page could be tempted to draw."""
    lead = visit(Role.LEAD)
    kept = cases_made.made(service, 1, "sample-account/lora")
    fallen = cases_made.made(service, 2, "sample-account/other")
    wrong = cases_made.made(service, 3, "other-account/lora")
    for made in (kept, fallen, wrong):
        confirm(service, made, lead)
    notice, told = drafted(lead), drafted(lead, "other-account")
    lead.post(f"{told}/sent", {"version": version(lead, told)})
    (letter,) = re.findall(r"/letters/(\d+)", lead.get(told).text)
    for made in (fallen, wrong):
        with service.store.write() as connection:
            now = cases.row(connection, made.case).version
            assert lead.who is not None
            seen = decide.ShownCase(made.case, now)
            by = decide.DecidedBy(lead.who, "A mistake.")
            decide.undo(connection, service.keyring, seen, by)
    job = lead.post("/scans", {"accounts": "account-01"}).headers["location"].split("?")[0]
    with service.store.write() as connection:  # as a scan leaves it
        connection.execute(update(schema.sightings).values(touched=1, rung=60))
    with service.store.write() as connection:
        invited = users.add(connection, "invited", Role.READER, None, actor=None)
        token = invitations.make(connection, invited)
    score = Score(dict.fromkeys(SignalKind, 9.0), 9.0, 1)
    accounts = ("sample-account", "other-account", "third-account")
    with service.store.write() as connection:
        campaigns.keep(connection, [{(HUB, name): score for name in accounts}])
        (campaign,) = campaigns.every(connection)
    return {
        "campaign": campaign.id,
        "invited": token,
        "case": kept.case,
        "removal": kept.removal,
        "notice": notice.rsplit("/", 1)[1],
        "told": told.rsplit("/", 1)[1],
        "job": job.rsplit("/", 1)[1],
        "letter": letter,
    }


def _rows(service: Service) -> Rows:
    with service.store.read() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table)).all()), key=repr)
            for table in schema.metadata.sorted_tables
        }


def _address(template: str, ids: Mapping[str, str]) -> str:
    if template.startswith("/cases/"):
        return template.format(id=ids["case"])
    if "/letters/" in template:
        return template.format(id=ids["told"], number=ids["letter"])
    if template.endswith("/correction"):
        return template.format(id=ids["told"])
    if template.startswith("/notices/"):
        return template.format(id=ids["notice"])
    if template.startswith("/scans/"):
        return template.format(id=ids["job"])
    if template.startswith("/removals/"):
        return template.format(id=ids["removal"])
    if template.startswith("/join/"):
        return template.format(token=ids["invited"])
    if template == "/campaigns/{id}":
        return template.format(id=ids["campaign"])
    if template.startswith("/accounts/"):
        return template.format(hub=HUB, account="sample-account")
    if template.startswith("/asking/"):
        return template.format(hub="civitai")
    return path_of(template)


FETCHED = sorted(path for method, path in NEEDS if method == "GET")


@pytest.mark.parametrize("template", [*FETCHED, *MORE])
def test_a_page_that_is_fetched_writes_nothing(
    service: Service, visit: Visit, ids: dict[str, str], template: str
) -> None:
    browser = visit(Role.ADMINISTRATOR)
    with service.store.write() as connection:  # so long ago that the session notes this request
        sessions = service_schema.sessions
        connection.execute(update(sessions).values(seen_at=sessions.c.seen_at - 600_000_000))
    before = _rows(service)
    address = template.format(**ids) if template in MORE else _address(template, ids)
    answer = browser.get(address)
    assert answer.status_code in (200, 303, 503) or template in ("/static/", "/metrics")
    assert "xx-00000000" not in address
    after = _rows(service)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"sessions", "audit"}
    assert len(before["sessions"]) == len(after["sessions"])
    same = set(before["sessions"]) & set(after["sessions"])
    assert len(same) >= len(before["sessions"]) - 1, "another's session"
    lines = [line for line in after["audit"] if line not in before["audit"]]
    if template in DOWNLOADS:
        assert answer.status_code == 200
        (line,) = lines
        assert "export" in line
    else:
        assert not lines


def test_opening_a_case_of_a_sample_is_noted_when_its_form_is_sent(
    service: Service, visit: Visit, ids: dict[str, str]
) -> None:
    browser = visit(Role.LEAD, "another-lead")
    browser.get(f"/cases/{ids['case']}?sample=1")
    assert not _rows(service)["looks"]
    assert browser.post(f"/cases/{ids['case']}/look").status_code == 303
    assert len(_rows(service)["looks"]) == 1
