"""What is done with one upload, in a process of its own (`upload_starter` makes it).

What comes in: a socket from which come the file's bytes, exactly as many as were announced. What
goes out, by the same socket: lines of JSON, the last of which is the file's fingerprint, or why
there is none. The process holds no key and no registry: whether a file is of the class that is
never read, it asks by the socket.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from reseen.errors import Unforeseen, bulkhead
from reseen.files import limits
from reseen.files.archives import UnpackBudget
from reseen.fingerprints.members import read_stream
from reseen.records import (
    BlindSpot,
    Container,
    Digest,
    DigestKind,
    Fingerprint,
    LfsPointer,
    Member,
)
from reseen.registry.never_read import Classes, ended, forbids

MOST_MEMBERS = 64
"""Files of an archive that are read of an upload."""
MOST_UNPACKED = 2 << 30
"""Bytes that come out of one."""
MOST_CHECKPOINTS = limits.CHECKPOINTS
"""Checkpoints of which some layers are sketched: the upload, or those in an archive."""
MOST_TOLD = 8 << 20
"""Bytes that a process tells of a file; a sketch takes up to 400 KB."""
_LEFT = BlindSpot("too-large", "files in an archive of which there is more to tell than is heard")
_PIECE = 256 << 10
"""Bytes taken from the socket at a time."""


def work(link: socket.socket, size: int, *, guarded: bool) -> None:
    """Read the one file and answer. `guarded`: some removal is of the class that is never read.
    Raises nothing that the file is to blame for."""
    told: dict[str, Any]
    try:
        with bulkhead(OSError):
            classes = _AskedClasses(link) if guarded else None
            told = {"fingerprint": _told(read_upload(_pieces(link, size), size, classes))}
    except Unforeseen as e:
        told = {"fault": [e.code, str(e)]}
    except OSError as e:
        told = {"fault": ["no-room", f"it could not be kept while it was read: {e.strerror}"]}
    _say(link, told)


def read_upload(blocks: Iterable[bytes], size: int, classes: Classes | None) -> Fingerprint:
    """The fingerprint of a file of `size` bytes, and of what is in it; one of the class that is
    never read ends at its digests. `classes` None: there is none of that class."""
    forbidden = None if classes is None else partial(forbids, classes)
    every = UnpackBudget.of(size)
    unpacked = min(every.unpacked, MOST_UNPACKED)
    budget = replace(every, members=MOST_MEMBERS, unpacked=unpacked, checkpoints=MOST_CHECKPOINTS)
    return ended(classes, read_stream(blocks, size, forbidden, budget=budget))


def _told(read: Fingerprint) -> dict[str, Any]:
    """As JSON, and no more of it than is listened to: the members of an archive can have many
    sketches, and those at its end are left out then."""
    told, length = to_json(replace(read, members=())), 0
    for number, member in enumerate(read.members):
        one = [member.path, to_json(member.fingerprint)]
        length += len(json.dumps(one))
        if length > MOST_TOLD // 2:
            left = len(read.members) - number
            told["blind"].append([_LEFT.code, _LEFT.reason, left])
            break
        told["members"].append(one)
    return told


class _AskedClasses:
    """What the gate knows, asked by the socket."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def is_never_read(self, kind: int, value: bytes) -> bool:
        _say(self._link, {"never_read": [kind, value.hex()]})
        return self._link.recv(1) != b"0"  # whatever else comes, or nothing: it is not read


def _pieces(link: socket.socket, size: int) -> Iterator[bytes]:
    """The file's bytes as they come."""
    left = size
    while left:
        piece = link.recv(min(_PIECE, left))
        if not piece:
            raise BrokenPipeError
        left -= len(piece)
        yield piece


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
        "further_sketches": [each.hex() for each in read.further_sketches],
        "rows": None if read.rows is None else read.rows.hex(),
        "weights": None if read.weights is None else read.weights.hex(),
        "pointer": None if pointer is None else [pointer.sha256.hex(), pointer.size],
        "blind": [[spot.code, spot.reason, spot.count] for spot in read.blind],
        "members": [[member.path, to_json(member.fingerprint)] for member in read.members],
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
        further_sketches=tuple(map(bytes.fromhex, message["further_sketches"])),
        rows=value(message["rows"]),
        weights=value(message["weights"]),
        pointer=None if pointer is None else LfsPointer(bytes.fromhex(pointer[0]), int(pointer[1])),
        blind=tuple(BlindSpot(code, reason, count) for code, reason, count in message["blind"]),
        members=tuple(Member(path, from_json(inner)) for path, inner in message["members"]),
    )
