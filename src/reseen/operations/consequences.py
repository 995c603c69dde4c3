"""What follows from a change: the past is matched anew, cases are put, notices are settled.

The store remembers up to which change of the registry (`store.change_log`) the past was matched.
So a process may be killed between a change and what follows from it: whoever acts next, on any
face, or the worker in its next round, goes on from there. Doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from reseen.match import innocents as innocents_in_use
from reseen.match import kept_pairs
from reseen.match.judge import judge_names, judge_parts
from reseen.observed import artifacts, sketches, walks
from reseen.operations import checkpoints_read
from reseen.operations.files_together import put_together
from reseen.records import Evidence
from reseen.registry import claims, innocents, learning, removals, same_files, stands_in
from reseen.registry.innocents import InnocentMoved
from reseen.review import cases, notice_updates
from reseen.review.notice_updates import NoticeMoved
from reseen.store import change_log, meta
from reseen.store.database import Store
from reseen.store.sealing import Keyring

if TYPE_CHECKING:
    from reseen.match.past_parts import PartsFound

MATCHED = "matched"
"""The name under which the store keeps the last change whose past was matched."""
PARTS = "parts asked"
"""The name under which the store keeps up to where files were asked for parts of merges."""
INNOCENTS = "near innocents"
"""The name under which the store keeps the last change of which it was asked whether a removal is
near a known innocent."""
NAMES = "names asked"
"""The name under which the store keeps the last change after which sightings were asked for what
their files' names say."""
_MOST_ASKED = 1_000_000
"""Removals that changed, so many: most have no sketch, and are asked for their digests alone."""
SHARED = "class of shared files"
"""The name under which the store keeps that what was learned goes by the class of all removals
that have a file. A store of before did not ask the others."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What followed from what changed."""

    sightings: tuple[str, ...] = ()
    """Ids of sightings that are new: removals found in what was seen before."""
    parts: tuple[str, ...] = ()
    """Those of them that are removals inside files, as parts of merges or in checkpoints, and of
    files that add up to a removal, two of one account at a time."""
    left_out: int = 0
    """Files, and pairs of files of one account, that were not put together: more than are looked
    at."""
    notices: tuple[NoticeMoved, ...] = ()
    """Notices that moved by themselves."""
    innocents: tuple[InnocentMoved, ...] = ()
    """Known innocents that went out of use, or came back."""
    fallen: int = 0
    """How many sightings were not found inside a merge any more, other innocents being in use, or
    not in what two files add up to, or inside a checkpoint, other bases being in use."""
    to_read: int = 0
    """Checkpoints whose base is known since they were read, and of which more is owed."""


def is_due(connection: Connection, keyring: Keyring | None = None) -> bool:
    """Whether anything is left to do: asked within a reading transaction, so that nobody waits for
    the writer when there is nothing. `keyring`: whoever has the key also asks for names."""
    return (
        matched(connection) < change_log.latest(connection)
        or _is_of_before(connection)
        or _are_innocents_due(connection)
        or meta.value(connection, PARTS) != _known_now(connection)
        or kept_pairs.is_due(connection)
        or checkpoints_read.is_due(connection)
        or (keyring is not None and _are_names_due(connection))
        or cases.is_due(connection)
        or notice_updates.is_due(connection)
    )


def follow(store: Store, keyring: Keyring | None = None, *, since: int | None = None) -> Followed:
    """Do all that follows from what changed so far, in short transactions. `keyring`: without the
    key nothing is said of names; whoever has it next does. `since`: match anew what changed after
    this number, though it was matched before: artifacts were stored meanwhile by somebody who did
    not know of it. Raises StoreError."""
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
    innocents_moved = _settle_innocents(store)
    parts, left_out, fallen = _find_parts(store)
    inside = checkpoints_read.judge(store)
    parts, fallen = [*parts, *inside.new], fallen + inside.fallen
    _ask_names(store, keyring)
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
    told = (tuple(moved), tuple(innocents_moved), fallen, inside.to_read)
    return Followed((*new, *parts), tuple(parts), left_out, *told)


