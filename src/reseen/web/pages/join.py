"""Coming in for the first time, by a one-time link: choosing a password, and for the first
administrator a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import InputError
from reseen.operations import invitations as acts
from reseen.review import invitations
from reseen.review.passwords import check as check_password
from reseen.review.users import normal_name
from reseen.web.access import auth_middleware
from reseen.web.access.browser import caller_of
from reseen.web.forms import UNSENT, SentForm
from reseen.web.pages.sign_in import let_in, visitors_page
from reseen.web.service import Served

router = APIRouter()


@dataclass(frozen=True, slots=True)
class JoinForm:
    """What somebody who comes in chooses."""

    name: Annotated[str, Form(max_length=200)] = ""
    password: Annotated[str, Form(max_length=1000)] = ""
    again: Annotated[str, Form(max_length=1000)] = ""


@router.get("/join/{token}")
def ask(request: Request, service: Served, token: str) -> Response:
    """The form. Looking at it does not use the link up."""
    return _shown(request, service, token, UNSENT)


@router.post("/join/{token}")
def join(
    request: Request, service: Served, token: str, sent: Annotated[JoinForm, Depends()]
) -> Response:
    with service.store.read() as connection:
        user = invitations.find(connection, token).user
    form = SentForm({"name": sent.name})
    if user is not None:
        name = user.name
    else:
        name = form.take("name", lambda: normal_name(sent.name), "")
    form.take("password", lambda: check_password(sent.password, name or "-"), None)
    form.take("again", lambda: _same(sent.password, sent.again), None)
    if form.wrong:
        return _shown(request, service, token, form)
    done = acts.come_in(service.store, token, name, sent.password, caller_of(request))
    if done is None:
        return RedirectResponse(auth_middleware.SIGN_IN, status_code=303)
    return let_in(service, done, "/")


def _same(password: str, again: str) -> None:
    if password != again:
        raise InputError("the two passwords differ", remedy="Type the same one twice.")


def _shown(request: Request, service: Served, token: str, form: SentForm) -> Response:
    with service.store.read() as connection:
        invitation = invitations.find(connection, token)
    return visitors_page(
        request, service, "join.html", status=form.status, invitation=invitation, form=form
    )
