"""What came of trying to read one artifact, and the problems that reading can meet."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reseen.errors import FileError, Malformed, SystemLimit, Unforeseen
from reseen.files import lfs_pointer
from reseen.files.tensors import Listing
from reseen.observed.artifacts import Inspection
from reseen.observed.blind_spots import BY_DIGESTS, DAMAGED, IN_PART, UNJUDGED
from reseen.records import (
    TOO_FEW,
    UPDATES_NOTHING,
    Artifact,
    BlindSpot,
    Confirmed,
    Container,
    Fingerprint,
    JudgedBy,
    Match,
    Problem,
    Rung,
)
from reseen.registry import never_read

OURS = frozenset((Unforeseen.code, SystemLimit.code))
"""Codes of what Reseen itself failed on."""
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
    """What of it was not read, or why its weights could not be judged."""
    unread: BlindSpot | None = None
    """Why it was not read, or not further, where the file itself is not the reason."""
    members: tuple[tuple[str, Fingerprint], ...] = ()
    """What was read of the files in it, where it is an archive, each by its place ("!member")."""
    listing: Listing | None = None
    """Its header, where it is one of several files of a model and is looked at with them again."""

    @property
    def by_weights(self) -> bool:
        """Its weights were judged all the same."""
        return self.inspection is not None and Rung.WEIGHTS in self.inspection.judged_by

    @property
    def troubles(self) -> tuple[BlindSpot, ...]:
        """What of `blind` a person should be told: all, where its weights could not be judged; else
        only what Reseen failed on. That a file is small, or changes nothing, is none: it is
        counted, and listed."""
        if self.by_weights:
            return tuple(spot for spot in self.blind if spot.code in OURS)
        return tuple(spot for spot in self.blind if spot.code not in (TOO_FEW, UPDATES_NOTHING))

    @property
    def is_damaged(self) -> bool:
        """It is a model file, or an archive, of which what is in it could not be listed or came
        damaged, or on which Reseen failed: it was not judged."""
        seen = self.inspection
        unlisted = seen is not None and seen.problem is not None and seen.container in _MODELS
        return unlisted or any(spot.code in (Malformed.code, *OURS) for spot in self.troubles)

    @property
    def judged(self) -> JudgedBy | None:
        """By what was read of it, and what was not; None: nobody looked (a header that only had to
        agree with what the hub states tells nothing of that)."""
        unread = () if self.unread is None else (self.unread,)
        looked = self.inspection is not None and self.inspection.architecture is not None
        if not looked and not unread:
            return None
        by = () if self.inspection is None else self.inspection.judged_by
        return JudgedBy(by, (*self.blind, *unread))


def with_trouble(what: ReadResult, error: FileError) -> ReadResult:
    """The same after a further look at the file that failed: what was read before stands, and the
    trouble is what was not read."""
    spot = BlindSpot(error.code, str(error))
    return what if spot in what.blind else replace(what, blind=(*what.blind, spot))


NOT_READ = ReadResult()
GATED = BlindSpot("gated", "behind a gate: not read")
NO_SIZE = BlindSpot("no-size", "its hub does not state its size: not read")
NO_PARTS = BlindSpot("no-parts", "its hub hands out no parts of files: not read for altered copies")
FORBIDDEN = BlindSpot("downloads", "reading may count as a download, which is forbidden: not read")
LIMIT = BlindSpot("limit", "more than the limit on bytes allows: not read, or not further")
AWAY = BlindSpot("away", "the hub or its storage did not answer: not read, or not further")
OTHERWISE = BlindSpot("served-otherwise", "what is served is not what its hub states")
PROGRAM = BlindSpot("beside", "a program: what it unpacks later than at its beginning is not read")
CLASS = BlindSpot("never-read", never_read.WHY)
NOT_TRIED = frozenset(s.code for s in (GATED, NO_SIZE, NO_PARTS, FORBIDDEN, LIMIT, AWAY, OTHERWISE))
"""Codes of what a scan's account counts as left out, each under its own words."""


def too_large(artifact: Artifact, size: int) -> Problem:
    reason = f"not read in full: {size} bytes are more than the limit allows"
    return Problem(where(artifact), reason, _MORE)


def is_blind(judged: JudgedBy) -> bool:
    """Was it looked into, and could its weights not be judged?"""
    return not judged.by_weights and any(s.code not in NOT_TRIED for s in judged.not_read)


def where(artifact: Artifact) -> str:
    return f"{artifact.hub} {artifact.repo} {artifact.path}"


BLIND = UNJUDGED
_PICTURES = (Container.PNG, Container.WEBP, Container.LFS_POINTER)
_MODELS = frozenset(Container) - {*_PICTURES, Container.UNKNOWN}
_BESIDE = "beside"
"""The code of what a file is or holds beside what it seems to be."""
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".lzma")
_WEIGHTS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx", ".npz")


def blind_to(
    path: str, container: Container, blind: tuple[BlindSpot, ...]
) -> tuple[BlindSpot, ...]:
    """What is worth saying of a file that has no sketch: of one that by content and by name is no
    model, and no archive, only what else it is."""
    named = path.lower().endswith((*_WEIGHTS, *_ARCHIVES))
    if container in _PICTURES or (container is Container.UNKNOWN and not named):
        return tuple(spot for spot in blind if spot.code in (_BESIDE, lfs_pointer.IN_ARCHIVE))
    return blind


def blindness(place: str, what: ReadResult) -> Problem:
    """A file that not everything could judge, with the reason. It counts as not judged only where
    it is damaged or Reseen failed on it: not a checkpoint, and not what is a model by name alone.
    """
    said = "; ".join(f"{spot} [{spot.code}]" for spot in what.troubles)
    how = IN_PART if what.by_weights else BY_DIGESTS
    return Problem(place, f"{how}: {said}", counted=DAMAGED if what.is_damaged else BLIND)
