"""What a request says of the browser that it comes from: its kind in a few words, its address."""

from __future__ import annotations

from fastapi import Request

from reseen.operations.sign_in import Caller
from reseen.review import security_keys
from reseen.review.security_keys import Party
from reseen.web.access.auth_middleware import device_cookie
from reseen.web.service import service_of

_BROWSERS = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet")),
    *(("Firefox/", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome")),
    *(("Chrome/", "Chrome"), ("Safari/", "Safari")),
)
"""The first that stands in it: most say that they are several."""
_SYSTEMS = (
    *(("Windows", "Windows"), ("Android", "Android"), ("iPhone", "an iPhone"), ("iPad", "an iPad")),
    *(("Mac OS X", "a Mac"), ("CrOS", "ChromeOS"), ("Linux", "Linux")),
)


def caller_of(request: Request) -> Caller:
    """Where somebody comes from."""
    address = request.client.host if request.client else ""
    device = request.cookies.get(device_cookie(service_of(request)))
    held: str | None = getattr(request.state, "held", None)
    return Caller(address, kind_of(request.headers.get("user-agent", "")), device, held)


def party_of(request: Request) -> Party | None:
    """How security keys know this service; None where browsers give none."""
    url = service_of(request).settings.url
    return security_keys.party_of(url, request.headers.get("host", ""))


def kind_of(agent: str) -> str:
    """Firefox on Windows, Safari on an iPhone; never a word of the header itself."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "Another browser")
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    return browser if system is None else f"{browser} on {system}"
