"""A hub made of one function, in memory, and the streams that misbehave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
from virtual_time import clock

from reseen.hubs.client_options import ClientOptions
from reseen.hubs.huggingface import HuggingFace
from reseen.records import Artifact, RepoType

ENDPOINT = "https://hub.example"
TOKEN = "hf_marked_secret"

Handler = Callable[[httpx2.Request], httpx2.Response | Awaitable[httpx2.Response]]


class Pieces(httpx2.AsyncByteStream):
    """A body in pieces: counts what was read, and whether it was closed; can break off."""

    def __init__(self, *pieces: bytes, breaks: bool = False, endless: bool = False) -> None:
        self.pieces = pieces
        self.breaks = breaks
        self.endless = endless
        self.read = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            for piece in self.pieces:
                self.read += len(piece)
                yield piece
            if not self.endless:
                break
        if self.breaks:
            raise httpx2.RemoteProtocolError("peer closed connection without complete body")

    async def aclose(self) -> None:
        self.closed = True


class Recorder:
    """Answers by a function, and remembers what was asked."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[httpx2.Request] = []

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.handler(request)
        return answer if isinstance(answer, httpx2.Response) else await answer


def hub(handler: Handler, **options: Any) -> HuggingFace:
    async def streamed(request: httpx2.Request) -> httpx2.Response:
        """A ready answer as a server would send it: its body still to come."""
        answer = handler(request)
        answer = answer if isinstance(answer, httpx2.Response) else await answer
        if not answer.is_stream_consumed:
            return answer
        body = Pieces(answer.content)
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=body)

    endpoint, token = options.pop("endpoint", ENDPOINT), options.pop("token", TOKEN)
    asked = ClientOptions(transport=httpx2.MockTransport(streamed), **{"clock": clock, **options})
    return HuggingFace(endpoint, token, asked)


def artifact(path: str = "lora.safetensors", size: int | None = None, **fields: Any) -> Artifact:
    fields = {"type": RepoType.MODEL, "repo": "account-01/copy", "revision": "a" * 40, **fields}
    return Artifact(hub="hub.example", ref=None, path=path, size=size, **fields)
