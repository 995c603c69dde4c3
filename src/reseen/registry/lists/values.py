"""Reads single values of a list: digests, sizes, dates, ids.

What comes in: a cell. What goes out: the value, or `RefusedValue` with a reason that never holds
the value itself. Nothing is guessed: what can mean two things is left out or refused.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from reseen.records import Digest, DigestKind
from reseen.registry.lists.not_removed import is_of_another
from reseen.registry.lists.table import MAX_CELL, Cell

EARLIEST = date(2000, 1, 1)
"""No model was removed before; an earlier date is a mistake of a spreadsheet."""

MAX_SIZE = 1 << 46
"""Bytes; 64 TiB."""


class RefusedValue(ValueError):
    """A value that cannot be taken; the message is the reason, for a person."""


class SeveralValues(RefusedValue):
    """A cell that holds the hashes of several files: each is a row of its own."""

    def __init__(self, values: tuple[Digest, ...]) -> None:
        super().__init__("the cell holds the hashes of several files")
        self.values = values
        self.position = 0
        """Of the cell in its row."""

    def put(self, cells: Sequence[Cell], value: Digest) -> list[Cell]:
        """The row with one of the hashes in the place of all."""
        return [*cells[: self.position], value.hex, *cells[self.position + 1 :]]


_EMPTY = frozenset({"", "-", "--", "n/a", "na", "none", "null", "nan", "unknown", "?", "#n/a"})
_SAFE = re.compile(r"'(?=[=+\-@\t\r])")
_FORMULA_TEXT = re.compile(r'="((?:[^"]|"")*)"\Z')
"""How exporters keep a spreadsheet from taking a text for a number."""
_HYPERLINK = re.compile(
    r'=?HYPERLINK\(\s*"((?:[^"]|"")*+)"\s*(?:[,;]\s*"((?:[^"]|"")*+)"\s*)?\)\Z', re.IGNORECASE
)
_BEGIN_LINKS = ("=", "[", "<", "H", "h", "`", '"')
_MARKDOWN = re.compile(
    r"\[([^\[\]]*+)\]\(\s*<?(https?://[^\s()<>]++)>?[^()]*+\)\Z|<(https?://[^\s<>]++)>\Z"
)

_WRITTEN = re.compile(
    r"\[\[(https?://[^\s\[\]|]++)(?:\]\[|\|)([^\[\]]*+)\]\]\Z"  # Org, DokuWiki
    r"|\[(https?://[^\s\[\]|]++)\s([^\[\]]*+)\]\Z"  # MediaWiki
    r"|`()([^`<>]*+)<(https?://[^\s<>]++)>`_{1,2}\Z"  # reStructuredText
    r"|\"()([^\"]*+)\":(https?://\S++)\Z"  # Textile
)
"""A link with its text, as pages of other kinds than Markdown write it: (link, text), or a mark,
(text, link)."""

_BY_LENGTH = {
    64: DigestKind.SHA256,
    40: DigestKind.GIT_BLOB,
    12: DigestKind.AUTOV3,
    10: DigestKind.AUTOV2,
    8: DigestKind.AUTOV1,
}
"""What a column called just "hash" holds, by the hexadecimal digits of each value."""

_BY_PREFIX = {
    plain: kind for kind in DigestKind for plain in (kind.label, kind.label.replace("-", ""))
} | {
    "sha-256": DigestKind.SHA256,
    "sha2": DigestKind.SHA256,
    "sha2256": DigestKind.SHA256,
    "oidsha256": DigestKind.SHA256,
    "filesha256": DigestKind.SHA256,
    "gitblob": DigestKind.GIT_BLOB,
    "xethash": DigestKind.XET,
    "crc": DigestKind.CRC32,
    "md5sum": DigestKind.MD5,
    "sha1sum": DigestKind.SHA1,
}


_OTHERS = frozenset(
    {
        "sha224",
        "sha384",
        "sha512",
        "sha3",
        "blake2b",
        "blake2",
        "crc64",
        "xxh",
        "etag",
    }
)
"""Names of hashes that Reseen does not compare."""


def text_of(cell: Cell) -> str | None:
    """A cell as text; None when it holds nothing. A quote that made a formula harmless goes."""
    if isinstance(cell, str):
        text = cell.strip()
        if text[:1] == "'":
            text = _SAFE.sub("", text, count=1)
        elif text[:2] == '="' and (formula := _FORMULA_TEXT.match(text)):
            text = formula[1].replace('""', '"').strip()
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


_DECORATION = " \t\r\n\"'`´‘’“”„«»‹›<>()[]{}*,;.|=@~"
_SEPARATORS = re.compile(r"[\s_:.·-]+")
_HEX = re.compile(r"[0-9a-fA-F]+\Z")
_PREFIX = re.compile(r"\s*([A-Za-z][A-Za-z0-9 _-]{1,20}?)\s*[:=]\s*(?=\S)")
_DASHED_PREFIX = re.compile(r"(sha-?256|blake3|xet)[-/ ](?=[0-9a-zA-Z+/_-])", re.IGNORECASE)
_PAIR = re.compile(
    r"(?<![A-Za-z0-9_-])([A-Za-z][A-Za-z0-9_-]{0,20})[\"'’”]{0,2}\s{0,4}[:=]\s{0,4}[\"'‘“]{0,2}"
    r"(?:0[xX])?([0-9a-fA-F]{8,128})(?![0-9A-Za-z])"
)
_WORDS_OF_HEX = re.compile(r"(?<![0-9A-Za-z])(?:0[xX])?([0-9a-fA-F]{8,128})(?![0-9A-Za-z])")
_BASE64 = re.compile(r"([A-Za-z0-9+/_-]{6,64})={0,2}")
_PLAIN_BASE64 = str.maketrans("-_", "+/")
_IN_BASE64 = {
    kind
    for kind in DigestKind
    if kind.length >= 16 or kind in (DigestKind.CRC32C, DigestKind.CRC64_NVME)
}
"""Kinds that are looked for in base64, as stores write them: shorter ones could be words."""
_LONGEST = 8_192
"""Characters of a cell in which hashes are looked for."""
_LENGTHS = frozenset({8, 10, 12, 40, 64})
"""Digits of what looks like a hash, whatever its column is called: 32 are more often some id."""
_OF_KINDS = frozenset(2 * kind.length for kind in DigestKind)
_SHA256_AMONG = re.compile(r"(?<![0-9A-Za-z])(?:0[xX])?([0-9a-fA-F]{64})(?![0-9A-Za-z])")
_LINKS_AMONG = re.compile(r"https?://[^\s<>(){}\[\]\"'|\\]+")
_TRACKERS = (
    *("atlassian.net", "zendesk.com", "freshdesk.com", "linear.app", "trello.com", "asana.com"),
    *("slack.com", "teams.microsoft.com", "notion.so", "airtable.com", "clickup.com"),
    *("monday.com", "service-now.com"),
)
"""Sites of tickets, tasks and messages alone."""
_OF_TICKETS = frozenset(
    {"issue", "issues", "pull", "merge_requests", "ticket", "tickets", "browse", "channels"}
)
"""What stands before a ticket's number in its address."""
_TICKET = re.compile(r"(?:[A-Z][A-Z0-9]{0,9}-)?[0-9]{1,20}(?:\.json)?", re.IGNORECASE)


