"""Hubs that can be asked by hash: what would go out, the switch, questions, and what was asked.

Leads see it and ask; administrators switch.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from reseen.errors import InputError, NotFound
from reseen.hubs.hub import Askable
from reseen.hubs.kinds import by_hash, stored_name
from reseen.operations import asking, asking_jobs
from reseen.operations.asking import Asks
from reseen.review.roles import Role
from reseen.settings import HubSettings
from reseen.store.audit import AuditLine
from reseen.web.access import Administrator, Lead
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import N_

router = APIRouter()

SAID = {
    "switched": N_("Switched, and recorded. Nothing was asked by that."),
    "same": N_("Nothing was different."),
}
ASKS = {
    Asks.ORIGIN: N_("only for removals whose former link was there"),
    Asks.ALL: N_("for all removals in force"),
    Asks.NOTHING: N_("for nothing"),
}
_MOST_LISTS = 50
_MOST_ASKED = 50


@router.get("/asking")
def every(request: Request, service: Served, who: Lead) -> Response:
    every_hub = [(hub, by_hash(hub)) for hub in service.settings.hubs]
    with service.store.read() as connection:
        hubs = [(hub, able, *_state(connection, hub)) for hub, able in every_hub if able]
    return page(
        request,
        "asking.html",
        who,
        hubs=hubs,
        cannot=[hub for hub, able in every_hub if not able],
        asks_words=ASKS,
    )


@router.get("/asking/{hub}")
def one(request: Request, hub: str, service: Served, who: Lead) -> Response:
    asked_hub, able = _hub(service, hub)
    now = asking.preview(service.store, asked_hub)
    # What a switch would be of is counted for whoever may switch.
    choices = _choices(able) if who.role >= Role.ADMINISTRATOR else ()
    with service.store.read() as connection:
        switched = asking.switch_line(connection, stored_name(asked_hub))
        asked = asking.asked_lines(connection, stored_name(asked_hub), most=_MOST_ASKED)
        last = asking_jobs.last(connection, asked_hub)
    return page(
        request,
        "asking_hub.html",
        who,
        said=SAID,
        hub=asked_hub,
        able=able,
        about=now,
        lists=now.lists[:_MOST_LISTS],
        choices=[
            (each, now if each is now.asks else asking.preview(service.store, asked_hub, each))
            for each in choices
        ],
        switched=switched,
        asked=asked,
        most_asked=_MOST_ASKED,
        last=last,
        nothing=Asks.NOTHING,
        asks_words=ASKS,
    )


@router.post("/asking/{hub}/ask")
def ask(hub: str, service: Served, who: Lead) -> Response:
    id, new = asking_jobs.queue(service.store, _hub(service, hub)[0], who)
    return RedirectResponse(f"/scans/{id}?done={'asked' if new else 'there'}", status_code=303)


@router.post("/asking/{hub}/switch")
def switch(
    hub: str,
    service: Served,
    who: Administrator,
    asks: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    asked_hub, able = _hub(service, hub)
    if asks not in _choices(able):
        raise InputError("there is no such choice", remedy="Choose one of those shown.")
    with service.store.read() as connection:
        before = asking.asks_of(connection, stored_name(asked_hub))
    if before is not Asks(asks):
        asking.switch(service.store, asked_hub, Asks(asks), actor=who.actor)
    done = "same" if before is Asks(asks) else "switched"
    return RedirectResponse(f"/asking/{asked_hub.name}?done={done}", status_code=303)


def _choices(able: Askable) -> tuple[Asks, ...]:
    """No former link is at a locator."""
    return (Asks.NOTHING, Asks.ALL) if able.locates else (Asks.NOTHING, Asks.ORIGIN, Asks.ALL)


def _hub(service: Served, name: str) -> tuple[HubSettings, Askable]:
    """A hub of the settings that can be asked, by its name. Raises NotFound."""
    for hub in service.settings.hubs:
        if hub.name == name and (able := by_hash(hub)):
            return hub, able
    raise NotFound(
        "no hub of this name can be asked by hash", remedy="The page of questions shows which can."
    )


def _state(
    connection: Connection, hub: HubSettings
) -> tuple[Asks, AuditLine | None, AuditLine | None]:
    """What a hub is asked for, how that was switched last, and what was asked last."""
    stored = stored_name(hub)
    lines = asking.asked_lines(connection, stored, most=1)
    switched = asking.switch_line(connection, stored)
    return asking.asks_by(switched, stored), switched, lines[0] if lines else None
