"""What every reader of lists gives: tables of rows, and the bounds that hold for all of them.

What comes in: nothing. What goes out: the types `Cell` and `ListTable`, and the limits. A reader
promises that no cell is longer than `MAX_CELL` and that there are at most `MAX_ROWS` rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import TypeAlias, TypeVar

from reseen.errors import ListError
from reseen.registry.lists.columns import NO_MEANING, Meaning

MAX_FILE = 512 << 20
"""Bytes in a list's file."""
MAX_ROWS = 1_000_000
MAX_COLUMNS = 1_000
MAX_CELL = 32_767
"""Characters in a cell: what a spreadsheet allows."""

MAX_LOOKED_AT = 32 << 20
"""Bytes that the rows make by which a table's columns are recognised: they are held together."""

UNREADABLE = "\0unreadable"
"""The column that marks an entry that is no JSON object: no header can have this name."""

HEADING = "a heading or a rule"
"""What is set aside of rows that stand between others."""

STRUCK = "a row that is struck through: what that means, no list says"

NOT_REMOVED = "a row below a title that says that its models were not removed"
"""What is set aside where a list tells of both kinds."""

T = TypeVar("T")
_EMPTY = 56  # bytes of a value without characters, and of where it stands

Cell: TypeAlias = str | int | float | bool | date | datetime | list[str] | None
"""A value as the list gave it. A list of words only where the format has lists."""


class LinkedText(str):
    """The text of a cell that a link stands behind, as workbooks keep them."""

    __slots__ = ("link",)

    def __new__(cls, text: str, link: str) -> LinkedText:
        made = super().__new__(cls, text)
        made.link = link
        return made

    link: str


class StandingRow(list[Cell]):
    """The cells of a row of which the list says, above it or in it, that its model was not removed,
    or of one that is struck through."""

    __slots__ = ("heeded", "why")

    def __init__(
        self, cells: Iterable[Cell], why: str = NOT_REMOVED, *, heeded: bool = True
    ) -> None:
        super().__init__(cells)
        self.why, self.heeded = why, heeded

    why: str
    """As what it is set aside."""
    heeded: bool
    """The model stands whatever else the list says of it."""


def first_of(rows: Iterable[T], most: int, cells: Callable[[T], Iterable[Cell]]) -> Iterator[T]:
    """The first rows, `most` at most, and no more of them than `MAX_LOOKED_AT` allows. No row is
    taken that is not handed on."""
    left = MAX_LOOKED_AT
    for row in islice(rows, most):
        yield row
        left -= row_bytes(cells(row))
        if left < 0:
            return


def row_bytes(cells: Iterable[Cell]) -> int:
    """Bytes that a row takes, about, counted alike on every machine: one character beyond ASCII can
    make all of a text four times as wide."""
    return sum(map(_bytes_made, cells))


def _bytes_made(cell: Cell) -> int:
    if isinstance(cell, list):
        return _EMPTY + row_bytes(cell)
    if isinstance(cell, str):
        return _EMPTY + len(cell) * (1 if cell.isascii() else 4)
    return _EMPTY


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class ListTable:
    """The rows of a list, or of one sheet of it."""

    columns: tuple[str, ...]
    """As they stand in the header."""
    rows: Iterable[tuple[int, Sequence[Cell]]]
    """Row number as the person sees it (1 is the first line, sheet row or entry), and cells in
    the order of the columns; may be shorter or longer than the header. Can be walked once."""
    place: str = ""
    """ "sheet 2" or "from row 9", where the file holds several tables."""
    notes: tuple[str, ...] = ()
    """What the reader had to assume, in sentences for a person."""
    meaning: Meaning = NO_MEANING
    """Of the columns."""
    set_aside: Counter[str] = field(default_factory=Counter)
    """Rows that hold nothing to import (comments, headings): what they are, and how many. It grows
    while the rows are walked."""
    below: Callable[[], ListTable | None] = _nothing
    """The table that stands below this one in the same rows, once these were walked."""
    of_one_file: bool = False
    """It tells of a file beside it, whose name it may have: its own name is a name, then."""


def too_long(row: int) -> ListError:
    """The error for a cell beyond `MAX_CELL`."""
    return ListError(
        f"row {row} holds a cell of more than {MAX_CELL} characters",
        remedy="Look for a quote that is never closed, or shorten the cell.",
    )


def too_wide(row: int) -> ListError:
    """The error for a row beyond `MAX_COLUMNS`."""
    return ListError(
        f"row {row} has more than {MAX_COLUMNS} columns", remedy="Look for a wrong delimiter."
    )


def too_many_rows() -> ListError:
    """The error for a list beyond `MAX_ROWS`."""
    return ListError(
        f"the list has more than {MAX_ROWS} rows", remedy="Split it and import the parts."
    )


def as_cell(value: object) -> Cell:
    """A value of a typed format as a cell: bytes as hex, lists of scalars as words, the rest of
    what nests as nothing. Raises nothing."""
    if value is None or isinstance(value, str | int | float | bool | date):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [str(v) for v in value if isinstance(v, str | int | float)]
    return None
