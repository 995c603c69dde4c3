"""The directory at the end of a zip: what is in it and where, without reading any of it.

In go the size and ranges of a file, out come its entries. It promises one view of the file: no
entry lies over another, nothing stands before or after the zip, and every entry ends where the next
begins. Whether a name may be used, and twice, is for whoever reads the entries.

Format: PKWARE APPNOTE 6.3.9.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reseen.errors import Malformed, TooLarge, Unread
from reseen.files import limits
from reseen.files.identify import CUT_OFF
from reseen.files.source import Range, Reader

MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
"""How a zip begins: with an entry, empty, or as one of several parts."""
SPANNED = b"PK\x07\x08"
LOCAL_LENGTH = 30
"""Bytes of an entry's own header before its name."""
STORED, DEFLATED = 0, 8
"""Methods."""
ENCRYPTED = 0x2041
"""Flags."""

SEVERAL = "a zip of several parts is not read"

_END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_LOCATOR64 = b"PK\x06\x07"
_ENTRY = b"PK\x01\x02"
_LOCAL = b"PK\x03\x04"
TAIL = 64 * 1024 + 22
"""Bytes of the end that are read first: the longest comment, or the directory of 900 tensors."""
_DESCRIPTORS = (0, 12, 16, 20, 24)
"""Lengths that a data descriptor can have: with or without a signature, 32 or 64 bits."""


@dataclass(slots=True)
class ZipEntry:
    """One entry as the directory has it."""

    raw: bytes
    """Its name."""
    flags: int
    method: int
    size: int
    """Bytes in the zip."""
    full: int
    """Bytes when it is unpacked."""
    crc32: int
    at: int
    """Where its local header begins."""
    end: int = 0
    """Where the next entry, or the directory, begins."""
    start: int = -1
    """Where its bytes begin; -1 while not known."""

    @property
    def encrypted(self) -> bool:
        return bool(self.flags & ENCRYPTED)


@dataclass(slots=True)
class Windows:
    """Bytes of the file that are at hand, by where they begin."""

    size: int
    parts: list[tuple[int, bytes]] = field(default_factory=list)
    read: int = 0
    before: int = 0
    """Bytes before the first entry that are no part of the zip."""
    starts: tuple[int, ...] = (0,)
    """Where each part begins, of a zip of several that are read as one."""

    def find(self, start: int, length: int) -> bytes | None:
        for at, data in self.parts:
            if at <= start and start + length <= at + len(data):
                return data[start - at : start - at + length]
        return None

    def get(self, start: int, length: int) -> Reader[bytes]:
        """Bytes from the parts at hand, or else from the file. Raises Malformed past its end."""
        if start < 0 or start + length > self.size:
            raise Malformed("the zip points outside the file")
        data = self.find(start, length)
        if data is None:
            data = yield Range(start, length)
            self.read += len(data)
            if len(data) < length:
                raise Malformed(CUT_OFF)
        return data


def read_directory(windows: Windows) -> Reader[list[ZipEntry]]:
    """The central directory's entries in its order. Raises Malformed, TooLarge, or Unread for a zip
    of several parts."""
    count, length, start, end = yield from _read_end(windows)
    if length > limits.DIRECTORY_LIMIT or count > limits.ENTRIES:
        raise TooLarge("the zip's directory is too long")
    if start + length != end:
        raise Malformed("the zip's directory is not where it is said to be")
    entries = _entries((yield from windows.get(start, length)), count, windows.starts)
    end = start
    for entry in sorted(entries, key=lambda e: e.at, reverse=True):
        if entry.at + LOCAL_LENGTH + len(entry.raw) + entry.size > end:
            raise Malformed("the zip's entries lie over each other")
        entry.end, end = end, entry.at
    if end != windows.before:
        raise Malformed("the file begins before its zip does")
    return entries


