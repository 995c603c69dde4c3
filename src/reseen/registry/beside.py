"""Long computations on another core, while this process writes to the store.

What comes in: functions that give bytes and touch nothing but memory. What goes out: those bytes,
one after the other. Where the system cannot do it safely (no Linux, other threads about, no process
to be had), and when the other process fails, the functions simply run here.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from struct import Struct

_LENGTH = Struct(">Q")


@contextmanager
def beside(works: Sequence[Callable[[], bytes]]) -> Iterator[Iterator[bytes]]:
    """Do `works` in a forked process, which does not wait for who takes what it made; the iterator
    that is given waits for the bytes of each.

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
        process = os.fork()
    except OSError:  # no more processes for this user, or files for this process
        for each in opened:
            os.close(each)
        yield (work() for work in works)
        return
    if process == 0:
        _compute(works, memory, theirs)
    os.close(theirs)
    try:
        with open(ours, "rb", buffering=0) as pipe, open(memory, "rb", buffering=0) as made:
            yield (
                work() if (done := pipe.read(_LENGTH.size)) is None or len(done) < _LENGTH.size
                else made.read(*_LENGTH.unpack(done))
                for work in works
            )  # fmt: skip
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _compute(works: Sequence[Callable[[], bytes]], memory: int, pipe: int) -> None:
    """The forked process: from here it does not return. Each length is told when all its bytes are
    there, so a process that was ended in the middle tells fewer."""
    try:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        at = 0
        for work in works:
            made = memoryview(work())
            length = len(made)
            while made:
                done = os.pwrite(memory, made, at)
                made, at = made[done:], at + done
            os.write(pipe, _LENGTH.pack(length))
    finally:
        os._exit(0)
