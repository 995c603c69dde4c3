"""POST /v1/check/file: a file as it comes in, fingerprinted on its way and forgotten.

What comes in: the bytes of one file, alone or as the one part of a form, and their Content-Length.
What goes out: its `Fingerprint`. A safetensors file streams through: its header comes first, and of
its weights no more is held at a time than its layers need (`sketcher.MOST_HELD`). A torch file
keeps its directory at its end: it goes into a temporary file without a name, bounded, and gone when
it is closed. All other files are hashed as they come. Nothing is kept.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TypeVar

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Receive, Scope

from reseen.errors import FileError
from reseen.files.containers import READ
from reseen.files.identify import HEAD_LENGTH, identify
from reseen.files.source import Range, run
from reseen.fingerprints.digests import BLOCK, Fingerprinter, WholeFile, look_inside
from reseen.gate.questions import Gone, Refused
from reseen.match.registry_index import RegistryIndex
from reseen.records import Container, Fingerprint
from reseen.registry.never_read import ended, forbids

MOST_STREAMED = 64 << 30
"""Bytes of a file that is read as it comes."""
MOST_SPOOLED = 2 << 30
"""Bytes of a file that must be read from its end."""
IDLE = 30.0
"""Seconds without a byte after which an upload has ended."""
SLOWEST = 64 << 10
"""Bytes a second, from the first minute on, below which an upload has ended."""
_PREAMBLE = 8 << 10
"""Bytes of a form before its file."""

T = TypeVar("T")
Chunks = AsyncIterator[bytes]


async def fingerprint_of(
    scope: Scope, receive: Receive, pool: ThreadPoolExecutor, index: RegistryIndex
) -> Fingerprint:
    """Read the one file of a request; one of the class that is never read ends at its digests.
    Raises Refused, or Gone."""
    length, kind, options = _head(scope)
    body = _body(receive, length)
    if kind == b"multipart/form-data":
        boundary = options.get(b"boundary")
        if not boundary:
            raise Refused(400, "the form names no boundary")
        size, chunks = await _opened(body, boundary, length)
    else:
        size, chunks = length, body
    if size > MOST_STREAMED:
        raise Refused(413, f"the file is longer than {MOST_STREAMED >> 30} GiB")
    try:
        return ended(index, await _read(size, chunks, pool, index))
    except FileError as e:
        raise Refused(400, f"{e}: send it alone, with its Content-Length") from None


def _head(scope: Scope) -> tuple[int, bytes, dict[bytes, bytes]]:
    """Content-Length, content type and its options. Raises Refused for a body that is not the file
    itself: what is hashed must be what is uploaded."""
    length: bytes | None = None
    content_type = b"application/octet-stream"
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = value
        elif name == b"content-type":
            content_type = value
        elif name == b"content-range":
            raise Refused(400, "this is a part of a file (Content-Range): send the whole file")
        else:
            _must_be_plain(name, value)
    if length is None or not length.isdigit() or len(length) > 18:
        raise Refused(411, "an upload is sent with its Content-Length")
    kind, options = parse_options_header(content_type)
    if kind not in (b"application/octet-stream", b"multipart/form-data"):
        raise Refused(415, "a file is sent as application/octet-stream or multipart/form-data")
    return int(length), kind, options


def _must_be_plain(name: bytes, value: bytes) -> None:
    """Raises Refused where a header, of the request or of a form's part, says that the bytes are
    not the file's own."""
    words = {word.strip().lower() for word in value.split(b",")} - {b""}
    if name == b"content-encoding" and words - {b"identity"}:
        raise Refused(415, "a file is sent as it is, without a Content-Encoding")
    if name == b"content-transfer-encoding" and words - {b"binary", b"8bit", b"7bit"}:
        raise Refused(415, "a file is sent as it is, without a Content-Transfer-Encoding")


async def _body(receive: Receive, length: int) -> Chunks:
    """The chunks of the body, as they come, and not too slowly."""
    loop = asyncio.get_running_loop()
    began, came = loop.time(), 0
    more = True
    while more:
        try:
            async with asyncio.timeout(IDLE):
                message = await receive()
        except TimeoutError:
            raise Refused(408, "the file stopped coming") from None
        if message["type"] != "http.request":
            raise Gone
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        came += len(chunk)
        if loop.time() - began > 60 and came < SLOWEST * (loop.time() - began):
            raise Refused(408, "the file came too slowly")
        if chunk:
            yield chunk
    if came != length:
        raise Gone


