"""One HTTP client for one hub: bounded, patient, and careful with the token.

What comes in: a path of the endpoint, and how much is wanted. What goes out: JSON, or bytes of a
file; or an error of `reseen.errors.HubError`. Promised:
- the token goes to the endpoint's own scheme, host and port, and nowhere else;
- redirects are followed by us: few, never from https to http, never with credentials in them;
- no answer is read beyond what was wanted plus a bounded excess, compressed or not;
- 429, 5xx, failing connections and answers that break off are tried again, but not for ever.
Errors name the endpoint that a person gave, and no other address: it may hold a person's name or a
signature.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeVar

import httpx2
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_exponential, wait_random

from reseen.errors import HubBusy, HubError, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs import answers, paging
from reseen.hubs.hub import Usage
from reseen.hubs.quota import LONGEST, Quota
from reseen.hubs.quota_windows import retry_after
from reseen.hubs.range_answers import check_plain, promised_length
from reseen.hubs.redirects import may_carry_token, origin, redirected
from reseen.hubs.shared_quota import SharedQuota, SharedWindows
from reseen.settings import RateLimit, said_of_address

T = TypeVar("T")

MOST_JSON = 16 << 20
"""Bytes of one answer of the API, uncompressed."""
MOST_SKIPPED = 64 << 20
"""Bytes read and dropped before a range, where the server ignores Range."""
MOST_REDIRECTS = 5
SLOWEST = 32 << 10
"""Bytes a second: whoever sends an answer slower is taken for hung ..."""
LEAST_TIME = 60.0
"""... but has this many seconds in any case."""
ASKED_SIMPLER = 3
"""The attempt at which a simpler question is asked, where there is one."""
AT_FIRST = 3
"""Attempts to reach a hub that never answered: its address may be wrong."""
PER_CLIENT = 16
"""Connections of one client: it goes through all of them at each request, and again at its end."""
DRAINED = 64 << 10
"""Bytes of a refusal or redirect read to keep its connection."""

AUTHORIZATION = "Authorization"
NO_HEADERS: Mapping[str, str] = {}

_BACKOFF = wait_exponential(multiplier=0.5, max=30.0) + wait_random(0.0, 0.5)


class AnswerTooBig(HubGarbage):
    """The answer has more bytes than we take; asking for less may help."""


class _Again(Exception):
    """This attempt failed in a way that another may not."""

    def __init__(self, final: HubError, after: float | None = None, most: int = 1000) -> None:
        super().__init__()
        self.final = final
        """What to raise when patience is at its end."""
        self.after = after
        """Seconds to wait first, where the hub said so (the quota waits by itself)."""
        self.most = most
        """Attempts at most."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How a server is asked."""

    connections: int = 64
    """Requests at once, at most."""
    attempts: int = 8
    """How often one call is tried ..."""
    patience: float = 900.0
    """... and for how long since its first failure. Seconds."""
    quota: RateLimit | None = None
    """A limit of our own, besides the server's."""
    shared: SharedWindows | None = None
    """Where others are met who ask this server with the same token; None: nobody else does."""
    said_by: str = ""
    """What says the server's address, for messages: as in `HubSettings`."""
    address_in: str = "HF_ENDPOINT"
    """The variable that can say another address ..."""
    access_in: str = "HF_TOKEN"
    """... and that in which a token is given, for messages."""
    no_downloads_by: str = ""
    """The variable that forbids to ask for bytes of files, where one does."""
    redirects: int = MOST_REDIRECTS
    """How many are followed, one after the other."""
    contact: str = ""
    """Whom the hub's people can write to: said with each request, where there is one."""
    transport: httpx2.AsyncBaseTransport | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


USUAL = ClientOptions()


@dataclass(frozen=True, slots=True)
class HubResponse:
    """A JSON answer of the API."""

    value: object
    url: str
    """Whose answer it is: what was asked, or where that was redirected to."""
    link: str | None = None
    """Its `Link` header."""
    total: int | None = None
    """Entries of the whole list, where the hub says (`X-Total-Count`)."""
    query: str = ""
    """To which question."""

    def following(self) -> str | None:
        """The next page's query; None after the last. Raises HubGarbage for a link that does not
        go on."""
        return paging.following(self.link, self.url)


