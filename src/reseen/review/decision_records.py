"""What was decided about cases, and their sightings as they are now: out of the store, for
`verdicts.stand`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, select

from reseen.records import Confirmed, DigestKind
from reseen.review.verdicts import DecisionRecord, SightingNow, SightingThen
from reseen.store import audit, schema
from reseen.store.database import chunks
from reseen.store.service_schema import case_sightings, decided, decisions

_CONFIRMED = {one.value: one for one in Confirmed}
"""Three times as fast as asking the enum."""

Standing = tuple[list[DecisionRecord], list[SightingNow]]
"""Decisions, oldest first; sightings, oldest first."""


def appended(
    decision: Sequence[Any], covers: Sequence[Sequence[Any]] = ()
) -> tuple[audit.Appended, ...]:
    """A decision's row and those of what it is about, for the log that covers them: in the order
    of `audit_rows.COLUMNS`."""
    row = audit.Appended(decisions, [decision])
    if not covers:
        return (row,)
    return row, audit.Appended(decided, sorted(covers, key=lambda one: one[1]))


def load(
    connection: Connection, case_pks: Sequence[int], *, between: bool = False
) -> dict[int, Standing]:
    """By case. At most as many cases as one `IN (...)` holds; `between`: all that there are between
    the first and the last, which is asked for as such."""
    found: dict[int, Standing] = {pk: ([], []) for pk in case_pks}
    d = decisions.c
    rows = connection.execute(
        select(d.pk, d.case_pk, d.verdict, d.user_pk, d.undoes, d.because)
        .where(_of(d.case_pk, case_pks, between))
        .order_by(d.pk)
    ).all()
    covers: dict[int, dict[int, SightingThen]] = {}
    if rows:
        query = (
            select(decided)
            .join(decisions, d.pk == decided.c.decision_pk)
            .where(_of(d.case_pk, case_pks, between))
        )
        for row in connection.execute(query):
            then = SightingThen(row.rung, _CONFIRMED[row.confirmed], row.sha256)
            covers.setdefault(row.decision_pk, {})[row.sighting_pk] = then
    for row in rows:
        found[row.case_pk][0].append(
            DecisionRecord(
                row.pk, row.verdict, row.user_pk, row.undoes, row.because, covers.get(row.pk, {})
            )
        )
    sightings = _sightings(connection, case_pks, between)
    read = read_in_full(connection, {row.artifact_pk for row in sightings})
    for row in sightings:
        now = SightingNow(row.pk, row.rung, _CONFIRMED[row.confirmed], read.get(row.artifact_pk))
        found[row.case_pk][1].append(now)
    return found


def read_in_full(connection: Connection, artifact_pks: Iterable[int]) -> Mapping[int, bytes]:
    """SHA-256 of the bytes of those artifacts that we read, all of them. Where an artifact was read
    with different bytes it is left out: which ones stand there now nobody knows."""
    table, readings = schema.read_digests.c, schema.readings.c
    found: dict[int, bytes] = {}
    torn: set[int] = set()
    for chunk in chunks(artifact_pks, 5_000):
        query = (
            select(table.artifact_pk, table.value)
            .join(schema.readings, readings.artifact_pk == table.artifact_pk)
            .where(
                table.artifact_pk.in_(chunk),
                table.kind == int(DigestKind.SHA256),
                readings.full == 1,
            )
        )
        for pk, value in connection.execute(query):
            if found.setdefault(pk, value) != value:
                torn.add(pk)
    return {pk: value for pk, value in found.items() if pk not in torn}


def _of(column: Column[int], pks: Sequence[int], between: bool) -> ColumnElement[bool]:
    return column.between(pks[0], pks[-1]) if between else column.in_(pks)


def _sightings(connection: Connection, case_pks: Sequence[int], between: bool) -> Sequence[Any]:
    s = schema.sightings.c
    query = (
        select(case_sightings.c.case_pk, s.pk, s.rung, s.confirmed, s.artifact_pk)
        .join(schema.sightings, s.pk == case_sightings.c.sighting_pk)
        .where(_of(case_sightings.c.case_pk, case_pks, between))
        .order_by(s.pk)
    )
    return connection.execute(query).all()
