"""Makes tables of the sheets of a workbook, of an OpenDocument file, and of a web page's tables.

What comes in: the open file of a list. What goes out: `ListTable`s, one a sheet in which a column
is recognised; sheets that are passed over are said. A cell that a link stands behind is a
`LinkedText`; a cell that is merged over several rows stands in each of them. How the parts are
read, within bounds, `package`, `opendocument` and `web_page` know. Formulas are not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.looks import HEADER_WITHIN, SAMPLE, Row, no_header
from reseen.registry.lists.not_removed import TitleSays, title_stands
from reseen.registry.lists.opendocument import OpenDocument
from reseen.registry.lists.package import WorkbookPackage
from reseen.registry.lists.stacked import table_of
from reseen.registry.lists.table import MAX_LOOKED_AT, ListTable, StandingRow, row_bytes
from reseen.registry.lists.web_page import PageTable


@dataclass(frozen=True, slots=True)
class NamedRows:
    """One sheet, or one table of a page."""

    title: str
    """What it is called, or the heading above it."""
    rows: Callable[[], Iterator[Row]]
    """Its rows from the first, made anew at each call."""


def read_workbook(file: BinaryIO, given: Mapping[str, ListField] | None = None) -> list[ListTable]:
    """The tables of a workbook. Raises ListError, also while rows are walked."""
    package = WorkbookPackage(file)
    sheets = [NamedRows(each.name, partial(package.rows, each)) for each in package.sheets()]
    return _tables(sheets, "sheet", given)


def read_opendocument(
    file: BinaryIO, given: Mapping[str, ListField] | None = None
) -> list[ListTable]:
    """As `read_workbook`, of an ODS or ODT file."""
    document = OpenDocument(file)
    sheets = [NamedRows(each.name, partial(document.rows, each)) for each in document.sheets()]
    return _tables(sheets, "sheet", given)


def page_tables(
    tables: Sequence[PageTable], given: Mapping[str, ListField] | None = None
) -> list[ListTable]:
    """As `read_workbook`, of the tables of a page."""
    return _tables(
        [NamedRows(each.title, partial(iter, each.rows)) for each in tables], "table", given
    )


def _tables(
    sheets: Sequence[NamedRows], called: str, given: Mapping[str, ListField] | None
) -> list[ListTable]:
    tables: list[ListTable] = []
    standing: list[ListTable] = []
    passed_over: list[str] = []
    first: list[Row] = []
    left = MAX_LOOKED_AT
    for number, sheet in enumerate(sheets, 1):
        place = f"{called} {number}" if len(sheets) > 1 else ""
        not_removed = title_stands(sheet.title)
        table = table_of(sheet.rows(), given, place)
        if table is not None and not_removed:
            standing.append(_of_standing(table, heeded=not_removed is TitleSays.YES))
        elif table is not None:
            tables.append(table)
            continue
        rows = 0
        for row in sheet.rows():
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
            passed_over.append(f"{called} {number} was passed over: {why} ({counted}).")
    if not tables:
        raise no_header(first)
    tables[0] = replace(tables[0], notes=(*tables[0].notes, *passed_over))
    return tables + standing


def _of_standing(table: ListTable, *, heeded: bool) -> ListTable:
    """A table of such a sheet, and those below it."""

    def below() -> ListTable | None:
        under = table.below()
        return None if under is None else _of_standing(under, heeded=heeded)

    return replace(table, rows=_standing(table.rows, heeded=heeded), notes=(), below=below)


def _standing(rows: Iterable[Row], *, heeded: bool) -> Iterator[Row]:
    """The rows of a sheet whose models were not removed: no other sheet makes one of them either.
    They are counted where the sheet is said to be passed over."""
    for number, cells in rows:
        yield number, StandingRow(cells, "", heeded=heeded)
