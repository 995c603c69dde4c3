"""A case as its page shows it: one page of its files, and everything that was done about it.

What comes in: a case's id, and the key where it is here. What goes out: values of what was sealed
only in `HistoryLine.text` (reasons and comments of the team); names of removals are never in them.
Those who may not read what the team wrote get it without text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy import case as when

from reseen.observed import sightings
from reseen.observed.artifacts import instant
from reseen.records import Sighting, SightingState
from reseen.review import cases, comments, sealed_text
from reseen.review.verdicts import UNDO, Verdict
from reseen.store import schema
from reseen.store.sealing import Keyring
from reseen.store.service_schema import case_sightings, decisions, users

FILES = 20
"""Sightings on one page of a case."""
MOST_LINES = 500
"""Lines of its history, the newest first."""


@dataclass(frozen=True, slots=True)
class File:
    """One sighting of a case, and what is decided about it."""

    sighting: Sighting
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Files:
    """A part of a case's sightings: what is there before what is gone, the strongest first; what
    left the ladder last."""

    files: tuple[File, ...]
    strongest: Sighting | None
    """Of all of them."""
    total: int
    offset: int


@dataclass(frozen=True, slots=True, repr=False)
class HistoryLine:
    """Something that was done about a case."""

    at: datetime
    who: str
    what: str
    """A verdict, "undo", "comment" or "reveal"."""
    text: str | None = None
    """The reason or comment; None where there is none, or the key is not here."""
    id: str | None = None
    """Of a decision."""
    undone: bool = False
    automatic: bool = False
    """Made by a remembered decision."""
    batch: str | None = None
    version: int | None = None
    """Of the case on which it was decided."""


def files(connection: Connection, case_id: str, *, offset: int = 0, most: int = FILES) -> Files:
    """Raises NotFound."""
    row = cases.row(connection, case_id)
    s = schema.sightings.c
    mine = case_sightings.c.case_pk == row.pk
    total = connection.scalar(select(func.count()).select_from(case_sightings).where(mine)) or 0
    there = when((s.state == SightingState.LIVE.value, 0), else_=1)
    left = when((s.rung > 0, 0), else_=1)
    order = (
        select(s.pk)
        .join(case_sightings, case_sightings.c.sighting_pk == s.pk)
        .where(mine)
        .order_by(left, there, s.rung.desc(), s.pk)
    )
    pks = list(connection.scalars(order.offset(offset).limit(most)))
    first = list(
        connection.scalars(order.order_by(None).order_by(s.rung.desc(), there, s.pk).limit(1))
    )
    verdicts = cases.verdicts(connection, [row.pk])[row.pk] if row.version else {}
    shown = sightings.by_pks(connection, pks)
    return Files(
        files=tuple(File(one, verdicts.get(pk)) for pk, one in zip(pks, shown, strict=True)),
        strongest=next(iter(sightings.by_pks(connection, first)), None),
        total=int(total),
        offset=offset,
    )


def sighting_ids(connection: Connection, case_pk: int) -> list[str]:
    """All sightings of a case, by their ids."""
    s = schema.sightings.c
    query = select(s.id).join(case_sightings, case_sightings.c.sighting_pk == s.pk)
    return list(connection.scalars(query.where(case_sightings.c.case_pk == case_pk)))


def history(
    connection: Connection, keyring: Keyring | None, case_id: str
) -> tuple[HistoryLine, ...]:
    """The newest first. Raises NotFound."""
    row = cases.row(connection, case_id)
    lines = [
        *_decisions(connection, keyring, row.pk, row.id),
        *(
            HistoryLine(c.at, c.by, "comment", c.text)
            for c in comments.of_case(connection, keyring, row.id)
        ),
        *reveals(connection, row.id),
    ]
    return tuple(sorted(lines, key=lambda line: line.at, reverse=True)[:MOST_LINES])


def reveals(connection: Connection, case_id: str) -> list[HistoryLine]:
    """Who revealed the names of this case's removal, here."""
    row = cases.row(connection, case_id)
    a = schema.audit.c
    removal = select(schema.removals.c.id).where(schema.removals.c.pk == row.removal_pk)
    query = (
        select(a.at, a.actor, a.details)
        .where(a.subject == removal.scalar_subquery(), a.action == "reveal")
        .order_by(a.pk.desc())
        .limit(MOST_LINES)
    )
    return [
        HistoryLine(instant(at), actor.removeprefix("user:"), "reveal")
        for at, actor, details in connection.execute(query)
        if _details(details).get("case") == row.id
    ]


def _decisions(
    connection: Connection, keyring: Keyring | None, case_pk: int, case_id: str
) -> list[HistoryLine]:
    d, undo = decisions.c, decisions.alias()
    query = (
        select(d.id, d.at, d.verdict, d.sealed, d.because, d.batch, d.version, users.c.name)
        .add_columns(undo.c.pk.label("undone"))
        .outerjoin(users, users.c.pk == d.user_pk)
        .outerjoin(undo, undo.c.undoes == d.pk)
        .where(d.case_pk == case_pk)
        .order_by(d.pk.desc())
        .limit(MOST_LINES)
    )
    return [
        HistoryLine(
            at=instant(row.at),
            who=row.name or "Reseen",
            what=row.verdict,
            text=sealed_text.opened(keyring, row.sealed, case_id),
            id=row.id,
            undone=row.undone is not None and row.verdict != UNDO,
            automatic=row.because is not None,
            batch=row.batch,
            version=row.version,
        )
        for row in connection.execute(query)
    ]


def _details(text: str | None) -> Mapping[str, object]:
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}
