"""Reads Parquet as a table, by pyarrow (an extra), batch by batch.

What comes in: the open file of a list. What goes out: a `ListTable`. Nested columns are not looked
into.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from reseen.errors import ListError
from reseen.registry.lists.columns import recognise
from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.looks import SAMPLE, no_header, values_of
from reseen.registry.lists.table import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROWS,
    Cell,
    ListTable,
    as_cell,
    first_of,
    too_long,
    too_many_rows,
)

MAX_INFLATED = 4 << 30
"""Bytes that all columns may take in memory, as the file itself says."""
MAX_BATCH = 64 << 20
"""Bytes that one batch of rows may take."""
_BATCH = 4_096


def read_parquet(file: BinaryIO, given: Mapping[str, ListField] | None = None) -> ListTable:
    """The table in a Parquet file. Raises ListError, also when pyarrow is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ListError(
            "reading Parquet needs pyarrow, which is not installed",
            remedy="pip install 'reseen[parquet]'",
        ) from None
    try:
        # texts are kept as a dictionary: a short file can repeat one long value for ever
        schema = pyarrow.parquet.read_schema(file)
        texts = [
            field.name for field in schema if field.type in (pyarrow.string(), pyarrow.binary())
        ]
        parquet = pyarrow.parquet.ParquetFile(file, read_dictionary=texts)
        metadata = parquet.metadata
        names = list(parquet.schema_arrow.names)
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _broken() from error
    if metadata.num_rows > MAX_ROWS:
        raise too_many_rows()
    inflated = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if inflated > MAX_INFLATED or len(names) > MAX_COLUMNS:
        raise ListError("the Parquet file asks for too much memory", remedy="Split the list.")
    every = _rows(parquet, names, set(range(len(names))))
    head = list(first_of(every, SAMPLE, lambda row: row[1]))
    values = [values_of(cells[at] for _, cells in head) for at in range(len(names))]
    meaning = recognise(names, given, values)
    if not meaning.usable:
        raise no_header(head)
    rows = _rows(parquet, names, set(meaning.fields.values()))
    return ListTable(tuple(names), rows, meaning=meaning)


def _rows(
    file: Any, names: Sequence[str], wanted: set[int]
) -> Iterator[tuple[int, Sequence[Cell]]]:
    import pyarrow

    number = 0
    try:
        for batch in file.iter_batches(batch_size=_BATCH):
            if batch.nbytes > MAX_BATCH:
                raise too_long(number + 1)
            if batch.num_columns != len(names):
                raise _broken()  # a row group that has not what the schema says
            columns = [
                _values(batch.column(i), number) if i in wanted else [None] * batch.num_rows
                for i in range(len(names))
            ]
            for values in zip(*columns, strict=True):
                number += 1
                if number > MAX_ROWS:
                    raise too_many_rows()
                cells = [as_cell(value) for value in values]
                if any(isinstance(cell, str) and len(cell) > MAX_CELL for cell in cells):
                    raise too_long(number)
                yield number, cells
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise _broken() from error


def _values(column: Any, number: int) -> list[Any]:
    """A column's values. Raises ListError before one that is too long is copied for each row."""
    import pyarrow
    import pyarrow.compute

    if isinstance(column, pyarrow.DictionaryArray):
        longest = pyarrow.compute.max(pyarrow.compute.binary_length(column.dictionary)).as_py()
        if longest is not None and longest > 4 * MAX_CELL:  # UTF-8
            raise too_long(number + 1)
    values: list[Any] = column.to_pylist()
    return values


def _broken() -> ListError:
    return ListError("the file is not Parquet, or breaks off", remedy="Export the list again.")
