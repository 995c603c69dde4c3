"""How much each key was used: counted by the minute, and written to the audit log in one line each.

What comes in: requests as they are answered. What goes out: lines, when a minute is over; they wait
here while the store is away. Only numbers: never what was asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection

from reseen.store import audit

MOST = 10_000
"""Lines that wait at most; beyond that, the oldest of a key are put together."""
WORDS = ("requests", "refused", "allow", "hold", "block")

Counts = dict[str, int]


class Use:
    """Of one worker. Counting is for the event loop; writing for any one thread."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], Counts] = {}
        """(key, minute since 1970) -> how often."""
        self._lock = threading.Lock()

    def count(self, key: str, words: Mapping[str, int]) -> None:
        """One request under this key."""
        at = (key, int(time.time()) // 60)
        with self._lock:
            counts = self._counts.get(at)
            if counts is None:
                self._bound()
                counts = self._counts[at] = dict.fromkeys(WORDS, 0)
            counts["requests"] += 1
            for word, number in words.items():
                counts[word] += number

    def due(self, *, also_now: bool = False) -> bool:
        """Is a minute over, whose line is not written?"""
        present = int(time.time()) // 60
        with self._lock:
            return any(also_now or minute < present for _, minute in self._counts)

    def write(self, connection: Connection, *, also_now: bool = False) -> list[tuple[str, int]]:
        """Write the lines of minutes that are over; say to `written` that they are in the log when
        the transaction is."""
        present = int(time.time()) // 60
        with self._lock:
            some = {
                at: dict(counts)
                for at, counts in self._counts.items()
                if also_now or at[1] < present
            }
        for (key, minute), counts in sorted(some.items(), key=lambda one: one[0][::-1]):
            moment = datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%MZ")
            audit.write(connection, "key-use", key, actor=f"key:{key}", minute=moment, **counts)
        return list(some)

    def written(self, lines: list[tuple[str, int]]) -> None:
        """These lines are kept."""
        with self._lock:
            for at in lines:
                self._counts.pop(at, None)

    def _bound(self) -> None:
        while len(self._counts) >= MOST:
            first = min(self._counts, key=lambda at: at[1])
            counts = self._counts.pop(first)
            later = min(
                (at for at in self._counts if at[0] == first[0]), key=lambda at: at[1], default=None
            )
            if later is not None:
                for word, number in counts.items():
                    self._counts[later][word] += number
