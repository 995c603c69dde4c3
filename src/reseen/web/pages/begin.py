"""The first steps in one form: a list, what to look at, and who else comes in.

What comes in: a form of the start page, of which any part may be left empty. What goes out: a page
that says what was done, with the links of whoever was invited, this once. Nothing is done before
all of the form is understood; a list that cannot be imported as it is waits where lists are sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import Response

from reseen.errors import AccessError, InputError
from reseen.operations import invitations, jobs, page_imports, scans
from reseen.operations.import_process import ImportReport
from reseen.operations.invitations import Invited
from reseen.registry.imports import ImportOptions
from reseen.review.roles import Role, Who
from reseen.review.users import normal_name
from reseen.scan.target import Options, Target, target_naming
from reseen.settings import HubSettings
from reseen.web import form_values
from reseen.web.access import Lead
from reseen.web.forms import SentForm
from reseen.web.pages import start
from reseen.web.pages.imports import importer_of, list_name, sent_file
from reseen.web.pages.users import links_of, people_named
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()


@dataclass(frozen=True, slots=True)
class BeginForm:
    """What is typed beside the list's file."""

    name: Annotated[str, Form(max_length=200)] = ""
    places: Annotated[str, Form(max_length=100_000)] = ""
    people: Annotated[str, Form(max_length=5_000)] = ""


@router.post("/begin")
def begin(
    request: Request,
    service: Served,
    who: Lead,
    sent: Annotated[BeginForm, Depends()],
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    form = SentForm({"name": sent.name, "places": sent.places, "people": sent.people})
    has_file = file is not None and bool(file.filename)
    hub = service.settings.hubs[0]
    listed = form.take("name", lambda: list_name(sent.name), "") if has_file else ""
    spool = form.take("file", lambda: sent_file(file), None) if has_file else None
    no_target: Target | None = None
    target = form.take("places", lambda: _target(sent.places, hub), no_target)
    nobody: list[str] = []
    people = form.take("people", lambda: _people(sent.people, who), nobody)
    if not (form.wrong or has_file or target or people):
        form.wrong[""] = InputError("nothing was filled in", remedy="Any one of it is enough.")
    report: ImportReport | None = None
    if spool is not None and not form.wrong:
        importer = importer_of(request, service, who)
        kept = form.take("file", lambda: page_imports.keep(importer, spool, listed), None)
        if kept is not None:
            options = ImportOptions(list_name=listed, keep_rejects=False)
            report = form.take(
                "file", lambda: page_imports.import_kept(importer, kept.id, options), None
            )
    no_links: list[Invited] = []
    invited = no_links
    if people and not form.wrong:
        invited = form.take(
            "people",
            lambda: invitations.invite(service.store, people, Role.REVIEWER, who),
            no_links,
        )
    if form.wrong:
        return start.shown(request, service, who, form)
    job = None
    if target is not None:
        job, _ = scans.queue(service.store, jobs.scan_of(target, Options()), who)
    return page(
        request,
        "begun.html",
        who,
        report=report,
        job=job,
        links=links_of(request, service, invited),
    )


def _target(places: str, hub: HubSettings) -> Target | None:
    """Accounts, and repositories by their names or addresses; None for nothing. Raises
    InputError."""
    words = [word for word in re.split(r"[\s,]+", places) if word]
    repos = form_values.repositories("\n".join(w for w in words if "/" in w), hub)
    names = form_values.names("\n".join(w for w in words if "/" not in w), form_values.account)
    if not words:
        return None
    return replace(target_naming(repos, [], more=bool(names)), authors=tuple(names))


def _people(given: str, who: Who) -> list[str]:
    """Raises InputError and AccessError."""
    if not given.strip():
        return []
    if who.role < Role.ADMINISTRATOR:
        raise AccessError("only an administrator invites people", remedy="Leave this empty.")
    return [normal_name(name) for name in people_named(given)]
