"""Opaque ids: Crockford's base-32 digits in lower case, which nobody misreads.

What comes in: bytes that tell nothing. What goes out: eight digits for each five bytes.
"""

from __future__ import annotations

import base64
import secrets

_DIGITS = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz")

_OF_ANY_BYTE = bytes(sorted(_DIGITS[each] for each in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")) * 8
"""A digit for each value that a byte can have: each of them for as many."""


def digits(data: bytes) -> str:
    """The bytes as digits; a multiple of five bytes."""
    return base64.b32encode(data).translate(_DIGITS).decode("ascii")


def given(text: str) -> str:
    """An id as a person or an address gives it, to be looked up: an odd one is not found, and asks
    no database for what it cannot hold (PostgreSQL takes no NUL)."""
    return text.strip().lower()[:64].replace("\0", "")


def draw(count: int) -> list[str]:
    """Ids for removals, at random: 40 bits, so that two in a large registry can be equal."""
    text = secrets.token_bytes(8 * count).translate(_OF_ANY_BYTE).decode("ascii")
    return [f"rm-{text[at : at + 8]}" for at in range(0, len(text), 8)]
