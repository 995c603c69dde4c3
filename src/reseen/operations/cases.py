"""What people do about cases, and what follows: notices that hold what is decided otherwise now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from sqlalchemy import Connection

from reseen.errors import StoreError
from reseen.records import Names
from reseen.review import (
    assignments,
    batch_decisions,
    cases,
    claims,
    comments,
    notice_updates,
    sample_views,
    saved_filters,
)
from reseen.review import decide as decisions
from reseen.review import reveal as revealing
from reseen.review.case_filter import CaseFilter
from reseen.review.claims import CaseClaim
from reseen.review.decide import DecidedBy, Decision, ShownCase
from reseen.review.roles import Who
from reseen.review.verdicts import Verdict
from reseen.store.database import Store
from reseen.store.sealing import Keyring


def decide(
    store: Store, keyring: Keyring | None, shown: ShownCase, verdict: Verdict, by: DecidedBy
) -> Decision:
    """Decide a case as it was shown. Raises AccessError, NotFound, InputError (no reason), Conflict
    (it changed, or somebody else holds it) and SealError without a key."""
    with store.write() as connection:
        made = decisions.decide(connection, keyring, shown, verdict, by)
        _settle(connection)
    return made


def undo(store: Store, keyring: Keyring | None, shown: ShownCase, by: DecidedBy) -> Decision:
    """Take back what was decided last; drafts of notices lose what is no longer confirmed."""
    with store.write() as connection:
        made = decisions.undo(connection, keyring, shown, by)
        _settle(connection)
    return made


def decide_together(
    store: Store,
    keyring: Keyring | None,
    shown: batch_decisions.ShownCases,
    verdict: Verdict,
    by: DecidedBy,
) -> batch_decisions.BatchOutcome:
    """Decide many cases at once. To be confirmed together, each must have been read by us and be
    the removed file's, or have been opened by whoever confirms; the others are left."""
    with store.write() as connection:
        outcome = batch_decisions.decide_together(
            connection,
            keyring,
            shown,
            verdict,
            by,
            opened=sample_views.looked_at(connection, shown.versions, by.who),
        )
        _settle(connection)
    return outcome


def undo_together(
    store: Store, keyring: Keyring | None, batch: str, by: DecidedBy
) -> batch_decisions.BatchOutcome:
    """Take back what was decided together."""
    with store.write() as connection:
        outcome = batch_decisions.undo_together(connection, keyring, batch, by)
        _settle(connection)
    return outcome


def claim_next(
    store: Store, which: CaseFilter, who: Who, *, exclude: str | None = None
) -> CaseClaim | None:
    """Hold the next case of this filter; None where there is none. What scans touched since is put
    first. `exclude`: the case that one just left. Raises AccessError, StoreError."""
    with store.read() as connection:
        due = cases.is_due(connection)
    if due:
        # Whoever gets no turn to write takes the next of those that are there.
        with suppress(StoreError), store.write() as connection:
            cases.put(connection, store.secret)
    with store.write() as connection:
        return claims.claim_next(connection, which, who, exclude=exclude)


def claim(store: Store, case: str, who: Who, *, take_over: bool = False) -> CaseClaim:
    """Hold a case; a lead may take it over from somebody else."""
    with store.write() as connection:
        if take_over:
            return claims.take_over(connection, case, who)
        return claims.claim(connection, case, who)


def release(store: Store, case: str, who: Who) -> bool:
    """Let go of a case; False where `who` did not hold it."""
    with store.write() as connection:
        return claims.release(connection, case, who)


def comment(store: Store, keyring: Keyring | None, case: str, who: Who, text: str) -> None:
    """Write something for those who look at it next; it is sealed."""
    with store.write() as connection:
        comments.comment(connection, keyring, case, who, text)


def reveal(store: Store, keyring: Keyring | None, case: str, who: Who) -> Names:
    """What is sealed of the case's removal, in clear; recorded."""
    with store.write() as connection:
        return revealing.reveal(connection, keyring, case, who)


def reveal_removal(
    store: Store, keyring: Keyring | None, removal: str, who: Who
) -> revealing.RevealedRemoval:
    """What is sealed of a removal, in clear; recorded."""
    with store.write() as connection:
        return revealing.reveal_removal(connection, keyring, removal, who)


def assign(store: Store, case_ids: Collection[str], to: str | None, who: Who) -> tuple[str, ...]:
    """Make cases a colleague's, by name, or nobody's; the ids of those that changed. A reviewer
    takes and gives back, a lead gives anything to anybody. A claim stays what it is. Raises
    AccessError, NotFound, InputError."""
    with store.write() as connection:
        return assignments.assign(connection, case_ids, to, who)


def save_filter(
    store: Store, name: str, values: Mapping[str, str], who: Who, *, shared: bool
) -> str:
    """Keep a filter of the queue under a name, for oneself or the team; its id. Raises AccessError,
    InputError."""
    with store.write() as connection:
        return saved_filters.save(connection, name, values, shared, who)


def delete_filter(store: Store, id: str, who: Who) -> None:
    """Take a filter with a name away. Raises AccessError, NotFound."""
    with store.write() as connection:
        saved_filters.delete(connection, id, who)


def look(store: Store, case: str, who: Who) -> None:
    """A case was opened: it counts before many are confirmed together."""
    with store.write() as connection:
        sample_views.look(connection, case, who)


def _settle(connection: Connection) -> None:
    if notice_updates.is_due(connection):
        notice_updates.settle(connection)
