"""Pairs of files that are opposed to each other, as the store keeps them; and how each of these
files stood when its pairs were last compared.

What comes in: a connection. What goes out: which files were looked at, which pairs are opposed, and
those of which one file stands otherwise than when they were last compared: it came to be of the
class that is never read, or a removal by itself, or is not any more. Needs no numpy, so that asking
whether there is anything to do costs little.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from reseen.match import digests_alone
from reseen.records import Rung
from reseen.store import meta, schema
from reseen.store.database import chunks

_ASKED, _OPPOSED, _STANDING = "pairs asked", "pairs opposed", "pairs standing"
"""The names under which the store keeps which files were looked at, which pairs are opposed, and
how the files of these stood when they were last compared."""

Pair = tuple[int, int]
"""Two files, by their artifacts' pks, the lower first."""
Standing = frozenset[tuple[int, int]]
"""How files of pairs stand: (file, removal that it is by itself), by pks; with `NEVER_READ` for the
removal, a file of the class that is never read."""
NEVER_READ = 0


def pairs_of(connection: Connection) -> list[Pair]:
    """All pairs that are opposed."""
    return _twos(connection, _OPPOSED)


def asked(connection: Connection) -> set[int]:
    """Files that were looked at, or left out."""
    return set(_numbers(connection, _ASKED))


def standing(connection: Connection, pairs: Iterable[Pair]) -> Standing:
    """How the files of these pairs stand now."""
    pks = files_of(pairs)
    unread = digests_alone.such_artifacts(connection, pks) if pks else ()
    themselves = {(pk, removal) for pk, removal, _ in _by_itself(connection, pks)}
    return frozenset(themselves.union((pk, NEVER_READ) for pk in unread))


def by_itself(connection: Connection, pks: Collection[int]) -> dict[int, set[str]]:
    """Of these files: the removals (by id) that they stand for by their weights, or more."""
    found: dict[int, set[str]] = {}
    for pk, _, removal in _by_itself(connection, pks):
        found.setdefault(pk, set()).add(removal)
    return found


def moved(connection: Connection, pairs: Iterable[Pair], now: Standing) -> list[Pair]:
    """Those of these pairs of which one file stands otherwise than when they were last compared."""
    before = frozenset(_twos(connection, _STANDING))
    files = {pk for pk, _ in now ^ before}
    return [pair for pair in pairs if not files.isdisjoint(pair)]


def is_due(connection: Connection) -> bool:
    """Whether any pair has to be compared again because of how its files stand."""
    pairs = pairs_of(connection)
    return bool(pairs) and bool(moved(connection, pairs, standing(connection, pairs)))


def keep_standing(connection: Connection, now: Standing) -> None:
    """Remember how the files of all pairs stood when they were compared."""
    if now or meta.value(connection, _STANDING) is not None:
        _keep(connection, _STANDING, [number for one in sorted(now) for number in one])


def keep(
    connection: Connection,
    looked: Collection[int],
    waiting: Collection[int],
    pairs: Collection[Pair],
    now: Standing,
) -> None:
    """Remember that these files were looked at, and which pairs of them are opposed. `waiting`:
    those of the class that is never read, which are looked at when they are of it no more. `now`:
    how the files of these pairs stood."""
    _keep(connection, _ASKED, sorted(asked(connection).union(looked).difference(waiting)))
    if not pairs:
        return
    known = pairs_of(connection)
    _keep(connection, _OPPOSED, [pk for pair in sorted({*known, *pairs}) for pk in pair])
    # A file of older pairs goes on standing as it did when those were compared.
    old = files_of(known)
    more = {one for one in now if one[0] not in old}
    keep_standing(connection, frozenset(_twos(connection, _STANDING)) | more)


def files_of(pairs: Iterable[Pair]) -> set[int]:
    return {pk for pair in pairs for pk in pair}


def _by_itself(connection: Connection, pks: Collection[int]) -> Iterable[Any]:
    """(file's pk, removal's pk, removal's id)."""
    s, r = schema.sightings.c, schema.removals.c
    for chunk in chunks(pks):
        query = (
            select(s.artifact_pk, r.pk, r.id)
            .join(schema.removals, r.pk == s.removal_pk)
            .where(s.artifact_pk.in_(chunk), s.rung >= int(Rung.WEIGHTS))
        )
        yield from connection.execute(query)


def _twos(connection: Connection, name: str) -> list[tuple[int, int]]:
    numbers = _numbers(connection, name)
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _numbers(connection: Connection, name: str) -> array[int]:
    kept = meta.value(connection, name)
    return array("Q", b"" if kept is None else zlib.decompress(kept))


def _keep(connection: Connection, name: str, numbers: Sequence[int]) -> None:
    meta.keep(connection, name, zlib.compress(array("Q", numbers).tobytes()))
