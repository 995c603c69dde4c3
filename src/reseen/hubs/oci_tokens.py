"""How an OCI registry lets somebody in: it refuses, and says where a token for one repository is
handed out.

What comes in: a refusal. What goes out: what the next request says of us. Promised:
- a token that was handed out goes to the registry that asked for it, and nowhere else;
- what a person gave (`user:password`, or a token) goes to the registry, and to where it hands out
  tokens only if that is the same host; anywhere else is asked as a stranger;
- where tokens are handed out is reached by https at a host with a public name, or is the registry
  itself, and leads nobody on (no redirect); what it hands out is for pulling. What a public name
  leads to is not looked up: it may lead into a private network.
From the specification of distribution (its `auth/token`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

from reseen.errors import HubError, HubGarbage
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.http import NO_HEADERS, Http
from reseen.hubs.http_requests import AUTHORIZATION, authorization_of
from reseen.hubs.hub import Usage

CATALOG = "registry:catalog:*"
LONGEST_TOKEN = 32 << 10
MOST_TOKENS = 1_000
"""Tokens that are remembered: one a repository."""
MOST_REALMS = 4

_TOKEN = re.compile(r"[\x21-\x7e]+")


def pulling(name: str) -> str:
    """What is asked for to read a repository."""
    return f"repository:{name}:pull"


class Tokens:
    """The tokens of one registry."""

    def __init__(
        self, endpoint: str, given: str | None, usage: Usage, options: ClientOptions
    ) -> None:
        self._endpoint, self._usage = endpoint, usage
        self._options = replace(options, quota=None, shared=None, redirects=0)
        self._given = authorization_of(given)
        self._handed_out: dict[str, str] = {}
        self._realms: dict[str, Http] = {}

    def headers(self, scope: str) -> Mapping[str, str]:
        """What a request for this says of us."""
        said = self._handed_out.get(scope) or self._given
        return {AUTHORIZATION: said} if said else NO_HEADERS

    async def answered(self, scope: str, refused: HubError) -> None:
        """Have a token handed out for what was refused. Raises the refusal itself where it says
        nothing of that, and other HubErrors where none can be had."""
        scheme, _, rest = refused.challenge.partition(" ")
        try:
            told = parse_keqv_list(parse_http_list(rest))
        except (ValueError, IndexError):
            raise refused from None
        if scheme.lower() != "bearer" or "realm" not in told:
            raise refused
        self._handed_out.pop(scope, None)
        token = await self._ask(told["realm"], told.get("service", ""), scope)
        if len(self._handed_out) >= MOST_TOKENS:
            self._handed_out.clear()
        self._handed_out[scope] = f"Bearer {token}"

    async def _ask(self, realm: str, service: str, scope: str) -> str:
        there, here = _split(realm), _split(self._endpoint)
        same = (there.scheme, there.netloc) == (here.scheme, here.netloc)
        if not same and (there.scheme != "https" or not _is_named(there.hostname or "")):
            raise HubGarbage("the registry sends us for a token to where none is asked for")
        query = urlencode([*parse_qsl(there.query)[:20], ("service", service), ("scope", scope)])
        headers = {AUTHORIZATION: self._given} if self._given and same else NO_HEADERS
        http = self._http(f"{there.scheme}://{there.netloc}")
        answer = await http.json(quote(there.path, safe="/%") or "/", query, headers=headers)
        value = answer.value if isinstance(answer.value, dict) else {}
        token = value.get("token") or value.get("access_token")
        if not isinstance(token, str) or len(token) > LONGEST_TOKEN or not _TOKEN.fullmatch(token):
            raise HubGarbage("the registry's realm hands out no token")
        return token

    def _http(self, origin: str) -> Http:
        if origin not in self._realms:
            if len(self._realms) >= MOST_REALMS:
                raise HubGarbage("the registry sends us to ever other places for a token")
            self._realms[origin] = Http(origin, None, self._usage, self._options)
        return self._realms[origin]

    async def close(self) -> None:
        for http in self._realms.values():
            await http.close()


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None:
        raise HubGarbage("the registry sends us for a token to something that is no web address")
    return parts


_HOST = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z0-9-]+")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A host whose last part is one is an address: also `127.1` and `0x7f.0.0.1`."""
_OF_ONES_OWN = (
    "corp",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "private",
)
"""What names end in that only a private network knows."""


def _is_named(host: str) -> bool:
    """Is it a host of the web by its name, and no address or name of somebody's own network?"""
    host = host.lower().removesuffix(".")
    if not _HOST.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
        return False
    return not host.endswith(tuple(f".{end}" for end in _OF_ONES_OWN))
