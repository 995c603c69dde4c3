"""Who is at the door: looked up before anything of a request's body is read.

An ASGI layer around the pages. It leaves in the request's state `session` (None when nobody is
signed in) and `held` (what forms are bound to); it turns away what another site sent, and sends who
must sign in to the sign-in page. The gate (below /v1) has keys of its own and passes untouched.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from reseen.errors import AccessError, ReseenError
from reseen.review.roles import Role
from reseen.review.sessions import Session
from reseen.review.sessions import find as find_session
from reseen.web.access.csrf import SAFE, comes_from_elsewhere
from reseen.web.service import Service

OPEN = ("/v1/", "/static/", "/health", "/ready", "/metrics")
"""Paths without sessions."""
SIGN_IN = "/sign-in"
BEFORE_SESSION = (SIGN_IN, "/join/")
"""What begins a path to which somebody may post who is not signed in."""
SET_UP = "/me/second-factor"
"""Where somebody goes whose role needs a second factor that they do not have; and nowhere else but
out."""
BEFORE_BODY = {"/lists/import": Role.LEAD, "/begin": Role.LEAD, "/reports": Role.REVIEWER}
"""Roles that are asked for before a large body is read, not only by the handler after it."""


class Door:
    """The layer. `refused` answers an error: the same pages as everywhere."""

    def __init__(
        self, app: ASGIApp, service: Service, refused: Callable[[Request, Exception], Response]
    ) -> None:
        self.app = app
        self.service = service
        self.refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(OPEN):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        held = _cookies(headers)
        state = scope.setdefault("state", {})
        state["session"] = state["held"] = None
        unsafe = scope["method"] not in SAFE
        error: ReseenError | None = None
        if unsafe and comes_from_elsewhere(headers, self._origins(headers)):
            error = AccessError("this request came from another site", remedy="Use the pages.")
        else:
            try:
                session = await run_in_threadpool(
                    find_session, self.service.store, held.get(session_cookie(self.service))
                )
                state["session"] = session
                state["held"] = session.token if session else held.get(visitor_cookie(self.service))
            except ReseenError as e:
                error = e
        if error is not None:
            request = Request(scope, receive)
            await self.refused(request, error)(scope, receive, send)
            return
        if unsafe and state["session"] is None and not scope["path"].startswith(BEFORE_SESSION):
            await to_sign_in(Request(scope))(scope, receive, send)
            return
        if state["session"] is not None and state["session"].must_set_up:
            path = scope["path"]
            if path != "/sign-out" and path != SET_UP and not path.startswith(f"{SET_UP}/"):
                response: Response = RedirectResponse(SET_UP, status_code=303)
                if "hx-request" in headers:
                    response = Response(status_code=401, headers={"HX-Redirect": SET_UP})
                await response(scope, receive, send)
                return
        needed = BEFORE_BODY.get(scope["path"]) if unsafe else None
        if needed is not None and state["session"] is not None:
            try:
                state["session"].who.must_be(needed)
            except AccessError as e:
                await self.refused(Request(scope, receive), e)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _origins(self, headers: Headers) -> frozenset[str]:
        if self.service.settings.url:
            return frozenset({self.service.settings.url})
        host = headers.get("host", "")
        return frozenset({f"http://{host}", f"https://{host}"})


def session_of(request: Request) -> Session | None:
    return getattr(request.state, "session", None)


def to_sign_in(request: Request) -> Response:
    """Sign in, then go on to where the person wanted; a form that was sent is not sent again."""
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": SIGN_IN})
    after = ""
    if request.method == "GET" and request.url.path != "/":
        after = _back_to(request)
    return RedirectResponse(SIGN_IN + after, status_code=303)


def to_prove(request: Request) -> Response | None:
    """Before a page whose forms need it: who has a second factor gives it first, so that no form is
    lost for want of it. None: they gave it lately, or have none."""
    session = session_of(request)
    if session is None or not session.has_factor or session.fresh():
        return None
    return RedirectResponse(f"{SET_UP}/confirm{_back_to(request)}", status_code=303)


def _back_to(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return f"?next={quote(request.url.path + query, safe='/')}"


def local_path(given: str | None) -> str:
    """Where to go after signing in: a path of this service, or its first page."""
    if given and given.startswith("/") and given[1:2] not in ("/", "\\") and given.isprintable():
        return given
    return "/"


def session_cookie(service: Service) -> str:
    return "__Host-reseen" if service.https else "reseen"


def visitor_cookie(service: Service) -> str:
    """What forms are bound to before anybody is signed in."""
    return "__Host-reseen-visitor" if service.https else "reseen-visitor"


def device_cookie(service: Service) -> str:
    """What a browser keeps after a sign-in: see `reseen.review.devices`."""
    return "__Host-reseen-device" if service.https else "reseen-device"


def set_cookie(
    service: Service, response: Response, name: str, value: str, life: int | None = None
) -> None:
    """For this browser session only, or for so many seconds; no script reads it; no other site
    sends it along."""
    response.set_cookie(
        name,
        value,
        life,
        path="/",
        secure=service.https,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(service: Service, response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=service.https, httponly=True, samesite="lax")


def new_visitor() -> str:
    return secrets.token_urlsafe(16)


def _cookies(headers: Headers) -> dict[str, str]:
    try:
        parsed = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in parsed.items()}
