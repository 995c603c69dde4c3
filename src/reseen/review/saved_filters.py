"""Filters of the queue that have a name, one's own or the whole team's.

What comes in: a name, and a filter as an address has it. What goes out: the same again. What was
typed to find one case (`text`) is never kept, and the log tells of a filter by its id alone: its
name is a person's words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, or_, select

from reseen.errors import AccessError, InputError, NotFound
from reseen.review import sealed_text
from reseen.review.case_filter import CaseFilter
from reseen.review.queue_groups import grouped
from reseen.review.roles import Role, Who
from reseen.store import audit, ids
from reseen.store.database import now
from reseen.store.queue_schema import saved_filters as table
from reseen.store.service_schema import users

MOST = 50
"""Of one person."""
LONGEST = 60
"""Characters of a name."""


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """A filter with a name."""

    id: str
    name: str
    by: str
    """Whose it is."""
    shared: bool
    """The whole team sees it."""
    values: Mapping[str, str]
    """Of the queue's address."""
    may_change: bool
    """Whoever looks may change it or take it away."""


def seen_by(connection: Connection, who: Who) -> tuple[SavedFilter, ...]:
    """One's own and the team's, by name."""
    query = (
        select(table, users.c.name.label("by"))
        .join(users, users.c.pk == table.c.user_pk)
        .where(or_(table.c.user_pk == who.pk, table.c.shared == 1))
        .order_by(func.lower(table.c.name), table.c.pk)
    )
    return tuple(
        SavedFilter(
            row.id,
            row.name,
            row.by,
            bool(row.shared),
            kept_of(json.loads(row.filter)),
            may_change=_may(who, row.user_pk),
        )
        for row in connection.execute(query)
    )


def save(
    connection: Connection, name: str, values: Mapping[str, str], shared: bool, who: Who
) -> str:
    """Keep a filter under a name: again under the same name, it is changed. Its id. Raises
    AccessError, InputError."""
    who.must_be(Role.REVIEWER)
    name = " ".join(name.split())
    if not name or len(name) > LONGEST or not name.isprintable():
        raise InputError(
            "this is no name for a filter", remedy=f"Write up to {LONGEST} characters."
        )
    new = {"shared": int(shared), "filter": json.dumps(kept_of(values)), "at": now()}
    mine = (table.c.user_pk == who.pk, table.c.name == name)
    known: str | None = connection.scalar(select(table.c.id).where(*mine))
    if known is None:
        count = connection.scalar(
            select(func.count()).select_from(table).where(table.c.user_pk == who.pk)
        )
        if (count or 0) >= MOST:
            raise InputError(f"{MOST} filters of yours are kept already", remedy="Delete one.")
        known = sealed_text.new_id("sf")
        row = {"id": known, "name": name, "user_pk": who.pk, **new}
        connection.execute(table.insert(), [row])
    else:
        connection.execute(table.update().where(*mine).values(**new))
    audit.write(connection, "filter-saved", known, actor=who.actor, shared=int(shared))
    return known


def delete(connection: Connection, id: str, who: Who) -> None:
    """Take a filter away: one's own; a lead any of the team's. Raises AccessError, NotFound."""
    who.must_be(Role.REVIEWER)
    query = select(table.c.pk, table.c.id, table.c.user_pk, table.c.shared)
    row = connection.execute(query.where(table.c.id == ids.given(id))).one_or_none()
    if row is None or not (row.shared or row.user_pk == who.pk):
        raise NotFound.of("filter", id, "The queue shows those that there are.")
    if not _may(who, row.user_pk):
        raise AccessError("this filter is somebody else's", remedy="Ask them, or a lead.")
    connection.execute(table.delete().where(table.c.pk == row.pk))
    audit.write(connection, "filter-deleted", row.id, actor=who.actor)


def kept_of(values: Mapping[str, str]) -> dict[str, str]:
    """What is kept of an address: choices, and nothing that was typed to find one case."""
    which = replace(CaseFilter.parse(values), text=None, same=None)
    by = grouped(values.get("group", ""))
    return {**which.values(), **({} if by is None else {"group": by})}


def _may(who: Who, owner: int) -> bool:
    return who.pk == owner or who.role >= Role.LEAD
