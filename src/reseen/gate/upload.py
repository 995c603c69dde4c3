"""POST /v1/check/file: a file as it comes in, handed to a process of its own and forgotten.

What comes in: the bytes of one file, alone or as the one part of a form, and their Content-Length.
What goes out: its `Fingerprint`. The worker only passes the bytes on, as fast as they are taken:
everything that depends on what is in them is done by the process (`upload_work`). Nothing is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from python_multipart.multipart import parse_options_header
from starlette.types import Receive, Scope

from reseen.files.identify import HEAD_LENGTH
from reseen.fingerprints.members import needs_its_end
from reseen.gate.questions import Gone, Refused, must_be_plain
from reseen.gate.upload_process import Unjudged, UploadProcess, UploadProcesses
from reseen.match.registry_index import RegistryIndex
from reseen.records import BlindSpot, Container, Fingerprint
from reseen.registry.never_read import ended

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

Chunks = AsyncIterator[bytes]


async def fingerprint_of(
    scope: Scope, receive: Receive, processes: UploadProcesses, index: RegistryIndex
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
        return ended(index, await _read(size, chunks, receive, processes, index))
    except Unjudged as e:
        return _unjudged(size, e)


def _unjudged(size: int, why: Unjudged) -> Fingerprint:
    """What is known of a file that broke the process that read it: nothing."""
    said = f"the file could not be judged: {why}"
    blind = (BlindSpot(why.code, said),)
    return Fingerprint(size, Container.UNKNOWN, (), problem=said, no_sketch=said, blind=blind)


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
        else:
            must_be_plain(name, value)
    if length is None or not length.isdigit() or len(length) > 18:
        raise Refused(411, "an upload is sent with its Content-Length")
    kind, options = parse_options_header(content_type)
    if kind not in (b"application/octet-stream", b"multipart/form-data"):
        raise Refused(415, "a file is sent as application/octet-stream or multipart/form-data")
    return int(length), kind, options


async def _body(receive: Receive, length: int) -> Chunks:
    """The chunks of the body, as they come, and not too slowly."""
    loop = asyncio.get_running_loop()
    waited, came = 0.0, 0  # for who sends; that we take our time is not their fault
    more = True
    while more:
        since = loop.time()
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
        waited += loop.time() - since
        if waited > 60 and came < SLOWEST * waited:
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
    starts = head.startswith(b"--%b\r\n" % boundary)
    if begin < 4 or not starts or _name_in(head[:begin]) != b"file":
        raise Refused(400, "the form's first part is not the field file")
    # The form ends with: CRLF -- boundary -- CRLF, as all clients write it.
    size = length - begin - len(boundary) - 8
    if size < 0:
        raise Refused(400, "the form is shorter than it says")

    return size, _inside(head[begin:], body, size, b"\r\n--" + boundary)


async def _inside(first: bytes, body: Chunks, size: int, end: bytes) -> Chunks:
    """The bytes of a form's one file. Raises Refused where the form does not end right behind it,
    or could be read as if it ended before."""
    left, behind = size, b""
    before = b"\r\n"  # the last bytes that came: an end may come in pieces
    async for chunk in _after(first, body):
        part = chunk[:left]
        left -= len(part)
        behind += chunk[len(part) :]
        before += part
        if end in before:
            raise Refused(400, "the form holds more than one part: send the file alone")
        before = before[1 - len(end) :]
        if part:
            yield part
    if behind != end + b"--\r\n":
        raise Refused(400, "the form does not end behind its first part: send the file alone")


async def _after(first: bytes, chunks: Chunks) -> Chunks:
    yield first
    async for chunk in chunks:
        yield chunk


def _name_in(head: bytes) -> bytes | None:
    """The name of the part that begins so. Raises Refused."""
    found: bytes | None = None
    for line in head.split(b"\r\n")[1:]:
        field, _, value = line.partition(b":")
        name = field.strip().lower()
        if name == b"content-disposition" and found is None:
            found = parse_options_header(value.strip())[1].get(b"name")
        must_be_plain(name, value)
    return found


async def _read(
    size: int, chunks: Chunks, receive: Receive, processes: UploadProcesses, index: RegistryIndex
) -> Fingerprint:
    """The fingerprint of a file of `size` bytes. Hashing goes on while the next bytes come."""
    head = b""
    async with processes.begin(size, guarded=index.holds_never_read) as process:
        async for chunk in chunks:
            if size > MOST_SPOOLED and len(head) < HEAD_LENGTH:
                head += chunk[:HEAD_LENGTH]
                if len(head) >= HEAD_LENGTH and needs_its_end(head, size):
                    most = MOST_SPOOLED >> 30
                    raise Refused(413, f"such a file may have {most} GiB; this one has more")
            await process.send(chunk)
        return await _unless_gone(receive, process, index)


async def _unless_gone(
    receive: Receive, process: UploadProcess, index: RegistryIndex
) -> Fingerprint:
    """What the process says. Raises Unjudged, and Gone where who asks hangs up before."""
    said = asyncio.ensure_future(process.outcome(index))
    gone = asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait((said, gone), return_when=asyncio.FIRST_COMPLETED)
        if not said.done():
            raise Gone
        return said.result()
    finally:
        for each in (said, gone):
            each.cancel()
        await asyncio.gather(said, gone, return_exceptions=True)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] == "http.request":
        pass
