"""How a listing goes on: the next page's query, out of a `Link` header.

What comes in: the header, and the address whose answer had it. What goes out: the whole query of
the next page, whatever it is called (`cursor=`, `p=`, ...): it is asked of the path that was asked
before, at our own endpoint. A link to another origin is refused: whoever answers there was not
named by anybody. Mirrors hand on the Hub's own links as they are: of these, too, the query is asked
of the mirror, where they lead to what was asked.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urljoin, urlsplit

from reseen.errors import HubGarbage

LONGEST_QUERY = 8192

_LINK = re.compile(r"<([^<>]*)>([^,<]*)")
_NEXT = re.compile(r';\s*rel="?next"?\s*(;|$)', re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}
_HUB = "huggingface.co"


def following(link: str | None, asked: str) -> str | None:
    """The query of the next page; None where there is none. Raises HubGarbage for a link that does
    not go on."""
    for found in _LINK.finditer(link or ""):
        if not _NEXT.search(found[2]):
            continue
        query = _own_query(found[1], asked)
        if not query or len(query) > LONGEST_QUERY or not _is_plain(query):
            raise HubGarbage("the hub's link to the next page cannot be used")
        if query == urlsplit(asked).query:
            raise HubGarbage("the hub's list goes round in a circle")
        return query
    return None


def number_in(query: str, name: str) -> int | None:
    """The number that a query gives a name; None where it gives none."""
    found = [value for key, value in parse_qsl(query) if key == name]
    return int(found[-1]) if found and re.fullmatch(r"[0-9]{1,9}", found[-1]) else None


def _own_query(target: str, asked: str) -> str:
    try:
        here, there = urlsplit(asked), urlsplit(urljoin(asked, target))
        ports = {_origin(here.scheme, here.port), _origin(there.scheme, there.port)}
        # Behind a proxy a server may take itself for one without TLS; nobody is asked but us.
        same = len(ports) == 1 or ports == set(_PORTS.values())
        mirrored = there.hostname == _HUB and here.path.endswith(there.path or "?")
        if mirrored and there.scheme == "https" and there.port in (None, 443):
            return there.query
        if there.scheme not in _PORTS or there.hostname != here.hostname or not same:
            raise HubGarbage("the hub's link to the next page leads to another host")
    except ValueError:
        raise HubGarbage("the hub's link to the next page cannot be used") from None
    return there.query


def _origin(scheme: str, port: int | None) -> int | None:
    return port or _PORTS.get(scheme)


def _is_plain(query: str) -> bool:
    if not query.isascii() or not query.isprintable() or " " in query:
        return False
    try:
        return all(v.isprintable() for kv in parse_qsl(query, max_num_fields=100) for v in kv)
    except ValueError:
        return False
