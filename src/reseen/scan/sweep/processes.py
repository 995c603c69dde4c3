"""The processes that examine the parts of a sweep, and what becomes of parts on which they die.

What comes in: batches with their numbers. What goes out: the same batches examined, as they get
ready. Each process maps the index and opens the store once. Ctrl-C belongs to the parent, which
tells the others to stop; they also end when the parent is killed. A file on which a process dies is
one row that says so: whose fault it was is found by halves.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TYPE_CHECKING

from reseen.errors import ReseenError
from reseen.hubs.object_store import ObjectStore
from reseen.match.registry_index import RegistryIndex
from reseen.scan.pool import DIED, end_with_parent
from reseen.scan.sweep.columns import RowStatus, one_batch, told_of_all
from reseen.scan.sweep.examiner import Depth, Examiner

if TYPE_CHECKING:
    import pyarrow

_AHEAD = 2
"""Parts in the hands of each process."""


@dataclass(frozen=True, slots=True)
class SweepSource:
    """What is read, by what, and where the parts go."""

    index: Path
    key: bytes = field(repr=False)
    """Of indexes."""
    store: str
    """Its address."""
    out: Path


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What each process opens."""

    index: Path
    key: bytes = field(repr=False)
    """Of indexes."""
    store: str
    """Its address."""
    mac: str
    """Of the index that the run began with: no other is opened."""
    depth: Depth
    reads: int

    def open(self, stop: Event | None = None) -> Examiner:
        """Raises InputError and Tampered. `stop`: set when nothing more is wanted."""
        known = RegistryIndex.open(self.index, self.key, mac=self.mac)
        store = ObjectStore(self.store, self.reads)
        return Examiner(known, store, self.depth, self.reads, stop, self.key)


class Workers:
    """Processes that examine batches, and what becomes of those on which they die."""

    def __init__(self, worker: WorkerSetup, jobs: int) -> None:
        self._worker, self._jobs = worker, jobs
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.Event()
        self._pool = self._started(jobs)

    def _started(self, jobs: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(jobs, self._context, _begin, (self._worker, self._stop))

    def close(self) -> None:
        """What is under way ends at its next file, and is lost."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def examined(
        self, wanted: Iterator[tuple[int, pyarrow.RecordBatch]]
    ) -> Iterator[tuple[int, pyarrow.RecordBatch]]:
        pending: dict[Future[bytes], tuple[int, pyarrow.RecordBatch]] = {}
        more = True
        while more or pending:
            while more and len(pending) < self._jobs * _AHEAD:
                each = next(wanted, None)
                more = each is not None
                if each is not None:
                    data = _sent(each[1])
                    try:
                        future = self._pool.submit(_examine, data)
                    except BrokenProcessPool:  # a process died since: this batch has no part in it
                        yield from self._restarted(pending)
                        future = self._pool.submit(_examine, data)
                    pending[future] = each
            if not pending:
                return
            ready, _ = wait(pending, return_when=FIRST_COMPLETED)
            if any(isinstance(future.exception(), BrokenProcessPool) for future in ready):
                yield from self._restarted(pending)
                continue
            for future in ready:
                part, _ = pending.pop(future)
                yield part, _received(future.result())

    def _restarted(
        self, pending: dict[Future[bytes], tuple[int, pyarrow.RecordBatch]]
    ) -> Iterator[tuple[int, pyarrow.RecordBatch]]:
        """A process died: new ones, and all that was pending. Whose fault it was nobody can tell:
        what was not done before is tried alone, each batch."""
        self._pool.shutdown(wait=True)
        self._pool = self._started(self._jobs)  # its processes begin with what comes next
        suspects = list(pending.items())
        pending.clear()
        for future, (part, batch) in suspects:
            try:
                table = _received(future.result())
            except BrokenProcessPool:
                table = self._alone(batch)
            yield part, table

    def _alone(self, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
        """One batch in one process; where that dies, its halves, down to the row that does it."""
        import pyarrow

        try:
            with self._started(1) as one:
                return _received(one.submit(_examine, _sent(batch)).result())
        except BrokenProcessPool:
            if batch.num_rows == 1:
                return told_of_all(batch, RowStatus.UNREAD, DIED)
        half = batch.num_rows // 2
        halves = [self._alone(batch.slice(0, half)), self._alone(batch.slice(half))]
        return one_batch(pyarrow.Table.from_batches(halves))


# -- in a process of its own -----------------------------------------------------------------------

_examiner: Examiner | ReseenError | None = None


def _begin(worker: WorkerSetup, stop: Event) -> None:
    global _examiner
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    try:
        _examiner = worker.open(stop)
    except ReseenError as e:  # raised here it would look as if the process had died
        _examiner = e


def _examine(data: bytes) -> bytes:
    assert _examiner is not None
    if isinstance(_examiner, ReseenError):
        raise _examiner
    return _sent(_examiner(_received(data)))


def _sent(batch: pyarrow.RecordBatch) -> bytes:
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _received(data: bytes) -> pyarrow.RecordBatch:
    import pyarrow

    with pyarrow.ipc.open_stream(data) as stream:
        return stream.read_next_batch()
