"""The languages of the pages, and which one an answer is in.

What comes in: a request. What goes out: a language of the table: the one that a person chose (a
cookie of its own, which says nothing else), else the first of what the browser asks for, else
English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request

from reseen.web.service import Service, service_of


@dataclass(frozen=True, slots=True)
class Language:
    """One language, and how its numbers are written (as CLDR has it)."""

    code: str
    """ISO 639-1: the value of `lang`, and the folder of its catalogue."""
    name: str
    """As its speakers call it."""
    thousands: str
    decimal: str
    least_grouped: int = 1_000
    """The smallest number whose digits are grouped."""


ENGLISH = Language("en", "English", ",", ".")
LANGUAGES: Mapping[str, Language] = {
    language.code: language
    for language in (
        ENGLISH,
        Language("de", "Deutsch", ".", ","),
        Language("es", "Español", ".", ",", least_grouped=10_000),
        Language("fr", "Français", "\u202f", ","),
    )
}
CHOICE_LASTS = 365 * 86_400
"""Seconds that a browser keeps what was chosen."""
_MOST_READ = 1_000
"""Characters of what a browser asks for."""


def choice_cookie(service: Service) -> str:
    """Where a browser keeps what its person chose."""
    return "__Host-reseen-language" if service.https else "reseen-language"


def chosen(request: Request) -> Language | None:
    """What was chosen in this browser."""
    return LANGUAGES.get(request.cookies.get(choice_cookie(service_of(request)), ""))


def language_of(request: Request) -> Language:
    """The language of the answer."""
    return chosen(request) or accepted(request.headers.get("accept-language", ""))


def accepted(header: str) -> Language:
    """Of an Accept-Language header (RFC 9110, 12.5.4): the language of ours with the greatest
    weight, the first of those; English where there is none. What is no such header asks nothing."""
    best, most = ENGLISH, 0.0
    for asked in header[:_MOST_READ].split(","):
        tag, _, rest = asked.partition(";")
        language = LANGUAGES.get(tag.strip().partition("-")[0].lower())
        weight = _weight(rest.strip())
        if language is not None and weight > most:
            best, most = language, weight
    return best


def _weight(text: str) -> float:
    if not text:
        return 1.0
    name, _, value = text.partition("=")
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if name.strip().lower() == "q" and 0 <= weight <= 1 else 0.0
