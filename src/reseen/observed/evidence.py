"""The evidence of sightings, and leads: hints that came before there was a sighting."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from reseen.records import Evidence, Rung
from reseen.store import schema
from reseen.store.database import chunks, insert_many, upsert

Lead = tuple[int, int, str, int]
"""Removal pk, artifact pk, kind, when."""


def keep(connection: Connection, proofs: Iterable[tuple[int, Evidence]], at: int) -> None:
    """Keep evidence by its sighting's pk; newer words of one rung and kind replace the older."""
    rows = {
        (pk, int(e.rung), e.kind): {
            "sighting_pk": pk,
            "rung": int(e.rung),
            "kind": e.kind[:24],
            "value": e.value,
            "why": e.why,
            "figures": json.dumps(dict(e.figures), sort_keys=True) if e.figures else None,
            "at": at,
        }
        for pk, e in proofs
    }
    key = ("sighting_pk", "rung", "kind")
    update = ("value", "why", "figures")
    upsert(connection, schema.evidence, list(rows.values()), key=key, update=update)


def keep_leads(connection: Connection, leads: Iterable[Lead]) -> None:
    """Keep hints at artifacts where no sighting is."""
    columns = ("removal_pk", "artifact_pk", "kind", "at")
    insert_many(connection, schema.hints, columns, leads, ignore=True)


def leads(
    connection: Connection, sightings: Mapping[tuple[int, int], int]
) -> list[tuple[int, Evidence]]:
    """The leads that were kept before these sightings came, as evidence of them.
    `sightings`: (removal pk, artifact pk) -> pk."""
    table = schema.hints.c
    found: list[tuple[int, Evidence]] = []
    for chunk in chunks({artifact_pk for _, artifact_pk in sightings}):
        query = select(schema.hints).where(table.artifact_pk.in_(chunk))
        for row in connection.execute(query):
            if pk := sightings.get((row.removal_pk, row.artifact_pk)):
                why = f"A hint stood before: its {row.kind} agrees with the list."
                found.append((pk, Evidence(Rung.HINT, row.kind, "", why)))
    return found


def of_rows(rows: Iterable[Row[Any]]) -> tuple[Evidence, ...]:
    """The evidence in rows with `e_rung`, kind, value, why, figures; strongest first."""
    found = [
        Evidence(
            Rung(row.e_rung),
            row.kind,
            row.value,
            row.why,
            dict(json.loads(row.figures)) if row.figures else {},
        )
        for row in rows
        if row.e_rung is not None
    ]
    return tuple(sorted(found, key=lambda e: (-e.rung, e.kind)))
