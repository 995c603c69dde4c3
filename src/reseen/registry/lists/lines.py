"""Reads lines of text that are no table: hashes or links, and what checksum tools print.

What comes in: a text. What goes out: a `ListTable` with fixed columns. Known are one hash or link a
line, `sha256sum` (text, binary, escaped), BSD tags, PowerShell's tables and lists, `git lfs
ls-files`, Git LFS pointers, and any line in which one hash stands beside other words. Comments,
headings and rules between lines are set aside and counted; a line without a hash or a link is
handed on, so that it is rejected by its number.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from reseen.registry.lists import text as texts
from reseen.registry.lists.columns import recognise
from reseen.registry.lists.list_fields import ListField
from reseen.registry.lists.looks import SAMPLE, look_of, values_of
from reseen.registry.lists.not_removed import TitleSays, still_standing
from reseen.registry.lists.said import BESIDE, HASH_WORD, said_in
from reseen.registry.lists.table import (
    HEADING,
    MAX_CELL,
    MAX_ROWS,
    NOT_REMOVED,
    Cell,
    ListTable,
    StandingRow,
    first_of,
    too_long,
    too_many_rows,
)
from reseen.registry.lists.values import hash_digits

COLUMNS = (
    *(ListField.HASH, ListField.LINK, ListField.FILE_NAME, ListField.ALGORITHM, ListField.SIZE),
    ListField.NAME,
)
TAKEN_OUT = "a line that a patch takes out of a list"
_ENOUGH = 0.3
"""Share of the first lines that have to be of a known form."""

_HASH = r"[0-9a-fA-F]{8,128}"
_SUM = re.compile(rf"(\\?)({_HASH})(?:  | \*| [?^]| [-*] )(?![ *])(.+)")
_DEEP = re.compile(rf"(\d{{1,15}})  ({_HASH})  (\S.*)")
"""What hashdeep's tools print with sizes (`-z`)."""
_TOTALS = re.compile(
    rf"[A-Z0-9-]{{3,12}}\s{{1,4}}for (?:data|names)\b|{_HASH}\s{{1,40}}\d{{1,15}}\Z"
)
"""What 7-Zip sums over all files: of none."""
_TAG = re.compile(rf"(\\?)([A-Za-z][A-Za-z0-9/-]{{1,15}})\s?\((.*)\)\s?= ?({_HASH})")
_POWERSHELL = re.compile(rf"([A-Z][A-Z0-9]{{1,9}})\s{{2,}}({_HASH})(?:\s{{2,}}(.*))?")
_PART = re.compile(
    r"(?P<shown>Algorithm|Hash|Path)\s*:\s*(?P<value>\S.*)|(?P<oid>oid) (?P<hash>sha256:.*)"
    r"|(?P<size>size) (?P<bytes>\d+)|(?P<version>version) (?P<where>https://(?:git-lfs|hawser).*)"
)
_LFS_SIZE = re.compile(r" \(\d[\d.]* ?[KMGT]?i?B\)\Z")
_COMMENT = re.compile(r"\s*(?:#|//|;|--\s|%)")
_RULE = re.compile(r"[\s=_+|.-]*\Z")
_CERTUTIL = re.compile(r"([A-Z][A-Z0-9]{2,8}) hash of (?:file )?", re.IGNORECASE)
_HEADINGS = re.compile(r"\s*(?:Algorithm\s+)?Hash\s+Path\s*\Z", re.IGNORECASE)


@dataclass(slots=True)
class LineParts:
    """What one line, or some lines that belong together, say."""

    hash: str | None = None
    link: str | None = None
    file_name: str | None = None
    algorithm: str | None = None
    size: str | None = None
    name: str | None = None
    standing: str | None = field(default=None, kw_only=True)
    """Why the line is of no removed model, where it or one above it says so."""
    heeded: bool = field(default=True, kw_only=True)
    """The model stands whatever else the list says of it."""

    def cells(self) -> list[Cell]:
        said: list[Cell] = [getattr(self, each.value.replace("-", "_")) for each in COLUMNS]
        if self.standing is None:
            return said
        return StandingRow(said, self.standing, heeded=self.heeded)


