"""Reads the statements of a dump that put rows into tables, and those that say their columns.

What comes in: words. What goes out: `DumpRow`s, numbered over the dump. What else a dump does is
passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reseen.errors import ListError
from reseen.registry.lists.dump_words import Word, WordKind
from reseen.registry.lists.looks import Row
from reseen.registry.lists.table import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROWS,
    Cell,
    too_long,
    too_many_rows,
    too_wide,
)

MAX_KNOWN = 200
"""Tables whose columns are remembered."""

_NO_COLUMNS = frozenset(
    {
        *("PRIMARY", "KEY", "UNIQUE", "CONSTRAINT", "INDEX", "FOREIGN", "CHECK", "FULLTEXT"),
        *("SPATIAL", "EXCLUDE", "LIKE", "PERIOD"),
    }
)
_BEFORE_NAMES = frozenset(
    {
        *("INTO", "IGNORE", "OR", "REPLACE", "ABORT", "FAIL", "ROLLBACK", "LOW_PRIORITY"),
        *("DELAYED", "HIGH_PRIORITY", "IF", "NOT", "EXISTS", "TEMPORARY", "TEMP", "UNLOGGED"),
        *("GLOBAL", "LOCAL", "TABLE", "ONLY", "OVERWRITE"),
    }
)
_STATEMENTS = frozenset({"INSERT", "REPLACE", "CREATE", "COPY"})
_COPY_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_COPY_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v"}
_BYTES = re.compile(r"(?:\\x|0[xX])((?:[0-9a-fA-F]{2})++)\Z")


@dataclass(frozen=True, slots=True)
class DumpRow:
    """One row of one table."""

    table: str
    columns: tuple[str, ...]
    number: int
    cells: list[Cell]

    def row(self) -> Row:
        """As readers of lists give rows."""
        return self.number, self.cells

    def is_of(self, other: DumpRow) -> bool:
        """Whether both are of one table."""
        return self.table == other.table and self.columns == other.columns


def rows_of(words: Iterator[Word]) -> Iterator[DumpRow]:
    """The rows of all tables, numbered over the dump."""
    known: dict[str, tuple[str, ...]] = {}
    number = 0
    word = next(words, None)
    while word is not None:
        verb = word.text.upper() if word.kind is WordKind.PLAIN else ""
        if verb not in _STATEMENTS:
            word = _past_statement(word, words)
            continue
        name, word = _name(words)
        if verb == "CREATE":
            columns, word = _columns(word, words)
            if len(known) < MAX_KNOWN and columns:
                known[name] = columns
            continue
        columns, word = _columns(word, words)
        columns = columns or known.get(name, ())
        values = _copied(word, words) if verb == "COPY" else _values(word, words)
        word = None
        for said in values:
            if isinstance(said, Word):
                word = said
                break
            number += 1
            if number > MAX_ROWS:
                raise too_many_rows()
            if any(isinstance(cell, str) and len(cell) > MAX_CELL for cell in said):
                raise too_long(number)
            yield DumpRow(name, columns, number, said)


def _past_statement(word: Word | None, words: Iterable[Word]) -> Word | None:
    """The first word behind the semicolon that ends what is not read, or that begins what is."""
    if word is not None and word.text == ";":
        return next(iter(words), None)
    for each in words:
        if each.kind is WordKind.MARK and each.text == ";":
            return next(iter(words), None)
        if each.kind is WordKind.PLAIN and each.text.upper() == "INSERT":
            return each
    return None


def _name(words: Iterator[Word]) -> tuple[str, Word | None]:
    """The last part of a table's name, and the word behind it."""
    name = ""
    for word in words:
        if word.kind is WordKind.NAME or (
            word.kind is WordKind.PLAIN and word.text.upper() not in _BEFORE_NAMES
        ):
            if name:
                return name, word
            name = word.text
        elif word.kind is WordKind.MARK:
            if word.text != ".":
                return name, word
            name = ""
    return name, None


