"""Reports and exports from the page: what was asked for, recorded, and places only for who may."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Collection
from urllib.parse import quote

import pytest
from openpyxl import load_workbook
from sqlalchemy import Connection, select
from tests.web import cases_made
from tests.web.cases_made import HUB, SECRETS, Made
from tests.web.test_notice_pages import confirm, drafted
from tests.web.visitors import Visitor

from reseen.observed import blind_spots
from reseen.operations import reports
from reseen.records import BlindSpot
from reseen.review import queue, said
from reseen.review.roles import Role
from reseen.store import audit, schema
from reseen.web.service import Service

Visit = Callable[..., Visitor]
ACCOUNT = "sample-account"


@pytest.fixture
def world(visit: Visit, service: Service) -> tuple[Visitor, Made, Made]:
    """A case that is confirmed, and one of another account that is open."""
    lead = visit(Role.LEAD)
    mine = cases_made.made(service, 1, f"{ACCOUNT}/lora")
    other = cases_made.made(service, 2, "other-account/lora")
    confirm(service, mine, lead)
    return lead, mine, other


def lines(answer: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in answer.splitlines()]


def test_a_report_is_about_what_was_asked_and_is_recorded(
    world: tuple[Visitor, Made, Made], service: Service
) -> None:
    lead, mine, other = world
    notice = drafted(lead).rsplit("/", 1)[1]
    everything = lines(lead.post("/reports", {"format": "jsonl"}).text)
    assert len({row["removal"] for row in everything}) == 2
    place = f"{HUB}/{quote('other-account', safe='')}"
    for form, removal in (
        ({"case": mine.case}, mine.removal),
        ({"notice": notice}, mine.removal),
        ({"place": place}, other.removal),
    ):
        rows = lines(lead.post("/reports", {"format": "jsonl", **form}).text)
        assert {row["removal"] for row in rows} == {removal}
        assert all(row["repo"] is None and row["declared_sha256"] is None for row in rows)
    none = lead.post("/reports", {"format": "jsonl", "until": "2001-01-01"}).text
    assert none == ""
    with service.store.read() as connection:
        told = [x for x in audit.every(connection) if x.action == "export"]
    assert [x.details["table"] for x in told] == [
        "sightings", f"sightings {mine.case}", f"sightings {notice}", "sightings an account",
        "sightings 2001-01-01",
    ]  # fmt: skip
    assert all(x.actor == "user:sample-lead" and "account" not in str(x.subject) for x in told)


def test_the_page_opens_with_what_was_found(world: tuple[Visitor, Made, Made]) -> None:
    lead, mine, _ = world
    page = lead.post("/reports", {"format": "html"})
    assert page.headers["content-disposition"] == 'attachment; filename="reseen-report.html"'
    assert "Of 2 removed models 2 were seen again on 2 accounts: 1 confirmed by a person" in (
        " ".join(page.text.split())
    )
    for hidden in (ACCOUNT, *SECRETS):
        assert hidden not in page.text
    shown = lead.post("/reports", {"format": "html", "locations": "yes"}).text
    assert f"{ACCOUNT}/lora" in shown
    assert mine.removal in shown


def test_tables_and_pdf(world: tuple[Visitor, Made, Made]) -> None:
    lead, mine, _ = world
    table = lead.post("/reports", {"format": "csv", "case": mine.case})
    assert next(csv.DictReader(io.StringIO(table.text.lstrip("\ufeff"))))["rung"]
    book = load_workbook(io.BytesIO(lead.post("/reports", {"format": "xlsx"}).content))
    assert book.sheetnames[0] == "sightings"
    pytest.importorskip("fpdf")
    assert lead.post("/reports", {"format": "pdf"}).content.startswith(b"%PDF-")


def test_where_copies_stand_beyond_one_account_is_a_leads(
    world: tuple[Visitor, Made, Made], visit: Visit
) -> None:
    _, mine, _ = world
    reviewer = visit(Role.REVIEWER)
    places = {"format": "jsonl", "locations": "yes"}
    assert reviewer.post("/reports", places).status_code == 403
    assert reviewer.post("/reports", places | {"since": "2001-01-01"}).status_code == 403
    (row,) = lines(reviewer.post("/reports", places | {"case": mine.case}).text)
    assert row["repo"] == f"{ACCOUNT}/lora"
    assert reviewer.post("/queue/export", places | {"filter": ""}).status_code == 403
    assert visit(Role.READER).post("/reports", {"format": "csv"}).status_code == 403


def test_a_form_that_makes_no_sense_keeps_what_was_typed(
    world: tuple[Visitor, Made, Made],
) -> None:
    lead, _, _ = world
    for field, value in (("since", "yesterday"), ("place", "nobody"), ("until", "2026-13-01")):
        answer = lead.post("/reports", {"format": "csv", field: value, "notice": ""})
        assert answer.status_code == 400
        assert f'value="{value}"' in answer.text
        assert f'id="{field}-wrong"' in answer.text
    swapped = lead.post("/reports", {"since": "2026-02-02", "until": "2026-02-01"})
    assert "the last day is before the first" in swapped.text
    assert lead.post("/reports", {"case": "cs-000000000000"}).status_code == 404


def test_the_line_of_an_export_counts_what_left(
    world: tuple[Visitor, Made, Made], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "COUNTED", 1)
    lead = world[0]
    assert (
        len(lines(lead.post("/queue/export", {"format": "jsonl", "filter": "state=any"}).text)) == 2
    )
    with service.store.read() as connection:
        (told,) = [x.details for x in audit.every(connection) if x.subject == "queue"]
    assert told["cases"] == 2


def field_of(answer: str) -> str:
    (field,) = re.findall(r'id="(\w+)-wrong"', answer)
    return field


def test_what_is_not_there_is_said_at_its_field(world: tuple[Visitor, Made, Made]) -> None:
    lead, mine, _ = world
    nobody = {
        "case": "cs-000000000000",
        "notice": "nt-000000000000",
        "campaign": "cp-00000000",
        "place": f"{HUB}/nobody",
    }
    for field, value in nobody.items():
        answer = lead.post("/reports", {"format": "csv", field: value})
        assert answer.status_code == 404
        assert field_of(answer.text) == field
        assert f'value="{value}"' in answer.text
    place = f"{HUB}/{ACCOUNT}"
    both = lead.post("/reports", {"format": "csv", "case": mine.case, "place": place})
    assert both.status_code == 400
    assert "a report is about one case, account, notice or campaign" in both.text


def test_a_report_of_one_case_says_nothing_of_what_nobody_judged_elsewhere(
    world: tuple[Visitor, Made, Made], service: Service, visit: Visit
) -> None:
    _, mine, other = world
    with service.store.write() as connection:
        a, r = schema.artifacts.c, schema.repositories.c
        pks = connection.scalars(
            select(a.pk)
            .join(schema.repositories, r.pk == a.repository_pk)
            .where(r.repo == other.repo)
        ).all()
        spot = BlindSpot("sample", "A sample reason")
        blind_spots.keep(connection, {pk: [spot] for pk in pks})
    whole = visit(Role.LEAD).post("/reports", {"format": "html", "locations": "yes"}).text
    assert "A sample reason" in whole
    reviewer = visit(Role.REVIEWER)
    for form in (
        {"case": mine.case},
        {"place": f"{HUB}/{ACCOUNT}"},
        {"case": mine.case, "since": "2001-01-01"},
    ):
        page = reviewer.post("/reports", {"format": "html", "locations": "yes", **form})
        assert page.status_code == 200
        assert mine.repo in page.text
        assert "A sample reason" not in page.text
        assert other.repo not in page.text


def test_a_report_is_bounded_and_reads_decisions_where_it_says_them(
    world: tuple[Visitor, Made, Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, mine, _ = world
    asked: list[object] = []
    of_sightings = said.of_sightings

    def counted(connection: Connection, ids: Collection[str] | None = None) -> object:
        asked.append(ids)
        return of_sightings(connection, ids)

    monkeypatch.setattr(said, "of_sightings", counted)
    for form in ("csv", "jsonl", "xlsx"):
        assert lead.post("/reports", {"format": form}).status_code == 200
    assert asked == []
    assert lead.post("/reports", {"format": "html", "case": mine.case}).status_code == 200
    assert len(asked) == 1
    assert asked[0] is not None, "of the case alone"
    monkeypatch.setattr(reports, "MOST", 1)
    answer = lead.post("/reports", {"format": "csv"})
    assert answer.status_code == 400
    assert "this report would hold 2 sightings" in answer.text
    assert lead.post("/reports", {"format": "csv", "case": mine.case}).status_code == 200


def test_an_old_repository_without_an_owner_is_in_the_report_of_its_account(
    visit: Visit, service: Service
) -> None:
    lead, made = visit(Role.LEAD), cases_made.made(service, 5, "ownerless")
    place = {"format": "jsonl", "place": f"{HUB}/ownerless"}
    (row,) = lines(lead.post("/reports", place).text)
    assert row["removal"] == made.removal
    days = place | {"since": "2001-01-01", "until": "2001-12-31"}
    assert lead.post("/reports", days).text == ""


def test_the_queue_is_exported_by_its_filter(
    world: tuple[Visitor, Made, Made], service: Service
) -> None:
    lead, mine, other = world
    shown = lead.get(f"/queue?state=any&account={ACCOUNT}").text
    assert "Export these cases" in shown
    form = {"format": "jsonl", "filter": f"state=any&account={ACCOUNT}"}
    (row,) = lines(lead.post("/queue/export", form).text)
    assert (row["case"], row["verdict"], row["repo"]) == (mine.case, "confirm", None)
    (row,) = lines(lead.post("/queue/export", {"format": "jsonl", "locations": "yes"}).text)
    assert (row["case"], row["repo"]) == (other.case, "other-account/lora")
    book = load_workbook(io.BytesIO(lead.post("/queue/export", form | {"format": "xlsx"}).content))
    assert book.sheetnames == ["cases"]
    assert lead.post("/queue/export", form | {"format": "html"}).status_code == 400
    with service.store.read() as connection:
        told = [x.details for x in audit.every(connection) if x.subject == "queue"]
    assert [(x["cases"], x["locations"]) for x in told] == [(1, False), (1, True), (1, False)]


def test_a_report_says_by_which_rows_of_a_list_each_removal_is(
    world: tuple[Visitor, Made, Made], service: Service, visit: Visit
) -> None:
    _, mine, other = world
    reviewer = visit(Role.REVIEWER)
    theirs = "Name,SHA256\n" + "".join(
        f"Sample person {n:02},{hashlib.sha256(b'removed %d' % n).hexdigest()}\n" for n in (9, 1)
    )
    sent = {"file": ("Sample person 07.csv", theirs.encode(), "text/csv")}
    rows = lines(reviewer.post("/reports", {"format": "jsonl"}, files=sent).text)
    assert {row["removal"]: row["rows"] for row in rows} == {mine.removal: "3", other.removal: ""}
    with service.store.read() as connection:
        told = [x for x in audit.every(connection) if x.action == "export"][-1]
    assert told.details["table"] == "sightings with the rows of a list"
    plain = lines(reviewer.post("/reports", {"format": "jsonl"}).text)
    assert not any(row["rows"] for row in plain)


def test_a_file_that_is_no_list_is_said_beside_the_field(world: tuple[Visitor, Made, Made]) -> None:
    lead, *_ = world
    answer = lead.post(
        "/reports",
        {"format": "csv", "until": "2026-11-30"},
        files={"file": ("a.xlsx", b"\0" * 40, "application/octet-stream")},
    )
    assert answer.status_code == 400
    assert 'id="file-wrong"' in answer.text
    assert 'value="2026-11-30"' in answer.text
