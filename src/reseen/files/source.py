"""Reads bytes from anywhere: a reader says which range it wants next, and is handed it.

A reader is a generator. It yields a `Range`, is handed the bytes, and in the end returns what it
read. The same reader serves a local file, memory, and an awaiting walk over HTTP, and none of them
knows the others: `run` drives one over a `ByteSource` here; `hubs.hub.drive` awaits one there.

A reader is promised at most `Range.length` bytes; fewer mean that the file ends there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

from reseen.errors import FileError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes wanted: [start, start + length)."""

    start: int
    length: int


Reader = Generator[Range, bytes, T]
"""Yields ranges, is sent their bytes, returns what it read."""


class ByteSource(Protocol):
    """Something that has a size and hands out ranges."""

    @property
    def size(self) -> int:
        """Bytes in all."""

    def read(self, wanted: Range) -> bytes:
        """The bytes of the range, fewer where the source ends."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A source over bytes in memory."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, wanted: Range) -> bytes:
        return self.data[wanted.start : wanted.start + wanted.length]


class OpenFile(ByteSource, Protocol):
    """A source that lies in files of this machine."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The files, one after the other."""


class LocalFile:
    """A source over a regular file. Raises FileError if there is none or it cannot be opened.

    Reads with pread: nothing is mapped, so a file that shrinks under us gives short reads
    and not a signal.
    """

    def __init__(self, path: Path) -> None:
        try:
            # O_NONBLOCK: a fifo put in our way must not hang us before we see that it is one.
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError) as e:
            reason = e.strerror if isinstance(e, OSError) and e.strerror else "not a usable path"
            raise FileError(f"cannot open the file: {reason}") from e
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._fd)
            raise FileError("not a regular file")
        self._size = status.st_size

    @property
    def size(self) -> int:
        return self._size

    @property
    def descriptors(self) -> tuple[int, ...]:
        """For a process that reads it, too."""
        return (self._fd,)

    def read(self, wanted: Range) -> bytes:
        parts: list[bytes] = []
        start, left = wanted.start, wanted.length
        while left > 0:
            try:
                part = os.pread(self._fd, min(left, 1 << 30), start)
            except OSError as e:
                raise FileError(f"cannot read the file: {e.strerror}") from e
            if not part:
                break
            parts.append(part)
            start += len(part)
            left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> LocalFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def standing_beside(path: Path, name: str) -> Path | None:
    """The file of this name in the folder where a file was seen; None where there is none. A link
    is none, but for one of a Hub cache, whose links all lead into one folder: nothing is read
    elsewhere."""
    other = path.with_name(name)
    try:
        if not other.is_file():
            return None
        if other.is_symlink() and not (
            path.is_symlink() and other.resolve().parent == path.resolve().parent
        ):
            return None
    except (OSError, ValueError, RuntimeError):
        return None
    return other


@dataclass(frozen=True, slots=True)
class OpenSpool:
    """A source over a file that is open already, and has no name."""

    descriptor: int
    size: int

    @property
    def descriptors(self) -> tuple[int, ...]:
        return (self.descriptor,)

    def read(self, wanted: Range) -> bytes:
        return os.pread(self.descriptor, wanted.length, wanted.start)


@dataclass(frozen=True, slots=True)
class FileParts:
    """Several files as one: what was cut into parts."""

    files: tuple[LocalFile, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each begins."""
        ends = accumulate(file.size for file in self.files)
        return (0, *ends)[:-1]

    @property
    def descriptors(self) -> tuple[int, ...]:
        return tuple(each for file in self.files for each in file.descriptors)

    def read(self, wanted: Range) -> bytes:
        found, at, start = [], 0, wanted.start
        for file in self.files:
            begin = max(start - at, 0)
            length = wanted.start + wanted.length - at - begin
            if begin < file.size and length > 0:
                found.append(file.read(Range(begin, min(length, file.size - begin))))
            at += file.size
        return b"".join(found)


def run(source: ByteSource, reader: Reader[T]) -> T:
    """Drive a reader over a source to its end and return what it read."""
    try:
        wanted = next(reader)
        while True:
            wanted = reader.send(source.read(wanted))
    except StopIteration as stop:
        result: T = stop.value
        return result
