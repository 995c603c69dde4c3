"""An archive behind other bytes: a program that unpacks itself, a picture with a zip at its end.

What comes in: the bytes of a file that is no archive by its beginning. What goes out: where one
begins in it, as programs that open such files look for it: a zip by its end, a 7z, a rar, a tar or
a packed one by the first signature that holds. `Behind` is the file from there on.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from reseen.files import zip_directory
from reseen.files.identify import HEAD_LENGTH, identify
from reseen.files.source import OpenFile, Range, run
from reseen.files.zip_directory import Windows
from reseen.records import Container

_SIGNATURES = (
    (b"7z\xbc\xaf\x27\x1c", Container.SEVEN_ZIP),
    (b"Rar!\x1a\x07\x00", Container.RAR),
    (b"Rar!\x1a\x07\x01\x00", Container.RAR),
)
_PACKED = (
    (b"\x1f\x8b\x08", 0, Container.GZIP),
    (b"\xfd7zXZ\0\0", 0, Container.XZ),
    (b"1AY&SY", 4, Container.BZIP2),
    (b"ustar", 257, Container.TAR),
)
"""What stands in a tar or a packed file, how many bytes after it begins, and which it is."""
_LOOK = 4 << 10
"""Bytes of what may be one that tell; of a shorter one nothing could be known."""
_MOST_TRIED = 10_000
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
    """Looks for an archive in a file that streams by: `feed` its bytes in order."""

    def __init__(self) -> None:
        self.found: tuple[Container, int] | None = None
        """What, and where it begins."""
        self._kept = b""
        self._at = 0
        self._tried = 0

    def feed(self, block: bytes) -> None:
        """The next bytes."""
        if self.found is None:
            data = self._kept + block
            start = self._at - len(self._kept)
            self.found = _first(data, start) or self._packed(data, start)
            self._kept = data[-(_LOOK - 1) :]
        self._at += len(block)

    def _packed(self, data: bytes, start: int) -> tuple[Container, int] | None:
        """The first tar, or packed file, that begins in these bytes."""
        places: list[tuple[int, Container]] = []
        for mark, before, container in _PACKED:
            at = data.find(mark) - before
            while at + before >= 0:
                if start + at > 0 and at >= 0 and at + _LOOK <= len(data):
                    # Where a file is full of what looks so, it is said, and no more is tried.
                    self._tried += 1
                    if self._tried > _MOST_TRIED or _IS_ONE[container](data[at : at + _LOOK]):
                        places.append((at, container))
                        break
                at = data.find(mark, at + before + 1) - before
        if not places:
            return None
        at, container = min(places)
        return container, start + at


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


def _is_gzip(data: bytes) -> bool:
    """Does something that is known come out of it?"""
    try:
        made = zlib.decompressobj(31).decompress(data, _LOOK)
    except zlib.error:
        return False
    return identify(made[:HEAD_LENGTH], 1 << 62) not in (Container.UNKNOWN, Container.ONNX)


def _is_xz(data: bytes) -> bool:
    return zlib.crc32(data[6:8]) == int.from_bytes(data[8:12], "little")


def _is_bzip2(data: bytes) -> bool:
    return b"1" <= data[3:4] <= b"9"


def _is_tar(data: bytes) -> bool:
    """By the checksum of its first header, without which nobody takes it for one."""
    told = data[148:156].strip(b" \0")
    counted = sum(data[:148]) + 8 * ord(" ") + sum(data[156:512])
    return told.lstrip(b"0") == b"%o" % counted


_IS_ONE = {
    Container.GZIP: _is_gzip,
    Container.XZ: _is_xz,
    Container.BZIP2: _is_bzip2,
    Container.TAR: _is_tar,
}


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
