"""Everybody: who one is here, and another password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import InputError
from reseen.operations import sign_in
from reseen.review import users
from reseen.review.roles import Role
from reseen.web.access import Reader, auth_middleware, identity
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()

SAID = {"password": "Your password is changed. You were signed out everywhere else."}
MAY = {
    Role.READER: "Sees the queue, cases, notices and scans; every name is sealed.",
    Role.REVIEWER: "Claims and decides cases, comments, reveals names, drafts notices.",
    Role.LEAD: "Takes claims over, decides for a whole account, sends notices, imports lists, "
    "withdraws and restores removals, starts scans, reads the audit log.",
    Role.ADMINISTRATOR: "Users, keys of the gate and its policy; exports the audit log.",
}


@router.get("/me")
def show(request: Request, service: Served, who: Reader) -> Response:
    with service.store.read() as connection:
        user = users.by_pk(connection, who.pk)
    return page(request, "me.html", who, said=SAID, user=user, may=MAY)


@router.post("/me/password")
def change(
    request: Request,
    service: Served,
    who: Reader,
    now: Annotated[str, Form(max_length=1000)],
    password: Annotated[str, Form(max_length=1000)],
    again: Annotated[str, Form(max_length=1000)],
) -> Response:
    """A new password; the other sessions end, this one begins anew."""
    address = request.client.host if request.client else ""
    if not identity.knows_password(service, who, now, address):
        raise InputError("this is not your password of now", remedy="Type it again.")
    if password != again:
        raise InputError("the two new passwords differ", remedy="Type them again.")
    session = sign_in.new_password(service.store, who, password)
    response = RedirectResponse("/me?done=password", status_code=303)
    auth_middleware.set_cookie(
        service, response, auth_middleware.session_cookie(service), session.token
    )
    return response
