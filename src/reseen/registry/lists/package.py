"""Reads the parts of an XLSX package piece by piece, in bounded steps.

What comes in: the open file of a workbook. What goes out: its sheets, and the rows of one. A few
bytes may inflate to gigabytes, a tag may never end, one long text may be named by every cell: the
bytes, texts and tags that are made are counted while they are made, and nothing is laid out that
is not in the file. The parser is expat; document types, and so entities of their own, are refused.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO
from xml.parsers import expat

from reseen.errors import ListError
from reseen.registry.lists.sheet import (
    DATES,
    Attributes,
    BehindCells,
    SharedTexts,
    SheetReader,
    attribute_of,
    broken,
    is_date_format,
    number_of,
    place_of,
    too_large,
)
from reseen.registry.lists.table import MAX_CELL, MAX_ROWS, Cell, too_many_rows

MAX_ENTRIES = 10_000
MAX_DIRECTORY = 4 << 20
"""Bytes of the list of entries, which is read as a whole."""
MAX_INFLATED = 1 << 30
"""Bytes of all parts that are read, inflated."""
MAX_RATIO = 300
"""How often a part beyond 4 MiB may outgrow its packed form; real sheets stay below 100."""
MAX_BEHIND = 500_000
"""Links behind cells, and merged ranges, of one sheet."""

_SMALL = 4 << 20
_PIECE = 64 << 10
_LONGEST_TAG = 1 << 20
_ENCODINGS = frozenset({"utf-8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "iso-8859-1"})


@dataclass(frozen=True, slots=True)
class SheetPart:
    """A sheet's part in the package."""

    path: str
    rels: str
    name: str = ""
    """What the person called it: it may name somebody, and is shown nowhere."""


class WorkbookPackage:
    """The parts of a workbook. Raises ListError."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        self._left = MAX_INFLATED
        if _directory_size(file) > MAX_DIRECTORY:
            raise too_large()
        try:
            entries = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError) as error:
            raise broken() from error
        self._entries = {entry.filename.lower(): entry for entry in entries}
        names = self._entries.keys()
        if not names & {"xl/workbook.xml", "[content_types].xml", "content.xml", "mimetype"}:
            raise ListError(
                "this is a packed file (ZIP) and no workbook",
                remedy="Unpack it and import the lists that are in it.",
            )
        if "xl/workbook.xml" not in names or names & {"content.xml", "xl/workbook.bin"}:
            raise broken()
        if len(entries) > MAX_ENTRIES or len(names) != len(entries):
            raise too_large()
        if any(entry.flag_bits & 1 for entry in entries):
            raise ListError("the workbook is protected by a password", remedy="Remove it.")
        self._texts = SharedTexts()
        self._dates: tuple[bool, ...] = ()
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
        reader = SheetReader(self._texts, self._dates, self._from_1904, behind)
        rows = 0
        for _ in self._parsed(sheet.path, reader.start, reader.end, reader.text):
            for row in reader.done:
                rows += 1
                if rows > MAX_ROWS:
                    raise too_many_rows()
                yield row
            reader.done.clear()

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
        within = ""

        def start(name: str, attributes: Attributes) -> None:
            nonlocal within
            if name in ("cellXfs", "cellStyleXfs"):
                within = name
            elif name == "numFmt" and len(formats) < 10_000:
                formats[number_of(attributes.get("numFmtId"))] = is_date_format(
                    attributes.get("formatCode", "")[:1_000]
                )
            elif name == "xf" and within == "cellXfs" and len(styles) < 100_000:
                styles.append(formats.get(id := number_of(attributes.get("numFmtId")), id in DATES))

        self._parse("xl/styles.xml", start)
        self._dates = tuple(styles)

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

    def _parse(
        self,
        path: str,
        start: Callable[[str, Attributes], None],
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> None:
        for _ in self._parsed(path, start, end, text):
            pass

    def _parsed(
        self,
        path: str,
        start: Callable[[str, Attributes], None],
        end: Callable[[str], None] | None,
        text: Callable[[str], None] | None,
    ) -> Iterator[None]:
        """Feeds a part to the parser, and stops after each piece of it."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = lambda name, attributes: start(
            name.rpartition(":")[2], attributes
        )
        if end is not None:
            parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
        if text is not None:
            parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.XmlDeclHandler = _check_encoding
        fed = 0
        try:
            for piece in self._inflated(path):
                parser.Parse(piece, False)
                fed += len(piece)
                if fed - max(0, parser.CurrentByteIndex) > _LONGEST_TAG:
                    raise too_large()
                yield
            parser.Parse(b"", True)
            yield
        except expat.ExpatError as error:
            raise broken() from error

    def _inflated(self, path: str) -> Iterator[bytes]:
        """A part's bytes, by its packed form and not by the size that it claims."""
        entry = self._entries.get(path)
        if entry is None:
            raise broken()
        allowed = max(_SMALL, MAX_RATIO * entry.compress_size)
        made = 0
        for piece in self._pieces(entry):
            made += len(piece)
            self._left -= len(piece)
            if made > allowed or self._left < 0:
                raise too_large()
            yield piece

    def _pieces(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        if not 0 <= entry.header_offset <= self._size:
            raise broken()
        self._file.seek(entry.header_offset)
        header = self._file.read(30)
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise broken()
        skip = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        at, left = entry.header_offset + 30 + skip, entry.compress_size
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise broken()
        unpacker = zlib.decompressobj(-15) if entry.compress_type == zipfile.ZIP_DEFLATED else None
        while left > 0:
            self._file.seek(at)
            packed = self._file.read(min(left, _PIECE))
            if not packed:
                raise broken()
            at += len(packed)
            left -= len(packed)
            if unpacker is None:
                yield packed
                continue
            try:
                while packed and not unpacker.eof:
                    if piece := unpacker.decompress(packed, _PIECE):
                        yield piece
                    packed = unpacker.unconsumed_tail
            except zlib.error as error:
                raise broken() from error
        if unpacker is not None and not unpacker.eof:
            raise broken()


def _directory_size(file: BinaryIO) -> int:
    """Bytes of the list of entries, as the end of the archive says."""
    at = file.seek(0, 2)
    at = file.seek(max(0, at - (66 << 10)))
    tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    size = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    locator = tail[end - 20 : end] if end >= 20 else b""
    if locator.startswith(b"PK\x06\x07"):
        file.seek(int.from_bytes(locator[8:16], "little") & (1 << 62) - 1)
        size = max(
            size & 0xFFFFFFFF if size != 0xFFFFFFFF else 0,
            int.from_bytes(file.read(56)[40:48], "little"),
        )
    return size


def _refuse_doctype(*_: Any) -> None:
    raise broken()


def _check_encoding(_: str | None, encoding: str | None, __: int) -> None:
    """A package is in UTF-8 or UTF-16; what Python knows beside them fails in ways of its own."""
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise broken()
