"""Reads what a message says of the model whose hash it holds, as trackers and chats export them.

What comes in: the cell of a list. What goes out: `Message`.
"""

from __future__ import annotations

from dataclasses import dataclass

from reseen.registry.lists.not_removed import says_not_removed
from reseen.registry.lists.said import STANDS, said_in
from reseen.registry.lists.table import Cell
from reseen.registry.lists.values import hash_digits

_LINES = 200
"""Lines of a message that are looked at."""
_LONGEST_NAME = 120
"""Characters of a name among words: more are a sentence."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a message says of one model."""

    name: str | None
    """What the hash's line calls it, or the last one before that calls it anything."""
    stands: bool
    """Whether it says that the model was not removed, or stands again."""


def message_in(cell: Cell) -> Message | None:
    """None of a cell that is no text, or a hash alone."""
    if not isinstance(cell, str) or hash_digits(cell):
        return None
    stands = says_not_removed(cell)
    before: str | None = None
    for line in cell.splitlines()[:_LINES]:
        said = said_in(line) if line.strip() else None
        if said is None:
            continue
        words = said.words if said.words and len(said.words) <= _LONGEST_NAME else None
        if said.hash is not None and said.aside == STANDS:
            stands = True
        elif said.hash is not None and not said.aside:
            return Message(words or before, stands)
        before = words or before
    return Message(None, stands)