def bare(text: str) -> str:
    """A text without what people and programs put around it: invisible marks, quotes, brackets,
    a formula that makes it text. Full-width digits become plain ones."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = text.strip()
    if text[:1] == "=" and (formula := _FORMULA_TEXT.match(text)):
        text = formula[1].replace('""', '"')
    return text.strip(_DECORATION)


_CUT = re.compile(r"…|\.\.|⋯|\*\*")
"""What is written in place of digits that are left out."""
_WHOLE = 40
"""Digits from which on a hash is whole, whatever stands behind it."""


def is_cut(text: str) -> bool:
    """Whether a text says itself that it is the beginning, or both ends, of a hash: its length
    tells no kind then."""
    return bool(_CUT.search(text)) and len(_digits(bare(_unprefixed(bare(text))[1]))) < _WHOLE


def hash_digits(text: str) -> int:
    """How many hexadecimal digits a text has that looks like a hash and nothing else; else 0."""
    return 0 if len(text) > 200 else _hash_digits(text)


@lru_cache(maxsize=256)  # of one row the same values are asked for again and again
def _hash_digits(text: str) -> int:
    prefix, rest = _unprefixed(bare(text))
    digits = _digits(bare(rest))
    if prefix in _OTHERS:
        return 0
    if prefix is not None and (kind := _BY_PREFIX[prefix]) and _of_base64(rest, kind):
        return 2 * kind.length
    if len(digits) not in _LENGTHS or not _HEX.match(digits):
        return 0
    mixed = not digits.isalpha() and not digits.isdigit()
    return len(digits) if mixed and not is_cut(text) else 0


def hash_among(text: str) -> str | None:
    """The one SHA-256 among the words of a text (a ticket, a message); None where there is none,
    or where several stand and nobody says which is the file's. Of lines that tell of another thing
    (a base model, a preview) none counts."""
    if not 64 < len(text) <= MAX_CELL:
        return None
    found = {
        word[1].lower()
        for line in text.splitlines()
        for word in _SHA256_AMONG.finditer(line)
        if not is_of_another(line[max(0, word.start() - 60) : word.start()])
    }
    return found.pop() if len(found) == 1 else None


def links_among(text: str) -> list[str]:
    """The links among the words of a text, but for those to tickets and messages."""
    found = [link.rstrip(".,;:!?'\"*`") for link in _LINKS_AMONG.findall(text[:MAX_CELL])]
    return [link for link in dict.fromkeys(found) if not is_ticket(link)]


@lru_cache(maxsize=64)
def is_ticket(link: str) -> bool:
    """Whether a link leads to a ticket, a task or a message, where a removal is talked about: that
    is no model's page."""
    head, mark, rest = link[:4_096].partition("://")
    if not mark or head.lower() not in ("http", "https"):
        return False
    host, *steps = rest.split("?", 1)[0].split("#", 1)[0].split("/")
    if any(host.lower() == site or host.lower().endswith(f".{site}") for site in _TRACKERS):
        return True
    return any(
        step in _OF_TICKETS and _TICKET.fullmatch(number) is not None
        for step, number in pairwise(steps)
    )


