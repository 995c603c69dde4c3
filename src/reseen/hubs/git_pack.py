"""A git pack: the commits, folders and small files that a server sends.

What comes in: the bytes of a pack, and of a commit of it. What goes out: the files that its folders
name, each with what git keeps of it where that is small. All is bounded before it is made; a name
is what the bytes give, and nothing that the server says. From git's own documentation
(gitformat-pack).
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reseen.errors import HubGarbage

MOST_BYTES = 128 << 20
"""Of all objects of a pack, unpacked."""
MOST_OBJECTS = 1_000_000
MOST_ENTRIES = 500_000
"""Files and folders that are gone through: a few folders that name each other make any number."""

_KINDS = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}
_TREE = re.compile(rb"tree ([0-9a-f]{40})\n")
_OFS_DELTA, _REF_DELTA = 6, 7
_CHUNK = 4096
_FILES = (b"100644", b"100755", b"100664")
_FOLDER = b"40000"


@dataclass(frozen=True, slots=True)
class GitFile:
    """A file that a commit's folders name."""

    path: str
    oid: bytes
    data: bytes | None
    """None: it is not small, and was not sent."""


Objects = Mapping[bytes, tuple[bytes, bytes]]
"""By name (SHA-1): what it is, and its content."""


def objects(pack: bytes) -> Objects:
    """All objects of a pack. Raises HubGarbage for what is none, or is too much."""
    view, count = memoryview(pack)[:-20], int.from_bytes(pack[8:12], "big")
    if pack[:8] != b"PACK\0\0\0\2" or _sha1(view) != pack[-20:]:
        raise _broken()
    if count > MOST_OBJECTS:
        raise HubGarbage(f"the pack holds more than {MOST_OBJECTS:,} objects")
    found: dict[bytes, tuple[bytes, bytes]] = {}
    places: dict[int, bytes] = {}
    waiting: dict[bytes | int, list[tuple[int, bytes]]] = {}
    """By the name or place of what it changes: where a change stands, and the change."""
    at, left = 12, MOST_BYTES
    for _ in range(count):
        place = at
        kind, size, at = _head(view, at)
        base: bytes | int | None = None
        if kind == _OFS_DELTA:
            back, at = _offset(view, at)
            base = place - back
        elif kind == _REF_DELTA:
            base, at = bytes(view[at : at + 20]), at + 20
        elif kind not in _KINDS:
            raise _broken()
        left = _spend(left, size)
        data, at = _inflated(view, at, size)
        if base is None:
            places[place] = _put(found, _KINDS[kind], data)
        else:
            waiting.setdefault(base, []).append((place, data))
    ready: list[bytes | int] = [*places, *found]
    while ready and waiting:
        key = ready.pop()
        name = places[key] if isinstance(key, int) else key
        for place, delta in waiting.pop(key, ()):
            kind_of, data = found[name]
            left = _spend(left, _made_size(delta))
            places[place] = _put(found, kind_of, _changed(data, delta))
            ready += [place, places[place]]
    return found


def files(found: Objects, commit: str) -> Iterator[GitFile]:
    """The files of a commit. Raises HubGarbage where the pack does not hold its folders."""
    kind, data = found.get(bytes.fromhex(commit), (b"", b""))
    tree = _TREE.match(data)
    if kind != b"commit" or tree is None:
        raise HubGarbage("the pack does not hold the commit that was asked for")
    left = MOST_ENTRIES
    folders = [("", bytes.fromhex(tree[1].decode()))]
    while folders:
        within, oid = folders.pop()
        kind, data = found.get(oid, (b"", b""))
        if kind != b"tree":
            raise HubGarbage("the pack does not hold all folders of the commit")
        for mode, name, inner in _entries(data):
            if (left := left - 1) < 0:
                raise HubGarbage(f"the commit names more than {MOST_ENTRIES:,} files and folders")
            path = f"{within}{name.decode('utf-8', 'replace')}"
            if mode == _FOLDER:
                folders.append((f"{path}/", inner))
            elif mode in _FILES:
                what, small = found.get(inner, (b"", None))
                yield GitFile(path, inner, small if what == b"blob" else None)


