"""What is in an archive: each file of it by name and size, unpacked as it is asked for.

In goes an open file that is a zip, a tar (packed or not), a 7z, a rar, or one packed file; out come
its members, and what of it is not unpacked and why. A zip is unpacked here, member by member; all
others by a process of their own (`unpacker`), whose words are checked as a stranger's. What an
archive may cost is counted before it is spent: members, bytes that come of it, and how many times
its own size they are (`UnpackBudget`). Nothing is written anywhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TypeAlias

from reseen.errors import FileError, Malformed, TooLarge, Unread
from reseen.files import limits, system_limits, zip_directory
from reseen.files.behind import Behind
from reseen.files.rar_head import is_volume
from reseen.files.source import ByteSource, FileParts, OpenFile, Range, run
from reseen.files.unpacker import CODES, DATA, DONE, END, FRAME, MEMBER, PIECE, WHY
from reseen.files.zip_directory import DEFLATED, STORED, Windows, ZipEntry
from reseen.records import BlindSpot, Container

BY_PROCESS = frozenset(
    {
        *(Container.TAR, Container.GZIP, Container.BZIP2, Container.XZ, Container.ZSTD),
        *(Container.SEVEN_ZIP, Container.RAR),
    }
)
BY_DIRECTORY = frozenset(
    {
        *(Container.ZIP, Container.DDUF, Container.NPZ),
        *(Container.TORCH_ZIP, Container.TORCHSCRIPT),
    }
)
"""All zips: what one is by its first entry says nothing of the others. One that is read as a torch
file or as arrays is no archive."""
ARCHIVES = BY_PROCESS | BY_DIRECTORY
SMALLEST = 1 << 10
"""Bytes below which a member is no model."""
Small: TypeAlias = Callable[[str, int], bool]
"""Told the name and the size of a member that is smaller: is it to be given all the same?"""

ENCRYPTED = BlindSpot("encrypted", "it is encrypted: what is in it is not read")
TOGETHER = "the files of its archive take more work together than is done: by its digests only"
SEVERAL_PARTS = BlindSpot("several-parts", "one of several parts: the whole of them is not here")
TOO_MANY = BlindSpot("too-many", f"more than {limits.MEMBERS:,} members: the rest is not read")
TOO_LARGE = BlindSpot("too-large", "more comes out of it than is unpacked: the rest is not read")
OTHER_METHOD = BlindSpot("not-read", "members packed in a way that is not read")
_WHY = {
    "encrypted": ENCRYPTED,
    "malformed": BlindSpot("malformed", "the archive is damaged, or breaks off"),
    "not-read": OTHER_METHOD,
    "no-library": BlindSpot(
        "no-library",
        "such an archive is read with the extra archives only: pip install 'reseen[archives]', "
        "and libarchive13 of the system",
    ),
    "system-limit": BlindSpot("too-large", "it takes more memory to unpack than is given"),
}

_NONSENSE = "the process that unpacks it said what makes no sense"


@dataclass(frozen=True, slots=True)
class Packed:
    """One member."""

    path: str
    """Within the archive, as it says; nothing is ever written there."""
    size: int | None
    """Bytes when it is unpacked; None where the archive does not say."""
    blocks: Iterator[bytes]
    """All of them, to be taken before the next member. Raises FileError where they do not come, and
    never gives more than `size`, or than is allowed."""


@dataclass(slots=True)
class UnpackBudget:
    """What may still come out of an archive, and of those in it."""

    members: int
    unpacked: int
    work: int = limits.UNPACKED_WORK
    """Multiply-adds for all sketches together, and what reading the headers takes."""
    small: int = limits.ENTRIES
    """Members that are looked at although they are too small for a model."""
    checkpoints: int = 0
    """Checkpoints in it, or that it is, of which some layers are sketched."""

    @classmethod
    def of(cls, size: int) -> UnpackBudget:
        """For an archive of `size` bytes."""
        most = min(limits.UNPACKED, limits.UNPACKED_AT_LEAST + limits.UNPACKED_TIMES * size)
        work = max(limits.UNPACKED_WORK, limits.UNPACKED_WORK_PER_BYTE * size)
        return cls(limits.MEMBERS, most, work)

    def take(self, size: int) -> BlindSpot | None:
        """One member more of so many bytes, or why not."""
        if self.members <= 0:
            return TOO_MANY
        if size > self.unpacked:
            return TOO_LARGE
        self.members -= 1
        self.unpacked -= size
        return None

    def take_work(self, work: int) -> bool:
        """So much work more; whether there was as much left."""
        self.work -= work
        return self.work >= 0


def no_small(path: str, size: int) -> bool:
    """None of them."""
    return False


def members(
    source: OpenFile, container: Container, budget: UnpackBudget, *, small: Small = no_small
) -> Iterator[Packed | BlindSpot]:
    """What is in an archive. Raises Malformed, TooLarge or Unread where not even its list can be
    read."""
    head = source.read(Range(0, 64))
    if container in BY_DIRECTORY:
        is_whole = isinstance(source, FileParts) and len(source.files) > 1
        if head.startswith(zip_directory.SPANNED) and not is_whole:
            return iter((SEVERAL_PARTS,))
        return _of_zip(source, budget, small)
    if container is Container.RAR and is_volume(head):
        return iter((SEVERAL_PARTS,))
    if container is Container.SEVEN_ZIP and ends_elsewhere(head, source.size):
        return iter((SEVERAL_PARTS,))
    return _of_process(source, container, budget, small)


def ends_elsewhere(head: bytes, size: int) -> bool:
    """Whether a 7z lists its members beyond its own end: it is the first of several parts."""
    if len(head) < 32:
        return True
    return 32 + int.from_bytes(head[12:20], "little") + int.from_bytes(head[20:28], "little") > size


# -- a zip ---------------------------------------------------------------------------------------


def wanted_entries(
    entries: list[ZipEntry],
    budget: UnpackBudget,
    wanted: Callable[[str, int], bool] = lambda path, size: True,
    small: Small = no_small,
) -> Iterator[tuple[str, ZipEntry] | BlindSpot]:
    """The entries of a zip that are unpacked, by their names, in the order of their bytes.
    `wanted`: told a name and a size."""
    for entry in sorted(entries, key=lambda e: e.at):
        # What it says that comes out is nothing to whoever unpacks it: what is in it is.
        if max(entry.full, entry.size) < SMALLEST:
            is_read = not entry.encrypted and entry.method in (STORED, DEFLATED)
            if is_read and small(_name(entry), entry.full):
                yield _name(entry), entry
            continue
        if not wanted(_name(entry), entry.full):
            continue
        if entry.encrypted:
            yield ENCRYPTED
        elif entry.method not in (STORED, DEFLATED):
            yield OTHER_METHOD
        elif (why := budget.take(entry.full)) is not None:
            yield why
        else:
            yield _name(entry), entry


def _of_zip(source: ByteSource, budget: UnpackBudget, small: Small) -> Iterator[Packed | BlindSpot]:
    windows = zip_windows(source)
    entries = run(source, zip_directory.read_directory(windows))
    for each in wanted_entries(entries, budget, small=small):
        if isinstance(each, BlindSpot):
            yield each
        else:
            path, entry = each
            yield Packed(path, entry.full, unpacked_blocks(source, windows, entry))


def zip_windows(source: ByteSource) -> Windows:
    """What a zip's directory is read through; it may stand behind other bytes, and be cut into
    parts by who made it."""
    if isinstance(source, FileParts):
        mark = zip_directory.SPANNED
        if source.read(Range(0, len(mark))) == mark:
            return Windows(source.size, before=len(mark), starts=source.starts)
    return Windows(source.size, before=source.before if isinstance(source, Behind) else 0)


def unpacked_blocks(source: ByteSource, windows: Windows, entry: ZipEntry) -> Iterator[bytes]:
    """The bytes of one entry of a zip. Raises Malformed where they are others than it says."""
    run(source, zip_directory.read_start(windows, entry))
    inflated = Inflated(entry)
    for at in range(0, entry.size, PIECE):
        yield from inflated.feed(source.read(Range(entry.start + at, min(PIECE, entry.size - at))))
    inflated.finish()


class Inflated:
    """The bytes of one entry of a zip as they come: `feed` them in order, then `finish`."""

    def __init__(self, entry: ZipEntry) -> None:
        self._left = entry.full
        self._inflater = zlib.decompressobj(-15) if entry.method == DEFLATED else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises Malformed where more comes than the directory says."""
        while data:
            made = data
            if self._inflater is None:
                data = b""
            else:
                try:
                    made = self._inflater.decompress(data, PIECE)
                except zlib.error:
                    raise Malformed("a member of the archive is damaged") from None
                data = self._inflater.unconsumed_tail
                if self._inflater.eof:
                    data = b""
            self._left -= len(made)
            if self._left < 0:
                raise Malformed("a member of the archive is longer than the archive says")
            if made:
                yield made

    def finish(self) -> None:
        """Raises Malformed where fewer came."""
        if self._left:
            raise Malformed("a member of the archive is shorter than the archive says")


