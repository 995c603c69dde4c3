"""A long computation on another core, while this process writes to the store.

What comes in: a function that gives bytes and touches nothing but memory. What goes out: those
bytes, when they are asked for. Where the system cannot do it safely (no Linux, other threads about,
no process to be had), and when the other process fails, the function simply runs here.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def beside(work: Callable[[], bytes]) -> Iterator[Callable[[], bytes]]:
    """Start `work` in a forked process; the function that is given waits for its bytes.

    The process shares no file or connection in use: it computes, writes to its pipe and is gone,
    without running anything that is due at the end of a process. It is ended with the block.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        yield work
        return
    ours, theirs = os.pipe()
    try:
        process = os.fork()
    except OSError:  # no more processes for this user
        os.close(ours)
        os.close(theirs)
        yield work
        return
    if process == 0:
        _compute(work, theirs)
    os.close(theirs)
    try:
        with open(ours, "rb") as pipe:
            yield lambda: work() if (sent := _received(pipe.read())) is None else sent
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


_WHOLE = b"whole\n"
"""Ends what is sent: a process that was ended in the middle sent less."""


def _received(sent: bytes) -> bytes | None:
    return sent[: -len(_WHOLE)] if sent.endswith(_WHOLE) else None


def _compute(work: Callable[[], bytes], pipe: int) -> None:
    """The forked process: from here it does not return."""
    try:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        with open(pipe, "wb") as out:
            out.write(work() + _WHOLE)
    finally:
        os._exit(0)
