"""Reseen made to fail: the nth call of a function in some rooms raises, whatever it is."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import reseen
from reseen.errors import OutOfTime

SOURCE = Path(reseen.__file__).parent
READERS = ("files", "updates", "fingerprints")
ERRORS: tuple[BaseException, ...] = (
    ValueError("Exceeds the limit (4300 digits) for integer string conversion"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    OverflowError("Python int too large to convert to C long"),
    KeyError("sample person"),
    IndexError("list index out of range"),
    TypeError("unhashable"),
    struct.error("unpack requires a buffer of 4 bytes"),
    ZeroDivisionError("division by zero"),
    AssertionError("sample person"),
    RecursionError("maximum recursion depth exceeded"),
    MemoryError(),
    OutOfTime(),
)


@dataclass
class Sabotage:
    calls: int = 0
    """Calls in those rooms, counted until the error was raised."""
    done: bool = False


@contextmanager
def sabotage(
    nth: int, error: BaseException, rooms: tuple[str, ...] = READERS
) -> Iterator[Sabotage]:
    """In this thread the nth call of a function of these rooms raises."""
    told = Sabotage()
    inside = tuple(str(SOURCE / room) for room in rooms)

    def look(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(inside):
            told.calls += 1
            if told.calls == nth and not told.done:
                told.done = True
                sys.setprofile(None)
                raise type(error)(*error.args)  # a fresh one: tracebacks hold on to things

    sys.setprofile(look)
    try:
        yield told
    finally:
        sys.setprofile(None)