def is_lines(head: str, *, sure: bool) -> bool:
    """Whether a text is made of lines of a known form. `sure`: a table without a header would be
    found in it too, so that a hash beside other words is not enough."""
    known = counted = 0
    for line in texts.rejoined(io.StringIO(head)):
        line = line.strip()
        if not line or _COMMENT.match(line) or _RULE.match(line) or _HEADINGS.match(line):
            continue
        counted += 1
        known += _PART.match(line) is not None
        known += _known(line) is not None or bool(_several(line))
        known += not sure and _beside_words(line) is not None
        if counted == SAMPLE:
            break
    return counted > 0 and known >= _ENOUGH * counted


def read_lines(text: io.TextIOWrapper, notes: tuple[str, ...]) -> ListTable:
    """The lines as a table. Raises ListError while they are walked."""
    set_aside: Counter[str] = Counter()
    sample = [parts.cells() for _, parts in _head(text) if parts.standing is None]
    values = [values_of(row[at] for row in sample) for at in range(len(COLUMNS))]
    meaning = recognise([f.value for f in COLUMNS], None, values)
    text.seek(0)
    return ListTable(
        columns=tuple(f.value for f in COLUMNS),
        rows=((number, parts.cells()) for number, parts in _parted(text, set_aside)),
        notes=(
            *notes,
            "There is no header: each line is read by itself, and 64 digits are a SHA-256.",
        ),
        meaning=meaning,
        set_aside=set_aside,
        of_one_file=len(sample) == 1,
    )


def _head(text: io.TextIOWrapper) -> Iterator[tuple[int, LineParts]]:
    yield from first_of(_parted(text, Counter()), SAMPLE, lambda found: found[1].cells())


def _parted(text: io.TextIOWrapper, set_aside: Counter[str]) -> Iterator[tuple[int, LineParts]]:
    """What the lines say, numbered from 1; records of several lines by their first."""
    for rows, (number, parts) in enumerate(_records(text, set_aside), 1):
        if rows > MAX_ROWS:
            raise too_many_rows()
        yield number, parts


def _records(text: io.TextIOWrapper, set_aside: Counter[str]) -> Iterator[tuple[int, LineParts]]:
    record = _Record()
    begun = of_7zip = of_patch = False
    standing = TitleSays.NO
    before: LineParts | None = None
    for number, raw in enumerate(texts.rejoined(texts.lines(text)), 1):
        if len(raw) > MAX_CELL:
            raise too_long(number)
        line = raw.strip("\ufeff \t\r\n")
        if not line:
            yield from record.ended()
            continue
        of_patch = of_patch or line.startswith("@@ -")
        if of_patch and raw.startswith("-"):
            yield from record.ended()
            taken_out = _known(line[1:].strip()) or _beside_words(line[1:]) or LineParts()
            yield number, replace(taken_out, standing=TAKEN_OUT)
            continue
        of_7zip = of_7zip or line.startswith("7-Zip")
        if of_7zip and _TOTALS.match(line):
            set_aside[HEADING] += 1
            continue
        is_title = HASH_WORD.search(line) is None
        standing = still_standing(line, standing) if is_title else standing
        if standing:
            yield from record.ended()
            if is_title:
                set_aside[HEADING] += 1
            else:
                kept = _known(line) or _beside_words(line) or LineParts()
                heeded = standing is TitleSays.YES
                yield number, replace(kept, standing=NOT_REMOVED, heeded=heeded)
            continue
        if part := _PART.match(line):
            name, value = (each for each in part.groups() if each is not None)
            if record.has(name.lower()) or name == "version":
                yield from record.ended()
            record.take(number, name.lower(), value)
            begun = begun or name.lower() in ("hash", "oid")
            continue
        yield from record.ended()
        announced, before = before, None
        if announced is not None and (digits := _spaced(line)):
            begun = True
            yield number, replace(announced, hash=digits)
        elif found := _CERTUTIL.match(line):
            name = line[found.end() :].removesuffix(":")
            before = LineParts(file_name=name, algorithm=found[1])
            set_aside[HEADING] += 1
        elif line.startswith("CertUtil: "):
            set_aside[HEADING] += 1
        elif _COMMENT.match(line):
            set_aside["a comment"] += 1
        elif _RULE.match(line) or _HEADINGS.match(line):
            set_aside[HEADING] += 1
        elif several := _several(line):
            begun = True
            yield from ((number, LineParts(hash=each)) for each in several)
        elif (said := None if _known(line) else said_in(line)) and said.hash and said.aside:
            begun = True
            if said.aside == BESIDE:
                set_aside[BESIDE] += 1
            else:
                yield number, LineParts(said.hash, said.link, standing=said.aside)
        else:
            parts = _known(line) or _beside_words(line)
            if parts is None and not begun:
                set_aside[HEADING] += 1
                continue
            begun = True
            yield number, parts or LineParts(hash=None, file_name=line)
    yield from record.ended()


