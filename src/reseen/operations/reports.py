"""Reports: what was found, gathered, written and recorded; for the command line and the pages.

What comes in: what a report is about and in which form. What goes out: a file or its bytes. The
line of the audit log is written before anything leaves. Where copies stand is in it only when asked
for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Connection

from reseen.errors import InputError, NotFound
from reseen.observed import blind_spots, sightings
from reseen.observed.sightings import SightingFilter
from reseen.operations import exports
from reseen.registry.list_rows import ListRows
from reseen.report import gather, pdf, pdf_report, tables
from reseen.report.blind_rows import BLIND_FIELDS, SCAN_FIELDS, blind_rows, scan_rows
from reseen.report.gather import EVERYTHING, Findings, ReportScope
from reseen.report.rows import report_row
from reseen.review import campaign_view, campaigns, case_view, notice_read, said
from reseen.review import cases as case_rows
from reseen.review.roles import Role, Who
from reseen.store.database import Store

FORMATS = ("html", "csv", "jsonl", "xlsx", "pdf")
IN_WORDS = frozenset({"html", "pdf"})
"""Those that say what people decided."""
MOST = 100_000
"""Sightings in one report that a page makes."""


@dataclass(frozen=True, slots=True)
class ReportAsked:
    """What somebody wants a report about: at most one of case, account, notice and campaign."""

    format: str = "html"
    case: str = ""
    hub: str = ""
    account: str = ""
    notice: str = ""
    campaign: str = ""
    since: date | None = None
    until: date | None = None
    """The last day."""
    locations: bool = False

    @property
    def of_one(self) -> bool:
        """About one case, account or notice, which a reviewer acts on."""
        return bool(self.case or self.notice or (self.hub and self.account))


def needs(asked: ReportAsked) -> Role:
    """Who may have it: where copies stand beyond one account is a lead's."""
    return Role.LEAD if asked.locations and not asked.of_one else Role.REVIEWER


def made(
    store: Store,
    asked: ReportAsked,
    who: Who,
    font: Path | None = None,
    rows: ListRows | None = None,
) -> bytes:
    """The report as bytes. `rows`: of a list, which the report then names. Raises AccessError,
    NotFound, and InputError for what makes no sense or is too much."""
    who.must_be(needs(asked))
    if asked.format not in FORMATS:
        raise InputError("no report is written in this form", remedy=f"{', '.join(FORMATS)}.")
    if asked.format == "pdf" and not pdf.available():
        raise InputError(
            "PDFs need the extra `pdf`, which is not installed",
            remedy="Install reseen[pdf], or print the HTML report.",
        )
    scope = _scope(store, asked)
    with store.read() as connection:
        total = gather.count(connection, scope)
    if total > MOST:
        raise InputError(
            f"this report would hold {total:,} sightings, and one from the page {MOST:,} at most",
            remedy="Ask for fewer days, or for one account; `reseen report` has no such bound.",
        )
    findings = _found(store, asked, scope)
    what = _what(asked)
    if rows is not None:
        findings = with_rows(findings, rows)
        what += " with the rows of a list"
    exports.report(
        store, asked.format, len(findings.sightings), what,
        locations=asked.locations, by=who,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="reseen-") as folder:
        path = Path(folder) / "report"
        write(store, path, findings, asked, font)
        return path.read_bytes()


def found(store: Store, asked: ReportAsked) -> Findings:
    """What a report is about, however much. Raises NotFound, and InputError for what makes no
    sense."""
    return _found(store, asked, _scope(store, asked))


def _found(store: Store, asked: ReportAsked, scope: ReportScope) -> Findings:
    findings = gather.gather(store, files=asked.format == "html", scope=scope)
    if asked.format not in IN_WORDS:
        return findings
    with store.read() as connection:
        ids = None if scope.everything else [one.id for one in findings.sightings]
        decided = said.of_sightings(connection, ids)
    return replace(findings, decided={id: verdict.value for id, verdict in decided.items()})


