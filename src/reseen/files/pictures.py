"""Embeddings of textual inversion in a picture's text, as stable-diffusion-webui puts them there.

In go the first bytes of a PNG, out come the rows that its chunk `sd-ti-embedding` holds: JSON in
Base64, each tensor written out as lists of numbers. What the same program hides in the picture's
own pixels beside that is not read, nor is text that is packed.

Source: modules/textual_inversion/image_embedding.py of stable-diffusion-webui.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any

from reseen.errors import Malformed, TooLarge, Unread

MARK = b"sd-ti-embedding"
LARGEST = 4 << 20
"""Bytes from the picture's beginning within which the text must end: 75 rows take 2 MiB."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PACKED = (b"zTXt", b"iTXt")
_MOST_NUMBERS = 1 << 18

Matrix = list[list[float]]


def embeddings_in(head: bytes) -> list[Matrix]:
    """The tensors in the text of a picture that begins so: rows of numbers, all of one width.

    Raises Malformed, TooLarge, or Unread where the text is packed."""
    for kind, data in _chunks(head):
        if not data.startswith(MARK + b"\0"):
            continue
        if kind in _PACKED:
            raise Unread("an embedding in a picture, packed: it is not read")
        if kind == b"tEXt":
            return list(_matrices(_parsed(data[len(MARK) + 1 :])))
    raise Malformed("the text of a picture that should hold an embedding is not there")


def _chunks(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG that lie in these bytes as a whole, by kind."""
    if not head.startswith(_SIGNATURE):
        raise Malformed("it is no PNG")
    at = len(_SIGNATURE)
    while at + 12 <= len(head):
        length = int.from_bytes(head[at : at + 4], "big")
        if at + 12 + length > len(head):
            if head[at + 8 : at + 8 + len(MARK)] == MARK and len(head) >= LARGEST:
                raise TooLarge("the text of a picture is longer than an embedding's")
            return
        yield head[at + 4 : at + 8], head[at + 8 : at + 8 + length]
        at += 12 + length


def _parsed(text: bytes) -> Any:
    try:
        data = base64.b64decode(text, validate=True)
        if data.count(b",") > _MOST_NUMBERS:
            raise TooLarge("an embedding in a picture holds too many numbers")
        return json.loads(data, parse_constant=_refuse_constant, parse_int=float)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        # The message would quote the file: leave it out.
        raise Malformed("the embedding in a picture is not what its program writes") from None
    except RecursionError:
        raise Malformed("the embedding in a picture is nested too deeply") from None


def _refuse_constant(word: str) -> None:
    raise ValueError(word)


def _matrices(value: Any) -> Iterator[Matrix]:
    params = value.get("string_to_param") if isinstance(value, dict) else None
    if not isinstance(params, dict):
        raise Malformed("the embedding in a picture has no rows")
    for tensor in params.values():
        rows = tensor.get("TORCHTENSOR") if isinstance(tensor, dict) else None
        if not isinstance(rows, list) or not rows:
            raise Malformed("the embedding in a picture has no rows")
        matrix = rows if isinstance(rows[0], list) else [rows]
        widths = {len(row) if isinstance(row, list) else -1 for row in matrix}
        if len(widths) != 1 or not all(type(n) is float for row in matrix for n in row):
            raise Malformed("the rows of an embedding in a picture are no numbers")
        yield matrix
