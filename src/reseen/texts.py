"""Texts for people: the one function that every one of them goes through, whatever shows it.

A terminal obeys some characters, a page turns the direction of others, a mail breaks its lines at
more than line feeds; and foreign words (names of repositories and files, what a list says) stand in
our sentences. So the edges (a line of the command, a value on a page or in a report, a notice, a
mail) hand over nothing that did not come from `for_people`.
"""

from __future__ import annotations

_LINES = frozenset("\n\t")


def for_people(text: str) -> str:
    """A text of ours, of one or more lines, with every character in it that is obeyed instead of
    seen written as its number."""
    if text.isprintable():
        return text
    return "".join(c if c in _LINES or c.isprintable() else _number(c) for c in text)


def visible(text: str) -> str:
    """A foreign word that stands in a text of ours: it begins no line, either."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _number(c) for c in text)


def _number(character: str) -> str:
    return f"\\u{ord(character):04x}"
