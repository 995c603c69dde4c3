"""A manifest: which objects a store holds, one row each, as Parquet or CSV.

What comes in: a file with the columns `key` and `size` and, where they are known, checksums
(`columns.CHECKSUMS`: in hexadecimal or base64, or bytes). What goes out: its parts, each of the
same number of rows, which are the same however many machines share them. Every key stands once; a
manifest of other columns, with a row that has no key, or with a key twice is refused.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from reseen.errors import InputError
from reseen.scan.sweep.columns import CHECKSUMS, one_batch

if TYPE_CHECKING:
    import pyarrow

NEEDED, OPTIONAL = ("key", "size"), tuple(CHECKSUMS)
LONGEST_KEY = 4_096
"""Bytes."""
_BATCH = 65_536
_LARGEST_BATCH = 256 << 20
_BLOCK = 8 << 20
_LIKE = f"A manifest has the columns key and size and, where known, {', '.join(OPTIONAL)}."


@dataclass(frozen=True, slots=True)
class Manifest:
    """One that was looked through."""

    path: Path
    rows: int
    blake3: str
    """Of the file."""


def look_through(path: Path, known: Manifest | None = None) -> Manifest:
    """See that a manifest can be used: its columns, its rows, and that no key stands twice. One
    pass over the file and one over its keys: 8 bytes a row are held. `known`: one that was looked
    through before; only its bytes are compared. Raises InputError."""
    hash = blake3()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                hash.update(block)
    except OSError as e:
        raise InputError(
            f"the manifest cannot be read: {e.strerror}", remedy="Check the path."
        ) from None
    digest = hash.hexdigest()
    if known is not None and known.blake3 == digest:
        return Manifest(path, known.rows, digest)
    return Manifest(path, _check_keys(path), digest)


def stamp(path: Path) -> tuple[int, ...] | None:
    """What a file that is changed or replaced changes; None: it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def batches(manifest: Path, rows: int, first: int, last: int) -> Iterator[pyarrow.RecordBatch]:
    """The rows from `first` up to `last` (without it), `rows` at a time. Raises InputError."""
    import pyarrow

    held: list[pyarrow.RecordBatch] = []
    count = 0
    for batch in _from(manifest, first, last):
        held.append(batch)
        count += batch.num_rows
        while count >= rows:
            table = pyarrow.Table.from_batches(held)
            yield one_batch(table.slice(0, rows))
            held = table.slice(rows).to_batches()
            count -= rows
    if count:
        yield one_batch(pyarrow.Table.from_batches(held))


def _from(path: Path, first: int, last: int) -> Iterator[pyarrow.RecordBatch]:
    """The batches that hold these rows, cut to them."""
    at = 0
    for start, batch in _opened(path, None, first):
        at = start
        if at >= last:
            return
        begin, end = max(first - at, 0), min(last - at, batch.num_rows)
        if begin < end:
            yield batch.slice(begin, end - begin)


def _check_keys(path: Path) -> int:
    """How many rows there are. What tells keys apart is Python's own hash of each, of 64 bits with
    a secret of this process: those that agree are compared themselves."""
    seen = array("q")
    for at, batch in _opened(path, ["key"], 0):
        keys = batch.column("key").to_pylist()
        for number, key in enumerate(keys, at + 1):
            if not key:
                raise InputError(f"row {number:,} of the manifest has no key", remedy=_LIKE)
            if 4 * len(key) > LONGEST_KEY and len(key.encode()) > LONGEST_KEY:
                raise InputError(f"row {number:,} of the manifest has a key that is too long")
        seen.extend(map(hash, keys))
    if not seen:
        raise InputError("the manifest has no rows", remedy=_LIKE)
    if _holds_twice(seen):
        _refuse_twice(path, seen)
    return len(seen)


def _holds_twice(numbers: array[int]) -> bool:
    """Is one of them there twice? By sorting: no table of them all is made."""
    import pyarrow
    import pyarrow.compute

    buffers = [None, pyarrow.py_buffer(memoryview(numbers))]
    column = pyarrow.Array.from_buffers(pyarrow.int64(), len(numbers), buffers)
    column = column.take(pyarrow.compute.sort_indices(column))
    same = pyarrow.compute.equal(column[1:], column[:-1])
    return bool(pyarrow.compute.any(same, min_count=0).as_py())


