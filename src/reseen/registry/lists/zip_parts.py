"""Reads the parts of a packed document piece by piece, in bounded steps, and XML as it comes.

What comes in: an open ZIP file, or pieces of XML. What goes out: the names of its parts, their
bytes, and what an XML parser meets in them. A few bytes may inflate to gigabytes, a tag may never
end: the bytes and tags that are made are counted while they are made. The parser is expat; document
types, and so entities of their own, are refused.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, Protocol
from xml.parsers import expat

from reseen.errors import ListError
from reseen.registry.lists.sheet import Attributes, broken, too_large
from reseen.registry.lists.table import MAX_ROWS, Cell, too_many_rows

MAX_ENTRIES = 10_000
MAX_DIRECTORY = 4 << 20
"""Bytes of the list of entries, which is read as a whole."""
MAX_INFLATED = 1 << 30
"""Bytes of all parts that are read, inflated."""
MAX_RATIO = 300
"""How often a part beyond 4 MiB may outgrow its packed form; real sheets stay below 100."""

_SMALL = 4 << 20
_PIECE = 64 << 10
_LONGEST_TAG = 1 << 20
_ENCODINGS = frozenset({"utf-8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "iso-8859-1"})

Start = Callable[[str, Attributes], None]
Ended = Callable[[str], None]


class RowReader(Protocol):
    """Makes rows of the tags that it is told of."""

    done: list[tuple[int, list[Cell]]]
    """Rows that are whole, with their numbers; whoever takes them takes them out."""
    ended: bool
    """No more rows come, whatever stands behind."""

    def start(self, name: str, attributes: Attributes) -> None: ...

    def end(self, name: str) -> None: ...

    def text(self, piece: str) -> None: ...


class ZipParts:
    """The parts of a packed document. Raises ListError."""

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
        self._count = len(entries)

    def _check(self) -> None:
        """Raises ListError for a package that asks for too much, or is locked."""
        if self._count > MAX_ENTRIES or len(self._entries) != self._count:
            raise too_large()
        if any(entry.flag_bits & 1 for entry in self._entries.values()):
            raise ListError("the workbook is protected by a password", remedy="Remove it.")

    def _parse(
        self, path: str, start: Start, end: Ended | None = None, text: Ended | None = None
    ) -> None:
        for _ in self._parsed(path, start, end, text):
            pass

    def _parsed(
        self, path: str, start: Start, end: Ended | None, text: Ended | None
    ) -> Iterator[None]:
        """Feeds a part to the parser, and stops after each piece of it."""
        return parsed(self._inflated(path), start, end, text)

    def _rows(self, path: str, reader: RowReader) -> Iterator[tuple[int, list[Cell]]]:
        """The rows that a reader makes of a part, with their numbers."""
        rows = 0
        for _ in self._parsed(path, reader.start, reader.end, reader.text):
            for row in reader.done:
                rows += 1
                if rows > MAX_ROWS:
                    raise too_many_rows()
                yield row
            reader.done.clear()
            if reader.ended:
                return

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


def parsed(
    pieces: Iterable[bytes], start: Start, end: Ended | None, text: Ended | None
) -> Iterator[None]:
    """Feeds XML to the parser, and stops after each piece of it. Names come without prefixes."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    if text is not None:
        parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.XmlDeclHandler = _check_encoding
    fed = 0
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            fed += len(piece)
            if fed - max(0, parser.CurrentByteIndex) > _LONGEST_TAG:
                raise too_large()
            yield
        parser.Parse(b"", True)
        yield
    except expat.ExpatError as error:
        raise broken() from error


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
