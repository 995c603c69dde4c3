"""Reads XLSX as tables, one a sheet that has a header. Formulas are not computed.

What comes in: the bytes of a file. What goes out: `ListTable`s, by calamine. Before calamine sees
the file it is measured here, since calamine lays a sheet out as a full rectangle: a few bytes may
inflate to gigabytes, one cell in the far corner asks for seventeen thousand million others, and
one long text may be named by every cell.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from reseen.errors import ListError
from reseen.registry.lists.columns import ListField, recognise
from reseen.registry.lists.delimited import HEADER_WITHIN, no_header
from reseen.registry.lists.table import (
    MAX_CELL,
    MAX_ROWS,
    Cell,
    ListTable,
    as_cell,
    too_long,
    too_many_rows,
)

MAX_ENTRIES = 10_000
MAX_INFLATED = 1 << 30
"""Bytes of all parts of a workbook, inflated."""
MAX_RATIO = 300
"""How often a part beyond 16 MiB may outgrow its packed form; real sheets stay below 100."""
MAX_RECTANGLE = 20_000_000
"""Cells of a sheet's full rectangle."""
MAX_TEXT = 1 << 30
"""Characters of all cells together."""

_SMALL = 16 << 20
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
_TAG = re.compile(rb"<(?:[\w.-]+:)?(?:c|row)[\s/>]")
_USUAL = re.compile(rb"""<(?:[\w.-]+:)?(c|row)\s+r="([A-Z]{0,3})([1-9][0-9]{0,6})"[\s/>]""")
_STRICT = re.compile(
    rb"""<(?:[\w.-]+:)?(c|row)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<&]*"|'[^'<&]*'))*)\s*/?>"""
)
_R = re.compile(rb"""\sr\s*=\s*["']([A-Z]{0,3})([1-9][0-9]{0,6})["']""")
_ANY_R = re.compile(rb"""\sr\s*=""")
_SHARED = re.compile(rb"""t\s*=\s*["']s["'][^<]*>(?:<[^<]*>)*?<(?:[\w.-]+:)?v>\s*([0-9]{1,9})""")
_ITEM_END = re.compile(rb"</(?:[\w.-]+:)?si\s*>")


def read_workbook(data: bytes, given: Mapping[str, ListField] | None = None) -> list[ListTable]:
    """The tables of a workbook. Raises ListError."""
    _measure(data)
    tables: list[ListTable] = []
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = workbook.sheet_names
        for number in range(len(names)):
            sheet = workbook.get_sheet_by_index(number)
            table = _table(sheet, f"sheet {number + 1}" if len(names) > 1 else "", given)
            if table is not None:
                tables.append(table)
    except (CalamineError, ValueError, OSError) as error:
        raise _broken() from error
    if not tables:
        raise no_header()
    return tables


def _table(
    sheet: CalamineSheet, place: str, given: Mapping[str, ListField] | None
) -> ListTable | None:
    """A sheet as a table; None when no header is found in it."""
    if sheet.start is None:
        return None
    best: tuple[int, int, list[str]] = (0, 0, [])
    first = sheet.start[0]  # empty rows come before
    for number, row in enumerate(islice(sheet.iter_rows(), first + HEADER_WITHIN), 1):
        header = [str(cell) for cell in row]
        meaning = recognise(header, given)
        if meaning.usable and len(meaning.fields) > best[0]:
            best = (len(meaning.fields), number, header)
    fields, at, header = best
    if not fields:
        return None
    notes = (f"The header was found in row {at}.",) if at > 1 else ()
    return ListTable(tuple(header), _rows(sheet, at), place, notes)


def _rows(sheet: CalamineSheet, header: int) -> Iterator[tuple[int, Sequence[Cell]]]:
    for number, row in enumerate(sheet.iter_rows(), 1):
        if number <= header:
            continue
        cells = [None if cell == "" else as_cell(cell) for cell in row]
        for cell in cells:
            if isinstance(cell, str) and len(cell) > MAX_CELL:
                raise too_long(number)
        yield number, cells


