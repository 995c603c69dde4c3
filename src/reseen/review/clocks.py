"""The states of a notice: which may follow which, and how long each may last.

What comes in: where a notice stands. What goes out: what may come next, and by when somebody
should look at it again. Data and two functions; the rules are here and nowhere else.
"""

from __future__ import annotations

from enum import StrEnum

from reseen.errors import Conflict, InputError

HOUR = 3_600_000_000
"""In microseconds, the store's unit of time."""
LONGEST = 24 * 365
"""Hours that a clock may be set to."""


class State(StrEnum):
    """Where a notice stands. The store keeps the word."""

    DRAFTED = "drafted"
    """Being put together; nothing has left the house."""
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


MAY_FOLLOW: dict[State, frozenset[State]] = {
    State.DRAFTED: frozenset({State.SENT, State.GONE}),
    State.SENT: frozenset({State.SENT, State.ACKNOWLEDGED, State.REFUSED, State.GONE}),
    State.ACKNOWLEDGED: frozenset({State.SENT, State.REFUSED, State.GONE}),
    State.REFUSED: frozenset({State.SENT, State.ACKNOWLEDGED, State.GONE}),
    State.GONE: frozenset({State.RESEEN}),
    State.RESEEN: frozenset({State.SENT, State.ACKNOWLEDGED, State.REFUSED, State.GONE}),
}
"""What may come next. Sent again is a reminder, or an answer to a refusal."""

HOURS: dict[State, int | None] = {
    State.DRAFTED: 24,
    State.SENT: 48,
    State.ACKNOWLEDGED: 168,
    State.GONE: None,
    State.REFUSED: 336,
    State.RESEEN: 24,
}
"""Hours until somebody should look again, where the person who makes the step names no others.
48 hours is the duty of many platforms. What is gone needs nobody: rechecks go on watching it."""

CHANGEABLE = frozenset({State.DRAFTED, State.RESEEN})
"""States in which sightings can still be added: what comes next is a sending."""


def check(now: State, wanted: State) -> None:
    """Raise Conflict unless `wanted` may follow `now`."""
    if wanted not in MAY_FOLLOW[now]:
        raise Conflict(
            f"a notice that is {now.value} cannot become {wanted.value}",
            remedy="Look at the notice again: somebody may have been there before you.",
        )


def due(state: State, at: int, hours: int | None = None) -> int | None:
    """When a notice that came into this state at `at` should be looked at again; None: never.
    Raises InputError for hours that no clock has."""
    if hours is None:
        hours = HOURS[state]
    elif not 1 <= hours <= LONGEST:
        raise InputError(
            "a clock runs for at least 1 hour and at most a year", remedy="Give 1 to 8760 hours."
        )
    return None if hours is None or HOURS[state] is None else at + hours * HOUR
