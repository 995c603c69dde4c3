"""The fingerprint of a local file: all that is known of it, and of what is in it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path

from reseen.errors import FileError, bulkhead
from reseen.files import containers, shards, system_limits
from reseen.files.identify import HEAD_LENGTH, identify
from reseen.files.source import LocalFile, Range, run
from reseen.fingerprints.config import config_beside
from reseen.fingerprints.digests import BLOCK, Fingerprinter, look_inside
from reseen.fingerprints.members import with_parts
from reseen.fingerprints.on_demand import NONE
from reseen.records import Container, DigestKind, Fingerprint


def fingerprint(
    path: Path,
    progress: Callable[[int], None] | None = None,
    forbidden: Callable[[Fingerprint], bool] | None = None,
    *,
    also: Collection[DigestKind] = NONE,
    checkpoints: int = 0,
) -> Fingerprint:
    """Fingerprint a local file: its header out of order, then one pass over its bytes; then what is
    in it, where it is an archive, or in its shards, where it is their index.

    `progress` is called with the number of bytes of each step. `forbidden`: told the digests of a
    file in an archive, whether nothing more of it may be read. `also`: kinds of digests of the file
    itself that are computed on demand. `checkpoints`: of how many in an archive some layers are
    sketched. Raises FileError if the file cannot be opened or read, or
    changes meanwhile.
    """
    with bulkhead(), LocalFile(path) as source:
        read = _of_local(path, source, progress, also)
        if path.name.endswith(shards.ENDING) and read.container is Container.UNKNOWN:
            return _with_shards(path, read, forbidden)
        return with_parts(path, source, read, forbidden, checkpoints)


def _with_shards(
    path: Path, read: Fingerprint, forbidden: Callable[[Fingerprint], bool] | None
) -> Fingerprint:
    from reseen.fingerprints.sharded import with_shards  # numpy, which most files do not need

    return with_shards(path, read, forbidden)


def _of_local(
    path: Path,
    source: LocalFile,
    progress: Callable[[int], None] | None,
    also: Collection[DigestKind],
) -> Fingerprint:
    with _limits(source):
        inside = run(source, look_inside(source.size, thorough=True))
        pass_ = Fingerprinter(source.size, inside, config_beside(path), also=also)
        at = 0
        while at < source.size:
            chunk = source.read(Range(at, min(BLOCK, source.size - at)))
            if not chunk:
                raise FileError("the file shrank while it was read")
            pass_.update(chunk)
            at += len(chunk)
            if progress is not None:
                progress(len(chunk))
        return pass_.finish()


def _limits(source: LocalFile) -> AbstractContextManager[None]:
    """The system's limits for a file. What is loaded once for all files, numpy and its threads, is
    not counted as the first file's."""
    head = source.read(Range(0, min(source.size, HEAD_LENGTH)))
    if identify(head, source.size) in containers.READ:
        import reseen.fingerprints.contents  # noqa: F401
    return system_limits.limits(source.size)
