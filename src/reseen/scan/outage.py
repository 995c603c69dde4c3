"""Tells a repository or file that cannot be had from a hub, or a host of its files, that is away.

What comes in: failures of single requests, and a question that any living hub answers. What goes
out: whose fault it was. It promises that no repository is given up because the hub was away, that
we do not wait for ever, and that a host of files which is away is noticed once and not for each
file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable

from reseen.errors import HubBusy, HubError

LONGEST = 60.0
"""Seconds between two attempts, at most."""
AT_FIRST = 20.0
"""Seconds that we wait for a hub which never answered: its address may be wrong."""


FAILURES = 3
"""Files that cannot be read one after another before their host counts as away."""
PROBES = 30.0
"""Seconds before one file is tried again at a host that is away; doubles up to `RAREST`."""
RAREST = 600.0
STORAGE_AWAY = "files not read: the storage does not answer"
UNANSWERED = "files not read: no usable answer after several attempts"
"""Why something was left out."""


class HubAway(Exception):
    """The hub did not answer for longer than our patience. Its text is how it answered last, where
    it did."""


class HubOutage:
    """Shared by all who ask one hub."""

    def __init__(self, patience: float, backoff: float) -> None:
        self._patience = patience
        self._first = backoff
        self._next = backoff
        self._heard = time.monotonic()
        self._ever = False
        """It has answered, ever. Until then we wait for `AT_FIRST` only."""
        self._silent = 0.0
        """When an attempt to find the hub back last failed."""
        self._last: HubBusy | None = None
        """What it failed with."""
        self._asking = asyncio.Lock()
        self.now = False

    def answered(self) -> None:
        """The hub answered something, if only with a refusal."""
        self._heard = time.monotonic()
        self._ever = True
        self._next = self._first
        self.now = False

    async def since(self, started: float, ask: Callable[[], Awaitable[object]]) -> bool:
        """A request that began at `started` (monotonic seconds) failed: was the hub away?

        Asks the hub something else where that cannot be told, and waits before it says yes.
        Raises HubAway when the hub has been away for too long.
        """
        failed = time.monotonic()
        async with self._asking:
            if self._silent >= started:
                if self._heard <= self._silent:
                    await self.wait(self._last)
                return True
            if started <= self._heard <= failed:
                return False
            try:
                await ask()
            except HubBusy as e:
                await self.wait(e)
                return True
            except HubError:
                pass  # an answer, if no good one: it is there
            self.answered()
            return False

    async def wait(self, error: HubBusy | None) -> None:
        """Wait before the next attempt; the last one failed so. Raises HubAway when we have waited
        for too long."""
        self._silent = time.monotonic()
        self._last = error
        self.now = True
        patience = self._patience if self._ever else min(self._patience, AT_FIRST)
        left = patience - (self._silent - self._heard)
        if left <= 0:
            raise HubAway(str(error) if error is not None and error.answered else "")
        await asyncio.sleep(min(self._next, left))
        self._next = min(self._next * 2, LONGEST)


class StorageOutage:
    """Does the host that serves files answer? It may be another than the one that lists them, and
    be away while that one works: then what is listed is stored, and reading is left for later."""

    def __init__(self, probes: float = PROBES, clock: Callable[[], float] = time.monotonic) -> None:
        self._first = self._wait = probes
        self._clock = clock
        self._failed: set[Hashable] = set()
        """Files that could not be had since something was."""
        self._ask_at = 0.0
        self.told = False
        """It was said already that it is away."""

    @property
    def now(self) -> bool:
        """It is away, as far as we know."""
        return len(self._failed) >= FAILURES

    def may_ask(self) -> bool:
        """Is it worth trying to read? While it is away, one file now and then."""
        if not self.now:
            return True
        if self._clock() < self._ask_at:
            return False
        self._wait_longer()
        return True

    def answered(self) -> None:
        """It served something."""
        self._failed.clear()
        self._wait = self._first

    def failed(self, files: Iterable[Hashable]) -> None:
        """It did not serve these files, while the hub itself answered."""
        was = self.now
        self._failed.update(files)
        if self.now and not was:
            self._wait_longer()

    def _wait_longer(self) -> None:
        self._ask_at = self._clock() + self._wait
        self._wait = min(self._wait * 2, RAREST)
