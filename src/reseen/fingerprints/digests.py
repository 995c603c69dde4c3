"""All digests of a file and its sketch in one streaming pass; what its header alone tells.

In go a file's bytes in order, out comes a `Fingerprint`. No file is too odd: what cannot be read as
tensors is a `problem` in words, and the digests of the whole file still hold. A safetensors file
whose header is refused here keeps the digest of its data section, so that no trick in the header
that other readers forgive hides the weights.

Formats: AutoV1 to AutoV3 as stable-diffusion-webui and Civitai compute them; the git blob as git
does, up to 10 MB; the tensors digest in `fingerprints.tensors`. Xet's root is never computed; MD5,
SHA-1 and CRCs of stores are where they are asked for (`fingerprints.on_demand`).
"""

from __future__ import annotations

import hashlib
import zlib
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from reseen.errors import FileError, Malformed, TooLarge, Unforeseen, Unread, bulkhead
from reseen.files import (
    containers,
    lfs_pointer,
    limits,
    pictures,
    safetensors,
    system_limits,
    zip_directory,
)
from reseen.files.behind import Signatures
from reseen.files.identify import HEAD_LENGTH, header_length, identify
from reseen.files.source import ByteSource, LocalFile, Range, Reader
from reseen.files.tensors import Listing
from reseen.fingerprints.embedded import embedded
from reseen.fingerprints.on_demand import NONE, OnDemandDigests
from reseen.records import BlindSpot, Container, Digest, DigestKind, Fingerprint
from reseen.updates.peft import PeftConfig

if TYPE_CHECKING:
    from reseen.files.archives import UnpackBudget
    from reseen.fingerprints.contents import Contents

