"""Is it this repository that cannot be answered for, or is the hub away?

What comes in: failures of single requests, and a question that any living hub answers. What goes
out: whose fault it was. It promises that no repository is given up because the hub was away, and
that we do not wait for ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from reseen.errors import HubBusy, HubError

LONGEST = 60.0
"""Seconds between two attempts, at most."""
AT_FIRST = 20.0
"""Seconds that we wait for a hub which never answered: its address may be wrong."""


class HubAway(Exception):
    """The hub did not answer for longer than our patience."""


class Away:
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
                    await self.wait()
                return True
            if started <= self._heard <= failed:
                return False
            try:
                await ask()
            except HubBusy:
                await self.wait()
                return True
            except HubError:
                pass  # an answer, if no good one: it is there
            self.answered()
            return False

    async def wait(self) -> None:
        """Wait before the next attempt. Raises HubAway when we have waited for too long."""
        self._silent = time.monotonic()
        self.now = True
        patience = self._patience if self._ever else min(self._patience, AT_FIRST)
        left = patience - (self._silent - self._heard)
        if left <= 0:
            raise HubAway
        await asyncio.sleep(min(self._next, left))
        self._next = min(self._next * 2, LONGEST)
