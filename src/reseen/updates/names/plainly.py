"""Names as they are meant that are written to be read by people and not by programs.

Letters that look like others (Cyrillic, Greek, of full width), signs that nobody sees, and signs in
the form that addresses have: a loader of one's own undoes them, and no table has them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

from reseen.updates.names.prefixes import REMEMBERED

_PAIRS = (
    "\u0430a\u0435e\u043eo\u0440p\u0441c\u0443y\u0445x\u0456i\u0458j\u0455s\u0501d\u051bq"
    "\u051dw\u04bbh\u04cfl\u043ak\u043cm\u043dh\u0442t\u0432b\u043fn\u0433r\u0475v\u0410A"
    "\u0412B\u0415E\u041aK\u041cM\u041dH\u041eO\u0420P\u0421C\u0422T\u0425X\u0423Y\u0406I"
    "\u0408J\u0405S\u03bfo\u03b1a\u03bdv\u03c1p\u03c4t\u03c5u\u03bak\u03b9i\u03b5e\u03c9w"
    "\u03b7n\u0391A\u0392B\u0395E\u0396Z\u0397H\u0399I\u039aK\u039cM\u039dN\u039fO\u03a1P"
    "\u03a4T\u03a5Y\u03a7X\u0131i\u0261g\u0251a\u1d00a\u1d0fo\u029fl"
)
"""Each letter, and the one that it looks like."""
_LOOKALIKES = dict(zip(map(ord, _PAIRS[::2]), _PAIRS[1::2], strict=True))
_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_WORDS = re.compile(r"[A-Za-z0-9]+")


@lru_cache(REMEMBERED)
def plainly(name: str) -> str:
    """A name in the letters that it is made to look like."""
    if name.isascii():
        return unquote(name) if "%" in name else name
    seen = (c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf")
    return unquote("".join(seen).translate(_LOOKALIKES))


def without_zeros(name: str) -> str:
    """A name without the zeros before its numbers: `blocks.07`."""
    return _ZEROS.sub("", name)


def of_words(name: str, known: frozenset[str]) -> str:
    """What is left of a name without words that none of the known ones is."""
    return ".".join(w for w in _WORDS.findall(name) if w.isdigit() or w.lower() in known)
