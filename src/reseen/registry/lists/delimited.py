"""Reads CSV and TSV as a table. The encoding, delimiter and header's row are found out.

What comes in: the bytes of a file. What goes out: a `ListTable`, with a note for everything that
was assumed. It promises to read a file to its end or to raise ListError: no row is lost to an open
quote.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from reseen.errors import ListError
from reseen.registry.lists.columns import ListField, recognise
from reseen.registry.lists.table import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROWS,
    Cell,
    ListTable,
    too_long,
    too_many_rows,
)

DELIMITERS = (",", "\t", ";", "|")
HEADER_WITHIN = 20
"""A header stands in the first so many rows: titles and blank rows may come before it."""
_HEAD = HEADER_WITHIN * MAX_CELL
"""Characters that are looked at for it."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_delimited(data: bytes, given: Mapping[str, ListField] | None = None) -> ListTable:
    """The table in a CSV or TSV file. Raises ListError."""
    text, notes = decode(data)
    delimiter, skipped, header = _find_header(text, given)
    if skipped:
        notes += (f"The header was found in row {skipped + 1}.",)
    return ListTable(tuple(header), _rows(text, delimiter, skipped + 1), notes=notes)


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Text and what was assumed of its encoding: a byte order mark, else UTF-16 without one,
    else UTF-8, else Latin-1."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding), ()
            except UnicodeDecodeError:
                raise ListError(
                    "the text breaks off or is not in the encoding that its first bytes promise",
                    remedy="Save the list again as UTF-8.",
                ) from None
    if wide := _utf16_without_mark(data):
        return wide, ("Read as UTF-16, which the file does not say of itself.",)
    try:
        return data.decode(), ()
    except UnicodeDecodeError:
        return data.decode("latin-1"), (
            "Read as Latin-1, since it is not UTF-8: names with accents may be wrong.",
        )


def _utf16_without_mark(data: bytes) -> str | None:
    head = data[:2_000]
    if len(data) % 2 or not head:
        return None
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if zeros.count(0) * 2 > len(zeros):  # Latin letters: every other byte is zero
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                return None
    return None


def _find_header(text: str, given: Mapping[str, ListField] | None) -> tuple[str, int, list[str]]:
    """(delimiter, rows before the header, header): where most columns are recognised."""
    best: tuple[int, str, int, list[str]] = (0, ",", 0, [])
    for delimiter in DELIMITERS:
        for skipped, row in enumerate(islice(_head(text, delimiter), HEADER_WITHIN)):
            meaning = recognise(row, given)
            if meaning.usable and len(meaning.fields) > best[0]:
                best = (len(meaning.fields), delimiter, skipped, row)
    if not best[0]:
        raise no_header()
    return best[1:]


def no_header() -> ListError:
    """The error for a table none of whose first rows names a usable column."""
    return ListError(
        "no column is recognised by which a model could be known again",
        remedy="Put column names into the first row (name, link, sha256, ...) or use --map; "
        "docs/lists.md names them all.",
    )


def _head(text: str, delimiter: str) -> Iterator[list[str]]:
    """The first rows under one guess of the delimiter; a wrong guess may not end in an error."""
    csv.field_size_limit(MAX_CELL)
    try:
        yield from csv.reader(_lines(text[:_HEAD]), delimiter=delimiter, skipinitialspace=True)
    except csv.Error:
        return


def _rows(text: str, delimiter: str, skip: int) -> Iterator[tuple[int, Sequence[Cell]]]:
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(_lines(text), delimiter=delimiter, skipinitialspace=True, strict=True)
    number = 0
    try:
        for number, row in enumerate(reader, 1):
            if number <= skip or not row:
                continue
            if number - skip > MAX_ROWS:
                raise too_many_rows()
            if len(row) > MAX_COLUMNS:
                raise ListError(
                    f"row {number} has more than {MAX_COLUMNS} columns",
                    remedy="Look for a wrong delimiter.",
                )
            yield number, row
    except csv.Error as error:
        if "field larger" in str(error):
            raise too_long(number + 1) from None
        raise ListError(
            f"the quotes of row {number + 1} are not in order",
            remedy="A quote inside a quoted cell is written twice, and every quote is closed.",
        ) from None


def _lines(text: str) -> Iterator[str]:
    """The lines with their ends; several of them make one row where a quoted cell has breaks."""
    if "\n" not in text:
        text = text.replace("\r", "\n")
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end
