"""One list: what it is, what it says, and what was done with it.

What comes in: a list's number, which tells nothing, and stands in addresses instead of its name.
What goes out: counts, its removals page by page, its imports and what people did with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from reseen.errors import NotFound
from reseen.observed.artifacts import instant
from reseen.records import RemovalClass
from reseen.registry.claims import LISTED
from reseen.store import audit, schema
from reseen.store.audit import AuditLine

ACTIONS = (
    *("import", "withdraw-list", "restore-list"),
    *("classify-list", "entitle", "revoke-entitled"),
)
"""What the audit log calls what is done with a whole list."""
LOOKED_THROUGH = 2_000
"""Lines of each action that are looked through."""
MOST_LINES = 50


@dataclass(frozen=True, slots=True)
class OneList:
    """A list as a whole."""

    number: int
    name: str
    created_at: datetime
    withdrawn_at: datetime | None
    entitled: bool
    """It may say the class that is never read."""
    cls: RemovalClass | None
    """Of all its rows."""
    removals: int
    """Of which it says something."""
    in_force: int
    """Of these, how many by a claim of it that is in force."""


@dataclass(frozen=True, slots=True)
class ListedRemoval:
    """A removal of which a list says something."""

    pk: int
    id: str
    claims: int
    """Of this list."""
    in_force: bool
    """By a claim of this list."""
    added_at: datetime
    """When this list first said something of it."""
    cls: RemovalClass


def by_number(connection: Connection, number: int) -> OneList:
    """Raises NotFound."""
    lists, c = schema.lists, schema.claims.c
    query = select(lists).where(lists.c.pk == number)
    row = connection.execute(query).one_or_none() if 0 < number < 2**31 else None
    if row is None:
        raise NotFound("there is no such list", remedy="The page of lists shows them.")
    per = (
        select(func.max(c.in_force).label("stands"))
        .where(c.list_pk == number, c.source == LISTED)
        .group_by(c.removal_pk)
        .subquery()
    )
    counted = connection.execute(
        select(func.count(), func.coalesce(func.sum(per.c.stands), 0)).select_from(per)
    ).one()
    said = row._mapping[lists.c.cls]
    return OneList(
        number=row.pk,
        name=row.name,
        created_at=instant(row.created_at),
        withdrawn_at=instant(row.withdrawn_at),
        entitled=bool(row.entitled),
        cls=None if said is None else RemovalClass(said),
        removals=int(counted[0]),
        in_force=int(counted[1]),
    )


def number_of(connection: Connection, name: str) -> int | None:
    """The number of the list of this name; None where there is none."""
    lists = schema.lists.c
    number: int | None = connection.scalar(select(lists.pk).where(lists.name == name))
    return number


def removals_of(
    connection: Connection, number: int, *, after: int, most: int, in_force: bool | None = None
) -> list[ListedRemoval]:
    """Those behind the removal `after` (by pk), in the order in which they came. `in_force`: only
    those that this list has in force, or has not."""
    c, r = schema.claims.c, schema.removals
    stands = func.max(c.in_force)
    page = (
        select(
            c.removal_pk,
            func.count().label("claims"),
            stands.label("stands"),
            func.min(c.added_at).label("added_at"),
        )
        .where(c.list_pk == number, c.source == LISTED, c.removal_pk > after)
        .group_by(c.removal_pk)
        .order_by(c.removal_pk)
        .limit(most)
    )
    if in_force is not None:
        page = page.having(stands == int(in_force))
    some = page.subquery()
    query = (
        select(some, r.c.id, r.c.cls.label("removal_class"))
        .join(r, r.c.pk == some.c.removal_pk)
        .order_by(some.c.removal_pk)
    )
    return [
        ListedRemoval(
            pk=row.removal_pk,
            id=row.id,
            claims=int(row.claims),
            in_force=bool(row.stands),
            added_at=instant(row.added_at),
            cls=RemovalClass(row.removal_class),
        )
        for row in connection.execute(query)
    ]


def history(connection: Connection, name: str) -> list[AuditLine]:
    """What was done with the list as a whole, the newest first."""
    found = [
        line
        for action in ACTIONS
        for line in audit.latest(connection, {"action": action}, most=LOOKED_THROUGH)
        if line.details.get("list") == name
    ]
    return sorted(found, key=lambda line: -line.number)[:MOST_LINES]
