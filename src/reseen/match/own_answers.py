"""Whether an index answers rightly at all: a few digests of its own, and one that nobody has.

What comes in: an index, as loaded, followed or mapped. What goes out: digests that it must find,
which are saved with it, and what is wrong with its answers. A saved index whose every byte is as it
was written answers wrongly all the same where the code that reads it has changed, and would call
every file clear.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from reseen.match.claim_entries import LENGTHS
from reseen.match.claims_index import ClaimsIndex
from reseen.records import DigestKind

OwnDigest = tuple[int, bytes, str]
"""Kind or POINTER, value, removal."""


def own_digests(index: ClaimsIndex) -> list[OwnDigest]:
    """A few digests that are surely in force."""
    found = []
    for kind, table in enumerate(index.snapshot.tables):
        count, length = len(table), LENGTHS[kind]
        for at in sorted({0, count // 3, count // 2, count - 1}) if count else ():
            place = index.snapshot.removal_of[table.owners[at]]
            if not index.delta.gone[place]:
                value = bytes(table.values[at * length : at * length + length])
                found.append((kind, value, index.snapshot.id(place)))
    return found


def as_texts(digests: Iterable[OwnDigest]) -> list[list[int | str]]:
    """As they are saved with an index."""
    return [[kind, value.hex(), removal] for kind, value, removal in digests]


def wrong_answer(index: ClaimsIndex, saved: Iterable[Sequence[int | str]]) -> str | None:
    """What it answers wrongly; None: nothing of what is asked here. `saved`: as `as_texts`."""
    for kind, value, removal in saved:
        numbers = index.find(int(kind), bytes.fromhex(str(value)))
        if all(index.removal(number) != removal for number in numbers):
            return "a digest of its own is not found in it"
    if index.find(DigestKind.SHA256, secrets.token_bytes(32)):
        return "a digest that nobody has is found in it"
    return None
