"""Finds and keeps sessions: who is signed in. What comes in: the token of a browser. What goes out:
`Session`.

A token is 256 random bits; the store keeps its SHA-256. A session ends after `IDLE` without a
request, and `WHOLE` after it began; signing out, a new password and disabling the user end it at
once, and the role is looked up with every request.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select, update

from reseen.errors import StoreError
from reseen.review.roles import Role, Who
from reseen.store.database import Store, now
from reseen.store.service_schema import sessions, users

IDLE = 2 * 3600 * 1_000_000
WHOLE = 12 * 3600 * 1_000_000
_NOTED = 5 * 60 * 1_000_000
"""A session's last request is noted this exactly: a page view is not a write."""
_TOKEN = 43


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that a person signed in with."""

    who: Who
    token: str = field(repr=False)


def begin(connection: Connection, who: Who) -> Session:
    """A new session; sessions that are over go."""
    at = now()
    token = secrets.token_urlsafe(32)
    connection.execute(
        delete(sessions).where((sessions.c.ends_at <= at) | (sessions.c.seen_at <= at - IDLE))
    )
    connection.execute(
        sessions.insert(),
        [
            {
                "token": _kept(token),
                "user_pk": who.pk,
                "created_at": at,
                "seen_at": at,
                "ends_at": at + WHOLE,
            }
        ],
    )
    return Session(who, token)


def find(store: Store, token: str | None) -> Session | None:
    """The session of this token; None for one that is unknown, over, or of a disabled user."""
    if token is None or len(token) != _TOKEN or not token.isascii():
        return None
    at = now()
    kept = _kept(token)
    query = (
        select(sessions.c.seen_at, users.c.pk, users.c.name, users.c.role)
        .join_from(sessions, users)
        .where(
            sessions.c.token == kept,
            sessions.c.ends_at > at,
            sessions.c.seen_at > at - IDLE,
            users.c.disabled_at.is_(None),
        )
    )
    with store.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    if row.seen_at < at - _NOTED:
        with suppress(StoreError), store.write() as connection:  # no reason to refuse the page
            connection.execute(update(sessions).where(sessions.c.token == kept).values(seen_at=at))
    return Session(Who(row.pk, row.name, Role.of(row.role)), token)


def end(connection: Connection, session: Session) -> None:
    connection.execute(delete(sessions).where(sessions.c.token == _kept(session.token)))


def _kept(token: str) -> bytes:
    return hashlib.sha256(token.encode("ascii")).digest()
