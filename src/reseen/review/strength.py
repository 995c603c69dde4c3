"""How strong a case stands among others: what the queue is sorted by.

What comes in: rungs, figures, and what was read or stated of files. What goes out: a number. It is
the rung, but that weights which we read and which are practically the same in every module stand
above what a hub merely states: they are seen, and the other is said. What a case is called, and
what a filter asks for, stays its rung.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, select

from reseen.observed import figures
from reseen.records import Rung
from reseen.review.decision_records import read_in_full
from reseen.store import schema
from reseen.store.database import chunks
from reseen.store.service_schema import case_sightings

ALIKE = 55
"""Between `tensors` and `declared`."""
_COSINE, _AGREEING, _COVERED = 0.97, 0.99, 0.995
"""At least, of weights that are practically the same: over all modules, and all of them there."""


def of(rung: int, alike: bool) -> int:
    """Of a case on this rung; `alike`: one of its files has practically the same weights."""
    return max(rung, ALIKE) if alike and rung > 0 else rung


def practically_the_same(measured: Mapping[str, Any]) -> bool:
    """Whether figures of the rung `weights` say so, of a whole adapter."""
    if "rows" in measured or "cosine" not in measured:
        return False
    if str(measured.get("relation", "")).startswith(("uncertain", "by order")):
        return False
    least = (("cosine", _COSINE), ("agreeing", _AGREEING), ("coverage", _COVERED))
    return all(float(measured.get(name, 1.0)) >= at_least for name, at_least in least)


def alike(connection: Connection, case_pks: Collection[int]) -> set[int]:
    """Those of these cases with a file whose weights are practically the same."""
    held: dict[int, int] = {}
    for chunk in chunks(case_pks):
        mine = select(case_sightings.c.sighting_pk, case_sightings.c.case_pk)
        rows = connection.execute(mine.where(case_sightings.c.case_pk.in_(chunk)))
        held.update(dict(rows.all()))
    return {held[pk] for pk in alike_sightings(connection, held)}


def alike_sightings(connection: Connection, sighting_pks: Collection[int]) -> set[int]:
    """Those of these sightings whose weights are practically the same."""
    of_weights = figures.standing(connection, sighting_pks, Rung.WEIGHTS)
    return {pk for pk, told in of_weights if practically_the_same(told)}


def contents(connection: Connection, case_pks: Collection[int]) -> dict[int, bytes]:
    """SHA-256 of the strongest file of each of these cases, where it is known."""
    s = schema.sightings.c
    first: dict[int, int] = {}
    for chunk in chunks(case_pks):
        query = (
            select(case_sightings.c.case_pk, s.artifact_pk)
            .join(schema.sightings, s.pk == case_sightings.c.sighting_pk)
            .where(case_sightings.c.case_pk.in_(chunk))
            .order_by(s.rung.desc(), s.pk)
        )
        for case, artifact in connection.execute(query):
            first.setdefault(case, artifact)
    known = contents_of(connection, set(first.values()))
    return {case: known[artifact] for case, artifact in first.items() if artifact in known}


def contents_of(connection: Connection, artifact_pks: Collection[int]) -> dict[int, bytes]:
    """SHA-256 of these artifacts: of the bytes that we read, else what the hub states."""
    a = schema.artifacts.c
    found: dict[int, bytes] = {}
    for chunk in chunks(sorted(artifact_pks)):
        query = select(a.pk, a.sha256).where(a.pk.in_(chunk), a.sha256.is_not(None))
        found.update(dict(connection.execute(query).all()))
    return found | dict(read_in_full(connection, artifact_pks))
