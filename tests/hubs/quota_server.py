"""A hub's quota as the tests of walkers meet it, in virtual time."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from dataclasses import dataclass, field

from tests.hubs.virtual_time import clock

from reseen.hubs.quota import Quota


@dataclass
class Server:
    """Counts in fixed windows, as the Hub does."""

    limit: int
    width: float
    rolling: bool = False
    """A window begins with the first request after the last one, not by the wall clock."""
    floor: bool = False
    """`t` is rounded down."""
    used: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    started: list[float] = field(default_factory=list)

    def take(self) -> tuple[int, dict[str, str]]:
        now = clock()
        if self.rolling:
            if not self.started or now >= self.started[-1] + self.width:
                self.started.append(now)
            number, end = len(self.started) - 1, self.started[-1] + self.width
        else:
            number = int((now + 17.3) // self.width)
            end = (number + 1) * self.width - 17.3
        allowed = self.used[number] < self.limit
        self.used[number] += allowed
        self.refused += not allowed
        t = (math.floor if self.floor else math.ceil)(end - now)
        left = self.limit - self.used[number]
        return 200 if allowed else 429, {
            "RateLimit": f'"api";r={left};t={t}',
            "RateLimit-Policy": f'"fixed window";"api";q={self.limit};w={self.width:.0f}',
        }


async def send(quota: Quota, server: Server, wait: float, kind: str = "api") -> None:
    slot = await quota.enter(kind)
    try:
        await asyncio.sleep(wait * 0.4)
        status, headers = server.take()
        await asyncio.sleep(wait * 0.6)
        slot.answered(status, headers)
    finally:
        slot.leave()
