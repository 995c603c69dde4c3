"""How often one person may ask for what is sealed: revealing names, and searching by them or by
parts of digests.

What comes in: a connection and who asks. What goes out: nothing, or a Conflict. The lines of the
audit log are counted, so the bound is one for all workers, and no restart forgives.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from reseen.errors import Conflict
from reseen.review.roles import Who
from reseen.store import schema
from reseen.store.database import now

REVEAL, SEARCH = "reveal", "search"
"""The actions that are counted, together."""
_HOUR = 3600 * 1_000_000
BOUNDS = ((_HOUR, 120, "an hour"), (24 * _HOUR, 600, "a day"))
"""Within so many microseconds, so many at most."""


def check(connection: Connection, who: Who) -> None:
    """Raise Conflict where this person has asked too often. In the transaction that then writes the
    line, nobody gets one more by asking twice at once."""
    a = schema.audit.c
    at = now()
    for window, most, words in BOUNDS:
        query = select(func.count()).where(
            a.actor == who.actor, a.at >= at - window, a.action.in_((REVEAL, SEARCH))
        )
        if int(connection.scalar(query) or 0) >= most:
            raise Conflict(
                f"one person may ask for names {most} times within {words}, and did",
                remedy="Go on without names, or come back later.",
            )
