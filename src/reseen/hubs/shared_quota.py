"""One quota for all processes, on whatever machines, that ask a hub with one token.

What comes in: as in `quota`, and a place where the walkers of a token meet (`SharedWindows`; the
store has it in a table). What goes out: leave to send one request. A walker takes requests from
there in slices, a few at a time and fewer as the window's end comes nearer, spends them without
asking anybody, and says how many it still holds. What the hub told any of them holds for all: so
none is refused, and nothing is lost but what a killed walker held.

Of each window one request goes first, alone among all walkers; who sends it is said there too.
Several tokens, to have more than a hub gives one, are not offered: each token has its own windows,
and a hub is opened with one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from reseen.errors import ReseenError
from reseen.hubs.hub import Usage
from reseen.hubs.quota import Quota, Slot
from reseen.hubs.quota_windows import Window, joined
from reseen.settings import RateLimit

FIRST_SLICE = 8
MOST = 64
"""Requests in a slice."""
GOOD = 10.0
"""Seconds that a slice is good for. Those that share must keep it for longer (`SharedWindows`)."""
TURN = 1.0
"""Seconds between two words about what we hold, while we hold anything."""
SOON, LATER = 0.1, 10.0
"""Seconds between two questions, where nothing is to be had: at first, and at last."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a walker says of one bucket: how it stands, and what it wants."""

    held: int
    """Requests that it may send, or has sent without hearing an answer."""
    wanted: int
    """How many more."""
    first: bool = False
    """Among `held` is the first request of a window, which it was given leave for."""
    window: Window | None = None
    """As the hub told it, in seconds from now; None: it knows of none that goes on."""
    pause: float = 0.0
    """Seconds for which the hub wants to hear from nobody."""


@dataclass(frozen=True, slots=True)
class QuotaSlice:
    """What a walker is given."""

    granted: int
    first: bool = False
    """Leave for the first request of a window: what it is told holds for all."""
    window: Window | None = None
    """As all walkers together know it, in seconds from when it was asked for."""
    pause: float = 0.0
    """Seconds for which nobody is to ask."""


class SharedWindows(Protocol):
    """Where the walkers of one token at one hub meet. Raises StoreError."""

    async def take(self, access: bytes | None, bucket: str, standing: Standing) -> QuotaSlice:
        """Say how one stands, and take what there is: never more than the hub has left beyond what
        all hold. `access`: as `Abilities.access`. What was held is one's own for longer than `GOOD`
        seconds from now; later, what nobody spoke of again is counted as sent."""


