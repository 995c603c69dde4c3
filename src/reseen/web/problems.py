"""Errors become answers, in one place: a page for people, a JSON problem (RFC 9457) for machines
(below /v1, and where they watch this one).

What comes in: any exception of a handler. What goes out: the message and the remedy of an error of
ours; for anything else a sentence without details, which are in the log under the request's number.
"""

from __future__ import annotations

import re

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from reseen.errors import (
    AccessError,
    Conflict,
    HubError,
    InputError,
    IssuerError,
    MailError,
    NotFound,
    ReseenError,
    SealError,
    SettingsError,
    StoreError,
    TooLarge,
)
from reseen.web.access.auth_middleware import session_of, to_sign_in
from reseen.web.rendering import page
from reseen.web.speech import N_, speech_of

_STATUS: tuple[tuple[type[ReseenError], int], ...] = (
    (TooLarge, 413),
    (InputError, 400),
    (AccessError, 403),
    (NotFound, 404),
    (Conflict, 409),
    (HubError, 502),
    (MailError, 502),
    (IssuerError, 502),
    (StoreError, 503),
    (SealError, 503),
    (SettingsError, 503),
)
"""The first that fits."""

_TITLES = {
    400: N_("This cannot be used"),
    401: N_("A key is needed"),
    403: N_("Not allowed"),
    404: N_("Nothing is here"),
    405: N_("Method not allowed"),
    408: N_("Too slow"),
    409: N_("Look again"),
    413: N_("Too large"),
    421: N_("Not this service"),
    422: N_("This cannot be used"),
    429: N_("Too many requests"),
    431: N_("Too large"),
    500: N_("Something broke"),
    502: N_("Another server did not respond as needed"),
    503: N_("Not now"),
}
_MACHINES = ("/v1/", "/metrics", "/ready", "/health")
_WORD = re.compile(r"[a-z]+(?= )")
_WORDS: dict[int, tuple[str, str]] = {
    404: (N_("there is no page here"), N_("Look at the address, or start from the queue.")),
    405: (
        N_("this address does not take requests of this kind"),
        N_("Use the pages' own buttons."),
    ),
    500: (N_("this is an error of Reseen itself"), N_("Try again; the log says more.")),
}


def add_handlers(app: FastAPI) -> None:
    """All of them."""
    app.add_exception_handler(ReseenError, _handle)
    app.add_exception_handler(HTTPException, _handle)
    app.add_exception_handler(RequestValidationError, _handle)
    app.add_exception_handler(Exception, _handle)


async def _handle(request: Request, error: Exception) -> Response:
    return answer(request, error)


def answer(request: Request, error: Exception) -> Response:
    """The answer to a request that ended in this error."""
    status, headers = 500, {}
    message, remedy = _WORDS[500]
    if isinstance(error, ReseenError):
        status = status_of(error)
        message, remedy = str(error), error.remedy or ""
    elif isinstance(error, HTTPException):
        status, headers = error.status_code, dict(error.headers or {})
        message, remedy = _WORDS.get(status, (str(error.detail), ""))
    elif isinstance(error, RequestValidationError):
        status = 422 if _of_a_machine(request) else 400
        message, remedy = _invalid(error), "Look at the form again."
    if _of_a_machine(request):
        if isinstance(error, AccessError) and getattr(request.state, "key", None) is None:
            status = 401
            headers["WWW-Authenticate"] = "Bearer"
        return problem(status, message, remedy, headers)
    session = session_of(request)
    if isinstance(error, AccessError) and session is None and request.method == "GET":
        return to_sign_in(request)
    own = (message, remedy) in _WORDS.values()
    if own:
        said = speech_of(request)
        message, remedy = said.fixed(message), said.fixed(remedy)
    return page(
        request,
        "error.html",
        session.who if session else None,
        status=status,
        title=_title(status),
        own=own,
        message=_sentence(message),
        remedy=remedy,
    )


def _sentence(message: str) -> str:
    """With a large letter at its head, where it begins with a word and not with an id or a path."""
    begins = _WORD.match(message)
    return message[:1].upper() + message[1:] if begins else message


def status_of(error: ReseenError) -> int:
    """The status of an answer that tells of it."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def problem(
    status: int, detail: str, remedy: str = "", headers: dict[str, str] | None = None
) -> JSONResponse:
    """A JSON problem."""
    content = {"type": "about:blank", "title": _title(status), "status": status, "detail": detail}
    if remedy:
        content["remedy"] = remedy
    return JSONResponse(content, status, headers=headers, media_type="application/problem+json")


def _title(status: int) -> str:
    return _TITLES.get(status, N_("This did not work"))


def _of_a_machine(request: Request) -> bool:
    return request.url.path.startswith(_MACHINES)


def _invalid(error: RequestValidationError) -> str:
    """Which field is wrong, never what was in it."""
    places = []
    for one in error.errors()[:5]:
        place = ".".join(str(part) for part in one.get("loc", ())[1:])[:100]
        places.append(f"{place or 'the body'}: {one.get('type', 'invalid')}")
    return "what was sent does not fit: " + "; ".join(places)
