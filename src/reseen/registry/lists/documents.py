"""Reads JSON, JSON Lines, YAML, TOML and answers of hubs as a table, entry by entry.

What comes in: the open file of a list. What goes out: a `ListTable` whose columns are the keys met,
in the order met. What one entry means, and how nested ones become rows, `nested` knows. Only one
entry is held at a time, and none is longer than a bound. A line of JSON Lines that is no JSON is a
row to be rejected, not the end of the list.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from reseen.errors import ListError
from reseen.registry.lists import text as texts
from reseen.registry.lists import xml_values, yaml_toml
from reseen.registry.lists.columns import NO_MEANING, Meaning, field_called, recognise
from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.looks import SAMPLE, no_header, values_of
from reseen.registry.lists.nested import MAX_DEPTH, NestedRows, rows_of, too_deep
from reseen.registry.lists.stacked import is_header
from reseen.registry.lists.table import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_LOOKED_AT,
    MAX_ROWS,
    Cell,
    ListTable,
    row_bytes,
    too_long,
    too_many_rows,
)

MAX_ENTRY = texts.MAX_LINE
"""Characters in an entry of an array, in a line, or in a file that is one entry."""

_Entries = Callable[[], Iterator[tuple[int, NestedRows]]]


def read_documents(file: BinaryIO, given: Mapping[str, ListField] | None = None) -> ListTable:
    """The table in a JSON or JSON Lines file. Raises ListError."""
    text, notes = texts.open_text(file)
    found = _first_look(_entries_of(text), given)
    if not found.meaning.usable:
        raise no_header([(1, [row.get(name) for name in found.columns]) for row in found.sample])
    return _table(found, notes)


def read_value(file: BinaryIO, given: Mapping[str, ListField] | None = None) -> ListTable | None:
    """The table in a YAML or TOML file; None where it is neither, or has no column that is
    recognised: it may be lines of text then. Raises ListError."""
    text, notes = texts.open_text(file)
    said = text.read(MAX_ENTRY + 1)
    value = yaml_toml.value_of(said) if len(said) <= MAX_ENTRY else None
    if value is None:
        return None
    found = _first_look(lambda: _whole(value), given)
    return _table(found, notes) if found.meaning.usable else None


def read_xml(file: BinaryIO, given: Mapping[str, ListField] | None = None) -> ListTable:
    """The table in an XML file. Raises ListError."""
    value = xml_values.value_of(file)
    found = _first_look(lambda: _whole(value), given)
    if not found.meaning.usable:
        raise no_header([(1, [row.get(name) for name in found.columns]) for row in found.sample])
    return _table(found, ())


@dataclass(slots=True)
class _FirstLook:
    """What the entries of a document are, seen once from the first to the last."""

    entries: _Entries
    called: _SameField
    columns: dict[str, int] = field(default_factory=dict)
    sample: list[dict[str, Cell]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    meaning: Meaning = NO_MEANING


def _first_look(entries: _Entries, given: Mapping[str, ListField] | None) -> _FirstLook:
    made = _FirstLook(entries, _SameField())
    columns, sample = made.columns, made.sample
    left = MAX_LOOKED_AT
    for _, entry in _counted(entries(), made.left_out):
        row = made.called.put_together(entry)
        for name in row:
            columns.setdefault(name, len(columns))
        if len(columns) > MAX_COLUMNS:
            raise ListError("the list's entries have too many different keys")
        if len(sample) < SAMPLE and left > 0:
            sample.append(row)
            left -= row_bytes(row.values())
    values = [values_of(row.get(name) for row in sample) for name in columns]
    made.meaning = recognise([*columns], given, values)
    return made


def _table(found: _FirstLook, notes: tuple[str, ...]) -> ListTable:
    notes += tuple(f"{count:,} {what} left out." for what, count in found.left_out.items())
    return ListTable(
        tuple(found.columns),
        _rows(found.entries, found.columns, found.called),
        notes=notes,
        meaning=found.meaning,
        of_one_file=len(found.sample) == 1,
    )


def _counted(
    entries: Iterator[tuple[int, NestedRows]], left_out: Counter[str]
) -> Iterator[tuple[int, dict[str, Cell]]]:
    rows = 0
    for number, found in entries:
        if found.left_out:
            left_out.update(found.left_out)
        for row in found.rows:
            rows += 1
            if rows > MAX_ROWS:
                raise too_many_rows()
            for cell in row.values():
                if type(cell) is str and len(cell) > MAX_CELL:
                    raise too_long(number)
            yield number, row


class _SameField:
    """Entries may call one thing by several names: it is one column, the first that is met."""

    def __init__(self) -> None:
        self._first: dict[ListField, str] = {}
        self._plain: AbstractSet[str] = frozenset()
        """Keys of the last row that needed no change: the next has mostly the same."""
        self._fields: dict[str, ListField | None] = {}

    def put_together(self, row: dict[str, Cell]) -> dict[str, Cell]:
        if row.keys() == self._plain:
            return row
        found: dict[str, Cell] = {}
        for name, cell in row.items():
            field = self._fields.get(name, ListField.IGNORE)
            if field is ListField.IGNORE:
                field = field_called(name)
                if len(self._fields) <= MAX_COLUMNS:
                    self._fields[name] = field
            first = name if field is None else self._first.setdefault(field, name)
            if first == name or found.get(first) is not None or row.get(first) is not None:
                first = name
            found[first] = cell
        if found.keys() == row.keys():
            self._plain = row.keys()
        return found


def _rows(
    entries: _Entries, columns: Mapping[str, int], called: _SameField
) -> Iterator[tuple[int, list[Cell]]]:
    for number, entry in _counted(entries(), Counter()):
        row = called.put_together(entry)
        cells: list[Cell] = [None] * len(columns)
        for name, cell in row.items():
            cells[columns[name]] = cell
        yield number, cells


def _entries_of(text: io.TextIOWrapper) -> _Entries:
    """The entries of a document, or of lines: made anew at each call. Raises ListError, also while
    they are walked: where no line is JSON."""
    head = text.read(MAX_ENTRY + 1)
    if _is_lines(head):
        return lambda: _lines(text)
    if len(head) <= MAX_ENTRY:
        try:
            whole = _loads(head)
        except json.JSONDecodeError as fault:
            if (several := _one_after_another(head)) is not None:
                return lambda: _whole(several)
            at = fault.lineno
            return lambda: _lines(text, at)
        except ValueError:
            return lambda: _lines(text)
        return lambda: _whole(whole)
    return lambda: _streamed(text)


def _whole(value: object) -> Iterator[tuple[int, NestedRows]]:
    if isinstance(value, list):
        first = value[0] if value else None
        header = first if isinstance(first, list) and is_header(first) else None
        for number, entry in enumerate(value, 1):
            if header is not None and isinstance(entry, list):
                if number > 1:
                    yield number, rows_of(dict(zip(header, entry, strict=False)))
            else:
                yield number, rows_of(entry)
        return
    found = rows_of(value, outermost=True)
    for number, row in enumerate(found.rows, 1):
        yield number, NestedRows([row])
    yield 1, NestedRows([], found.left_out)


def _is_lines(head: str) -> bool:
    """Whether the first line is a whole value, and another line follows."""
    first, end, rest = head.lstrip("\ufeff \t\r\n").partition("\n")
    if not end or not rest.strip():
        return False
    try:
        return isinstance(_loads(first), dict | list)
    except ValueError:
        return False


def _one_after_another(text: str) -> list[object] | None:
    """The values of a text in which one follows the other, as jq writes what it finds; None where
    it is none, or its values are no objects and arrays."""
    found: list[object] = []
    at = _after(_BETWEEN_VALUES, text, 0)
    while at < len(text):
        try:
            value, at = _DECODER.raw_decode(text, at)
        except RecursionError:
            raise too_deep() from None
        except ValueError:
            return None
        if not isinstance(value, dict | list):
            return None
        found += _members(value)
        at = _after(_BETWEEN_VALUES, text, at)
    return found


def _members(value: object) -> list[object]:
    """The entries of one value of several."""
    return value if isinstance(value, list) else [value]


_BLANKS = " \t\r\n"
_BETWEEN_VALUES = f"\ufeff{_BLANKS}\x1e"
"""RFC 7464 puts the last of them before each value."""


def _after(blanks: str, text: str, at: int) -> int:
    while at < len(text) and text[at] in blanks:
        at += 1
    return at


def _lines(text: io.TextIOWrapper, fault: int | None = None) -> Iterator[tuple[int, NestedRows]]:
    """Each line is an entry. `fault`: the line from which on the whole is no JSON."""
    text.seek(0)
    read = False
    for number, line in enumerate(texts.lines(text), 1):
        if not line.strip("\ufeff \t\r\n"):
            continue
        try:
            entry = _loads(line.strip("\ufeff"))
            read = True
        except ValueError:
            entry = None
        yield number, rows_of(entry)
    if not read:
        raise ListError(
            "the file is not JSON"
            + (f" (from line {fault} on)" if fault else "")
            + ", and none of its lines is",
            remedy="JSON has double quotes, no comma before a bracket that closes, no comments, "
            "and ends as it began. Export the list again, or save it as CSV.",
        )


def _streamed(text: io.TextIOWrapper) -> Iterator[tuple[int, NestedRows]]:
    """The entries of a document that is longer than an entry may be: those of its array, or of
    the object that it is, by their keys."""
    text.seek(0)
    yield from enumerate(_long_entries(_HeldText(text)), 1)


def _long_entries(held: _HeldText) -> Iterator[NestedRows]:
    while held.has_more():
        try:
            entry = held.value()
        except _TooLong:
            for within, key, value in held.members():
                yield rows_of(value, key=key, within=within)
        else:
            yield from map(rows_of, _members(entry))


class _HeldText:
    """The part of a long document that is held."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._stream = text
        self._text = text.read(MAX_ENTRY).lstrip("\ufeff")
        self._at = 0
        self._ended = False

    def members(
        self, depth: int = 0, within: str | None = None
    ) -> Iterator[tuple[str | None, str | None, Any]]:
        """(`within`, key, value) of an object, with None for the key of an array; a value that is
        itself longer than an entry is gone into, and its key is `within` then."""
        opened = self._take()
        if opened not in "[{" or depth > MAX_DEPTH:
            raise _broken()
        end = "]" if opened == "[" else "}"
        if self._next() == end:
            self._take()
            return
        while True:
            key = None
            if opened == "{":
                key = self._key()
                if not isinstance(key, str) or self._take() != ":":
                    raise _broken()
            try:
                value = self.value()
            except _TooLong:
                if self._next() not in "[{":
                    raise _too_long() from None
                yield from self.members(depth + 1, key or within)
            else:
                yield within, key, value
            mark = self._take()
            if mark == end:
                return
            if mark != ",":
                raise _broken()

    def has_more(self) -> bool:
        """Whether anything but blanks is left: one value may follow the other."""
        return self._is_past(_BETWEEN_VALUES)

    def _is_past(self, blanks: str) -> bool:
        """Go on to what is none of these; False at the end."""
        while True:
            self._at = _after(blanks, self._text, self._at)
            if self._at < len(self._text):
                return True
            if not self._more():
                return False

    def _next(self) -> str:
        """The next character that is not blank. Raises ListError at the end."""
        if not self._is_past(_BLANKS):
            raise _broken()
        return self._text[self._at]

    def _take(self) -> str:
        found = self._next()
        self._at += 1
        return found

    def _more(self) -> bool:
        if self._ended:
            return False
        piece = self._stream.read(max(1, MAX_ENTRY - (len(self._text) - self._at)))
        self._ended = not piece
        self._text = self._text[self._at :] + piece
        self._at = 0
        return not self._ended

    def value(self) -> Any:
        """The next value. Raises _TooLong, and ListError."""
        value, self._at = self._decoded()
        return value

    def _key(self) -> Any:
        try:
            return self.value()
        except _TooLong:
            raise _too_long() from None

    def _decoded(self) -> tuple[Any, int]:
        self._next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if len(self._text) - self._at >= MAX_ENTRY:
                    raise _TooLong from None
                if not self._more():
                    raise _broken() from None
                continue
            except RecursionError:
                raise too_deep() from None
            except ValueError:
                raise _broken() from None
            if end == len(self._text) and self._more():
                continue  # a number may go on
            return value, end


class _TooLong(Exception):
    """A value that is longer than an entry may be."""


_DECODER = json.JSONDecoder(parse_constant=lambda _: None)


def _loads(text: str) -> Any:
    """The value of a JSON text. Raises ValueError for none, ListError for one nested too deep."""
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except RecursionError:
        raise too_deep() from None


def _too_long() -> ListError:
    return ListError(
        f"an entry is longer than {MAX_ENTRY >> 20} million characters",
        remedy="Split the list and import the parts.",
    )


def _broken() -> ListError:
    return ListError("the JSON breaks off, or is none", remedy="Export the list again.")
