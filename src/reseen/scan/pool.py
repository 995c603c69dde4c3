"""Files through the hashes, several at a time, each in a process of its own.

What comes in: names of files. What goes out: fingerprints as they get ready, or the reason why one
could not be read. Processes are spawned, never forked. Ctrl-C belongs to the parent, which tells
the others to stop; they also stop when the parent is killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing.connection import wait as wait_for
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TypeVar

from reseen.errors import FileError, bulkhead
from reseen.files import limits
from reseen.fingerprints.on_demand import NONE
from reseen.records import DigestKind, Fingerprint
from reseen.registry.never_read import NOTHING, NeverRead, read_local

K = TypeVar("K", bound=Hashable)

DIED = "the process that read it died"
_FEW = 8  # so many files are read here: starting a process takes longer
_AHEAD = 4  # files in the hands of each process

_stop: Event | None = None
_never = NOTHING
_also = NONE


class _Stopped(BaseException):
    """The parent wants no more. No error: it passes every bulkhead, as Ctrl-C does."""


def read_files(
    files: Iterable[tuple[K, Path]],
    jobs: int,
    never: NeverRead,
    also: frozenset[DigestKind] = NONE,
) -> Iterator[tuple[K, Fingerprint | str]]:
    """Fingerprint files; in the order in which they get ready. A string is the reason why not.
    `never`: files that end at their digests. `also`: kinds of digests that are computed on demand.
    """
    left = iter(files)
    few = list(islice(left, _FEW + 1))
    if jobs == 1 or len(few) <= _FEW:
        for source in (few, left):
            for key, path in source:
                yield key, _read(path, never, also)
        return
    yield from _in_processes(few, left, jobs, never, also)


def _in_processes(
    few: list[tuple[K, Path]],
    left: Iterator[tuple[K, Path]],
    jobs: int,
    never: NeverRead,
    also: frozenset[DigestKind],
) -> Iterator[tuple[K, Fingerprint | str]]:
    context = multiprocessing.get_context("spawn")
    stop = context.Event()

    def start() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(jobs, context, _begin, (stop, never, also))

    pool = start()
    pending: dict[Future[Fingerprint | str], K] = {}
    more = chain(few, left)
    try:
        while True:
            for key, path in islice(more, jobs * _AHEAD - len(pending)):
                try:
                    pending[pool.submit(_read_there, path)] = key
                except BrokenProcessPool:  # and those that are pending will say so, too
                    pool.shutdown(wait=False)
                    pool = start()
                    pending[pool.submit(_read_there, path)] = key
            if not pending:
                return
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    result = future.result()
                except BrokenProcessPool:
                    result = DIED
                yield pending.pop(future), result
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(stop: Event, never: NeverRead, also: frozenset[DigestKind]) -> None:
    """In a new process."""
    global _stop, _never, _also
    _stop, _never, _also = stop, never, also
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def end_with_parent() -> None:
    """From now on this process ends when the one that started it does, in whatever way that ends
    and on whatever system; what it has under way is lost."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def end() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def _read_there(path: Path) -> Fingerprint | str:
    return _read(path, _never, _also)


def _read(path: Path, never: NeverRead, also: frozenset[DigestKind]) -> Fingerprint | str:
    try:
        with bulkhead():
            return read_local(path, never, _go_on, also=also, checkpoints=limits.CHECKPOINTS)
    except FileError as e:
        return str(e)
    except _Stopped:
        return "stopped"


def _go_on(_: int) -> None:
    if _stop is not None and _stop.is_set():
        raise _Stopped
