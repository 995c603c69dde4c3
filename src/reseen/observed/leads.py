"""Leads that were kept: files that may be worth a person's look, where no sighting is.

What comes in: which kinds. What goes out: the removal, the file and the kind. A lead accuses
nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, exists, select

from reseen.observed.artifacts import artifact_of, where_columns
from reseen.records import Artifact, Rung
from reseen.store import schema


@dataclass(frozen=True, slots=True)
class KeptLead:
    """A file that may be worth a person's look."""

    removal: str
    artifact: Artifact
    kind: str


def kept(connection: Connection, kinds: Collection[str], limit: int) -> list[KeptLead]:
    """The leads of these kinds about removals in force, by removal and place; those beside a
    sighting are left out, while anything supports that."""
    h, a, r = schema.hints.c, schema.artifacts.c, schema.removals.c
    s, places = schema.sightings.c, schema.repositories.c
    query = (
        select(r.id.label("removal"), h.kind.label("lead"), schema.artifacts, *where_columns())
        .join(schema.hints, h.artifact_pk == a.pk)
        .join(schema.repositories, places.pk == a.repository_pk)
        .join(schema.removals, r.pk == h.removal_pk)
        .where(
            h.kind.in_(sorted(kinds)),
            r.withdrawn_at.is_(None),
            ~exists().where(
                s.removal_pk == h.removal_pk,
                s.artifact_pk == h.artifact_pk,
                s.rung != int(Rung.UNSUPPORTED),
            ),
        )
        .order_by(r.id, places.hub, places.repo, a.path, a.pk)
        .limit(limit)
    )
    return [KeptLead(row.removal, artifact_of(row), row.lead) for row in connection.execute(query)]
