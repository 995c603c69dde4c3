"""The lists that removals come from: which there are, and what each of them says.

What comes in: a connection. What goes out: lists with their counts, and parts of queries that ask
for a removal's first list or value. Nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select

from reseen.records import RemovalClass
from reseen.registry.claims import LISTED, stricter
from reseen.store import schema

_LONGEST_NAME = 200
"""Characters of a name that is looked for."""


def first_list() -> Any:
    """A column: the list of a removal's first claim in force (of a withdrawn one, of its first)."""
    c, lists, r = schema.claims.alias("first_claim"), schema.lists.alias("first"), schema.removals.c
    return (
        select(lists.c.name)
        .join(c, c.c.list_pk == lists.c.pk)
        .where(c.c.removal_pk == r.pk, c.c.source == LISTED)
        .order_by(c.c.in_force.desc(), c.c.pk)
        .limit(1)
        .scalar_subquery()
    )


def first_said(column: str) -> Any:
    """A column: the first value that a claim in force gives ("site", "removed_on")."""
    c, r = schema.claims.alias(f"first_{column}"), schema.removals.c
    return (
        select(c.c[column])
        .where(c.c.removal_pk == r.pk, c.c.source == LISTED, c.c[column].is_not(None))
        .order_by(c.c.in_force.desc(), c.c.pk)
        .limit(1)
        .scalar_subquery()
    )


def of_list(name: str) -> Any:
    """A query: the removals (by pk) of which a list says something that is in force."""
    c, lists = schema.claims.c, schema.lists.c
    query = select(c.removal_pk).join(schema.lists, lists.pk == c.list_pk)
    return query.where(lists.name == name, c.in_force == 1)


def few_of_list(connection: Connection, name: str, *, most: int) -> list[int] | None:
    """The same, looked up; None where there are more than `most`."""
    found = list(connection.scalars(of_list(name).distinct().limit(most + 1)))
    return found if len(found) <= most else None


@dataclass(frozen=True, slots=True)
class ListedRemovals:
    """A list, and how much of it counts."""

    number: int
    name: str
    removals: int
    """Of which it says something."""
    in_force: int
    """Of these, how many by a claim of it that is in force."""
    withdrawn: bool
    """As a whole."""
    entitled: bool
    """An administrator has said that it may say the class that is never read."""
    cls: RemovalClass | None = None
    """Of all its rows."""
    of_class: int = 0
    """Of the removals: how many are of the class that is never read, whoever says it."""


def every_list(connection: Connection) -> list[ListedRemovals]:
    """All lists, by name."""
    c, r, lists = schema.claims.c, schema.removals.c, schema.lists.c
    per = (
        select(c.list_pk, c.removal_pk, func.max(c.in_force).label("stands"))
        .where(c.source == LISTED)
        .group_by(c.list_pk, c.removal_pk)
        .subquery()
    )
    query = (
        select(lists.pk, lists.name, func.count(per.c.removal_pk), func.sum(per.c.stands),
               func.sum(case((r.cls >= RemovalClass.CHILD_ABUSE, 1), else_=0)),
               lists.withdrawn_at, lists.entitled, lists.cls.label("cls"))
        .outerjoin(per, per.c.list_pk == lists.pk)
        .outerjoin(schema.removals, r.pk == per.c.removal_pk)
        .group_by(lists.pk, lists.name, lists.withdrawn_at, lists.entitled, lists.cls)
        .order_by(lists.name)
    )  # fmt: skip
    return [
        ListedRemovals(
            pk,
            name,
            count,
            int(stands or 0),
            out is not None,
            bool(entitled),
            stricter(cls),
            int(of_class),
        )
        for pk, name, count, stands, of_class, out, entitled, cls in connection.execute(query)
    ]


def list_names(connection: Connection) -> list[str]:
    """The lists that there are, by name."""
    return list(connection.scalars(select(schema.lists.c.name).order_by(schema.lists.c.name)))


@dataclass(frozen=True, slots=True)
class NamedList:
    """A list, to be pointed at."""

    number: int
    name: str
    withdrawn: bool


def lists_called(connection: Connection, text: str, *, most: int) -> list[NamedList]:
    """Lists with this in their names, whatever the case of its letters."""
    lists = schema.lists.c
    if not 0 < len(text) <= _LONGEST_NAME:
        return []
    query = select(lists.pk, lists.name, lists.withdrawn_at)
    query = query.where(lists.name.icontains(text, autoescape=True))
    return [
        NamedList(row.pk, row.name, row.withdrawn_at is not None)
        for row in connection.execute(query.order_by(lists.name).limit(most))
    ]
