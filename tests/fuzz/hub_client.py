"""The whole client of a hub over a transport in this process whose every answer is drawn: statuses,
headers, packed and broken bodies, ranges that are not those asked for.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx2
from tests.fuzz import chance
from tests.fuzz.chance import MARKER, mutated, number_text, sum_of
from tests.fuzz.hub_answers import COMMIT, ENDPOINT, REPO, STATUSES, body, headers, run
from tests.fuzz.play import Broken, FuzzedReader

from reseen.errors import HubError
from reseen.files import containers
from reseen.files.source import Range
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.hub import WantedRepositories, drive
from reseen.hubs.huggingface import HuggingFace
from reseen.records import Artifact, RepoType


@dataclass(frozen=True)
class Response:
    status: int
    said: Mapping[str, str]
    pieces: tuple[bytes, ...]
    breaks: bool


@dataclass(frozen=True)
class Session:
    """What is asked of a hub, and what it answers, one after the other and then again."""

    call: str
    responses: tuple[Response, ...]


_CALLS: Mapping[str, tuple[str, ...]] = {
    "list_repositories": ("listing",),
    "list_since": ("listing",),
    "repository": ("repository",),
    "list_files": ("tree",),
    "revisions": ("refs", "commits", "commits"),
    "read": ("any",),
    "stream": ("any",),
}


def _response(rng: Random, call: str, kind: str) -> Response:
    ranged = call in ("read", "stream")
    status = (206 if ranged else 200) if not chance.chance(rng, 4) else rng.choice(STATUSES)
    said = headers(rng) if chance.chance(rng, 2) else {}
    data = rng.randbytes(rng.choice((0, 1, 100, 1000))) if ranged else body(rng, kind)
    if ranged and chance.chance(rng, 1.3):
        said["Content-Range"] = (
            f"bytes 0-{len(data) - 1}/{len(data)}" if call == "read" else "bytes 100-199/200"
        )
    if chance.chance(rng, 12):
        said["Content-Encoding"] = rng.choice(
            ("gzip", "gzip", "br", "deflate", "identity", "x", "gzip, gzip")
        )
        packed = rng.choice((gzip.compress(data, 1, mtime=0), zlib.compress(data), data))
        data = mutated(packed, rng, (b"\0",)) if chance.chance(rng, 3) else packed
    if chance.chance(rng, 10):
        said["Content-Length"] = rng.choice((str(len(data)), "0", number_text(rng)[:20], "-1"))
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 0, 1, 3))))
    pieces = tuple(data[a:b] for a, b in zip((0, *cuts), (*cuts, len(data)), strict=True))
    return Response(status, said, pieces, chance.chance(rng, 15))


def session(rng: Random) -> Session:
    call = rng.choice([*_CALLS])
    kinds = _CALLS[call]
    responses = [
        _response(rng, call, kinds[min(n, len(kinds) - 1)]) for n in range(rng.choice((1, 2, 3, 4)))
    ]
    return Session(call, tuple(responses))


class _Pieces(httpx2.AsyncByteStream):
    def __init__(self, response: Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._response.pieces:
            yield piece
        if self._response.breaks:
            raise httpx2.RemoteProtocolError("broke off")


_MOST = 300
"""Requests after which a hub has nothing any more."""


def read_session(given: Session) -> object:
    """One call of the client over these answers; every error is a HubError."""
    now, asked = [1000.0], [0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    def respond(request: httpx2.Request) -> httpx2.Response:
        if (
            "hf_marked_secret" in request.headers.get("Authorization", "")
            and request.url.host != "hub.example"
        ):
            raise Broken("the token went elsewhere")
        asked[0] += 1
        if asked[0] > _MOST:
            return httpx2.Response(404, stream=_Pieces(Response(404, {}, (), False)))
        drawn = given.responses[(asked[0] - 1) % len(given.responses)]
        said = [
            (name.encode(), value.encode("utf-8", "surrogatepass").translate(None, b"\r\n\0"))
            for name, value in drawn.said.items()
        ]
        return httpx2.Response(drawn.status, headers=said, stream=_Pieces(drawn))

    async def work() -> object:
        options = ClientOptions(
            attempts=3, transport=httpx2.MockTransport(respond), clock=lambda: now[0], sleep=sleep
        )
        async with HuggingFace(ENDPOINT, "hf_marked_secret", options) as hub:
            told = await _called(hub, given.call)
            if MARKER in "".join(hub.usage.remarks):
                raise Broken("a remark holds the input's words")
            return told, asked[0]

    return run(work())


async def _called(hub: HuggingFace, call: str) -> object:
    artifact = Artifact(
        hub="hub.example",
        type=RepoType.MODEL,
        repo=REPO,
        revision=COMMIT,
        ref=None,
        path="a.safetensors",
        size=1000,
    )
    if call.startswith("list_") and call != "list_files":
        since = datetime(2026, 1, 1, tzinfo=UTC) if call == "list_since" else None
        cursor, found = None, []
        for _ in range(3):
            page = await hub.list_repositories(
                WantedRepositories(author="account-01", since=since), cursor
            )
            found.append((sum_of(page.repositories), [p.reason for p in page.problems]))
            cursor = page.cursor
            if cursor is None:
                break
        return found
    if call == "repository":
        return sum_of(await hub.repository(RepoType.MODEL, REPO))
    if call == "list_files":
        pages = [page async for page in _some(hub.list_files(RepoType.MODEL, REPO, "main", "main"))]
        return sum_of([p.artifacts for p in pages]), [
            p.reason for page in pages for p in page.problems
        ]
    if call == "revisions":
        told = await hub.revisions(RepoType.MODEL, REPO)
        return sum_of(told.revisions), [p.reason for p in told.problems]
    if call == "read":
        data = await hub.read(artifact, Range(0, 100))
        if len(data) > 100:
            raise Broken("more bytes than were wanted")
        try:
            listing: object = (await drive(hub, artifact, containers.read_listing(1000))).container
        except HubError:
            raise
        except Exception as error:
            if type(error).__module__ != "reseen.errors":
                raise
            listing = type(error).__name__
        return len(data), listing
    length = 0
    async for piece in hub.stream(artifact, 5000):
        length += len(piece)
    if length > 5000:
        raise Broken("a stream goes on beyond its limit")
    return length


async def _some(pages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    count = 0
    async for page in pages:
        yield page
        count += 1
        if count == 5:
            return


READERS = (FuzzedReader("hub-client", session, read_session, passing=(HubError,)),)
