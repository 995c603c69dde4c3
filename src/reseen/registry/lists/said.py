"""What a line of text says of a model beside its hash and its link: its name, and whether it was
removed.

What comes in: a line, as lists of tasks, pages and chats have them. What goes out: `Said`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reseen.registry.lists.not_removed import is_of_other_files, says_not_removed
from reseen.registry.lists.values import hash_digits, links_among

STANDS = "a line that says that its model was not removed"
BESIDE = "a line of a base model, a preview or what else stands beside a model"
_LONGEST = 4_000
"""Characters of a line that are looked at."""

_MARK = re.compile(r"(?:[-*+•>#:|]{1,6}|\d{1,6}[.)]|[-*+•]?\s{0,4}\[[ xX-]?\]|[☐☑☒✅✓✔❌])(?=\s)")
_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")
_WHEN = re.compile(
    r"(?:\[[^\[\]]{0,40}\d{1,2}:\d{2}[^\[\]]{0,12}\]|(?:[\d./-]{6,10},?\s)?\d{1,2}:\d{2}(?::\d{2})?"
    r"(?:\s?[AaPp][Mm])?)\s{0,4}(?:-\s)?"
)
_WHO = re.compile(r"<[^<>|/]{1,60}>\s{0,4}|[^:\[\]<>|]{1,40}:\s")
HASH_WORD = re.compile(r"(?<![0-9A-Za-z])(?:0x)?([0-9a-fA-F]{8,128})(?![0-9A-Za-z])")
"""Digits among words that may be a hash."""
_BEHIND = re.compile(
    r"\[([^\[\]]{1,400})\]\(|\|([^|<>\[\]]{1,400})>|\[([^\[\]|]{1,400})\|http"
    r"|\[url=[^\[\]\s]{1,400}\]([^\[\]]{1,400})\[/url\]"
)
_ADOC = re.compile(r"\[([^\[\]]{1,400})\]")
_LABEL = re.compile(
    r"(?:sha-?256|sha2|hash|checksum|digest|autov[123]|blake3|file|model|name|removed|link|url)"
    r"\s{0,2}(?:[:=]+|\Z)",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"([^\W\d_][^:=|,;().\[\]`]{0,38})[:=]\s{0,4}[`\"'*]{0,3}\Z")
_PARTS = re.compile(r"[:()\[\]–—|;]|\s-\s|,\s|\s{2,}")
_ACT = re.compile(
    r"\b(?:action|status|state|event|decision|outcome|verdict|resolution)"
    r"[\"']?\s{0,2}[=:]\s{0,2}[\"']?([^\W\d_][\w.: /-]{1,40})",
    re.IGNORECASE,
)
"""What a line of a log says was done."""
_TAGS = re.compile(
    r"</?[a-z]{1,10}(?:\s[^<>]{0,400})?>|~~|\[/?(?:b|i|u|s|code|list|url|quote|\*)(?:=[^\[\]]{0,99})?\]"
)
_FILE = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,11}\Z")
_AROUND = " \t:;,|*=_-–—\"'`()[]{}<>"


_NO_NAME = frozenset(
    {
        *("", "link", "page", "here", "this", "url", "source", "model", "file", "download", "see"),
        *("removed", "remove", "deleted", "delete", "please", "banned", "lien", "hier", "enlace"),
    }
)


@dataclass(frozen=True, slots=True)
class Said:
    """What one line says."""

    hash: str | None = None
    link: str | None = None
    words: str | None = None
    aside: str | None = None
    """Why the line tells of no removed model, where it says so itself."""
    unsettled: bool = False
    """It tells of a case alone, in which the model was not removed, or not yet."""

    @property
    def is_file(self) -> bool:
        """Whether the words are a file's name, not that of what a link leads to."""
        return self.link is None and bool(self.words and _FILE.search(self.words))


def said_in(line: str) -> Said | None:
    """None of a line with several hashes, of which nobody says which is the file's."""
    rest = _unmarked(line[:_LONGEST])
    links = links_among(rest) if "://" in rest else []
    link = links[0] if len(set(links)) == 1 else None
    label = _behind(rest, link) if link else None
    if link is not None:
        rest = rest.replace(link, " ")
    hashes = [word for word in HASH_WORD.finditer(rest) if hash_digits(word[1])]
    if len(hashes) > 1:
        return None
    aside = None
    digest = None
    if hashes:
        (word,) = hashes
        digest = word[1]
        before = _BEFORE.search(rest[max(0, word.start() - 60) : word.start()])
        if before and before[1].count(" ") < 3 and is_of_other_files(before[1]):
            aside = BESIDE
        rest = f"{rest[: word.start()]} {rest[word.end() :]}"
    parts = [part for each in _PARTS.split(rest) if (part := each.strip(_AROUND))]
    if any(says_not_removed(part) for part in (parts[:1] + parts[-1:])) and (
        len(parts) > 1 or label or digest is None
    ):
        aside = STANDS
    if digest is not None and (act := _ACT.search(rest)) and says_not_removed(act[1].split()[0]):
        aside = STANDS
    words = label if label and not _tells_nothing(label) else None
    words = words or " ".join(_TAGS.sub(" ", _LABEL.sub(" ", rest)).split()).strip(_AROUND)
    return Said(digest, link, None if _tells_nothing(words) else words, aside)


def _tells_nothing(words: str) -> bool:
    """Whether words name no model: what pages call any link, and what is asked for."""
    return all(word.strip(_AROUND).casefold() in _NO_NAME for word in words.split())


def is_of_chat(line: str) -> bool:
    """Whether a line only says who wrote when, as chats have it above their messages."""
    if len(line) > 120 or _TIME.search(line) is None or "://" in line:
        return False
    when = _WHEN.match(line)
    who = _WHO.match(line, when.end()) if when else None
    return who is None or not line[who.end() :].strip(_AROUND)


def _unmarked(line: str) -> str:
    """A line without what lists, quotes and chats put before it."""
    line = line.strip()
    for _ in range(6):
        found = _MARK.match(line)
        if found is None:
            break
        line = line[found.end() :].lstrip()
    if when := _WHEN.match(line):
        line = line[when.end() :].lstrip()
        if (who := _WHO.match(line)) and not _LABEL.match(line):
            line = line[who.end() :].lstrip()
    return line


def _behind(line: str, link: str) -> str | None:
    """The text that a link stands behind."""
    at = line.find(link)
    found = _BEHIND.search(line) or _ADOC.match(line[at + len(link) :])
    if found is None:
        inner = re.match(r"\s{1,4}([^\[\]<>]{1,400})\]", line[at + len(link) :])
        found = inner if line[:at].endswith("[") else None
    if found is None:
        return None
    label = next(each for each in found.groups() if each is not None).strip(_AROUND)
    return None if "://" in label else label or None
