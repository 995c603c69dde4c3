"""The states of a notice: which may follow which, and how long each may last.

What comes in: where a notice stands. What goes out: what may come next, and by when somebody
should look at it again. Data and two functions; the rules are here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reseen.errors import Conflict, InputError

HOUR = 3_600_000_000
"""In microseconds, the store's unit of time."""
LONGEST = 24 * 365
"""Hours that a clock may be set to."""


class NoticeState(StrEnum):
    """Where a notice stands. The store keeps the word."""

    DRAFTED = "drafted"
    """Being put together; nothing has been sent."""
    SENT = "sent"
    """A person handed it to the host."""
    ACKNOWLEDGED = "acknowledged"
    """The host says that it has it."""
    GONE = "gone"
    """Nothing of it stands there any more."""
    REFUSED = "refused"
    """The host says no."""
    RESEEN = "re-seen"
    """It was gone, and is there again."""
    WITHDRAWN = "withdrawn"
    """We took it back, and told the host so."""


@dataclass(frozen=True, slots=True)
class NoticeStep:
    """A step into a state, and what is said of it."""

    state: NoticeState
    version: int | None = None
    """Of the notice as the person saw it."""
    how: str | None = None
    note: str = ""
    """Sealed."""
    hours: int | None = None
    """Of its clock."""
    other_text: str = ""
    """What was sent by hand, where that was not our text."""


MAY_FOLLOW: dict[NoticeState, frozenset[NoticeState]] = {
    NoticeState.DRAFTED: frozenset({NoticeState.SENT, NoticeState.GONE}),
    NoticeState.SENT: frozenset(
        {NoticeState.SENT, NoticeState.ACKNOWLEDGED, NoticeState.REFUSED, NoticeState.GONE}
        | {NoticeState.WITHDRAWN}
    ),
    NoticeState.ACKNOWLEDGED: frozenset(
        {NoticeState.SENT, NoticeState.REFUSED, NoticeState.GONE, NoticeState.WITHDRAWN}
    ),
    NoticeState.REFUSED: frozenset(
        {NoticeState.SENT, NoticeState.ACKNOWLEDGED, NoticeState.GONE, NoticeState.WITHDRAWN}
    ),
    NoticeState.GONE: frozenset({NoticeState.RESEEN, NoticeState.WITHDRAWN}),
    NoticeState.RESEEN: frozenset(
        {NoticeState.SENT, NoticeState.ACKNOWLEDGED, NoticeState.REFUSED, NoticeState.GONE}
        | {NoticeState.WITHDRAWN}
    ),
    NoticeState.WITHDRAWN: frozenset(),
}
"""What may come next. Sent again is a reminder, or an answer to a refusal. After a withdrawal
comes nothing: what is confirmed since is another notice."""

HOURS: dict[NoticeState, int | None] = {
    NoticeState.DRAFTED: 24,
    NoticeState.SENT: 48,
    NoticeState.ACKNOWLEDGED: 168,
    NoticeState.GONE: None,
    NoticeState.REFUSED: 336,
    NoticeState.RESEEN: 24,
    NoticeState.WITHDRAWN: None,
}
"""Hours until somebody should look again, where the person who makes the step names no others.
48 hours is the duty of many platforms. What is gone needs nobody: rechecks go on watching it."""

CLOSED = frozenset({NoticeState.GONE, NoticeState.WITHDRAWN})
"""States in which nothing is asked of the host: what it held may be in another notice."""
CLOSED_WORDS = tuple(sorted(state.value for state in CLOSED))
"""The same, as the store has them."""
CHANGEABLE = frozenset({NoticeState.DRAFTED, NoticeState.RESEEN})
"""States in which sightings can still be added: what comes next is a sending."""


def check(now: NoticeState, wanted: NoticeState) -> None:
    """Raise Conflict unless `wanted` may follow `now`."""
    if wanted not in MAY_FOLLOW[now]:
        raise Conflict(
            f"a notice that is {now.value} cannot become {wanted.value}",
            remedy="Look at the notice again: somebody may have been there before you.",
        )


def due(state: NoticeState, at: int, hours: int | None = None) -> int | None:
    """When a notice that came into this state at `at` should be looked at again; None: never.
    Raises InputError for hours that no clock has."""
    if hours is None:
        hours = HOURS[state]
    elif not 1 <= hours <= LONGEST:
        raise InputError(
            "a clock runs for at least 1 hour and at most a year", remedy="Give 1 to 8760 hours."
        )
    return None if hours is None or HOURS[state] is None else at + hours * HOUR
