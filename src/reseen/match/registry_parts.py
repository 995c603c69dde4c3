"""The removals that may be parts of a merge, and decoys for each other, from the store.

What comes in: an open transaction and an architecture. What goes out: sketches of removals in
force, at most `MOST`, drawn by the installation's key where there are more.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from reseen.errors import Malformed
from reseen.fingerprints.sketch import Sketch, decode
from reseen.match.background import number, secret_of
from reseen.match.digests_alone import every_such_claim
from reseen.match.sketch_index import searched
from reseen.observed.sketches import ADAPTER
from reseen.store.database import chunks
from reseen.store.schema import claims, removals, sketches
from reseen.updates.names.known import one_of

MOST = 512


def known(connection: Connection, architecture: str, most: int = MOST) -> list[Sketch]:
    """Sketches of removals of this architecture, each stored value once."""
    query = (
        select(sketches.c.claim_pk)
        .join(claims, claims.c.pk == sketches.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(searched(), sketches.c.kind == ADAPTER)
        .where(sketches.c.architecture.in_(one_of(architecture)))
    )
    pks = set(connection.scalars(query)) - every_such_claim(connection)
    secret = secret_of(connection)
    drawn = sorted(pks, key=lambda pk: number(secret, ("part", str(pk))))[:most]
    values: set[bytes] = set()
    for chunk in chunks(drawn):
        chosen = select(sketches.c.value).where(
            sketches.c.claim_pk.in_(chunk), sketches.c.kind == ADAPTER
        )
        values.update(bytes(value) for value in connection.scalars(chosen))
    found: list[Sketch] = []
    for value in sorted(values):
        try:
            found.append(decode(value))
        except Malformed:
            continue  # a damaged row is no part
    return found
