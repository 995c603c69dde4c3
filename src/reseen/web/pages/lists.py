"""Lists of removals: imported by a lead, with an account of every row; withdrawing, restoring.

An upload is read from its unlinked spool file and never kept; neither are the rows that were
rejected: the person has them. What is shown of a row is its number and the reason.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from reseen.errors import Conflict, InputError, ListError, NotFound, SealError
from reseen.match import older_sketches
from reseen.observed import artifacts
from reseen.operations import reading
from reseen.operations import removals as operations
from reseen.operations.import_process import SHOWN, ImportReport, import_apart
from reseen.records import SAID_CLASSES, Removal
from reseen.registry import claims, removals
from reseen.registry import classes as registry_classes
from reseen.registry import innocents as registry_innocents
from reseen.registry.claims import ListedRemovals
from reseen.registry.imports import ImportOptions
from reseen.registry.lists.columns import parse_map
from reseen.registry.lists.values import RefusedValue
from reseen.registry.rows import check_list_name
from reseen.review import sealed_text
from reseen.review.roles import Role, Who
from reseen.scan import unread_copies
from reseen.store import audit
from reseen.web.access import Lead, Reader
from reseen.web.forms import UNSENT, SentForm
from reseen.web.limits_middleware import LIST
from reseen.web.pages.claims import SAID as CLAIMS_SAID
from reseen.web.pages.scans import job_words
from reseen.web.rendering import page
from reseen.web.service import Served, Service

router = APIRouter()

SAID = {
    **CLAIMS_SAID,
    "withdrawn": "The removal is withdrawn: it no longer counts anywhere.",
    "restored": "The removal is in force again.",
    "same": "It stood like that already.",
}
_MOST_LINES = 2_000
"""Imports of the audit log that are looked through for the last one of each list."""
_importing = threading.Lock()


@dataclass(frozen=True, slots=True)
class ListRow:
    """One list on the page."""

    list: ListedRemovals
    last: int | None
    """When it was imported last, and by whom."""
    by: str | None

    @property
    def name(self) -> str:
        return self.list.name

    @property
    def in_force(self) -> int:
        return self.list.in_force

    @property
    def withdrawn(self) -> int:
        return self.list.removals - self.list.in_force


@router.get("/lists")
def show(request: Request, service: Served, who: Reader, removal: str = "") -> Response:
    return _shown(request, service, who, removal)


@dataclass(frozen=True, slots=True)
class ListForm:
    """What is sent beside a list's file."""

    name: Annotated[str, Form(max_length=200)] = ""
    site: Annotated[str, Form(max_length=300)] = ""
    columns: Annotated[str, Form(max_length=2_000)] = ""
    """Which column is what: "1=name, 3=sha256"."""
    look: Annotated[str, Form(max_length=1)] = ""
    """Say what an import would do, and write nothing."""


