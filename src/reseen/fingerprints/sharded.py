"""A model in several files: its fingerprint, that of its index with what is in its shards; and the
sketch of its weights, where it is a checkpoint.

Each shard is a file of its own, too. Together they are what the index stands for: their tensors'
digest and sketch are those that the same model has in one file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from reseen.errors import FileError, Malformed, PartMissing, bulkhead
from reseen.files import shards, system_limits
from reseen.files.containers import read_listing
from reseen.files.source import FileParts, LocalFile, Range, run, standing_beside
from reseen.files.tensors import Listing
from reseen.fingerprints.config import config_beside
from reseen.fingerprints.contents import Contents
from reseen.fingerprints.digests import BLOCK, WholeFile, whole_digests
from reseen.fingerprints.layer_sketch import Progress
from reseen.fingerprints.members import Forbidden
from reseen.fingerprints.weight_plan import read_plan
from reseen.fingerprints.weights_read import LayerChoice, WeightsRead, read_chosen
from reseen.records import BlindSpot, Digest, DigestKind, Fingerprint


@dataclass(frozen=True, slots=True)
class OpenedShards:
    """The files of one model, open, in the order of their names."""

    index: Mapping[str, str]
    """Tensor -> the file that it is in."""
    files: tuple[tuple[str, LocalFile], ...]

    @property
    def whole(self) -> FileParts:
        """One behind the other."""
        return FileParts(tuple(file for _, file in self.files))

    def listing(self) -> Listing:
        """What is in them together. Raises FileError."""
        each = [(name, file.size, run(file, read_listing(file.size))) for name, file in self.files]
        return shards.joined(self.index, each)

    def are_forbidden(self, forbidden: Forbidden | None) -> bool:
        """Nothing more of them may be read, by what the digests of one of them tell."""
        if forbidden is None:
            return False
        return any(forbidden(whole_digests(file)) for _, file in self.files)


@contextmanager
def opened_shards(path: Path) -> Iterator[OpenedShards | None]:
    """The shards of the index at `path`; None for another JSON of that name. Raises PartMissing
    where a file that it names is not beside it, and FileError where one cannot be opened."""
    with LocalFile(path) as file:
        try:
            index = shards.parse_index(file.read(Range(0, file.size)))
        except Malformed:
            index = None
    if index is None:
        yield None
        return
    with ExitStack() as stack:
        files = []
        for name in shards.names_of(index):
            shard = standing_beside(path, name)
            if shard is None:
                raise PartMissing("a file that the index names is not beside it")
            files.append((name, stack.enter_context(LocalFile(shard))))
        yield OpenedShards(index, tuple(files))


def with_shards(path: Path, read: Fingerprint, forbidden: Forbidden | None) -> Fingerprint:
    """The fingerprint of an index with what its shards hold together. `forbidden`: told the digests
    of each shard, whether nothing more of it may be read. Never raises for what they hold."""
    try:
        with bulkhead(), opened_shards(path) as opened:
            if opened is None or opened.are_forbidden(forbidden):
                return read
            size = opened.whole.size
            with system_limits.limits(size):
                contents = Contents(opened.listing(), size, config_beside(path))
                return _read(read, opened, contents)
    except FileError as e:
        return replace(read, problem=str(e), blind=(BlindSpot(e.code, str(e)),))


def weights_of_shards(
    path: Path,
    choice: LayerChoice,
    progress: Progress | None = None,
    forbidden: Forbidden | None = None,
) -> WeightsRead | None:
    """The sketch of the weights of a checkpoint in shards, by its index; None for what is none, and
    for what may not be read. Raises FileError."""
    with bulkhead(), opened_shards(path) as opened:
        if opened is None or opened.are_forbidden(forbidden):
            return None
        whole = opened.whole
        with system_limits.limits(whole.size):
            made = run(whole, read_plan(opened.listing()))
            return None if made is None else run(whole, read_chosen(made, choice, progress))


def _read(read: Fingerprint, opened: OpenedShards, contents: Contents) -> Fingerprint:
    names = []
    for _, file in opened.files:
        whole = WholeFile(file.size)
        for at in range(0, file.size, BLOCK):
            data = file.read(Range(at, min(BLOCK, file.size - at)))
            if not data:
                raise Malformed("the file shrank while it was read")
            whole.update(data)
            contents.feed(memoryview(data))
        names.append(whole.finish().digests)
    told = contents.finish()
    found = [*read.digests]
    if told.tensors is not None:
        found.append(Digest(DigestKind.TENSORS_BLAKE3, told.tensors))
    return replace(
        read,
        digests=tuple(sorted(found, key=lambda digest: digest.kind)),
        problem=told.fault,
        sketch=told.sketch,
        no_sketch=told.no_sketch,
        other_sketches=told.others,
        further_sketches=told.further,
        rows=told.rows,
        blind=told.blind,
        shards=tuple(names),
    )
