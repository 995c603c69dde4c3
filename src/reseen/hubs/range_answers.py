"""What an answer with bytes of a file says that it sends.

What comes in: the headers of an answer. What goes out: how many bytes they promise; or HubGarbage
where that is not what was asked for.
"""

from __future__ import annotations

import re

import httpx2

from reseen.errors import HubGarbage
from reseen.files.source import Range

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
