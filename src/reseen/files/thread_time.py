"""Processor time for the reading of a file in threads, where the system's own limit reaches none.

What comes in: how long a file may take, and its steps, in any threads. What comes out: OutOfTime,
raised where the work is. A thread looks at the clocks of those that work, once a second; it breaks
in between two steps of Python, so code that is not Python ends first. Systems without such a clock
have the budgets alone.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from reseen.errors import OutOfTime

T = TypeVar("T")

LOOK = 1.0
"""Seconds between two looks."""


@dataclass(slots=True)
class _Step:
    """Work on a file that is under way in a thread."""

    file: FileTime
    thread: int
    clock: int
    started: float
    broken: threading.Event = field(default_factory=threading.Event)
    """OutOfTime is on its way to the thread."""


class FileTime:
    """Processor time of one file, over all its steps. When it is used up OutOfTime is raised, once;
    what is left to do of the file has as long again, and then nothing has."""

    def __init__(self, seconds: float) -> None:
        self.left = self._again = seconds

    @contextmanager
    def step(self) -> Iterator[None]:
        """Work on the file, in this thread."""
        if self.left <= 0:
            self.ran_out()
            raise OutOfTime
        if not hasattr(time, "pthread_getcpuclockid"):
            yield
            return
        thread = threading.get_ident()
        clock = time.pthread_getcpuclockid(thread)
        step, number = _Step(self, thread, clock, time.clock_gettime(clock)), next(_numbers)
        _steps[number] = step
        _look()
        try:
            yield
        finally:
            if _steps.pop(number, None) is None:  # OutOfTime may come at any moment from here on
                step.broken.wait()
                _take_back(thread)  # and if it had not come yet, it does not
            else:
                self.left -= _used(step)

    def run(self, work: Callable[..., T], *given: Any) -> T:
        """The same for one call."""
        with self.step():
            return work(*given)

    def ran_out(self) -> None:
        """It is raised now."""
        self.left, self._again = self._again, 0.0


_numbers = itertools.count()
_steps: dict[int, _Step] = {}
"""What is under way. Who takes a step out of it, the thread at its end or who looks, has it."""
_lock = threading.Lock()
_looking: threading.Thread | None = None


def _look() -> None:
    """See that somebody looks."""
    global _looking
    with _lock:
        if _looking is None:
            _looking = threading.Thread(target=_look_on, name="reseen-time", daemon=True)
            _looking.start()


def _look_on() -> None:
    global _looking
    while True:
        time.sleep(LOOK)
        for number, step in list(_steps.items()):
            if _used(step) >= step.file.left and _steps.pop(number, None) is not None:
                step.file.ran_out()
                _raise_in(step.thread, OutOfTime)
                step.broken.set()
        with _lock:
            if not _steps:
                _looking = None
                return


def _used(step: _Step) -> float:
    try:
        return time.clock_gettime(step.clock) - step.started
    except OSError:  # the thread has ended, and its step with it
        return 0.0


def _raise_in(thread: int, error: type[Exception]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))


class _TakenBack(Exception):
    """Came in place of OutOfTime."""


def _take_back(thread: int) -> None:
    """Nothing is on its way to this thread any more.

    What comes last takes the place of what was on its way, so something is sent and waited for.
    To send NULL would take it back, too, but CPython (3.11, 3.12) then looks for what is never
    there at every call and turn of a loop, in all threads and for ever: under `sys.setprofile` it
    never goes on.
    """
    with suppress(_TakenBack):
        _raise_in(thread, _TakenBack)
        while True:
            time.sleep(0)
