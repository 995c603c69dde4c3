"""The cells of one sheet of a workbook: what its tags make, and how they are written.

What comes in: the tags of a sheet's part, one after the other. What goes out: rows of values. The
texts are counted while they are made, and nothing is laid out that is not in the file.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from reseen.errors import ListError
from reseen.registry.lists.table import (
    MAX_CELL,
    MAX_COLUMNS,
    STRUCK,
    Cell,
    LinkedText,
    StandingRow,
    too_long,
)
from reseen.registry.lists.values import hyperlink_of

MAX_SHARED = 96 << 20
"""Bytes of all texts that cells share."""
MAX_TEXT = 256 << 20
"""Characters of all cells of a sheet together, each with its own copy of its text."""

_LAST_ROW = 1 << 20
_LAST_COLUMN = 1 << 14

Attributes = dict[str, str]
Place = tuple[int, int]
"""Row and column, from 1 and 0."""


@dataclass(slots=True)
class BehindCells:
    """What stands behind the cells of a sheet, at its end."""

    links: dict[Place, str] = field(default_factory=dict)
    ids: dict[Place, str] = field(default_factory=dict)
    merged: dict[Place, int] = field(default_factory=dict)
    """The first cell of a range that is merged over several rows -> its last row."""

    def __len__(self) -> int:
        return len(self.links) + len(self.ids) + len(self.merged)


@dataclass(frozen=True, slots=True)
class CellStyles:
    """What the styles of a workbook say of cells, by their numbers."""

    dates: tuple[bool, ...] = ()
    """They show numbers as days."""
    struck: tuple[bool, ...] = ()
    """They strike the text through."""


class SharedTexts:
    """The texts that cells name by number, in one piece of memory."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("Q")

    def add(self, text: str) -> None:
        self._bytes += text.encode("utf-8", "replace")
        self._ends.append(len(self._bytes))
        if len(self._bytes) + 8 * len(self._ends) > MAX_SHARED:
            raise too_large()

    def get(self, number: int) -> str:
        if not 0 <= number < len(self._ends):
            return ""
        start = self._ends[number - 1] if number else 0
        return self._bytes[start : self._ends[number]].decode("utf-8")


