"""Keeps to a hub's rate limit ahead of time, so that it never has to refuse us.

What comes in: the `RateLimit` headers of every answer. What goes out: leave to send one request.
The Hub counts in fixed windows, one for each kind of request ("api", "resolvers", "pages"):

    RateLimit: "api";r=12;t=55        12 requests are left, the window ends in 55 s
    RateLimit-Policy: "fixed window";"api";q=500;w=300

(https://huggingface.co/docs/hub/rate-limits, after draft-ietf-httpapi-ratelimit-headers-09.)
What is left is spent freely, counting what is under way; then everyone waits for the window's end.
The first request of a window goes alone, for what it is told holds for all others. Promised: a sole
user of a token uses all of its quota and is never refused, and no header makes us wait for ever.
A limit of our own, where one is set, holds for all kinds of requests together, besides.

This is one process by itself. `shared_quota` is the same for several that ask with one token.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from reseen.hubs.hub import Usage
from reseen.hubs.quota_windows import ToldWindow, Window, joined, retry_after, windows_told
from reseen.settings import RateLimit

LONGEST = 3600.0
"""Seconds: no header makes us wait longer at a time. The Hub's windows have 300."""
MOST_REMARKS = 20


class Slot:
    """Leave to send one request. `answered` as soon as the headers are there, `leave` always."""

    __slots__ = ("_quota", "kind", "opened", "probe", "sent")

    def __init__(self, quota: Quota, kind: str, sent: float, probe: bool) -> None:
        self._quota = quota
        self.kind = kind
        self.sent = sent
        self.probe = probe
        self.opened = True

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        self._quota._answered(self, status, headers)
        self._close()

    def leave(self) -> None:
        """Harmless after an answer. Without one, the hub may have counted the request: so do we."""
        if self.opened:
            self._quota._count(self)
            self._close()

    def _close(self) -> None:
        if self.opened:
            self.opened = False
            self._quota._left(self)