def with_rows(findings: Findings, rows: ListRows) -> Findings:
    """The same, with the rows of a list's file that are about each removal."""
    sources = {
        id: replace(source, rows=rows.get(id, ())) for id, source in findings.sources.items()
    }
    return replace(findings, sources=sources)


def write(
    store: Store, path: Path, findings: Findings, asked: ReportAsked, font: Path | None = None
) -> None:
    """Into a file that the caller has made safe."""
    locations = asked.locations
    rows = (
        report_row(one, findings.sources.get(one.removal), locations=locations)
        for one in findings.sightings
    )
    match asked.format:
        case "html":
            from reseen.report.html import render

            path.write_text(render(findings, locations=locations), "utf-8")
        case "pdf":
            path.write_bytes(pdf_report.render(findings, locations=locations, font=font))
        case "xlsx":
            with store.read() as connection:
                not_read = blind_rows(blind_spots.files(connection), locations=locations)
                scans = tables.Sheet("not read by scan", list(SCAN_FIELDS), scan_rows(findings))
                files = tables.Sheet("not read", list(BLIND_FIELDS), not_read)
                more = (files, scans) if findings.scope.everything else ()
                tables.write_xlsx(path, rows, *more)
        case "csv":
            tables.write_csv(path, rows)
        case _:
            tables.write_jsonl(path, rows)


def _what(asked: ReportAsked) -> str:
    """Which report, for the log: ids that tell nothing, and never an account."""
    of = asked.case or asked.notice or asked.campaign or ("an account" if asked.account else "")
    days = " ".join(f"{day:%Y-%m-%d}" for day in (asked.since, asked.until) if day)
    return " ".join(part for part in ("sightings", of, days) if part)


def _scope(store: Store, asked: ReportAsked) -> ReportScope:
    if sum(map(bool, (asked.case, asked.notice, asked.campaign, asked.account))) > 1:
        raise InputError(
            "a report is about one case, account, notice or campaign",
            remedy="Leave the others empty.",
        )
    if asked.since and asked.until and asked.until < asked.since:
        raise InputError("the last day is before the first", remedy="Swap them.")
    which = SightingFilter(
        since=None if asked.since is None else _midnight(asked.since),
        until=None if asked.until is None else _midnight(asked.until + timedelta(days=1)),
    )
    with store.read() as connection:
        scope = _place(connection, asked)
    days = "".join(
        f" {word} {day:%Y-%m-%d}"
        for word, day in (("from", asked.since), ("until", asked.until))
        if day is not None
    )
    return replace(scope, which=which, within=scope.within + days)


def _place(connection: Connection, asked: ReportAsked) -> ReportScope:
    """Without the days. Raises NotFound."""
    if asked.case:
        case = case_rows.row(connection, asked.case)
        ids = case_view.sighting_ids(connection, case.pk)
        return _of_one(f" in case {case.id}", ids)
    if asked.notice:
        notice = notice_read.by_id(connection, None, asked.notice)
        ids = [item.sighting.id for item in notice.items]
        return _of_one(f" in notice {notice.id}", ids)
    if asked.campaign:
        seen = campaign_view.view(connection, campaigns.one(connection, asked.campaign))
        if not seen.confirmed:
            raise InputError(
                "no account of this campaign has a confirmed file of its own: nothing of it leaves",
                remedy="Decide its cases first.",
            )
        accounts = tuple(sorted(seen.confirmed))
        within = f" in campaign {seen.campaign.id}"
        return ReportScope(accounts=accounts, within=within, leads=seen.leads)
    if asked.account:
        place = (asked.hub, asked.account)
        which = SightingFilter(hub=asked.hub, author=asked.account)
        if not sightings.count(connection, which):
            raise NotFound(
                "nothing was ever seen at this account",
                remedy="Write the hub and the account as the queue shows them.",
            )
        return ReportScope(accounts=(place,), within=" on one account", one_account=True)
    return EVERYTHING


def _of_one(within: str, ids: Iterable[str]) -> ReportScope:
    return ReportScope(ids=frozenset(ids), within=within, one_account=True)


def _midnight(day: date) -> int:
    """In microseconds."""
    return (day - date(1970, 1, 1)) // timedelta(microseconds=1)
