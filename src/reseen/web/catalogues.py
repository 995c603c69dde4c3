"""Message catalogues: from the text that translators write to what `gettext` of Python looks up.

What comes in: a catalogue as `make catalogues` writes it (the PO format of GNU gettext), part of
the package. What goes out: translations. There is no compiled file beside it that could be of
another day: a catalogue is compiled in memory when its language is first asked for.
"""

from __future__ import annotations

import gettext
import io
import json
import struct
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files as resources

_MAGIC = 0x950412DE


@lru_cache
def catalogue(code: str) -> gettext.NullTranslations:
    """The translations of a language of `languages`; of English, whose sentences are the ids, those
    that give back what they are given."""
    if code == "en":
        return gettext.NullTranslations()
    place = resources("reseen.web").joinpath("locale", code, "LC_MESSAGES", "reseen.po")
    return gettext.GNUTranslations(io.BytesIO(compiled(place.read_text(encoding="utf-8"))))


def compiled(text: str) -> bytes:
    """A catalogue as `gettext` reads it (MO, version 0, of GNU gettext)."""
    entries = sorted((id.encode(), said.encode()) for id, said in _entries(text))
    tables, strings = [b"", b""], b""
    begin = 28 + 16 * len(entries)
    for which in (0, 1):
        for entry in entries:
            tables[which] += struct.pack("<II", len(entry[which]), begin + len(strings))
            strings += entry[which] + b"\0"
    head = struct.pack(
        "<7I", _MAGIC, 0, len(entries), 28, 28 + 8 * len(entries), 0, 28 + 16 * len(entries)
    )
    return head + tables[0] + tables[1] + strings


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Each id (its context before it, its plural after it) and what is said for it; what has no
    translation, or one that nobody has looked at ("fuzzy"), is left out."""
    for block in text.split("\n\n"):
        parts: dict[str, str] = {}
        name = ""
        lines = [line for line in block.splitlines() if line]
        if any(line.startswith("#,") and "fuzzy" in line for line in lines):
            continue
        for line in lines:
            if line.startswith("#"):
                continue
            if not line.startswith('"'):
                name, _, line = line.partition(" ")
            parts[name] = parts.get(name, "") + json.loads(line)
        said = [parts[name] for name in parts if name.startswith("msgstr")]
        if not parts or not all(said):
            continue
        id = parts["msgid"]
        if "msgctxt" in parts:
            id = f"{parts['msgctxt']}\x04{id}"
        if "msgid_plural" in parts:
            id = f"{id}\0{parts['msgid_plural']}"
        yield id, "\0".join(said)
