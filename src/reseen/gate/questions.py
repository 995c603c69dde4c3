"""Reads the body of POST /v1/check strictly: what is said of each file.

What comes in: bytes. What goes out: one `StatedFile` a file, in order. Raises `Refused`, whose
sentence says where the body is wrong and never what stood there. A short body is parsed at once
(`read`), a long one file by file (`each`), so that whoever shares the interpreter need not wait.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from reseen.fingerprints.kinds import ON_DEMAND
from reseen.match.stated import StatedFile
from reseen.records import DigestKind

MOST_FILES = 10_000
MOST_BYTES = 8 << 20
"""Bytes of a body."""
LARGEST = 2**63 - 1

KINDS: Mapping[str, DigestKind] = {
    kind.label.replace("-", "_"): kind for kind in DigestKind if kind not in ON_DEMAND
}
"""The names of digests in JSON, as everywhere else. Of those that are computed only where they are
asked for the gate knows none: whoever asks it states what proves more."""
NO_JSON = "the body is not JSON"
_FIELDS = {name: (kind, kind.length * 2) for name, kind in KINDS.items()}
_POINTER = 40  # hex digits of a git oid
SHORT = 16 << 10
"""Bytes of a body, or of what a long body says of one file, that are parsed at once."""
_BLANK = 1 << 10
"""Blanks between two files of a long body."""
_BEGIN = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"files"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*')
_BEHIND = re.compile(rb"[ \t\r\n]*([,\]])[ \t\r\n]*")


class Gone(Exception):
    """Who asked has hung up."""


class Refused(Exception):
    """A body that cannot be used."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def read(body: bytes) -> list[StatedFile]:
    """All files that the body asks about."""
    value = _parsed(body)
    if type(value) is not dict:
        raise Refused(422, "the body is not a JSON object")
    files = value.get("files")
    if files is None:
        return [_said(value, "the body")]
    if len(value) != 1 or type(files) is not list:
        raise Refused(422, "beside files, a list, the body holds nothing else")
    if not 0 < len(files) <= MOST_FILES:
        raise Refused(422, f"files holds 1 to {MOST_FILES:,} files")
    return [_said(file, number) for number, file in enumerate(files)]


def each(body: bytes) -> Iterator[StatedFile]:
    """The same of a body of any length, of which no more than a few thousand bytes are parsed at a
    time. What holds nothing but files and is JSON is read as `read` reads it."""
    begin = _BEGIN.match(body, 0, 2 * _BLANK)
    if begin is None:
        raise Refused(400, "a body of this length is an object that begins with files, a list")
    body = body.rstrip(b" \t\r\n")
    at, number, rest = begin.end(), 0, b""
    while not rest:
        last = at + SHORT >= len(body)
        # What is said of a file holds no list, and no other object.
        end = body.rfind(b"]", at) if last else body.rfind(b"}", at, at + SHORT) + 1
        some = _parsed(b"[%b]" % body[at:end]) if end >= at else []
        if not some:
            raise _wrong(number, "is not an object of digests")
        for value in some:
            if number == MOST_FILES:
                raise Refused(422, f"files holds 1 to {MOST_FILES:,} files")
            yield _said(value, number)
            number += 1
        behind = _BEHIND.match(body, end, end + 2 * _BLANK)
        if behind is None:
            raise Refused(400, NO_JSON)
        at = behind.end()
        if behind[1] == b"]":
            rest = body[at:] or b"nothing"
    if rest != b"}":
        raise Refused(422, "beside files, a list, the body holds nothing else")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, NO_JSON) from None


def must_be_plain(name: bytes, value: bytes) -> None:
    """Raises Refused where a header, of a request or of a form's part, says that the bytes are not
    what they stand for: what is hashed and what is parsed must be what was meant."""
    words = {word.strip().lower() for word in value.split(b",")} - {b""}
    if name == b"content-encoding" and words - {b"identity"}:
        raise Refused(415, "it is sent as it is, without a Content-Encoding")
    if name == b"content-transfer-encoding" and words - {b"binary", b"8bit", b"7bit"}:
        raise Refused(415, "it is sent as it is, without a Content-Transfer-Encoding")
    if name == b"content-range":
        raise Refused(400, "this is a part (Content-Range): send the whole file, or all digests")


def _said(value: Any, where: int | str) -> StatedFile:
    if type(value) is not dict:
        raise _wrong(where, "is not an object")
    digests: list[tuple[DigestKind, bytes]] = []
    pointer: bytes | None = None
    size: int | None = None
    for name, given in value.items():
        field = _FIELDS.get(name)
        if field is not None:
            digests.append((field[0], _hex(given, field[1], where, name)))
        elif name == "size":
            size = _size(given, where)
        elif name == "pointer":
            pointer = _hex(given, _POINTER, where, name)
        else:
            raise _wrong(where, "holds a field that is not known")
    if not digests and pointer is None:
        raise _wrong(where, "holds no digest")
    return StatedFile(tuple(digests), pointer, size)


def _size(given: Any, where: int | str) -> int:
    if type(given) is float and given.is_integer():  # 5.0 is a whole number in JSON
        given = int(given)
    if type(given) is not int or not 0 <= given <= LARGEST:
        raise _wrong(where, "has a size that is not a number of bytes")
    return int(given)


def _hex(given: Any, digits: int, where: int | str, name: str) -> bytes:
    if type(given) is str and len(given) == digits:
        try:
            value = bytes.fromhex(given)
        except ValueError:
            value = b""
        if len(value) * 2 == digits:  # fromhex passes over blanks
            return value
    raise _wrong(where, f"has a {name} that is not {digits} hex digits")


def _wrong(where: int | str, what: str) -> Refused:
    return Refused(422, f"{where if isinstance(where, str) else f'files[{where}]'} {what}")
