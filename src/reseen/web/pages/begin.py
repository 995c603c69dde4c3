"""The first steps in one form: a list, what to look at, and who else comes in.

What comes in: a form of the start page, of which any part may be left empty. What goes out: a page
that says what was done, with the links of whoever was invited, this once. Nothing is done before
all of the form is understood; a list that cannot be imported as it is waits where lists are sent.
What cannot be done after something else was, the page says too: a form that is sent once more would
do the rest twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import Response

from reseen.errors import AccessError, InputError
from reseen.operations import invitations, jobs, page_imports, scans
from reseen.operations.import_process import ImportReport
from reseen.operations.invitations import Invited
from reseen.operations.page_imports import Importer
from reseen.records import RepoType
from reseen.registry.imports import ImportOptions
from reseen.review.roles import Role, Who
from reseen.review.users import must_be_free
from reseen.scan.target import Options, Target, target_naming
from reseen.settings import HubSettings
from reseen.store.kept_files import KeptFile
from reseen.web import form_values
from reseen.web.access import Lead, proved_lately
from reseen.web.form_values import OF_LINES
from reseen.web.forms import SentForm
from reseen.web.pages import start
from reseen.web.pages.imports import account_of, importer_of, list_name, sent_file
from reseen.web.pages.users import links_of, people_named
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.typed_lines import read_each, repositories_of

router = APIRouter()


@dataclass(frozen=True, slots=True)
class BeginForm:
    """What is typed beside the list's file."""

    name: Annotated[str, Form(max_length=200)] = ""
    places: Annotated[str, Form(max_length=100_000), OF_LINES] = ""
    people: Annotated[str, Form(max_length=5_000), OF_LINES] = ""


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
    people = form.take("people", lambda: _people(request, service, who, sent.people), nobody)
    if not (form.wrong or has_file or target or people):
        form.wrong[""] = InputError("nothing was filled in", remedy="Any one of it is enough.")
    imported: tuple[ImportReport, KeptFile | None] | None = None
    if spool is not None and not form.wrong:
        importer = importer_of(request, service, who)
        imported = form.take("file", lambda: _imported(importer, spool, listed), None)
    if form.wrong:
        return start.shown(request, service, who, form)
    job: str | None = None
    if target is not None:
        asked = jobs.scan_of(target, Options())
        job = form.take("places", lambda: scans.queue(service.store, asked, who)[0], None)
    invited: list[Invited] = []
    if people and (
        imported or not form.wrong
    ):  # last: a link is shown once, and lost with a refusal
        invite = partial(invitations.invite, service.store, people, Role.REVIEWER, who)
        invited = form.take("people", invite, invited)
    if form.wrong and not (imported or job):
        return start.shown(request, service, who, form)
    return page(
        request,
        "begun.html",
        who,
        status=form.status,
        form=form,
        **(account_of(service, *imported) if imported else {"imported": None}),
        job=job,
        links=links_of(request, service, invited),
    )


def _imported(
    importer: Importer, spool: BinaryIO, name: str
) -> tuple[ImportReport, KeptFile | None]:
    """Raises as `page_imports.keep` and `page_imports.import_kept` do."""
    kept = page_imports.keep(importer, spool, name)
    options = ImportOptions(list_name=name, keep_rejects=False)
    return page_imports.import_kept(importer, kept.id, options)


def _target(places: str, hub: HubSettings) -> Target | None:
    """Accounts, and repositories by their names or addresses; None for nothing. Raises
    InputError."""

    def one(place: str) -> str | tuple[tuple[str, RepoType | None], ...]:
        return repositories_of(place, hub) if "/" in place else form_values.account(place)

    read = read_each(places, one)
    names = [place for place in read if isinstance(place, str)]
    repos = [repo for place in read if not isinstance(place, str) for repo in place]
    if not read:
        return None
    return replace(target_naming(repos, [], more=bool(names)), authors=tuple(names))


def _people(request: Request, service: Served, who: Who, given: str) -> list[str]:
    """Whom an administrator invites, as on the page of users. Raises InputError, AccessError and
    Conflict."""
    if not given.strip():
        return []
    if who.role < Role.ADMINISTRATOR:
        raise AccessError("only an administrator invites people", remedy="Leave this empty.")
    proved_lately(request)
    names = people_named(given)
    with service.store.read() as connection:
        must_be_free(connection, names)
    return names
