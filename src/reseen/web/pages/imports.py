"""A list is imported by a lead: sent, looked at with its first rows, mapped, imported or thrown
away. What is shown of a rejected row is its number and the reason.

Values of the list stand in answers to what is sent, and in no page that is fetched: showing them is
recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from reseen.errors import InputError, ListError, ReseenError
from reseen.observed import artifacts
from reseen.operations import page_imports
from reseen.operations.import_process import SHOWN, ImportReport
from reseen.operations.lists import ListPreview
from reseen.operations.page_imports import REJECTS, Importer
from reseen.records import SAID_CLASSES, RemovalClass
from reseen.registry import one_list
from reseen.registry.classes import class_named
from reseen.registry.draft import check_list_name
from reseen.registry.imports import ImportOptions
from reseen.registry.lists.columns import ListColumn
from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.values import RefusedValue
from reseen.review.roles import Who
from reseen.store.kept_files import KeptFile
from reseen.web.access import Lead, session_of
from reseen.web.forms import UNSENT, SentForm
from reseen.web.limits_middleware import LIST
from reseen.web.rendering import attached, page
from reseen.web.service import Served, Service, service_of
from reseen.web.speech import N_

router = APIRouter()

SAID = {"thrown": N_("The list is thrown away: nothing of it is kept.")}
_AS_RECOGNISED = ""
_COLUMN = re.compile(r"column-([1-9]\d{0,3})")
FIELDS = tuple((field.value, field.value.replace("-", " ")) for field in ListField)


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column of a list on the page."""

    number: int
    heading: str
    taken_as: str
    """The field; empty: nothing is taken from it."""
    looks: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableRows:
    """One table of a list, column by column."""

    place: str
    numbers: tuple[int, ...]
    """Of the rows whose values are shown."""
    columns: tuple[ColumnRow, ...]
    more_columns: int


@router.get("/lists/import")
def begin(request: Request, service: Served, who: Lead) -> Response:
    return _begun(request, service, who)