async def _opened(body: Chunks, boundary: bytes, length: int) -> tuple[int, Chunks]:
    """A form's one file: its size, as the form's length has it, and its chunks."""
    head = b""
    async for chunk in body:
        head += chunk
        if b"\r\n\r\n" in head[:_PREAMBLE] or len(head) > _PREAMBLE:
            break
    begin = head.find(b"\r\n\r\n", 0, _PREAMBLE) + 4
    if begin < 4 or _name_in(head[:begin]) != b"file":
        raise Refused(400, "the form's first part is not the field file")
    # The form ends with: CRLF -- boundary -- CRLF, as all clients write it.
    size = length - begin - len(boundary) - 8
    if size < 0:
        raise Refused(400, "the form is shorter than it says")

    async def chunks() -> Chunks:
        form = _Form(boundary)
        for part in form.parts_of(head):
            yield part
        async for chunk in body:
            for part in form.parts_of(chunk):
                yield part
        if not form.ended:
            raise Refused(400, "the form breaks off")

    return size, chunks()


def _name_in(head: bytes) -> bytes | None:
    """The name of the part that begins so. Raises Refused."""
    found: bytes | None = None
    for line in head.split(b"\r\n")[1:]:
        field, _, value = line.partition(b":")
        name = field.strip().lower()
        if name == b"content-disposition" and found is None:
            found = parse_options_header(value.strip())[1].get(b"name")
        _must_be_plain(name, value)
    return found


class _Form:
    """A form as it comes in: one part, the file."""

    def __init__(self, boundary: bytes) -> None:
        self.ended = False
        self._parts = 0
        self._out: list[bytes] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part,
                "on_part_data": lambda data, start, end: self._out.append(data[start:end]),
                "on_end": self._on_end,
            },
        )

    def parts_of(self, chunk: bytes) -> list[bytes]:
        """The file's bytes in the next chunk of the form."""
        try:
            self._parser.write(chunk)
        except MultipartParseError:
            raise Refused(400, "the form cannot be read") from None
        out, self._out = self._out, []
        return out

    def _on_part(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise Refused(400, "the form holds more than one part: send the file alone")

    def _on_end(self) -> None:
        self.ended = True


async def _read(
    size: int, chunks: Chunks, pool: ThreadPoolExecutor, index: RegistryIndex
) -> Fingerprint:
    """The fingerprint of a file of `size` bytes. Hashing goes on while the next bytes come."""
    blocks = _blocks(chunks)
    first = await anext(blocks, b"")
    container = identify(first[:HEAD_LENGTH], size)
    if _needs_its_end(first, container):
        return await _spooled(size, first, blocks, pool, index)
    pass_ = Fingerprinter(size)
    await _each(first, blocks, pass_.update, pool)
    return await _run(pool, pass_.finish)


def _needs_its_end(first: bytes, container: Container) -> bool:
    if container is Container.SAFETENSORS:
        return False
    # Whatever its first entry is called: torch looks for data.pkl in the directory.
    return container in READ or first[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


async def _spooled(
    size: int, first: bytes, blocks: Chunks, pool: ThreadPoolExecutor, index: RegistryIndex
) -> Fingerprint:
    if size > MOST_SPOOLED:
        raise Refused(413, f"such a file may have {MOST_SPOOLED >> 30} GiB; this one has more")
    whole = WholeFile(size) if index.holds_never_read else None
    with tempfile.TemporaryFile("w+b", buffering=0, prefix="reseen-") as spool:  # 0600, no name

        def write(block: bytes) -> None:
            if spool.tell() + len(block) > size:
                raise FileError("the file is longer than announced")
            spool.write(block)
            if whole is not None:
                whole.update(block)

        await _each(first, blocks, write, pool)
        if whole is not None and forbids(index, told := whole.finish()):
            return told  # nothing in it is looked at, and the file is gone
        return await _run(pool, lambda: _of_spool(spool, size))


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


async def _blocks(chunks: Chunks) -> Chunks:
    """The same bytes in larger pieces."""
    parts: list[bytes] = []
    length = 0
    async for chunk in chunks:
        parts.append(chunk)
        length += len(chunk)
        if length >= BLOCK:
            yield b"".join(parts)
            parts, length = [], 0
    if parts:
        yield b"".join(parts)


async def _each(
    first: bytes, blocks: Chunks, work: Callable[[bytes], None], pool: ThreadPoolExecutor
) -> None:
    """Do the work on each block in a thread, while the next one comes."""
    loop = asyncio.get_running_loop()
    going = loop.run_in_executor(pool, work, first)
    try:
        async for block in blocks:
            await going
            going = loop.run_in_executor(pool, work, block)
    finally:
        await going


async def _run(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, work)
