"""The process that unpacks an archive: `python -m reseen.files.unpacker KIND SECONDS BEGIN
FD...`.

What comes in: open files, the parts of one archive, which begins so many bytes behind the
beginning of the first. What goes out, on its standard output: frames
(a letter, a length, bytes), of which `archives` makes members. What takes foreign bytes apart here
is the standard library's tarfile and the system's libarchive: it may fail, hang or be taken over,
so it has this process alone, with little memory and time, no name of a file, and nothing to write
to but its parent. Its parent believes nothing that it says.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import struct
import sys
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO

from reseen.files import limits, system_limits
from reseen.records import Container

MEMBER, DATA, END, WHY, DONE = b"M", b"D", b"E", b"W", b"Z"
"""A member begins (JSON: its name and size); some of its bytes; it ends; why no more comes (a code
of `CODES`); all came."""
FRAME = struct.Struct("<cI")
PIECE = 1 << 18
"""Bytes of a frame at most."""
CODES = ("encrypted", "malformed", "not-read", "no-library", "system-limit")

_Members = Iterator[tuple[str, int | None, Iterable[bytes]]]


class _OpenParts(io.RawIOBase):
    """Several open files as one, to be read and sought in."""

    def __init__(self, descriptors: list[int], begin: int) -> None:
        self._parts: list[tuple[int, int, int]] = []
        """Where each begins, its length, its descriptor."""
        self._size = -begin
        self._at = 0
        for descriptor in descriptors:
            length = os.fstat(descriptor).st_size
            self._parts.append((self._size, length, descriptor))
            self._size += length

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        base = {0: 0, 1: self._at, 2: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        for start, length, descriptor in self._parts:
            if start <= self._at < start + length:
                wanted = min(len(view), start + length - self._at)
                data = os.pread(descriptor, wanted, self._at - start)
                view[: len(data)] = data
                self._at += len(data)
                return len(data)
        return 0


class _OpenBlocks(io.RawIOBase):
    """Blocks of bytes as they come, to be read."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        while not self._left:
            try:
                self._left = next(self._blocks)
            except StopIteration:
                return 0
        data = self._left[: len(view)]
        self._left = self._left[len(data) :]
        view[: len(data)] = data
        return len(data)


def main() -> None:
    parent = os.getppid()
    kind, seconds = Container(sys.argv[1]), int(sys.argv[2])
    begin, *descriptors = map(int, sys.argv[3:])
    stream = io.BufferedReader(_OpenParts(descriptors, begin), PIECE)
    library = None if kind in _STANDARD else _libarchive()
    system_limits.die_with(parent)
    system_limits.limit_process(0, memory=limits.UNPACKER_MEMORY, seconds=seconds)
    out = sys.stdout.buffer
    try:
        _send(out, kind, stream, library)
        _frame(out, DONE)
        out.flush()
    except BrokenPipeError:
        os._exit(0)  # the parent has heard enough
    except MemoryError:
        _frame(out, WHY, b"system-limit")
    except _fails(library) as e:
        _frame(out, WHY, b"encrypted" if "ncrypt" in str(e) else b"malformed")


def _send(out: BinaryIO, kind: Container, stream: BinaryIO, library: Any) -> None:
    by_stream = kind in _STANDARD or kind is Container.ZSTD
    way = _by_stream if by_stream else _by_library
    members = way(kind, stream, library)
    for name, size, blocks in members:
        _frame(out, MEMBER, json.dumps([name[: limits.MEMBER_NAME], size]).encode())
        for block in blocks:
            for at in range(0, len(block), PIECE):
                _frame(out, DATA, block[at : at + PIECE])
        _frame(out, END)


def _frame(out: BinaryIO, kind: bytes, data: bytes = b"") -> None:
    out.write(FRAME.pack(kind, len(data)))
    out.write(data)


_STANDARD = (Container.TAR, Container.GZIP, Container.BZIP2, Container.XZ)
"""What the standard library unpacks."""


_FAILS = (
    *(tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError),
    *(OverflowError, LookupError, RecursionError),
)
"""What the standard library raises of an archive that is none: of its own, and of what it made of
numbers beyond measure."""
_PADDING = 16 << 20
"""Bytes of zeros that a tar ends with at most; usually it is some 10 KiB."""
_OPENERS: dict[Container, Any] = {
    Container.GZIP: gzip.open,
    Container.BZIP2: bz2.open,
    Container.XZ: lzma.open,
}


def _fails(library: Any) -> tuple[type[Exception], ...]:
    return _FAILS if library is None else (*_FAILS, library.ArchiveError)


def _by_stream(kind: Container, stream: BinaryIO, library: Any) -> _Members:
    """A tar, packed or not; or what is packed alone."""
    fails = _fails(library)
    came = False
    try:
        with _plain(kind, stream, library) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for member in tar:
                # A kind that nobody knows is a file to whoever unpacks it.
                if member.isreg() or member.type not in tarfile.SUPPORTED_TYPES:
                    file = tar.extractfile(member)
                    assert file is not None
                    came = True
                    yield member.name, member.size, iter(partial(file.read, PIECE), b"")
                # It remembers each, and a tar can have any number.
                tar.members = []  # type: ignore[attr-defined]
            _check_end(tar.fileobj)
    except BrokenPipeError:
        raise
    except fails:
        if came or kind is Container.TAR:
            raise
    if not came and kind is not Container.TAR:
        stream.seek(0)
        with _plain(kind, stream, library) as plain:
            yield "data", None, iter(partial(plain.read, PIECE), b"")


@contextmanager
def _plain(kind: Container, stream: BinaryIO, library: Any) -> Iterator[Any]:
    """What comes out of it, of all the streams that it has one after the other: tarfile's own way
    ends with the first."""
    if kind is not Container.ZSTD:
        yield _OPENERS[kind](stream) if kind in _OPENERS else stream
        return
    with library.stream_reader(stream, "raw", "zstd", block_size=PIECE) as archive:
        for entry in archive:
            yield io.BufferedReader(_OpenBlocks(entry.get_blocks(PIECE)), PIECE)
            return
    raise EOFError


def _check_end(rest: Any) -> None:
    """Raises ReadError where more than zeros follow the last member: tarfile ends in silence at a
    member that is damaged, and what stands behind it others find."""
    for _ in range(0, _PADDING, PIECE):
        data = rest.read(PIECE)
        if not data:
            return
        if data.strip(b"\0"):
            break
    raise tarfile.ReadError


def _libarchive() -> Any:
    try:
        import libarchive
    except (
        ImportError,
        AttributeError,
        OSError,
        TypeError,
    ):  # the package, or the system's library
        _frame(sys.stdout.buffer, WHY, b"no-library")
        sys.stdout.buffer.flush()
        os._exit(0)
    return libarchive


def _by_library(kind: Container, stream: BinaryIO, library: Any) -> _Members:
    forms = ("7zip",) if kind is Container.SEVEN_ZIP else ("rar5", "rar")
    came = False
    for form in forms:
        stream.seek(0)
        try:
            with library.stream_reader(stream, form, "none", block_size=PIECE) as archive:
                for entry in archive:
                    if entry.isreg:
                        came = True
                        yield str(entry.pathname), entry.size, entry.get_blocks(PIECE)
            return
        except library.ArchiveError:
            if came or form == forms[-1]:
                raise


if __name__ == "__main__":
    main()