class Quota:
    """The rate limit of one hub, shared by all tasks of a process."""

    def __init__(
        self,
        usage: Usage,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        own: RateLimit | None = None,
    ) -> None:
        self._usage = usage
        self._clock = clock
        self._sleep = sleep
        self._own = own
        self._asked: deque[float] = deque(maxlen=own.requests if own else 0)
        """When the last requests were sent, as many as our own limit allows."""
        self._windows: dict[str, Window] = {}
        self._governed: dict[str, tuple[str, ...]] = {}
        """Kind of request -> names of the windows it is counted in; none: it is not counted."""
        self._open: dict[str, int] = {}
        self._probing: set[str] = set()
        self._paused: dict[str, float] = {}
        self._refusals: dict[str, int] = {}
        self._lines: dict[str, asyncio.Lock] = {}
        self._news = asyncio.Event()

    async def enter(self, kind: str) -> Slot:
        """Wait for leave to send one request of this kind ("api", "resolvers", "pages").

        First come, first served. Whoever gets the slot must `leave` it.
        """
        async with self._lines.setdefault(kind, asyncio.Lock()):
            while (seconds := self._wait(kind)) > 0:
                began = self._clock()
                await self._news_or(seconds)
                self._usage.waits += self._clock() - began
            probe = self._unknown(kind)
            if probe:
                self._probing.add(kind)
            self._open[kind] = self._open.get(kind, 0) + 1
            self._asked.append(self._clock())
            self._entered(kind)
            return Slot(self, kind, self._clock(), probe)

    def _entered(self, kind: str) -> None:
        """A request of this kind is about to be sent."""

    async def close(self) -> None:
        """Nothing is asked any more."""

    def _unknown(self, kind: str) -> bool:
        """Nothing told yet, or only of a window that is over."""
        names = self._governed.get(kind)
        now = self._clock()
        return names is None or any(self._windows[name].latest <= now for name in names)

    def _wait(self, kind: str) -> float:
        """Seconds until it is worth asking again (inf: until an answer comes); 0: go."""
        now = self._clock()
        if (pause := self._paused.get(kind, 0.0) - now) > 0:
            return pause
        if (pause := self._own_pause(now)) > 0:
            return pause
        if self._unknown(kind):
            return math.inf if kind in self._probing else 0.0
        waits = [0.0]
        for name in self._governed[kind]:
            window = self._windows[name]
            if window.left - self._under_way(name) <= 0:
                waits.append(window.latest - now)
        return max(waits)

    def _buckets(self, kind: str) -> tuple[str, ...]:
        """The windows that a kind of request is counted in, as far as is known; none: in none."""
        return self._governed.get(kind, (kind,))

    def _under_way(self, bucket: str) -> int:
        """Requests that are sent and not answered, and are counted in it."""
        return sum(n for kind, n in self._open.items() if bucket in self._buckets(kind))

    def _own_pause(self, now: float) -> float:
        """Seconds until our own limit has room."""
        if self._own is None or len(self._asked) < self._own.requests:
            return 0.0
        return self._asked[0] + self._own.seconds - now

    async def _news_or(self, seconds: float) -> None:
        """Until an answer comes, at most this long."""
        self._news.clear()
        await self._until(self._news, seconds)

    async def _until(self, event: asyncio.Event, seconds: float) -> None:
        """Until it is set, at most this long (inf: as long as it takes)."""
        tasks: set[asyncio.Future[object]] = {asyncio.ensure_future(event.wait())}
        if math.isfinite(seconds):
            tasks.add(asyncio.ensure_future(_awaited(self._sleep(seconds))))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _answered(self, slot: Slot, status: int, headers: Mapping[str, str]) -> None:
        told = self._read(headers)
        if told:
            for item in told:
                self._learn(item, slot.sent)
            self._governed[slot.kind] = tuple(item.name for item in told)
            named = {name for names in self._governed.values() for name in names}
            self._windows = {name: w for name, w in self._windows.items() if name in named}
            self._usage.quota_left = {name: w.left for name, w in self._windows.items()}
        elif slot.probe and status < 400:
            self._governed[slot.kind] = ()
        if status != 429:
            self._refusals.pop(slot.kind, None)
        elif not any(self._windows[item.name].left == 0 for item in told):
            self._refused(slot.kind, headers)

    def _refused(self, kind: str, headers: Mapping[str, str]) -> None:
        """429 that the window does not explain: all pause, then one goes first."""
        count = self._refusals[kind] = self._refusals.get(kind, 0) + 1
        seconds = retry_after(headers)
        if seconds is None:
            seconds = min(60.0, 2.0 ** min(count, 6))
        until = self._clock() + self._bounded(seconds, "after a refusal")
        self._paused[kind] = max(until, self._paused.get(kind, 0.0))
        self._governed.pop(kind, None)

    def _left(self, slot: Slot) -> None:
        self._open[slot.kind] -= 1
        if slot.probe:
            self._probing.discard(slot.kind)
        self._news.set()

    def _count(self, slot: Slot) -> None:
        for name in self._governed.get(slot.kind, ()):
            window = self._windows[name]
            self._windows[name] = replace(window, left=max(0, window.left - 1))

    def _learn(self, stated: ToldWindow, sent: float) -> None:
        told = Window(
            stated.left,
            earliest=sent + stated.ends_in - stated.rounding,
            latest=self._clock() + stated.ends_in + stated.rounding,
        )
        self._windows[stated.name] = joined(self._windows.get(stated.name), told, sent)

    def _read(self, headers: Mapping[str, str]) -> list[ToldWindow]:
        return [
            replace(one, ends_in=self._bounded(one.ends_in, "for the end of its window"))
            for one in windows_told(headers)
        ]

    def _bounded(self, seconds: float, what: str) -> float:
        if seconds > LONGEST:
            remark = f"The hub asks us to wait {seconds:.0f} s {what}; we wait {LONGEST:.0f} s."
            if remark not in self._usage.remarks and len(self._usage.remarks) < MOST_REMARKS:
                self._usage.remarks.append(remark)
        return min(seconds, LONGEST)


async def _awaited(awaitable: Awaitable[None]) -> None:
    await awaitable
