"""What people said of sightings, for reports.

What comes in: a connection. What goes out: the verdict that stands of each sighting, by its id; of
what waits for a second pair of eyes, or was taken back, nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, exists, select, true

from reseen.review import cases
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import schema, service_schema
from reseen.store.database import chunks


def of_sightings(connection: Connection, ids: Collection[str] | None = None) -> dict[str, Verdict]:
    """Every sighting of which somebody decided something that stands. `ids`: of these alone."""
    if ids is None:
        return _said(connection, true())
    found: dict[str, Verdict] = {}
    for some in chunks(sorted(ids)):
        found |= _said(connection, schema.sightings.c.id.in_(some))
    return found


def _said(connection: Connection, which: ColumnElement[bool]) -> dict[str, Verdict]:
    c, held = service_schema.cases.c, service_schema.case_sightings.c
    s, made = schema.sightings.c, service_schema.decisions.c
    query = (
        select(s.id, s.pk, held.case_pk)
        .join(service_schema.case_sightings, held.sighting_pk == s.pk)
        .join(service_schema.cases, c.pk == held.case_pk)
        .where(which, c.state != CaseState.SECOND.value, exists().where(made.case_pk == c.pk))
    )
    rows = connection.execute(query).all()
    stand = cases.stands(connection, {row.case_pk for row in rows})
    found: dict[str, Verdict] = {}
    for row in rows:
        verdict = stand[row.case_pk].verdicts.get(row.pk)
        if verdict is not None:
            found[row.id] = verdict
    return found
