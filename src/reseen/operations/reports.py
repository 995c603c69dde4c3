"""Reports: what was found, gathered, written and recorded; for the command line and the pages.

What comes in: what a report is about and in which form. What goes out: a file or its bytes. The
line of the audit log is written before anything leaves. Where copies stand is in it only when asked
for.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from reseen.errors import InputError
from reseen.observed import blind_spots
from reseen.operations import exports
from reseen.report import pdf, pdf_report, tables
from reseen.report.blind_rows import BLIND_FIELDS, SCAN_FIELDS, blind_rows, scan_rows
from reseen.report.gather import EVERYTHING, Findings, ReportScope, gather
from reseen.report.rows import row
from reseen.review import case_view, notice_read, said
from reseen.review import cases as case_rows
from reseen.review.roles import Role, Who
from reseen.store.database import Store

FORMATS = ("html", "csv", "jsonl", "xlsx", "pdf")


@dataclass(frozen=True, slots=True)
class ReportAsked:
    """What somebody wants a report about: at most one of case, account and notice."""

    format: str = "html"
    case: str = ""
    hub: str = ""
    account: str = ""
    notice: str = ""
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


def made(store: Store, asked: ReportAsked, who: Who, font: Path | None = None) -> bytes:
    """The report as bytes. Raises AccessError, NotFound, and InputError for what makes no sense."""
    who.must_be(needs(asked))
    if asked.format not in FORMATS:
        raise InputError("no report is written in this form", remedy=f"{', '.join(FORMATS)}.")
    if asked.format == "pdf" and not pdf.available():
        raise InputError(
            "PDFs need the extra `pdf`, which is not installed",
            remedy="Install reseen[pdf], or print the HTML report.",
        )
    findings = found(store, asked, files=asked.format == "html")
    exports.report(
        *(store, asked.format, len(findings.sightings), _what(asked)),
        locations=asked.locations, by=who,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="reseen-") as folder:
        path = Path(folder) / "report"
        write(store, path, findings, asked, font)
        return path.read_bytes()


def found(store: Store, asked: ReportAsked, *, files: bool) -> Findings:
    """What a report is about. Raises NotFound, and InputError for days in the wrong order."""
    with store.read() as connection:
        decided = {id: verdict.value for id, verdict in said.of_sightings(connection).items()}
    return gather(store, files=files, scope=_scope(store, asked), decided=decided)


def write(
    store: Store, path: Path, findings: Findings, asked: ReportAsked, font: Path | None = None
) -> None:
    """Into a file that the caller has made safe."""
    locations = asked.locations
    rows = (row(s, locations=locations) for s in findings.sightings)
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
                more = () if asked.of_one or asked.since or asked.until else (files, scans)
                tables.write_xlsx(path, rows, *more)
        case "csv":
            tables.write_csv(path, rows)
        case _:
            tables.write_jsonl(path, rows)


def _what(asked: ReportAsked) -> str:
    """Which report, for the log: ids that tell nothing, and never an account."""
    of = asked.case or asked.notice or ("an account" if asked.account else "")
    days = " ".join(f"{day:%Y-%m-%d}" for day in (asked.since, asked.until) if day)
    return " ".join(part for part in ("sightings", of, days) if part)


def _scope(store: Store, asked: ReportAsked) -> ReportScope:
    scope = EVERYTHING
    with store.read() as connection:
        if asked.case:
            pk = case_rows.row(connection, asked.case).pk
            ids = case_view.sighting_ids(connection, pk)
            scope = ReportScope(sightings=frozenset(ids), within=f" in case {asked.case}")
        elif asked.notice:
            notice = notice_read.by_id(connection, None, asked.notice)
            ids = [item.sighting.id for item in notice.items]
            scope = ReportScope(sightings=frozenset(ids), within=f" in notice {notice.id}")
        elif asked.hub and asked.account:
            scope = ReportScope(account=(asked.hub, asked.account))
    if asked.since and asked.until and asked.until < asked.since:
        raise InputError("the last day is before the first", remedy="Swap them.")
    since = None if asked.since is None else _midnight(asked.since)
    until = None if asked.until is None else _midnight(asked.until + timedelta(days=1))
    within = scope.within
    if asked.since:
        within += f" from {asked.since:%Y-%m-%d}"
    if asked.until:
        within += f" until {asked.until:%Y-%m-%d}"
    return replace(scope, since=since, until=until, within=within)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
