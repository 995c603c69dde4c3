"""The examiner: rows of a manifest in, one row for each out, as Arrow record batches.

What comes in: keys of objects with their sizes and the checksums that are known of them, the saved
index, a store. What goes out, for every row: what it is, and why nothing is said of it where it was
not judged. A checksum that the registry knows is enough at the default depth: nothing of that file
is read. No database is asked. Batches are independent of each other: the same batch always gives
the same answer, on whatever machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from multiprocessing.synchronize import Event
from typing import TYPE_CHECKING, Any

from reseen.errors import FileError, HubBusy, HubError, bulkhead
from reseen.files import lfs_pointer
from reseen.files.source import Range
from reseen.hubs.object_store import ObjectStore
from reseen.match.registry_index import RegistryIndex
from reseen.observed.artifacts import ENDED, Inspection
from reseen.observed.blind_spots import NO_BASE
from reseen.observed.readings import UNREAD as NEVER_LOOKED
from reseen.records import Artifact, Confirmed, DigestKind, Match, Problem, Rung
from reseen.scan import archived, inspect
from reseen.scan.bases_at_hand import WithoutBases
from reseen.scan.budget import Allowance, Budget, Kind
from reseen.scan.context import ReadContext
from reseen.scan.inspect import ArtifactResult, concluded, wants_reading
from reseen.scan.read_result import NOT_READ, ReadResult, where
from reseen.scan.read_through import read_through
from reseen.scan.sweep.carried import packed
from reseen.scan.sweep.columns import ManifestRow, RowStatus, batch_of, row_of, rows_of
from reseen.scan.target import Confirm, Options

if TYPE_CHECKING:
    import pyarrow

READS = 64
"""Files of a batch that are read at the same time."""
_SILENT = 16
"""Files one after another that the store did not answer for, before it is asked whether it is
there."""
_PER_FILE = 64 << 30
_AT_IMPORT = "a checkpoint: what is inside is told by the base models of the store that imports it"
_WORST = (RowStatus.CLEAR, RowStatus.BY_DIGESTS, RowStatus.NOT_JUDGED, RowStatus.UNREAD)
"""Of a file and those in it, what is said of the row: the last of these."""


class Depth(StrEnum):
    """How far a sweep reads."""

    NONE = "none"
    """Nothing is read: the manifest's checksums are all there is."""
    HEADER = "header"
    """A known checksum is enough; of the others what tells an altered copy (the default)."""
    FULL = "full"
    """Every byte of every file, but of the class that is never read."""


_OPTIONS = {
    Depth.NONE: Options(confirm=Confirm.NONE, follow=False, background=0),
    Depth.HEADER: Options(confirm=Confirm.HEADER, follow=False, background=0),
    Depth.FULL: Options(confirm=Confirm.FULL, follow=False, background=0, whole=True),
}


class SweepStopped(Exception):
    """Nothing more is wanted."""


