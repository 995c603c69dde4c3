"""The Python face: `reseen.fingerprint(path)` and `reseen.compare(a, b)`.

What comes in: local files. What goes out: values of `reseen.records` and `reseen.match.weights`.
Needs no store and no key; nothing of the weights is kept.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseen.fingerprints.sketch import Sketch
    from reseen.match.weights import Comparison
    from reseen.records import Fingerprint

StrPath = str | PathLike[str]


def fingerprint(path: StrPath) -> Fingerprint:
    """All digests and the sketch of a local file, in one pass over its bytes.

    `Fingerprint.sketch` is in the byte layout of docs/sketch.md; where there is none,
    `Fingerprint.no_sketch` says why. Raises `reseen.errors.FileError` when the file cannot be read
    at all; a damaged one is no error, but has its `problem` said.
    """
    from reseen.fingerprints.digests import fingerprint as whole

    return whole(Path(path))


def sketch(path: StrPath) -> Sketch:
    """The sketch alone, without hashing the file. Raises `reseen.errors.FileError`, and says why,
    when there is none."""
    from reseen.errors import FileError
    from reseen.fingerprints.local import sketch_of

    sketched = sketch_of(Path(path))
    if sketched.sketch is None:
        raise FileError(f"there is no sketch: {sketched.reason}")
    return sketched.sketch


def compare(a: StrPath, b: StrPath) -> Comparison | None:
    """How alike the updates of two adapters are; `a` plays the removal.

    None when they have too few modules in common to say anything, or are of different
    architectures. Cosine and p-value: see `reseen.match.weights`. Without a background of real
    adapters the p-value is uncalibrated, and says so. Raises `reseen.errors.FileError`.
    """
    from reseen.match.weights import compare as compared

    return compared(sketch(a), sketch(b))
