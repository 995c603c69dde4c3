"""What lists say of removals, changed by a lead: single claims, classes, whole lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import InputError
from reseen.operations import classes, reading, removals
from reseen.registry.classes import class_named
from reseen.review import sealed_text
from reseen.review.roles import Who
from reseen.web.access import Lead
from reseen.web.form_values import Text
from reseen.web.forms import SentForm
from reseen.web.pages import lists
from reseen.web.pages.removals import shown
from reseen.web.service import Served, Service

router = APIRouter()

Word = Annotated[str, Form(max_length=40)]


@router.post("/removals/{id}/claims/{number}")
def change_claim(
    request: Request,
    id: str,
    number: str,
    service: Served,
    who: Lead,
    act: Word = "",
    reason: Text = "",
) -> Response:
    """One row of a list, or what was learned from bytes: taken out of use, put back, settled."""
    field = f"why-{number}"
    form = SentForm({field: reason, f"act-{number}": act})
    done = form.act(field, lambda: _claim_act(service, who, f"{id}/{number}", act, reason))
    if done is None:
        return shown(request, service, who, id, form=form)
    reading.queue(service.store, service.settings.hubs, who)
    return _to(id, done)


@router.post("/removals/{id}/class")
def change_class(
    request: Request, id: str, service: Served, who: Lead, said: Word = "", reason: Text = ""
) -> Response:
    """Of which class a removal is."""

    def classify() -> removals.RemovalChanged:
        why, cls = sealed_text.written(reason, "reason"), class_named(said)
        return classes.classify(service.store, service.keyring, id, cls, why, actor=who.actor)

    form = SentForm({"class-reason": reason, "said": said})
    done = form.act("class-reason", classify)
    if done is None:
        return shown(request, service, who, id, form=form)
    reading.queue(service.store, service.settings.hubs, who)
    return _to(id, "class" if done.changed else "same")


@router.post("/lists/change")
def change_list(
    request: Request,
    service: Served,
    who: Lead,
    name: Annotated[str, Form(max_length=200)] = "",
    act: Word = "",
    reason: Text = "",
) -> Response:
    """A whole list: withdrawn, restored; by an administrator marked as entitled to say the class
    that is never read."""
    form = SentForm({"list-why": reason, "list-act": act, "list": name})
    changed = form.act("list-why", lambda: _list_act(service, who, name, act, reason))
    if changed is None:
        return lists.shown(request, service, who, form=form)
    reading.queue(service.store, service.settings.hubs, who)
    return RedirectResponse(f"/lists?done={'list' if changed else 'same'}", status_code=303)


def _claim_act(service: Service, who: Who, claim: str, act: str, reason: str) -> str:
    store, keyring = service.store, service.keyring
    why = sealed_text.written(reason, "reason")
    if act in ("take-back", "put-back"):
        turn = removals.take_back if act == "take-back" else removals.put_back
        done = turn(store, keyring, claim, why, actor=who.actor)
        return "claim" if done.changed else "same"
    if act == "settle":
        settled = removals.settle_contradiction(store, keyring, claim, why, actor=who.actor)
        return "settled" if settled else "same"
    if act in ("counts", "false"):
        classes.propose(store, keyring, claim, act == "counts", why, by=who)
        return "proposed"
    if act == "confirm":
        classes.confirm(store, keyring, claim, why, by=who)
        return "confirmed"
    raise InputError("there is nothing of that kind to do", remedy="Choose one of those shown.")


def _list_act(service: Service, who: Who, name: str, act: str, reason: str) -> bool:
    turns: dict[str, Callable[..., removals.RemovalChanged]] = {
        "withdraw": removals.withdraw_list,
        "restore": removals.restore_list,
    }
    if act in turns:
        why = sealed_text.written(reason, "reason")
        return turns[act](service.store, service.keyring, name, why, actor=who.actor).changed
    if act in ("entitle", "revoke"):
        return classes.entitle(service.store, name, revoked=act == "revoke", by=who)
    raise InputError("there is nothing of that kind to do", remedy="Choose one of those shown.")


def _to(id: str, done: str) -> Response:
    return RedirectResponse(f"/lists?removal={quote(id, safe='')}&done={done}", status_code=303)
