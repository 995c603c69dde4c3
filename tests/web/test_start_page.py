"""The start page: every figure is that of the rows to which it leads."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.web import cases_made
from tests.web.cases_made import SECRETS
from tests.web.test_notice_pages import confirm, drafted, version
from tests.web.visitors import Visitor

from reseen.observed import blind_spots
from reseen.records import BlindSpot
from reseen.review.roles import Role
from reseen.store import schema, service_schema
from reseen.store.database import now
from reseen.web.service import Service

Visit = Callable[..., Visitor]
DAY = 86_400_000_000


def figures(text: str) -> list[tuple[str, int]]:
    """(where it leads, the figure) of every figure of the queue on the page."""
    found = re.findall(r'<a href="(/queue\?[^"]*)">([\d,]+)</a>', text)
    return [(html.unescape(to), int(count.replace(",", ""))) for to, count in found]


def rows(browser: Visitor, address: str) -> int:
    text = browser.get(address).text
    (total,) = re.findall(r'class="count" data-live><b>([\d,]+)</b>', text)
    refuted = re.findall(r"and <b>([\d,]+)</b> refuted", text)
    return int(total) + sum(map(int, refuted))


def test_at_first_it_has_the_steps_to_begin(visit: Visit) -> None:
    text = visit(Role.LEAD).get("/").text
    assert "Three steps to begin" in text
    for place in ("/lists/import", "/scans", "/queue"):
        assert f'href="{place}"' in text
    assert "a lead does this" in visit(Role.READER).get("/").text
    assert "a lead does this" not in text


def test_every_figure_leads_to_the_rows_that_it_counts(service: Service, visit: Visit) -> None:
    lead = visit(Role.LEAD)
    made = [cases_made.made(service, n, f"account-{n}/lora", read=n % 2 == 0) for n in range(8)]
    cases_made.alike(service, 20)
    cases_made.made(service, 21, "account-21/lora", refuted=True)
    for case in made[:3]:
        confirm(service, case, lead)
    fallen = made[2]
    cases_made.sighting(service, fallen.removal, fallen.repo, refuted=True)
    lead.post(f"/cases/{made[5].case}/claim")
    visit(Role.REVIEWER).post(f"/cases/{made[6].case}/claim")
    c = service_schema.cases.c
    ages = zip((made[3], made[4], made[5]), (2, 8, 40), strict=True)
    with service.store.write() as connection:
        for case, days in ages:
            opened = now() - days * DAY
            connection.execute(
                update(service_schema.cases).where(c.id == case.case).values(opened_at=opened)
            )
    text = lead.get("/").text
    assert "Three steps to begin" not in text
    assert not any(secret in text for secret in SECRETS)
    found = figures(text)
    assert len(found) > 12
    for address, count in found:
        assert rows(lead, address) == count, address
    kinds = " ".join(address for address, _ in found)
    for part in ("only=yes", "older=30", "claimed=me", "claimed=anybody", "decided=7", "opened="):
        assert part in kinds
    reader = visit(Role.READER).get("/")
    assert reader.status_code == 200
    assert not any(secret in reader.text for secret in SECRETS)


def test_clocks_and_the_time_to_gone(service: Service, visit: Visit) -> None:
    lead = visit(Role.LEAD)
    late, done = (cases_made.made(service, n, f"account-{n}/lora") for n in (1, 2))
    confirm(service, late, lead)
    confirm(service, done, lead)
    first, second = drafted(lead, "account-1"), drafted(lead, "account-2")
    n = service_schema.notices
    with service.store.write() as connection:
        overdue = update(n).where(n.c.id == first.rsplit("/", 1)[1])
        connection.execute(overdue.values(due_at=now() - DAY))
    text = lead.get("/").text
    assert "<b>1</b> notice is overdue</a>. <b>1</b> is due within a day." in text
    assert first in text
    assert "the median of" not in text
    lead.post(f"{second}/sent", {"version": version(lead, second)})
    lead.post(f"{second}/gone", {"version": version(lead, second)})
    text = lead.get("/").text
    assert "less than an hour" in text
    assert "1 notice</a>" in text
    assert second not in text.split("Clocks that run out")[1].split("</section>")[0]


@pytest.mark.parametrize(
    "address",
    ["/queue?opened=never", "/queue?opened=9999-99-99", "/queue?decided=-1", "/queue?only=x"],
)
def test_a_filter_that_is_not_understood_is_passed_over(
    service: Service, visit: Visit, address: str
) -> None:
    cases_made.made(service)
    assert rows(visit(Role.READER), address) == 1


def test_a_figure_that_led_here_stays_while_the_filter_is_changed(visit: Visit) -> None:
    text: Any = visit(Role.READER).get("/queue?state=decided&decided=7&opened=2026-11-23").text
    assert '<input type="hidden" name="decided" value="7">' in text
    assert "decided within 7 days" in text
    assert "opened in the week from 2026-11-23" in text


def test_files_that_could_not_be_judged_are_a_page(service: Service, visit: Visit) -> None:
    made = [cases_made.made(service, n, f"account-{n}/lora") for n in range(3)]
    with service.store.write() as connection:
        a = schema.artifacts.c
        pks = list(connection.scalars(select(a.pk).order_by(a.pk)))
        spots = {pk: (BlindSpot("whole-weights" if n else "numpy", f"because {n}"),) for n, pk in
                 enumerate(pks)}  # fmt: skip
        blind_spots.keep(connection, spots)
    browser = visit(Role.READER)
    assert '<a href="/not-judged"><b>3</b> files</a>' in browser.get("/").text
    every = browser.get("/not-judged").text
    assert all(case.repo in every for case in made)
    assert "because 1" in every
    others = browser.get("/not-judged?which=others").text
    assert made[0].repo in others
    assert made[1].repo not in others
    assert made[0].repo not in browser.get(f"/not-judged?after={pks[0]}").text
