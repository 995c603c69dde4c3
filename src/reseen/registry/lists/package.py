"""Reads the parts of an XLSX package.

What comes in: the open file of a workbook. What goes out: its sheets, and the rows of one. One long
text may be named by every cell: the texts that are made are counted, and nothing is laid out that
is not in the file. How parts are inflated and parsed within bounds, `zip_parts` knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from reseen.errors import ListError
from reseen.registry.lists.sheet import (
    DATES,
    Attributes,
    BehindCells,
    CellStyles,
    SharedTexts,
    SheetReader,
    attribute_of,
    broken,
    is_date_format,
    number_of,
    place_of,
    too_large,
)
from reseen.registry.lists.table import MAX_CELL, MAX_ROWS, Cell
from reseen.registry.lists.zip_parts import ZipParts

MAX_BEHIND = 500_000
"""Links behind cells, and merged ranges, of one sheet."""


@dataclass(frozen=True, slots=True)
class SheetPart:
    """A sheet's part in the package."""

    path: str
    rels: str
    name: str = ""
    """What the person called it: it may name somebody, and is shown nowhere."""


class WorkbookPackage(ZipParts):
    """The parts of a workbook. Raises ListError."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        names = self._entries.keys()
        if not names & {"xl/workbook.xml", "[content_types].xml", "content.xml", "mimetype"}:
            raise ListError(
                "this is a packed file (ZIP) and no workbook",
                remedy="Unpack it and import the lists that are in it.",
            )
        if "xl/workbook.xml" not in names or names & {"content.xml", "xl/workbook.bin"}:
            raise broken()
        self._check()
        self._texts = SharedTexts()
        self._styles = CellStyles()
        self._from_1904 = False
        self._sheets = self._read_workbook()
        if "xl/sharedstrings.xml" in names:
            self._read_shared()
        if "xl/styles.xml" in names:
            self._read_styles()

    def sheets(self) -> list[SheetPart]:
        """The sheets in the order in which a person sees them."""
        return self._sheets

    def rows(self, sheet: SheetPart) -> Iterator[tuple[int, list[Cell]]]:
        """The rows that hold anything, with their numbers."""
        behind = self._behind(sheet)
        reader = SheetReader(self._texts, self._styles, self._from_1904, behind)
        return self._rows(sheet.path, reader)

    def _read_workbook(self) -> list[SheetPart]:
        ids: list[tuple[str, str]] = []

        def start(name: str, attributes: Attributes) -> None:
            if name == "sheet":
                ids.append((attribute_of(attributes, "id"), attributes.get("name", "")))
            elif name == "workbookPr":
                self._from_1904 = attributes.get("date1904") in ("1", "true")

        self._parse("xl/workbook.xml", start)
        targets = self._targets("xl/_rels/workbook.xml.rels", "xl/")
        paths = [(targets.get(id, ""), name) for id, name in ids]
        return [
            SheetPart(path, f"{head}/_rels/{tail}.rels", name)
            for path, name in paths
            if path in self._entries
            for head, _, tail in (path.rpartition("/"),)
        ]

    def _targets(self, rels: str, base: str) -> dict[str, str]:
        """Where the relations of a part lead, by their ids; paths in lower case."""
        found: dict[str, str] = {}

        def start(name: str, attributes: Attributes) -> None:
            if name != "Relationship" or len(found) > MAX_BEHIND:
                return
            target = attributes.get("Target", "")
            if attributes.get("TargetMode") != "External":
                target = target.lstrip("/") if target.startswith("/") else base + target
                target = target.lower()
            found[attributes.get("Id", "")] = target

        if rels in self._entries:
            self._parse(rels, start)
        return found

    def _read_shared(self) -> None:
        texts, pieces, held = self._texts, [], 0
        inside = phonetic = 0

        def start(name: str, _: Attributes) -> None:
            nonlocal inside, phonetic
            phonetic += name == "rPh"
            inside += name == "t" and not phonetic

        def text(piece: str) -> None:
            nonlocal held
            if inside and held <= MAX_CELL:
                held += len(piece)
                pieces.append(piece)

        def end(name: str) -> None:
            nonlocal inside, phonetic, held
            if name == "rPh":
                phonetic -= 1
            elif name == "t" and not phonetic:
                inside = 0
            elif name == "si":
                texts.add("".join(pieces))
                pieces.clear()
                held = 0

        self._parse("xl/sharedstrings.xml", start, end, text)

    def _read_styles(self) -> None:
        formats: dict[int, bool] = {}
        styles: list[bool] = []
        fonts: list[bool] = []
        struck: list[bool] = []
        within = ""

        def start(name: str, attributes: Attributes) -> None:
            nonlocal within
            if name in ("cellXfs", "cellStyleXfs", "fonts", "dxfs"):
                within = name
            elif within == "fonts" and name == "font" and len(fonts) < 100_000:
                fonts.append(False)
            elif within == "fonts" and name == "strike" and fonts:
                fonts[-1] = attributes.get("val", "1") not in ("0", "false")
            elif name == "numFmt" and len(formats) < 10_000:
                formats[number_of(attributes.get("numFmtId"))] = is_date_format(
                    attributes.get("formatCode", "")[:1_000]
                )
            elif name == "xf" and within == "cellXfs" and len(styles) < 100_000:
                styles.append(formats.get(id := number_of(attributes.get("numFmtId")), id in DATES))
                font = number_of(attributes.get("fontId"))
                struck.append(0 <= font < len(fonts) and fonts[font])

        self._parse("xl/styles.xml", start)
        self._styles = CellStyles(tuple(styles), tuple(struck))

    def _behind(self, sheet: SheetPart) -> BehindCells:
        """Links behind cells and merged ranges: they stand after the rows."""
        behind = BehindCells()
        if not self._mentions(sheet.path, (b"mergeCell", b"hyperlink")):
            return behind

        def start(name: str, attributes: Attributes) -> None:
            if name not in ("hyperlink", "mergeCell"):
                return
            if len(behind) > MAX_BEHIND:
                raise too_large()
            first, _, last = attributes.get("ref", "").partition(":")
            here, there = place_of(first), place_of(last or first)
            if here is None or there is None:
                return
            if name == "mergeCell" and here[0] < there[0] <= here[0] + MAX_ROWS:
                behind.merged[here] = there[0]
            elif name == "hyperlink":
                if (link := attribute_of(attributes, "location")) and "://" in link:
                    behind.links[here] = link
                elif id := attribute_of(attributes, "id"):
                    behind.ids[here] = id

        self._parse(sheet.path, start)
        if behind.ids:
            targets = self._targets(sheet.rels, "")
            behind.links |= {at: targets[id] for at, id in behind.ids.items() if id in targets}
        return behind

    def _mentions(self, path: str, words: tuple[bytes, ...]) -> bool:
        before = b""
        for piece in self._inflated(path):
            if any(word in before + piece for word in words):
                return True
            before = piece[-16:]
        return False