GIT_LIMIT = 10_000_000
"""Bytes up to which a file may lie in plain git (the Hub's limit), and has a git blob SHA-1."""
BLOCK = 2 << 20
"""Bytes hashed at a time; smaller chunks are put together."""
PICTURES = (Container.PNG, Container.WEBP)
"""What holds no weights by its content."""
ZIP_AT_END = BlindSpot(
    "beside", "by its end it is a zip, which it is not by its beginning: what is in it is not read"
)
BEHIND = BlindSpot(
    "beside", "an archive stands in it behind other bytes: what is in it is not read"
)
ENDS_OTHERWISE = (*PICTURES, Container.UNKNOWN)
"""What has nothing read of it and can end as it likes: a zip that unpacks itself, a picture."""
PROGRAMS = (b"MZ", b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""How programs begin: of Windows, of Linux, in a shell's words, of macOS."""
_ALONE = 4 << 20
"""Files up to this many bytes are not worth a second thread."""
_AUTOV1_AT, _AUTOV1_LENGTH = 0x100000, 0x10000


@dataclass(frozen=True, slots=True)
class Inside:
    """What a file's header tells, without reading a weight."""

    container: Container
    listing: Listing | None = None
    """None if there is a problem."""
    data_size: int | None = None
    """Bytes in the data section, for a container that has one; also beside a problem."""
    layout: bytes | None = None
    """32 bytes: the multiset of (dtype, shape), free of names and order."""
    embedded: tuple[Digest, ...] = ()
    """What the file states of itself: never more than a hint."""
    problem: str | None = None
    """Why the tensors could not be listed."""
    code: str = ""
    """The same in a word."""
    is_program: bool = False
    """It is of no kind that is known, and begins as what may unpack itself."""

    @property
    def blind(self) -> tuple[BlindSpot, ...]:
        """The file's tensors, where they could not be listed."""
        return () if self.problem is None else (BlindSpot(self.code, self.problem),)


def look_inside(size: int, *, thorough: bool = False) -> Reader[Inside]:
    """Read the header of a file of `size` bytes: one range for most files, and never a weight.

    Never raises for what the file holds: that is `Inside.problem`. For `thorough` see
    `containers.read_listing`.
    """
    head = yield Range(0, min(size, limits.PROBE))
    container = identify(head[:HEAD_LENGTH], size)
    length = header_length(head[:HEAD_LENGTH], size)
    data_size = None if length is None else size - 8 - length
    try:
        with bulkhead():
            listing = yield from containers.read_listing(size, head, thorough=thorough)
            return _inside(listing, data_size)
    except (Malformed, TooLarge, Unread, Unforeseen) as e:
        code = _code(e, container)
        is_program = container is Container.UNKNOWN and head.startswith(PROGRAMS)
        return Inside(
            container, data_size=data_size, problem=str(e), code=code, is_program=is_program
        )


def _code(error: FileError, container: Container) -> str:
    unknown = container is Container.UNKNOWN and isinstance(error, Unread)
    return "unknown-format" if unknown else error.code


def _inside(listing: Listing, data_size: int | None) -> Inside:
    return Inside(
        container=listing.container,
        listing=listing,
        data_size=data_size,
        layout=safetensors.layout(listing.tensors) if listing.tensors else None,
        embedded=embedded(listing.metadata),
    )


class Fingerprinter:
    """One streaming pass: `update` with every byte in order, then `finish`.

    `size`: bytes that will come. `inside`: what `look_inside` found, where the file could be read
    out of order before; without it the tensors of a safetensors file are found as they stream by,
    and those of a torch file, whose directory stands at its end, are not. `config`: the
    adapter_config.json that stands beside it. `shared`: of the archive that it stands in. `also`:
    kinds that are computed on demand.
    """

    def __init__(
        self,
        size: int,
        inside: Inside | None = None,
        config: PeftConfig | None = None,
        *,
        shared: UnpackBudget | None = None,
        also: Collection[DigestKind] = NONE,
    ) -> None:
        self._size = size
        self._config = config
        self._shared = shared
        self._inside = inside
        self._at = 0
        """Bytes hashed so far; `_pending` holds what came after them."""
        self._pending: list[bytes] = []
        self._pending_length = 0
        self._text = b""
        """All of a file that is as short as a Git LFS pointer."""
        self._tail = b""
        self._signatures = Signatures()
        """The end of what may be a zip by it."""
        self._picture: bytearray | None = None
        """The beginning of a picture whose text holds an embedding."""
        self._header = bytearray()
        self._data_start: int | None = None
        self._sha256 = hashlib.sha256()
        self._blake3 = blake3()
        self._crc32 = 0
        self._git = (
            hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False) if size <= GIT_LIMIT else None
        )
        self._autov1 = hashlib.sha256()
        self._data_sha256 = hashlib.sha256()
        self._also = OnDemandDigests(also)
        self._contents: Contents | None = None
        self._second = ThreadPoolExecutor(1) if size > _ALONE else None

    def update(self, chunk: bytes) -> None:
        """The next bytes, in pieces of any size. Raises Malformed when more come than announced."""
        self._pending.append(chunk)
        self._pending_length += len(chunk)
        if self._at + self._pending_length > self._size:
            raise Malformed("the file is longer than announced")
        if self._pending_length >= BLOCK:
            self._flush()

    def finish(self) -> Fingerprint:
        """The fingerprint. Raises Malformed when the bytes broke off before `size`."""
        self._flush()
        if self._second is not None:
            self._second.shutdown()
        if self._at != self._size:
            raise Malformed("the file broke off before its end")
        inside = self._inside or Inside(Container.UNKNOWN)
        values = {
            DigestKind.SHA256: self._sha256.digest(),
            DigestKind.BLAKE3: self._blake3.digest(),
            DigestKind.CRC32: self._crc32.to_bytes(4, "big"),
            DigestKind.AUTOV2: self._sha256.digest()[:5],
            **self._also.values(),
        }
        if self._git is not None:
            values[DigestKind.GIT_BLOB] = self._git.digest()
        if self._size > _AUTOV1_AT:
            values[DigestKind.AUTOV1] = self._autov1.digest()[:4]
        if self._data_start is not None and self._size > self._data_start:
            values[DigestKind.DATA_SHA256] = self._data_sha256.digest()
            values[DigestKind.AUTOV3] = self._data_sha256.digest()[:6]
        read = self._contents.finish() if self._contents else None
        if read is not None and read.tensors is not None:
            values[DigestKind.TENSORS_BLAKE3] = read.tensors
        pointer = lfs_pointer.parse(self._text)
        told = inside.problem if pointer is None else lfs_pointer.PULL
        why_not = told or "no tensors were found in it"
        read_spots = read.blind if read else inside.blind
        rows = read.rows if read else None
        if self._picture is not None:
            from reseen.fingerprints.contents import NO_LAYERS
            from reseen.fingerprints.rows import rows_in_picture

            found, read_spots = rows_in_picture(bytes(self._picture))
            rows = None if found is None else found.encode()
            told, why_not = None, NO_LAYERS
        return Fingerprint(
            size=self._size,
            container=inside.container,
            digests=tuple(Digest(kind, values[kind]) for kind in sorted(values)),
            embedded=inside.embedded,
            data_size=inside.data_size,
            layout=inside.layout,
            problem=told or (read.fault if read else None),
            sketch=read.sketch if read else None,
            no_sketch=read.no_sketch if read else why_not,
            other_sketches=read.others if read else (),
            further_sketches=read.further if read else (),
            rows=rows,
            blind=self._elsewhere() or read_spots,
            pointer=pointer,
        )

    def _elsewhere(self) -> tuple[BlindSpot, ...]:
        """What else it is than by its beginning."""
        if zip_directory.ends_as_zip(self._tail):
            return (ZIP_AT_END,)
        return () if self._signatures.found is None else (BEHIND,)

    def _flush(self) -> None:
        """Hash what came since the last time."""
        block = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending, self._pending_length = [], 0
        view = memoryview(block)
        if self._size < lfs_pointer.LIMIT:
            self._text += block
        self._find_tensors(view)
        if self._inside is not None and self._inside.container in ENDS_OTHERWISE:
            self._signatures.feed(block)
            before = self._tail if len(block) < zip_directory.TAIL else b""
            self._tail = (before + block[-zip_directory.TAIL :])[-zip_directory.TAIL :]
            if self._at == 0 and self._inside.container is Container.PNG and pictures.MARK in block:
                self._picture = bytearray()
        if self._picture is not None:
            self._picture += view[: pictures.LARGEST - len(self._picture)]
        at, contents = self._at, self._contents
        waiting: deque[_Update] = deque()
        if self._also:
            waiting += [(update, view) for update in self._also.updates()]
        waiting.append((self._sha256.update, view))
        if self._data_start is not None:
            waiting.append((self._data_sha256.update, view[max(self._data_start - at, 0) :]))
        if contents is not None:
            waiting.append((contents.feed_digest, view))
        waiting += ((self._blake3.update, view), (self._next_crc32, view))
        if self._git is not None:
            waiting.append((self._git.update, view))
        if (end := _AUTOV1_AT + _AUTOV1_LENGTH - at) > 0:
            waiting.append((self._autov1.update, view[max(_AUTOV1_AT - at, 0) : end]))
        if self._second is not None:
            # hashlib and blake3 let go of the interpreter: the sketch is the work of one core, and
            # whichever is free takes the next digest.
            other = self._second.submit(_work_off, waiting)
            if contents is not None:
                contents.feed_numbers(view)
            _work_off(waiting)
            other.result()
        else:
            for update, part in waiting:
                update(part)
            if contents is not None:
                contents.feed_numbers(view)
        self._at += len(block)

    def _next_crc32(self, view: memoryview) -> None:
        self._crc32 = zlib.crc32(view, self._crc32)

    def _find_tensors(self, view: memoryview) -> None:
        """With the first block, learn what the file is; a long header may take several."""
        if self._at == 0:
            length = header_length(bytes(view[:HEAD_LENGTH]), self._size)
            self._data_start = None if length is None else 8 + length
        if self._inside is None:
            self._inside = self._look(view)
            if self._inside is None:
                return
        if self._contents is None and self._inside.listing is not None:
            # Here, for what has no tensors needs no numpy.
            from reseen.fingerprints.contents import Contents

            listing = self._inside.listing
            self._contents = Contents(listing, self._size, self._config, self._at, self._shared)
            self._header = bytearray()

    def _look(self, view: memoryview) -> Inside | None:
        """Read a safetensors header from the stream; None while more of it must come."""
        if self._data_start is None:
            container = identify(bytes(view[:HEAD_LENGTH]), self._size)
            if container in containers.READ:
                return Inside(
                    container,
                    problem="its tensors are not found while it streams by",
                    code=Unread.code,
                )
            why = containers.refusal(container, bytes(view[:HEAD_LENGTH]), self._size)
            return Inside(container, problem=str(why), code=_code(why, container))
        data_size = self._size - self._data_start
        try:
            safetensors.checked_length(bytes(self._header[:8] or view[:8]), self._size)
            self._header += view[: self._data_start - len(self._header)]
            if len(self._header) < self._data_start and self._at + len(view) < self._size:
                return None
            with bulkhead():
                listing = safetensors.parse_header(bytes(self._header[8:]), self._size)
                return _inside(listing, data_size)
        except (Malformed, TooLarge, Unforeseen) as e:
            return Inside(Container.SAFETENSORS, data_size=data_size, problem=str(e), code=e.code)


