"""Reads the tables of a saved web page, and the text of one that has none, and browsers' bookmarks.

What comes in: the open file. What goes out: its tables, each with the heading above it, or lines of
text in which a link stands as Markdown writes it. Nothing is fetched and nothing is executed: what
scripts, styles and comments hold is passed over. What is made is counted while it is made. The
parser is Python's own; it is fed in pieces that grow with what it could not read yet, so that no
tag without an end takes more than twice its length.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import BinaryIO

from reseen.errors import ListError
from reseen.registry.lists.looks import Row
from reseen.registry.lists.table import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROWS,
    Cell,
    LinkedText,
    row_bytes,
    too_long,
    too_many_rows,
    too_wide,
)

MAX_PAGE = 32 << 20
"""Bytes of a page."""
MAX_MADE = 48 << 20
"""Bytes that its tables make, which are held together."""
MAX_TABLES = 500
_PIECE = 16 << 10
_LONGEST_TAG = 64 << 10
"""Characters, without pictures that stand in it."""
_DEEPEST = 64
"""Tables within tables."""

_SILENT = frozenset({"script", "style", "template", "noscript", "svg", "title", "select", "object"})
_BREAKS = frozenset(
    {*("p", "div", "li", "ul", "ol", "dl", "dt", "dd", "br", "hr", "pre", "section", "article")}
    | {*("blockquote", "header", "footer", "table", "tr", "caption", "figure", "details")}
    | {"summary"}
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "caption", "summary", "legend"})
_CHARSET = re.compile(rb"""charset\s{0,4}=\s{0,4}["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)


@dataclass(slots=True)
class PageTable:
    """One table, with its rows numbered from 1."""

    title: str
    """The heading above it."""
    rows: list[Row] = field(default_factory=list)
    going_on: dict[int, tuple[int, Cell]] = field(default_factory=dict)
    """By column: the last row of a cell that goes over several, and its value."""
    nested: bool = False
    """Another table stands in it: it lays out the page."""


@dataclass(slots=True)
class WebPage:
    """What a page holds."""

    tables: list[PageTable]
    text: BinaryIO
    """Its lines, in UTF-8."""


def read_page(file: BinaryIO) -> WebPage:
    """The tables and the text of a page. Raises ListError."""
    if file.seek(0, 2) > MAX_PAGE:
        raise ListError(
            f"the web page is larger than {MAX_PAGE >> 20} MiB",
            remedy="Save the page's table as CSV.",
        )
    file.seek(0)
    decoder = codecs.getincrementaldecoder(_encoding_of(file.read(2_048)))("replace")
    file.seek(0)
    parser = _PageParser()
    waiting: list[str] = []
    pieces = _without_pictures(file)
    try:
        for piece in pieces:
            waiting.append(decoder.decode(piece))
            if sum(map(len, waiting)) < len(parser.rawdata):
                continue
            parser.feed("".join(waiting))
            waiting.clear()
            if len(parser.rawdata) > _LONGEST_TAG:
                raise _too_large()
        parser.feed("".join(waiting))
        parser.close()
    except AssertionError:  # of marks that no page has
        raise ListError("the web page is not in order", remedy="Save the page again.") from None
    return parser.page()


_PICTURE = re.compile(rb"(?<![A-Za-z0-9+/=%])[A-Za-z0-9+/=%]{4000,}+")
"""Tried where a run begins alone: else each of its bytes is a beginning."""
_RUN = re.compile(rb"[A-Za-z0-9+/=%]*")


def _without_pictures(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of a page, without pictures that stand in it in base64."""
    dropping = False
    while piece := file.read(_PIECE):
        if dropping:
            run = _RUN.match(piece)
            piece = piece[run.end() if run else 0 :]
            if not piece:
                continue
        dropping = any(run.end() == len(piece) for run in _PICTURE.finditer(piece))
        yield _PICTURE.sub(b"", piece)


def _encoding_of(head: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if head.startswith(mark):
            return encoding
    found = _CHARSET.search(head)
    try:
        name = codecs.lookup(found[1].decode()).name if found else "utf-8"
    except LookupError:
        name = "utf-8"
    text = name.startswith(("utf", "cp", "iso8859", "gb", "big5", "euc", "shift", "koi8"))
    return name if text and name != "utf-7" else "utf-8"


class _PageParser(HTMLParser):
    """Makes tables and lines of what it meets."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._tables: list[PageTable] = []
        self._open: list[PageTable] = []
        self._cells: list[list[Cell]] = []
        """Of the row that is read, of each open table; empty where none is."""
        self._spans: list[tuple[int, int]] = []
        self._pieces: list[str] | None = None
        """The text of the cell that is read."""
        self._links: set[str] = set()
        """Of that cell: the first two that differ, for of more than one none is its own."""
        self._held = self._made = self._rows = self._titled = 0
        self._silent = ""
        self._title: list[str] | None = None
        self._last_title = ""
        self._text = io.BytesIO()
        self._ends = "\n"
        """How the lines end so far."""
        self._href: str | None = None
        """The link that is open."""

    def page(self) -> WebPage:
        while self._open:
            self._end_table()
        self._text.seek(0)
        return WebPage([table for table in self._tables if table.rows], self._text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent:
            return
        if tag in _SILENT:
            self._silent = tag
        elif tag == "table":
            self._start_table()
        elif tag == "tr":
            self._end_row()
        elif tag in ("td", "th") and self._open:
            self._end_cell()
            said = dict(attrs)
            self._spans = [(_span(said.get("rowspan")), _span(said.get("colspan")))]
            self._pieces, self._links, self._held = [], set(), 0
        elif tag == "a":
            href = (dict(attrs).get("href") or "").strip()
            if "://" in href[:12]:
                if len(self._links) < 2:
                    self._links.add(href)
                self._href = href
                self._line("[")
        if tag in _HEADINGS:
            self._title, self._titled = [], 0
            self._line("\n# ")
        elif tag in _BREAKS:
            self._line("\n- " if tag == "li" else "\n")
            self._put("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            self._silent = "" if tag == self._silent else self._silent
        elif tag == "table" and self._open:
            self._end_table()
        elif tag == "tr":
            self._end_row()
        elif tag in ("td", "th"):
            self._end_cell()
            self._line(" ")
        elif tag == "a" and self._href is not None:
            href, self._href = self._href, None
            self._line(f"]({href})" if len(href) <= MAX_CELL else "]")
        if tag in _HEADINGS and self._title is not None:
            self._last_title, self._title = " ".join("".join(self._title).split()), None
            self._line("\n")
        elif tag in _BREAKS:
            self._line("\n")

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._title is not None and self._titled < MAX_CELL:
            self._title.append(data[:MAX_CELL])
            self._titled += len(data)
        self._put(data)
        self._line(data)

    def _line(self, piece: str) -> None:
        if self._ends == "\n":
            piece = piece.lstrip()
        if piece:
            self._ends = piece[-1]
            self._text.write(piece.encode("utf-8", "replace"))

    def _put(self, piece: str) -> None:
        if self._pieces is None:
            return
        self._held += len(piece)
        if self._held > 4 * MAX_CELL:
            raise too_long(len(self._open[-1].rows) + 1 if self._open else 1)
        self._pieces.append(piece)

    def _count(self, made: int) -> None:
        self._made += made
        if self._made > MAX_MADE:
            raise _too_large()

    def _start_table(self) -> None:
        if len(self._open) >= _DEEPEST or len(self._tables) >= MAX_TABLES:
            raise ListError(
                f"the page has more than {MAX_TABLES} tables, or tables deep within tables",
                remedy="Save the one table as CSV.",
            )
        if self._open:
            self._open[-1].nested = True
            self._pieces = None
        table = PageTable(self._last_title)
        self._last_title = ""
        self._tables.append(table)
        self._open.append(table)
        self._cells.append([])

    def _end_table(self) -> None:
        self._end_row()
        table = self._open.pop()
        self._cells.pop()
        if table.nested:
            table.rows.clear()

    def _end_row(self) -> None:
        self._end_cell()
        if not self._open:
            return
        table, cells = self._open[-1], self._cells[-1]
        if not any(cell is not None for cell in cells):
            cells.clear()
            return
        self._rows += 1
        if self._rows > MAX_ROWS:
            raise too_many_rows()
        number = len(table.rows) + 1
        for at, (last, cell) in [*table.going_on.items()]:
            if number > last:
                del table.going_on[at]
            elif at >= len(cells):
                cells.extend([None] * (at - len(cells)) + [cell])
        self._count(row_bytes(cells))
        table.rows.append((number, [*cells]))
        cells.clear()

    def _end_cell(self) -> None:
        if self._pieces is None or not self._open:
            return
        text = _whole("".join(self._pieces))
        self._pieces = None
        if len(text) > MAX_CELL:
            raise too_long(len(self._open[-1].rows) + 1)
        table, cells = self._open[-1], self._cells[-1]
        number = len(table.rows) + 1
        while (on := table.going_on.get(len(cells))) is not None and on[0] >= number:
            cells.append(on[1])
        cell: Cell = text or None
        link = self._links.pop() if len(self._links) == 1 else None
        if link is not None and len(link) <= MAX_CELL and "://" not in text:
            cell = LinkedText(text, link)
        (over, across), at = self._spans[0], len(cells)
        if at + across > MAX_COLUMNS:
            raise too_wide(number)
        cells.extend([cell, *[None] * (across - 1)])
        if over > 1 and cell is not None:
            table.going_on[at] = (number + over - 1, cell)


def _whole(text: str) -> str:
    """The text of a cell with its lines, as a page shows it."""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _span(text: str | None) -> int:
    text = (text or "").strip()
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 5 else 1


def _too_large() -> ListError:
    return ListError(
        "the web page asks for too much memory", remedy="Save the page's table as CSV."
    )