def _are_innocents_due(connection: Connection) -> bool:
    asked = meta.value(connection, INNOCENTS)
    latest = b"%d" % change_log.latest(connection)
    return asked != latest and bool(innocents.known_pks(connection))


def _settle_innocents(store: Store) -> list[InnocentMoved]:
    """Ask of removals that changed whether they are near a known innocent, which goes out of use by
    that, or comes back. It is compared while nobody waits."""
    with store.read() as connection:
        if not _are_innocents_due(connection):
            return []
        from reseen.match import near_innocents  # numpy, which few need

        asked, latest = meta.value(connection, INNOCENTS), change_log.latest(connection)
        after = -1 if asked is None else int(asked)
        pks = change_log.removals_since(connection, after, most=_MOST_ASKED)
        files = near_innocents.load(connection, innocents.known_pks(connection))
        found = near_innocents.near(connection, files, pks)
    with store.write() as connection:
        moved = innocents.keep_near(connection, pks, found)
        meta.keep(connection, INNOCENTS, b"%d" % latest)
    return moved


def _are_names_due(connection: Connection) -> bool:
    return meta.value(connection, NAMES) != b"%d" % change_log.latest(connection)


def _ask_names(store: Store, keyring: Keyring | None) -> None:
    """Let what names say of sightings be what the removals that changed say now."""
    if keyring is None:
        return
    with store.read() as connection:
        if not _are_names_due(connection):
            return
        from reseen.match import past_names  # not before it is needed

        asked, latest = meta.value(connection, NAMES), change_log.latest(connection)
        after = -1 if asked is None else int(asked)
        pks = change_log.removals_since(connection, after, most=_MOST_ASKED)
        said = past_names.changed_names(connection, keyring, pks)
    with store.write() as connection:
        if said:
            judge_names(connection, store.secret, said)
        meta.keep(connection, NAMES, b"%d" % latest)


def _known_now(connection: Connection) -> bytes:
    """What is another whenever files may have to be asked for parts of merges."""
    known = b"%d %d" % (change_log.latest(connection), sketches.whole_kept(connection))
    beside = innocents_in_use.version(connection)
    return known + b" " + beside if beside else known


def _find_parts(store: Store) -> tuple[list[str], int, int]:
    """Ask files that were read whole for removals inside them, as parts of a merge, and two of an
    account together: those that are new for all, the others for what changed; ids of new sightings,
    what was left out, and how many fell. It is compared while nobody waits, and written a batch at
    a time."""
    with store.read() as connection:
        before, known = meta.value(connection, PARTS), _known_now(connection)
        are_there = sketches.any_whole(connection) and sketches.any_of_removals(connection)
        is_known = before == known and not kept_pairs.is_due(connection)
    if is_known:
        return [], 0, 0
    new: list[str] = []
    left_out = fallen = 0
    if are_there:
        after = -1 if before is None else int(before.split()[0])
        new, fallen = _ask_for_parts(store, after)
        put = put_together(store, after)
        new += put.new
        left_out, fallen = put.left_out, fallen + put.fallen
    with store.write() as connection:
        meta.keep(connection, PARTS, known)
    return new, left_out, fallen


def _ask_for_parts(store: Store, after: int) -> tuple[list[str], int]:
    # Not before it is needed, as above.
    from reseen.match import past_parts
    from reseen.match.registry_parts import search_for

    new: list[str] = []
    fallen = 0
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
                asked = past_parts.inside(connection, search, pks, only)
            with store.write() as connection:
                new += _keep_parts(connection, store.secret, asked)
                past_parts.keep_asked(connection, work.architecture, files)
            fallen += len(asked.fallen)
    return new, fallen


def _keep_parts(connection: Connection, secret: bytes, asked: PartsFound) -> list[str]:
    """Record what is inside files, and what is not any more; ids of new sightings."""
    pks = removals.pks_of(connection, {removal for _, removal, _ in asked.found})
    pairs: dict[tuple[int, int], tuple[Evidence, ...]] = {
        (artifact_pk, pks[removal]): (why,) for artifact_pk, removal, why in asked.found
    }
    judged = judge_parts(connection, secret, pairs, asked.fallen)
    walks.reopen(connection, [each.artifact_pk for each in (*judged.new, *judged.lifted)])
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
