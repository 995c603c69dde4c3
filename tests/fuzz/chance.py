"""What all makers draw from: numbers of every size, odd words, JSON by a grammar, mutated bytes.

What comes in: a random generator that the reader's name and a seed began. What goes out: pieces of
inputs. Texts hold `MARKER` now and then: no error, account or log may ever say it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random

MARKER = "qzmarkerzq"
"""Stands for a person's name. No word of the product holds it."""

NUMBERS = (
    *(0, 1, 2, 3, 4, 7, 8, 15, 16, 63, 64, 100, 127, 128, 255, 256, 1000, 4095, 4096, 65535, 65536),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 - 1, 2**53, 2**53 + 1, 10**18, 2**62, 2**63 - 1),
    *(2**63, 2**64 - 1, 2**64, 2**65, 10**30, 2**1023, 2**1024, 10**400),
)
_HUGE = 10**5000  # more digits than Python writes out
DIGITS = (
    "0123456789",
    "٠١٢٣٤٥٦٧٨٩",
    "０１２３４５６７８９",
    "०१२३४५६७८९",
    "¹²³⁴⁵⁶⁷⁸⁹²",
    "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
)
ODD_NUMBERS = (
    *("NaN", "nan", "Infinity", "-Infinity", "inf", "-0", "-0.0", "1e400", "-1e400", "1e-400"),
    *(
        "1e308",
        "1E+5",
        "0x10",
        "0b1",
        "0o7",
        "1_000",
        "1,000",
        "1.000",
        "01",
        "+1",
        ".5",
        "5.",
        "½",
    ),
    *("1e999999999999", "9" * 400, "9" * 5000, "1.5", "0.1", "3.4028236e38", "", " 7 ", "7\n"),
)
WORDS = (
    *("a", "b", "model", "weight", "unet", "SAMPLE", "x" * 40, "Sample person 07", "lora", "null"),
    *(
        "..",
        ".",
        "/",
        "a/b",
        "C:\\a",
        "-",
        "_",
        "'",
        '"',
        "\\",
        "=1+1",
        "@x",
        "{{7*7}}",
        "%s",
        "%00",
    ),
    *("<b>", "\x00", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u202e", "\u200b", "\ufeff", "\ud800"),
    *("\udfff", "é", "İ", "ß", "ﬁ", "Ⅷ", "日本", "😀", "\U0010ffff", "\r\n", "\n", "\t", " "),
)


def chance(rng: Random, one_in: float) -> bool:
    return rng.random() * one_in < 1


def number(rng: Random) -> int:
    """A whole number of any size and sign."""
    kind = rng.random()
    if kind < 0.45:
        return rng.randrange(20)
    if kind < 0.75:
        found = rng.choice(NUMBERS)
    elif kind < 0.995:
        found = rng.getrandbits(rng.choice((4, 8, 16, 31, 32, 33, 63, 64, 65, 128)))
    else:
        found = _HUGE
    return -found if chance(rng, 12) else found


def small(rng: Random) -> int:
    """A size as files have them."""
    return rng.choice((0, 1, 1, 2, 2, 3, 4, 4, 5, 8, 16, 32))


def number_text(rng: Random) -> str:
    """A number as a text, that may be none."""
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(ODD_NUMBERS)
    found = number(rng)
    text = "9" * 4999 if abs(found) >= _HUGE else str(found)
    if kind < 0.45:
        digits = rng.choice(DIGITS)
        return "".join(digits[int(c)] if c.isdigit() else c for c in text)
    return text


def word(rng: Random) -> str:
    """A word or a few; with the marker in one of five."""
    found = rng.choice(WORDS)
    while chance(rng, 3):
        found += rng.choice(("", " ", ".", "/", "-")) + rng.choice(WORDS)
    return f"{found}{MARKER}" if chance(rng, 5) else found


def digits(rng: Random, count: int | None = None) -> str:
    """Hexadecimal digits, mostly of a length that hashes have."""
    if count is None:
        count = rng.choice((8, 10, 12, 40, 64, 64, 64, 64, 63, 65, 32, 128, 1, 0))
    found = f"{rng.getrandbits(4 * count):0{count}x}" if count else ""
    kind = rng.randrange(12)
    if kind == 0:
        return found.upper()
    if kind == 1:
        return found[: count // 2] + rng.choice((" ", "-", "\u200b", "g", "*", "٣")) + found[5:]
    return found


def json_value(rng: Random, depth: int = 0) -> object:
    """A value of JSON, nested a little."""
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return rng.choice((None, True, False, float("nan"), float("inf"), 1e308, -0.0, 0.5))
    if kind <= 2:
        found = number(rng)
        return found if abs(found) < _HUGE else 10**4000
    if kind <= 4:
        return word(rng)
    if kind == 5:
        return digits(rng)
    if kind == 6:
        return [json_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {word(rng): json_value(rng, depth + 1) for _ in range(rng.randrange(4))}


def json_text(value: object, rng: Random) -> str:
    """A value as JSON, at times not quite: a member twice, a number that JSON has not, cut off."""
    text = json.dumps(value, ensure_ascii=chance(rng, 2))
    kind = rng.randrange(24)
    if kind == 0:
        return text[: rng.randrange(len(text) + 1)]
    if kind == 1:
        return text.replace(":", f":{number_text(rng)},", 1)
    if kind == 2:
        at = text.find("{") + 1
        return text[:at] + text[at:].rstrip("}") + "," + text[at:] if at else text * 2
    if kind == 3:
        return "[" * rng.choice((2, 40, 3000)) + text
    if kind == 4:
        return (
            rng.choice(("\ufeff", " ", "\n", "//", ","))
            + text
            + rng.choice(("", " ", "\n", ",", "\0"))
        )
    if kind == 5:
        at = rng.randrange(len(text) + 1)
        return text[:at] + number_text(rng) + text[at:]
    return text


def encoded(text: str, rng: Random) -> bytes:
    """The bytes of a text, in one of the encodings that people save in."""
    kind = rng.randrange(20)
    if kind == 0:
        return text.encode("utf-16", "surrogatepass")
    if kind == 1:
        return text.encode(rng.choice(("utf-16-le", "utf-16-be", "utf-32")), "surrogatepass")
    if kind == 2:
        return b"\xef\xbb\xbf" + text.encode("utf-8", "surrogatepass")
    if kind == 3:
        return text.encode("latin-1", "replace")
    if kind == 4:
        return text.encode("utf-8", "surrogatepass")
    return text.encode("utf-8", "replace")


JSON_WORDS = (b'"', b"{", b"}", b"[", b"]", b":", b",", b"null", b"\\ud800", b"\0", b"NaN")
"""What `mutated` puts into JSON, whatever it is about."""
_PACKED = ("<B", "<H", "<I", "<Q", ">I", ">Q")


def mutated(
    data: bytes,
    rng: Random,
    words: Sequence[bytes],
    others: Sequence[bytes] = (),
    most: int = 1 << 16,
) -> bytes:
    """The same bytes with a few changes: flipped, put in, cut out, copied, numbers that break."""
    file = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 9))):
        at = rng.randrange(len(file) + 1)
        kind = rng.randrange(9)
        if kind == 0 and at < len(file):
            file[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(file):
            file[at] = rng.randrange(256)
        elif kind == 2:
            file[at:at] = rng.choice(words)
        elif kind == 3:
            put = rng.choice(words)
            file[at : at + len(put)] = put
        elif kind == 4:
            del file[at : at + rng.choice((1, 2, 4, 8, 100))]
        elif kind == 5:
            form = rng.choice(_PACKED)
            wide = struct.calcsize(form)
            file[at : at + wide] = struct.pack(form, rng.choice(NUMBERS) % (1 << 8 * wide))
        elif kind == 6:
            file[at:at] = number_text(rng)[:500].encode("utf-8", "replace")
        elif kind == 7:
            start, length = rng.randrange(len(file) + 1), rng.choice((1, 4, 16, 64, 300))
            file[at:at] = file[start : start + length] * rng.choice((1, 1, 1, 2, 50))
        elif others:
            other = rng.choice(others)
            file[at:] = other[rng.randrange(len(other) + 1) :]
        del file[most:]
    return bytes(file)


@cache
def recorded(folder: str, ending: str) -> tuple[bytes, ...]:
    """What is recorded of the world in the project's own tests, to be mutated."""
    where = Path(__file__).parents[1] / folder
    return tuple(
        p.read_bytes() for p in sorted(where.rglob(f"*{ending}")) if p.stat().st_size < 1 << 14
    )


def one_of(rng: Random, *makers: Callable[[Random], bytes]) -> bytes:
    return rng.choice(makers)(rng)


def sum_of(value: object) -> str:
    """Tells two readings apart without a word of what was read."""
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@cache
def folder() -> Path:
    """Where lists are put down, in memory where the system has such a place."""
    shared = Path("/dev/shm")
    where = shared if os.access(shared, os.W_OK) else None
    kept = tempfile.TemporaryDirectory(prefix="reseen-fuzz-", dir=where)
    _KEPT.append(kept)
    return Path(kept.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def tidy() -> None:
    """The folder goes."""
    while _KEPT:
        _KEPT.pop().cleanup()
