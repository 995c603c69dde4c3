"""Which known innocents are in use: two people said so, nobody took it out, and no removal in force
is near it. They explain what merges have of them (`parts`), and are no removals and no decoys.

Imports no numbers: whoever follows the store asks whether anything changed.
"""

from __future__ import annotations

from sqlalchemy import Connection, Exists, exists, select

from reseen.store.innocent_schema import innocent_events, innocent_near, innocent_sketches
from reseen.updates.names.known import one_of


def version(connection: Connection, architecture: str | None = None) -> bytes:
    """What is another whenever other innocents are in use (for this architecture); empty where
    there are none."""
    pks = {pk for pk, _ in _rows(connection, architecture)}
    return ",".join(map(str, sorted(pks))).encode()


def in_use(connection: Connection, architecture: str) -> tuple[bytes, ...]:
    """The sketches of those that may be inside a file of this architecture, in the published byte
    layout."""
    s = innocent_sketches.c
    wanted = _rows(connection, architecture)
    pks = {pk for pk, _ in wanted}
    if not pks:
        return ()
    query = select(s.innocent_pk, s.number, s.value).where(s.innocent_pk.in_(pks))
    rows = connection.execute(query)
    return tuple(sorted({bytes(value) for pk, number, value in rows if (pk, number) in wanted}))


def _rows(connection: Connection, architecture: str | None) -> set[tuple[int, int]]:
    """Innocents in use (by pk) and the numbers of their sketches."""
    s, n = innocent_sketches.c, innocent_near.c
    close = exists().where(n.innocent_pk == s.innocent_pk)
    query = select(s.innocent_pk, s.number, s.architecture)
    query = query.where(_said("confirmed"), ~_said("removed"), ~close)
    models = None if architecture is None else set(one_of(architecture))
    return {
        (pk, number)
        for pk, number, name in connection.execute(query)
        if models is None or models & set(one_of(name))
    }


def _said(what: str) -> Exists:
    e = innocent_events.c
    return exists().where(e.innocent_pk == innocent_sketches.c.innocent_pk, e.what == what)
