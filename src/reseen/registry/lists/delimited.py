"""Reads CSV and TSV as a table, and lines of hashes or links (see `lines`).

What comes in: the open file of a list. What goes out: a `ListTable`, with a note for everything
that was assumed: the encoding, the delimiter and the header's row are found out. It promises to
read a file to its end or to raise ListError: no row is lost to an open quote.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import BinaryIO

from reseen.errors import ListError
from reseen.registry.lists import text as texts
from reseen.registry.lists import typeset, wiki
from reseen.registry.lists.blocks import hash_first, read_blocks
from reseen.registry.lists.lines import is_lines, read_lines
from reseen.registry.lists.list_fields import ListField, plain_heading
from reseen.registry.lists.looks import (
    HEADER_WITHIN,
    SAMPLE,
    FoundHeader,
    Row,
    find,
    has_headed_hashes,
    no_header,
)
from reseen.registry.lists.stacked import table_of
from reseen.registry.lists.table import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROWS,
    Cell,
    ListTable,
    too_long,
    too_many_rows,
    too_wide,
)
from reseen.registry.lists.turned import is_turned, labelled, turned_table

DELIMITERS = (",", "\t", ";", "|", "^", "~", "\x01")
_HEAD = HEADER_WITHIN * MAX_CELL
"""Characters that are looked at for the header."""
_MAX_ROW = 8 << 20
"""Characters in a row, over all its lines."""


def read_delimited(file: BinaryIO, given: Mapping[str, ListField] | None = None) -> ListTable:
    """The table in a CSV or TSV file, or in lines of text. Raises ListError."""
    text, notes = texts.open_text(file)
    head = text.read(_HEAD)
    if (read := typeset.reader_of(head) or wiki.reader_of(head)) is not None:
        table = table_of(_bounded(read(texts.lines(_rewound(text)))), given, "", notes)
        if table is not None:
            return table
    delimiter, found = _delimiter(head, given)
    if found is None and (table := _turned(text, head, given, notes)) is not None:
        return table
    headless = found is None or (found.position is None and len(found.meaning.fields) < 2)
    if found is None and has_headed_hashes(_head_rows(head, delimiter)):
        raise no_header(_head_rows(head, delimiter))
    if headless and (first := hash_first(head, cut=len(head) >= _HEAD)) is not None:
        return read_blocks(_rewound(text), notes, first=first)
    if headless and is_lines(head, sure=found is not None):
        return read_lines(_rewound(text), notes)
    if found is None:
        raise no_header(_head_rows(head, delimiter))
    table = table_of(_rows(_rewound(text), delimiter), given, "", notes)
    if table is None:
        raise no_header(_head_rows(head, delimiter))
    return table


def _turned(
    text: io.TextIOWrapper,
    head: str,
    given: Mapping[str, ListField] | None,
    notes: tuple[str, ...],
) -> ListTable | None:
    """The table of a text whose rows, or lines ("Name: ..."), begin with what they tell."""
    for delimiter in DELIMITERS:
        if is_turned(_head_rows(head, delimiter)):
            return turned_table(_rows(_rewound(text), delimiter), given, "", notes)
    lines = list(islice(labelled(io.StringIO(head)), HEADER_WITHIN + SAMPLE))
    called = {plain_heading(str(cells[0])) for _, cells in lines if len(cells) > 1}
    if called <= _OF_POWERSHELL or not is_turned(lines):
        return None
    return turned_table(_bounded(labelled(texts.lines(_rewound(text)))), given, "", notes)


_OF_POWERSHELL = frozenset({"algorithm", "hash", "path"})
"""Its lists are read as lines, which knows how it cuts names."""


def _bounded(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows of a text that is no CSV, as many as there may be."""
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS + HEADER_WITHIN:
            raise too_many_rows()
        for cell in row[1]:
            if isinstance(cell, str) and len(cell) > MAX_CELL:
                raise too_long(row[0])
        yield row


def _rewound(text: io.TextIOWrapper) -> io.TextIOWrapper:
    text.seek(0)
    return text


def _delimiter(head: str, given: Mapping[str, ListField] | None) -> tuple[str, FoundHeader | None]:
    """The delimiter under which most columns are recognised, those with a header before all."""
    best: tuple[tuple[bool, int], str, FoundHeader | None] = ((False, 0), _most(head), None)
    for delimiter in DELIMITERS:
        found = find(_head_rows(head, delimiter), given)
        if found is None:
            continue
        good = (found.position is not None, len(found.meaning.fields))
        if best[2] is None or good > best[0]:
            best = (good, delimiter, found)
    return best[1:]


def _most(head: str) -> str:
    return max(DELIMITERS, key=head.count)


def _head_rows(head: str, delimiter: str) -> list[Row]:
    """The first rows under one guess of the delimiter; a wrong guess may not end in an error."""
    csv.field_size_limit(MAX_CELL)
    found: list[Row] = []
    lines = (line for line in io.StringIO(head, newline="") if len(line) <= _HEAD)
    reader = csv.reader(_with_ends(lines, head), delimiter=delimiter, skipinitialspace=True)
    try:
        for number, row in enumerate(islice(reader, HEADER_WITHIN + SAMPLE), 1):
            if row and len(row) <= MAX_COLUMNS:
                found.append((number, row))
    except csv.Error:
        pass
    return found


def _with_ends(lines: Iterator[str], head: str) -> Iterator[str]:
    """Only the lines that are whole, but where there is but one."""
    last: str | None = None
    for line in lines:
        if last is not None:
            yield last
        last = line
    if last is not None and (len(head) < _HEAD or last.endswith(("\n", "\r"))):
        yield last


def _rows(text: io.TextIOWrapper, delimiter: str) -> Iterator[tuple[int, Sequence[Cell]]]:
    csv.field_size_limit(MAX_CELL)
    held = 0

    def counted() -> Iterator[str]:
        nonlocal held
        for line in texts.lines(text):
            held += len(line)
            if held > _MAX_ROW:
                raise too_long(number + 1)
            yield line

    reader = csv.reader(counted(), delimiter=delimiter, skipinitialspace=True, strict=True)
    number = rows = 0
    try:
        for number, row in enumerate(reader, 1):
            held = 0
            if not row:
                continue
            rows += 1
            if rows > MAX_ROWS + HEADER_WITHIN:
                raise too_many_rows()
            if len(row) > MAX_COLUMNS:
                raise too_wide(number)
            yield number, row
    except csv.Error as error:
        if "field larger" in str(error):
            raise too_long(number + 1) from None
        raise ListError(
            f"the quotes of row {number + 1} are not in order",
            remedy="A quote inside a quoted cell is written twice, and every quote is closed.",
        ) from None
