"""The outermost layer of the pages: what is bounded before anything else, what every answer
carries, and the one line of log and the figures of each request.

Bodies: at most so many bytes (`most_bytes`), each part within `PART_PATIENCE` of the one before,
all within `WHOLE_PATIENCE`; 413 and 408 otherwise. The host that a browser asked for must be ours.
An error that nobody expected ends here, as a page without details.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reseen.operations.logs import log, where
from reseen.web import problems
from reseen.web.access.auth_middleware import OPEN, session_of
from reseen.web.metrics import counted
from reseen.web.service import Service

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with that browsers send forms with "Origin: null", like other sites do.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), browsing-topics=()",
    "X-Robots-Tag": "noindex",
}
FORM = 1_000_000
"""Bytes of a form."""
LIST = 256 << 20
"""Bytes of a list that is uploaded; larger ones are imported by the command."""
LARGE = {
    "/lists/import": LIST + FORM,
    "/begin": LIST + FORM,
    "/reports": LIST + FORM,
    "/v1/check": 64_000_000,
    "/v1/check/file": None,
}
"""Paths whose bodies may be larger; None: bounded by who reads it."""
PART_PATIENCE = 30.0
WHOLE_PATIENCE = 600.0


class Edge:
    """The layer."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app
        self.headers = dict(HEADERS)
        url = service.settings.url
        self.host = urlsplit(url).netloc.lower() if url else None
        if service.https:
            self.headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        number = secrets.token_hex(8)
        scope.setdefault("state", {})["request"] = number
        body = _Body(receive, most_bytes(scope["path"]))
        answer = _Answer(scope, send, {**self.headers, "X-Request-Id": number})
        problem: BaseException | None = None
        try:
            try:
                error = self._refusal(scope) or body.refusal(scope)
                if error is None:
                    await self.app(scope, body.receive, _unless(body, answer.send))
                    error = body.error
            except Exception as e:  # noqa: BLE001  the last place that can answer
                error = body.error or e
                problem = None if body.error else e
            if error is not None and answer.status is None:
                answer.headers["Connection"] = "close"  # what is left of the body is not read
                response = problems.answer(Request(scope), error)
                await response(scope, body.receive, answer.send)
        finally:
            took = time.perf_counter() - begun
            _note(scope, number, answer.status or 499, took, problem)

    def _refusal(self, scope: Scope) -> Exception | None:
        if not scope["query_string"].isascii():
            scope["query_string"] = b""  # nobody behind could take it apart, to answer either
            return HTTPException(400, "the address holds bytes that no address has")
        if self.host is None or scope["path"].startswith(OPEN):
            return None
        given = [value for name, value in scope["headers"] if name == b"host"]
        if len(given) == 1 and given[0].decode("latin-1").lower() == self.host:
            return None
        return HTTPException(421, "this service has another address")


def most_bytes(path: str) -> int | None:
    """How large a body may be."""
    return LARGE.get(path, FORM)


class _Body:
    """A request's body, bounded in bytes and in time."""

    def __init__(self, receive: Receive, most: int | None) -> None:
        self._receive = receive
        self._most = most
        self._read = 0
        self._whole = False
        self._until = time.monotonic() + WHOLE_PATIENCE
        self.error: HTTPException | None = None

    def refusal(self, scope: Scope) -> HTTPException | None:
        """What the head alone tells."""
        for name, value in scope["headers"]:
            if name != b"content-length" or self._most is None:
                continue
            if not value.isdigit() or int(value[:20]) > self._most:
                self.error = HTTPException(413, "this is more than is read here")
                return self.error
        return None

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        left = min(PART_PATIENCE, self._until - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), max(left, 0.001))
        except TimeoutError:
            self.error = HTTPException(408, "the request came too slowly")
            raise self.error from None
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._most is not None and self._read > self._most:
                self.error = HTTPException(413, "this is more than is read here")
                raise self.error
        else:
            self._whole = True
        return message


class _Answer:
    """The answer on its way out: it gets the headers that all have, and is remembered."""

    def __init__(self, scope: Scope, send: Send, headers: dict[str, str]) -> None:
        self._send = send
        self.headers = headers
        static = scope["path"].startswith("/static/")
        self._kept = "public, max-age=31536000, immutable" if static else "no-store"
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in self.headers.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", self._kept)
        await self._send(message)


def _unless(body: _Body, send: Send) -> Send:
    """Whoever reads a body may take our refusal for an error of its own: ours is the answer."""

    async def guarded(message: Message) -> None:
        if body.error is None:
            await send(message)

    return guarded


def _note(
    scope: Scope, number: str, status: int, took: float, problem: BaseException | None
) -> None:
    route = getattr(scope.get("route"), "path", None) or "none"
    session = session_of(Request(scope))
    counted(route, scope["method"], status, took)
    fields = {
        "request": number,
        "method": scope["method"] if scope["method"] in _METHODS else "other",
        "route": route,
        "status": status,
        "ms": round(took * 1000, 1),
        "user": session.who.pk if session else None,
    }
    if problem is None:
        log().info("request", **fields)
    else:
        log().error("request", **fields, error=type(problem).__name__, where=where(problem))


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