def _read_end(windows: Windows) -> Reader[tuple[int, int, int, int]]:
    """How many entries the directory has, its length, where it is said to begin, and where it
    ends."""
    tail_start = max(windows.size - TAIL, 0)
    tail = yield from windows.get(tail_start, windows.size - tail_start)
    windows.parts.append((tail_start, tail))
    # The last one whose comment ends the file: what every reader agrees on.
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise Malformed(CUT_OFF)  # it stands at the end
    record = tail[at : at + 22]
    if at + 22 + int.from_bytes(record[20:22], "little") != len(tail):
        raise Malformed("the zip goes on after its end record")
    parts, of_directory = (int.from_bytes(record[n : n + 2], "little") for n in (4, 6))
    if parts != len(windows.starts) - 1 or of_directory > parts:
        raise Unread(SEVERAL)
    count = int.from_bytes(record[10:12], "little")
    length = int.from_bytes(record[12:16], "little")
    start = int.from_bytes(record[16:20], "little")
    start += windows.starts[of_directory]
    end = tail_start + at
    if parts and start + length != end:
        raise Unread(SEVERAL)  # its numbers are wide, and are of parts as well
    if tail[max(at - 20, 0) : at].startswith(_LOCATOR64):
        end = int.from_bytes(tail[at - 12 : at - 4], "little")
        wide = yield from windows.get(end, 56)
        if wide[:4] != _END64 or end + 56 + 20 != tail_start + at:
            raise Malformed("the zip's 64-bit end record is not where it is said to be")
        count = int.from_bytes(wide[32:40], "little")
        length = int.from_bytes(wide[40:48], "little")
        start = int.from_bytes(wide[48:56], "little")
    return count, length, start, end


def read_beginning(windows: Windows) -> Reader[tuple[int, int]]:
    """Of a zip that stands behind other bytes: where it begins, for whom its places count from
    there; and where they count from the beginning of the file, how many bytes are before its first
    entry. Raises Malformed, TooLarge or Unread."""
    tail_start = max(windows.size - TAIL, 0)
    tail = yield from windows.get(tail_start, windows.size - tail_start)
    at = tail.rfind(_END)
    if at >= 20 and tail[at - 20 : at].startswith(_LOCATOR64):
        # The record that is meant stands before the one that says where.
        told = int.from_bytes(tail[at - 12 : at - 4], "little")
        begin = tail_start + at - 20 - 56 - told
    else:
        _, length, start, end = yield from _read_end(windows)
        begin = end - length - start
    if begin < 0:
        raise Malformed("the zip's directory is not where it is said to be")
    if begin:
        return begin, 0
    count, length, start, _ = yield from _read_end(windows)
    if length > limits.DIRECTORY_LIMIT or count > limits.ENTRIES:
        raise TooLarge("the zip's directory is too long")
    entries = _entries((yield from windows.get(start, length)), count)
    return 0, min((entry.at for entry in entries), default=start)


def ends_as_zip(tail: bytes) -> bool:
    """Whether a file whose last bytes these are, `TAIL` of them, is opened as a zip by who looks
    for one at its end."""
    at = tail.rfind(_END)
    return at >= 0 and at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail)


def is_last_of_several(tail: bytes) -> bool:
    """Whether these are the last bytes of the last part of a zip, which has the directory of
    all."""
    return ends_as_zip(tail) and tail[(at := tail.rfind(_END)) + 4 : at + 6] != bytes(2)


def read_start(windows: Windows, entry: ZipEntry) -> Reader[None]:
    """Find where an entry's bytes begin, by its own header."""
    local = yield from windows.get(entry.at, LOCAL_LENGTH + len(entry.raw))
    entry.start = start_told(entry, local)


def start_told(entry: ZipEntry, local: bytes) -> int:
    """The place that the entry's own header gives. Raises Malformed where it contradicts. Its name
    is nobody's: torch, like others, goes by the directory's and takes this one's length only."""
    if local[:4] != _LOCAL:
        raise Malformed("an entry of the zip does not stand where its directory says")
    if int.from_bytes(local[8:10], "little") != entry.method:
        raise Malformed("an entry of the zip and its directory disagree on compression")
    size = int.from_bytes(local[22:26], "little")
    # Zero beside a descriptor, full beside a 64-bit extra field.
    if size not in (entry.full, 0xFFFFFFFF) and not (size == 0 and entry.flags & 8):
        raise Malformed("an entry of the zip and its directory disagree on the size")
    lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
    start = entry.at + LOCAL_LENGTH + lengths
    if entry.end - start - entry.size not in _DESCRIPTORS:
        raise Malformed("an entry of the zip does not end where the next begins")
    return start


