"""Torch's zip files (torch 1.6 and later): the directory from the end, one small pickle, no weight.

In go the size and ranges of a file, out comes a `Listing` whose tensors are places in the file.
It promises one view of the file: exactly one data.pkl, no name twice, no entry that lies over
another, nothing before or after the zip, and every storage stored as it is.

Where an entry's bytes begin stands only in the small header just before them, which torch pads so
that they begin at a multiple of 64. To read them all would cost a range a tensor. So the place is
computed from the directory, must fit between its neighbours to the byte, and is checked against
every such header that was read anyhow; `thorough` reads them all. Names are the directory's, as for
torch; that an entry's own header has another is a remark.

Format: PKWARE APPNOTE 6.3.9; caffe2/serialize/inline_container.cc for what torch writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reseen.errors import Malformed, TooLarge, Unread
from reseen.files import limits, pickles, torch_state
from reseen.files.source import Range, Reader
from reseen.files.tensors import Listing
from reseen.records import Container

_END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_LOCATOR64 = b"PK\x06\x07"
_ENTRY = b"PK\x01\x02"
_LOCAL = b"PK\x03\x04"
_LOCAL_LENGTH = 30

_TAIL = 64 * 1024 + 22
"""Bytes of the end that are read first: the longest comment, or the directory of 900 tensors."""
_ALIGNMENT = 64
_DESCRIPTORS = (0, 12, 16, 20, 24)
"""Lengths that a data descriptor can have: with or without a signature, 32 or 64 bits."""
_SEPARATE_READS = 64
"""Small headers that are read one by one where an entry does not stand where torch puts it."""


@dataclass(slots=True)
class _Entry:
    name: str
    flags: int
    method: int
    size: int
    at: int
    """Where its local header begins."""
    end: int = 0
    """Where the next entry, or the directory, begins."""
    start: int = -1
    """Where its bytes begin; -1 while not known."""


@dataclass(slots=True)
class _Windows:
    """Bytes of the file that are at hand, by where they begin."""

    size: int
    parts: list[tuple[int, bytes]] = field(default_factory=list)
    read: int = 0

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
                raise Malformed("the file breaks off")
        return data


def read_listing(size: int, head: bytes = b"", *, thorough: bool = False) -> Reader[Listing]:
    """List the tensors of a torch zip of `size` bytes. For `head` and `thorough` see `containers`.

    Raises Malformed, TooLarge, or Unread for a zip that is no torch file, or is compressed.
    """
    windows = _Windows(size, [(0, head)] if head else [], len(head))
    tail_start = max(size - _TAIL, 0)
    tail = yield from windows.get(tail_start, size - tail_start)
    windows.parts.append((tail_start, tail))
    entries = yield from _directory(windows, tail, tail_start)
    root, container = _root(entries)
    named = yield from _place(entries, windows, thorough)

    byteorder = "little"
    order = entries.get(f"{root}/byteorder")
    if order is not None:
        if order.size > 16:
            raise Malformed("the byte order is neither little nor big")
        word = yield from windows.get(order.start, order.size)
        byteorder = word.decode("latin-1").strip()
        if byteorder not in ("little", "big"):
            raise Malformed("the byte order is neither little nor big")
    pickle = entries[f"{root}/data.pkl"]
    if pickle.size > limits.PICKLE_LIMIT:
        raise TooLarge(f"the pickle is longer than {limits.PICKLE_LIMIT >> 20} MiB")
    loaded = pickles.load((yield from windows.get(pickle.start, pickle.size)))

    def locate(storage: torch_state.Storage) -> tuple[int, int]:
        entry = entries.get(f"{root}/data/{storage.key}")
        if entry is None:
            raise Malformed("a tensor's storage is not in the file")
        return entry.start, entry.size

    tensors, left_out = torch_state.tensors(loaded.value, locate, byteorder)
    return Listing(
        container=container,
        tensors=tuple(tensors),
        header_bytes=windows.read,
        remarks=(*named, *torch_state.remarks(loaded.symbols)),
        not_listed=left_out,
    )


def _directory(windows: _Windows, tail: bytes, tail_start: int) -> Reader[dict[str, _Entry]]:
    """The central directory's entries by name, each with where the next begins."""
    # The last one whose comment ends the file: what every reader agrees on.
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise Malformed("the zip has no end record; perhaps it was cut off")
    record = tail[at : at + 22]
    if at + 22 + int.from_bytes(record[20:22], "little") != len(tail):
        raise Malformed("the zip goes on after its end record")
    if record[4:8] != bytes(4):
        raise Unread("a zip of several parts is not read")
    count = int.from_bytes(record[10:12], "little")
    length = int.from_bytes(record[12:16], "little")
    start = int.from_bytes(record[16:20], "little")
    end = tail_start + at
    if tail[max(at - 20, 0) : at].startswith(_LOCATOR64):
        end = int.from_bytes(tail[at - 12 : at - 4], "little")
        wide = yield from windows.get(end, 56)
        if wide[:4] != _END64 or end + 56 + 20 != tail_start + at:
            raise Malformed("the zip's 64-bit end record is not where it is said to be")
        count = int.from_bytes(wide[32:40], "little")
        length = int.from_bytes(wide[40:48], "little")
        start = int.from_bytes(wide[48:56], "little")
    if length > limits.DIRECTORY_LIMIT or count > limits.ENTRIES:
        raise TooLarge("the zip's directory is too long")
    if start + length != end:
        raise Malformed("the zip's directory is not where it is said to be")
    data = yield from windows.get(start, length)
    entries = _entries(data, count)
    end = start
    for entry in sorted(entries.values(), key=lambda e: e.at, reverse=True):
        if entry.at + _LOCAL_LENGTH + len(entry.name.encode()) + entry.size > end:
            raise Malformed("the zip's entries lie over each other")
        entry.end, end = end, entry.at
    if end != 0:
        raise Malformed("the file begins before its zip does")
    return entries


