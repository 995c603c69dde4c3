"""Which removals changed, in the order of the writers.

What comes in: removals (by pk) that a writer added, withdrew, restored or taught something, within
the transaction that does it. What goes out: the same, to whoever keeps removals in memory and reads
on from the last change that it knows. It promises that whoever has read up to a change and sees no
later one knows every removal as it stands: there is one writer at a time, so numbers come into
sight in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from reseen.store.database import insert_many, now
from reseen.store.service_schema import changes


@dataclass(frozen=True, slots=True)
class RemovalChange:
    """Removals `first` to `last`, by pk: each may be another than before, or new."""

    pk: int
    first: int
    last: int
    at: int
    """Microseconds since 1970."""


def note(connection: Connection, removal_pks: Iterable[int]) -> None:
    """These removals are new, withdrawn, restored, or have learned something. Needs a write
    transaction; removals that follow one another make one row."""
    at, last = now(), latest(connection)
    columns = ("pk", "first", "last", "at")
    rows = ((last + n, *run, at) for n, run in enumerate(_runs(removal_pks), 1))
    insert_many(connection, changes, columns, rows)


def latest(connection: Connection) -> int:
    """The last change there is; 0 before the first."""
    return connection.scalar(select(func.max(changes.c.pk))) or 0


def since(connection: Connection, after: int, *, limit: int = 10_000) -> list[RemovalChange]:
    """The changes after this one, in order, at most `limit`: ask again while there are as many."""
    query = select(changes).where(changes.c.pk > after).order_by(changes.c.pk).limit(limit)
    return [RemovalChange(row.pk, row.first, row.last, row.at) for row in connection.execute(query)]


FEW = 2_000
"""Changed removals that are told by name; where there are more, all of them are meant."""


def removals_since(connection: Connection, after: int, *, most: int = FEW) -> list[int] | None:
    """The removals (by pk) that changed after this change; None for all of them: where they are
    more than `most`, or nothing was ever followed (`after` is negative)."""
    if after < 0:
        return None
    pks: set[int] = set()
    while more := since(connection, after):
        for change in more:
            if len(pks) + change.last - change.first >= most:
                return None
            pks.update(range(change.first, change.last + 1))
        after = more[-1].pk
    return sorted(pks)


def _runs(pks: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for pk in sorted(set(pks)):
        if first is None or last is None:
            first = last = pk
        elif pk == last + 1:
            last = pk
        else:
            yield first, last
            first = last = pk
    if first is not None and last is not None:
        yield first, last
