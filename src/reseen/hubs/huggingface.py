"""The Hugging Face Hub, or any server that speaks its API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2

from reseen.files.source import Range
from reseen.hubs.hub import Files, Page, Revisions, Usage, Wanted
from reseen.records import Artifact, Repository, RepoType
from reseen.settings import DEFAULT_ENDPOINT


class HuggingFace:
    """A `Hub`. Make it inside a running event loop; `close()` it, or use `async with`.

    `name` is the endpoint's host, with the port where one is written.
    The token goes to the endpoint's own origin only, and never over clear text to another machine.
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        token: str | None = None,
        *,
        connections: int = 64,
        attempts: int = 8,
        patience: float = 900.0,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        raise NotImplementedError

    @property
    def name(self) -> str:
        raise NotImplementedError

    @property
    def usage(self) -> Usage:
        raise NotImplementedError

    async def list_repositories(self, wanted: Wanted, cursor: str | None) -> Page:
        raise NotImplementedError

    async def repository(self, type: RepoType, repo: str) -> Repository:
        raise NotImplementedError

    def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[Files]:
        raise NotImplementedError

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        raise NotImplementedError

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        raise NotImplementedError

    def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError
