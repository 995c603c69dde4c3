"""What the replica was asked, and what it gave: for tests that count and compare.

Routes: whoami, list, info, tree, paths-info, refs, commits, resolve, resolve-cache, raw, cdn, page,
other.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field

KEPT = 200_000
"""Entries that are remembered one by one; the counts go on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its answer."""

    host: str
    """ "hub" or "cdn"."""
    route: str
    method: str
    path: str
    """With the query, as it came."""
    range: str | None
    authorization: str | None
    status: int
    """0: it got no answer."""
    sent: int
    """Bytes of the body that were written to the connection."""
    download: bool
    """The Hub would count it as a download of the model."""
    body: bytes = b""
    """Of the request."""
    user_agent: str = ""


@dataclass(slots=True)
class Journal:
    """Counts since the replica started or since `clear`. Safe to read from another thread."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT))
    requests: Counter[str] = field(default_factory=Counter)
    """Route -> requests."""
    statuses: Counter[int] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    """Route -> bytes of bodies."""
    authorizations: dict[str, set[str]] = field(
        default_factory=lambda: {"hub": set(), "cdn": set()}
    )
    """Host -> the Authorization headers it was shown."""
    downloads: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, entry: Entry) -> None:
        with self._lock:
            self.entries.append(entry)
            self.requests[entry.route] += 1
            self.statuses[entry.status] += 1
            self.sent[entry.route] += entry.sent
            self.downloads += entry.download
            if entry.authorization is not None:
                self.authorizations[entry.host].add(entry.authorization)

    def clear(self) -> None:
        with self._lock:
            self.entries.clear()
            self.requests.clear()
            self.statuses.clear()
            self.sent.clear()
            self.downloads = 0
            for seen in self.authorizations.values():
                seen.clear()

    def targets(self, route: str) -> list[str]:
        """Path and query of each request of a route, in order."""
        with self._lock:
            return [e.path for e in self.entries if e.route == route]

    @property
    def total(self) -> int:
        """Requests in all."""
        with self._lock:
            return self.requests.total()
