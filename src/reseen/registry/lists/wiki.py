"""Reads tables as wikis and trackers write them: Jira's (`||Name||Hash||`) and MediaWiki's (`{|`).

What comes in: lines. What goes out: numbered rows, of which a cell with a link behind a text is a
`LinkedText`. Also rows in brackets, as SQL writes values: several may stand in one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from reseen.registry.lists.looks import Row
from reseen.registry.lists.table import MAX_CELL, MAX_COLUMNS, Cell, LinkedText, too_wide

_CELL = re.compile(r"\[[^\[\]\n]*\]|\{\{[^{}\n]*\}\}|\{[a-z]+(?::[^{}\n]*)?\}|[^|\[\]{}]+|[\[\]{}]")
"""What stands between two bars, in pieces: bars in brackets part nothing."""
_MARKS = re.compile(r"\{\{|\}\}|\{(?:color|noformat|code|quote)(?::[^{}\n]*)?\}")
_LINK = re.compile(r"\[(?:([^\[\]|]*)\|)?(https?://[^\s\[\]|]+)(?:\|[^\[\]]*)?\]\Z")
_ATTRIBUTES = re.compile(r"\A\s*(?:[a-z-]+\s*=\s*\"[^\"\n]*\"\s*)+\|(?!\|)")
_QUOTED = re.compile(r"'((?:[^'\\]|''|\\.)*+)'|\"([^\"\n]*+)\"|([^,'\"()]*+)")
"""A value of SQL, without the blanks before it."""


def reader_of(head: str) -> Callable[[Iterable[str]], Iterator[Row]] | None:
    """What reads the tables of a text that begins so; None for a text that has none of these."""
    lines = [line.strip("\ufeff \t\r") for line in head.split("\n")]
    if any(
        line.startswith("||") and line.endswith("||") and line.count("||") > 2 for line in lines
    ):
        return jira_rows
    if any(line.startswith("{|") for line in lines):
        return media_rows
    if any(line.startswith("^ ") and line.endswith("^") and line.count("^") > 2 for line in lines):
        return doku_rows
    if any(line.startswith("|_.") and line.endswith("|") for line in lines):
        return textile_rows
    first = next((line for line in lines if line and not line.startswith("--")), "")
    values = first[:1] == "(" and first.rstrip(" ,;").endswith(")")
    return tuples if values and first[1:].lstrip()[:1] in ("'", '"', *"0123456789") else None


def _lines_of(lines: Iterable[str], bars: str = "|") -> Iterator[tuple[int, str]]:
    """The lines that hold anything, with their numbers. Raises ListError for one with more bars
    than columns may have."""
    for number, raw in enumerate(lines, 1):
        line = raw.strip("\ufeff \t\r\n")
        if sum(map(line.count, bars)) > 2 * MAX_COLUMNS:
            raise too_wide(number)
        if line:
            yield number, line


def jira_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of Jira's tables; other lines are rows of one cell."""
    for number, line in _lines_of(lines):
        if line.startswith("||"):
            yield number, [_jira(cell) for cell in line.strip("|").split("||")]
        elif line.startswith("|"):
            yield number, [_jira(cell) for cell in _parted(line)]
        else:
            yield number, [line[:MAX_CELL]]


def doku_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of DokuWiki's tables, whose headings stand between `^`; other lines are rows of one
    cell."""
    for number, line in _lines_of(lines, "|^"):
        if line.startswith("^") and line.endswith("^"):
            yield number, [cell.strip()[:MAX_CELL] for cell in line.strip("^").split("^")]
        elif line.startswith(("|", "^")):
            parted = _DOKU_CELL.findall(line[1:].removesuffix("|"))
            yield number, [_MONO.sub("", cell).strip()[:MAX_CELL] for cell in parted]
        else:
            yield number, [line.strip("= ")[:MAX_CELL]]


_DOKU_CELL = re.compile(r"((?:\[\[[^\[\]\n]*+\]\]|[^|\[]|\[)*+)(?:\||\Z)")
_MONO = re.compile(r"''|%%|\*\*|//(?![\w.-]+\.\w)")


def textile_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of Textile's tables (Redmine's); other lines are rows of one cell."""
    for number, line in _lines_of(lines):
        if line.startswith("|"):
            cells = line.strip("|").split("|")
            yield number, [_STYLE.sub("", cell).strip()[:MAX_CELL] for cell in cells]
        else:
            yield number, [_TITLE.sub("", line)[:MAX_CELL]]


_STYLE = re.compile(r"\A[_<>=~^]{1,4}\.\s")
_TITLE = re.compile(r"\Ah[1-6]\.\s+")


def _parted(line: str) -> list[str]:
    """The cells of a line between bars. Of one that is longer than a cell may be, no more than the
    piece that makes it so is kept."""
    cells: list[str] = []
    pieces: list[str] = []
    length, at = 0, 1
    end = len(line) - line.endswith("|")
    while at < end:
        if line[at] == "|":
            cells.append("".join(pieces))
            pieces, length, at = [], 0, at + 1
            continue
        found = _CELL.match(line, at, end)
        piece = found[0] if found else line[at]
        if length <= MAX_CELL:
            pieces.append(piece)
            length += len(piece)
        at += len(piece)
    return [*cells, "".join(pieces)]


def _jira(cell: str) -> Cell:
    cell = _MARKS.sub("", cell).strip(" \t*")
    found = _LINK.match(cell)
    if found is None or len(found[2]) > MAX_CELL:
        return cell[:MAX_CELL]
    return LinkedText((found[1] or found[2])[:MAX_CELL], found[2])


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
    inner = cell[1:-1] if cell.startswith("[http") and cell.endswith("]") else ""
    link, _, text = inner.partition(" ")
    if not link or len(link) > MAX_CELL:
        return cell[:MAX_CELL]
    return LinkedText((text.strip() or link)[:MAX_CELL], link)


def tuples(lines: Iterable[str]) -> Iterator[Row]:
    """The rows in brackets of each line: ('a', 'b'), ('c', 'd')."""
    for number, line in enumerate(lines, 1):
        at = line.find("(")
        if at < 0 and line.strip(" \t\r\n,;"):
            yield number, [line.strip()[:MAX_CELL]]
        while at >= 0:
            cells: list[Cell] = []
            at += 1
            while (found := _QUOTED.match(line, _past_blanks(line, at))) is not None:
                at = _past_blanks(line, found.end())
                if line[at : at + 1] not in (",", ")"):
                    break
                if len(cells) >= MAX_COLUMNS:
                    raise too_wide(number)
                said = next(each for each in found.groups() if each is not None)
                said = said.replace("''", "'").replace("\\'", "'").strip()
                cells.append(None if said.upper() == "NULL" else said[:MAX_CELL])
                at += 1
                if line[at - 1] == ")":
                    break
            if cells:
                yield number, cells
            at = line.find("(", at)


def _past_blanks(line: str, at: int) -> int:
    while line[at : at + 1] in (" ", "\t"):
        at += 1
    return at
