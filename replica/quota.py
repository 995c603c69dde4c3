"""Fixed windows of requests by kind and caller, with the headers that tell of them."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

GENEROUS = {"api": 1_000_000, "resolvers": 1_000_000, "pages": 1_000_000}
ANONYMOUS = {"api": 500, "resolvers": 3_000, "pages": 100}
"""The Hub's, for a caller without a token, in 300 seconds."""


@dataclass(slots=True)
class Quota:
    """How many requests a caller has. The window starts with the quota's making."""

    limits: Mapping[str, int] = field(default_factory=lambda: dict(GENEROUS))
    """Kind ("api", "resolvers", "pages") -> requests in a window."""
    window: float = 300.0
    """Seconds."""
    clock: Callable[[], float] = time.monotonic
    refused: int = 0
    """Requests answered 429."""
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Kind and window's number -> requests that were not."""
    _start: float = field(init=False)
    _number: int = 0
    _used: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._start = self.clock()

    def take(self, kind: str, caller: str) -> tuple[bool, dict[str, str]]:
        """Whether the request may go on, and the headers of its answer."""
        passed = self.clock() - self._start
        number = int(passed // self.window)
        if number != self._number:
            self._number = number
            self._used.clear()
        limit = self.limits[kind]
        used = self._used.get((kind, caller), 0)
        allowed = used < limit
        if allowed:
            used += 1
            self._used[kind, caller] = used
            self.answered[kind, number] += 1
        else:
            self.refused += 1
        reset = math.ceil((number + 1) * self.window - passed)
        return allowed, headers(kind, limit - used, reset, limit, self.window)


def headers(kind: str, left: int, reset: int, limit: int, window: float) -> dict[str, str]:
    """As the Hub writes them on every answer."""
    return {
        "RateLimit": f'"{kind}";r={left};t={reset}',
        "RateLimit-Policy": f'"fixed window";"{kind}";q={limit};w={math.ceil(window)}',
    }
