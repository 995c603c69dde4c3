"""Makes the background that p-values are calibrated on, from sketches of what scans read.

What comes in: a connection and an architecture. What goes out: a `Background` of at most `MOST`
sketches. Sketches only, never weights; artifacts that are sightings of a removal are left out, and
of several copies of one file one is taken.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from reseen.errors import Malformed
from reseen.fingerprints.sketch import decode
from reseen.match.compare import Background
from reseen.observed.sketches import ADAPTER
from reseen.store.schema import read_sketches, sightings
from reseen.updates.names.known import one_of

MOST = 512
"""More make a comparison slower, and the tail hardly better known."""


def load(connection: Connection, architecture: str) -> Background:
    """The newest sketches of complete files of this architecture."""
    return of_values(v for each in one_of(architecture) for v in values(connection, each))


def values(connection: Connection, architecture: str) -> list[bytes]:
    """The same, in the published byte layout."""
    rows = connection.execute(
        select(read_sketches.c.value)
        .where(
            read_sketches.c.kind == ADAPTER,
            read_sketches.c.architecture == architecture,
            read_sketches.c.complete == 1,
            read_sketches.c.artifact_pk.not_in(select(sightings.c.artifact_pk)),
        )
        .order_by(read_sketches.c.artifact_pk.desc())
        .limit(MOST * 4)
    )
    kept: dict[bytes, None] = {}
    for (value,) in rows:
        kept[bytes(value)] = None
        if len(kept) == MOST:
            break
    return list(kept)


def architectures(connection: Connection) -> list[str]:
    """Those of which there are any."""
    query = select(read_sketches.c.architecture).where(
        read_sketches.c.kind == ADAPTER, read_sketches.c.complete == 1
    )
    return sorted(connection.scalars(query.distinct()))


def of_values(values: Iterable[bytes]) -> Background:
    """A background of encoded sketches."""
    sketches = []
    for value in values:
        try:
            sketches.append(decode(value))
        except Malformed:
            continue  # a damaged row is no stranger to measure against
    return Background(tuple(sketches))
