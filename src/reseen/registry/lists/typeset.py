"""Reads tables as writers of papers and manuals set them: LaTeX's `tabular`, AsciiDoc's `|===`, and
reStructuredText's `list-table`.

What comes in: lines. What goes out: numbered rows; a cell with a link behind a text is a
`LinkedText`. Cells may stand in a line or one below the other: LaTeX's end at `&`, its rows at two
backslashes; AsciiDoc's begin with a bar, and how many make a row the table says itself, its first
line, or the blank lines between its rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from reseen.errors import ListError
from reseen.registry.lists.looks import Row
from reseen.registry.lists.table import MAX_CELL, MAX_COLUMNS, Cell, LinkedText, too_wide

_BEGIN = re.compile(r"\\begin\s*\{(?:tabular|tabularx|tabulary|longtable|longtblr|tblr|array)\*?\}")
_END = re.compile(r"\\end\s*\{(?:tabular|tabularx|tabulary|longtable|longtblr|tblr|array)\*?\}")
_RULE = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|endhead|endfirsthead|endfoot|endlastfoot|centering"
    r"|addlinespace|(?:cline|cmidrule|rowcolor|specialrule)(?:\([a-z]*\))?(?:\{[^{}]{0,99}\}){1,3})"
    r"(?![a-zA-Z])(?:\[[^\]]{0,20}\])?"
)
_HREF = re.compile(r"\\href\s*\{([^{}]*+)\}\s*\{((?:[^{}]|\{[^{}]*+\})*+)\}")
_URL = re.compile(r"\\(?:url|nolinkurl)\s*\{([^{}]*+)\}")
_COMMAND = re.compile(r"\\[a-zA-Z]+\*?\s*")
_SIGN = re.compile(r"\\([&%$#_{} ])")
_PARTED = re.compile(r"\\\\\*?(?:\[[^\]]{0,20}\])?|\\.|&|[^\\&]++|\\", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*+)%.*", re.DOTALL)

_SPEC = re.compile(r"(?:(\d{1,3})([*+])|(\d{0,3}\.\d{1,3}\+))?[<^>.]{0,4}[aehlmsdv]?\Z")
_COLS = re.compile(r"cols\s{0,4}=\s{0,4}(?:\"([^\"]{1,2000})\"|([0-9]{1,4}\*?|[^\s,\]]{1,99}))")
_ADOC_LINK = re.compile(r"(?:link:)?\+{0,2}(https?://[^\s\[\]|+]+)\+{0,2}\[([^\[\]]*+)\]\Z")


def reader_of(head: str) -> Callable[[Iterable[str]], Iterator[Row]] | None:
    """What reads the tables of a text that begins so; None for a text that has none of these."""
    if _BEGIN.search(head):
        return latex_rows
    if any(line.rstrip() == "|===" for line in head.split("\n")):
        return asciidoc_rows
    if _LIST_TABLE.search(head):
        return list_table_rows
    return None


_LIST_TABLE = re.compile(r"^[ \t]{0,40}\.\. list-table::", re.MULTILINE)
_ITEM = re.compile(r"[ \t]{1,80}(\* ?)?-(?:[ \t](.*))?\Z", re.DOTALL)


def list_table_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of reStructuredText's tables that are lists of lists; lines around them are rows of
    one cell."""
    within, first = False, 0
    cells: list[Cell] = []
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r\n \t").lstrip("\ufeff")
        if _LIST_TABLE.match(line):
            yield from _row(first, cells)
            within, cells = True, []
            title = line.partition("::")[2].strip()
            if title:
                yield number, [title[:MAX_CELL]]
        elif within and (not line or line[:1] in " \t"):
            item = _ITEM.match(line)
            if item is not None and item[1]:
                yield from _row(first, cells)
                first, cells = number, []
            if item is not None:
                cells.append((item[2] or "").strip()[:MAX_CELL])
            elif cells and line:
                cells[-1] = f"{cells[-1]} {line.strip()}".strip()[:MAX_CELL]
            if len(cells) > MAX_COLUMNS:
                raise too_wide(number)
        elif line:
            yield from _row(first, cells)
            within, cells = False, []
            yield number, [line.strip("=-~ ")[:MAX_CELL]]
    yield from _row(first, cells)


def latex_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of LaTeX's tables; what stands around them is none."""
    within = False
    first, cells, pieces, held = 0, list[Cell](), list[str](), 0
    for number, raw in enumerate(lines, 1):
        line = _COMMENT.sub(r"\1", raw.rstrip("\r\n"))
        if not within:
            found = _BEGIN.search(line)
            if found is None:
                continue
            within, line = True, ""
        elif found := _END.search(line):
            line, within = line[: found.start()], False
        for piece in _PARTED.finditer(_RULE.sub(" ", line)):
            text = piece[0]
            if text == "&" or text.startswith("\\\\"):
                first = first or number
                cells.append(_latex("".join(pieces)))
                pieces, held = [], 0
                if len(cells) > MAX_COLUMNS:
                    raise too_wide(number)
                if text != "&":
                    yield from _row(first, cells)
                    first, cells = 0, []
            elif held <= MAX_CELL:
                pieces.append(text)
                held += len(text)
        pieces.append(" ")
        if not within:
            yield from _row(first or number, [*cells, _latex("".join(pieces))])
            first, cells, pieces, held = 0, [], [], 0


