"""Where a request may go, and where the token may go with it.

What comes in: the endpoint's URL and the addresses that a server redirects to. What goes out: the
URL to go to, or HubGarbage. No message names an address: it may hold a name or a signature.
"""

from __future__ import annotations

import httpx2

from reseen.errors import HubGarbage
from reseen.settings import is_loopback

_PORTS = {"http": 80, "https": 443}


def origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port: what the token is tied to."""
    return url.scheme, url.host.lower().rstrip("."), url.port or _PORTS.get(url.scheme)


def may_carry_token(endpoint: httpx2.URL) -> bool:
    """Never in clear text over a network."""
    return endpoint.scheme == "https" or is_loopback(endpoint.host)


def redirected(url: httpx2.URL, location: str) -> httpx2.URL:
    """Where a redirect leads: absolute, without its scheme, or relative. Raises HubGarbage where
    we do not follow: no web address, credentials in it, or from https to http."""
    try:
        to = url.join(location)
    except (httpx2.InvalidURL, ValueError):
        raise HubGarbage("the hub redirects to something that is no web address") from None
    if not location or to.scheme not in _PORTS or not to.host or (to.port or 0) > 65535:
        raise HubGarbage("the hub redirects to something that is no web address")
    if to.userinfo:
        raise HubGarbage("the hub redirects with credentials in the address")
    if url.scheme == "https" and to.scheme != "https":
        raise HubGarbage("the hub redirects from https to http")
    return to
