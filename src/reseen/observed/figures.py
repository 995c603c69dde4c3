"""The figures behind what was seen: of a rung's evidence, by sighting."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, select

from reseen.records import Rung
from reseen.store import schema
from reseen.store.database import chunks


def standing(
    connection: Connection, sighting_pks: Collection[int], rung: Rung
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Of evidence on this rung that stands and has figures: the sighting, and they."""
    e = schema.evidence.c
    for chunk in chunks(sorted(sighting_pks)):
        query = select(e.sighting_pk, e.figures).where(
            e.sighting_pk.in_(chunk), e.rung == int(rung), e.stands == 1, e.figures.is_not(None)
        )
        for pk, told in connection.execute(query):
            yield pk, json.loads(told)
