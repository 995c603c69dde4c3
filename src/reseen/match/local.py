"""A file on this machine: which removal is it? For `reseen check` and the scan of a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reseen.fingerprint.digests import fingerprint
from reseen.match.known import Known
from reseen.records import Match


def match_local(
    path: Path, known: Known, progress: Callable[[int], None] | None = None
) -> tuple[Match, ...]:
    """Read a file through its hashes, and match it: strongest first, hints too (a match whose rung
    is `Rung.HINT` proves nothing). Its name is no lead here: the person who asks may have chosen
    it. `progress` is called with the bytes of each step. Raises FileError."""
    return known.match_fingerprint(fingerprint(path, progress))
