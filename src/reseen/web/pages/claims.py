"""What lists say of removals, changed by a lead: single claims, classes, whole lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from reseen.errors import InputError
from reseen.operations import classes, reading, removals
from reseen.registry.classes import class_named
from reseen.review import sealed_text
from reseen.review.roles import Who
from reseen.web.access import Lead
from reseen.web.service import Served, Service

router = APIRouter()

SAID = {
    "claim": "Done. What rested on it was judged again.",
    "settled": "Noted: somebody has looked at it.",
    "proposed": "Noted. It counts when a second person confirms it.",
    "confirmed": "Confirmed by two people.",
    "class": "The class is changed. What rested on reading was judged again.",
    "list": "The list is changed. What rested on it was judged again.",
    "same": "It stood like that already.",
}
CLAIM_ACTS = ("take-back", "put-back", "settle", "counts", "false", "confirm")
LIST_ACTS = ("withdraw", "restore", "entitle", "revoke")

Word = Annotated[str, Form(max_length=40)]
Reason = Annotated[str, Form(max_length=20_000)]


@router.post("/removals/{id}/claims/{number}")
def change_claim(
    id: str, number: str, service: Served, who: Lead, act: Word = "", reason: Reason = ""
) -> Response:
    """One row of a list, or what was learned from bytes: taken out of use, put back, settled."""
    why = sealed_text.written(reason, "reason")
    done = _claim_act(service, who, f"{id}/{number}", act, why)
    reading.queue(service.store, service.settings.hubs, who)
    return _to(id, done)


@router.post("/removals/{id}/class")
def change_class(
    id: str, service: Served, who: Lead, said: Word = "", reason: Reason = ""
) -> Response:
    """Of which class a removal is."""
    why = sealed_text.written(reason, "reason")
    done = classes.classify(
        service.store, service.keyring, id, class_named(said), why, actor=who.actor
    )
    reading.queue(service.store, service.settings.hubs, who)
    return _to(id, "class" if done.changed else "same")


@router.post("/lists/change")
def change_list(
    service: Served,
    who: Lead,
    name: Annotated[str, Form(max_length=200)] = "",
    act: Word = "",
    reason: Reason = "",
) -> Response:
    """A whole list: withdrawn, restored; by an administrator marked as entitled to say the class
    that is never read."""
    changed = _list_act(service, who, name, act, reason)
    reading.queue(service.store, service.settings.hubs, who)
    return RedirectResponse(f"/lists?done={'list' if changed else 'same'}", status_code=303)


def _claim_act(service: Service, who: Who, claim: str, act: str, why: str) -> str:
    store, keyring = service.store, service.keyring
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