class SheetReader:
    """Makes rows of the tags of a sheet."""

    def __init__(
        self, texts: SharedTexts, styles: CellStyles, from_1904: bool, behind: BehindCells
    ) -> None:
        self.done: list[tuple[int, list[Cell]]] = []
        self.ended = False  # a sheet is a part of its own, and ends with that
        self._texts, self._dates, self._from_1904 = texts, styles.dates, from_1904
        self._strikes = any(styles.struck)
        self._struck = styles.struck
        self._left_whole = False
        """A cell of the row is not struck through."""
        self._behind = behind
        self._row = self._column = 0
        self._cells: dict[int, Cell] = {}
        self._type = self._style = ""
        self._taking = ""
        self._said: dict[str, list[str]] = {"v": [], "t": [], "f": []}
        self._held = self._total = 0
        self._going_on: dict[int, tuple[int, Cell]] = {}
        """By column: the last row of a merged range, and its value."""
        self._phonetic = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            place = (
                place_of(attributes["r"]) if "r" in attributes else (self._row, self._column + 1)
            )
            if place is None:
                raise broken()
            self._column = place[1]
            self._type, self._style = attributes.get("t", ""), attributes.get("s", "")
        elif name == "row":
            given = attributes.get("r")
            self._row = self._row + 1 if given is None else number_of(given)
            if not 0 < self._row <= _LAST_ROW:
                raise broken()
            self._column = -1
            self._cells = {}
        elif name == "rPh":
            self._phonetic = True
        elif name in self._said and not self._phonetic:
            self._taking = name

    def text(self, piece: str) -> None:
        if self._taking:
            self._held += len(piece)
            if self._held > MAX_CELL:
                raise too_long(self._row)
            self._said[self._taking].append(piece)

    def end(self, name: str) -> None:
        if name in self._said:
            self._taking = ""
        elif name == "rPh":
            self._phonetic = False
        elif name == "c":
            self._end_cell()
        elif name == "row":
            self._end_row()

    def _end_cell(self) -> None:
        cell = self._value()
        if isinstance(cell, str):
            self._total += len(cell)
            if len(cell) > MAX_CELL:
                raise too_long(self._row)
            if self._total > MAX_TEXT:
                raise too_large()
        formula = "".join(self._said["f"])
        if formula and (behind := hyperlink_of(formula)):
            cell = LinkedText(str(cell or behind[1]), behind[0])
        elif self._behind.links and (link := self._behind.links.get((self._row, self._column))):
            cell = LinkedText(str(cell or ""), link)
        if self._held:
            self._held = 0
            for said in self._said.values():
                said.clear()
        if cell is None or cell == "":
            return
        if self._column >= MAX_COLUMNS:
            raise ListError(
                f"row {self._row} has more than {MAX_COLUMNS} columns",
                remedy="Leave the columns out that are not needed.",
            )
        if self._strikes and not self._left_whole:
            style = number_of(self._style) if self._style else -1
            self._left_whole = not (0 <= style < len(self._struck) and self._struck[style])
        self._cells[self._column] = cell

    def _value(self) -> Cell:
        kind, said = self._type, "".join(self._said["v"])
        if kind == "s":
            return self._texts.get(number_of(said)) or None
        if kind == "inlineStr":
            return "".join(self._said["t"]) or None
        if kind in ("str", "d", "e"):
            return said or None
        if kind == "b":
            return said.strip() == "1" if said else None
        try:
            number = float(said)
        except ValueError:
            return said or None
        style = number_of(self._style) if self._style else -1
        if 0 <= style < len(self._dates) and self._dates[style]:
            return _day(number, self._from_1904)
        return number

    def _end_row(self) -> None:
        for column, (last, cell) in [*self._going_on.items()]:
            if self._row > last:
                del self._going_on[column]
            elif self._cells:
                self._cells.setdefault(column, cell)
        if self._behind.merged:
            for column, cell in self._cells.items():
                if (until := self._behind.merged.get((self._row, column))) is not None:
                    self._going_on[column] = (until, cell)
        if self._cells:
            width = max(self._cells) + 1
            cells = [self._cells.get(at) for at in range(width)]
            struck = self._strikes and not self._left_whole
            self.done.append(
                (self._row, StandingRow(cells, STRUCK, heeded=False) if struck else cells)
            )
        self._cells = {}
        self._left_whole = False


DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Numbers of the built-in formats that show days or times."""


def is_date_format(code: str) -> bool:
    """Whether a format shows a number as a day or a time: it has their letters, outside quotes and
    brackets."""
    plain, skipped = [], ""
    for at, letter in enumerate(code):
        if skipped:
            skipped = "" if letter == skipped else skipped
        elif letter in '"[':
            skipped = '"' if letter == '"' else "]"
        elif not (at and code[at - 1] in "\\_*"):
            plain.append(letter.lower())
    return any(letter in "dmyhs" for letter in plain) and "general" not in "".join(plain)


def _day(number: float, from_1904: bool) -> Cell:
    first = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30)
    try:
        moment = first + timedelta(days=number)
    except (OverflowError, ValueError):
        return number
    whole: date | datetime = moment.date() if number == int(number) else moment
    return whole


def place_of(text: str) -> Place | None:
    """ "B7" as (7, 1)."""
    column = row = 0
    for letter in text.strip().replace("$", "")[:12]:
        if "A" <= letter <= "Z" and not row:
            column = column * 26 + ord(letter) - 64
        elif "0" <= letter <= "9":
            row = row * 10 + int(letter)
        else:
            return None
    return (row, column - 1) if 0 < column <= _LAST_COLUMN and 0 < row <= _LAST_ROW else None


def number_of(text: str | None) -> int:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def attribute_of(attributes: Mapping[str, str], name: str) -> str:
    """An attribute by its name, under whatever prefix."""
    for key, value in attributes.items():
        if key == name or key.endswith(f":{name}"):
            return value
    return ""


def too_large() -> ListError:
    return ListError(
        "the workbook asks for too much memory",
        remedy="Save the list as CSV, or split it.",
    )


def broken() -> ListError:
    """The error for a file that is no workbook."""
    return ListError(
        "the file is not a workbook that can be read", remedy="Save the list as XLSX or CSV."
    )
