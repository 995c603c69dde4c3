"""Withdrawals: a notice that was sent, taken back as a whole, with a reason that the host is told.

What comes in: a write transaction, who acts, the reason. What goes out: what the host must be told
(`NoticeWithdrawal`), and the step by which the notice stands as withdrawn. What it held is free for
another notice then. Nothing is sent from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from reseen.errors import Conflict
from reseen.review import clauses, notice_read, notice_states, notice_write
from reseen.review.notice import Notice
from reseen.review.notice_states import NoticeState, NoticeStep
from reseen.review.roles import Role, Who
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class NoticeWithdrawal:
    """What a host is told when a notice is taken back."""

    notice: Notice
    reason: str
    """In words that go out."""
    sent_at: int
    """When the notice was noted as sent the last time."""


def ready(
    connection: Connection, keyring: Keyring | None, row: Row[Any], who: Who, reason: str
) -> NoticeWithdrawal:
    """What the host would be told. Raises AccessError; Conflict where nothing was sent that could
    be taken back; InputError for a reason that cannot go out, for instance because it holds a
    sealed name; SealError without the key."""
    who.must_be(Role.LEAD)
    notice_states.check(NoticeState(row.state), NoticeState.WITHDRAWN)
    notice = notice_read.by_id(connection, keyring, row.id)
    if notice.sent_at is None:
        raise Conflict(
            "this notice was not sent: there is nothing to take back",
            remedy="Discard the draft.",
        )
    told = clauses.checked_reason(reason)
    if keyring is None:
        raise notice_write.no_key()
    clauses.must_not_name(told, notice_write.sealed_names(connection, keyring, row.pk))
    return NoticeWithdrawal(notice, told, notice.sent_at)


def withdraw(
    connection: Connection,
    keyring: Keyring | None,
    row: Row[Any],
    who: Who,
    made: NoticeWithdrawal,
    how: str | None,
) -> None:
    """It was sent: the notice is withdrawn. The reason stands in the step, sealed."""
    step = NoticeStep(NoticeState.WITHDRAWN, how=how, note=made.reason)
    notice_write.append(connection, keyring, row, who, step)
