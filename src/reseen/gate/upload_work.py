"""What is done with one upload, in a process of its own (`upload_starter` makes it).

What comes in: a socket from which come the file's bytes, exactly as many as were announced. What
goes out, by the same socket: lines of JSON, the last of which is the file's fingerprint, or why
there is none. The process holds no key and no registry: whether a file is of the class that is
never read, it asks by the socket.

A safetensors file streams through: its header comes first, and of its weights no more is held at a
time than its layers need (`sketcher.MOST_HELD`). A torch file keeps its directory at its end: it
goes into a temporary file that has no name and is gone with the process. All others are hashed as
they come.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from itertools import chain
from typing import IO, Any

from reseen.errors import Unforeseen, bulkhead
from reseen.files.containers import READ
from reseen.files.identify import HEAD_LENGTH, identify
from reseen.files.source import Range, run
from reseen.fingerprints.digests import BLOCK, Fingerprinter, WholeFile, look_inside
from reseen.records import (
    BlindSpot,
    Container,
    Digest,
    DigestKind,
    Fingerprint,
    LfsPointer,
)
from reseen.registry.never_read import Classes, ended, forbids

_PIECE = 256 << 10
"""Bytes taken from the socket at a time."""


def needs_its_end(head: bytes, size: int) -> bool:
    """Can a file that begins so be read only when all of it is there?"""
    container = identify(head[:HEAD_LENGTH], size)
    if container is Container.SAFETENSORS:
        return False
    # Whatever its first entry is called: torch looks for data.pkl in the directory.
    return container in READ or head[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def work(link: socket.socket, size: int, *, guarded: bool) -> None:
    """Read the one file and answer. `guarded`: some removal is of the class that is never read.
    Raises nothing that the file is to blame for."""
    told: dict[str, Any]
    try:
        with bulkhead(OSError):
            classes = _AskedClasses(link) if guarded else None
            told = {"fingerprint": to_json(read_upload(_blocks(link, size), size, classes))}
    except Unforeseen as e:
        told = {"fault": [e.code, str(e)]}
    except OSError as e:
        told = {"fault": ["no-room", f"it could not be kept while it was read: {e.strerror}"]}
    _say(link, told)


def read_upload(blocks: Iterator[bytes], size: int, classes: Classes | None) -> Fingerprint:
    """The fingerprint of a file of `size` bytes; one of the class that is never read ends at its
    digests. `classes` None: there is none of that class."""
    first = next(blocks, b"")
    if needs_its_end(first, size):
        return _spooled(size, first, blocks, classes)
    pass_ = Fingerprinter(size)
    pass_.update(first)
    for block in blocks:
        pass_.update(block)
    return ended(classes, pass_.finish())


def _spooled(
    size: int, first: bytes, blocks: Iterator[bytes], classes: Classes | None
) -> Fingerprint:
    whole = None if classes is None else WholeFile(size)
    with tempfile.TemporaryFile("w+b", buffering=0, prefix="reseen-") as spool:  # 0600, no name
        for block in chain((first,), blocks):
            spool.write(block)
            if whole is not None:
                whole.update(block)
        if whole is not None and forbids(classes, told := whole.finish()):
            return ended(classes, told)  # nothing in it is looked at, and the file is gone
        return _of_spool(spool, size)


def _of_spool(spool: IO[bytes], size: int) -> Fingerprint:
    source = _Spool(spool.fileno(), size)
    inside = run(source, look_inside(size, thorough=True))
    pass_ = Fingerprinter(size, inside)
    for at in range(0, size, BLOCK):
        pass_.update(source.read(Range(at, BLOCK)))
    return pass_.finish()


class _Spool:
    """A source over the temporary file."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size

    @property
    def size(self) -> int:
        return self._size

    def read(self, wanted: Range) -> bytes:
        return os.pread(self._descriptor, wanted.length, wanted.start)


class _AskedClasses:
    """What the gate knows, asked by the socket."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def is_never_read(self, kind: int, value: bytes) -> bool:
        _say(self._link, {"never_read": [kind, value.hex()]})
        return self._link.recv(1) != b"0"  # whatever else comes, or nothing: it is not read


def _blocks(link: socket.socket, size: int) -> Iterator[bytes]:
    """The file's bytes, in pieces worth hashing."""
    left = size
    parts: list[bytes] = []
    length = 0
    while left:
        piece = link.recv(min(_PIECE, left))
        if not piece:
            raise BrokenPipeError
        left -= len(piece)
        parts.append(piece)
        length += len(piece)
        if length >= BLOCK or not left:
            yield b"".join(parts)
            parts, length = [], 0


def _say(link: socket.socket, message: dict[str, Any]) -> None:
    link.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")


# -- a fingerprint as JSON -----------------------------------------------------------------------


def to_json(read: Fingerprint) -> dict[str, Any]:
    """For another process."""
    pointer = read.pointer
    return {
        "size": read.size,
        "container": read.container.value,
        "digests": [[d.kind, d.value.hex()] for d in read.digests],
        "embedded": [[d.kind, d.value.hex()] for d in read.embedded],
        "data_size": read.data_size,
        "layout": None if read.layout is None else read.layout.hex(),
        "problem": read.problem,
        "sketch": None if read.sketch is None else read.sketch.hex(),
        "no_sketch": read.no_sketch,
        "other_sketches": [other.hex() for other in read.other_sketches],
        "pointer": None if pointer is None else [pointer.sha256.hex(), pointer.size],
        "blind": [[spot.code, spot.reason, spot.count] for spot in read.blind],
    }


def from_json(message: dict[str, Any]) -> Fingerprint:
    """And back. Raises ValueError, KeyError or TypeError for what `to_json` does not make."""

    def digests(pairs: list[list[Any]]) -> tuple[Digest, ...]:
        return tuple(Digest(DigestKind(kind), bytes.fromhex(value)) for kind, value in pairs)

    def value(hex_digits: str | None) -> bytes | None:
        return None if hex_digits is None else bytes.fromhex(hex_digits)

    pointer = message["pointer"]
    return Fingerprint(
        size=int(message["size"]),
        container=Container(message["container"]),
        digests=digests(message["digests"]),
        embedded=digests(message["embedded"]),
        data_size=message["data_size"],
        layout=value(message["layout"]),
        problem=message["problem"],
        sketch=value(message["sketch"]),
        no_sketch=message["no_sketch"],
        other_sketches=tuple(map(bytes.fromhex, message["other_sketches"])),
        pointer=None if pointer is None else LfsPointer(bytes.fromhex(pointer[0]), int(pointer[1])),
        blind=tuple(BlindSpot(code, reason, count) for code, reason, count in message["blind"]),
    )
