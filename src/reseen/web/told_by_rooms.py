"""What rooms below the pages said in English, in the language of a page.

What comes in: a text as a room said it, today or when it was stored: an error and its remedy, why a
file stands on its rung, why something was not read. What goes out: the same in the language. The
sentences that are known stand in `sentences_of_evidence`, `sentences_of_errors` and
`sentences_of_lists` as the rooms have them, with places for what changes; a text that none of them
fits stays English, and says so to whoever reads it aloud. A place's name says what may stand in it:

- `number`, `decimal`, `percent`: a figure, written as the language does;
- `said`: words that are one of these sentences themselves;
- `role`, `notice`: a word of these, as `words_of_rooms` has it;
- `rest`: nothing, or further words, each behind "; ";
- any other: anything, which stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from reseen.texts import visible
from reseen.web.languages import ENGLISH
from reseen.web.sentences_of_errors import ERRORS
from reseen.web.sentences_of_evidence import EVIDENCE
from reseen.web.sentences_of_lists import LISTS
from reseen.web.speech import Speech

LONGEST, MOST_SENTENCES = 700, 12
"""Characters and sentences of what is looked up: a text of more stays as it is. Whoever named a
file may have written a part of it, and must not choose how long it takes."""
_MOST_DEEP = 4
"""Sentences in the place of a sentence, in the place of a sentence."""
_PLACE = re.compile(r"%\((\w+)\)s")
_END = re.compile(r"(?<=[.:;?]) ")
_FIGURES = {
    "number": r"\d{1,3}(?:,\d{3})*|\d+",
    "decimal": r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?",
    "percent": r"\d+%",
    "rest": r"(?:; .+)?",
}


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A sentence with places."""

    sentence: str
    fits: re.Pattern[str]
    parts: tuple[str, ...]
    """What stands between its places: where one is missing it cannot fit, which is cheap to see."""

    def match(self, text: str) -> re.Match[str] | None:
        if not text.startswith(self.parts[0]) or not text.endswith(self.parts[-1]):
            return None
        if any(part not in text for part in self.parts):
            return None
        return self.fits.fullmatch(text)


def told(speech: Speech, text: object) -> Markup | str:
    """What a room said, in the language of the page."""
    if speech.language is ENGLISH:
        return visible(str(text))
    return _told(speech, str(text))


@lru_cache(maxsize=4_096)
def _told(speech: Speech, text: str) -> Markup:
    short = len(text) <= LONGEST and sum(1 for _ in _END.finditer(text)) < MOST_SENTENCES
    pieces = _pieces(speech, text) if short else [_Untold(text)]
    return Markup(" ").join(
        Markup('<span lang="en">{}</span>').format(visible(piece))
        if isinstance(piece, _Untold)
        else piece
        for piece in pieces
    )


class _Untold(str):
    """What no sentence fits."""

    __slots__ = ()


def _pieces(speech: Speech, text: str) -> list[Markup | _Untold]:
    """Sentence by sentence, each time as much as one that is known takes."""
    found: list[Markup | _Untold] = []
    rest = text
    while rest:
        ends = [len(rest), *(match.start() for match in _END.finditer(rest))]
        for end in ends[:1] + ends[:0:-1]:
            one = _sentence(speech, rest[:end])
            if one is not None:
                found.append(one)
                break
        else:
            end = min(ends)
            if found and isinstance(found[-1], _Untold):
                found[-1] = _Untold(f"{found[-1]} {rest[:end]}")
            else:
                found.append(_Untold(rest[:end]))
        rest = rest[end:].lstrip(" ")
    return found


def _sentence(speech: Speech, text: str, deep: int = 0) -> Markup | None:
    """One sentence in the language, also where the point at its end, or the large letter at its
    head, is the page's; None where none fits."""
    for head, tail in ((text, ""), (text[:-1], text[-1:])):
        if tail not in ("", ".", ":"):
            continue
        found = _known(speech, head, deep)
        if found is None and head[:1].isupper():
            small = _known(speech, head[:1].lower() + head[1:], deep)
            found = small and small[:1].upper() + small[1:]
        if found is not None:
            return found + tail
    return None


def _known(speech: Speech, text: str, deep: int) -> Markup | None:
    if text in _whole():
        return speech.gettext(text)
    for pattern in _patterns():
        match = pattern.match(text)
        if match is not None:
            values = {
                name: _value(speech, name, value, deep)
                for name, value in match.groupdict(default="").items()
            }
            if None not in values.values():
                return speech.gettext(pattern.sentence, **values)
    return None


def _value(speech: Speech, name: str, value: str, deep: int) -> object:
    """What stands in a place; None where it must be known and is not."""
    kind = name.split("_", 1)[0]
    if kind == "number":
        return speech.number(int(value.replace(",", "")))
    if kind in ("decimal", "percent"):
        blank = "" if kind == "decimal" or speech.language is ENGLISH else "\N{NO-BREAK SPACE}"
        figure = value.replace(".", speech.language.decimal).replace("%", f"{blank}%")
        return Markup(figure)  # noqa: S704  digits, by the pattern that found it
    if kind == "said":
        return None if deep >= _MOST_DEEP else _sentence(speech, value, deep + 1)
    if kind in ("role", "notice"):
        return speech.fixed(value, kind)
    if kind == "rest":
        return Markup("").join(
            Markup("; ") + (_sentence(speech, one, deep + 1) or visible(one))
            for one in value.split("; ")
            if one
        )
    return visible(value)


@lru_cache(maxsize=1)
def _whole() -> frozenset[str]:
    return frozenset(one for one in _every() if "%" not in one)


@lru_cache(maxsize=1)
def _patterns() -> tuple[_Pattern, ...]:
    """Those with places; the longest first, for a short one may fit what a longer one says."""
    placed = sorted((one for one in _every() if _PLACE.search(one)), key=len, reverse=True)
    return tuple(_Pattern(one, _pattern(one), _parts(one)) for one in placed)


def _every() -> Iterator[str]:
    yield from EVIDENCE
    yield from ERRORS
    yield from LISTS


def _parts(sentence: str) -> tuple[str, ...]:
    return tuple(part.replace("%%", "%") for part in _PLACE.split(sentence)[::2])


def _pattern(sentence: str) -> re.Pattern[str]:
    pieces = _PLACE.split(sentence)
    made = ""
    for number, piece in enumerate(pieces):
        if number % 2:
            fits = _FIGURES.get(piece.split("_", 1)[0], ".+?")
            made += f"(?P<{piece}>{fits})"
        else:
            made += re.escape(piece.replace("%%", "%"))
    return re.compile(made)
