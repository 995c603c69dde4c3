"""The pages of campaigns: seen by all, corrected by reviewers, and beside no decision."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select
from tests import campaigns_made
from tests.campaigns_made import HUB, bystanders, crew
from tests.web.visitors import Visitor

import reseen.review
from reseen.operations import campaigns as acts
from reseen.review import campaigns, clauses
from reseen.review.roles import Role
from reseen.store import service_schema
from reseen.web.campaign_pictures import MOST_DAYS, lately, matrix, timeline
from reseen.web.service import Service

Visit = Callable[..., Visitor]
HOSTILE = "<b>zunafi88"
MEMBERS = ("brightoak", HOSTILE, "m-kestrel", "polarlynx2")


@pytest.fixture
def campaign(service: Service) -> str:
    """Its id."""
    assert service.keyring is not None
    made = campaigns_made.removals(service.store, service.keyring, 380)
    campaigns_made.put(service.store, bystanders(30), made)
    campaigns_made.put(service.store, crew(MEMBERS, range(320, 341)), made)
    acts.find(service.store)
    with service.store.read() as connection:
        (one,) = campaigns.every(connection)
    return one.id


def main_of(text: str) -> str:
    return text.partition("<main")[2]


def test_a_reader_sees_them_and_changes_nothing(visit: Visit, campaign: str) -> None:
    reader = visit(Role.READER)
    listed = reader.get("/campaigns").text
    assert campaign in listed
    assert "never evidence" in listed
    shown = main_of(reader.get(f"/campaigns/{campaign}").text)
    assert "&lt;b&gt;zunafi88" in shown
    assert "<form" not in shown
    assert shown.count('class="tag">lead') == 4
    assert reader.post(f"/campaigns/{campaign}", {"act": "watched"}).status_code == 403


def test_a_reviewer_takes_an_account_out_with_one_click_and_puts_it_back(
    visit: Visit, service: Service, campaign: str
) -> None:
    rio, place = visit(Role.REVIEWER), f"/campaigns/{campaign}"
    of = {"hub": HUB, "account": HOSTILE}
    assert rio.post(place, {"act": "out", **of}).headers["location"] == f"{place}?done=out"
    shown = main_of(rio.get(place).text)
    assert "Put back" in shown
    assert shown.count("Take out") == 3
    acts.find(service.store)
    assert main_of(rio.get(place).text).count("Take out") == 3, "it stays out"
    assert rio.post(place, {"act": "out", **of}).status_code == 409
    assert rio.post(place, {"act": "back", **of}).status_code == 303
    assert rio.post(place, {"act": "back", **of}).status_code == 404
    assert rio.post(place, {"act": "burn"}).status_code == 400
    assert rio.post("/campaigns/cp-00000000", {"act": "watched"}).status_code == 404
    assert rio.post(place, {"act": "watched"}).status_code == 303
    assert "watched" in main_of(rio.get("/campaigns").text)
    assert "Stop watching" in rio.get(place).text


def test_an_accounts_page_leads_there(visit: Visit, campaign: str) -> None:
    reader = visit(Role.READER)
    assert f"/campaigns/{campaign}" in reader.get(f"/accounts/{HUB}/brightoak").text
    assert "/campaigns/cp-" not in reader.get(f"/accounts/{HUB}/nobody").text


def test_without_any_it_says_when_one_would_be_found(visit: Visit) -> None:
    reader = visit(Role.READER)
    assert "No campaign is found" in reader.get("/campaigns").text
    assert "No campaign has ended" in reader.get("/campaigns?ended=yes").text
    assert reader.get("/campaigns/cp-00000000").status_code == 404


def test_the_pictures_say_what_the_tables_say(visit: Visit, campaign: str) -> None:
    shown = visit(Role.READER).get(f"/campaigns/{campaign}").text
    drawn = re.search(r'class="had" d="([^"]*)"', shown.partition('class="matrix"')[2])
    assert drawn is not None
    counts = re.findall(r'data-label="removals">(\d+)<', shown)
    assert drawn[1].count("z") == sum(map(int, counts))
    bars = re.search(r'class="had" d="([^"]*)"', shown.partition('class="timeline"')[2])
    assert bars is not None
    assert bars[1].count("z") == shown.partition("The days, in numbers")[2].count('scope="row"')


def test_pictures_are_bounded_and_hold_numbers_alone() -> None:
    big = matrix([[True] * 500] * 500)
    assert len(big) < 100_000
    days = [(date.fromordinal(700_000 + n), n + 1) for n in range(2_000)]
    assert lately(days) == days[-MOST_DAYS:], "the caption says the same"
    assert len(timeline(lately(days))) < 60_000
    assert lately([]) == []
    assert timeline([]) == ""
    assert timeline(days[:1]).count("M") == 2
    assert not re.search(r"script|href|style", f"{big}{timeline(days)}")


def test_a_campaign_is_nowhere_beside_a_decision(
    visit: Visit, service: Service, campaign: str
) -> None:
    """Neither a case's page nor its forms know of one, nor does anything that decides."""
    table = service_schema.cases.c
    with service.store.read() as connection:
        id = connection.scalar(select(table.id).where(table.account == "brightoak"))
        version = connection.scalar(select(table.version).where(table.id == id))
    lead = visit(Role.LEAD)
    assert "campaign" not in main_of(lead.get(f"/cases/{id}").text).casefold()
    form = {"version": str(version), "reason": "sample reason", "campaign": campaign}
    lead.post(f"/cases/{id}/confirm", form)
    with service.store.read() as connection:
        made = connection.execute(select(service_schema.decisions)).all()
    assert campaign not in repr(made)
    room = Path(reseen.review.__file__).parent
    for name in ("decide", "batch_decisions", "cases", "verdicts", "remembered", "queue"):
        assert "campaign" not in (room / f"{name}.py").read_text().casefold(), name


