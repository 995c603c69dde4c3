"""What follows from a change: the past is matched anew, cases are put, notices are settled.

The store remembers up to which change of the registry (`store.change_log`) the past was matched.
So a process may be killed between a change and what follows from it: whoever acts next, on any
face, or the worker in its next round, goes on from there. Doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from reseen.registry import learning
from reseen.review import cases, notice_updates
from reseen.review.notice_updates import NoticeMoved
from reseen.scan.lookback import record_past
from reseen.store import change_log, schema
from reseen.store.database import Store, chunks, upsert

MATCHED = "matched"
"""The name under which the store keeps the last change whose past was matched."""
_FEW = 2_000
"""Changed removals that are matched by name; where there are more, all in force are."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What followed from what changed."""

    sightings: tuple[str, ...] = ()
    """Ids of sightings that are new: removals found in what was seen before."""
    notices: tuple[NoticeMoved, ...] = ()
    """Notices that moved by themselves."""


def is_due(connection: Connection) -> bool:
    """Whether anything is left to do: asked within a reading transaction, so that nobody waits for
    the writer when there is nothing."""
    return (
        matched(connection) < change_log.latest(connection)
        or cases.is_due(connection)
        or notice_updates.is_due(connection)
    )


def follow(store: Store, *, since: int | None = None) -> Followed:
    """Do all that follows from what changed so far, in short transactions. `since`: match anew what
    changed after this number, though it was matched before: artifacts were stored meanwhile by
    somebody who did not know of it. Raises StoreError."""
    with store.read() as connection:
        last, latest = matched(connection), change_log.latest(connection)
    new: list[str] = []
    if min(last, latest if since is None else since) < latest:
        with store.write() as connection:
            new = _match_past(connection, store.secret, since)
    with store.read() as connection:  # nothing to do is no reason to wait for the writer
        untold = cases.is_due(connection)
    if untold:
        cases.put_all(store)
    with store.read() as connection:
        unsettled = notice_updates.is_due(connection)
    moved: Sequence[NoticeMoved] = ()
    if unsettled:
        with store.write() as connection:
            moved = notice_updates.settle(connection)
    return Followed(tuple(new), tuple(moved))


def matched(connection: Connection) -> int:
    """The last change whose past was matched; -1 where it never was."""
    table = schema.meta.c
    value = connection.scalar(select(table.value).where(table.name == MATCHED))
    return -1 if value is None else int(bytes(value))


def _match_past(connection: Connection, secret: bytes, since: int | None) -> list[str]:
    """Let what changed learn from what was read, match it against all that was seen, and remember
    that; ids of new sightings."""
    last = matched(connection)
    first = last if since is None else min(last, since)
    learning.learn(connection, removals=_pks(connection, _changed(connection, first)))
    new = record_past(connection, secret, _changed(connection, first))
    latest = change_log.latest(connection)
    row = {"name": MATCHED, "value": str(latest).encode()}
    upsert(connection, schema.meta, [row], key=("name",), update=("value",))
    return [id for id, _ in new]


def _pks(connection: Connection, ids: Collection[str] | None) -> list[int] | None:
    if ids is None:
        return None
    table = schema.removals.c
    pks: list[int] = []
    for some in chunks(ids):
        pks.extend(connection.scalars(select(table.pk).where(table.id.in_(some))))
    return pks


def _changed(connection: Connection, after: int) -> Collection[str] | None:
    """Ids of the removals that changed after this number; None for all of them."""
    if after < 0:
        return None
    pks: set[int] = set()
    while more := change_log.since(connection, after):
        for change in more:
            if len(pks) + change.last - change.first >= _FEW:
                return None
            pks.update(range(change.first, change.last + 1))
        after = more[-1].pk
    table = schema.removals.c
    ids: list[str] = []
    for some in chunks(sorted(pks)):
        ids.extend(connection.scalars(select(table.id).where(table.pk.in_(some))))
    return ids
