"""What follows from a change: the past is matched anew, cases are put, notices are settled.

The store remembers up to which change of the registry (`store.change_log`) the past was matched.
So a process may be killed between a change and what follows from it: whoever acts next, on any
face, or the worker in its next round, goes on from there. Doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from reseen.observed import artifacts
from reseen.registry import claims, learning, removals, same_files, stands_in
from reseen.review import cases, notice_updates
from reseen.review.notice_updates import NoticeMoved
from reseen.store import change_log, meta
from reseen.store.database import Store

MATCHED = "matched"
"""The name under which the store keeps the last change whose past was matched."""
SHARED = "class of shared files"
"""The name under which the store keeps that what was learned goes by the class of all removals
that have a file. A store of before did not ask the others."""
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
        or _is_of_before(connection)
        or cases.is_due(connection)
        or notice_updates.is_due(connection)
    )


def follow(store: Store, *, since: int | None = None) -> Followed:
    """Do all that follows from what changed so far, in short transactions. `since`: match anew what
    changed after this number, though it was matched before: artifacts were stored meanwhile by
    somebody who did not know of it. Raises StoreError."""
    with store.read() as connection:
        of_before = _is_of_before(connection)
    if of_before:
        with store.write() as connection:
            claims.refresh(connection, same_files.ever_of_class(connection, None))
            meta.keep(connection, SHARED, b"1")
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


def _is_of_before(connection: Connection) -> bool:
    return not meta.value(connection, SHARED)


def matched(connection: Connection) -> int:
    """The last change whose past was matched; -1 where it never was."""
    value = meta.value(connection, MATCHED)
    return -1 if value is None else int(value)


def _match_past(connection: Connection, secret: bytes, since: int | None) -> list[str]:
    """Let what changed learn from what was read, match it against all that was seen, and remember
    that; ids of new sightings."""
    last = matched(connection)
    first = last if since is None else min(last, since)
    pks = _changed(connection, first)
    cases.go_with(connection, stands_in.left_empty(connection, pks))
    learning.learn(connection, removals=pks)
    pks = _changed(connection, first)  # and those that have learned
    ids = None if pks is None else removals.ids_of(connection, pks)
    new = []
    if artifacts.are_known(connection):
        # Not before it is needed: it takes a quarter of a second, of which a first list has no use.
        from reseen.scan.reinspection import record_past

        new = record_past(connection, secret, ids)
    meta.keep(connection, MATCHED, str(change_log.latest(connection)).encode())
    return [id for id, _ in new]


def _changed(connection: Connection, after: int) -> list[int] | None:
    """Removals (by pk) that changed after this number; None for all of them."""
    return None if after < 0 else change_log.removals_since(connection, after, most=_FEW)