def _entries(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 8)
        end = data.find(b"\0", space) if space > 0 else -1
        if end < 0 or end + 21 > len(data):
            raise _broken()
        yield data[at:space], data[space + 1 : end], data[end + 1 : end + 21]
        at = end + 21


def _put(found: dict[bytes, tuple[bytes, bytes]], kind: bytes, data: bytes) -> bytes:
    head = b"%s %d\0" % (kind, len(data))
    oid = _sha1(head + data)
    found[oid] = (kind, data)
    return oid


def _sha1(data: bytes | memoryview) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _spend(left: int, size: int) -> int:
    if size > left:
        raise HubGarbage(f"the pack has more than {MOST_BYTES >> 20} MiB, unpacked")
    return left - size


def _byte(view: memoryview | bytes, at: int) -> int:
    if at >= len(view):
        raise _broken()
    return view[at]


def _head(view: memoryview, at: int) -> tuple[int, int, int]:
    """What an object is, its size, and where it goes on."""
    byte = _byte(view, at)
    kind, size, shift, at = (byte >> 4) & 7, byte & 15, 4, at + 1
    while byte & 0x80:
        if shift > 60:
            raise _broken()
        byte = _byte(view, at)
        size, shift, at = size | (byte & 0x7F) << shift, shift + 7, at + 1
    return kind, size, at


def _offset(view: memoryview, at: int) -> tuple[int, int]:
    byte = _byte(view, at)
    value, at = byte & 0x7F, at + 1
    while byte & 0x80 and value < 1 << 60:
        byte = _byte(view, at)
        value, at = (value + 1) << 7 | (byte & 0x7F), at + 1
    return value, at


def _inflated(view: memoryview, at: int, size: int) -> tuple[bytes, int]:
    """So many bytes, and where what they were packed in ends."""
    stream, made = zlib.decompressobj(), bytearray()
    try:
        while not stream.eof:
            chunk = view[at : at + _CHUNK]
            made += stream.decompress(chunk, size - len(made) + 1)
            if len(made) > size or not chunk:
                raise _broken()
            at += len(chunk) - len(stream.unused_data)
    except zlib.error:
        raise _broken() from None
    if len(made) != size:
        raise _broken()
    return bytes(made), at


def _made_size(delta: bytes) -> int:
    """How long what a change makes is, by its own word."""
    _, at = _size(delta, 0)
    return _size(delta, at)[0]


def _size(delta: bytes, at: int) -> tuple[int, int]:
    size = shift = 0
    byte = 0x80
    while byte & 0x80:
        if shift > 60:
            raise _broken()
        byte = _byte(delta, at)
        size, shift, at = size | (byte & 0x7F) << shift, shift + 7, at + 1
    return size, at


def _changed(base: bytes, delta: bytes) -> bytes:
    """What a change makes of the bytes that it is of."""
    base_size, at = _size(delta, 0)
    size, at = _size(delta, at)
    made = bytearray()
    while at < len(delta):
        code, at = delta[at], at + 1
        if code & 0x80:
            start = length = 0
            for bit in range(7):
                if code & 1 << bit:
                    value, at = _byte(delta, at), at + 1
                    start, length = (
                        (start | value << 8 * bit, length)
                        if bit < 4
                        else (start, length | value << 8 * (bit - 4))
                    )
            length = length or 0x10000
            if start + length > len(base):
                raise _broken()
            made += base[start : start + length]
        elif code:
            made += delta[at : at + code]
            at += code
        else:
            raise _broken()
        if len(made) > size:
            raise _broken()
    if len(made) != size or base_size != len(base):
        raise _broken()
    return bytes(made)


def _broken() -> HubGarbage:
    return HubGarbage("the git server sends a pack that is broken")
