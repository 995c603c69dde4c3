"""What came of trying to read one artifact, and the problems that reading can meet."""

from __future__ import annotations

from dataclasses import dataclass

from reseen.observed.artifacts import Inspection
from reseen.records import Artifact, BlindSpot, Confirmed, Container, Match, Problem

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
    blind: tuple[BlindSpot, ...] = ()
    """Why its weights could not be judged, where they could not; what Reseen failed on."""

    @property
    def sketched(self) -> bool:
        """Its weights were judged all the same."""
        return self.inspection is not None and self.inspection.sketch is not None


NOT_READ = ReadResult()


def too_large(artifact: Artifact, size: int) -> Problem:
    reason = f"not read in full: {size} bytes are more than the limit allows"
    return Problem(where(artifact), reason, _MORE)


def where(artifact: Artifact) -> str:
    return f"{artifact.hub} {artifact.repo} {artifact.path}"


BLIND = "files whose weights could not be judged: by their digests alone"
"""As a scan's account counts them; nothing of it is a reason to look again."""
_PICTURES = (Container.PNG, Container.WEBP, Container.LFS_POINTER)
_WEIGHTS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx", ".npz")


def blind_to(
    path: str, container: Container, blind: tuple[BlindSpot, ...]
) -> tuple[BlindSpot, ...]:
    """What is worth saying of a file that has no sketch: nothing of one that by content and by name
    is no model."""
    named = path.lower().endswith(_WEIGHTS)
    if container in _PICTURES or (container is Container.UNKNOWN and not named):
        return ()
    return blind


def blindness(place: str, what: ReadResult) -> Problem:
    """A file that not everything could judge, with the reason."""
    said = "; ".join(f"{spot} [{spot.code}]" for spot in what.blind)
    how = "judged without a part of it" if what.sketched else "judged by its digests alone"
    return Problem(place, f"{how}: {said}")
