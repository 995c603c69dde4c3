"""Whose a case is: a lead gives it to a colleague, a reviewer takes it. It says who should look,
and keeps nobody from deciding: that is a claim's.

What comes in: cases and a colleague. What goes out: rows that say whose they are, and a line of the
log for each that changed.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from reseen.errors import AccessError, InputError
from reseen.review import cases, users
from reseen.review.roles import Role, Who
from reseen.store import audit
from reseen.store.database import chunks, now, upsert
from reseen.store.queue_schema import assignments

MOST = 500
"""Cases that are given in one go."""


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
    if colleague is not None and (colleague.disabled_at or colleague.role < Role.REVIEWER):
        raise InputError("this colleague cannot decide cases", remedy="Choose a reviewer.")
    owner = None if colleague is None else colleague.pk
    rows = [cases.row(connection, id) for id in dict.fromkeys(case_ids)]
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
            connection.execute(assignments.delete().where(assignments.c.case_pk.in_(chunk)))
    else:
        new = [{"case_pk": pk, "user_pk": owner, "by_pk": who.pk, "at": at} for pk in pks]
        if new:
            upsert(
                *(connection, assignments, new),
                key=("case_pk",),
                update=("user_pk", "by_pk", "at"),
            )
    told = {"to": None if colleague is None else colleague.who.actor}
    audit.append(connection, [audit.Act("assign", row.id, who.actor, told) for row in changed])
    return tuple(row.id for row in changed)


def _owners(connection: Connection, case_pks: Collection[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for chunk in chunks(case_pks):
        query = select(assignments.c.case_pk, assignments.c.user_pk)
        rows = connection.execute(query.where(assignments.c.case_pk.in_(chunk)))
        found.update(dict(rows.all()))
    return found
