"""Reads XLSX as tables, one a sheet in which a column is recognised. Formulas are not computed.

What comes in: the open file of a list. What goes out: `ListTable`s; sheets that are passed over are
said. A cell that a link stands behind is a `LinkedText`; a cell that is merged over several rows
stands in each of them. How the parts are read, within bounds, `package` knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.looks import HEADER_WITHIN, SAMPLE, Row, no_header
from reseen.registry.lists.not_removed import title_stands
from reseen.registry.lists.package import WorkbookPackage
from reseen.registry.lists.stacked import table_of
from reseen.registry.lists.table import MAX_LOOKED_AT, ListTable, StandingRow, row_bytes


def read_workbook(file: BinaryIO, given: Mapping[str, ListField] | None = None) -> list[ListTable]:
    """The tables of a workbook. Raises ListError, also while rows are walked."""
    package = WorkbookPackage(file)
    tables: list[ListTable] = []
    standing: list[ListTable] = []
    passed_over: list[str] = []
    first: list[Row] = []
    left = MAX_LOOKED_AT
    sheets = package.sheets()
    for number, sheet in enumerate(sheets, 1):
        place = f"sheet {number}" if len(sheets) > 1 else ""
        not_removed = title_stands(sheet.name)
        table = table_of(package.rows(sheet), given, place)
        if table is not None and not_removed:
            standing.append(replace(table, rows=_standing(table.rows), notes=()))
        elif table is not None:
            tables.append(table)
            continue
        rows = 0
        for row in package.rows(sheet):
            rows += 1
            if not not_removed and len(first) < HEADER_WITHIN + SAMPLE and left > 0:
                first.append(row)
                left -= row_bytes(row[1])
        if rows:
            counted = "1 row" if rows == 1 else f"{rows:,} rows"
            why = (
                "its name says that its models were not removed"
                if not_removed
                else "none of its columns holds hashes or links"
            )
            passed_over.append(f"sheet {number} was passed over: {why} ({counted}).")
    if not tables:
        raise no_header(first)
    tables[0] = replace(tables[0], notes=(*tables[0].notes, *passed_over))
    return tables + standing


def _standing(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows of a sheet whose models were not removed: no other sheet makes one of them either.
    They are counted where the sheet is said to be passed over."""
    for number, cells in rows:
        yield number, StandingRow(cells, "")
