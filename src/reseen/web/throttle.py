"""Guessing is slow: refused sign-ins are counted, by address and by name at an address.

Kept in memory, in each process: a restart forgives. It counts whatever name was given, so that
being slowed down tells nothing about who exists, and it never locks a user out from elsewhere
before `BY_NAME` refusals.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from reseen.errors import Conflict

WINDOW = 15 * 60.0
BY_PAIR = 8
"""Refusals of a name at an address, in the window."""
BY_ADDRESS = 40
BY_NAME = 100
"""Refusals of a name from anywhere: somebody with many addresses."""
_MOST = 20_000


class Throttle:
    """One a process; threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._refused: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def check(self, name: str, address: str) -> None:
        """Raise Conflict when this was refused too often."""
        with self._lock:
            for key, most in _keys(name, address):
                if len(self._recent(key)) >= most:
                    raise Conflict(
                        "too many sign-ins were refused",
                        remedy="Wait a quarter of an hour, or ask an administrator.",
                    )

    def refused(self, name: str, address: str) -> None:
        with self._lock:
            for key, most in _keys(name, address):
                self._refused[key] = [*self._recent(key), self._clock()][-most:]
                self._refused.move_to_end(key)
            while len(self._refused) > _MOST:
                self._refused.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Who knows the password mistyped before."""
        with self._lock:
            self._refused.pop((name, address), None)

    def _recent(self, key: tuple[str, str]) -> list[float]:
        since = self._clock() - WINDOW
        return [at for at in self._refused.get(key, ()) if at > since]


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return (((name, address), BY_PAIR), (("", address), BY_ADDRESS), ((name, ""), BY_NAME))