def _columns(word: Word | None, words: Iterator[Word]) -> tuple[tuple[str, ...], Word | None]:
    """The first words between the commas of a bracket, and the word behind it."""
    if word is None or (word.kind, word.text) != (WordKind.MARK, "("):
        return (), word
    columns: list[str] = []
    depth, begins = 1, True
    for each in words:
        if each.kind is WordKind.MARK:
            depth += (each.text == "(") - (each.text == ")")
            if depth == 0:
                return tuple(columns), next(words, None)
            begins = begins or (depth == 1 and each.text == ",")
        elif begins:
            begins = False
            plain = each.kind is WordKind.PLAIN
            if not plain or each.text.upper() not in _NO_COLUMNS:
                columns.append(each.text)
            if len(columns) > MAX_COLUMNS:
                raise too_wide(1)
    return tuple(columns), None


def _copied(word: Word | None, words: Iterator[Word]) -> Iterator[list[Cell] | Word]:
    """The rows below COPY; last the word behind them."""
    said: list[str] = []
    while word is not None and word.kind is not WordKind.COPIED:
        if (word.kind, word.text) == (WordKind.MARK, ";"):
            word = next(words, None)
            break
        said.append(word.text.upper())
        word = next(words, None)
    if {"CSV", "BINARY", "DELIMITER", "NULL"} & set(said[:50]):
        raise ListError(
            "the dump copies rows in a form that is not read", remedy="Export the table as CSV."
        )
    while word is not None and word.kind is WordKind.COPIED:
        cells = word.text.split("\t", MAX_COLUMNS)
        if len(cells) > MAX_COLUMNS:
            raise too_wide(1)
        yield [None if cell == "\\N" else _cell(_uncopied(cell)) for cell in cells]
        word = next(words, None)
    if word is not None:
        yield word


def _uncopied(cell: str) -> str:
    if "\\" not in cell:
        return cell
    return _COPY_ESCAPE.sub(lambda found: _COPY_ESCAPES.get(found[1], found[1]), cell)


def _values(word: Word | None, words: Iterator[Word]) -> Iterator[list[Cell] | Word]:
    """The rows in brackets behind VALUES; last the word behind the statement."""
    while word is not None and word.text.upper() not in ("VALUES", "VALUE"):
        if word.text == ";" or word.text.upper() == "SELECT":  # rows of another table
            word = _past_statement(word, words)
            break
        word = next(words, None)
    else:
        word = next(words, None)
        while word is not None and (word.kind, word.text) == (WordKind.MARK, "("):
            yield _row(words)
            word = next(words, None)
            if word is None or (word.kind, word.text) != (WordKind.MARK, ","):
                break
            word = next(words, None)
        if word is not None and word.text.upper() != "INSERT":
            word = _past_statement(word, words)
    if word is not None:
        yield word


def _row(words: Iterator[Word]) -> list[Cell]:
    """The values up to the bracket that closes them. Of a call (CAST('...' AS ...)) the first
    string within counts."""
    cells: list[Cell] = []
    value: Word | None = None
    depth = 1
    for word in words:
        if word.kind is WordKind.MARK:
            depth += (word.text == "(") - (word.text == ")")
            if depth == 0 or (depth == 1 and word.text == ","):
                if len(cells) >= MAX_COLUMNS:
                    raise too_wide(1)
                cells.append(None if value is None else _told(value))
                value = None
            if depth == 0:
                return cells
        elif value is None or (word.kind is WordKind.STRING and value.kind is not WordKind.STRING):
            value = word
    raise ListError("the dump breaks off within a row", remedy="Export it again.")


def _told(value: Word) -> Cell:
    if value.kind is WordKind.PLAIN and value.text.upper() in ("NULL", "DEFAULT"):
        return None
    return _cell(value.text)


def _cell(text: str) -> Cell:
    """A text; the bytes of a digest as its digits."""
    found = _BYTES.match(text) if text[:2] in ("\\x", "0x", "0X") else None
    return found[1] if found else text.strip()
