"""Finds and keeps sessions: who is signed in. What comes in: the token of a browser. What goes out:
`Session`.

A token is 256 random bits; the store keeps its SHA-256. Of the browser its kind is kept, and no
address: whoever holds the database should not learn from where people work. A session ends after
`IDLE` without a request, and `WHOLE` after it began; signing out, a new password and disabling the
user end it at once, and the role is looked up with every request.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, exists, select, update

from reseen.errors import AccessError, StoreError
from reseen.observed.artifacts import instant
from reseen.review.roles import Role, Who
from reseen.store.database import Store, now
from reseen.store.service_schema import sessions, users
from reseen.store.sign_in_schema import factor_roles, second_factors

IDLE = 2 * 3600 * 1_000_000
WHOLE = 12 * 3600 * 1_000_000
FRESH = 15 * 60 * 1_000_000
"""For so long after somebody proved who they are, what matters most may be done without asking
again; a form that was shown within it is taken for twice as long."""
_NOTED = 5 * 60 * 1_000_000
"""A session's last request is noted this exactly: a page view is not a write."""
_TOKEN = 43


PASSWORD, ISSUER = "password", "issuer"
"""How a session began."""


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that a person signed in with."""

    who: Who
    token: str = field(repr=False)
    how: str = PASSWORD
    confirmed_at: int | None = None
    """When the person last proved who they are, beyond holding the session."""
    has_factor: bool = False
    """Whether they have a second factor."""
    must_set_up: bool = False
    """Whether their role needs one, and they have none."""

    def fresh(self, *, for_long: int = FRESH) -> bool:
        """Whether they have proved who they are lately."""
        return self.confirmed_at is not None and self.confirmed_at > now() - for_long


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its owner, and an administrator, sees it."""

    id: str
    """Tells it from others, and opens nothing."""
    began_at: datetime
    seen_at: datetime
    """At most some minutes before its last request."""
    browser: str
    how: str


def begin(
    connection: Connection,
    who: Who,
    *,
    browser: str = "",
    how: str = PASSWORD,
    confirmed_at: int | None = None,
) -> Session:
    """A new session; sessions that are over go. `browser`: its kind, in a few words;
    `confirmed_at`: when a second factor was given."""
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
                "browser": browser[:40] or None,
                "how": how,
                "confirmed_at": confirmed_at,
            }
        ],
    )
    return Session(who, token, how, confirmed_at)


def find(store: Store, token: str | None) -> Session | None:
    """The session of this token; None for one that is unknown, over, or of a disabled user."""
    if token is None or len(token) != _TOKEN or not token.isascii():
        return None
    at = now()
    kept = _kept(token)
    query = (
        select(
            sessions.c.seen_at,
            sessions.c.how,
            sessions.c.confirmed_at,
            users.c.pk,
            users.c.name,
            users.c.role,
            users.c.issuer,
            exists().where(second_factors.c.user_pk == users.c.pk).label("has_factor"),
            exists().where(factor_roles.c.role == users.c.role).label("needs_factor"),
        )
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
    has_one = bool(row.has_factor)
    return Session(
        Who(row.pk, row.name, Role.of(row.role)),
        token,
        row.how or PASSWORD,
        row.confirmed_at,
        has_factor=has_one,
        must_set_up=bool(row.needs_factor) and not has_one and row.issuer is None,
    )


def confirm(connection: Connection, session: Session) -> None:
    """The holder has proved again who they are."""
    kept = _kept(session.token)
    connection.execute(update(sessions).where(sessions.c.token == kept).values(confirmed_at=now()))


def must_be_fresh(session: Session) -> None:
    """Raise AccessError unless the holder has proved lately who they are."""
    if not session.fresh(for_long=2 * FRESH):
        raise AccessError(
            "you have not proved lately that it is you",
            remedy="Do that on your own page, under Second factor; then come back.",
        )


def open_of(connection: Connection, user_pk: int) -> list[OpenSession]:
    """The sessions of a user that are not over, the last used first."""
    s, at = sessions.c, now()
    query = (
        select(sessions)
        .where(s.user_pk == user_pk, s.ends_at > at, s.seen_at > at - IDLE)
        .order_by(s.seen_at.desc(), s.created_at.desc())
    )
    return [
        OpenSession(
            _id(row.token),
            instant(row.created_at),
            instant(row.seen_at),
            row.browser or "a browser of an unknown kind",
            row.how or PASSWORD,
        )
        for row in connection.execute(query)
    ]


def id_of(session: Session) -> str:
    """As in `OpenSession`."""
    return _id(_kept(session.token))


def end_one(connection: Connection, user_pk: int, id: str) -> bool:
    """End the session of this id, if the user has it; whether there was one."""
    query = select(sessions.c.token).where(sessions.c.user_pk == user_pk)
    for token in connection.scalars(query).all():
        if _id(token) == id:  # it opens nothing: no secret to compare slowly
            connection.execute(delete(sessions).where(sessions.c.token == token))
            return True
    return False


def end_all(connection: Connection, user_pk: int, but: Session | None = None) -> int:
    """End the sessions of a user, but for one; how many there were."""
    where = sessions.c.user_pk == user_pk
    if but is not None:
        where &= sessions.c.token != _kept(but.token)
    return connection.execute(delete(sessions).where(where)).rowcount


def end(connection: Connection, session: Session) -> None:
    connection.execute(delete(sessions).where(sessions.c.token == _kept(session.token)))


def _id(kept: bytes) -> str:
    return hashlib.sha256(b"session " + bytes(kept)).hexdigest()[:16]


def _kept(token: str) -> bytes:
    return hashlib.sha256(token.encode("ascii")).digest()