class Examiner:
    """An index and a store, opened once, and any number of batches."""

    def __init__(
        self,
        known: RegistryIndex,
        store: ObjectStore,
        depth: Depth,
        reads: int = READS,
        stop: Event | None = None,
        key: bytes | None = None,
    ) -> None:
        """`key`: chooses which layers of checkpoints are kept, where every byte is read; None: none
        are."""
        self._known, self._store, self._depth, self._reads = known, store, depth, reads
        self._stop = stop
        self._layers = WithoutBases(key) if key is not None and depth is Depth.FULL else None
        self._silent = 0

    @cached_property
    def _lists(self) -> dict[str, tuple[int, ...]]:
        return self._known.lists_of_removals()

    def __call__(self, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
        """Exactly one row for each row that comes in, in that order. Raises HubBusy when the store
        does not answer at all, and SweepStopped."""
        return batch_of(asyncio.run(self._all(rows_of(batch))))

    async def _all(self, rows: Sequence[ManifestRow]) -> list[dict[str, Any]]:
        done: list[dict[str, Any]] = [{} for _ in rows]
        left = iter(enumerate(rows))

        async def some() -> None:
            for number, row in left:
                if self._stop is not None and self._stop.is_set():
                    raise SweepStopped
                done[number] = await self._one(row)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._reads, len(rows))):
                    group.create_task(some())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None  # one is enough: the store is away, or we stop
        return done

    async def _one(self, row: ManifestRow) -> dict[str, Any]:
        budget = Budget(_PER_FILE, Allowance(_PER_FILE))
        context = ReadContext(
            self._store, self._known, _OPTIONS[self._depth], budget, bases=self._layers
        )
        artifact, what = row.artifact, NOT_READ
        try:
            with bulkhead():
                matches = self._known.match(artifact)
                if row.trouble is None and not matches and self._may_be_pointer(artifact):
                    artifact, what = await self._pointed(artifact, budget)
                    matches = self._known.match(artifact)
                is_plain = what is NOT_READ and not artifact.on_pointer
                if row.trouble is None and is_plain and self._reads_it(artifact, matches):
                    what = _to_be_told(await read_through(context, artifact, matches))
                if what is not NOT_READ:
                    await self._heard(what)
                enough = bool(matches) and self._depth is not Depth.FULL
                trouble = None if enough else row.trouble
                found = self._found(artifact, matches, what)
                return self._told(found, budget.total, trouble)
        except FileError as e:
            return {
                **row_of(row.artifact, RowStatus.NOT_JUDGED, str(e)),
                "bytes_read": budget.total,
            }

    def _may_be_pointer(self, artifact: Artifact) -> bool:
        size = artifact.size or 0
        reads = self._depth is not Depth.NONE
        return reads and lfs_pointer.SHORTEST <= size < lfs_pointer.LIMIT

    async def _pointed(self, artifact: Artifact, budget: Budget) -> tuple[Artifact, ReadResult]:
        """What a Git LFS pointer states, where one lies there and not the file; why it could not be
        looked at."""
        try:
            data = await self._store.read(artifact, Range(0, artifact.size or 0))
        except HubError as e:
            problem = Problem(where(artifact), str(e), e.remedy)
            return artifact, ReadResult(problem=problem, busy=isinstance(e, HubBusy))
        budget.spend(len(data), Kind.HEADERS)
        pointer = lfs_pointer.parse(data)
        if pointer is None:
            return artifact, NOT_READ
        sha256, size = pointer.sha256, pointer.size
        stated = replace(artifact, sha256=sha256, size=size, xet=None, lfs=True, on_pointer=True)
        return replace(stated, others=()), NOT_READ  # those are the pointer's own

    def _reads_it(self, artifact: Artifact, matches: tuple[Match, ...]) -> bool:
        if matches and self._depth is not Depth.FULL:
            return False
        options = _OPTIONS[self._depth]
        return wants_reading(artifact, matches, NEVER_LOOKED, self._known, options)

    async def _heard(self, what: ReadResult) -> None:
        """Count files that the store did not answer for. Raises HubBusy when it is away."""
        self._silent = self._silent + 1 if what.busy else 0
        if self._silent >= _SILENT:
            await self._store.ask_if_there()
            self._silent = 0

    def _found(
        self, artifact: Artifact, matches: tuple[Match, ...], what: ReadResult
    ) -> list[tuple[ArtifactResult, ReadResult]]:
        """The file, and those in it where it is an archive, each with what reading it told."""
        whole = concluded(artifact, matches, self._known, what)
        return [whole, *archived.results(artifact, what.members, self._known)]

    def _told(
        self, every: list[tuple[ArtifactResult, ReadResult]], read: int, trouble: str | None
    ) -> dict[str, Any]:
        """The row. `trouble`: why nothing of the file could be read."""
        found = [one for one, _ in every]
        artifact, what = found[0].artifact, every[0][1]
        best = max((m for one in found for m in _standing(one)), key=_strength, default=None)
        said = (self._status(one.artifact, each) for one, each in every)
        status, reason = max(said, key=lambda each: _WORST.index(each[0]))
        if trouble is not None:
            status, reason = RowStatus.UNREAD, trouble
        if best is not None and status is not RowStatus.UNREAD:
            status, reason = RowStatus.MATCH, None
        row = row_of(artifact, status, reason)
        row["bytes_read"] = read
        row["sha256"] = row["sha256"] if what.inspection is None else _sha256(what.inspection, row)
        if best is not None:
            top = max(best.evidence, key=lambda e: (e.rung, e.likeness or 0))
            score = top.likeness
            row |= {
                "removal": best.removal,
                "list_id": " ".join(map(str, self._lists.get(best.removal, ()))),
                "rung": top.rung.label,
                "relation": top.figures.get("relation"),
                "score": None if score is None else round(score, 4),
            }
        if any(one.matches or one.hints or _is_kept(one) for one in found):
            row["found"] = packed(found)
        return row

    def _status(self, artifact: Artifact, what: ReadResult) -> tuple[RowStatus, str | None]:
        """What is said of a row in which no removal stands, or beside one."""
        status, reason = self._state(artifact, what)
        # Of an MD5 alone that is no removal's: an ETag can be no MD5.
        matters = artifact.sha256 is not None or artifact.xet is not None
        if what.confirmed is Confirmed.CONTRADICTED and matters:
            false = "every byte was read: the manifest's checksum is false"
            reason = false if reason is None else f"{reason}; {false}"
        return status, reason

    def _state(self, artifact: Artifact, what: ReadResult) -> tuple[RowStatus, str | None]:
        if what.problem is not None:
            return RowStatus.UNREAD, what.problem.reason
        if what.unread is not None or what.skipped is not None:
            return RowStatus.UNREAD, str(what.unread or what.skipped)
        if what.is_damaged:
            seen = what.inspection
            said = "; ".join(str(spot) for spot in what.troubles)
            return RowStatus.NOT_JUDGED, said or (None if seen is None else seen.problem)
        if what.troubles:
            return RowStatus.BY_DIGESTS, "; ".join(str(spot) for spot in what.troubles)
        if what is NOT_READ:
            return self._not_read(artifact)
        return RowStatus.CLEAR, None

    def _not_read(self, artifact: Artifact) -> tuple[RowStatus, str | None]:
        if artifact.on_pointer:
            return RowStatus.BY_DIGESTS, lfs_pointer.PULL
        if self._depth is Depth.NONE:
            if artifact.content is None:
                return (
                    RowStatus.UNREAD,
                    "the manifest gives no checksum, and nothing was to be read",
                )
            return RowStatus.BY_DIGESTS, "nothing was to be read"
        if inspect.is_plausible(artifact, self._known) and inspect.is_named_otherwise(artifact):
            return RowStatus.BY_DIGESTS, "named as no weights: not read for altered copies"
        return RowStatus.CLEAR, None


