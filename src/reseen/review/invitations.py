"""One-time links by which a person comes in for the first time, and chooses a password.

What comes in: a user, or nobody yet (the first administrator). What goes out: a token of 256 random
bits, of which the store keeps its SHA-256. A link opens nothing once it was used, once another was
made for the same person, after `LASTS`, and while that person is disabled; that of the first
administrator opens nothing as soon as there is any user.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from reseen.errors import NotFound
from reseen.observed.artifacts import instant
from reseen.review import users
from reseen.review.users import User
from reseen.store.database import now
from reseen.store.service_schema import invitations as table

LASTS = 72 * 3600 * 1_000_000
_TOKEN = 43


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that may be used."""

    user: User | None
    """Who it is for; None: the first administrator, who has no name yet."""
    ends_at: datetime


def make(connection: Connection, user: User | None) -> str:
    """A new token; the one before it opens nothing any more."""
    token, at = secrets.token_urlsafe(32), now()
    end(connection, None if user is None else user.pk)
    connection.execute(delete(table).where(table.c.ends_at <= at))
    connection.execute(
        table.insert(),
        [
            {
                "token": _kept(token),
                "user_pk": None if user is None else user.pk,
                "made_at": at,
                "ends_at": at + LASTS,
            }
        ],
    )
    return token


def find(connection: Connection, token: str) -> Invitation:
    """Raises NotFound for a token that opens nothing."""
    nothing = NotFound(
        "this link leads nowhere any more: it was used, renewed, or is more than three days old",
        remedy="Ask an administrator for a new one.",
    )
    if len(token) != _TOKEN or not token.isascii():
        raise nothing
    query = select(table).where(table.c.token == _kept(token), table.c.ends_at > now())
    row = connection.execute(query).one_or_none()
    if row is None:
        raise nothing
    if row.user_pk is None:
        if users.any_at_all(connection):
            raise nothing
        return Invitation(None, instant(row.ends_at))
    user = users.by_pk(connection, row.user_pk)
    if user.disabled_at is not None:
        raise nothing
    return Invitation(user, instant(row.ends_at))


def end(connection: Connection, user_pk: int | None) -> None:
    """The link of this user opens nothing any more; None: that of the first administrator."""
    same = table.c.user_pk.is_(None) if user_pk is None else table.c.user_pk == user_pk
    connection.execute(delete(table).where(same))


def open_ones(connection: Connection) -> dict[int, datetime]:
    """When the links that may still be used end, by their users' pks."""
    query = select(table.c.user_pk, table.c.ends_at)
    rows = connection.execute(query.where(table.c.user_pk.is_not(None), table.c.ends_at > now()))
    return {row.user_pk: instant(row.ends_at) for row in rows}


def _kept(token: str) -> bytes:
    return hashlib.sha256(token.encode("ascii")).digest()
