"""The first rows of a list as they stand in it, for the one who imports it.

What comes in: a path, and what its columns are said to mean. What goes out: `TableHead`s, with
values in clear: they are shown to the importer alone, who has the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from reseen.errors import ListError
from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.read import open_tables
from reseen.registry.lists.table import Cell, ListTable
from reseen.registry.lists.values import text_of

ROWS = 5
"""Of each table."""
TABLES = 10
COLUMNS = 200
LONGEST = 120
"""Characters of a value."""


_ANY = {str(number): field for number, field in enumerate([ListField.HASH, *ListField], 1)}
"""What columns may mean, to get at the rows of a list whose columns mean nothing: the more of them
a delimiter makes, the better it is taken to be."""


@dataclass(frozen=True, slots=True, repr=False)
class TableHead:
    """The first rows of one table."""

    place: str
    """ "sheet 2", where there are several."""
    columns: tuple[str, ...]
    """What the header says."""
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    """(number as the person sees it, values)."""
    more_columns: int = 0
    """That are not shown."""


def heads_of(path: Path, given: Mapping[str, ListField] | None = None) -> tuple[TableHead, ...]:
    """Also of a list of which no column is recognised, so that somebody can say which is what;
    nothing of what is no list. Raises nothing of the list's."""
    for said in (given, {**_ANY, **(given or {})}):
        with suppress(ListError), open_tables(path, said) as tables:
            return tuple(_head(table) for table in tables[:TABLES])
    return ()


def _head(table: ListTable) -> TableHead:
    rows: list[tuple[int, tuple[str, ...]]] = []
    width = len(table.columns)
    with suppress(ListError):  # what is wrong with a row is said where rows are accounted for
        for number, cells in islice(table.rows, ROWS):
            width = max(width, len(cells))
            rows.append((number, tuple(_shown(cell) for cell in cells[:COLUMNS])))
    return TableHead(
        table.place,
        tuple(_shown(column) for column in table.columns[:COLUMNS]),
        tuple(rows),
        max(0, width - COLUMNS),
    )


def _shown(cell: Cell) -> str:
    text = "; ".join(cell) if isinstance(cell, list) else text_of(cell) or ""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
