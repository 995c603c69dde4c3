"""Plays one input through one reader, and says what of it is a fault.

What comes in: a reader and a seed. What goes out: how the reader took the input, and the faults:
- an exception that is not one of those which the reader may raise;
- an `Unforeseen`, wherever a bulkhead kept it;
- a warning (numbers that overflow give one);
- two readings that differ;
- an error, an account or a line in a log that says what stood in the input (`chance.MARKER`).
An input is made of (reader, seed) alone. Nothing here looks at the clock: `run` does.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.fuzz.chance import MARKER

from reseen.errors import ReseenError, Unforeseen, place_of


@dataclass(frozen=True)
class FuzzedReader:
    """One way in for foreign bytes, and who makes what goes in."""

    name: str
    make: Callable[[Random], Any]
    read: Callable[[Any], object]
    """What it took the input for. Equal inputs must give what `repr` shows the same."""
    passing: tuple[type[BaseException], ...] = (ReseenError,)
    """What it may raise."""
    tells: bool = False
    """Its errors repeat what a person typed: no secret of a list or a file."""
    covers: tuple[str, ...] = ()
    """Modules of `reseen` that take foreign bytes apart and are reached by it."""


@dataclass(frozen=True)
class Fault:
    reader: str
    seed: int
    what: str
    """The kind, and the place in Reseen; never the input."""

    @property
    def kind(self) -> tuple[str, str]:
        return self.reader, self.what

    def __str__(self) -> str:
        return f"{self.reader} {self.seed}: {self.what}"


class Broken(Exception):
    """A reader does not keep a promise: which, in words, without the input."""


def made(reader: FuzzedReader, seed: int) -> Any:
    return reader.make(Random(f"{reader.name}/{seed}"))


def play(
    reader: FuzzedReader, seed: int, kept: list[str], *, twice: bool | None = None
) -> tuple[str, list[Fault]]:
    """How the input of a seed was taken ("read", or the error's kind), and the faults. `kept`: of
    `watching`, inside which this is. `twice`: read again; by itself one of eight is."""
    given = made(reader, seed)
    again = seed % 8 == 0 if twice is None else twice
    kept.clear()
    faults: list[str] = []
    taken, told = _read(reader, given, faults)
    if again and not faults and not kept and _read(reader, given, faults) != (taken, told):
        faults.append("two readings differ")
    if told is not None and not reader.tells and MARKER in told:
        faults.append(f"what it says ({taken}) holds the input's words")
    return taken, [Fault(reader.name, seed, what) for what in dict.fromkeys([*faults, *kept])]


def _read(reader: FuzzedReader, given: Any, faults: list[str]) -> tuple[str, str | None]:
    try:
        return "read", repr(reader.read(given))
    except reader.passing as error:
        if isinstance(error, ReseenError) and not str(error):
            faults.append(f"{type(error).__name__} without words")
        return type(error).__name__, f"{error} {getattr(error, 'remedy', None) or ''}"
    except Broken as error:
        faults.append(str(error))
        return "fault", None
    except Exception as error:  # noqa: BLE001 (a fault, whatever it is)
        faults.append(place_of(error))
        return "fault", None


@contextmanager
def watching() -> Iterator[list[str]]:
    """Every `Unforeseen` that is made is put down, wherever it was kept; warnings are errors."""
    kept: list[str] = []
    usual = Unforeseen.__init__

    def put_down(self: Unforeseen, error: BaseException) -> None:
        usual(self, error)
        kept.append(f"kept to it: {self.place}")

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if MARKER in record.getMessage():
                kept.append(f"a line in the log of {record.name} holds the input's words")

    listener, root = Listener(), logging.getLogger()
    root.addHandler(listener)
    Unforeseen.__init__ = put_down  # type: ignore[method-assign]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # What a later Python will refuse: the standard library's own, silent by default.
            warnings.simplefilter("ignore", DeprecationWarning)
            yield kept
    finally:
        root.removeHandler(listener)
        Unforeseen.__init__ = usual  # type: ignore[method-assign]
