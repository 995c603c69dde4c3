"""What an engine for many machines (Ray, Spark) needs to run the examiner: an index, a store.

What comes in: where they are on each machine. What goes out, in whatever process an engine runs:
batches examined, each by a process beside it, so that a file on which that dies is one row and not
the end of the run. No secret travels through the engine: the key is read where it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from reseen.match import saved
from reseen.scan.sweep.examiner import READS, Depth
from reseen.scan.sweep.processes import Workers, WorkerSetup

if TYPE_CHECKING:
    import pyarrow

BATCH_ROWS = 256
"""What is done again, at most, when a process of an engine dies."""


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """Where each machine of an engine finds what it needs: the same paths on all of them."""

    index: Path
    """That `reseen index save` wrote: on a disk of the machine, which its processes share."""
    key_file: Path
    """That `reseen index key` wrote."""
    store: str
    """The address of the store."""
    mac: str
    """Of the index: a machine with another one is refused."""
    depth: Depth = Depth.HEADER
    reads: int = READS
    """Files that each process reads at the same time."""

    def worker(self) -> WorkerSetup:
        """What a process opens. Raises InputError where the key cannot be read."""
        key = saved.read_key(self.key_file)
        return WorkerSetup(self.index, key, self.store, self.mac, self.depth, self.reads)


def examined(
    batches: Iterable[pyarrow.RecordBatch], setup: EngineSetup
) -> Iterator[pyarrow.RecordBatch]:
    """One batch for each that comes in, with one row for each of its rows, in order. Raises
    InputError, Tampered, and HubBusy when the store does not answer at all."""
    workers = _workers(setup)
    for batch in batches:
        for _, found in workers.examined(iter([(0, batch)])):
            yield found


@lru_cache(1)
def _workers(setup: EngineSetup) -> Workers:
    """The process beside this one: it ends with this one."""
    return Workers(setup.worker(), 1)