class Http:
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
        self._attempts = options.attempts
        self._patience = options.patience
        self._redirects = options.redirects
        self._no_downloads_by = options.no_downloads_by
        self._answers = False
        """The hub has answered something, ever."""
        self._clock = options.clock
        self._sleep = options.sleep
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

    async def json(
        self,
        path: str,
        query: str = "",
        *,
        simpler: str | None = None,
        attempts: int | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> HubResponse:
        """GET of the API; POST of `body` (JSON), where there is one, which goes to the endpoint and
        is led nowhere else. Raises AnswerTooBig beyond `MOST_JSON` bytes.

        `simpler`: a query that is asked once in the place of `query` where the hub has troubles
        (5xx) with that, time and again: an answer's `query` says which it is to. `attempts`: no
        more than these. `headers`: others than the usual ones; one of authorization goes where the
        token goes, in its place.
        """
        sent = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        sent |= {} if body is None else {"Content-Type": "application/json"}
        sent |= headers
        tried, troubled = 0, False

        async def attempt() -> HubResponse:
            nonlocal tried, troubled
            tried += 1
            turn = simpler is not None and troubled and tried == ASKED_SIMPLER
            asked = simpler if turn and simpler is not None else query
            url = self._url(f"{path}?{asked}" if asked else path)
            try:
                response = await self._get(url, sent, body)
            except _Again as again:
                troubled = again.final.unexplained
                raise
            data = await self._unpacked(response, MOST_JSON)
            try:
                return HubResponse(
                    answers.parse(data),
                    str(response.url),
                    response.headers.get("Link"),
                    answers.whole_number(response.headers.get("X-Total-Count")),
                    asked,
                )
            except HubGarbage as garbage:  # perhaps broken off on its way
                raise _Again(garbage, most=3) from None

        return await self._persist(attempt, attempts)

    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str], most: int = MOST_JSON
    ) -> bytes:
        """What the endpoint answers to a question, as it is: at most so many bytes, or AnswerTooBig
        is raised. Led nowhere else. `headers`: as `json`."""
        url, sent = self._url(path), {"Accept-Encoding": "gzip", **headers}

        async def attempt() -> bytes:
            return await self._unpacked(await self._get(url, sent, body), most)

        return await self._persist(attempt)

    async def get(self, path: str, headers: Mapping[str, str]) -> bytes:
        """What is at a path, as it is; likewise."""
        url, sent = self._url(path), {"Accept-Encoding": "gzip", **headers}

        async def attempt() -> bytes:
            return await self._unpacked(await self._get(url, sent), MOST_JSON)

        return await self._persist(attempt)

    async def _unpacked(self, response: httpx2.Response, most: int) -> bytes:
        """An answer to its end, and it is closed."""
        try:
            if response.status_code != 200:
                raise HubGarbage(f"the hub answered with status {response.status_code}")
            if response.headers.get("Content-Encoding", "") not in ("", "identity", "gzip"):
                raise HubGarbage("the hub's answer has an encoding that we did not ask for")
            data = bytearray()
            async with asyncio.timeout(LEAST_TIME + most / SLOWEST):
                async for chunk in response.aiter_bytes():
                    data += chunk
                    if len(data) > most:
                        raise AnswerTooBig(f"the hub's answer has more than {most >> 20} MiB")
        except (httpx2.TransportError, TimeoutError):
            raise self._broken(response.url) from None
        except httpx2.DecodingError:
            raise _Again(HubGarbage("the hub's answer cannot be unpacked"), most=3) from None
        finally:
            await response.aclose()
        return bytes(data)

    async def range(
        self, path: str, wanted: Range, headers: Mapping[str, str] = NO_HEADERS
    ) -> bytes:
        """Bytes of a file: at most `wanted.length`, fewer where it ends. `headers`: as `json`."""
        if wanted.length <= 0:
            return b""
        self._check_downloads()
        url = self._url(path)
        last = wanted.start + wanted.length - 1

        async def attempt() -> bytes:
            response = await self._get(url, {**headers, **_bytes(f"{wanted.start}-{last}")})
            try:
                async with asyncio.timeout(LEAST_TIME + wanted.length / SLOWEST):
                    return await self._read_range(response, wanted)
            except (httpx2.TransportError, TimeoutError):
                raise self._broken(response.url) from None
            finally:
                await response.aclose()

        return await self._persist(attempt)

    async def _read_range(self, response: httpx2.Response, wanted: Range) -> bytes:
        """The range out of a 206, 200 (the server ignores Range) or 416 (past the end)."""
        check_plain(response)
        promised: int | None = None
        skip = wanted.start
        if response.status_code == 416:
            await _drain(response)
            if re.fullmatch(r"bytes \*/(\d{1,18})", response.headers.get("Content-Range", "")):
                size = int(response.headers["Content-Range"].rpartition("/")[2])
                if size > wanted.start:
                    raise HubGarbage("the hub refuses a range that it has")
            return b""
        if response.status_code == 206:
            promised, skip = promised_length(response, wanted), 0
        elif skip > MOST_SKIPPED:
            raise HubGarbage("the hub ignores Range, and the part is too far into the file")
        data = bytearray()
        most = wanted.length if promised is None else promised
        async for chunk in response.aiter_raw():
            self._usage.bytes_read += len(chunk)
            if skip >= len(chunk):
                skip -= len(chunk)
                continue
            data += memoryview(chunk)[skip:]
            skip = 0
            # A 206 is read to its end, which keeps the connection; unless it has none.
            if len(data) >= most and (promised is None or len(data) > most):
                break
        if promised is not None and len(data) != promised:
            raise _Again(HubGarbage("the hub sends another range than it promised"), most=3)
        return bytes(data[:most])

    async def whole(
        self, path: str, size: int | None, limit: int, headers: Mapping[str, str] = NO_HEADERS
    ) -> AsyncGenerator[bytes]:
        """A file in order, going on where the connection broke. `size`: as declared, if it was.
        `headers`: as `json`.

        Raises HubGarbage past `limit` bytes.
        """
        self._check_downloads()
        url = self._url(path)
        done = 0  # bytes handed out
        received = 0  # bytes that came, dropped ones too
        waited = 0.0  # seconds for them
        skip = 0  # bytes to drop, where the server ignores Range and starts again
        response: httpx2.Response | None = None
        chunks: AsyncIterator[bytes] | None = None

        async def pull() -> bytes:
            nonlocal response, chunks, skip, received, waited
            try:
                if response is None or chunks is None:
                    asked = _bytes(f"{done}-") if done else _PLAIN
                    response = await self._get(url, {**headers, **asked})
                    skip = self._resumed(response, done)
                    chunks = response.aiter_raw()
                while True:
                    began = self._clock()
                    if not (chunk := await anext(chunks, b"")):
                        break
                    waited += self._clock() - began
                    received += len(chunk)
                    self._usage.bytes_read += len(chunk)
                    if waited > 10 * LEAST_TIME + received / SLOWEST:
                        raise HubBusy("the hub sends a file too slowly")
                    if skip < len(chunk):
                        chunk, skip = chunk[skip:], 0
                        return chunk
                    skip -= len(chunk)
                framed = {"content-length", "transfer-encoding"} & {
                    k.lower() for k in response.headers
                }
                if skip or (not framed and size is not None and done < size):
                    raise httpx2.ReadError("broke off")
                return b""
            except httpx2.TransportError:
                at = url if response is None else response.url
                if response is not None:
                    await response.aclose()
                response = None
                raise self._broken(at) from None

        try:
            while chunk := await self._persist(pull):
                done += len(chunk)
                if done > limit:
                    raise HubGarbage("the file is longer than the hub said")
                yield chunk
        finally:
            if response is not None:
                await response.aclose()

    def _check_downloads(self) -> None:
        if self._no_downloads_by:
            raise HubError(
                "bytes of files are not asked for at this hub, which may count that as a download",
                remedy=f"{self._no_downloads_by} says so.",
            )

    def _resumed(self, response: httpx2.Response, done: int) -> int:
        """Bytes to drop from the start of this answer, when `done` bytes are there already."""
        check_plain(response)
        if response.status_code == 206 and done:
            promised_length(response, Range(done, 1 << 62))
            return 0
        if response.status_code == 200 and done <= MOST_SKIPPED:
            return done
        raise HubBusy("the hub broke off a file, and cannot go on in its middle")

    async def _get(
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
                await _drain(response)
            except (httpx2.TransportError, TimeoutError):
                raise self._broken(url) from None
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
                self._answers = True
            if slot:
                slot.answered(response.status_code, response.headers)
            return response
        except (httpx2.UnsupportedProtocol, ValueError):  # a host that is no host's name, or none
            raise HubGarbage("the hub redirects to something that is no web address") from None
        except (httpx2.TransportError, TimeoutError):
            raise self._broken(url) from None
        finally:
            if slot:
                slot.leave()

    def _broken(self, url: httpx2.URL) -> _Again:
        """Nobody answers at this address, or the answer breaks off."""
        who = f"{'' if self._is_own(url) else 'the storage behind '}{self._endpoint}"
        problem = f"{who} cannot be reached, or breaks off its answers"
        remedy = f"Try again later. {self._said_of_address}"
        return _Again(HubBusy(problem, remedy=remedy))

    def _is_own(self, url: httpx2.URL) -> bool:
        return origin(url) == self._origin

    def _failure(self, response: httpx2.Response, own: bool) -> Exception:
        """What an answer that is no success means."""
        status = response.status_code
        if status == 429:
            busy = HubBusy("the hub says that we ask too often, also after waiting")
            busy.answered = own
            # Our own origin's waits are the quota's business.
            return _Again(busy, 0.0 if own else retry_after(response.headers))
        if (status >= 500 and status not in answers.UNKNOWN_CALL) or status == 408:
            busy = HubBusy(f"the hub has troubles (status {status}), also after waiting")
            # Busy (503) says that it passes; anything else may be how it takes a parameter.
            busy.unexplained = status not in (408, 503)
            busy.answered = own
            return _Again(busy, retry_after(response.headers))
        if not own:
            final = HubGarbage(f"the storage behind the hub refused (status {status})")
            return _Again(final, most=3)
        signed_in = self._token is not None
        told = (status, response.headers, signed_in, self._endpoint, self._access_in)
        refused = answers.refusal(*told)
        refused.challenge = response.headers.get("WWW-Authenticate", "")
        return refused

    async def _persist(self, attempt: Callable[[], Awaitable[T]], attempts: int | None = None) -> T:
        """Try again while there is hope and patience; then raise what the last failure means."""
        failed: list[_Again] = []
        try:
            return await attempt()  # most answers come so, and need nothing of what follows
        except _Again as again:
            failed.append(again)

        async def next_attempt() -> T:
            if failed:
                raise failed.pop()
            return await attempt()

        failed_at: float | None = None
        usual = min(self._attempts, attempts or self._attempts)

        def enough(state: RetryCallState) -> bool:
            nonlocal failed_at
            now = self._clock()
            failed_at = now if failed_at is None else failed_at
            most = min(usual, _again(state).most)
            if not self._answers:
                most = min(most, AT_FIRST)
            return state.attempt_number >= most or now - failed_at > self._patience

        def pause(state: RetryCallState) -> float:
            after = _again(state).after
            return _BACKOFF(state) if after is None else min(after, LONGEST)

        retrying = AsyncRetrying(
            sleep=self._sleep,
            stop=enough,
            wait=pause,
            retry=retry_if_exception_type(_Again),
            reraise=True,
        )
        try:
            return await retrying(next_attempt)
        except _Again as again:
            raise again.final from None

    def _url(self, path: str) -> httpx2.URL:
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


_PLAIN = {"Accept-Encoding": "identity"}


def _bytes(range: str) -> dict[str, str]:
    return {**_PLAIN, "Range": f"bytes={range}"}


def _again(state: RetryCallState) -> _Again:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, _Again)
    return error


async def _drain(response: httpx2.Response) -> None:
    """Read a short body, so that its connection can be used again."""
    read = 0
    async with asyncio.timeout(LEAST_TIME):
        async for chunk in response.aiter_raw():
            read += len(chunk)
            if read > DRAINED:
                break
