"""Single requests to one hub: by whose token, within which quota, led where, and failed by what.

Promised:
- the token goes to the endpoint's own scheme, host and port, and nowhere else;
- redirects are followed by us: few, never from https to http, never with credentials in them.
Errors name the endpoint that a person gave, and no other address: it may hold a person's name or a
signature.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import logging
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from reseen.errors import HubBusy, HubGarbage, HubMissing
from reseen.hubs.attempts import AttemptFailed, Attempts
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.hub import Usage
from reseen.hubs.quota import Quota
from reseen.hubs.quota_windows import retry_after
from reseen.hubs.redirects import may_carry_token, origin, redirected
from reseen.hubs.refusals import UNKNOWN_CALL, refusal
from reseen.hubs.shared_quota import SharedQuota
from reseen.settings import said_of_address

LEAST_TIME = 60.0
"""Seconds that an answer has in any case."""
PER_CLIENT = 16
"""Connections of one client: it goes through all of them at each request, and again at its end."""
DRAINED = 64 << 10
"""Bytes of a refusal or redirect read to keep its connection."""

AUTHORIZATION = "Authorization"


class HttpRequests:
    """The connections to one hub. Made inside a running event loop; to be closed."""

    def __init__(
        self,
        endpoint: str,
        token: str | None,
        usage: Usage,
        options: ClientOptions,
    ) -> None:
        for name in ("httpx2", "httpcore2"):  # they would log every URL
            logging.getLogger(name).setLevel(logging.WARNING)
        self._base = httpx2.URL(endpoint)
        self._root, self._origin = str(self._base).rstrip("/"), origin(self._base)
        self._endpoint = endpoint
        """As it was given, for messages."""
        self._said_of_address = said_of_address(options.said_by, options.address_in)
        self._access_in = options.access_in
        self._token = token if token and may_carry_token(self._base) else None
        self._usage = usage
        self._quota = Quota(usage, options.clock, options.sleep, options.quota)
        if options.shared is not None:
            clocked = (usage, options.clock, options.sleep, options.quota)
            self._quota = SharedQuota(*clocked, options.shared, self.access)
        self.attempts = Attempts(options)
        self._redirects = options.redirects
        count = -(-options.connections // PER_CLIENT)
        self._clients = [_client(options, options.connections // count) for _ in range(count)]
        self._turns = itertools.cycle(self._clients)

    @property
    def access(self) -> bytes | None:
        """By which token we ask, without telling it; None: as a stranger. A token is drawn at
        random, so nobody finds it from this. Of `user:password` the user alone is in it: a password
        can be guessed."""
        if self._token is None:
            return None
        who = self._token.partition(":")[0]
        return hashlib.sha256(f"reseen access {who}".encode()).digest()[:16]

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()
        await self._quota.close()

    async def get(
        self, url: httpx2.URL, headers: dict[str, str], body: bytes | None = None
    ) -> httpx2.Response:
        """A 2xx or 416 answer, its body unread; redirects are followed, but not with a body. To be
        closed."""
        trusted = True  # once led elsewhere, a chain of redirects is not given the token again
        for _ in range(self._redirects + 1):
            own = self._is_own(url)
            trusted = trusted and own
            response = await self._send(url, headers, own, trusted, body)
            if response.status_code in (200, 206):
                return response
            if response.status_code == 416 and "Range" in headers:
                return response
            try:
                await drain(response)
            except (httpx2.TransportError, TimeoutError):
                raise self.broken(url) from None
            finally:
                await response.aclose()
            if response.status_code not in (301, 302, 303, 307, 308):
                raise self._failure(response, own)
            if body is not None:
                raise HubGarbage("the hub leads a question elsewhere, where it is not asked")
            url = redirected(url, response.headers.get("Location", ""))
        if not self._redirects:
            raise HubGarbage("the hub leads elsewhere, where nobody is asked")
        raise HubGarbage("the hub redirects in a circle")

    async def _send(
        self,
        url: httpx2.URL,
        headers: dict[str, str],
        own: bool,
        trusted: bool,
        body: bytes | None,
    ) -> httpx2.Response:
        """One request, once its quota has room. `own`: to the endpoint's origin."""
        method = "GET" if body is None else "POST"
        ours = f"Bearer {self._token}" if self._token else None
        authorization = headers.get(AUTHORIZATION) or ours
        plain = {name: value for name, value in headers.items() if name != AUTHORIZATION}
        client = next(self._turns)
        request = client.build_request(method, url, headers=plain, content=body)
        if trusted and authorization and may_carry_token(self._base):
            request.headers[AUTHORIZATION] = authorization
        slot = await self._quota.enter(self._kind(url)) if own else None
        try:
            self._usage.requests += 1
            # The client's own timeout is of each read, and a header may come a byte at a time. The
            # wait for a free connection is not the hub's fault.
            async with asyncio.timeout(None) as limit:

                async def trace(event: str, _: object) -> None:
                    if event.endswith(".send_request_headers.started"):
                        limit.reschedule(asyncio.get_running_loop().time() + LEAST_TIME)

                request.extensions["trace"] = trace
                response = await client.send(request, stream=True, auth=None)
                self.attempts.answered = True
            if slot:
                slot.answered(response.status_code, response.headers)
            return response
        except (httpx2.UnsupportedProtocol, ValueError):  # a host that is no host's name, or none
            raise HubGarbage("the hub redirects to something that is no web address") from None
        except (httpx2.TransportError, TimeoutError):
            raise self.broken(url) from None
        finally:
            if slot:
                slot.leave()

    def broken(self, url: httpx2.URL) -> AttemptFailed:
        """Nobody answers at this address, or the answer breaks off."""
        who = f"{'' if self._is_own(url) else 'the storage behind '}{self._endpoint}"
        problem = f"{who} cannot be reached, or breaks off its answers"
        remedy = f"Try again later. {self._said_of_address}"
        return AttemptFailed(HubBusy(problem, remedy=remedy))

    def _is_own(self, url: httpx2.URL) -> bool:
        return origin(url) == self._origin

    def _failure(self, response: httpx2.Response, own: bool) -> Exception:
        """What an answer that is no success means."""
        status = response.status_code
        if status == 429:
            busy = HubBusy("the hub says that we ask too often, also after waiting")
            busy.answered = own
            # Our own origin's waits are the quota's business.
            return AttemptFailed(busy, 0.0 if own else retry_after(response.headers))
        if (status >= 500 and status not in UNKNOWN_CALL) or status == 408:
            busy = HubBusy(f"the hub has troubles (status {status}), also after waiting")
            # Busy (503) says that it passes; anything else may be how it takes a parameter.
            busy.unexplained = status not in (408, 503)
            busy.answered = own
            return AttemptFailed(busy, retry_after(response.headers))
        if not own:
            final = HubGarbage(f"the storage behind the hub refused (status {status})")
            return AttemptFailed(final, most=3)
        signed_in = self._token is not None
        told = (status, response.headers, signed_in, self._endpoint, self._access_in)
        refused = refusal(*told)
        refused.challenge = response.headers.get("WWW-Authenticate", "")
        return refused

    def url(self, path: str) -> httpx2.URL:
        """The endpoint's URL for a path that is quoted already."""
        try:
            return httpx2.URL(f"{self._root}{path}")
        except httpx2.InvalidURL:
            raise HubMissing("no hub has a path like this") from None

    def _kind(self, url: httpx2.URL) -> str:
        """Which of the hub's quotas a request is counted in."""
        path = url.raw_path.decode("ascii").removeprefix(self._base.path.rstrip("/"))
        if path.startswith("/api/") and not path.startswith("/api/resolve-cache/"):
            return "api"
        return "resolvers" if "resolve" in path else "pages"


def authorization_of(given: str | None) -> str | None:
    """What a person gave, as a request says it: `user:password`, or a bearer's token."""
    if not given:
        return None
    if ":" in given:
        return f"Basic {base64.b64encode(given.encode()).decode()}"
    return f"Bearer {given}"


def _client(options: ClientOptions, connections: int) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=options.transport,
        timeout=httpx2.Timeout(30.0, connect=10.0, pool=None),
        limits=httpx2.Limits(
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30.0,
        ),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        headers={"User-Agent": _user_agent(options.contact)},
    )


def _user_agent(contact: str) -> str:
    plain = contact.isascii() and contact.isprintable() and not set("()") & set(contact)
    return f"reseen ({contact})" if contact and plain else "reseen"


async def drain(response: httpx2.Response) -> None:
    """Read a short body, so that its connection can be used again."""
    read = 0
    async with asyncio.timeout(LEAST_TIME):
        async for chunk in response.aiter_raw():
            read += len(chunk)
            if read > DRAINED:
                break
