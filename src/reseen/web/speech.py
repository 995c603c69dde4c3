"""What the pages say in one language: sentences, words, numbers.

What comes in: a sentence in English, marked by the name of the function that takes it. What goes
out: the same in the language of the request, as markup. `make catalogues` finds the marked ones by
these names: `gettext`, `ngettext`, `pgettext`, and `N_` and `NP_`, whose words go through `fixed`.

A sentence is ours: it may hold tags, and places with names, `%(count)s`; a percent sign is written
twice. What stands in its places is foreign, and escaped as everything that is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from gettext import NullTranslations

from fastapi import Request
from markupsafe import Markup

from reseen.texts import for_people
from reseen.web.catalogues import catalogue
from reseen.web.languages import ENGLISH, Language, language_of


def N_(text: str) -> str:
    """The text itself: a fixed word or sentence that is translated where it is shown."""
    return text


def NP_(context: str, text: str) -> str:
    """The same, of a word that means several things: `context` says which one."""
    return text


@dataclass(frozen=True, slots=True)
class Speech:
    """One language, with its catalogue."""

    language: Language
    catalogue: NullTranslations

    def gettext(self, message: str, /, **values: object) -> Markup:
        return _filled(self.catalogue.gettext(message), values)

    def ngettext(self, one: str, many: str, count: int, /, **values: object) -> Markup:
        """The form of the sentence for so many. `values` has the number as it is written."""
        return _filled(self.catalogue.ngettext(one, many, count), values)

    def pgettext(self, context: str, message: str, /, **values: object) -> Markup:
        """Of a word that means several things: `context` says which one."""
        return _filled(self.catalogue.pgettext(context, message), values)

    def fixed(self, text: str, context: str = "") -> str:
        """What stands in `N_` or `NP_`, as text without places or tags; what is not marked stays
        as it is."""
        if context:
            return self.catalogue.pgettext(context, text)
        return self.catalogue.gettext(text) if text else text

    def number(self, value: float) -> Markup:
        """A whole number, its digits in groups of three."""
        separator = self.language.thousands if abs(value) >= self.language.least_grouped else ""
        return Markup(f"{value:,.0f}".replace(",", separator))  # noqa: S704  digits

    def decimal(self, value: float, digits: int) -> Markup:
        """A number with so many digits behind the point."""
        return Markup(f"{value:.{digits}f}".replace(".", self.language.decimal))  # noqa: S704

    def significant(self, value: float, digits: int = 6) -> Markup:
        """A number of so many digits that count: 0.012, 3e-12."""
        return Markup(f"{value:.{digits}g}".replace(".", self.language.decimal))  # noqa: S704

    def percent(self, share: float, digits: int = 0) -> Markup:
        """12%; with a blank that breaks no line where the language has one."""
        blank = "" if self.language is ENGLISH else "\N{NO-BREAK SPACE}"
        return Markup(f"{self.decimal(100 * share, digits)}{blank}%")  # noqa: S704


def _filled(sentence: str, values: Mapping[str, object]) -> Markup:
    shown = {k: for_people(v) if type(v) is str else v for k, v in values.items()}
    return Markup(sentence) % shown  # noqa: S704  ours; what is foreign is escaped here


@lru_cache
def speech(language: Language) -> Speech:
    """What is said in this language."""
    return Speech(language, catalogue(language.code))


def speech_of(request: Request) -> Speech:
    """What is said in the language of the request."""
    return speech(language_of(request))
