"""Files of which two add up to a removal, and files with a removal inside: by construction.

What tells a part of a merge takes two hundred strangers and a second for each file: docs/parts.md
has what was measured of that. Of histories the order is asked, so here who made the files says what
is inside. All else is the product's: which files are asked, when, and what becomes of the answer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from benchmarks.adapters import Adapter
from tests.match.merges import concatenated, file_of, mixed, person

from reseen.fingerprints.sketch import Sketch, decode
from reseen.fingerprints.whole import fingerprint
from reseen.match.part_figures import Figures, ToldBy
from reseen.match.parts import MergePart

ADD_UP = (("r7-one", "r7-two"), ("r7-one", "r7-three"))
"""Files that add up to "r7", two at a time."""
INSIDE = {"r8-like": "r8", "r9-inside": "r9"}
"""What is inside a file."""
EXPLAINED = {"r8-like": "accelerator"}
"""Of which of them a known innocent explains that."""
HIDES = {"style": "r10"}
"""What an innocent would hide."""
INNOCENTS = ("accelerator", "style")


@cache
def files() -> dict[str, tuple[bytes, str]]:
    """The bytes of each, and which are altered copies of each other."""

    def sample(number: int, rank: int = 2) -> Adapter:
        return person(number, rank)

    removed, noise, accelerator = sample(7), sample(12), sample(20)
    made = {
        "r7": removed,
        "r7-one": concatenated([removed, noise], [0.5, 3]),
        "r7-two": concatenated([removed, noise], [0.5, -3]),
        "r7-three": concatenated([removed, noise, sample(13)], [0.5, -3, 0.2]),
        "r8": mixed([sample(23, 4), accelerator], [1, 0.2]),
        "r8-like": mixed([sample(24, 4), accelerator], [1, 1]),
        "r9": sample(21),
        "r9-inside": concatenated([sample(21), accelerator, sample(26)], [0.5, 0.2, 1]),
        "r10": sample(22),
        "accelerator": accelerator,
        "style": concatenated([sample(25), sample(22)], [1, 0.1]),
    }
    halves = {key for pair in ADD_UP for key in pair}
    return {
        key: (file_of(adapter), "halves" if key in halves else key) for key, adapter in made.items()
    }


@cache
def _keys() -> dict[bytes, str]:
    """Files by their sketches."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        found: dict[bytes, str] = {}
        for key, (data, _) in files().items():
            path.write_bytes(data)
            found[_named(decode(fingerprint(path).sketch or b""))] = key
    return found


def _named(sketch: Sketch) -> bytes:
    return sketch.ids.tobytes() + sketch.s.tobytes()


_THERE = Figures(1.0, 1.0, 99.0, 64, 0.5, 1e-12, 205)


def told_parts(
    file: Sketch, removed: Sequence[Sketch], _: Sequence[Sketch], innocents: Sequence[Sketch] = ()
) -> list[MergePart]:
    """As `match.parts.parts` says it."""
    known = _keys()
    key = known.get(_named(file), "")
    explained = {known.get(_named(each)) for each in innocents}
    inside = INSIDE.get(key) if EXPLAINED.get(key) not in explained else None
    return [
        MergePart({ToldBy.COLUMNS: _THERE} if inside and known.get(_named(each)) == inside else {})
        for each in removed
    ]


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Parts are told so, by however few strangers."""
    said: Callable[..., list[MergePart]] = told_parts
    with (
        mock.patch("reseen.match.registry_parts.parts", said),
        mock.patch("reseen.match.registry_parts.CALIBRATED_FROM", 0),
        mock.patch("reseen.match.past_parts.CALIBRATED_FROM", 0),
    ):
        yield
