"""Reads the tables of an OpenDocument file (ODS; ODT too), as LibreOffice saves it.

What comes in: the open file. What goes out: its tables with their names, and the rows of one. A
row or a cell may say that it comes a million times: what is empty is passed over, a row that comes
again is one row. Formulas are not computed, and notes behind cells are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import BinaryIO

from reseen.errors import ListError
from reseen.registry.lists.sheet import MAX_TEXT, Attributes, attribute_of, number_of, too_large
from reseen.registry.lists.table import (
    MAX_CELL,
    MAX_COLUMNS,
    Cell,
    LinkedText,
    too_long,
    too_wide,
)
from reseen.registry.lists.zip_parts import ZipParts

MAX_SHEETS = 200
"""Tables: each is read from the beginning of the file."""

_CELLS = ("table-cell", "covered-table-cell")
_NO_TEXT = ("annotation", "frame", "tracked-changes")
"""What stands in a cell and is no text of it."""


@dataclass(frozen=True, slots=True)
class OpenSheet:
    """One table of the document."""

    number: int
    name: str
    """What the person called it: it may name somebody, and is shown nowhere."""


class OpenDocument(ZipParts):
    """The tables of a document. Raises ListError."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._check()
        names: list[str] = []

        def start(name: str, attributes: Attributes) -> None:
            if name == "table":
                names.append(attribute_of(attributes, "name"))

        self._parse("content.xml", start)
        if len(names) > MAX_SHEETS:
            raise ListError(
                f"the document has more than {MAX_SHEETS} tables",
                remedy="Save those that are lists as a file of their own.",
            )
        self._sheets = [OpenSheet(number, name) for number, name in enumerate(names)]

    def sheets(self) -> list[OpenSheet]:
        """The tables in the order in which a person sees them."""
        return self._sheets

    def rows(self, sheet: OpenSheet) -> Iterator[tuple[int, list[Cell]]]:
        """The rows that hold anything, with their numbers."""
        return self._rows("content.xml", _TableReader(sheet.number))


@dataclass(slots=True)
class _TableReader:
    """Makes rows of the tags of one table; of a table within a cell, its text alone."""

    wanted: int
    done: list[tuple[int, list[Cell]]] = field(default_factory=list)
    ended: bool = False
    _met: int = -1
    _within: list[int] = field(default_factory=list)
    _row: int = 0
    _rows: int = 1
    """How often the row comes."""
    _cells: list[Cell] = field(default_factory=list)
    _going_on: dict[int, tuple[int, Cell]] = field(default_factory=dict)
    """By column: the last row of a cell that goes over several, and its value."""
    _said: Attributes = field(default_factory=dict)
    _pieces: list[str] = field(default_factory=list)
    _links: set[str] = field(default_factory=set)
    """Of the cell: the first two that differ, for of more than one none is its own."""
    _held: int = 0
    _total: int = 0
    _silent: int = 0
    """Tags within what is no text."""

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "table":
            self._met += 1
            self._within.append(self._met)
            return
        if self.wanted not in self._within:
            return
        if self._silent or name in _NO_TEXT:
            self._silent += 1
        elif self._within[-1] != self.wanted:
            return
        elif name == "table-row":
            self._rows = max(1, number_of(attribute_of(attributes, "number-rows-repeated")))
            self._cells = []
        elif name in _CELLS:
            self._said, self._pieces, self._links, self._held = attributes, [], set(), 0
        elif name == "a":
            link = attribute_of(attributes, "href")
            if "://" in link and len(self._links) < 2:
                self._links.add(link)
        elif name == "s":
            self._put(" " * min(MAX_CELL, max(1, number_of(attribute_of(attributes, "c")))))
        elif name in ("tab", "line-break") or (name in ("p", "h") and self._pieces):
            self._put("\t" if name == "tab" else "\n")

    def text(self, piece: str) -> None:
        if self.wanted in self._within and not self._silent:
            self._put(piece)

    def _put(self, piece: str) -> None:
        self._held += len(piece)
        if self._held > 2 * MAX_CELL:
            raise too_long(self._row + 1)
        self._pieces.append(piece)

    def end(self, name: str) -> None:
        if name == "table":
            self.ended = self._within.pop() == self.wanted or self.ended
        elif self.wanted not in self._within:
            return
        elif self._silent:
            self._silent -= 1
        elif self._within[-1] != self.wanted:
            return
        elif name in _CELLS:
            self._end_cell(covered=name != "table-cell")
        elif name == "table-row":
            self._end_row()

    def _end_cell(self, *, covered: bool) -> None:
        cell, said = self._value(), self._said
        column = len(self._cells)
        times = max(1, number_of(attribute_of(said, "number-columns-repeated")))
        over = number_of(attribute_of(said, "number-rows-spanned"))
        if covered and cell is None and column in self._going_on:
            cell = self._going_on[column][1]
        elif over > 1 and cell is not None:
            self._going_on[column] = (self._row + over, cell)
        if cell is None and times > MAX_COLUMNS:
            times = 1  # up to the end of the sheet
        if column + times > MAX_COLUMNS:
            if cell is not None:
                raise too_wide(self._row + 1)
            return
        self._cells.extend([cell] * times)
        self._pieces, self._held = [], 0

    def _value(self) -> Cell:
        kind = attribute_of(self._said, "value-type")
        text = "".join(self._pieces).strip()
        self._total += len(text)
        if len(text) > MAX_CELL:
            raise too_long(self._row + 1)
        if self._total > MAX_TEXT:
            raise too_large()
        if kind == "float":
            try:
                return float(attribute_of(self._said, "value"))
            except ValueError:
                return text or None
        if kind == "boolean":
            return attribute_of(self._said, "boolean-value") == "true"
        if kind == "date":
            return _day(attribute_of(self._said, "date-value")) or text or None
        if len(self._links) == 1 and len(link := self._links.pop()) <= MAX_CELL:
            return LinkedText(text, link)
        return text or None

    def _end_row(self) -> None:
        self._row += 1
        while self._cells and self._cells[-1] is None:
            self._cells.pop()
        if self._cells:
            self.done.append((self._row, self._cells))
        self._row += self._rows - 1
        self._going_on = {at: each for at, each in self._going_on.items() if each[0] > self._row}
        self._cells, self._rows = [], 1


def _day(text: str) -> date | datetime | None:
    try:
        return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
    except ValueError:
        return None
