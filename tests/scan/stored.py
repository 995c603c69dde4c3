"""A folder of files of many kinds, as a hub's storage, and manifests of it. All synthetic."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pyarrow
from tests.match import embedded, updates
from tests.match.made import adapter, safetensors

from reseen.hubs.object_store import ObjectStore
from reseen.match.registry_index import RegistryIndex
from reseen.scan.sweep.examiner import Depth, Examiner

FILE = safetensors(adapter(7), {"made by": "a test"})
EDITED = safetensors(adapter(7), {"title": "Test model"})
OTHER = safetensors(adapter(8))
SCHEMA = pyarrow.schema(
    [("key", pyarrow.string()), ("size", pyarrow.int64()), ("sha256", pyarrow.string())]
)


def make_tree(root: Path) -> Path:
    """Copies of "Sample person 07"'s adapter, exact and altered; strangers; what is no model."""
    folder = root / "someone" / "test"
    folder.mkdir(parents=True)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("inner/LORA.safetensors", updates.CAST)
        archive.writestr("readme.txt", "words " * 400)
    for name, data in {
        "LORA": updates.REMOVED,
        "cast.safetensors": updates.CAST,
        "small.safetensors": updates.RESIZED,
        "no encoder.bin": updates.NO_ENCODER,
        "other.safetensors": updates.OTHER,
        "exact.bin": FILE,
        "edited.bin": EDITED,
        "stranger.bin": OTHER,
        "packed.zip": zipped.getvalue(),
        "picture!.png": b"\x89PNG\r\n\x1a\n" + bytes(5000),
        "notes.txt": b"nothing " * 1000,
        "broken.safetensors": updates.CAST[:9000],
        "embedding.safetensors": embedded.kohya(embedded.rows(7)),
    }.items():
        (folder / name).write_bytes(data)
    return root


def rows(*each: tuple[str, int | None, bytes | None]) -> pyarrow.RecordBatch:
    """A manifest's rows: key, size, SHA-256."""
    values = [{"key": k, "size": s, "sha256": None if h is None else h.hex()} for k, s, h in each]
    return pyarrow.RecordBatch.from_pylist(values, schema=SCHEMA)


def of_folder(root: Path, *, checksums: bool = False) -> pyarrow.RecordBatch:
    """A manifest of all files in a folder, by key."""
    found = []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).digest() if checksums else None
        found.append((str(path.relative_to(root)), len(data), sha256))
    return rows(*found)


def examine(
    batch: pyarrow.RecordBatch, index: RegistryIndex, store: ObjectStore, depth: Depth
) -> pyarrow.RecordBatch:
    """One batch of a manifest, by an examiner of its own."""
    return Examiner(index, store, depth)(batch)
