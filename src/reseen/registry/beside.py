"""Long computations on another core, while this process writes to the store.

What comes in: functions that give bytes and touch nothing but memory. What goes out: those bytes,
one after the other. Where the system cannot do it safely (no Linux, other threads about, no process
to be had), and when the other process fails, the functions simply run here.
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from struct import Struct

_DONE = Struct(">QQ")
"""Which one was done, and how many bytes it made."""


@contextmanager
def beside(works: Sequence[Callable[[], bytes]]) -> Iterator[Iterator[bytes]]:
    """Do `works` in a forked process, which does not wait for who takes what it made. Who would
    have to wait for the next one does one of the last meanwhile.

    The process shares no file or connection in use: it computes, writes to memory that it shares
    with this one and is gone, without running anything that is due at the end of a process. It is
    ended with the block.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        yield (work() for work in works)
        return
    opened: list[int] = []
    try:
        opened.extend(os.pipe())
        opened.append(os.memfd_create("reseen"))
        ours, theirs, memory = opened
        begun = mmap.mmap(-1, len(works) or 1)  # a byte for each
        process = os.fork()
    except OSError:  # no more processes for this user, or files for this process
        for each in opened:
            os.close(each)
        yield (work() for work in works)
        return
    if process == 0:
        _compute(works, begun, memory, theirs)
    os.close(theirs)
    try:
        with FileIO(ours) as pipe, FileIO(memory) as made:
            yield _shared(works, begun, pipe, made)
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _shared(
    works: Sequence[Callable[[], bytes]], begun: mmap.mmap, pipe: FileIO, made: FileIO
) -> Iterator[bytes]:
    """What each of them makes, there or here."""
    here: dict[int, bytes] = {}
    for number, work in enumerate(works):
        while number not in here:
            ready, _, _ = select.select([pipe], [], [], 0)
            last = begun.rfind(b"\0", number + 1, len(works))
            if not ready and last >= 0:
                begun[last] = 1
                here[last] = works[last]()
                continue
            told = pipe.read(_DONE.size) or b""
            if len(told) < _DONE.size:  # that process is gone
                here[number] = work()
                break
            done, length = _DONE.unpack(told)
            some = made.read(length)
            here.setdefault(done, some)  # both may have begun one at the same moment
        yield here.pop(number)


def _compute(
    works: Sequence[Callable[[], bytes]], begun: mmap.mmap, memory: int, pipe: int
) -> None:
    """The forked process: from here it does not return. What was made is told when all its bytes
    are there, so a process that was ended in the middle tells fewer."""
    try:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        at = 0
        for number, work in enumerate(works):
            if begun[number]:
                break  # the others are done from the last one on
            begun[number] = 1
            made = memoryview(work())
            length = len(made)
            while made:
                done = os.pwrite(memory, made, at)
                made, at = made[done:], at + done
            os.write(pipe, _DONE.pack(number, length))
    finally:
        os._exit(0)