@router.post("/lists/import")
def send(
    request: Request,
    service: Served,
    who: Lead,
    name: Annotated[str, Form(max_length=200)] = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    form = SentForm({"name": name})
    importer = importer_of(request, service, who)
    plain = form.take("name", lambda: list_name(name), "")
    sent = form.take("file", lambda: sent_file(file), None)
    kept = None
    if sent is not None and not form.wrong:
        kept = form.take("file", lambda: page_imports.keep(importer, sent, plain), None)
    if kept is None:
        return _begun(request, service, who, form)
    return _looked_at(request, importer, kept.id, SentForm({"name": name}))


@router.post("/lists/import/{id}/look")
async def look(request: Request, id: str, service: Served, who: Lead) -> Response:
    """The columns are taken for what the form says."""
    form = await _typed(request)
    importer = importer_of(request, service, who)
    return await run_in_threadpool(_looked_at, request, importer, id, form)


@router.post("/lists/import/{id}/import")
async def go_on(request: Request, id: str, service: Served, who: Lead) -> Response:
    form = await _typed(request)
    importer = importer_of(request, service, who)
    return await run_in_threadpool(_imported, request, importer, id, form)


@router.post("/lists/import/{id}/throw-away")
def throw_away(request: Request, id: str, service: Served, who: Lead) -> Response:
    page_imports.throw_away(importer_of(request, service, who), id)
    return RedirectResponse("/lists/import?done=thrown", status_code=303)


@router.post("/lists/import/{id}/rejects")
def rejects(request: Request, id: str, service: Served, who: Lead) -> Response:
    """The rejected rows, once."""
    rows = page_imports.take_rejects(importer_of(request, service, who), id)
    headers = attached("rejected-rows.csv")
    return Response(rows, media_type="text/csv; charset=utf-8", headers=headers)


# -- pages -----------------------------------------------------------------------------------------


def _begun(request: Request, service: Service, who: Lead, form: SentForm = UNSENT) -> Response:
    importer = importer_of(request, service, who)
    return page(
        request,
        "import.html",
        who,
        status=form.status,
        said=SAID,
        form=form,
        most=LIST,
        waiting=page_imports.waiting(importer),
        rejects=page_imports.waiting(importer, REJECTS),
    )


def _looked_at(request: Request, importer: Importer, id: str, form: SentForm) -> Response:
    options = _options(form)
    looked: dict[str, ReseenError] = {}
    found: ListPreview | None = None
    try:
        found = page_imports.preview(importer, id, options)
        if found.problem is not None and not found.heads:  # it is no list: no column can be chosen
            page_imports.throw_away(importer, id)
            form.wrong = {"file": found.problem}
            return _begun(request, service_of(request), importer.who, form)
        if found.problem is not None:
            looked[""] = found.problem
    except ReseenError as error:
        looked[""] = error
    form.wrong = {**looked, **form.wrong}
    kept = page_imports.waiting(importer)
    if kept is None or kept.id != id:  # it went meanwhile, or was another
        return _begun(request, service_of(request), importer.who, form)
    return page(
        request,
        "import_preview.html",
        importer.who,
        status=form.status,
        form=form,
        id=id,
        waiting=kept,
        account=None if found is None else found.account,
        rejected=0 if found is None else found.rejected,
        most_rejected=SHOWN,
        tables=() if found is None else _tables(found),
        fields=FIELDS,
        classes=SAID_CLASSES,
    )


def _imported(request: Request, importer: Importer, id: str, form: SentForm) -> Response:
    options = _options(form)
    done: tuple[ImportReport, KeptFile | None] | None = None
    if not form.wrong:
        done = form.take("", lambda: page_imports.import_kept(importer, id, options), None)
    if done is None:
        return _looked_at(request, importer, id, form)
    account = account_of(service_of(request), *done)
    return page(request, "imported.html", importer.who, **account)


def account_of(service: Service, report: ImportReport, rejects: KeptFile | None) -> dict[str, Any]:
    """What `imported.html` draws: the whole account of an import."""
    with service.store.read() as connection:
        seen = artifacts.count(connection)
        number = one_list.number_of(connection, report.account.list)
    return {
        "imported": report,
        "account": report.account,
        "rejected": report.rejected,
        "most_rejected": SHOWN,
        "seen": seen,
        "rejects": rejects,
        "list_number": number,
    }


def _tables(found: ListPreview) -> tuple[TableRows, ...]:
    said: dict[tuple[str, int], ListColumn] = {}
    if found.account is not None:
        said = {(place, column.number): column for place, column in found.account.columns}
    tables = []
    for head in found.heads:
        width = max([len(head.columns), *(len(cells) for _, cells in head.rows)], default=0)
        columns = []
        for at in range(width):
            column = said.get((head.place, at + 1))
            columns.append(
                ColumnRow(
                    number=at + 1,
                    heading=head.columns[at] if at < len(head.columns) else "",
                    taken_as=column.field.value if column and column.field else "",
                    looks=column.looks if column else "",
                    values=tuple(cells[at] if at < len(cells) else "" for _, cells in head.rows),
                )
            )
        numbers = tuple(number for number, _ in head.rows)
        tables.append(TableRows(head.place, numbers, tuple(columns), head.more_columns))
    return tuple(tables)


# -- what is sent ----------------------------------------------------------------------------------


def importer_of(request: Request, service: Service, who: Who) -> Importer:
    session = session_of(request)
    assert session is not None  # the role was asked for
    return Importer(service.store, service.settings, service.keyring, who, session.token)


async def _typed(request: Request) -> SentForm:
    """The fields of the preview: those of columns have names by their numbers."""
    values: dict[str, str] = {}
    for name, value in (await request.form()).items():
        if isinstance(value, str):
            values[name] = value[:300]
    return SentForm(values)


def _options(form: SentForm) -> ImportOptions:
    """How to read the list; where a field is wrong, which the form says then, as if it were not
    filled in: enough to show what an import would do."""
    name = form.take("name", lambda: list_name(form.typed("name")), "list")
    no_class: RemovalClass | None = None
    said = form.typed("cls")
    cls = form.take("cls", lambda: class_named(said) if said else None, no_class)
    no_columns: dict[str, str] = {}
    columns = form.take("columns", lambda: _mapped(form.values), no_columns)
    site = form.typed("site").strip() or None
    return ImportOptions(list_name=name, site=site, columns=columns, cls=cls, keep_rejects=False)


def list_name(given: str) -> str:
    if not given.strip():
        raise InputError(
            "the list has no name", remedy="Give it a plain one: it is shown everywhere."
        )
    try:
        return check_list_name(given)
    except RefusedValue as refused:
        raise InputError(
            str(refused), remedy="Give it a plain one: it is shown everywhere."
        ) from None


def _mapped(values: Mapping[str, object]) -> dict[str, str]:
    """The columns that a person says are something else than they are taken for."""
    known = {value for value, _ in FIELDS}
    mapped: dict[str, str] = {}
    for name, value in values.items():
        column = _COLUMN.fullmatch(name)
        if column is None or value == _AS_RECOGNISED:
            continue
        if value not in known:
            raise InputError("there is no such field", remedy="Choose one of those shown.")
        mapped[column[1]] = str(value)
    return mapped


def sent_file(file: UploadFile | None) -> BinaryIO:
    """An upload's spool file, which has no name on any disk. Raises ListError, and InputError where
    there is none."""
    if file is None or not file.filename:
        raise InputError("no file was chosen", remedy="Choose a list: CSV, XLSX, JSON ...")
    if (file.size or 0) > LIST:
        raise ListError(
            f"the list is larger than {LIST >> 20} MiB",
            remedy="Import it with: reseen registry import",
        )
    return file.file
