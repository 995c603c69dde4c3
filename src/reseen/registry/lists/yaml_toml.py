"""Reads YAML, TOML and INI as the values that JSON would hold: `documents` makes a table of them.

What comes in: the text of a list. What goes out: its value, or None where it is neither. Of YAML
every scalar stays the text that stands there: no hash becomes a number. An alias is refused, since
what it stands for can be made without end. YAML needs the extra `yaml`.
"""

from __future__ import annotations

import configparser
import re
import tomllib
from typing import Any

from reseen.errors import ListError
from reseen.registry.lists.nested import MAX_DEPTH

MAX_VALUES = 250_000
"""Keys and values: they are held together, since neither form can be read entry by entry."""

_KEY = r"""(?:[\w.-][\w .-]{0,80}|"[^"\n]{1,80}"|'[^'\n]{1,80}')"""
_YAML = re.compile(
    rf"^[ \t]*- +{_KEY}:(?:[ \t]|$)"  # an entry of a list that has keys
    rf"|^{_KEY}:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*(?:[ \t]+{_KEY}:(?:[ \t]|$)|[ \t]*- )",
    re.MULTILINE,
)
"""What only YAML has, of all that lists are kept in: keys under keys, or in an entry of a list."""
_LIKE_JSON = re.compile(
    r"\s{0,99}(?:[\[{]\s{0,20}){1,4}'[^'\n]{1,80}'\s{0,4}:|\s{0,99}(?:\[\s{0,20})?\{\s{0,20}[A-Za-z_]\w{0,40}:\s"
)
"""As Python prints objects, and as JavaScript writes them: YAML has both forms too."""
_TOML = re.compile(
    r"^[ \t]*\[{1,2}[^\[\]\n]{1,200}\]{1,2}[ \t]*(?:#.*)?\n(?:[ \t]*(?:[#;].*)?\n)*"
    rf"[ \t]*{_KEY}[ \t]*=",
    re.MULTILINE,
)
"""A section and a key in it."""


def may_be(head: bytes) -> bool:
    """Whether a file that begins so looks like YAML or TOML with more in it than lines."""
    start = _plain(head.replace(b"\0", b"").decode("utf-8", "replace"))
    return bool(_TOML.search(start) or _YAML.search(start) or _LIKE_JSON.match(start))


def value_of(text: str) -> dict[str, Any] | list[Any] | None:
    """The value of a text in YAML or TOML; None where it is none of them, or holds no entries.
    Raises ListError for one that asks for too much, or for a reader that is not there."""
    text = _plain(text)
    found: object = None
    if _TOML.search(text):
        parts = sum(line.partition("=")[0].count(".") for line in text.splitlines())
        if parts + sum(map(text.count, "=[{,")) > MAX_VALUES:
            raise _too_many("TOML")
        try:
            found = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError):
            found = _ini(text)
    elif _YAML.search(text) or _LIKE_JSON.match(text):
        found = _yaml(text)
    return found if isinstance(found, dict | list) and found else None


def _ini(text: str) -> dict[str, dict[str, str]] | None:
    """The sections of a file as Windows keeps settings; None where it is none."""
    if text.count("\n") > MAX_VALUES:
        return None
    parser = configparser.RawConfigParser(strict=False, default_section="")
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _plain(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _yaml(text: str) -> object:
    try:
        import yaml
    except ImportError:
        raise ListError(
            "this looks like YAML, which is read by an extra",
            remedy='Install it (pip install "reseen[yaml]"), or save the list as CSV or JSON.',
        ) from None
    made = _Maker()
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)):
            match event:
                case yaml.MappingStartEvent():
                    made.open({})
                case yaml.SequenceStartEvent():
                    made.open([])
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    made.close()
                case yaml.ScalarEvent(value=said, style=style):
                    made.put(None if style is None and said in _NOTHING else said)
                case yaml.AliasEvent():
                    raise ListError(
                        "the list has aliases of YAML, which can stand for more than can be read",
                        remedy="Write out what they stand for.",
                    )
    except yaml.YAMLError:
        return None
    return made.documents[0] if len(made.documents) == 1 else made.documents


def _too_many(what: str) -> ListError:
    return ListError(
        f"a list in {what} may hold {MAX_VALUES:,} values",
        remedy="Split it, or save it as CSV or JSON.",
    )


_NOTHING = ("", "~", "null", "Null", "NULL", "None", "undefined")


class _Maker:
    """Makes values of what a reader meets, one after the other, without calling itself."""

    def __init__(self) -> None:
        self.documents: list[Any] = []
        self._open: list[tuple[dict[str, Any] | list[Any], list[Any]]] = []
        """What is under way, each with the key that waits for its value."""
        self._made = 0

    def open(self, value: dict[str, Any] | list[Any]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise ListError(f"the YAML is nested deeper than {MAX_DEPTH} levels")
        self.put(value)
        self._open.append((value, []))

    def close(self) -> None:
        self._open.pop()

    def put(self, value: Any) -> None:
        if not self._open:
            self.documents.append(value)
            return
        self._made += 1
        if self._made > MAX_VALUES:
            raise _too_many("YAML")
        within, key = self._open[-1]
        if isinstance(within, list):
            within.append(value)
        elif not key:
            key.append("" if isinstance(value, dict | list) or value is None else value)
        else:
            within[key.pop()] = value
