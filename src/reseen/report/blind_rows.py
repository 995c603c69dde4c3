"""A file of which something was not read, as flat rows: one for each reason.

What comes in: a `BlindFile`. What goes out: dicts with exactly the keys of `BLIND_FIELDS`, in that
order. The names are stable: scripts depend on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reseen.observed.blind_spots import BlindFile
from reseen.report.gather import Findings
from reseen.report.rows import LOCATION_FIELDS, Cell

BLIND_FIELDS: Mapping[str, str] = {
    "file": "A number: rows with the same one are of one file.",
    "hub": "Where it stands: the hub's name.",
    "type": "model, dataset or space.",
    "repo": "The repository, as owner/name.",
    "revision": "The commit at which it was seen.",
    "ref": "Branch, tag or pull-request ref; empty for a commit of the history.",
    "path": "The file's path in the repository.",
    "size": "Bytes.",
    "container": "What the file is, by its bytes; empty when nothing of it was read.",
    "judged_by": "The rungs that could judge it, strongest first, separated by blanks.",
    "by_weights": "False: an altered copy of a removal would not have been recognised.",
    "code": "What was not read, or why, in a word.",
    "reason": "The same in words.",
    "count": "Tensors or modules that were not read so; 1 for the file as a whole.",
    "scan": "The number of the scan that looked at it last.",
}


def blind_rows(files: Iterable[BlindFile], *, locations: bool = True) -> Iterator[dict[str, Cell]]:
    """All rows. Without `locations` the fields that say where a file stands are None."""
    for number, file in enumerate(files, start=1):
        about: dict[str, Cell] = {
            "file": number,
            "hub": file.artifact.hub,
            "type": file.artifact.type.value,
            "repo": file.artifact.repo,
            "revision": file.artifact.revision,
            "ref": file.artifact.ref,
            "path": file.artifact.path,
            "size": file.artifact.size,
            "container": None if file.container is None else file.container.value,
            "judged_by": " ".join(file.judged.labels),
            "by_weights": file.judged.by_weights,
        }
        if not locations:
            about |= {name: None for name in LOCATION_FIELDS if name in about}
        for spot in file.judged.not_read:
            yield about | {
                "code": spot.code,
                "reason": spot.reason,
                "count": spot.count,
                "scan": file.scan,
            }


SCAN_FIELDS: Mapping[str, str] = {
    "scan": "The scan's number.",
    "hub": "The hub that it looked at.",
    "started_at": "When it began.",
    "code": "What was not read, or why, in a word.",
    "reason": "The same in words.",
    "files": "Files whose weights could not be judged for it.",
}


def scan_rows(findings: Findings) -> Iterator[dict[str, Cell]]:
    """What each scan could not judge, by reason: one row for each."""
    for scan in findings.scans:
        for spot, files in scan.blind:
            yield {
                "scan": scan.number,
                "hub": scan.hub,
                "started_at": scan.started_at.isoformat(timespec="seconds"),
                "code": spot.code,
                "reason": spot.reason,
                "files": files,
            }