def _measure(data: bytes) -> None:
    """Raise ListError unless calamine can be given the file: bounded when laid out."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise _broken() from error
    names = {entry.filename.lower() for entry in entries}
    if "xl/workbook.xml" not in names or names & {"content.xml", "xl/workbook.bin"}:
        raise _broken()  # calamine would take it for another kind of workbook
    if len(entries) > MAX_ENTRIES or len(names) != len(entries):
        raise _too_large()
    if any(entry.flag_bits & 1 for entry in entries):
        raise ListError("the workbook is protected by a password", remedy="Remove it.")
    if sum(entry.compress_size for entry in entries) > len(data):
        raise _too_large()  # entries that overlap
    left = MAX_INFLATED
    texts: list[int] = []
    sheets: list[bytes] = []
    for entry in entries:
        part = _inflate(data, entry, left)
        left -= len(part)
        if part.startswith(_WIDE):
            raise _broken()  # UTF-16: what it holds could not be seen
        # by what a part holds and not by its name, which a workbook may choose
        if b"sheetData" in part:
            _bound_rectangle(part)
            sheets.append(part)
        elif items := _ITEM_END.split(part)[:-1]:
            texts.extend(map(len, items))
    _bound_text(sheets, texts)


def _inflate(data: bytes, entry: zipfile.ZipInfo, left: int) -> bytes:
    """An entry's bytes, by its packed form and not by the size that it claims."""
    start = entry.header_offset
    header = data[start : start + 30]
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise _broken()
    start += 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    packed = data[start : start + entry.compress_size]
    allowed = min(left, max(_SMALL, MAX_RATIO * len(packed)))
    if entry.compress_type == zipfile.ZIP_STORED:
        inflated = packed
    elif entry.compress_type == zipfile.ZIP_DEFLATED:
        try:
            inflated = zlib.decompressobj(-15).decompress(packed, allowed + 1)
        except zlib.error as error:
            raise _broken() from error
    else:
        raise _broken()
    if len(inflated) > allowed:
        raise _too_large()
    return inflated


def _bound_rectangle(xml: bytes) -> None:
    """Raise ListError unless the rectangle from A1 to the sheet's last cell is bounded."""
    tags = len(_TAG.findall(xml))
    found = _USUAL.findall(xml)
    unplaced = 0
    if len(found) != tags:
        found, unplaced = _found_slowly(xml, tags)
    letters = {at[1] for at in found}
    columns = max((_column_number(letter) for letter in letters), default=0)
    rows = max((int(at[2]) for at in found), default=0)
    if unplaced:  # such cells and rows count themselves, from the one before
        columns += max(len(_TAG.findall(row)) for row in re.split(rb"<(?:[\w.-]+:)?row", xml))
        rows += unplaced
    if rows > MAX_ROWS:
        raise too_many_rows()
    if rows * columns > MAX_RECTANGLE:
        raise _too_large()


def _found_slowly(xml: bytes, tags: int) -> tuple[list[tuple[bytes, bytes, bytes]], int]:
    """(kind, letters, row) of every placed tag, whatever the order of its attributes, and how
    many are not placed. Raises ListError for a tag that hides its place."""
    found: list[tuple[bytes, bytes, bytes]] = []
    seen = 0
    for match in _STRICT.finditer(xml):
        seen += 1
        kind, attributes = match.groups()
        place = _R.search(attributes)
        if place is not None:
            found.append((kind, place[1], place[2]))
        elif _ANY_R.search(attributes):
            raise _broken()
    if seen != tags:
        raise _broken()
    return found, tags - len(found)


def _bound_text(sheets: Sequence[bytes], texts: Sequence[int]) -> None:
    """Raise ListError when the cells, each with its own copy of its text, would be too much."""
    longest, total = max(texts, default=0), 0
    for xml in sheets:
        most = len(_TAG.findall(xml)) * longest
        if total + most <= MAX_TEXT:
            total += most
            continue
        for match in _SHARED.finditer(xml):
            index = int(match[1])
            total += texts[index] if index < len(texts) else 0
            if total > MAX_TEXT:
                raise _too_large()


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _too_large() -> ListError:
    return ListError(
        "the workbook asks for too much memory",
        remedy="Save the list as CSV, or split it.",
    )


def _broken() -> ListError:
    return ListError(
        "the file is not a workbook that can be read", remedy="Save the list as XLSX or CSV."
    )