def _is_kept(one: ArtifactResult) -> bool:
    """Are layers of it carried to the store?"""
    return one.inspection is not None and one.inspection.weights is not None


def _to_be_told(what: ReadResult) -> ReadResult:
    """The same of a checkpoint: no base is known here."""
    if what.inspection is None or what.inspection.weights is None:
        return what
    spots = (replace(s, reason=_AT_IMPORT) if s.code == NO_BASE else s for s in what.blind)
    return replace(what, blind=tuple(spots))


def _standing(one: ArtifactResult) -> list[Match]:
    """Its matches, without what reading proved false."""
    if one.confirmed is not Confirmed.CONTRADICTED:
        return list(one.matches)
    false = (Rung.DECLARED, Rung.POINTER)
    kept = [
        replace(m, evidence=tuple(e for e in m.evidence if e.rung not in false))
        for m in one.matches
    ]
    return [match for match in kept if match.evidence and match.rung > Rung.HINT]


def _sha256(seen: Inspection, row: Mapping[str, Any]) -> str | None:
    """As it was read; of the class that is never read as the manifest has it, or not."""
    read = next((each.hex for each in seen.digests if each.kind is DigestKind.SHA256), None)
    stated: str | None = row["sha256"]
    return stated if read is None or seen.problem == ENDED else read


def _strength(match: Match) -> tuple[int, float, str]:
    """Of several removals in one file, which the row names; the others stand in `found`."""
    scores = [e.likeness or 0.0 for e in match.evidence]
    return int(match.rung), max(scores), match.removal
