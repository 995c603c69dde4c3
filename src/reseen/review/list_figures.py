"""Where the removals of a list were seen again, in figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from reseen.records import LADDER, Rung, SightingState
from reseen.registry.known_lists import of_list
from reseen.store import schema

STATES = tuple(SightingState)


@dataclass(frozen=True, slots=True)
class RungRow:
    """The sightings on one rung, by whether they are still there."""

    rung: Rung
    by_state: tuple[int, ...]
    """In the order of `STATES`."""

    @property
    def total(self) -> int:
        return sum(self.by_state)


def sightings_of_list(connection: Connection, name: str) -> list[RungRow]:
    """Of removals that the list has in force, the strongest first; what reading refuted is last."""
    s = schema.sightings.c
    query = (
        select(s.rung, s.state, func.count())
        .where(s.removal_pk.in_(of_list(name)))
        .group_by(s.rung, s.state)
    )
    found: Mapping[tuple[int, str], int] = {
        (rung, state): int(count) for rung, state, count in connection.execute(query)
    }
    rows = [
        RungRow(rung, tuple(found.get((int(rung), state.value), 0) for state in STATES))
        for rung in (*LADDER, Rung.REFUTED)
    ]
    return [row for row in rows if row.total]
