"""Coming in by an OpenID provider: there, and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import NotFound, ReseenError
from reseen.operations import sign_in_issuer as acts
from reseen.operations.sign_in_issuer import CameBack
from reseen.web.access import auth_middleware, session_of
from reseen.web.access.browser import caller_of
from reseen.web.pages.sign_in import form, let_in
from reseen.web.rendering import page
from reseen.web.service import Served

router = APIRouter()

BACK = "/sign-in/issuer"


@router.post("/sign-in/issuer")
def go(
    request: Request, service: Served, next: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    """On to the provider, by a page that leads there: our pages let no form go to another origin,
    by a redirect neither."""
    issuer = service.settings.oidc
    if issuer is None:
        raise NotFound("no sign-in provider is set", remedy="Sign in by name and password.")
    to = auth_middleware.local_path(next)
    try:
        address = acts.begin(
            service.store, issuer, back(service), request.state.held, caller_of(request), to
        )
    except ReseenError as error:
        return form(request, service, next, refused=error)
    return page(request, "going.html", None, address=address, label=issuer.label)


@router.get("/sign-in/issuer")
def come_back(
    request: Request,
    service: Served,
    state: str = "",
    code: str = "",
    iss: str | None = None,
    error: str = "",
) -> Response:
    """Back from the provider. It writes, though it is fetched: OpenID Connect comes back like this,
    and only a browser that was sent there from here gets anywhere."""
    if not (state or error) or session_of(request) is not None:
        return RedirectResponse("/sign-in", status_code=303)
    answer = CameBack(state[:200], code[:4000], iss, error=bool(error) or not code)
    caller = caller_of(request)
    try:
        done, to = acts.end(
            service.store,
            service.settings.oidc,
            back(service),
            request.state.held,
            caller,
            answer,
        )
    except ReseenError as refused:
        return form(request, service, "", refused=refused)
    return let_in(service, done, auth_middleware.local_path(to))


def back(service: Served) -> str:
    """Where the provider sends people back to: what must be registered there."""
    return f"{service.settings.url}{BACK}"