def hyperlink_of(text: str) -> tuple[str, str] | None:
    """(link, text) of a cell that holds the formula HYPERLINK, or a link as Markdown writes it."""
    text = text.strip()
    if text[:1] not in _BEGIN_LINKS or len(text) >= 8_192:
        return None
    if found := _MARKDOWN.match(text):
        link = found[2] or found[3]
        return link, found[1] or link
    if found := _WRITTEN.match(text):
        parts = [part for part in found.groups() if part is not None]
        link, label = (parts[0], parts[1]) if parts[0] else (parts[2], parts[1])
        return link, label.strip() or link
    found = _HYPERLINK.match(text)
    if found is None:
        return None
    link = found[1].replace('""', '"')
    return link, (found[2] or "").replace('""', '"') or link


def _digits(text: str) -> str:
    """Hexadecimal digits without what parts them ("04:9c:..", "049c-ed5e")."""
    digits = "".join(text.split())
    digits = digits[2:] if digits[:2] in ("0x", "0X") else digits
    if not digits.isalnum():
        joined = _SEPARATORS.sub("", digits)
        if len(joined) in _OF_KINDS and _HEX.match(joined):
            digits = joined
    return digits.lower()


def _unprefixed(text: str) -> tuple[str | None, str]:
    """(what it says it is, the rest): "sha256:...", "SHA-256 = ...", "sha256-..."."""
    found = _PREFIX.match(text) or _DASHED_PREFIX.match(text)
    if found is None:
        return None, text
    label = _plain(found[1])
    return (label, text[found.end() :]) if label in _BY_PREFIX or label in _OTHERS else (None, text)


