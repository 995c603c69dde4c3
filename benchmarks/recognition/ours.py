"""Reseen itself as a method: digests, the search among the removed, full comparison, and parts.

What is asked is what a scan asks of a file that it reads whole, with the strangers of the task as
background and decoys. The score is that of the surest figure, -log10 of its p-value; the verdict
that of the product (a copy, or surely inside a merge).
"""

from __future__ import annotations

import math
from pathlib import Path

from benchmarks.recognition.method import Answer, Asked, Task
from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.entries import entries
from reseen.fingerprints.sketch import decode
from reseen.fingerprints.whole import fingerprint
from reseen.match.calibration import Background
from reseen.match.compare import compare
from reseen.match.nearest import NearestIndex
from reseen.match.registry_parts import KnownSketch, PartSearch
from reseen.match.sketch_index import row_of
from reseen.records import DigestKind, Fingerprint

EXACT = (DigestKind.SHA256, DigestKind.DATA_SHA256, DigestKind.TENSORS_BLAKE3)
SURE = 400.0
"""The score of a digest: above all p-values."""


def digests_of(found: Fingerprint) -> set[tuple[DigestKind, bytes]]:
    """The exact ones."""
    return {(kind, told.value) for kind in EXACT if (told := found.digest(kind)) is not None}


def reseen(task: Task) -> Asked:
    """Reads the registry and the strangers once."""
    digests: dict[tuple[DigestKind, bytes], set[str]] = {}
    known: list[KnownSketch] = []
    for number, (name, path) in enumerate(sorted(task.registry.items())):
        found = fingerprint(path)
        for digest in digests_of(found):
            digests.setdefault(digest, set()).add(name)
        if found.sketch is not None:
            known.append(KnownSketch(name, number, name, decode(found.sketch)))
    values = [fingerprint(path).sketch for path in task.others]
    strangers = tuple(decode(value) for value in values if value is not None)
    background = Background(strangers)
    index = NearestIndex(ModuleOrder(b"recognition benchmark")).plus(
        row_of(at, each.sketch) for at, each in enumerate(known)
    )
    search = PartSearch(known, strangers)

    def ask(path: Path) -> Answer:
        found = fingerprint(path)
        scores: dict[str, float] = {}
        accused: set[str] = set()
        for digest in digests_of(found):
            for name in digests.get(digest, ()):
                scores[name] = SURE
                accused.add(name)
        if found.sketch is None:
            return Answer(scores, frozenset(accused))
        file = decode(found.sketch)
        for at in sorted({near.key for entry in entries(file) for near in index.find(entry)}):
            each = known[at]
            compared = compare(each.sketch, file, background)
            if compared is not None:
                _raise(scores, each.removal, compared.p_value)
                if compared.is_copy:
                    accused.add(each.removal)
        for part in search.found(file, without=frozenset(accused)):
            by = part.part.by
            if by is not None:
                _raise(scores, part.removal, part.part.figures[by].p_value)
            if part.is_sure:
                accused.add(part.removal)
        return Answer(scores, frozenset(accused))

    return ask


def _raise(scores: dict[str, float], removal: str, p_value: float) -> None:
    score = -math.log10(max(p_value, 1e-300))
    scores[removal] = max(score, scores.get(removal, 0.0))