def _row(number: int, cells: list[Cell]) -> Iterator[Row]:
    if any(cells):
        yield number, cells


def _latex(cell: str) -> Cell:
    """What a cell says: without its commands, and with the link behind it."""
    cell = cell[:MAX_CELL].strip()
    link = _HREF.search(cell)
    text = _URL.sub(lambda found: f"{{{found[1]}}}", cell)
    text = _HREF.sub(lambda found: f"{{{found[2]}}}", text)
    text = _SIGN.sub(lambda found: {"{": "\1", "}": "\2"}.get(found[1], found[1]), text)
    text = _COMMAND.sub("", text).replace("{", "").replace("}", "")
    text = text.replace("\1", "{").replace("\2", "}").replace("~", " ").strip()
    target = "" if link is None else _SIGN.sub(r"\1", link[1]).strip()
    return LinkedText(text or target, target) if target else text


def asciidoc_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of AsciiDoc's tables; lines around them are rows of one cell."""
    table: _Table | None = None
    columns = 0
    for number, raw in enumerate(lines, 1):
        line = raw.strip("\ufeff \t\r\n")
        if line == "|===":
            if table is not None:
                yield from table.ended()
            table = _Table(columns) if table is None else None
            columns = 0
        elif table is not None:
            yield from table.take(number, line)
        elif line.startswith("[") and line.endswith("]"):
            columns = _columns_of(line)
        elif line:
            yield number, [line.lstrip("=. ")[:MAX_CELL]]
    if table is not None:
        yield from table.ended()


def _columns_of(line: str) -> int:
    """How many columns the line above a table says that it has; 0: it does not say."""
    found = _COLS.search(line[:4_000])
    if found is None:
        return 0
    said = (found[1] or found[2]).strip()
    count = 0
    for part in said.replace(";", ",").split(","):
        many, star, _ = part.strip().partition("*")
        count += int(many) if star and many.isdigit() and len(many) < 5 else 1
    return 0 if said.isdigit() and count == 1 and "," not in said and said != "1" else count


class _Table:
    """The cells of one of AsciiDoc's tables, as its lines come."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._cells: list[tuple[int, str]] = []

    def take(self, number: int, line: str) -> Iterator[Row]:
        """The rows that a line ends."""
        if not line:
            if not self._columns and self._cells:  # the first row ends here
                self._columns = len(self._cells)
                yield from self._whole()
            return
        cells = _adoc_cells(line)
        if not self._columns and len(cells) > 2 and not self._cells:
            self._columns = len(cells) - 1
        if cells[0] and self._cells:  # goes on from the line before
            before, text = self._cells[-1]
            self._cells[-1] = (before, f"{text} {cells[0]}"[:MAX_CELL])
        self._cells.extend((number, cell) for cell in cells[1:])
        if len(self._cells) > 3 * MAX_COLUMNS:
            raise too_wide(number)
        yield from self._whole()

    def ended(self) -> Iterator[Row]:
        """The rows that are left."""
        self._columns = self._columns or len(self._cells)
        yield from self._whole(last=True)

    def _whole(self, *, last: bool = False) -> Iterator[Row]:
        # The last cell may go on in the next line: its row waits for one that begins.
        while self._columns and len(self._cells) >= self._columns + (not last):
            row, self._cells = self._cells[: self._columns], self._cells[self._columns :]
            yield row[0][0], [_adoc(text) for _, text in row]
        if last and self._cells:  # columns that are one off would accuse another file
            raise _uneven()


def _adoc_cells(line: str) -> list[str]:
    """What stands before the first bar of a line, and the cells behind each. What a bar says of its
    cell stands before it ("2+^a|"): over how many columns it goes, or how often it comes."""
    parts = line.split("|", 3 * MAX_COLUMNS + 1)
    cells: list[str] = []
    spanned = repeated = 1
    for at, part in enumerate(parts):
        head, _, last = part.rpartition(" ")
        found = _SPEC.match(last) if last and at < len(parts) - 1 and (head or not at) else None
        cell = (head if found else part).strip()
        cells.extend([cell] * repeated + [""] * (spanned - 1))
        spanned = repeated = 1
        if found is not None and found[1]:
            count = min(int(found[1]), MAX_COLUMNS)
            spanned, repeated = (1, count) if found[2] == "*" else (count, 1)
        elif found is not None and found[3]:
            raise _uneven()
    return cells


def _uneven() -> ListError:
    return ListError(
        "the cells of a table do not fill its rows, or go over several",
        remedy="Export the table as CSV, or write each row in a line of its own.",
    )


def _adoc(text: str) -> Cell:
    text = text[:MAX_CELL].strip(" \t*_`")
    found = _ADOC_LINK.match(text)
    if found is None:
        return text
    label = found[2].partition(",")[0].strip('"^ ')
    return LinkedText(label or found[1], found[1])