def confirm_some(service: Service, lead: Visitor, account: str, most: int = 2) -> None:
    table = service_schema.cases.c
    with service.store.read() as connection:
        rows = connection.execute(
            select(table.id, table.version).where(table.account == account).limit(most)
        ).all()
    for id, version in rows:
        form = {"version": str(version), "reason": "sample reason", "why": "same"}
        assert lead.post(f"/cases/{id}/confirm", form).status_code == 303


def test_only_accounts_with_a_confirmed_file_of_their_own_leave(
    visit: Visit, service: Service, campaign: str
) -> None:
    lead, place = visit(Role.LEAD), f"/campaigns/{campaign}"
    asked = {"format": "html", "campaign": campaign}
    assert "Draft a notice" not in lead.get(place).text
    refused = lead.post("/reports", asked)
    assert refused.status_code == 400
    assert "no account of this campaign has a confirmed file of its own" in refused.text
    confirm_some(service, lead, "brightoak")
    shown = lead.get(place).text
    (encoded,) = re.findall(r'name="place" value="([^"]*)"', shown)
    assert encoded == f"{HUB}/brightoak"
    assert f'href="/reports?campaign={campaign}"' in shown
    assert f'value="{campaign}"' in lead.get(f"/reports?campaign={campaign}").text
    page = " ".join(lead.post("/reports", asked | {"locations": "yes"}).text.split())
    assert f"were seen again on 1 account in campaign {campaign}: 2 confirmed by a person" in page
    assert "3 more accounts belong to the campaign without a confirmed file" in page
    assert "brightoak" in page
    for other in MEMBERS[1:]:
        assert other.strip("<b>") not in page
    rows = lead.post("/reports", asked | {"format": "jsonl", "locations": "yes"}).text
    accounts = {json.loads(line)["repo"].partition("/")[0] for line in rows.splitlines()}
    assert accounts == {"brightoak"}
    reviewer = visit(Role.REVIEWER)
    assert reviewer.post("/reports", asked).status_code == 200
    assert reviewer.post("/reports", asked | {"locations": "yes"}).status_code == 403
    told = lead.post("/notices", {"place": encoded}).headers["location"].split("?")[0]
    text = lead.post(f"{told}/text").text
    assert "campaign" not in text.casefold()
    assert "all of it is in a notice" in lead.get(place).text


def test_no_notice_has_the_word(visit: Visit, service: Service, campaign: str) -> None:
    lead = visit(Role.LEAD)
    confirm_some(service, lead, "brightoak")
    answer = lead.post("/notices", {"hub": HUB, "account": "brightoak"})
    text = "" if answer.status_code != 303 else lead.get(answer.headers["location"]).text
    assert "campaign" not in main_of(text).casefold()
    room = Path(reseen.review.__file__).parent
    for name in (*room.glob("notice_*.py"), room / "mail.py", Path(clauses.__file__)):
        assert "campaign" not in name.read_text().casefold(), name.name