def digest_of(cell: Cell, kind: DigestKind | None) -> Digest | None:
    """The digest in a cell; `kind` None: told by its prefix or its length. Raises RefusedValue,
    and SeveralValues."""
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
    if len(text) > _LONGEST:
        raise RefusedValue(f"{_label(kind)} holds far more than a hash")
    if is_cut(text):
        raise RefusedValue(f"what stands in the column of {_label(kind)} is not the whole hash")
    prefix, rest = _unprefixed(bare(text))
    if prefix is not None:
        named = _BY_PREFIX.get(prefix)
        if named is None or kind not in (None, named):
            raise RefusedValue(
                f"what stands in the column of {_label(kind)} says it is something else"
            )
        kind = named
    digits = _digits(bare(rest))
    if kind is not None and (value := _of_base64(rest, kind)) is not None:
        return Digest(kind, value)
    several = _several(text, kind) if len(digits) > 64 or not _HEX.match(digits or "-") else ()
    if len(several) == 1:
        return several[0]
    if several:
        raise SeveralValues(several)
    if kind is None:
        kind = _BY_LENGTH.get(len(digits))
        if kind is None:
            raise RefusedValue(f"no hash that Reseen knows has {len(digits)} digits")
    # AutoV3 is often given as the whole SHA-256 of the data section that it is the beginning of
    if kind is DigestKind.AUTOV3 and len(digits) == 64:
        kind = DigestKind.DATA_SHA256
    if not _HEX.match(digits):
        raise RefusedValue(f"{_label(kind)} holds what is not a hexadecimal digit")
    if len(digits) != 2 * kind.length:
        raise RefusedValue(
            f"{_label(kind)} has {len(digits)} digits and should have {2 * kind.length}"
        )
    return Digest(kind, bytes.fromhex(digits))


def _of_base64(text: str, kind: DigestKind) -> bytes | None:
    """The digest that a text holds in base64, as stores of objects and pages write it (S3's
    `ChecksumSHA256`, `integrity="sha256-..."`); None where it holds none of just this kind."""
    found = _BASE64.fullmatch(text.strip().strip("\"'"))
    if found is None or kind not in _IN_BASE64:
        return None
    plain = found[1].translate(_PLAIN_BASE64)
    value = base64.b64decode(plain + "=" * (-len(plain) % 4)) if len(plain) % 4 != 1 else b""
    exact = base64.b64encode(value).decode().rstrip("=") == plain
    return value if exact and len(value) == kind.length else None


def named_digests(cell: Cell) -> dict[DigestKind, Digest] | None:
    """The digests of one file that a cell names one by one ({"AutoV2": ..., "SHA256": ...}, as
    JSON, as Python prints it, or as text); None where it names none. Raises RefusedValue where it
    names two of one kind."""
    if not isinstance(cell, str) or not 12 <= len(cell) <= MAX_CELL:
        return None
    found: dict[DigestKind, Digest] = {}
    for label, digits in _PAIR.findall(cell):
        kind = _BY_PREFIX.get(_plain(label.strip()))
        if kind is None:
            continue
        if kind is DigestKind.AUTOV3 and len(digits) == 64:
            kind = DigestKind.DATA_SHA256
        if len(digits) == 2 * kind.length:
            digest = Digest(kind, bytes.fromhex(digits))
            if found.setdefault(kind, digest) != digest:
                raise RefusedValue(f"the row gives two different values of {kind.label}")
    return found or None


