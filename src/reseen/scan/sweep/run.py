"""A shard of a sweep: its parts examined by a pool of processes, each written when it is done.

What comes in: a manifest, a saved index with its key, a store's address, which shard of how many.
What goes out: parts in a folder. Parts that are there are not done again, whoever did them: a run
that was killed goes on where it was, and loses the parts that were under way.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reseen.errors import InputError
from reseen.hubs.object_store import ObjectStore
from reseen.match import saved
from reseen.match.registry_index import RegistryIndex
from reseen.scan.sweep import manifest as manifests
from reseen.scan.sweep import parts
from reseen.scan.sweep.columns import RowStatus
from reseen.scan.sweep.examiner import READS, Depth
from reseen.scan.sweep.parts import Mark, Sweep
from reseen.scan.sweep.processes import SweepSource, Workers, WorkerSetup

if TYPE_CHECKING:
    import pyarrow

PART_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class SweepWork:
    """How the work is spread."""

    jobs: int = 1
    """Processes; 1 works in this one."""
    reads: int = READS
    """Files that each reads at the same time."""
    part_rows: int = PART_ROWS
    shard: tuple[int, int] = (1, 1)
    """Which, from 1 on, of how many: this machine's share."""


@dataclass(frozen=True, slots=True)
class SweepAsked:
    """What a run is to do."""

    manifest: Path
    source: SweepSource
    depth: Depth = Depth.HEADER
    work: SweepWork = field(default_factory=SweepWork)
    unread_again: bool = False
    """Parts with rows that were not read are done again."""


@dataclass(slots=True)
class Swept:
    """What came of a run."""

    parts: int = 0
    """Of this shard."""
    new: int = 0
    """Parts that this run did."""
    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """Rows of this shard by status, those of earlier runs too."""
    removals: int = 0
    """Rows in which a removal stands, of whatever status."""
    bytes_read: int = 0

    def add(self, mark: Mark, *, new: bool) -> None:
        self.new += new
        self.rows += mark.rows
        self.counts.update(mark.counts)
        self.removals += mark.removals
        self.bytes_read += mark.bytes_read

    @property
    def is_whole(self) -> bool:
        """Every row was read as far as was asked, and judged."""
        return not (self.counts[RowStatus.UNREAD.value] or self.counts[RowStatus.NOT_JUDGED.value])


SweepReport = Callable[[Swept, int], None]
"""Told of what is done, and of how many rows the shard has."""


def run(asked: SweepAsked, report: SweepReport | None = None) -> Swept:
    """Do the parts of a shard that are not there. Raises InputError, Tampered, and HubBusy when the
    store does not answer at all: what was done stays."""
    source = asked.source
    mac = saved.mac_of(source.index)
    known = RegistryIndex.open(source.index, source.key, mac=mac)
    address = ObjectStore(source.store).address
    stamp = manifests.stamp(asked.manifest)
    sweep = _begun(asked, known, mac, address)
    first, last = _shard(sweep, *asked.work.shard)
    done = Swept(parts=last - first)
    rows = sweep.bounds(last - 1)[1] - sweep.bounds(first)[0] if last > first else 0
    missing: list[int] = []
    for part in range(first, last):
        mark = parts.done(source.out, source.key, sweep, part)
        if mark is None or (asked.unread_again and mark.counts.get(RowStatus.UNREAD.value)):
            missing.append(part)
        else:
            done.add(mark, new=False)
    _tell(report, done, rows)
    for part, table in _examined(asked, mac, _wanted(asked.manifest, stamp, sweep, missing)):
        done.add(parts.write(source.out, source.key, sweep, part, table), new=True)
        _tell(report, done, rows)
    return done


def _tell(report: SweepReport | None, done: Swept, rows: int) -> None:
    if report is not None:
        report(done, rows)


def _begun(asked: SweepAsked, known: RegistryIndex, mac: str, store: str) -> Sweep:
    """The sweep that this run is a part of, and its folder."""
    before: manifests.Manifest | None = None
    source, part_rows = asked.source, asked.work.part_rows
    if (source.out / parts.SWEEP).exists():
        there = parts.opened(source.out, source.key)
        before = manifests.Manifest(asked.manifest, there.rows, there.manifest)
        part_rows = there.part_rows
    seen = manifests.look_through(asked.manifest, before)
    registry = known.version.store or ""
    sweep = Sweep(seen.blake3, seen.rows, part_rows, mac, registry, store, asked.depth.value)
    parts.begin(source.out, source.key, sweep)
    return sweep


def _shard(sweep: Sweep, number: int, count: int) -> tuple[int, int]:
    """The parts of a shard, which follow one another: the first, and the one after the last."""
    if not 1 <= number <= count:
        raise InputError(
            f"there is no shard {number} of {count}", remedy="Write --shard 1/4, up to 4/4."
        )
    return (number - 1) * sweep.parts // count, number * sweep.parts // count


def _wanted(
    manifest: Path, stamp: tuple[int, ...] | None, sweep: Sweep, missing: list[int]
) -> Iterator[tuple[int, pyarrow.RecordBatch]]:
    """The rows of parts, those that follow one another in one pass. Raises InputError where the
    manifest is not the one that was looked through any more (`stamp`)."""
    while missing:
        count = 1
        while count < len(missing) and missing[count] == missing[0] + count:
            count += 1
        first, last = sweep.bounds(missing[0])[0], sweep.bounds(missing[count - 1])[1]
        rows = manifests.batches(manifest, sweep.part_rows, first, last)
        for part in missing[:count]:
            batch = next(rows, None)
            if batch is None or manifests.stamp(manifest) != stamp:
                raise InputError(
                    "the manifest was changed while it was swept",
                    remedy="Sweep the new one into a new folder.",
                )
            yield part, batch
        missing = missing[count:]


def _examined(
    asked: SweepAsked, mac: str, wanted: Iterator[tuple[int, pyarrow.RecordBatch]]
) -> Iterator[tuple[int, pyarrow.RecordBatch]]:
    source = asked.source
    worker = WorkerSetup(source.index, source.key, source.store, mac, asked.depth, asked.work.reads)
    if asked.work.jobs == 1:
        examiner = worker.open()
        for part, batch in wanted:
            yield part, examiner(batch)
        return
    pool = Workers(worker, asked.work.jobs)
    try:
        yield from pool.examined(wanted)
    finally:
        pool.close()


def default_jobs() -> int:
    """One process a core, and never this one alone: a file on which it died would end each run."""
    return max(os.cpu_count() or 1, 2)
