"""What the system itself holds the reading of a file to: memory and processor time.

They stand behind the budgets that readers count themselves (docs/hostile-files.md), five times
wider: no file is to come near them, and one that does has found a fault of ours. What comes out is
`errors.SystemLimit`, by way of `errors.bulkhead`: the rest of the file goes on, to its digests.
What a system does not know or does not let us set is not there: the budgets hold all the same.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from reseen.errors import OutOfTime
from reseen.files.thread_time import FileTime

WIDER = 5
"""Times the budgets."""
MEMORY = WIDER * (256 << 20)
"""Bytes above what the process has when it begins with a file."""
SECONDS = WIDER * 30
"""Seconds of processor time for a file, or for the longest ones ..."""
SECONDS_A_BYTE = WIDER * 4 / 250e6
"""... so many for each byte: four times its SHA-256, on a processor that is slow at it."""
_PR_SET_PDEATHSIG = 1
_LOOK = 0.5
"""Seconds between two looks for the parent, where the system does not tell."""
_SPACE: int | None = getattr(resource, "RLIMIT_AS", None)
"""There are systems without it."""
SECONDS_OF_A_LIST = WIDER * 60
"""Seconds of processor time for the reading of a list: a million rows take a minute."""


def seconds_for(size: int) -> int:
    """Seconds of processor time that a file of so many bytes may take."""
    return max(SECONDS, int(size * SECONDS_A_BYTE))


def limit_process(size: int, *, memory: int | None = None, seconds: int | None = None) -> None:
    """From now on this process takes at most so much more: for one that reads one file of `size`
    bytes and ends. To be called in its main thread.

    Memory beyond it is a MemoryError. At the seconds OutOfTime is raised once, in the main thread;
    at twice as many the system ends the process, as it does when the processor time runs out in
    code that is not Python.
    """
    seconds = seconds_for(size) if seconds is None else seconds
    _limit_time(seconds)
    if _SPACE is not None and (taken := _taken()):
        _soften(_SPACE, taken + (MEMORY if memory is None else memory))
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    _set(resource.RLIMIT_CPU, soft, _narrower(_used() + 2 * seconds, hard))
    _set(resource.RLIMIT_CORE, 0, 0)  # a core would hold what is in the file


@contextmanager
def limits(size: int, *, memory: int | None = None, seconds: int | None = None) -> Iterator[None]:
    """The same while one file of `size` bytes is read, in a process that goes on afterwards: for
    its main thread, while nothing else is under way. In any other thread it is the time alone, of
    that thread: the system counts by process, and a signal comes to the main thread."""
    if threading.current_thread() is not threading.main_thread():
        with FileTime(seconds_for(size) if seconds is None else seconds).step():
            yield
        return
    before = resource.getrlimit(resource.RLIMIT_CPU)
    handler = signal.getsignal(signal.SIGXCPU)
    memory = MEMORY if memory is None else memory
    seconds = seconds_for(size) if seconds is None else seconds
    try:  # whatever fails in between, a limit of this file is none of the next
        with _address_space(memory):
            _limit_time(seconds)
            yield
    finally:
        _set(resource.RLIMIT_CPU, *before)
        signal.signal(signal.SIGXCPU, handler)


def time_for(size: int) -> FileTime:
    """Processor time for a file of `size` bytes that is read in steps, in threads: its weights, at
    a hub. Each of them in `step`."""
    return FileTime(seconds_for(size))


@contextmanager
def memory_for_threads() -> Iterator[None]:
    """Memory alone, while a process reads files at hubs: one in its main thread, and one in each of
    the threads that asyncio has for work."""
    files = 1 + min(32, (os.cpu_count() or 1) + 4)
    with _address_space(files * MEMORY):
        yield


def list_memory(size: int) -> int:
    """Bytes for the reading of a list of `size` bytes: a row takes 3 KiB, and in a file 20 bytes at
    least, for hashes cannot be packed."""
    return MEMORY + WIDER * min(size // 20, 1_000_000) * (3 << 10)


@contextmanager
def limits_of_a_list(size: int) -> Iterator[None]:
    """As `limits`, while a list of `size` bytes is read."""
    with limits(size, memory=list_memory(size), seconds=SECONDS_OF_A_LIST):
        yield


def die_with(parent: int) -> None:
    """This process ends when its parent ends. In Linux the system sees to it, at once, and when the
    thread ends that started it; elsewhere it looks now and then itself."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None or prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        threading.Thread(target=_look_for, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it has ended already
        os._exit(1)


def _look_for(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


_space = threading.Lock()
_spaces: dict[object, int] = {}
"""What those who limit the address space now allow, by who does: the narrowest counts."""
_space_before = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
"""What it was before the first of them."""


@contextmanager
def _address_space(memory: int) -> Iterator[None]:
    """At most so many bytes more of it, for the whole process. Several threads may do this at once
    and end in any order: when the last has ended, all is as it was."""
    global _space_before
    if _SPACE is None:
        yield
        return
    mine = object()
    most = _taken() + memory
    try:
        with _space:
            if not _spaces:
                _space_before = resource.getrlimit(_SPACE)
            if most > memory:
                _spaces[mine] = most
                soft, hard = _space_before
                _set(_SPACE, _narrower(min(_spaces.values()), soft), hard)
        yield
    finally:
        with _space:  # calls nothing of ours, which might fail
            if _spaces.pop(mine, None) is not None:
                soft, hard = _space_before
                others = [*_spaces.values(), *([] if soft == resource.RLIM_INFINITY else [soft])]
                _set(_SPACE, min(others, default=soft), hard)


def _limit_time(seconds: int) -> None:
    def out_of_time(number: int, frame: FrameType | None) -> None:
        # What is left of the file, its digests, has as long again.
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        _set(resource.RLIMIT_CPU, _narrower(_used() + seconds, hard), hard)
        raise OutOfTime

    signal.signal(signal.SIGXCPU, out_of_time)
    _soften(resource.RLIMIT_CPU, _used() + seconds)


def _soften(kind: int, value: int) -> None:
    """A limit that is narrower already stays."""
    soft, hard = resource.getrlimit(kind)
    _set(kind, _narrower(value, soft), hard)


def _set(kind: int, soft: int, hard: int) -> None:
    """Where the system lets us."""
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (soft, hard))


def _narrower(value: int, limit: int) -> int:
    return value if limit == resource.RLIM_INFINITY else min(value, limit)


def _used() -> int:
    """Seconds of processor time so far, in all threads."""
    return math.ceil(time.process_time())


def _taken() -> int:
    """Bytes of address space so far; 0 where the system does not say (it then sets no limit)."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        return pages * resource.getpagesize()
    return 0
