"""Batches of a sweep as Arrow has them: the columns that come in and go out, and one row of each.

What comes in: record batches with `key`, `size` and what checksums are known. What goes out: rows
as values, and values as record batches. A row of which nothing can be made says why.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from reseen.hubs.object_store import artifact_at
from reseen.records import Artifact, Digest, DigestKind

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
    told = [name for name in CHECKSUMS if name in batch.schema.names]
    needed = [batch.column(name).to_pylist() for name in ("key", "size")]
    columns = [batch.column(name).to_pylist() for name in told]
    return [
        _manifest_row(key, size, dict(zip(told, sums, strict=True)))
        for key, size, *sums in zip(*needed, *columns, strict=True)
    ]


def _manifest_row(key: object, size: object, sums: Mapping[str, object]) -> ManifestRow:
    length = size if isinstance(size, int) and size >= 0 else None
    found: dict[DigestKind, bytes] = {}
    trouble = None
    for name, cell in sums.items():
        kind = CHECKSUMS[name]
        value = _checksum(cell, kind)
        if value == _NONE:
            digits = 2 * kind.length
            trouble = f"its checksum {name} in the manifest is none: {digits} hex digits were due"
        elif value is not None:
            found[kind] = value
    if trouble is None and length is None:
        trouble = "the manifest gives no size that a file can have"
    # What is good of the row stands: a removal's SHA-256 is one whatever is beside it.
    sha256, xet = found.pop(DigestKind.SHA256, None), found.pop(DigestKind.XET, None)
    others = tuple(Digest(kind, found[kind]) for kind in sorted(found))
    return ManifestRow(artifact_at(str(key), length, sha256, xet, others), trouble)


CHECKSUMS = {
    "sha256": DigestKind.SHA256,
    "xet": DigestKind.XET,
    "md5": DigestKind.MD5,
    "sha1": DigestKind.SHA1,
    "crc32c": DigestKind.CRC32C,
    "crc64nvme": DigestKind.CRC64_NVME,
}
"""The columns of a manifest that state one, where a hub or its storage knows any."""
_OF_PARTS = re.compile(r"-[0-9]{1,5}$")
_NONE = b""
"""Instead of a checksum that is none."""


def _checksum(value: object, kind: DigestKind) -> bytes | None:
    """As bytes, in hexadecimal, or in base64, as stores write it. None where there is none, or
    where it is of an object's parts and not of the file ("...-3")."""
    if value is None or value == "" or value == b"":
        return None
    if isinstance(value, str):
        text = value.strip()
        if _OF_PARTS.search(text):
            return None
        try:
            value = bytes.fromhex(text)
        except ValueError:
            value = _from_base64(text)
    return value if isinstance(value, bytes) and len(value) == kind.length else _NONE


def _from_base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return _NONE


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
