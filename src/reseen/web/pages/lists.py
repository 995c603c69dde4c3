"""Lists of removals; withdrawing, restoring. `pages.imports` imports them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from reseen.errors import NotFound
from reseen.match import older_sketches
from reseen.observed import artifacts
from reseen.operations import reading
from reseen.operations import removals as operations
from reseen.records import SAID_CLASSES, Removal
from reseen.registry import classes as registry_classes
from reseen.registry import innocents as registry_innocents
from reseen.registry import known_lists, list_looks, removals
from reseen.registry.known_lists import ListedRemovals
from reseen.registry.list_looks import LastImport
from reseen.review import sealed_text
from reseen.review.roles import Role
from reseen.scan import unread_copies
from reseen.web.access import Lead, Reader
from reseen.web.form_values import Text
from reseen.web.forms import UNSENT, SentForm
from reseen.web.pages.removals import SAID
from reseen.web.pages.removals import shown as removal_page
from reseen.web.pages.scans import job_words
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import speech_of

router = APIRouter()


@dataclass(frozen=True, slots=True)
class ListRow:
    """One list on the page."""

    list: ListedRemovals
    last: LastImport | None
    """None: longer ago than is looked through, or not by an import."""

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
    return shown(request, service, who, removal)


def shown(
    request: Request,
    service: Served,
    who: Reader,
    removal: str = "",
    form: SentForm = UNSENT,
) -> Response:
    """The page. `form`: what was typed into one of its forms and could not be taken."""
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
        form=form,
        lists=lists,
        reading=readings,
        goes_on=any(job.ended_at is None for job in readings),
        words=partial(job_words, speech_of(request)),
        seen=seen,
        unread=unread,
        older=older,
        innocents=innocents,
        removal=found,
        proposals=proposals,
        shows_digests=who.role >= Role.REVIEWER,
        said_classes=SAID_CLASSES,
        missing=missing,
        asked=removal[:64],
        may_import=who.role >= Role.LEAD,
        status=404 if missing else form.status,
    )


@router.post("/removals/{id}/withdraw")
def withdraw(request: Request, id: str, service: Served, who: Lead, reason: Text = "") -> Response:
    form = SentForm({"reason": reason})
    done = form.act("reason", lambda: _turned(operations.withdraw, service, who, id, reason))
    if done is None:
        return removal_page(request, service, who, id, form=form)
    return _back(id, "withdrawn" if done.changed else "same")


@router.post("/removals/{id}/restore")
def restore(request: Request, id: str, service: Served, who: Lead, reason: Text = "") -> Response:
    form = SentForm({"reason": reason})
    done = form.act("reason", lambda: _turned(operations.restore, service, who, id, reason))
    if done is None:
        return removal_page(request, service, who, id, form=form)
    reading.queue(service.store, service.settings.hubs, who)
    return _back(id, "restored" if done.changed else "same")


def every(connection: Connection) -> list[ListRow]:
    """Every list with what is in force of it, by name."""
    last = list_looks.last_imports(connection)
    return [ListRow(each, last.get(each.name)) for each in known_lists.every_list(connection)]


def _turned(
    turn: Callable[..., operations.RemovalChanged], service: Served, who: Lead, id: str, reason: str
) -> operations.RemovalChanged:
    why = sealed_text.written(reason, "reason")
    return turn(service.store, service.keyring, id, why, actor=who.actor)


def _back(id: str, done: str) -> Response:
    return RedirectResponse(f"/lists?removal={quote(id, safe='')}&done={done}", status_code=303)
