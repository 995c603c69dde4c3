"""Message catalogues: what `gettext` of Python looks up, by language.

What comes in: a language of `languages`. What goes out: its translations, from the compiled
catalogue (MO) that `make catalogues` makes of the one that translators write (PO), beside it in the
package; a test holds each to the other.
"""

from __future__ import annotations

import gettext
from functools import lru_cache
from importlib.resources import files as resources


@lru_cache
def catalogue(code: str) -> gettext.NullTranslations:
    """The translations of a language of `languages`; of English, whose sentences are the ids, those
    that give back what they are given."""
    if code == "en":
        return gettext.NullTranslations()
    place = resources("reseen.web").joinpath("locale", code, "LC_MESSAGES", "reseen.mo")
    with place.open("rb") as file:
        return gettext.GNUTranslations(file)
