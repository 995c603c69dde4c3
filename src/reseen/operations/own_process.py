"""Work in a process of its own, for a service that answers others meanwhile.

What comes in: a function of a module, and what to call it with. What goes out: what it returns, or
the error that it raised. It promises that whatever the work does, the process that asked goes on,
and that no process is left when the one that asked ends, in whatever way.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from reseen import errors
from reseen.errors import ReseenError, Unforeseen, bulkhead
from reseen.files.system_limits import die_with
from reseen.gate.upload_starter import stand_back
from reseen.scan.pool import end_with_parent

LOOK = 0.2
"""Seconds between looks whether the work is to end."""

T = TypeVar("T")
_Raised = tuple[str, str, str | None]
"""An error's class, message and remedy: no error that crosses has more."""


def in_own_process(
    work: Callable[..., T],
    *given: Any,
    nice: int,
    died: ReseenError,
    stop: threading.Event | None = None,
) -> T:
    """Do it there and wait for it, in a thread that stays until then. `died` is raised where the
    process was ended, for which `stop` sees too. What nobody foresaw is an error of the kind of
    `died`; other errors are as they were raised."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe(duplex=False)
    process = context.Process(target=_do, args=(its, work, given, nice), daemon=True)
    process.start()
    its.close()
    with ours:
        while not ours.poll(None if stop is None else LOOK):
            if stop is not None and stop.is_set():
                process.kill()
        try:
            returned, told = ours.recv()
        except (EOFError, OSError):  # before, or in the midst of its answer
            returned, told = False, None
    process.join()
    if returned:
        answer: T = told
        return answer
    raise died if told is None else error_of(told, type(died))


def error_of(raised: _Raised, unforeseen: type[ReseenError]) -> ReseenError:
    """What the process raised; `unforeseen`: as what it is raised where nobody foresaw it."""
    name, message, remedy = raised
    kind = getattr(errors, name, None)
    if not isinstance(kind, type) or not issubclass(kind, ReseenError):
        kind = ReseenError
    if issubclass(kind, Unforeseen):
        kind = unforeseen
    return kind(message, remedy=remedy)


# -- in the process --------------------------------------------------------------------------------


def _do(link: Connection, work: Callable[..., object], given: tuple[Any, ...], nice: int) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        die_with(parent.pid)
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the service's to heed
    stand_back(nice)
    told: object
    try:
        with bulkhead():
            returned, told = True, work(*given)
    except ReseenError as e:
        returned, told = False, (type(e).__name__, str(e), e.remedy)
    link.send((returned, told))