@router.post("/lists/import")
def import_one(
    request: Request,
    service: Served,
    who: Lead,
    sent: Annotated[ListForm, Depends()],
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    form = SentForm({"name": sent.name, "site": sent.site, "columns": sent.columns})
    options = form.take("name", lambda: _options(sent.name, sent.site, who), None)
    mapped = form.take("columns", lambda: _mapped(sent.columns), None)
    if options is not None and mapped is not None:
        options = replace(options, columns=mapped, dry_run=bool(sent.look))
    else:
        options = None
    spool = form.take("file", lambda: _spooled(file), None)
    imported = None
    if options is not None and spool is not None:
        imported = form.take("file", lambda: _imported(service, spool, options), None)
        if imported is not None and not sent.look:
            reading.queue(service.store, service.settings.hubs, who)
    if imported is None:
        return _shown(request, service, who, form=form)
    return _shown(request, service, who, imported=imported)


def _options(name: str, site: str, who: Who) -> ImportOptions:
    if not name.strip():
        raise InputError(
            "the list has no name", remedy="Give it a plain one: it is shown everywhere."
        )
    try:
        check_list_name(name)
    except RefusedValue as refused:
        raise InputError(
            str(refused), remedy="Give it a plain one: it is shown everywhere."
        ) from None
    return ImportOptions(
        list_name=name.strip(), site=site.strip() or None, keep_rejects=False, actor=who.actor
    )


def _mapped(columns: str) -> dict[str, str]:
    """What is typed of columns: "1=name, 3=sha256". Raises InputError."""
    pairs = [pair for part in re.split(r"[,;\n]", columns) if (pair := part.strip())]
    try:
        parse_map(pairs)
    except InputError:
        raise InputError(
            "a column is not given as NUMBER=FIELD, with a field that Reseen knows",
            remedy="For example 1=name, 3=sha256; docs/lists.md names the fields.",
        ) from None
    return {column: field for column, _, field in (pair.rpartition("=") for pair in pairs)}


def _imported(service: Service, file: int, options: ImportOptions) -> ImportReport:
    if service.keyring is None:
        raise SealError(
            "names cannot be sealed: the key is not here",
            remedy="Give the service the key in RESEEN_KEY or RESEEN_KEY_FILE.",
        )
    if not _importing.acquire(blocking=False):
        raise Conflict("another list is being imported", remedy="Wait for it, then try again.")
    try:
        return import_apart(service.settings, file, options)
    except InputError as error:
        if "--" in (error.remedy or ""):  # an option of the command
            remedy = "Say which column is what, by its number: 2=sha256. Choose the file again."
            raise InputError(str(error), remedy=remedy) from None
        raise
    finally:
        _importing.release()


@router.post("/removals/{id}/withdraw")
def withdraw(
    id: str, service: Served, who: Lead, reason: Annotated[str, Form(max_length=20_000)] = ""
) -> Response:
    why = sealed_text.written(reason, "reason")
    done = operations.withdraw(service.store, service.keyring, id, why, actor=who.actor)
    return _back(id, "withdrawn" if done.changed else "same")


@router.post("/removals/{id}/restore")
def restore(
    id: str, service: Served, who: Lead, reason: Annotated[str, Form(max_length=20_000)] = ""
) -> Response:
    why = sealed_text.written(reason, "reason")
    done = operations.restore(service.store, service.keyring, id, why, actor=who.actor)
    reading.queue(service.store, service.settings.hubs, who)
    return _back(id, "restored" if done.changed else "same")


def _shown(
    request: Request,
    service: Served,
    who: Reader,
    removal: str = "",
    *,
    imported: ImportReport | None = None,
    form: SentForm = UNSENT,
) -> Response:
    found: Removal | None = None
    missing = False
    proposals: dict[int, registry_classes.Proposal] = {}
    with service.store.read() as connection:
        lists = every(connection)
        readings = [
            job
            for hub in service.settings.hubs
            if (job := reading.last_read(connection, hub.name)) is not None
        ]
        seen = artifacts.count(connection)
        unread = unread_copies.count(connection)
        older = older_sketches.count(connection)
        innocents = Counter(one.state.value for one in registry_innocents.every(connection))
        if removal.strip():
            try:
                found = removals.by_id(connection, removal[:64])
                proposals = registry_classes.proposals(connection, found.id)
            except NotFound:
                missing = True
    return page(
        request,
        "lists.html",
        who,
        said=SAID,
        lists=lists,
        imported=imported,
        reading=readings,
        goes_on=any(job.ended_at is None for job in readings),
        words=job_words,
        seen=seen,
        unread=unread,
        older=older,
        innocents=innocents,
        account=imported.account if imported else None,
        most_rejected=SHOWN,
        removal=found,
        proposals=proposals,
        shows_digests=who.role >= Role.REVIEWER,
        said_classes=SAID_CLASSES,
        missing=missing,
        asked=removal[:64],
        may_import=who.role >= Role.LEAD,
        most=LIST,
        form=form,
        status=404 if missing else form.status,
    )


def every(connection: Connection) -> list[ListRow]:
    """Every list with what is in force of it, by name."""
    last: dict[str, audit.AuditLine] = {}
    for line in audit.latest(connection, {"action": "import"}, most=_MOST_LINES):
        last.setdefault(str(line.details.get("list", "")), line)
    return [
        ListRow(
            each,
            last[each.name].moment if each.name in last else None,
            last[each.name].actor if each.name in last else None,
        )
        for each in claims.every_list(connection)
    ]


def _spooled(file: UploadFile | None) -> int:
    """An upload's spool file, which has no name on any disk, by its descriptor. Raises ListError,
    and InputError where there is none."""
    if file is None or not file.filename:
        raise InputError("no file was chosen", remedy="Choose a list: CSV, XLSX, JSON ...")
    if (file.size or 0) > LIST:
        raise ListError(
            f"the list is larger than {LIST >> 20} MiB",
            remedy="Import it with: reseen registry import",
        )
    spool = file.file
    spool.seek(0)
    rollover = getattr(spool, "rollover", None)
    if rollover is not None:
        rollover()
    return int(spool.fileno())


def _back(id: str, done: str) -> Response:
    return RedirectResponse(f"/lists?removal={quote(id, safe='')}&done={done}", status_code=303)
