"""No other site sends a form in a person's name: every POST of a page is checked here.

Twice: a browser's own word on where a request comes from (Sec-Fetch-Site, Origin), before the body
is read; and a token in the form, an HMAC of what the browser holds in its cookie. Before anybody is
signed in that is a cookie of its own. Routes of the gate (below /v1) know keys and no cookies:
nothing to forge there.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping

from fastapi import Request

from reseen.errors import AccessError
from reseen.store.kept_keys import derive
from reseen.web.service import service_of

FIELD = "csrf"
HEADER = "x-csrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def token_for(secret: bytes, held: str) -> str:
    """The token of forms for a browser that holds this cookie. `secret`: of the store."""
    key = derive(secret, b"reseen forms 1")
    return hmac.new(key, held.encode(), hashlib.sha256).hexdigest()


def comes_from_elsewhere(headers: Mapping[str, str], origins: frozenset[str]) -> bool:
    """Whether the browser says that another site sent this. Other programs say nothing."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin not in origins


async def checked(request: Request) -> AsyncIterator[None]:
    """Raise AccessError for a page's POST without the token of this browser."""
    if request.method in SAFE or request.url.path.startswith("/v1/"):
        yield
        return
    held: str | None = getattr(request.state, "held", None)
    given = request.headers.get(HEADER)
    if given is not None:
        _compare(request, held, given)
        yield
        return
    async with request.form() as form:
        _compare(request, held, form.get(FIELD))
        yield


def _compare(request: Request, held: str | None, given: object) -> None:
    right = held is not None and isinstance(given, str)
    if right:
        wanted = token_for(service_of(request).store.secret, held or "")
        right = hmac.compare_digest(wanted.encode(), str(given).encode("utf-8", "replace"))
    if not right:
        raise AccessError(
            "this form is too old, or came from elsewhere",
            remedy="Load the page again, then send it once more.",
        )