def start_computed(entry: ZipEntry, alignment: int) -> int:
    """The place that torch gives an entry, if that fits to the byte; else -1."""
    bare = entry.at + LOCAL_LENGTH + len(entry.raw)
    spare = entry.end - bare - entry.size
    if spare == 0:
        return bare  # no room for anything else
    # Torch's padding is an extra field of at least 4 bytes, after another for what takes 64 bits.
    for field_length in (4, 4 + 4 + 8, 4 + 4 + 16, 4 + 4 + 24):
        start = -(-(bare + field_length) // alignment) * alignment
        descriptor = entry.end - start - entry.size
        if descriptor in _DESCRIPTORS and (descriptor > 0) == bool(entry.flags & 8):
            return start
    return -1


def text_name(raw: bytes) -> str:
    """A name that may be used as one. Raises Malformed for others."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise Malformed("a name in the zip is not UTF-8") from None
    if name.startswith("/") or "\\" in name or ".." in name.split("/") or "\0" in name:
        raise Malformed("a name in the zip leads out of it")
    return name


def by_name(entries: list[ZipEntry]) -> dict[str, ZipEntry]:
    """The entries of a zip that a program wrote, by their names: none is encrypted, none comes
    twice."""
    found: dict[str, ZipEntry] = {}
    for entry in entries:
        name = text_name(entry.raw)
        if name in found:
            raise Malformed("the zip holds a name twice")
        if entry.encrypted:
            raise Unread("the zip is encrypted")
        found[name] = entry
    return found


def _entries(data: bytes, count: int, starts: tuple[int, ...] = (0,)) -> list[ZipEntry]:
    entries: list[ZipEntry] = []
    at = 0
    for _ in range(count):
        fixed = data[at : at + 46]
        if len(fixed) < 46 or fixed[:4] != _ENTRY:
            raise Malformed("the zip's directory is damaged")
        name_length = int.from_bytes(fixed[28:30], "little")
        extra_length = int.from_bytes(fixed[30:32], "little")
        comment_length = int.from_bytes(fixed[32:34], "little")
        raw = data[at + 46 : at + 46 + name_length]
        extra = data[at + 46 + name_length : at + 46 + name_length + extra_length]
        at += 46 + name_length + extra_length + comment_length
        if at > len(data):
            raise Malformed("the zip's directory is damaged")
        entries.append(entry := _entry(raw, fixed, extra))
        if len(starts) > 1:
            part = int.from_bytes(fixed[34:36], "little")
            if part >= len(starts):
                raise Malformed("the zip's directory is damaged")
            entry.at += starts[part]
    if at != len(data):
        raise Malformed("the zip's directory is longer than its entries")
    return entries


def _entry(raw: bytes, fixed: bytes, extra: bytes) -> ZipEntry:
    flags = int.from_bytes(fixed[8:10], "little")
    stored = int.from_bytes(fixed[20:24], "little")
    full = int.from_bytes(fixed[24:28], "little")
    at = int.from_bytes(fixed[42:46], "little")
    # Wide values follow in the order size, stored size, place, each only where the other is full.
    wide = _wide(extra)
    if full == 0xFFFFFFFF:
        full, wide = _taken(wide)
    if stored == 0xFFFFFFFF:
        stored, wide = _taken(wide)
    if at == 0xFFFFFFFF:
        at, wide = _taken(wide)
    method = int.from_bytes(fixed[10:12], "little")
    if method == STORED and stored != full and not flags & ENCRYPTED:
        raise Malformed("an entry of the zip has two sizes")
    crc32 = int.from_bytes(fixed[16:20], "little")
    return ZipEntry(raw, flags, method, stored, full, crc32, at)


def _wide(extra: bytes) -> bytes:
    """The body of the 64-bit extra field, if there is one."""
    at = 0
    while at + 4 <= len(extra):
        kind = int.from_bytes(extra[at : at + 2], "little")
        length = int.from_bytes(extra[at + 2 : at + 4], "little")
        if kind == 1:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _taken(wide: bytes) -> tuple[int, bytes]:
    if len(wide) < 8:
        raise Malformed("an entry of the zip lacks its 64-bit size")
    return int.from_bytes(wide[:8], "little"), wide[8:]
