"""The replica itself: two small HTTP servers on loopback (the Hub, and its "CDN") in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from replica.faults import Faults
from replica.journal import Journal
from replica.quota import Quota
from replica.world import World


class Replica:
    """Serves a world from entering to leaving the context.

    `endpoint` is the Hub ("http://127.0.0.1:PORT"); `cdn` is where large files redirect to, under
    another host name ("http://localhost:PORT"). Change `world`, `faults` and `quota` at any time.
    """

    def __init__(self, world: World, *, quota: Quota | None = None, latency: float = 0.0) -> None:
        self.world = world
        self.quota = quota or Quota()
        self.faults = Faults(latency=latency)
        self.journal = Journal()
        self.endpoint = ""
        self.cdn = ""

    def __enter__(self) -> Replica:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody answers; afterwards the same ports answer again."""
        yield