def _refuse_twice(path: Path, seen: array[int]) -> None:
    """Say which rows have one key; nothing where only their hashes agree."""
    once: set[int] = set()
    again: set[int] = set()
    for value in seen:
        (again if value in once else once).add(value)
    first: dict[str, int] = {}
    for at, batch in _opened(path, ["key"], 0):
        for number, key in enumerate(batch.column("key").to_pylist(), at + 1):
            if hash(key) in again and first.setdefault(key, number) != number:
                raise InputError(
                    f"rows {first[key]:,} and {number:,} of the manifest have the same key",
                    remedy="Each object stands once: leave out its older versions.",
                )


def _opened(
    path: Path, only: list[str] | None, first: int
) -> Iterator[tuple[int, pyarrow.RecordBatch]]:
    """Batches with the number of the first row of each, from the one on that holds row `first`.
    Raises InputError."""
    try:
        import pyarrow
    except ImportError:
        raise InputError(
            "reading a manifest needs pyarrow, which is not installed",
            remedy="pip install 'reseen[sweep]'",
        ) from None
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        opened = _parquet(path, only, first) if is_parquet else _csv(path, only)
        for at, batch in opened:
            if batch.nbytes > _LARGEST_BATCH:
                raise InputError("the manifest asks for too much memory")
            batch.validate(full=True)  # a Parquet file can hold texts that are none
            yield at, batch
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise InputError(
            "the manifest is neither Parquet nor CSV, or breaks off", remedy=_LIKE
        ) from error


def _parquet(
    path: Path, only: list[str] | None, first: int
) -> Iterator[tuple[int, pyarrow.RecordBatch]]:
    import pyarrow.parquet

    schema = pyarrow.parquet.read_schema(os.fspath(path))
    _check_columns(schema.names, {field.name: str(field.type) for field in schema})
    # As dictionaries: a short file can repeat one long value for ever.
    texts = [f.name for f in schema if f.type in (pyarrow.string(), pyarrow.binary())]
    with pyarrow.parquet.ParquetFile(os.fspath(path), read_dictionary=texts) as file:
        groups: list[int] = []
        at = 0
        for number in range(file.metadata.num_row_groups):
            count = file.metadata.row_group(number).num_rows
            if groups or at + count > first:
                groups.append(number)
            else:
                at += count
        for batch in file.iter_batches(batch_size=_BATCH, row_groups=groups, columns=only):
            yield at, _spelled_out(batch)
            at += batch.num_rows
        if at != file.metadata.num_rows:
            raise ValueError("it says that it has other rows than it has")


def _spelled_out(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    """The same without dictionaries. Raises InputError before a long value is copied for each row
    that has it."""
    import pyarrow
    import pyarrow.compute

    columns = []
    for column in batch.columns:
        if isinstance(column, pyarrow.DictionaryArray):
            longest = pyarrow.compute.max(pyarrow.compute.binary_length(column.dictionary)).as_py()
            if longest is not None and longest > LONGEST_KEY:
                raise InputError("the manifest has a value that is too long", remedy=_LIKE)
            column = column.dictionary_decode()
        columns.append(column)
    return pyarrow.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _csv(path: Path, only: list[str] | None) -> Iterator[tuple[int, pyarrow.RecordBatch]]:
    import pyarrow
    from pyarrow import csv

    types = {name: pyarrow.string() for name in ("key", *OPTIONAL)} | {"size": pyarrow.int64()}
    options = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    with csv.open_csv(os.fspath(path), convert_options=options) as file:
        _check_columns(file.schema.names, {})
        at = 0
        for batch in file:
            yield at, batch if only is None else batch.select(only)
            at += batch.num_rows


def _check_columns(names: list[str], types: dict[str, str]) -> None:
    missing = [name for name in NEEDED if name not in names]
    other = [name for name in names if name not in (*NEEDED, *OPTIONAL)]
    if missing:
        raise InputError(f"the manifest has no column {' and none '.join(missing)}", remedy=_LIKE)
    if other or len(set(names)) < len(names):
        shown = ", ".join(repr(name[:40]) for name in (other or names)[:5])
        raise InputError(f"the manifest has other columns: {shown}", remedy=_LIKE)
    texts = ("string",)
    allowed = {
        "key": texts,
        "size": ("int64", "int32", "uint64", "uint32"),
        **{
            name: (*texts, "binary", f"fixed_size_binary[{kind.length}]")
            for name, kind in CHECKSUMS.items()
        },
    }
    for name, kind in types.items():
        if kind not in allowed[name] and kind != "null":
            raise InputError(f"the manifest's column {name} is of another type: {kind[:40]}")
