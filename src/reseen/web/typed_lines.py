"""What is typed one a line, or with commas: each with the line that it stands on.

What comes in: the text of a field, and what reads one entry. What goes out: what was read, each
once; or an InputError that says the line and does not repeat what stands there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from reseen.errors import InputError
from reseen.records import RepoType
from reseen.settings import HubSettings
from reseen.web.form_values import repository_at

T = TypeVar("T")

MOST_NAMES = 1_000
"""Accounts or repositories of one scan."""

_COMMA = re.compile("[,;]")


def entries(text: str) -> list[tuple[int, str]]:
    """Each entry behind the number of its line. A blank ends none: it may belong to it."""
    return [
        (number, entry)
        for number, line in enumerate(text.splitlines(), 1)
        for each in _COMMA.split(line)
        if (entry := each.strip())
    ]


def repositories(text: str, hub: HubSettings) -> list[tuple[str, RepoType | None]]:
    """By their names or their pages' addresses, each with the type that this says; also several on
    a line where each has its owner. Raises InputError."""
    each = read_each(text, lambda entry: repositories_of(entry, hub))
    return list(dict.fromkeys(one for several in each for one in several))


def repositories_of(entry: str, hub: HubSettings) -> tuple[tuple[str, RepoType | None], ...]:
    """What one entry names. Raises InputError."""
    words = entry.split()
    if len(words) > 1 and not all("/" in word for word in words):
        raise InputError(
            "several words are no repository's name",
            remedy="Write each on a line of its own, as OWNER/NAME.",
        )
    return tuple(repository_at(word, hub) for word in words)


def read_each(
    text: str,
    one: Callable[[str], T],
    *,
    most: int = MOST_NAMES,
    remedy: str = "Scan them in parts, or by the command.",
) -> list[T]:
    """What `one` makes of each. Raises InputError, also for more than `most`, with that remedy."""
    found = entries(text)
    if len(found) > most:
        raise InputError(f"more than {most:,} at once", remedy=remedy)
    read: dict[T, None] = {}
    for number, entry in found:
        try:
            read[one(entry)] = None
        except InputError as e:
            if len(found) == 1:
                raise
            raise InputError(f"line {number}: {e}", remedy=e.remedy) from None
    return list(read)
