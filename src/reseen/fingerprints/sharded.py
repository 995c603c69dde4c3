"""The fingerprint of a model in several files: that of its index, with what is in its shards.

Each shard is a file of its own, too. Together they are what the index stands for: their tensors'
digest and sketch are those that the same model has in one file.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from reseen.errors import FileError, Malformed, bulkhead
from reseen.files import shards, system_limits
from reseen.files.containers import read_listing
from reseen.files.source import FileParts, LocalFile, Range, run, standing_beside
from reseen.fingerprints.config import config_beside
from reseen.fingerprints.contents import Contents
from reseen.fingerprints.digests import BLOCK, whole_digests
from reseen.fingerprints.members import Forbidden
from reseen.records import BlindSpot, Digest, DigestKind, Fingerprint

MISSING = BlindSpot("several-parts", "a file that the index names is not beside it")


def with_shards(path: Path, read: Fingerprint, forbidden: Forbidden | None) -> Fingerprint:
    """The fingerprint of an index with what its shards hold together. `forbidden`: told the digests
    of each shard, whether nothing more of it may be read. Never raises for what they hold."""
    try:
        with bulkhead(), ExitStack() as opened:
            with LocalFile(path) as file:
                try:
                    index = shards.parse_index(file.read(Range(0, file.size)))
                except Malformed:
                    return read  # other JSON is called so, too
            files = []
            for name in shards.names_of(index):
                shard = standing_beside(path, name)
                if shard is None:
                    return replace(read, problem=MISSING.reason, blind=(MISSING,))
                files.append((name, opened.enter_context(LocalFile(shard))))
            if forbidden is not None and any(forbidden(whole_digests(file)) for _, file in files):
                return read
            whole = FileParts(tuple(file for _, file in files))
            with system_limits.limits(whole.size):
                listings = [(n, f.size, run(f, read_listing(f.size))) for n, f in files]
                contents = Contents(shards.joined(index, listings), whole.size, config_beside(path))
                return _read(read, whole, contents)
    except FileError as e:
        return replace(read, problem=str(e), blind=(BlindSpot(e.code, str(e)),))


def _read(read: Fingerprint, files: FileParts, contents: Contents) -> Fingerprint:
    for at in range(0, files.size, BLOCK):
        data = files.read(Range(at, min(BLOCK, files.size - at)))
        if not data:
            raise Malformed("the file shrank while it was read")
        contents.feed(memoryview(data), at)
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
    )
