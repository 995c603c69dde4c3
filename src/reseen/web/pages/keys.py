"""Administrators: the keys with which hubs ask the gate."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import InputError
from reseen.gate import keys
from reseen.gate.keys import KeyScope
from reseen.operations.gate import make_key, revoke_key
from reseen.web.access import Administrator
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()

SAID = {"revoked": "The key opens nothing any more."}
MEANING = {
    KeyScope.CHECK: "asks by digests (POST /v1/check)",
    KeyScope.FILE: "asks with a file (POST /v1/check/file)",
    KeyScope.TRUSTED: "its digests count as computed from bytes: for who hashes what it receives",
    KeyScope.METRICS: "reads the figures (GET /metrics)",
}


@router.get("/keys")
def show(request: Request, service: Served, who: Administrator) -> Response:
    with service.store.read() as connection:
        every = keys.every(connection)
    return page(request, "keys.html", who, said=SAID, keys=every, scopes=MEANING, made=None)


@router.post("/keys")
def make(
    request: Request,
    service: Served,
    who: Administrator,
    name: Annotated[str, Form(max_length=200)],
    scopes: Annotated[list[str], Form(max_length=10)],
    rate: Annotated[float, Form()] = 50.0,
) -> Response:
    """The one answer that shows the key: not a redirect, since it is kept nowhere."""
    try:
        wanted = {KeyScope(scope) for scope in scopes}
    except ValueError:
        raise InputError("there is no such scope", remedy="Choose from those shown.") from None
    key, secret = make_key(service.store, name, wanted, rate, who)
    with service.store.read() as connection:
        every = keys.every(connection)
    return page(request, "keys.html", who, keys=every, scopes=MEANING, made=(key, secret))


@router.post("/keys/{id}/revoke")
def revoke(id: str, service: Served, who: Administrator) -> Response:
    revoke_key(service.store, id, actor=who.actor)
    return RedirectResponse("/keys?done=revoked", status_code=303)
