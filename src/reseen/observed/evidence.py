"""The evidence of sightings, and leads: hints that came before there was a sighting."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

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
            "stands": 1,
        }
        for pk, e in proofs
    }
    key = ("sighting_pk", "rung", "kind")
    update = ("value", "why", "figures", "stands")
    upsert(connection, schema.evidence, list(rows.values()), key=key, update=update)


def replace(
    connection: Connection,
    proofs: Mapping[int, Iterable[Evidence]],
    more: Iterable[tuple[int, Evidence]],
    at: int,
) -> None:
    """Let these be the evidence of sightings (by pk), and what stood before and is not among them
    history. `more`: evidence beside it."""
    every = [(pk, e) for pk, some in proofs.items() for e in some]
    more = [*more]
    table = schema.evidence
    standing = {(pk, int(e.rung), e.kind[:24]) for pk, e in (*every, *more)}
    for chunk in chunks(sorted(proofs)):
        query = select(table.c.sighting_pk, table.c.rung, table.c.kind).where(
            table.c.sighting_pk.in_(chunk), table.c.stands == 1
        )
        gone = [tuple(row) for row in connection.execute(query) if tuple(row) not in standing]
        if gone:
            connection.execute(
                update(table)
                .where(
                    table.c.sighting_pk == bindparam("s"),
                    table.c.rung == bindparam("r"),
                    table.c.kind == bindparam("k"),
                )
                .values(stands=0),
                [{"s": pk, "r": rung, "k": kind} for pk, rung, kind in gone],
            )
    keep(connection, [*more, *every], at)


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
                if row.kind.startswith("sketch"):
                    why = "A lead stood before: its weights were like the removal's, not surely."
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
    return tuple(sorted(found, key=attrgetter("order")))
