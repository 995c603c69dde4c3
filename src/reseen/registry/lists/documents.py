"""Reads JSON Lines, a JSON array, and answers of Civitai's API as a table.

What comes in: the bytes of a file. What goes out: a `ListTable` whose columns are the keys met, in
the order met. Nested objects are flattened ("hashes.SHA256"); an API's answer becomes a row for
each file. A line of JSON Lines that is no JSON is a row to be rejected, not the end of the list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reseen.errors import ListError
from reseen.registry.lists import civitai
from reseen.registry.lists.columns import ListField, recognise
from reseen.registry.lists.delimited import decode, no_header
from reseen.registry.lists.table import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROWS,
    Cell,
    ListTable,
    as_cell,
    too_long,
    too_many_rows,
)

MAX_DEPTH = 32
"""Levels of nesting."""
MAX_LINE = 16 << 20
"""Characters in a line of JSON Lines."""

UNREADABLE = "\0unreadable"
"""The column that marks an entry that is no JSON object: no header can have this name."""


def read_documents(data: bytes, given: Mapping[str, ListField] | None = None) -> ListTable:
    """The table in a JSON or JSON Lines file. Raises ListError."""
    text, notes = decode(data)
    columns: dict[str, int] = {}
    rows: list[tuple[int, list[Cell]]] = []
    left_out = 0
    for number, entry in _entries(text):
        answer = civitai.rows_of(entry)
        left_out += 0 if answer is None else answer.left_out
        for flat in [_flat(entry)] if answer is None else answer.rows:
            for name, cell in flat.items():
                if isinstance(cell, str) and len(cell) > MAX_CELL:
                    raise too_long(number)
                columns.setdefault(name, len(columns))
            if len(columns) > MAX_COLUMNS:
                raise ListError("the list's entries have too many different keys")
            cells: list[Cell] = [None] * len(columns)
            for name, cell in flat.items():
                cells[columns[name]] = cell
            rows.append((number, cells))
        if len(rows) > MAX_ROWS:
            raise too_many_rows()
    if left_out:
        notes += (f"{left_out} files of a version that are not its model were left out.",)
    meaning = recognise([*columns], given)
    if not meaning.usable:
        raise no_header()
    return ListTable(tuple(columns), rows, notes=notes)


def _entries(text: str) -> Iterator[tuple[int, object]]:
    """Numbered from 1: the entries of an array, or of `items`, or the lines."""
    try:
        whole = _loads(text)
    except ValueError:
        yield from _lines(text)
        return
    if isinstance(whole, dict) and civitai.rows_of(whole) is None:
        # a page of an API's listing holds the entries under one of these keys
        for key in ("items", "results", "data", "removals", "models", "rows"):
            if isinstance(whole.get(key), list):
                whole = whole[key]
                break
    yield from enumerate(whole if isinstance(whole, list) else [whole], 1)


def _lines(text: str) -> Iterator[tuple[int, object]]:
    read = 0
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            raise too_long(number)
        try:
            entry = _loads(line)
            read += 1
        except ValueError:
            entry = None
        yield number, entry
    if not read:
        raise ListError("the file is not JSON, and none of its lines is")


def _loads(text: str) -> Any:
    """The value of a JSON text. Raises ValueError for none, ListError for one nested too deep."""
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except RecursionError:
        raise ListError(f"the JSON is nested deeper than {MAX_DEPTH} levels") from None


def _flat(entry: object) -> dict[str, Cell]:
    if not isinstance(entry, dict):
        return {UNREADABLE: "yes"}
    flat: dict[str, Cell] = {}
    _flatten(entry, "", 0, flat)
    return flat


def _flatten(entry: Mapping[str, Any], prefix: str, depth: int, flat: dict[str, Cell]) -> None:
    if depth > MAX_DEPTH:
        raise ListError(f"the JSON is nested deeper than {MAX_DEPTH} levels")
    for key, value in entry.items():
        if isinstance(value, dict):
            _flatten(value, f"{prefix}{key}.", depth + 1, flat)
        else:
            flat[prefix + key] = as_cell(value)
