"""An archive behind other bytes: a program that unpacks itself, a picture with a zip at its end.

What comes in: the bytes of a file that is no archive by its beginning. What goes out: where one
begins in it, as programs that open such files look for it: a zip by its end, a 7z or a rar by the
first signature. `Behind` is the file from there on.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from reseen.files import zip_directory
from reseen.files.source import OpenFile, Range, run
from reseen.files.zip_directory import Windows
from reseen.records import Container

_SIGNATURES = (
    (b"7z\xbc\xaf\x27\x1c", Container.SEVEN_ZIP),
    (b"Rar!\x1a\x07\x00", Container.RAR),
    (b"Rar!\x1a\x07\x01\x00", Container.RAR),
)
_HEADER = 32
"""Bytes of a 7z's first header: signature, version, the checksum of what follows, where it ends."""
_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class Behind:
    """A file from a place on."""

    source: OpenFile
    begin: int
    """Where it begins for its reader."""
    before: int = 0
    """Of a zip whose places count from the beginning of the file: bytes before its first entry."""

    @property
    def size(self) -> int:
        return self.source.size - self.begin

    @property
    def descriptors(self) -> tuple[int, ...]:
        return self.source.descriptors

    def read(self, wanted: Range) -> bytes:
        return self.source.read(Range(wanted.start + self.begin, wanted.length))


class Signatures:
    """Looks for a 7z or a rar in a file that streams by: `feed` its bytes in order."""

    def __init__(self) -> None:
        self.found: tuple[Container, int] | None = None
        """What, and where it begins."""
        self._kept = b""
        self._at = 0

    def feed(self, block: bytes) -> None:
        """The next bytes."""
        if self.found is None:
            data = self._kept + block
            self.found = _first(data, self._at - len(self._kept))
            self._kept = data[-(_HEADER - 1) :]
        self._at += len(block)


def _first(data: bytes, start: int) -> tuple[Container, int] | None:
    """The first archive that begins in these bytes of a file, all of whose first header is here."""
    places: list[tuple[int, Container]] = []
    for signature, container in _SIGNATURES:
        at = data.find(signature)
        while at >= 0:
            if start + at and (container is Container.RAR or _is_seven_zip(data, at)):
                places.append((at, container))
                break
            at = data.find(signature, at + 1)
    if not places:
        return None
    at, container = min(places)
    return container, start + at


def _is_seven_zip(data: bytes, at: int) -> bool:
    header = data[at : at + _HEADER]
    told = int.from_bytes(header[8:12], "little")
    return len(header) == _HEADER and zlib.crc32(header[12:]) == told


def archive_within(source: OpenFile, *, ends_as_zip: bool) -> tuple[Container, Behind] | None:
    """The archive in an open file that does not begin as one; None where none is found.
    `ends_as_zip`: by its last bytes it is a zip. Raises Malformed for a zip that is damaged."""
    if ends_as_zip:
        return Container.ZIP, _zip_within(source)
    looked = Signatures()
    for at in range(0, source.size, _BLOCK):
        looked.feed(source.read(Range(at, _BLOCK)))
        if looked.found is not None:
            container, begin = looked.found
            return container, Behind(source, begin)
    return None


def _zip_within(source: OpenFile) -> Behind:
    """By where the directory is, and where it is said to be."""
    begin, before = run(source, zip_directory.read_beginning(Windows(source.size)))
    return Behind(source, begin, before)
