"""Whose a case is: a lead gives it to a colleague, a reviewer takes it. It says who should look,
and keeps nobody from deciding: that is a claim's. What is of a colleague who cannot decide (any
more) is nobody's, for as long as that is so.

What comes in: cases and a colleague. What goes out: rows that say whose they are, and a line of the
log for each that changed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from reseen.errors import AccessError, InputError
from reseen.review import cases, users
from reseen.review.roles import Role, Who
from reseen.store import audit
from reseen.store.database import chunks, now, upsert
from reseen.store.queue_schema import assignments as table
from reseen.store.service_schema import users as users_table

MOST = 500
"""Cases that are given in one go."""
_ABLE = [role.label for role in Role if role >= Role.REVIEWER]


def colleagues(connection: Connection) -> list[str]:
    """Who may decide, by name."""
    return [user.name for user in users.every(connection) if _able(user)]


def standing(*columns: ColumnElement[Any]) -> Select[Any]:
    """The assignments that hold: the case of each, and these columns of it and of its colleague."""
    return (
        select(table.c.case_pk, *columns)
        .join(users_table, users_table.c.pk == table.c.user_pk)
        .where(users_table.c.disabled_at.is_(None), users_table.c.role.in_(_ABLE))
    )


def _able(user: users.User) -> bool:
    return user.disabled_at is None and user.role >= Role.REVIEWER


def assign(
    connection: Connection, case_ids: Collection[str], to: str | None, who: Who
) -> tuple[str, ...]:
    """Make these cases a colleague's, by name, or nobody's; the ids of those that changed. A
    reviewer takes what is nobody's, and gives back what is theirs; a lead gives anything to
    anybody who may decide.

    Raises AccessError, NotFound, InputError (no case, too many, or a colleague who cannot decide).
    """
    who.must_be(Role.REVIEWER)
    if not 0 < len(case_ids) <= MOST:
        raise InputError(
            f"{len(case_ids):,} cases cannot be assigned at once",
            remedy=f"Tick at least one, and at most {MOST:,}.",
        )
    colleague = None if to is None else users.by_name(connection, to)
    if colleague is not None and not _able(colleague):
        raise InputError("this colleague cannot decide cases", remedy="Choose a reviewer.")
    owner = None if colleague is None else colleague.pk
    rows = cases.rows(connection, case_ids)
    was = _owners(connection, [row.pk for row in rows])
    changed = [row for row in rows if was.get(row.pk) != owner]
    if who.role < Role.LEAD:
        theirs = any(was.get(row.pk) not in (None, who.pk) for row in changed)
        if theirs or owner not in (None, who.pk):
            raise AccessError(
                "assigning cases to others, or from others, needs the role lead",
                remedy="Take what is nobody's, or ask a lead.",
            )
    at = now()
    pks = [row.pk for row in changed]
    if owner is None:
        for chunk in chunks(pks):
            connection.execute(table.delete().where(table.c.case_pk.in_(chunk)))
    else:
        new = [{"case_pk": pk, "user_pk": owner, "by_pk": who.pk, "at": at} for pk in pks]
        if new:
            upsert(
                connection,
                table,
                new,
                key=("case_pk",),
                update=("user_pk", "by_pk", "at"),
            )
    told = {"to": None if colleague is None else colleague.who.actor}
    audit.append(connection, [audit.Act("assign", row.id, who.actor, told) for row in changed])
    return tuple(row.id for row in changed)


def _owners(connection: Connection, case_pks: Collection[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for chunk in chunks(case_pks):
        query = standing(table.c.user_pk).where(table.c.case_pk.in_(chunk))
        rows = connection.execute(query)
        found.update(dict(rows.all()))
    return found
