"""Administrators: the keys with which hubs ask the gate."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import InputError
from reseen.gate import keys
from reseen.gate.keys import Key, KeyScope
from reseen.operations.gate import make_key, revoke_key
from reseen.web.access import Administrator
from reseen.web.forms import UNSENT, SentForm
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import N_

router = APIRouter()

SAID = {"revoked": N_("The key opens nothing any more.")}
MEANING = {
    KeyScope.CHECK: N_("asks by digests (POST /v1/check)"),
    KeyScope.FILE: N_("asks with a file (POST /v1/check/file)"),
    KeyScope.TRUSTED: N_(
        "its digests count as computed from bytes: for who hashes what it receives"
    ),
    KeyScope.METRICS: N_("reads the figures (GET /metrics)"),
}


@router.get("/keys")
def show(request: Request, service: Served, who: Administrator) -> Response:
    return _shown(request, service, who, UNSENT)


@router.post("/keys")
def make(
    request: Request,
    service: Served,
    who: Administrator,
    name: Annotated[str, Form(max_length=200)] = "",
    scopes: Annotated[list[str], Form(max_length=10)] = [],  # noqa: B006  never changed
    rate: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """The one answer that shows the key: not a redirect, since it is kept nowhere."""
    form = SentForm({"name": name, "scopes": scopes, "rate": rate})
    none: frozenset[KeyScope] = frozenset()
    wanted = form.take("scopes", lambda: _scopes(scopes), none)
    often = form.take("rate", lambda: keys.checked_rate(rate), 0.0)
    nothing: tuple[Key, str] | None = None
    made = nothing
    if not form.wrong:
        made = form.take("name", lambda: make_key(service.store, name, wanted, often, who), nothing)
    return _shown(request, service, who, form if made is None else UNSENT, made)


def _shown(
    request: Request,
    service: Served,
    who: Administrator,
    form: SentForm,
    made: tuple[Key, str] | None = None,
) -> Response:
    with service.store.read() as connection:
        every = keys.every(connection)
    return page(
        request,
        "keys.html",
        who,
        status=form.status,
        said=SAID,
        form=form,
        keys=every,
        scopes=MEANING,
        made=made,
    )


def _scopes(given: list[str]) -> frozenset[KeyScope]:
    """Raises InputError for none, and for what is none."""
    try:
        found = frozenset(KeyScope(scope) for scope in given)
    except ValueError:
        raise InputError("there is no such scope", remedy="Choose from those shown.") from None
    if not found:
        raise InputError("a key needs a scope", remedy="Choose one or more.")
    return found


@router.post("/keys/{id}/revoke")
def revoke(id: str, service: Served, who: Administrator) -> Response:
    revoke_key(service.store, id, actor=who.actor)
    return RedirectResponse("/keys?done=revoked", status_code=303)
