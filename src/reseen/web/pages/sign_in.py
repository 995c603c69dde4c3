"""Coming in and going out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.operations import sign_in as acts
from reseen.web.access import Reader, auth_middleware, identity, session_of
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()


@router.get("/sign-in")
def ask(request: Request, service: Served, next: str = "") -> Response:
    """The form. Who is signed in already goes on."""
    if session_of(request) is not None:
        return RedirectResponse(auth_middleware.local_path(next), status_code=303)
    return _form(request, service, next)


@router.post("/sign-in")
def sign_in(
    request: Request,
    service: Served,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    address = request.client.host if request.client else ""
    session = identity.by_password(service, name, password, address)
    if session is None:
        return _form(request, service, next, refused=True, name=name.strip()[:64])
    response = RedirectResponse(auth_middleware.local_path(next), status_code=303)
    auth_middleware.set_cookie(
        service, response, auth_middleware.session_cookie(service), session.token
    )
    auth_middleware.drop_cookie(service, response, auth_middleware.visitor_cookie(service))
    return response


@router.post("/sign-out")
def sign_out(request: Request, service: Served, who: Reader) -> Response:
    session = session_of(request)
    if session is not None:
        acts.out(service.store, session)
    response = RedirectResponse(auth_middleware.SIGN_IN, status_code=303)
    auth_middleware.drop_cookie(service, response, auth_middleware.session_cookie(service))
    return response


def _form(
    request: Request, service: Served, next: str, *, refused: bool = False, name: str = ""
) -> Response:
    """`name`: as it was given, so that after a mistyped password only that is typed again."""
    visitor = None
    if request.state.held is None:
        visitor = request.state.held = auth_middleware.new_visitor()
    response = page(
        request,
        "sign_in.html",
        None,
        status=403 if refused else 200,
        next=auth_middleware.local_path(next),
        refused=refused,
        name=name,
    )
    if visitor is not None:
        auth_middleware.set_cookie(
            service, response, auth_middleware.visitor_cookie(service), visitor
        )
    return response
