"""One HTTP client for one hub: bounded and patient, on requests that are careful with the token.

What comes in: a path of the endpoint, and how much is wanted. What goes out: JSON, or bytes of a
file; or an error of `reseen.errors.HubError`. Promised:
- no answer is read beyond what was wanted plus a bounded excess, compressed or not;
- 429, 5xx, failing connections and answers that break off are tried again, but not for ever.
Errors name the endpoint that a person gave, and no other address: it may hold a person's name or a
signature.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass

import httpx2

from reseen.errors import HubBusy, HubError, HubGarbage
from reseen.files.source import Range
from reseen.hubs import answers, paging
from reseen.hubs.attempts import AttemptFailed
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.http_requests import LEAST_TIME, HttpRequests
from reseen.hubs.hub import Usage
from reseen.hubs.range_answers import MOST_SKIPPED, check_plain, promised_length, read_range

MOST_JSON = 16 << 20
"""Bytes of one answer of the API, uncompressed."""
SLOWEST = 32 << 10
"""Bytes a second: whoever sends an answer slower is taken for hung, after `LEAST_TIME`."""
ASKED_SIMPLER = 3
"""The attempt at which a simpler question is asked, where there is one."""

NO_HEADERS: Mapping[str, str] = {}


class AnswerTooBig(HubGarbage):
    """The answer has more bytes than we take; asking for less may help."""


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
    """What one hub is asked. Made inside a running event loop; to be closed."""

    def __init__(
        self, endpoint: str, token: str | None, usage: Usage, options: ClientOptions
    ) -> None:
        self._usage, self._options = usage, options
        self._requests = HttpRequests(endpoint, token, usage, options)

    @property
    def access(self) -> bytes | None:
        """By which token we ask, without telling it; None: as a stranger."""
        return self._requests.access

    async def close(self) -> None:
        await self._requests.close()

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
            url = self._requests.url(f"{path}?{asked}" if asked else path)
            try:
                response = await self._requests.get(url, sent, body)
            except AttemptFailed as again:
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
                raise AttemptFailed(garbage, most=3) from None

        return await self._requests.attempts.persist(attempt, attempts)

    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str], most: int = MOST_JSON
    ) -> bytes:
        """What the endpoint answers to a question, as it is: at most so many bytes, or AnswerTooBig
        is raised. Led nowhere else. `headers`: as `json`."""
        url, sent = self._requests.url(path), {"Accept-Encoding": "gzip", **headers}

        async def attempt() -> bytes:
            return await self._unpacked(await self._requests.get(url, sent, body), most)

        return await self._requests.attempts.persist(attempt)

    async def get(self, path: str, headers: Mapping[str, str]) -> bytes:
        """What is at a path, as it is; likewise."""
        url, sent = self._requests.url(path), {"Accept-Encoding": "gzip", **headers}

        async def attempt() -> bytes:
            return await self._unpacked(await self._requests.get(url, sent), MOST_JSON)

        return await self._requests.attempts.persist(attempt)

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
            raise self._requests.broken(response.url) from None
        except httpx2.DecodingError:
            raise AttemptFailed(HubGarbage("the hub's answer cannot be unpacked"), most=3) from None
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
        url = self._requests.url(path)
        last = wanted.start + wanted.length - 1

        async def attempt() -> bytes:
            response = await self._requests.get(
                url, {**headers, **_bytes(f"{wanted.start}-{last}")}
            )
            try:
                async with asyncio.timeout(LEAST_TIME + wanted.length / SLOWEST):
                    return await read_range(response, wanted, self._usage)
            except (httpx2.TransportError, TimeoutError):
                raise self._requests.broken(response.url) from None
            finally:
                await response.aclose()

        return await self._requests.attempts.persist(attempt)

    async def whole(
        self, path: str, size: int | None, limit: int, headers: Mapping[str, str] = NO_HEADERS
    ) -> AsyncGenerator[bytes]:
        """A file in order, going on where the connection broke. `size`: as declared, if it was.
        `headers`: as `json`.

        Raises HubGarbage past `limit` bytes.
        """
        self._check_downloads()
        url = self._requests.url(path)
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
                    response = await self._requests.get(url, {**headers, **asked})
                    skip = self._resumed(response, done)
                    chunks = response.aiter_raw()
                while True:
                    began = self._options.clock()
                    if not (chunk := await anext(chunks, b"")):
                        break
                    waited += self._options.clock() - began
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
                raise self._requests.broken(at) from None

        try:
            while chunk := await self._requests.attempts.persist(pull):
                done += len(chunk)
                if done > limit:
                    raise HubGarbage("the file is longer than the hub said")
                yield chunk
        finally:
            if response is not None:
                await response.aclose()

    def _check_downloads(self) -> None:
        if self._options.no_downloads_by:
            raise HubError(
                "bytes of files are not asked for at this hub, which may count that as a download",
                remedy=f"{self._options.no_downloads_by} says so.",
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


_PLAIN = {"Accept-Encoding": "identity"}


def _bytes(range: str) -> dict[str, str]:
    return {**_PLAIN, "Range": f"bytes={range}"}
