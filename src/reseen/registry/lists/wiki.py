"""Reads tables as wikis and trackers write them: Jira's (`||Name||Hash||`) and MediaWiki's (`{|`).

What comes in: lines. What goes out: numbered rows, of which a cell with a link behind a text is a
`LinkedText`. Also rows in brackets, as SQL writes values: several may stand in one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from reseen.registry.lists.looks import Row
from reseen.registry.lists.table import MAX_CELL, MAX_COLUMNS, Cell, LinkedText, too_wide

_JIRA = re.compile(r"^[ \t]*\|\|[^|\n]+\|\|.*\|\|[ \t]*\r?$", re.MULTILINE)
_MEDIA = re.compile(r"^[ \t]*\{\|", re.MULTILINE)
_TUPLES = re.compile(r"\A\s*(?:--[^\n]*\n\s*)*\((?:'|\"|\d|NULL\b)[^\n]*\)[,;]?\s*(?:\n|\Z)")
_CELL = re.compile(r"\[[^\[\]\n]*\]|\{\{[^{}\n]*\}\}|\{[a-z]+(?::[^{}\n]*)?\}|[^|\[\]{}]+|[\[\]{}]")
"""What stands between two bars, in pieces: bars in brackets part nothing."""
_MARKS = re.compile(r"\{\{|\}\}|\{(?:color|noformat|code|quote)(?::[^{}\n]*)?\}")
_LINK = re.compile(r"\[(?:([^\[\]|]*)\|)?(https?://[^\s\[\]|]+)(?:\|[^\[\]]*)?\]\Z")
_MEDIA_LINK = re.compile(r"\[(https?://[^\s\[\]]+)(?:\s+([^\[\]]*))?\]\Z")
_ATTRIBUTES = re.compile(r"\A\s*(?:[a-z-]+\s*=\s*\"[^\"\n]*\"\s*)+\|(?!\|)")
_VALUE = re.compile(r"\s*(?:'((?:[^'\\]|''|\\.)*+)'|\"([^\"\n]*)\"|([^,'\"()]*))\s*(,|\))")


def reader_of(head: str) -> Callable[[Iterable[str]], Iterator[Row]] | None:
    """What reads the tables of a text that begins so; None for a text that has none of these."""
    if _JIRA.search(head):
        return jira_rows
    if _MEDIA.search(head):
        return media_rows
    return tuples if _TUPLES.match(head) else None


def jira_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of Jira's tables; other lines are rows of one cell."""
    for number, raw in enumerate(lines, 1):
        line = raw.strip("\ufeff \t\r\n")
        if line.count("|") > 2 * MAX_COLUMNS:
            raise too_wide(number)
        if line.startswith("||"):
            yield number, [_jira(cell) for cell in line.strip("|").split("||")]
        elif line.startswith("|"):
            yield number, [_jira(cell) for cell in _parted(line)]
        elif line:
            yield number, [line[:MAX_CELL]]


def _parted(line: str) -> list[str]:
    """The cells of a line between bars."""
    cells = [""]
    at = 1
    end = len(line) - line.endswith("|")
    while at < end:
        if line[at] == "|":
            cells.append("")
            at += 1
            continue
        found = _CELL.match(line, at, end)
        piece = found[0] if found else line[at]
        cells[-1] += piece
        at += len(piece)
    return cells


def _jira(cell: str) -> Cell:
    cell = _MARKS.sub("", cell).strip(" \t*")
    found = _LINK.match(cell)
    if found is None:
        return cell[:MAX_CELL]
    return LinkedText(found[1] or found[2], found[2])


def media_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of MediaWiki's tables, whose cells may stand in a line or one below the other."""
    first, within = 0, False
    cells: list[Cell] = []
    for number, raw in enumerate(lines, 1):
        line = raw.strip("\ufeff \t\r\n")
        if len(cells) + line.count("|") + line.count("!!") > 3 * MAX_COLUMNS:
            raise too_wide(number)
        if line.startswith("{|"):
            within = True
        elif not within:
            if line:
                yield number, [line[:MAX_CELL]]
        elif line.startswith(("|-", "|}")):
            if cells:
                yield first, cells
            cells, within = [], not line.startswith("|}")
        elif line.startswith(("|", "!")) and not line.startswith("|+"):
            first = number if not cells else first
            parted = re.split(r"\|\||!!", line[1:]) if line[0] == "!" else line[1:].split("||")
            cells = [*cells, *map(_media, parted)]
    if cells:
        yield first, cells


def _media(cell: str) -> Cell:
    cell = _ATTRIBUTES.sub("", cell).strip(" \t'")
    cell = re.sub(r"</?(?:code|tt|nowiki|small|b|i)>", "", cell)
    found = _MEDIA_LINK.match(cell)
    if found is None:
        return cell[:MAX_CELL]
    return LinkedText(found[2] or found[1], found[1])


def tuples(lines: Iterable[str]) -> Iterator[Row]:
    """The rows in brackets of each line: ('a', 'b'), ('c', 'd')."""
    for number, line in enumerate(lines, 1):
        at = line.find("(")
        if at < 0 and line.strip(" \t\r\n,;"):
            yield number, [line.strip()[:MAX_CELL]]
        while at >= 0:
            cells: list[Cell] = []
            at += 1
            while (found := _VALUE.match(line, at)) is not None:
                if len(cells) >= MAX_COLUMNS:
                    raise too_wide(number)
                said = next((each for each in found.groups()[:3] if each is not None), "")
                said = said.replace("''", "'").replace("\\'", "'").strip()
                cells.append(None if said.upper() == "NULL" else said[:MAX_CELL])
                at = found.end()
                if found[4] == ")":
                    break
            if cells:
                yield number, cells
            at = line.find("(", at)
