"""Rows as CSV, JSON Lines and XLSX, safe to open.

A spreadsheet takes a cell that begins with =, +, -, @, a tab or a return for a formula, and a
repository's path is whatever its uploader typed. In CSV such a cell gets a leading apostrophe;
in XLSX every text is written as text; JSON Lines needs nothing.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reseen.registry.rejects import is_formula
from reseen.report.rows import REPORT_FIELDS, Cell

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

_XLSX_ROWS = 1_048_575
"""Rows under the heading in one sheet: the format's limit."""
_XLSX_TEXT = 32_767
"""Characters in one cell: the format's limit."""


def write_csv(
    path: Path, rows: Iterable[Mapping[str, Cell]], fields: Iterable[str] = REPORT_FIELDS
) -> None:
    """UTF-8 with a byte order mark, for Excel reads it as Latin-1 without."""
    names = list(fields)
    with path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(names)
        for row in rows:
            writer.writerow([harmless(row[name]) for name in names])


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Cell]]) -> None:
    with path.open("w", encoding="ascii") as out:
        for row in rows:
            out.write(json.dumps(dict(row), ensure_ascii=True) + "\n")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a workbook."""

    name: str
    fields: Sequence[str]
    rows: Iterable[Mapping[str, Cell]]


def write_xlsx(path: Path, rows: Iterable[Mapping[str, Cell]], *more: Sheet) -> None:
    """The sightings, then other tables: a sheet each, or more where there are more rows than a
    sheet holds."""
    write_sheets(path, (Sheet("sightings", list(REPORT_FIELDS), rows), *more))


def write_sheets(path: Path, sheets: Iterable[Sheet]) -> None:
    """A workbook of these tables."""
    import xlsxwriter

    # through memory, so that a full disk is one OSError and not a trail of the library's own
    packed = io.BytesIO()
    book = xlsxwriter.Workbook(
        packed,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    try:
        bold = book.add_format({"bold": True})
        for each in sheets:
            for number, chunk in enumerate(_sheets(each.rows), start=1):
                sheet = book.add_worksheet(f"{each.name} {number}" if number > 1 else each.name)
                sheet.freeze_panes(1, 0)
                sheet.set_column(0, len(each.fields) - 1, 16)
                for column, name in enumerate(each.fields):
                    sheet.write_string(0, column, name, bold)
                for line, row in enumerate(chunk, start=1):
                    for column, name in enumerate(each.fields):
                        _write_cell(sheet, line, column, row[name])
    finally:
        book.close()
    path.write_bytes(packed.getvalue())


def _write_cell(sheet: Worksheet, line: int, column: int, cell: Cell) -> None:
    if isinstance(cell, bool):
        sheet.write_boolean(line, column, cell)
    elif isinstance(cell, int | float):
        sheet.write_number(line, column, cell)
    elif cell is not None:
        sheet.write_string(line, column, _text(cell)[:_XLSX_TEXT])


def _sheets(rows: Iterable[Mapping[str, Cell]]) -> Iterator[Iterator[Mapping[str, Cell]]]:
    """The rows in runs that fit a sheet; at least one run, so that the heading is always there."""
    source = iter(rows)
    ahead = next(source, None)
    if ahead is None:
        yield iter(())
        return

    def run() -> Iterator[Mapping[str, Cell]]:
        nonlocal ahead
        for _ in range(_XLSX_ROWS):
            if ahead is None:
                return
            yield ahead
            ahead = next(source, None)

    while ahead is not None:
        yield run()


def harmless(cell: Cell) -> Cell:
    """The cell as no spreadsheet takes it for a formula."""
    if not isinstance(cell, str):
        return cell
    text = _text(cell)
    return "'" + text if is_formula(text) else text


def _text(cell: str) -> str:
    """Without characters that XML and CSV readers choke on."""
    return "".join(c if c.isprintable() or c in "\t\n" else f"\\u{ord(c):04x}" for c in cell)
