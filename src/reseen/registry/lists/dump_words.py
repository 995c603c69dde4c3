"""Cuts the text of a database's dump into words: names, strings, numbers, brackets, rows of COPY.

What comes in: lines. What goes out: `Word`s in their order; comments are left out. A string may go
over many lines; of one that is longer than a cell may be, no more than that is kept. Nothing is
looked back at: the time is that of the text's length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import NamedTuple

from reseen.errors import ListError
from reseen.registry.lists.table import MAX_CELL


class WordKind(Enum):
    """What a word of SQL is."""

    STRING = auto()
    NAME = auto()
    """In the quotes of names: never a word of the language."""
    PLAIN = auto()
    """A word of the language, a name without quotes, a number."""
    MARK = auto()
    """A bracket, a comma, a point."""
    COPIED = auto()
    """A row below COPY, as it stands there."""


class Word(NamedTuple):
    """One word."""

    kind: WordKind
    text: str


_NEXT = re.compile(
    r"\s++|(?P<comment>--.*|\#.*)|(?P<block>/\*)|(?P<string>[A-Za-z]{0,1}')"
    r"|(?P<body>\$(?:[A-Za-z_]\w{0,60})?\$)"
    r"|(?P<named>[\"`\[])|(?P<plain>[\w$@+-]++(?:\.[\d]++)?)|(?P<mark>.)",
    re.DOTALL,
)
_ENDS = {"'": "'", '"': '"', "`": "`", "[": "]"}
_INSIDE = {
    (end, escaped): re.compile(
        rf"(?P<end>{re.escape(end)})|(?P<escaped>\\.)|[^\\{re.escape(end)}]++|\\"
        if escaped
        else rf"(?P<end>{re.escape(end)})|[^{re.escape(end)}]++",
        re.DOTALL,
    )
    for end in _ENDS.values()
    for escaped in (True, False)
}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "0": "", "Z": ""}
_COPY = re.compile(r"\s{0,8}COPY\s", re.IGNORECASE)
_FROM_STDIN = re.compile(r"\sFROM\s{1,4}stdin\b", re.IGNORECASE)


def words_of_dump(lines: Iterable[str], *, escapes: bool) -> Iterator[Word]:
    """The words of a dump. `escapes`: a backslash in a string takes back what follows it, as MySQL
    writes; else only in strings that say so (E'...'). Raises ListError where one never ends."""
    left = iter(lines)
    for line in left:
        copies = bool(_COPY.match(line) and _FROM_STDIN.search(line))
        yield from _of_line(line, left, escapes)
        if copies:
            yield from _copied(left)


def _of_line(line: str, left: Iterator[str], escapes: bool) -> Iterator[Word]:
    at = 0
    while at < len(line):
        found = _NEXT.match(line, at)
        assert found is not None  # anything is a mark
        at = found.end()
        kind = found.lastgroup
        if kind == "block":
            while (end := line.find("*/", at)) < 0:
                line, at = _following(left), 0
            at = end + 2
        elif kind == "body":  # of a function, in PostgreSQL
            while (end := line.find(found["body"], at)) < 0:
                line, at = _following(left), 0
            at = end + len(found["body"])
        elif kind == "string":
            said = found["string"]
            text, line, at = _quoted(line, at, left, "'", escapes or said[0] in "eE")
            yield Word(WordKind.STRING, text)
        elif kind == "named":
            text, line, at = _quoted(line, at, left, _ENDS[found["named"]], escaped=False)
            yield Word(WordKind.NAME, text)
        elif kind == "plain":
            yield Word(WordKind.PLAIN, found["plain"][: MAX_CELL + 1])
        elif kind == "mark":
            yield Word(WordKind.MARK, found["mark"])


def _quoted(
    line: str, at: int, left: Iterator[str], end: str, escaped: bool
) -> tuple[str, str, int]:
    """What stands in quotes, the line in which they are closed, and where there."""
    pieces: list[str] = []
    held = 0
    inside = _INSIDE[end, escaped]
    while True:
        if at >= len(line):
            line, at = _following(left), 0
        found = inside.match(line, at)
        assert found is not None  # of a line that is not over, something is inside or the end
        at = found.end()
        piece = found[0]
        if found.lastgroup == "end":
            if line[at : at + 1] != end:
                return "".join(pieces), line, at
            at += 1  # twice: itself
        elif found.lastgroup == "escaped":
            piece = _ESCAPES.get(piece[1], piece[1])
        if held <= MAX_CELL:
            pieces.append(piece[: MAX_CELL + 1 - held])
            held += len(piece)


def _copied(left: Iterator[str]) -> Iterator[Word]:
    for line in left:
        row = line.rstrip("\r\n")
        if row == "\\.":
            return
        yield Word(WordKind.COPIED, row)


def _following(left: Iterator[str]) -> str:
    line = next(left, None)
    if line is None:
        raise ListError(
            "the dump breaks off within a string or a comment",
            remedy="Export it again, or its table as CSV.",
        )
    return line
