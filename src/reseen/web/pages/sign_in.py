"""Coming in and going out."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import AccessError, Conflict, IssuerError, ReseenError
from reseen.operations import sign_in as acts
from reseen.operations import sign_in_issuer
from reseen.operations.sign_in import FactorDue, SignedIn
from reseen.review import devices
from reseen.web.access import Holder, auth_middleware, session_of
from reseen.web.access.browser import caller_of
from reseen.web.problems import status_of
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()

NO_FIT = AccessError("this name and password do not fit together")


@router.get("/sign-in")
def ask(request: Request, service: Served, next: str = "") -> Response:
    """The form. Who is signed in already goes on."""
    if session_of(request) is not None:
        return RedirectResponse(auth_middleware.local_path(next), status_code=303)
    return form(request, service, next)


@router.post("/sign-in")
def sign_in(
    request: Request,
    service: Served,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    to = auth_middleware.local_path(next)
    try:
        found = acts.by_password(service.store, name, password, caller_of(request), to)
    except Conflict as error:
        return form(request, service, next, refused=error, name=name.strip()[:64])
    if found is None:
        return form(request, service, next, refused=NO_FIT, name=name.strip()[:64])
    if isinstance(found, FactorDue):
        return RedirectResponse("/sign-in/second", status_code=303)
    return let_in(service, found, to)


def let_in(service: Served, done: SignedIn, to: str) -> Response:
    """The answer to who has signed in: on, with the cookies of the session and of the device."""
    response = RedirectResponse(to, status_code=303)
    set_cookie, names = auth_middleware.set_cookie, auth_middleware
    set_cookie(service, response, names.session_cookie(service), done.session.token)
    if done.device is not None:
        set_cookie(service, response, names.device_cookie(service), done.device, devices.LIFE)
    auth_middleware.drop_cookie(service, response, names.visitor_cookie(service))
    return response


@router.post("/sign-out")
def sign_out(request: Request, service: Served, session: Holder) -> Response:
    """Out here; who came from a provider that offers it is asked whether to sign out there, too."""
    acts.out(service.store, session)
    issuer, address = service.settings.oidc, None
    if issuer is not None:
        with suppress(IssuerError):  # out is out, whether or not it answers
            back = f"{service.settings.url}{auth_middleware.SIGN_IN}"
            address = sign_in_issuer.sign_out_address(issuer, session, back)
    response: Response = RedirectResponse(auth_middleware.SIGN_IN, status_code=303)
    if issuer is not None and address is not None:
        response = page(request, "signed_out.html", None, address=address, label=issuer.label)
    auth_middleware.drop_cookie(service, response, auth_middleware.session_cookie(service))
    return response


def form(
    request: Request,
    service: Served,
    next: str,
    *,
    refused: ReseenError | None = None,
    name: str | None = None,
) -> Response:
    """The page of signing in. `name`: as it was given, so that after a mistyped password only that
    is typed again; None where nothing was typed."""
    return visitors_page(
        request,
        service,
        "sign_in.html",
        status=status_of(refused) if refused else 200,
        next=auth_middleware.local_path(next),
        refused=refused,
        name=name,
        issuer=service.settings.oidc,
    )


def visitors_page(
    request: Request, service: Served, template: str, *, status: int, **values: Any
) -> Response:
    """A page with a form for who is not signed in, and the cookie that its form is bound to."""
    visitor = None
    if request.state.held is None:
        visitor = request.state.held = auth_middleware.new_visitor()
    response = page(request, template, None, status=status, **values)
    if visitor is not None:
        auth_middleware.set_cookie(
            service, response, auth_middleware.visitor_cookie(service), visitor
        )
    return response
