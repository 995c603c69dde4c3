"""Reads the body of POST /v1/check strictly: what is said of each file.

What comes in: bytes. What goes out: one `StatedFile` a file, in order. Raises `Refused`, whose
sentence says where the body is wrong and never what stood there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reseen.match.stated import StatedFile
from reseen.records import DigestKind

MOST_FILES = 10_000
MOST_BYTES = 8 << 20
"""Bytes of a body."""
LARGEST = 2**63 - 1

KINDS: Mapping[str, DigestKind] = {kind.label.replace("-", "_"): kind for kind in DigestKind}
"""The names of digests in JSON, as everywhere else."""
_FIELDS = {name: (kind, kind.length * 2) for name, kind in KINDS.items()}
_POINTER = 40  # hex digits of a git oid


class Gone(Exception):
    """Who asked has hung up."""


class Refused(Exception):
    """A body that cannot be used."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def read(body: bytes) -> list[StatedFile]:
    """All files that the body asks about."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if type(value) is not dict:
        raise Refused(422, "the body is not a JSON object")
    files = value.get("files")
    if files is None:
        return [_said(value, "the body")]
    if len(value) != 1 or type(files) is not list:
        raise Refused(422, "beside files, a list, the body holds nothing else")
    if not 0 < len(files) <= MOST_FILES:
        raise Refused(422, f"files holds 1 to {MOST_FILES:,} files")
    return [_said(each, number) for number, each in enumerate(files)]


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
