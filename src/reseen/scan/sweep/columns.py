"""Batches of a sweep as Arrow has them: the columns that come in and go out, and one row of each.

What comes in: record batches with `key`, `size` and what checksums are known. What goes out: rows
as values, and values as record batches. A row of which nothing can be made says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from reseen.hubs.object_store import artifact_at
from reseen.records import Artifact

if TYPE_CHECKING:
    import pyarrow

COLUMNS = {
    "key": "string",
    "status": "string",
    "sha256": "string",
    "removal": "string",
    "list_id": "string",
    "rung": "string",
    "relation": "string",
    "score": "double",
    "reason": "string",
    "bytes_read": "int64",
    "found": "binary",
}
"""What goes out: each name with its type, as Arrow calls it. `found` is for `sweep import`."""


class RowStatus(StrEnum):
    """What became of one row."""

    MATCH = "match"
    """A removal, looked at as far as was asked; the rung says by what."""
    CLEAR = "clear"
    """Looked at as far as was asked: no removal."""
    BY_DIGESTS = "by-digests"
    """No removal by its digests, and its weights were not judged, for the reason that is given."""
    NOT_JUDGED = "not-judged"
    """It is damaged, or Reseen failed on it. (Of a form that is not read: judged by digests.)"""
    UNREAD = "unread"
    """It could not be read, or not as far as was asked, for the reason that is given. What is known
    of it all the same stands in the row."""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One row of a manifest."""

    artifact: Artifact
    trouble: str | None = None
    """Why nothing can be made of the row."""


def rows_of(batch: pyarrow.RecordBatch) -> list[ManifestRow]:
    """The rows of a batch that `manifest` gave, or with the same columns."""
    names = set(batch.schema.names)
    columns = [
        batch.column(name).to_pylist() if name in names else [None] * batch.num_rows
        for name in ("key", "size", "sha256", "xet")
    ]
    return [_manifest_row(*cells) for cells in zip(*columns, strict=True)]


def _manifest_row(key: object, size: object, sha256: object, xet: object) -> ManifestRow:
    length = size if isinstance(size, int) and size >= 0 else None
    sums = [_checksum(sha256), _checksum(xet)]
    trouble = None
    if _NONE in sums:
        trouble = "its checksum in the manifest is none: 64 hex digits were due"
    elif length is None:
        trouble = "the manifest gives no size that a file can have"
    # What is good of the row stands: a removal's SHA-256 is one whatever is beside it.
    return ManifestRow(artifact_at(str(key), length, *(each or None for each in sums)), trouble)


_NONE = b""
"""Instead of a checksum that is none."""


def _checksum(value: object) -> bytes | None:
    if value is None or value == "" or value == b"":
        return None
    try:
        made = bytes.fromhex(value.strip()) if isinstance(value, str) else value
    except ValueError:
        return _NONE
    return made if isinstance(made, bytes) and len(made) == 32 else _NONE


def one_batch(table: pyarrow.Table) -> pyarrow.RecordBatch:
    """The rows of a table in one piece."""
    import pyarrow

    whole = table.combine_chunks().to_batches()
    return whole[0] if whole else pyarrow.RecordBatch.from_pylist([], schema=table.schema)


def told_of_all(batch: pyarrow.RecordBatch, status: RowStatus, reason: str) -> pyarrow.RecordBatch:
    """The same said of every row of a batch."""
    return batch_of([row_of(each.artifact, status, reason) for each in rows_of(batch)])


def row_of(artifact: Artifact, status: RowStatus, reason: str | None) -> dict[str, Any]:
    """One row that goes out; what is not in it is not known."""
    return {
        "key": artifact.path,
        "status": status.value,
        "sha256": None if artifact.sha256 is None else artifact.sha256.hex(),
        "reason": reason,
        "bytes_read": 0,
    }


def batch_of(rows: Sequence[dict[str, Any]]) -> pyarrow.RecordBatch:
    """Rows as a record batch."""
    import pyarrow

    schema = pyarrow.schema(
        [(name, getattr(pyarrow, _TYPES[kind])()) for name, kind in COLUMNS.items()]
    )
    return pyarrow.RecordBatch.from_pylist(list(rows), schema=schema)


_TYPES = {"string": "string", "double": "float64", "int64": "int64", "binary": "binary"}
