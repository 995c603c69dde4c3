"""What came of trying to read one artifact, and the problems that reading can meet."""

from __future__ import annotations

from dataclasses import dataclass

from reseen.observed.artifacts import Inspection
from reseen.records import Artifact, Confirmed, Match, Problem

_MORE = "Raise the limit on bytes, or fetch the file yourself and use `reseen check`."


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The outcome of trying to read one artifact."""

    inspection: Inspection | None = None
    confirmed: Confirmed = Confirmed.NONE
    problem: Problem | None = None
    busy: bool = False
    """The hub was busy or away: worth another try."""
    missing: bool = False
    """It is no longer there."""
    copies: tuple[Match, ...] = ()
    """On the weights rung."""
    skipped: str | None = None
    """Why it was not read, or not read further, where that is no problem of this file."""
    left: bool = False
    """And that reason passes: it stays owed."""


NOT_READ = ReadResult()


def too_large(artifact: Artifact, size: int) -> Problem:
    reason = f"not read in full: {size} bytes are more than the limit allows"
    return Problem(where(artifact), reason, _MORE)


def where(artifact: Artifact) -> str:
    return f"{artifact.hub} {artifact.repo} {artifact.path}"