_Update = tuple[Callable[[memoryview], object], memoryview]
"""What is to be told, and the bytes."""


def _work_off(waiting: deque[_Update]) -> None:
    """Do what waits, until nothing does: several threads may share it."""
    while True:
        try:
            update, part = waiting.popleft()
        except IndexError:
            return
        update(part)


class WholeFile:
    """The digests of a whole file in one pass, and nothing of what is in it: `update`, `finish`."""

    def __init__(self, size: int, also: Collection[DigestKind] = NONE) -> None:
        """`also`: kinds that are computed on demand."""
        self._size = size
        self._at = 0
        self._head = b""
        self._also = OnDemandDigests(also)
        self._sha256, self._blake3, self._crc32 = hashlib.sha256(), blake3(), 0
        self._git = (
            hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False) if size <= GIT_LIMIT else None
        )

    def update(self, chunk: bytes) -> None:
        """The next bytes."""
        if self._at == 0:
            self._head = chunk[:HEAD_LENGTH]
        self._sha256.update(chunk)
        self._blake3.update(chunk)
        self._crc32 = zlib.crc32(chunk, self._crc32)
        if self._git is not None:
            self._git.update(chunk)
        self._also.update(chunk)
        self._at += len(chunk)

    def finish(self) -> Fingerprint:
        """Raises Malformed when the bytes broke off before `size`."""
        if self._at != self._size:
            raise Malformed("the file broke off before its end")
        sha256 = self._sha256.digest()
        values = {
            DigestKind.SHA256: sha256,
            DigestKind.BLAKE3: self._blake3.digest(),
            DigestKind.CRC32: self._crc32.to_bytes(4, "big"),
            DigestKind.AUTOV2: sha256[:5],
            **self._also.values(),
        }
        if self._git is not None:
            values[DigestKind.GIT_BLOB] = self._git.digest()
        return Fingerprint(
            size=self._size,
            container=identify(self._head, self._size),
            digests=tuple(Digest(kind, values[kind]) for kind in sorted(values)),
            blind=(BlindSpot("digests-only", "its tensors are not looked for"),),
        )


def whole_digests(
    source: ByteSource,
    progress: Callable[[int], None] | None = None,
    also: Collection[DigestKind] = NONE,
) -> Fingerprint:
    """The digests of an open file as a whole: its tensors are not looked for. `also`: kinds that
    are computed on demand. Raises FileError."""
    pass_ = WholeFile(source.size, also)
    for at in range(0, source.size, BLOCK):
        chunk = source.read(Range(at, min(BLOCK, source.size - at)))
        if not chunk:
            raise FileError("the file shrank while it was read")
        pass_.update(chunk)
        if progress is not None:
            progress(len(chunk))
    return pass_.finish()


def digests_alone(
    path: Path,
    progress: Callable[[int], None] | None = None,
    also: Collection[DigestKind] = NONE,
) -> Fingerprint:
    """The same of a local file. Raises FileError."""
    with bulkhead(), LocalFile(path) as source, system_limits.limits(source.size):
        return whole_digests(source, progress, also)
