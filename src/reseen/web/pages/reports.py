"""Reports and exports from the page: of everything, a case, an account, a notice, a campaign, or
some days.

What comes in: a form. What goes out: a file, and a line of the audit log that says so. Which role
may have which, `operations.reports` and `operations.case_export` say.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from typing import Annotated
from urllib.parse import parse_qsl, unquote

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, Field

from reseen.errors import InputError, NotFound
from reseen.operations import case_export, page_imports, reports
from reseen.operations.reports import ReportAsked
from reseen.registry.list_rows import ListRows
from reseen.report import pdf
from reseen.review.case_filter import CaseFilter
from reseen.review.roles import Role, Who
from reseen.web.access import Reviewer
from reseen.web.forms import UNSENT, SentForm
from reseen.web.pages.imports import importer_of, sent_file
from reseen.web.rendering import attached, page
from reseen.web.service import Served
from reseen.web.speech import N_

router = APIRouter()

KINDS = {
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
FORMS = (
    ("html", N_("HTML: findings in words, figures, evidence")),
    ("pdf", N_("PDF: the same to print and to send")),
    ("xlsx", N_("XLSX: a workbook")),
    ("csv", N_("CSV: a table")),
    ("jsonl", N_("JSON Lines: for programs")),
)


@dataclass(frozen=True, slots=True)
class ReportForm:
    """What a report is about, as a person typed it. `place`: hub and account, percent-encoded with
    a slash between them."""

    format: Annotated[str, Form(max_length=10)] = "html"
    case: Annotated[str, Form(max_length=64)] = ""
    place: Annotated[str, Form(max_length=3000)] = ""
    notice: Annotated[str, Form(max_length=64)] = ""
    campaign: Annotated[str, Form(max_length=64)] = ""
    since: Annotated[str, Form(max_length=20)] = ""
    until: Annotated[str, Form(max_length=20)] = ""
    locations: Annotated[str, Form(max_length=3)] = ""


class ExportForm(BaseModel):
    """Which cases of the queue. `filter`: as the queue's address has it."""

    format: str = Field("csv", max_length=10)
    filter: str = Field("", max_length=4000)
    locations: str = Field("", max_length=3)


@router.get("/reports")
def show(
    request: Request,
    who: Reviewer,
    case: str = "",
    place: str = "",
    notice: str = "",
    campaign: str = "",
) -> Response:
    """What can be had. Showing it writes nothing."""
    typed = {"case": case, "place": place, "notice": notice, "campaign": campaign}
    return _page(request, who, SentForm(typed))


@router.post("/reports")
def make(
    request: Request,
    service: Served,
    who: Reviewer,
    sent: Annotated[ReportForm, Depends()],
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """The report as a file; recorded."""
    form = SentForm(asdict(sent))
    hub, account = form.take("place", lambda: _place(sent.place), ("", ""))
    since = form.take("since", lambda: _day(sent.since), None)
    until = form.take("until", lambda: _day(sent.until), None)
    nothing: ListRows | None = None
    rows = nothing
    if not form.wrong and file is not None and file.filename:
        importer = importer_of(request, service, who)
        about = partial(page_imports.rows_about, importer)
        rows = form.take("file", lambda: about(sent_file(file)), nothing)
    if form.wrong:
        return _page(request, who, form)
    asked = ReportAsked(
        sent.format, sent.case.strip(), hub, account, sent.notice.strip(), sent.campaign.strip(),
        since, until, sent.locations == "yes",
    )  # fmt: skip
    try:
        content = reports.made(service.store, asked, who, service.settings.pdf_font, rows)
    except InputError as error:
        form.wrong[""] = error
        return _page(request, who, form)
    except NotFound as error:  # of the one that was named: `made` takes no second
        every = ("case", "notice", "campaign", "place")
        named = (name for name in every if form.typed(name).strip())
        form.wrong[next(named, "")] = error
        return _page(request, who, form)
    return _file(content, asked.format, "reseen-report")


@router.post("/queue/export")
def export(service: Served, who: Reviewer, sent: Annotated[ExportForm, Form()]) -> Response:
    """The cases of a filter as a table; recorded."""
    which = CaseFilter.parse(dict(parse_qsl(sent.filter, keep_blank_values=True)))
    locations = sent.locations == "yes"
    content = case_export.made(service.store, which, who, sent.format, locations=locations)
    return _file(content, sent.format, "reseen-cases")


def _page(request: Request, who: Who, form: SentForm) -> Response:
    return page(
        request,
        "reports.html",
        who,
        status=form.status,
        form=form if form.values else UNSENT,
        forms=[each for each in FORMS if each[0] != "pdf" or pdf.available()],
        pdf=pdf.available(),
        may_locate=who.role >= Role.LEAD,
    )


def _place(text: str) -> tuple[str, str]:
    if not text.strip():
        return "", ""
    hub, slash, account = (unquote(part) for part in text.strip().partition("/"))
    if not (hub and slash and account) or "\0" in hub + account:
        raise InputError("this is no account", remedy="Write HUB/ACCOUNT.")
    return hub, account


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InputError("this is no day", remedy="Write it as 2026-11-29.") from None


def _file(content: bytes, format: str, name: str) -> Response:
    return Response(content, media_type=KINDS[format], headers=attached(f"{name}.{format}"))
