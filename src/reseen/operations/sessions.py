"""Ending sessions that are open elsewhere: one's own, or those of somebody else. Each time that one
ended is a line of the audit log."""

from __future__ import annotations

from reseen.errors import Conflict
from reseen.review import sessions, users
from reseen.review.roles import Who
from reseen.review.sessions import Session
from reseen.store import audit
from reseen.store.database import Store


def end_own(store: Store, session: Session, id: str) -> None:
    """End one of one's own sessions. Raises Conflict when it has ended already."""
    who = session.who
    with store.write() as connection:
        if not sessions.end_one(connection, who.pk, id):
            raise Conflict("this session has ended already", remedy="Load the page again.")
        audit.write(connection, "session-ended", f"user:{who.name}", actor=who.actor, sessions=1)


def end_others(store: Store, session: Session) -> int:
    """End all of one's own sessions but the one that asks; how many there were."""
    who = session.who
    with store.write() as connection:
        ended = sessions.end_all(connection, who.pk, but=session)
        if ended:
            audit.write(
                connection, "session-ended", f"user:{who.name}", actor=who.actor, sessions=ended
            )
        return ended


def end_of(store: Store, user: str | int, by: Who | None = None) -> int:
    """End all sessions of a user, who may sign in again; how many there were. `user`: a name or a
    number; `by`: an administrator, or None at the command line. Raises NotFound."""
    with store.write() as connection:
        found = users.named(connection, user)
        ended = users.end_sign_ins(connection, found.pk)
        if ended:
            audit.write(
                connection,
                "session-ended",
                f"user:{found.name}",
                actor=None if by is None else by.actor,
                sessions=ended,
            )
        return ended
