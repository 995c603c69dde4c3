"""Known innocents: adapters that many merges have in them. Seen by all, confirmed and removed by
leads; a file is proposed where the file is, on the command line."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import InputError
from reseen.operations import innocents as acts
from reseen.registry import innocents
from reseen.review import sealed_text, users
from reseen.review.roles import Role
from reseen.web.access import Lead, Reader
from reseen.web.form_values import Text
from reseen.web.forms import UNSENT, SentForm
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import N_

router = APIRouter()

SAID = {
    "confirmed": N_(
        "Confirmed by two people: it is in use. What rested on not knowing it was judged again."
    ),
    "removed": N_("It is removed. What it hid is found again."),
}


@router.get("/innocents")
def show(request: Request, service: Served, who: Reader) -> Response:
    return _shown(request, service, who, UNSENT)


def _shown(request: Request, service: Served, who: Reader, form: SentForm) -> Response:
    with service.store.read() as connection:
        every = innocents.every(connection)
        named = {user.pk: user.name for user in users.every(connection)}
    return page(
        request,
        "innocents.html",
        who,
        status=form.status,
        said=SAID,
        form=form,
        innocents=every,
        named=named,
        states=innocents.InnocentState,
        may_act=who.role >= Role.LEAD,
    )


@router.post("/innocents/{id}")
def change(
    request: Request,
    id: str,
    service: Served,
    who: Lead,
    act: Annotated[str, Form(max_length=40)] = "",
    reason: Text = "",
) -> Response:
    """One of them, by the second pair of eyes; or taken out."""
    form = SentForm({f"why-{id}": reason, f"act-{id}": act})
    done = form.act(f"why-{id}", lambda: _turned(service, who, id, act, reason))
    if done is None:
        return _shown(request, service, who, form)
    return RedirectResponse(f"/innocents?done={done}", status_code=303)


def _turned(service: Served, who: Lead, id: str, act: str, reason: str) -> str:
    """What was done."""
    why = sealed_text.written(reason, "reason")
    turns = {"confirm": (acts.confirm, "confirmed"), "remove": (acts.remove, "removed")}
    if act not in turns:
        raise InputError("there is nothing of that kind to do", remedy="Choose one of those shown.")
    turn, done = turns[act]
    turn(service.store, service.keyring, id, why, by=who)
    return done