def is_hash_name(name: str) -> bool:
    """Whether a text is the name of a hash and nothing else ("SHA-256")."""
    return _plain(name) in _BY_PREFIX or _plain(name) in _OTHERS


def kind_called(name: str) -> DigestKind | None:
    """The kind of hash that an algorithm's name stands for; None for one that says nothing of it.
    Raises RefusedValue for one that Reseen does not compare."""
    plain = _plain(name)
    if plain in _BY_PREFIX:
        return _BY_PREFIX[plain]
    if plain in _OTHERS or re.match(r"(?:md|sha|blake|crc|xx|ripemd|whirlpool|tiger)\d*", plain):
        raise RefusedValue("the hash is of a kind that Reseen does not compare")
    return None


_PARTED = re.compile(r"[\n;,|]")


def _several(text: str, kind: DigestKind | None) -> tuple[Digest, ...]:
    """The hashes of several files that one cell holds; those of one kind alone, and none of what
    stands behind the words for another thing ("base: ...")."""
    wanted = kind or DigestKind.SHA256
    words, at = [], 0
    for word in _WORDS_OF_HEX.finditer(text):
        before, at = text[at : word.start()][-60:], word.end()
        if len(word[1]) == 2 * wanted.length and not is_of_another(_PARTED.split(before)[-1]):
            words.append(word[1])
    return tuple(Digest(wanted, bytes.fromhex(word)) for word in dict.fromkeys(words))


def _plain(label: str) -> str:
    return re.sub(r"[\W_]+", "", label).lower()


def _label(kind: DigestKind | None) -> str:
    return "hashes" if kind is None else kind.label


_UNITS = {
    "": 0, "b": 0, "byte": 0, "bytes": 0,
    "k": 1, "kb": 1, "kib": 1, "m": 2, "mb": 2, "mib": 2, "g": 3, "gb": 3, "gib": 3,
    "t": 4, "tb": 4, "tib": 4,
}  # fmt: skip
_SIZE = re.compile(r"([0-9][0-9.,_'\u2019 ]*+)\s*([a-z]*)", re.IGNORECASE)
_GROUPED = re.compile(r"[0-9]{1,3}(?:([.,_'\u2019 ])[0-9]{3})(?:\1[0-9]{3})*")


def size_of(cell: Cell, *, kilobytes: bool = False) -> int | None:
    """The exact size in bytes; None when there is none, or only a rounded one ("217.9 MB").

    Sizes are compared exactly (and a pointer's git name is computed from them), so a rounded one
    would do harm. Kilobytes count as exact when their fraction, of at least three digits, gives a
    whole number of bytes, as in Civitai's `sizeKB`. Raises RefusedValue for what is no size.
    """
    text = value_of(cell) if not isinstance(cell, float) else repr(cell)
    if text is None:
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)  # no-break and thin spaces become plain ones
        text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    match = _SIZE.fullmatch(text.strip())
    unit = match[2].lower() if match else ""
    if match is None or unit not in _UNITS:
        raise RefusedValue("the size is not a number of bytes")
    power = _UNITS[unit] + (1 if kilobytes and not unit else 0)
    number = _plain_number(match[1].rstrip(), integer=power == 0)
    if number is None:
        raise RefusedValue("the size is not a number of bytes")
    whole, fraction = number
    if power == 0:
        if fraction:
            raise RefusedValue("the size is not a whole number of bytes")
        size = whole
    else:
        if power > 1 or len(fraction) < 3:
            return None
        exact = (whole + float(f"0.{fraction}")) * 1024
        size = round(exact)
        if abs(exact - size) > 1e-6 * 1024:
            return None
    if not 0 < size <= MAX_SIZE:
        raise RefusedValue("no file has such a size")
    return size