@dataclass(slots=True)
class _Held:
    """What we hold of one bucket. Instants are by the clock."""

    may_send: int = 0
    good_until: float = 0.0
    first: bool = False
    """`may_send` is the first request of a window."""
    first_kind: str | None = None
    """Of which kind that request is, while it is under way."""
    size: int = FIRST_SLICE
    """How many we want to hold."""
    used: int = 0
    """Requests since we last asked ..."""
    asked_at: float = 0.0
    """... which was then."""
    starved: bool = False
    """Somebody waits."""
    ask_at: float = 0.0
    """Not before."""
    pause: float = SOON
    """Seconds to the next question, if nothing is to be had again."""

    def wants(self, now: float) -> int:
        """How many more we want: about what is used in a second. Nobody's are given back."""
        if self.starved or self.used > self.size * (now - self.asked_at) / TURN:
            self.size = min(MOST, self.size * 2)
        elif self.used < self.size // 4:
            self.size = max(1, self.size // 2)
        size = self.size if self.starved or self.used else 0
        if size == 0 or self.good_until <= now:
            self.may_send, self.first = 0, False
        self.may_send = min(self.may_send, size)
        self.used, self.starved, self.asked_at = 0, False, now
        return size - self.may_send

    def take_in(self, given: QuotaSlice, asked_at: float, now: float) -> None:
        """What was given, or when to ask again."""
        self.good_until = asked_at + GOOD
        if given.granted:
            self.may_send += given.granted
            self.first = given.first
            self.pause, self.ask_at = SOON, 0.0
        elif not self.may_send:
            known = given.window is not None
            ends = given.window.latest if given.window is not None else self.pause
            self.ask_at = max(now + min(self.pause, ends), asked_at + given.pause)
            self.pause = min(LATER, self.pause * 2) if known else SOON


class SharedQuota(Quota):
    """The rate limit of one hub, shared with other walkers. Made inside a running event loop; to be
    closed, which gives back what is left."""

    def __init__(
        self,
        usage: Usage,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        own: RateLimit | None,
        shared: SharedWindows,
        access: bytes | None,
    ) -> None:
        super().__init__(usage, clock, sleep, own)
        self._shared, self._access = shared, access
        self._held: dict[str, _Held] = {}
        """By bucket."""
        self._needed = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def close(self) -> None:
        if self._keeper is None:
            return
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        for bucket in self._held:
            with suppress(ReseenError):  # it is counted as sent, then
                window = self._window_now(bucket, self._clock())
                await self._shared.take(self._access, bucket, Standing(0, 0, window=window))
        self._held.clear()

    # -- leave for one request -------------------------------------------------------------------

    def _wait(self, kind: str) -> float:
        if self._keeper is not None and self._keeper.done():
            self._keeper.result()  # raises what ended it: nobody would ever be given anything
        if (seconds := super()._wait(kind)) > 0:
            return seconds
        now = self._clock()
        for bucket in self._buckets(kind):
            held = self._held.setdefault(bucket, _Held())
            if held.may_send <= 0 or held.good_until <= now:
                held.starved = True
                self._need()
                return math.inf
        return 0.0

    def _entered(self, kind: str) -> None:
        for bucket in self._buckets(kind):
            held = self._held[bucket]
            held.may_send -= 1
            held.used += 1
            if held.first:
                held.first, held.first_kind = False, kind
            elif held.may_send <= held.size // 2:
                self._need()

    def _left(self, slot: Slot) -> None:
        super()._left(slot)
        for held in self._held.values():
            if held.first_kind == slot.kind:
                held.first_kind, held.ask_at = None, 0.0
                self._need()  # all wait for what it was told

    def _need(self) -> None:
        self._needed.set()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
            self._keeper.add_done_callback(lambda _: self._news.set())

    # -- slices ----------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Take what is needed, and say what we hold, as long as we hold or need anything."""
        while True:
            self._needed.clear()
            for bucket, held in list(self._held.items()):
                if held.ask_at <= self._clock():
                    await self._turn(bucket, held)
            await self._until_needed()

    async def _until_needed(self) -> None:
        """Until somebody needs something that can be asked for, or it is time to say a word."""
        now = self._clock()
        waits = [held.ask_at - now for held in self._held.values() if held.starved]
        if any(held.may_send or self._under_way(b) for b, held in self._held.items()):
            waits.append(TURN)
        await self._until(self._needed, max(0.0, min(waits, default=math.inf)))

    async def _turn(self, bucket: str, held: _Held) -> None:
        """Say how we stand with one bucket, and take what we want of it."""
        asked_at = self._clock()
        wanted = held.wants(asked_at)
        pauses = (self._paused.get(kind, 0.0) - asked_at for kind in self._kinds(bucket))
        standing = Standing(
            held=held.may_send + self._under_way(bucket),
            wanted=wanted,
            first=held.first or held.first_kind is not None,
            window=self._window_now(bucket, asked_at),
            pause=max((0.0, *pauses)),
        )
        given = await self._shared.take(self._access, bucket, standing)
        self._take_in(bucket, given, asked_at)
        held.take_in(given, asked_at, self._clock())
        window = self._windows.get(bucket)
        if window is not None and not held.first:
            held.good_until = min(held.good_until, window.latest)
        if wanted and not held.may_send:
            held.starved = True
        self._news.set()

    def _take_in(self, bucket: str, given: QuotaSlice, asked_at: float) -> None:
        """What others were told holds for us."""
        if given.window is not None:
            window = Window(
                given.window.left,
                asked_at + given.window.earliest,
                asked_at + given.window.latest,
            )
            self._windows[bucket] = joined(self._windows.get(bucket), window, asked_at)
        if given.pause > 0:
            for kind in self._kinds(bucket):
                until = asked_at + given.pause
                self._paused[kind] = max(until, self._paused.get(kind, 0.0))

    def _window_now(self, bucket: str, now: float) -> Window | None:
        window = self._windows.get(bucket)
        if window is None or window.latest <= now:
            return None
        return Window(window.left, window.earliest - now, window.latest - now)

    def _kinds(self, bucket: str) -> set[str]:
        """Kinds of requests that are counted in a bucket, as far as is known."""
        return {kind for kind in (*self._governed, bucket) if bucket in self._buckets(kind)}
