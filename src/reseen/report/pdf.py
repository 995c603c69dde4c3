"""PDFs: letters to hosts and reports, made here with fpdf2, with nothing fetched.

What comes in: a text, or lines and tables. What goes out: the bytes of a PDF. Scripts that are
written from right to left are shaped and ordered; a character that the font does not have is
written as its number (\\u4e2d) and counted at the end: nobody reads a box as a name. The font is
DejaVu Sans where Debian's package has put it (Latin, Greek, Cyrillic, Hebrew, Arabic and more), or
what `RESEEN_PDF_FONT` names; without both, Helvetica, which knows Western European letters alone.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from reseen.errors import InputError, SettingsError
from reseen.texts import for_people

if TYPE_CHECKING:
    from fpdf import FPDF

DEJAVU = Path("/usr/share/fonts/truetype/dejavu")
"""Where Debian's package `fonts-dejavu-core` puts it."""
_FAMILY = "reseen"
_INDENT = 1.6
"""Millimetres for a leading blank."""


def available() -> bool:
    """Whether the extra `pdf` is installed."""
    return importlib.util.find_spec("fpdf") is not None


def letter(text: str, font: Path | None = None) -> bytes:
    """A plain text as pages of A4: its first line as the heading, the rest as it stands. Raises
    InputError without the extra, SettingsError for a font that cannot be used."""
    pages = PdfPages(font)
    heading, _, rest = text.partition("\n")
    pages.heading(heading)
    for line in rest.rstrip("\n").split("\n"):
        pages.line(line)
    return pages.end()


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture in a table's cell, as wide as that is."""

    svg: bytes
    """Ours, with its colours in it: no stylesheet is read here."""


Cell = str | Drawing


@dataclass(slots=True)
class PdfPages:
    """Pages of A4 that are filled from the top."""

    font: Path | None = None
    _pdf: FPDF = field(init=False)
    _has: frozenset[int] | None = field(init=False, default=None)
    _missing: int = field(init=False, default=0)
    _bold: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        if not available():
            raise InputError(
                "PDFs need the extra `pdf`, which is not installed",
                remedy="Install reseen[pdf], or print the page.",
            )
        from fpdf import FPDF

        made = FPDF(format="A4")
        made.set_margin(20)
        made.set_auto_page_break(True, margin=20)
        made.set_creator("Reseen")
        self._pdf = made
        self._choose(self.font)
        made.add_page()

    def heading(self, text: str, size: float = 15) -> None:
        """A heading of its own line or lines."""
        self._write(text, size, bold=True)
        self._pdf.ln(2)

    def line(self, text: str, *, size: float = 10, bold: bool = False) -> None:
        """A paragraph; blanks before it are its indent."""
        if not text.strip():
            self._pdf.ln(size * 0.25)
            return
        left = self._pdf.l_margin
        indent = min(len(text) - len(text.lstrip(" ")), 12) * _INDENT
        self._pdf.set_left_margin(left + indent)
        self._pdf.set_x(left + indent)
        self._write(text.strip(), size, bold=bold)
        self._pdf.set_left_margin(left)

    def table(
        self, heads: Sequence[str], rows: Iterable[Sequence[Cell]], widths: Sequence[int]
    ) -> None:
        """A table; `widths`: shares of the page's."""
        self._style(8.5, bold=False)
        told = [
            [cell if isinstance(cell, Drawing) else self._shown(cell) for cell in row]
            for row in rows
        ]
        from fpdf.enums import TableBordersLayout
        from fpdf.fonts import FontFace

        with self._pdf.table(
            col_widths=tuple(widths),
            text_align="LEFT",
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            line_height=4.4,
            padding=(1, 1),
            headings_style=FontFace(emphasis="BOLD" if self._bold else None),
        ) as made:
            made.row([self._shown(head) for head in heads])
            for cells in told:
                row = made.row()
                for cell in cells:
                    if isinstance(cell, Drawing):
                        row.cell(img=BytesIO(cell.svg), img_fill_width=True)
                    else:
                        row.cell(cell)
        self._pdf.ln(3)

    def bar(self, parts: Sequence[tuple[int, tuple[int, int, int]]]) -> None:
        """One bar over the page's width, of parts with their colours."""
        total = sum(count for count, _ in parts) or 1
        pdf, height = self._pdf, 7
        if pdf.will_page_break(height + 4):
            pdf.add_page()
        x, y = pdf.l_margin, pdf.get_y()
        for count, colour in parts:
            width = pdf.epw * count / total
            pdf.set_fill_color(*colour)
            pdf.rect(x, y, width, height, style="F")
            x += width
        pdf.set_fill_color(255)  # what comes after it is not of its last colour
        pdf.set_y(y + height + 3)

    def end(self) -> bytes:
        """The PDF."""
        if self._missing:
            count = "1 character" if self._missing == 1 else f"{self._missing:,} characters"
            self.line("")
            self.line(
                f"{count} that the font of this PDF does not have stand here as numbers, like "
                "\\u4e2d. The text file has them as they are.",
                size=8.5,
            )
        return bytes(self._pdf.output())

    # -- letters ---------------------------------------------------------------------------------

    def _choose(self, given: Path | None) -> None:
        plain = given or DEJAVU / "DejaVuSans.ttf"
        bold = given or DEJAVU / "DejaVuSans-Bold.ttf"
        if given is None and not (plain.is_file() and bold.is_file()):
            return
        try:
            self._pdf.add_font(_FAMILY, "", plain)
            self._pdf.add_font(_FAMILY, "B", bold)
            self._pdf.set_font(_FAMILY, "", 10)
            self._has = frozenset(getattr(self._pdf.fonts[_FAMILY], "cmap", ()))
        except Exception as error:
            raise SettingsError(
                "RESEEN_PDF_FONT is no TrueType font that can be used",
                remedy="Name a .ttf file, or unset it.",
            ) from error
        if importlib.util.find_spec("uharfbuzz") is not None:
            self._pdf.set_text_shaping(True)

    def _style(self, size: float, *, bold: bool) -> None:
        family = "helvetica" if self._has is None else _FAMILY
        self._pdf.set_font(family, "B" if bold else "", size)

    def _write(self, text: str, size: float, *, bold: bool) -> None:
        from fpdf.enums import WrapMode, XPos, YPos

        self._style(size, bold=bold)
        self._pdf.multi_cell(
            w=0,
            h=size * 0.5,
            text=self._shown(text),
            align="L",
            wrapmode=WrapMode.CHAR if " " not in text else WrapMode.WORD,
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )

    def _shown(self, text: str) -> str:
        """With what the font has: anything else as its number."""
        return "".join(map(self._one, for_people(text)))

    def _one(self, character: str) -> str:
        code = ord(character)
        known = code in self._has if self._has is not None else _in_latin(character)
        if known or character in "\n ":
            return character
        self._missing += 1
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _in_latin(character: str) -> bool:
    try:
        character.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return character.isprintable()
