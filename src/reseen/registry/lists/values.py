"""Reads single values of a list: digests, sizes, dates, ids.

What comes in: a cell. What goes out: the value, or `RefusedValue` with a reason that never holds
the value itself. Nothing is guessed: what can mean two things is left out or refused.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime

from reseen.records import Digest, DigestKind
from reseen.registry.lists.table import Cell

EARLIEST = date(2000, 1, 1)
"""No model was removed before; an earlier date is a mistake of a spreadsheet."""

MAX_SIZE = 1 << 46
"""Bytes; 64 TiB."""


class RefusedValue(ValueError):
    """A value that cannot be taken; the message is the reason, for a person."""


_EMPTY = frozenset({"", "-", "--", "n/a", "na", "none", "null", "nan", "unknown", "?", "#n/a"})
_SAFE = re.compile(r"'(?=[=+\-@\t\r])")

_BY_LENGTH = {
    64: DigestKind.SHA256,
    40: DigestKind.GIT_BLOB,
    12: DigestKind.AUTOV3,
    10: DigestKind.AUTOV2,
    8: DigestKind.AUTOV1,
}
"""What a column called just "hash" holds, by the hexadecimal digits of each value."""

_BY_PREFIX = {kind.label: kind for kind in DigestKind} | {
    "sha-256": DigestKind.SHA256,
    "git-blob": DigestKind.GIT_BLOB,
    "xethash": DigestKind.XET,
}


def text_of(cell: Cell) -> str | None:
    """A cell as text; None when it holds nothing. A quote that made a formula harmless goes."""
    if isinstance(cell, str):
        text = cell.strip()
        if text[:1] == "'":
            text = _SAFE.sub("", text, count=1)
        return text or None
    if cell is None or isinstance(cell, bool):
        return None
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, list):
        return ", ".join(cell) or None
    if isinstance(cell, date):  # and datetime
        return cell.isoformat()
    return str(cell)


def value_of(cell: Cell) -> str | None:
    """As `text_of`, and what people write for "nothing" is nothing."""
    text = text_of(cell)
    if text is None or (len(text) < 8 and text.lower() in _EMPTY):
        return None
    return text


def words_of(cell: Cell, parted_by: str = r"[,;\n|]") -> tuple[str, ...]:
    """The words or phrases of a cell: a list, or text parted by commas, semicolons or lines."""
    if isinstance(cell, list):
        parts = cell
    else:
        parts = re.split(parted_by, text_of(cell) or "")
    return tuple(dict.fromkeys(word for part in parts if (word := part.strip())))


def digest_of(cell: Cell, kind: DigestKind | None) -> Digest | None:
    """The digest in a cell; `kind` None: told by its prefix or its length. Raises RefusedValue."""
    if isinstance(cell, float):
        raise RefusedValue(
            "a spreadsheet has turned the hash into a number: format the cells as text"
        )
    if kind is not None and isinstance(cell, str):
        with suppress(ValueError):  # most values of most lists are as they should be
            return Digest(kind, bytes.fromhex(cell))
    text = value_of(cell)
    if text is None:
        return None
    prefix, colon, rest = text.rpartition(":")
    if colon:
        named = _BY_PREFIX.get(prefix.strip().lower())
        if named is None or kind not in (None, named):
            raise RefusedValue(
                f"what stands in the column of {_label(kind)} says it is something else"
            )
        kind, text = named, rest
    digits = re.sub(r"\s+", "", text).lower().removeprefix("0x")
    if kind is None:
        kind = _BY_LENGTH.get(len(digits))
        if kind is None:
            raise RefusedValue(f"no hash that Reseen knows has {len(digits)} digits")
    # AutoV3 is often given as the whole SHA-256 of the data section that it is the beginning of
    if kind is DigestKind.AUTOV3 and len(digits) == 64:
        kind = DigestKind.DATA_SHA256
    if not re.fullmatch("[0-9a-f]*", digits):
        raise RefusedValue(f"{_label(kind)} holds what is not a hexadecimal digit")
    if len(digits) != 2 * kind.length:
        raise RefusedValue(
            f"{_label(kind)} has {len(digits)} digits and should have {2 * kind.length}"
        )
    return Digest(kind, bytes.fromhex(digits))


def _label(kind: DigestKind | None) -> str:
    return "hashes" if kind is None else kind.label


_UNITS = {
    "": 0, "b": 0, "byte": 0, "bytes": 0,
    "k": 1, "kb": 1, "kib": 1, "m": 2, "mb": 2, "mib": 2, "g": 3, "gb": 3, "gib": 3,
    "t": 4, "tb": 4, "tib": 4,
}  # fmt: skip
_SIZE = re.compile(r"([0-9][0-9,_' ]*)(\.[0-9]+)?\s*([a-z]*)", re.IGNORECASE)


def size_of(cell: Cell, *, kilobytes: bool = False) -> int | None:
    """The exact size in bytes; None when there is none, or only a rounded one ("217.9 MB").

    Sizes are compared exactly (and a pointer's git name is computed from them), so a rounded one
    would do harm. Kilobytes count as exact when their fraction, of at least three digits, gives a
    whole number of bytes, as in Civitai's `sizeKB`. Raises RefusedValue for what is no size.
    """
    text = value_of(cell) if not isinstance(cell, float) else repr(cell)
    if text is None:
        return None
    match = _SIZE.fullmatch(text)
    unit = match[3].lower() if match else ""
    if match is None or unit not in _UNITS:
        raise RefusedValue("the size is not a number of bytes")
    whole = int(re.sub("[^0-9]", "", match[1])[:20])
    fraction = (match[2] or "").rstrip("0")
    power = _UNITS[unit] + (1 if kilobytes and not unit else 0)
    if power == 0:
        if fraction not in ("", "."):
            raise RefusedValue("the size is not a whole number of bytes")
        size = whole
    else:
        if power > 1 or len(fraction) < 4:
            return None
        exact = (whole + float(fraction)) * 1024
        size = round(exact)
        if abs(exact - size) > 1e-6 * 1024:
            return None
    if not 0 < size <= MAX_SIZE:
        raise RefusedValue("no file has such a size")
    return size


_ISO = re.compile(r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})(?:[T ](.*))?")
_NUMBERS = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?:[T ,].*)?")
_WORDS = re.compile(
    r"(?:[a-z]{3,9},?\s+)?(?:(\d{1,2})(?:st|nd|rd|th)?\.?[\s-]+([a-z]{3,9})\.?"
    r"|([a-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?),?[\s-]+(\d{4})(?:[T ,].*)?",
    re.IGNORECASE,
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *("jan january", "feb february", "mar march", "apr april", "may", "jun june"),
            *("jul july", "aug august", "sep sept september", "oct october", "nov november"),
            "dec december",
        ),
        1,
    )
    for name in names.split()
}


def date_of(cell: Cell) -> date | None:
    """The day (in UTC) that a cell names; None when it names none for certain ("03/04/2025").

    Taken: ISO 8601 dates and instants, a month in English words, D.M.YYYY, and D/M/YYYY or
    M/D/YYYY where one of the two cannot be a month or both are the same.
    """
    found = cell if isinstance(cell, date) else _date_in(value_of(cell) or "")
    if isinstance(found, datetime):
        found = (found.astimezone(UTC) if found.tzinfo else found).date()
    return found if found is not None and found >= EARLIEST else None


def _date_in(text: str) -> date | None:
    try:
        if match := _ISO.fullmatch(text):
            if match[5]:
                return datetime.fromisoformat(text.replace("/", "-").replace(".", "-", 2))
            return date(int(match[1]), int(match[3]), int(match[4]))
        if match := _NUMBERS.fullmatch(text):
            first, second, year = int(match[1]), int(match[3]), int(match[4])
            if match[2] == "." or first > 12 or first == second:
                return date(year, second, first)
            return date(year, first, second) if second > 12 else None
        if match := _WORDS.fullmatch(text):
            month = _MONTHS.get((match[2] or match[3]).lower())
            return date(int(match[5]), month, int(match[1] or match[4])) if month else None
    except (ValueError, OverflowError):
        return None
    return None


def id_of(cell: Cell) -> str | None:
    """A model's or version's id: a word of at most 64 characters. Raises RefusedValue."""
    text = value_of(cell)
    if text is None:
        return None
    if len(text) > 64 or not re.fullmatch(r"[\w.\-]+", text):
        raise RefusedValue("the id is not a plain number or word")
    return text
