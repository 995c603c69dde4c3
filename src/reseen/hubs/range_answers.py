"""An answer with bytes of a file: what it says that it sends, and what of it was wanted.

What comes in: an answer, its body unread. What goes out: how many bytes it promises, or the bytes;
HubGarbage where that is not what was asked for.
"""

from __future__ import annotations

import re

import httpx2

from reseen.errors import HubGarbage
from reseen.files.source import Range
from reseen.hubs.attempts import AttemptFailed
from reseen.hubs.http_requests import drain
from reseen.hubs.hub import Usage

MOST_SKIPPED = 64 << 20
"""Bytes read and dropped before a range, where the server ignores Range."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


def check_plain(response: httpx2.Response) -> None:
    if response.headers.get("Content-Encoding", "identity") not in ("", "identity"):
        raise HubGarbage("the hub compresses a file that we asked for as it is")


def promised_length(response: httpx2.Response, wanted: Range) -> int:
    """Bytes that a 206 says it sends. Raises HubGarbage unless they are the range, or end the file.

    A reader takes a short answer for the file's end, so an answer may be short only there.
    """
    said = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if said is not None and int(said[1]) == wanted.start:
        length = int(said[2]) - wanted.start + 1
        ends = said[3] == "*" or int(said[3]) == int(said[2]) + 1
        if length == wanted.length or (0 < length < wanted.length and ends):
            return length
    raise HubGarbage("the hub sends another range than it was asked for")


async def read_range(response: httpx2.Response, wanted: Range, usage: Usage) -> bytes:
    """The range out of a 206, 200 (the server ignores Range) or 416 (past the end). `usage`
    counts what came."""
    check_plain(response)
    promised: int | None = None
    skip = wanted.start
    if response.status_code == 416:
        await drain(response)
        if re.fullmatch(r"bytes \*/(\d{1,18})", response.headers.get("Content-Range", "")):
            size = int(response.headers["Content-Range"].rpartition("/")[2])
            if size > wanted.start:
                raise HubGarbage("the hub refuses a range that it has")
        return b""
    if response.status_code == 206:
        promised, skip = promised_length(response, wanted), 0
    elif skip > MOST_SKIPPED:
        raise HubGarbage("the hub ignores Range, and the part is too far into the file")
    data = bytearray()
    most = wanted.length if promised is None else promised
    async for chunk in response.aiter_raw():
        usage.bytes_read += len(chunk)
        if skip >= len(chunk):
            skip -= len(chunk)
            continue
        data += memoryview(chunk)[skip:]
        skip = 0
        # A 206 is read to its end, which keeps the connection; unless it has none.
        if len(data) >= most and (promised is None or len(data) > most):
            break
    if promised is not None and len(data) != promised:
        raise AttemptFailed(HubGarbage("the hub sends another range than it promised"), most=3)
    return bytes(data[:most])
