"""Misbehaviour on demand: what a client that trusts nobody has to live through.

with hub.faults.during(Fault(Kind.BUSY, route="tree", times=3)): ...
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto


class Kind(Enum):
    """One way to misbehave."""

    BUSY = auto()
    """429 although there was quota; `seconds` is what it says to wait."""
    ERROR = auto()
    """`status` (500 by default) with an HTML page."""
    RESET = auto()
    """The connection is reset before an answer."""
    HANG = auto()
    """No answer for `seconds`, then a reset."""
    TRUNCATED = auto()
    """Half of the body, and the connection closes."""
    GARBAGE = auto()
    """200 and text that is no JSON."""
    WRONG_TYPE = auto()
    """200 and JSON of another shape than promised."""
    WRONG_BYTES = auto()
    """The right number of other bytes."""
    SHORT_LENGTH = auto()
    """Content-Length is seven less than the body."""
    NO_RANGE = auto()
    """Range is ignored: 200 and the whole file."""
    WRONG_RANGE = auto()
    """206 with another range than asked for."""
    SLOW = auto()
    """The body comes in pieces of 1 KiB, `seconds` apart."""
    ENDLESS = auto()
    """The body never ends."""
    LOOP = auto()
    """The next page's cursor leads to this page again."""
    ELSEWHERE = auto()
    """307 to the same path on the other host."""
    INFLATED = auto()
    """A gzip body of 64 KiB that unpacks to 64 MiB, whether or not gzip was asked for."""


@dataclass(frozen=True, slots=True)
class Fault:
    kind: Kind
    route: str | None = None
    """Only for this kind of request ("list", "tree", "cdn", ...; see journal.py)."""
    times: int | None = None
    """How often; None: until taken away."""
    chance: float = 1.0
    seconds: float = 0.05
    status: int = 500
    containing: str = ""
    """Only when the path holds this."""
    after: int = 0
    """Spare this many first."""


@dataclass(slots=True)
class _Armed:
    fault: Fault
    spared: int = 0
    done: int = 0


@dataclass(slots=True)
class Faults:
    """The faults in force. Safe to change from another thread than the replica's."""

    latency: float = 0.0
    """Seconds before every answer."""
    seed: int = 0
    _armed: list[_Armed] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    @contextmanager
    def during(self, *faults: Fault) -> Iterator[None]:
        armed = [_Armed(fault) for fault in faults]
        with self._lock:
            self._armed += armed
        try:
            yield
        finally:
            with self._lock:
                self._armed = [a for a in self._armed if not any(a is b for b in armed)]

    def draw(self, route: str, path: str) -> Fault | None:
        """The fault that this request meets, if any."""
        with self._lock:
            for armed in self._armed:
                fault = armed.fault
                if fault.route not in (None, route) or fault.containing not in path:
                    continue
                if fault.times is not None and armed.done >= fault.times:
                    continue
                if armed.spared < fault.after:
                    armed.spared += 1
                    continue
                if fault.chance < 1.0 and self._dice.random() >= fault.chance:
                    continue
                armed.done += 1
                return fault
        return None
