"""What tests of Civitai share: a small one on loopback, and a hub that asks it and never waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from replica.civitai import CivitaiSite
from replica.server import Replica
from replica.world import World
from tests.scan.walking import Hasty

from reseen.hubs.civitai import Civitai
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.hub import ByHash, RepositoryPage, WantedRepositories

T = TypeVar("T")


@contextmanager
def served(site: CivitaiSite) -> Iterator[Replica]:
    with Replica(World(), site=site) as replica:
        yield replica


def opened(replica: Replica, *, contact: str = "", attempts: int = 8) -> Civitai:
    """Inside a running loop."""
    clock = Hasty()
    options = ClientOptions(attempts=attempts, clock=clock, sleep=clock.sleep, contact=contact)
    return Civitai(replica.endpoint, None, options)


def done(replica: Replica, work: Callable[[Civitai], Awaitable[T]], **options: str) -> T:
    """What comes of work with a hub of its own."""

    async def main() -> T:
        hub = opened(replica, **options)
        try:
            return await work(hub)
        finally:
            await hub.close()

    return asyncio.run(main())


def asked(replica: Replica, digests: Sequence[bytes], **options: str) -> list[ByHash]:
    """All parts of the answer to one question."""

    async def work(hub: Civitai) -> list[ByHash]:
        return await every(hub.ask(digests))

    return done(replica, work, **options)


def listed(
    replica: Replica, wanted: WantedRepositories | None = None, most: int = 1000
) -> list[RepositoryPage]:
    """All pages of a list."""

    async def work(hub: Civitai) -> list[RepositoryPage]:
        pages = [await hub.list_repositories(wanted or WantedRepositories(), None)]
        while (cursor := pages[-1].cursor) is not None and len(pages) < most:
            pages.append(await hub.list_repositories(wanted or WantedRepositories(), cursor))
        return pages

    return done(replica, work)


async def every(parts: AsyncIterator[T]) -> list[T]:
    return [part async for part in parts]
