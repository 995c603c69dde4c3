"""What follows from a change: the past is matched anew, cases are put, notices are settled.

The store remembers up to which change of the registry (`store.change_log`) the past was matched.
So a process may be killed between a change and what follows from it: whoever acts next, on any
face, or the worker in its next round, goes on from there. Doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from reseen.match.judge import judge_parts
from reseen.observed import artifacts, sketches
from reseen.records import Evidence
from reseen.registry import claims, learning, removals, same_files, stands_in
from reseen.review import cases, notice_updates
from reseen.review.notice_updates import NoticeMoved
from reseen.store import change_log, meta
from reseen.store.database import Store

MATCHED = "matched"
"""The name under which the store keeps the last change whose past was matched."""
PARTS = "parts asked"
"""The name under which the store keeps up to where files were asked for parts of merges."""
SHARED = "class of shared files"
"""The name under which the store keeps that what was learned goes by the class of all removals
that have a file. A store of before did not ask the others."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What followed from what changed."""

    sightings: tuple[str, ...] = ()
    """Ids of sightings that are new: removals found in what was seen before."""
    parts: tuple[str, ...] = ()
    """Those of them that are removals inside files, as parts of merges."""
    notices: tuple[NoticeMoved, ...] = ()
    """Notices that moved by themselves."""


def is_due(connection: Connection) -> bool:
    """Whether anything is left to do: asked within a reading transaction, so that nobody waits for
    the writer when there is nothing."""
    return (
        matched(connection) < change_log.latest(connection)
        or _is_of_before(connection)
        or meta.value(connection, PARTS) != _known_now(connection)
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
    parts = _find_parts(store)
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
    return Followed((*new, *parts), tuple(parts), tuple(moved))


def _known_now(connection: Connection) -> bytes:
    """What is another whenever files may have to be asked for parts of merges."""
    return b"%d %d" % (change_log.latest(connection), sketches.whole_kept(connection))


def _find_parts(store: Store) -> list[str]:
    """Ask files that were read whole for removals inside them, as parts of a merge: those that are
    new for all, the others for what changed; ids of new sightings. It is compared while nobody
    waits, and written a batch at a time."""
    with store.read() as connection:
        before, known = meta.value(connection, PARTS), _known_now(connection)
        are_there = sketches.any_whole(connection) and sketches.any_of_removals(connection)
    if before == known:
        return []
    new: list[str] = []
    if are_there:
        new = _ask_for_parts(store, -1 if before is None else int(before.split()[0]))
    with store.write() as connection:
        meta.keep(connection, PARTS, known)
    return new


def _ask_for_parts(store: Store, after: int) -> list[str]:
    # Not before it is needed, as above.
    from reseen.match import past_parts
    from reseen.match.registry_parts import search_for

    new: list[str] = []
    with store.read() as connection:
        every = past_parts.to_ask(connection, after)
    for work in every:
        with store.read() as connection:
            search = search_for(connection, store.read, work.architecture, work.changed)
        if not search.calibrated:
            continue
        for files, only in work.batches():
            with store.read() as connection:
                pks = [pk for pk, _ in files]
                found = list(past_parts.inside(connection, search, pks, only))
            with store.write() as connection:
                new += _keep_parts(connection, store.secret, found)
                past_parts.keep_asked(connection, work.architecture, files)
    return new


def _keep_parts(
    connection: Connection, secret: bytes, found: Sequence[tuple[int, str, Evidence]]
) -> list[str]:
    """Record what is inside files; ids of new sightings."""
    pks = removals.pks_of(connection, {removal for _, removal, _ in found})
    pairs: dict[tuple[int, int], tuple[Evidence, ...]] = {
        (artifact_pk, pks[removal]): (why,) for artifact_pk, removal, why in found
    }
    judged = judge_parts(connection, secret, pairs)
    return [one.id for one in judged.new if one.rung.on_ladder]


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
    pks = change_log.removals_since(connection, first)
    cases.go_with(connection, stands_in.left_empty(connection, pks))
    learning.learn(connection, removals=pks)
    pks = change_log.removals_since(connection, first)  # and those that have learned
    ids = None if pks is None else removals.ids_of(connection, pks)
    new = []
    if artifacts.are_known(connection):
        # Not before it is needed: it takes a quarter of a second, of which a first list has no use.
        from reseen.scan.reinspection import record_past

        new = record_past(connection, secret, ids)
    meta.keep(connection, MATCHED, str(change_log.latest(connection)).encode())
    return [id for id, _ in new]
