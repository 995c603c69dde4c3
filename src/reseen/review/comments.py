"""What reviewers write beside a case: sealed (it can hold a name), bounded, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from reseen.observed.artifacts import instant
from reseen.review import cases, sealed_text
from reseen.review.roles import Role, Who
from reseen.store import audit
from reseen.store.database import now, reserve
from reseen.store.sealing import Keyring
from reseen.store.service_schema import comments as table
from reseen.store.service_schema import users


@dataclass(frozen=True, slots=True, repr=False)
class Comment:
    """One comment."""

    at: datetime
    by: str
    text: str | None
    """None where the key is not here."""


def comment(
    connection: Connection,
    keyring: Keyring | None,
    case_id: str,
    who: Who,
    text: str,
    *,
    at: int | None = None,
) -> None:
    """Append a comment. Raises AccessError, InputError, NotFound, SealError."""
    who.must_be(Role.REVIEWER)
    text = sealed_text.written(text, "comment")
    row = cases.row(connection, case_id)
    (pk,) = reserve(connection, table, 1)
    sealed = sealed_text.seal(keyring, text, row.id)
    new = audit.Appended(table, [(pk, row.pk, now() if at is None else at, who.pk, sealed)])
    audit.append(connection, [audit.Act("comment", row.id, who.actor, {}, [new])])


def of_case(connection: Connection, keyring: Keyring | None, case_id: str) -> tuple[Comment, ...]:
    """All of a case, oldest first. Raises NotFound."""
    row = cases.row(connection, case_id)
    query = (
        select(table.c.at, users.c.name, table.c.sealed)
        .join(users, users.c.pk == table.c.user_pk)
        .where(table.c.case_pk == row.pk)
        .order_by(table.c.pk)
    )
    return tuple(
        Comment(instant(at), name, sealed_text.opened(keyring, sealed, row.id))
        for at, name, sealed in connection.execute(query)
    )