def _plain_number(text: str, *, integer: bool) -> tuple[int, str] | None:
    """(whole part, digits of the fraction) of a number with any separators of thousands. `integer`:
    it has no fraction, so that what parts three digits is one."""
    grouped = _GROUPED.fullmatch(text)
    if grouped and (integer or text.count(grouped[1]) > 1 or grouped[1] not in ".,"):
        return int(re.sub("[^0-9]", "", text)[:20]), ""
    head, point, fraction = text, "", ""
    for mark in ".,":
        if text.count(mark) == 1 and text.rfind(mark) > max(
            map(text.rfind, "._,' ".replace(mark, ""))
        ):
            head, point, fraction = text.rpartition(mark)
            break
    if point and not fraction.isdigit():
        return None
    if not head.isdigit() and not _GROUPED.fullmatch(head):
        return None
    return int(re.sub("[^0-9]", "", head)[:20]), fraction.rstrip("0")


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


_EPOCH = {10: 1, 13: 1_000, 16: 1_000_000, 19: 1_000_000_000}
"""Units in a second, by the digits of an instant of our time that is counted from 1970."""


def date_of(cell: Cell) -> date | None:
    """The day (in UTC) that a cell names; None when it names none for certain ("03/04/2025").

    Taken: ISO 8601 dates and instants, seconds (or thousandths and less) since 1970, a month in
    English words, D.M.YYYY, and D/M/YYYY or M/D/YYYY where one of the two cannot be a month or
    both are the same.
    """
    found: date | None
    if isinstance(cell, date):
        found = cell
    elif isinstance(cell, int | float) and not isinstance(cell, bool):
        found = _since_1970(cell) or _date_in(text_of(cell) or "")
    else:
        found = _date_in(bare(value_of(cell) or ""))
    if isinstance(found, datetime):
        try:
            found = (found.astimezone(UTC) if found.tzinfo else found).date()
        except OverflowError:
            return None
    return found if found is not None and found >= EARLIEST else None


def _since_1970(number: float) -> datetime | None:
    if not 0 < number < 1e19:
        return None
    unit = _EPOCH.get(len(str(int(number))))
    return (
        None
        if unit is None
        else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(number) // unit)
    )


_INSTANT = re.compile(r"\d{4}-?(?:\d{2}-?\d{2}|W\d{2}-?\d|\d{3})(?:[T ].*)?", re.IGNORECASE)
_ORDINAL = re.compile(r"(\d{4})-?(\d{3})(?:[T ].*)?\Z")


def _date_in(text: str) -> date | None:
    if len(text) > 100:
        return None
    try:
        number = text.partition(".")[0]
        if number.isascii() and number.isdigit() and len(number) in _EPOCH:
            return _since_1970(int(number))
        if _INSTANT.fullmatch(text):
            return _iso(text)
        if match := _ISO.fullmatch(text):
            if match[5]:
                day, rest = re.split("[T ]", text, maxsplit=1)
                return _iso(f"{day.replace('/', '-').replace('.', '-')}T{rest}")
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


_ZONE = re.compile(r"(?<!\s)\s*(?:UTC|GMT|Z)\Z", re.IGNORECASE)
_FRACTION = re.compile(r"(:\d{2}|T\d{6})[.,](\d{1,6})\d*")


def _iso(text: str) -> date:
    """Raises ValueError, OverflowError."""
    if match := _ORDINAL.match(text):
        return date(int(match[1]), 1, 1) + timedelta(days=int(match[2]) - 1)
    text = re.sub(r"(?<!\s)\s+(?=[+-]\d)", "", _ZONE.sub("+00:00", text))
    text = _FRACTION.sub(lambda found: f"{found[1]}.{found[2]}", text)
    return datetime.fromisoformat(text)


def id_of(cell: Cell) -> str | None:
    """A model's or version's id: a word of at most 64 characters. Raises RefusedValue."""
    text = value_of(cell)
    if text is None:
        return None
    if len(text) > 64 or not re.fullmatch(r"[\w.\-]+", text):
        raise RefusedValue("the id is not a plain number or word")
    return text