def _entries(data: bytes, count: int) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
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
        name = _name(raw)
        if name in entries:
            raise Malformed("the zip holds a name twice")
        entries[name] = _entry(name, fixed, extra)
    if at != len(data):
        raise Malformed("the zip's directory is longer than its entries")
    return entries


def _name(raw: bytes) -> str:
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise Malformed("a name in the zip is not UTF-8") from None
    if name.startswith("/") or "\\" in name or ".." in name.split("/") or "\0" in name:
        raise Malformed("a name in the zip leads out of it")
    return name


def _entry(name: str, fixed: bytes, extra: bytes) -> _Entry:
    flags = int.from_bytes(fixed[8:10], "little")
    stored = int.from_bytes(fixed[20:24], "little")
    size = int.from_bytes(fixed[24:28], "little")
    at = int.from_bytes(fixed[42:46], "little")
    if flags & 0x2041:
        raise Unread("the zip is encrypted")
    # Wide values follow in the order size, stored size, place, each only where the other is full.
    wide = _wide(extra)
    if size == 0xFFFFFFFF:
        size, wide = _taken(wide)
    if stored == 0xFFFFFFFF:
        stored, wide = _taken(wide)
    if at == 0xFFFFFFFF:
        at, wide = _taken(wide)
    method = int.from_bytes(fixed[10:12], "little")
    if method == 0 and stored != size:
        raise Malformed("an entry of the zip has two sizes")
    return _Entry(name, flags, method, stored, at)


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


def _root(entries: dict[str, _Entry]) -> tuple[str, Container]:
    """The folder that holds data.pkl. Raises Unread if there is none."""
    pickles_found = [name for name in entries if name.endswith("/data.pkl")]
    pickles_found = [name for name in pickles_found if name.count("/") == 1]
    if not pickles_found:
        raise Unread("a zip that is no torch file is matched by its digests only")
    if len(pickles_found) > 1:
        raise Malformed("the zip holds data.pkl more than once")
    root = pickles_found[0].removesuffix("/data.pkl")
    wanted = [e for name, e in entries.items() if name.startswith(f"{root}/")]
    if any(e.method != 0 for e in wanted):
        raise Unread("a compressed torch file is matched by its digests only")
    scripted = any(name.startswith(f"{root}/code/") for name in entries)
    return root, Container.TORCHSCRIPT if scripted else Container.TORCH_ZIP


def _place(
    entries: dict[str, _Entry], windows: _Windows, thorough: bool
) -> Reader[tuple[str, ...]]:
    """Find where each entry's bytes begin; remarks on what the entries' own headers say."""
    reads = otherwise = 0
    for entry in entries.values():
        name_length = len(entry.name.encode())
        bare = entry.at + _LOCAL_LENGTH + name_length
        local = windows.find(entry.at, _LOCAL_LENGTH + name_length)
        entry.start = _computed(entry, bare)
        if local is None and (thorough or entry.start < 0):
            reads += 1
            if not thorough and reads > _SEPARATE_READS:
                raise Unread("the zip's entries do not stand where torch puts them")
            local = yield from windows.get(entry.at, _LOCAL_LENGTH + name_length)
        if local is not None:
            entry.start = _told(entry, local)
            otherwise += local[_LOCAL_LENGTH:] != entry.name.encode()
    if otherwise:
        return (f"{otherwise} entries of the zip have another name in its directory, which counts",)
    return ()


def _computed(entry: _Entry, bare: int) -> int:
    """The place that torch gives an entry, if that fits to the byte; else -1."""
    spare = entry.end - bare - entry.size
    if spare == 0:
        return bare  # no room for anything else
    # Torch's padding is an extra field of at least 4 bytes, after another for what takes 64 bits.
    for field_length in (4, 4 + 4 + 8, 4 + 4 + 16, 4 + 4 + 24):
        start = -(-(bare + field_length) // _ALIGNMENT) * _ALIGNMENT
        descriptor = entry.end - start - entry.size
        if descriptor in _DESCRIPTORS and (descriptor > 0) == bool(entry.flags & 8):
            return start
    return -1


def _told(entry: _Entry, local: bytes) -> int:
    """The place that the entry's own header gives. Raises Malformed where it contradicts. Its name
    is nobody's: torch, like others, goes by the directory's and takes this one's length only."""
    if local[:4] != _LOCAL:
        raise Malformed("an entry of the zip does not stand where its directory says")
    if int.from_bytes(local[8:10], "little") != entry.method:
        raise Malformed("an entry of the zip and its directory disagree on compression")
    size = int.from_bytes(local[22:26], "little")
    # Zero beside a descriptor, full beside a 64-bit extra field.
    if size not in (entry.size, 0xFFFFFFFF) and not (size == 0 and entry.flags & 8):
        raise Malformed("an entry of the zip and its directory disagree on the size")
    lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
    start = entry.at + _LOCAL_LENGTH + lengths
    if entry.end - start - entry.size not in _DESCRIPTORS:
        raise Malformed("an entry of the zip does not end where the next begins")
    return start