def _spaced(line: str) -> str | None:
    """The digits of a line that is one hash; certutil of older Windows parts its bytes."""
    digits = line.replace(" ", "")
    return digits if _HEX_LINE.match(digits) and len(digits) >= 32 else None


@dataclass(slots=True)
class _Record:
    """Lines that belong together: PowerShell's lists, Git LFS pointers."""

    number: int = 0
    said: dict[str, str] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return name in self.said or (name == "oid" and "hash" in self.said)

    def take(self, number: int, name: str, value: str) -> None:
        if not self.said:
            self.number = number
        self.said[name] = value

    def ended(self) -> Iterator[tuple[int, LineParts]]:
        said, self.said = self.said, {}
        hash = said.get("hash") or said.get("oid")
        if hash is not None:
            parts = LineParts(
                hash, None, _whole_name(said.get("path")), said.get("algorithm"), said.get("size")
            )
            yield self.number, parts
        elif said and "version" not in said:
            yield self.number, LineParts(file_name=" ".join(said.values()))


def _known(line: str) -> LineParts | None:
    """The parts of a line of a known form; None for any other."""
    if (deep := _DEEP.fullmatch(line)) and hash_digits(deep[2]):
        return LineParts(deep[2], None, deep[3], _plain_sum(deep[2]), deep[1])
    if found := _SUM.fullmatch(line):
        name = _LFS_SIZE.sub("", _unescaped(found[3], found[1]))
        return LineParts(found[2], None, _whole_name(name), _plain_sum(found[2]))
    if (_HEX_LINE.match(line) and len(line) >= 32) or hash_digits(line):
        return LineParts(hash=line)
    if found := _TAG.fullmatch(line):
        return LineParts(found[4], None, _unescaped(found[3], found[1]) or None, found[2])
    if found := _POWERSHELL.fullmatch(line):
        return LineParts(found[2], None, _whole_name(found[3]), found[1])
    if " " not in line and "," not in line and look_of(line) == "links":
        return LineParts(link=line)
    return LineParts(link=line) if look_of(line) == "links" and _AT.match(line) else None


_HEX_LINE = re.compile(r"(?:0x)?[0-9a-fA-F]+\Z")
_AT = re.compile(
    r"(?:https?|hf)://\S+\Z|[A-Za-z][\w.-]{0,63}:? ?\d{1,20} ?@ ?\d{1,20}\Z", re.IGNORECASE
)


def _beside_words(line: str) -> LineParts | None:
    """A line with one hash among other words."""
    said = said_in(line)
    if said is None or (said.hash is None and said.link is None):
        return None
    file_name, name = (said.words, None) if said.is_file else (None, said.words)
    return LineParts(said.hash, said.link, file_name, name=name)


def _several(line: str) -> list[str]:
    """The hashes of a line that holds three or more of one kind, and nothing else: two might be two
    kinds of hash of one file."""
    words = _BETWEEN.split(line.strip(_AROUND)) if len(line) >= 3 * 40 else []
    same = {hash_digits(word) for word in words}
    return words if len(words) >= 3 and len(same) == 1 and min(same) >= 40 else []


_AROUND = " \t,;|[]()\"'"
_BETWEEN = re.compile(r"""["']?[\s,;|]+["']?""")


def _plain_sum(digits: str) -> str | None:
    """What checksum tools compute whose hashes have so many digits, where git does not."""
    return "SHA1" if len(digits) == 40 else None


def _unescaped(name: str, mark: str) -> str:
    if not mark:
        return name
    return name.replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\")


def _whole_name(name: str | None) -> str | None:
    """A name that was not cut for the width of a screen."""
    name = (name or "").strip()
    return None if not name or name.endswith(("...", "…")) else name
