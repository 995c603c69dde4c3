"""Files of one account are put together, two at a time, and what they come to is recorded.

What comes in: up to which change of the registry that was done. What goes out: new sightings, one
for each of two files that add up to a removal; and those fall that are not found any more, because
one of the two is of the class that is never read by now, or is the removal by itself. It is
compared while nobody waits, and written an account at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from reseen.match import evidence, kept_pairs
from reseen.match.judge import judge_parts
from reseen.observed import sightings, walks
from reseen.records import Evidence
from reseen.registry import removals
from reseen.store import change_log
from reseen.store.database import Store

if TYPE_CHECKING:
    from reseen.match.kept_pairs import Pair
    from reseen.match.past_pairs import AddedUp


@dataclass(frozen=True, slots=True)
class PutTogether:
    """What came of it."""

    new: tuple[str, ...]
    """Ids of new sightings."""
    left_out: int
    """Files and pairs beyond what is looked at."""
    fallen: int
    """Sightings that this supports no more."""


def put_together(store: Store, after: int) -> PutTogether:
    """Put new files together, for all removals; and pairs that are known to be opposed, for what
    changed after this change (-1: nothing was compared yet) and where one of their files stands
    otherwise than before. Raises StoreError."""
    from reseen.match import past_pairs  # numpy, which few need

    new, fallen = _known_pairs(store, after) if after >= 0 else ([], 0)
    left_out = 0
    with store.read() as connection:
        accounts = past_pairs.accounts(connection)
    for account, fresh in sorted(accounts.items()):
        with store.read() as connection:
            looked = past_pairs.opposed_in(connection, account, fresh)
            now = kept_pairs.standing(connection, looked.pairs)
            found = [*past_pairs.added_up(connection, looked.pairs)]
        left_out += looked.left_out
        with store.write() as connection:
            new += _keep(connection, store.secret, found)
            kept_pairs.keep(connection, looked.files, looked.waiting, looked.pairs, now)
    return PutTogether(tuple(new), left_out, fallen)


def _known_pairs(store: Store, after: int) -> tuple[list[str], int]:
    """Compare known pairs again; ids of new sightings, and how many fell."""
    with store.read() as connection:
        pairs = kept_pairs.pairs_of(connection)
        if not pairs:
            return [], 0
        pks = change_log.removals_since(connection, after)
        changed = None if pks is None else removals.ids_of(connection, pks)
        now = kept_pairs.standing(connection, pairs)
        moved = kept_pairs.files_of(kept_pairs.moved(connection, pairs, now))
        found, stale = _compared(connection, pairs, kept_pairs.files_of(pairs), changed)
        # All pairs of these files: what one of them adds up to may rest on a third.
        theirs = [pair for pair in pairs if not moved.isdisjoint(pair)]
        again, gone = _compared(connection, theirs, moved, None)
    found += again
    stale = (stale | gone) - {(pk, one.removal) for one in found for pk in one.pair}
    with store.write() as connection:
        new = _keep(connection, store.secret, found, stale)
        kept_pairs.keep_standing(connection, now)
    return new, len(stale)


def _compared(
    connection: Connection,
    pairs: Sequence[Pair],
    files: Collection[int],
    only: Collection[str] | None,
) -> tuple[list[AddedUp], set[tuple[int, str]]]:
    """What these pairs add up to of these removals, and what stood before of these files, of which
    all pairs are here."""
    from reseen.match import past_pairs

    if not pairs or (only is not None and not only):
        return [], set()
    stood = past_pairs.said_to_add_up(connection, files, only)
    return [*past_pairs.added_up(connection, pairs, only)], stood


def _keep(
    connection: Connection,
    secret: bytes,
    found: Sequence[AddedUp],
    stale: Collection[tuple[int, str]] = (),
) -> list[str]:
    """Record what two files add up to, for each of the two, and what is not so any more; ids of new
    sightings."""
    names = {one.removal for one in found} | {removal for _, removal in stale}
    pks = removals.pks_of(connection, names)
    wanted = {(pks[one.removal], pk) for one in found for pk in one.pair}
    ids = sightings.ids_for(connection, secret, wanted)
    pairs: dict[tuple[int, int], tuple[Evidence, ...]] = {}
    for one in found:
        removal = pks[one.removal]
        for mine, other in (one.pair, one.pair[::-1]):
            theirs = ids[removal, other]
            why = evidence.sum_of_two(one.comparison, one.joint.how, theirs, one.sketch)
            pairs.setdefault((mine, removal), (why,))
    fallen = {(pk, pks[removal]) for pk, removal in stale}
    judged = judge_parts(connection, secret, pairs, fallen, evidence.SUM)
    walks.reopen(connection, [each.artifact_pk for each in (*judged.new, *judged.lifted)])
    return [each.id for each in judged.new if each.rung.on_ladder]