def _name(entry: ZipEntry) -> str:
    """As it was meant: UTF-8, or what a zip has without saying so."""
    try:
        return entry.raw.decode()
    except UnicodeDecodeError:
        return entry.raw.decode("cp437")


# -- all others ----------------------------------------------------------------------------------


def _of_process(
    source: OpenFile, container: Container, budget: UnpackBudget, small: Small
) -> Iterator[Packed | BlindSpot]:
    seconds = system_limits.seconds_for(4 * source.size)
    begin = source.begin if isinstance(source, Behind) else 0
    numbers = list(map(str, (begin, *source.descriptors)))
    process = subprocess.Popen(  # noqa: S603  ourselves
        [sys.executable, "-m", "reseen.files.unpacker", container.value, str(seconds), *numbers],
        pass_fds=source.descriptors,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        yield from _heard(_Words(process.stdout), budget, small)
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def _environment() -> dict[str, str]:
    """Where the process finds us, and nothing else: no key, no token, no address."""
    kept = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
    found = {name: os.environ[name] for name in kept if name in os.environ}
    return {"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"} | found


class _Words:
    """What such a process says, frame by frame."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self.why: BlindSpot | None = None
        """Its last word, where that is why no more comes."""
        self.told = False
        """And the member in which that was said so already."""

    def next(self) -> tuple[bytes, bytes]:
        """Raises FileError for what it cannot have meant, and where it ended."""
        head = self._pipe.read(FRAME.size)
        kind, length = FRAME.unpack(head) if len(head) == FRAME.size else (b"", 0)
        if length > max(PIECE, 8 * limits.MEMBER_NAME):
            raise Malformed(_NONSENSE)
        data = self._pipe.read(length)
        if not kind or len(data) < length:
            raise TooLarge("it takes more time or memory to unpack than is given")
        if kind == WHY:
            code = data.decode("ascii", "replace")
            self.why = _WHY[code if code in CODES else "malformed"]
        return kind, data

    def block(self) -> bytes | None:
        """The next bytes of a member; None at its end."""
        kind, data = self.next()
        if kind == END:
            return None
        if self.why is not None:
            self.told = True
            error = Unread(self.why.reason)
            error.code = self.why.code
            raise error
        if kind != DATA:
            raise Malformed(_NONSENSE)
        return data


def _heard(
    words: _Words, budget: UnpackBudget, small: Small = no_small
) -> Iterator[Packed | BlindSpot]:
    """The members that it tells of. Raises FileError for what it cannot have meant."""
    for _ in range(limits.ENTRIES):
        if words.told:
            return
        kind, data = words.next()
        if words.why is not None:
            yield words.why
        if kind in (DONE, WHY):
            return
        path, size = _member(kind, data)
        is_small = size is not None and size < SMALLEST
        why = None if is_small else budget.take(size or 0)
        if why is not None:
            yield why
            return  # what comes behind it can only be had by unpacking it
        blocks = _all_of(words, size) if size is not None else _any_of(words, budget)
        if not is_small or small(path, size or 0):
            yield Packed(path, size, blocks)
        with suppress(FileError):  # whoever took it has heard of that
            for _ in blocks:
                pass
    yield TOO_MANY


def _member(kind: bytes, data: bytes) -> tuple[str, int | None]:
    try:
        path, size = json.loads(data)
        fits = type(path) is str and (size is None or (type(size) is int and size >= 0))
    except (ValueError, TypeError, RecursionError):
        fits = False
    if kind != MEMBER or not fits:
        raise Malformed(_NONSENSE)
    return path[: limits.MEMBER_NAME], size


def _all_of(words: _Words, size: int) -> Iterator[bytes]:
    """The bytes of a member of a known size."""
    left = size
    while (data := words.block()) is not None:
        left -= len(data)
        if left < 0:
            raise Malformed("a member of the archive is longer than the archive says")
        yield data
    if left:
        raise Malformed("a member of the archive is shorter than the archive says")


def _any_of(words: _Words, budget: UnpackBudget) -> Iterator[bytes]:
    """The bytes of a member whose size nobody says."""
    while (data := words.block()) is not None:
        budget.unpacked -= len(data)
        if budget.unpacked < 0:
            words.told = True
            raise TooLarge(TOO_LARGE.reason)
        yield data
