"""The evidence of sightings, and leads: what only hints, kept of each pair that was judged, whether
it is a sighting or not."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from reseen.records import Evidence, Rung
from reseen.store import schema
from reseen.store.database import chunks, insert_many, upsert


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


def replace(connection: Connection, proofs: Mapping[int, Iterable[Evidence]], at: int) -> None:
    """Let these be the evidence of sightings (by pk), and what stood before and is not among them
    history."""
    every = [(pk, e) for pk, some in proofs.items() for e in some]
    table = schema.evidence
    standing = {(pk, int(e.rung), e.kind[:24]) for pk, e in every}
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
    keep(connection, every, at)


def replace_leads(
    connection: Connection, judged: Mapping[tuple[int, int], Iterable[str]], at: Mapping[int, int]
) -> None:
    """Let these kinds of hints be all that are known of each pair (removal's pk, artifact's pk),
    whether it is a sighting or not. `at`: when each artifact was seen."""
    known = {(row.removal_pk, row.artifact_pk, row.kind) for row in _leads(connection, judged)}
    wanted = {(*pair, kind[:24]) for pair, kinds in judged.items() for kind in kinds}
    table = schema.hints.c
    if gone := sorted(known - wanted):
        connection.execute(
            delete(schema.hints).where(
                table.removal_pk == bindparam("r"),
                table.artifact_pk == bindparam("a"),
                table.kind == bindparam("k"),
            ),
            [{"r": removal, "a": artifact, "k": kind} for removal, artifact, kind in gone],
        )
    columns = ("removal_pk", "artifact_pk", "kind", "at")
    rows = ((*each, at[each[1]]) for each in sorted(wanted - known))
    insert_many(connection, schema.hints, columns, rows, ignore=True)


def hints(
    connection: Connection, pairs: Collection[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], Evidence]]:
    """What is known of these pairs (removal's pk, artifact's pk) that only hints: of a sighting in
    the words in which it was found, of a lead by its kind."""
    s, e = schema.sightings.c, schema.evidence.c
    told = set[tuple[int, int, str]]()
    for chunk in chunks({artifact_pk for _, artifact_pk in pairs}):
        query = (
            select(s.removal_pk, s.artifact_pk, e.kind, e.value, e.why, e.figures)
            .join(schema.evidence, e.sighting_pk == s.pk)
            .where(s.artifact_pk.in_(chunk), e.stands == 1, e.rung == int(Rung.HINT))
        )
        for row in connection.execute(query):
            pair = row.removal_pk, row.artifact_pk
            if pair in pairs:
                told.add((*pair, row.kind))
                figures = dict(json.loads(row.figures)) if row.figures else {}
                yield pair, Evidence(Rung.HINT, row.kind, row.value, row.why, figures)
    for lead in _leads(connection, pairs):
        pair = lead.removal_pk, lead.artifact_pk
        if (*pair, lead.kind) not in told:
            why = f"A hint stood before: its {lead.kind} agrees with the list."
            if lead.kind.startswith("sketch"):
                why = "A lead stood before: its weights were like the removal's, not surely."
            yield pair, Evidence(Rung.HINT, lead.kind, "", why)


def leads_of(
    connection: Connection,
    kinds: Collection[str],
    *,
    removals: Collection[int] = (),
    artifacts: Collection[int] = (),
) -> Iterator[tuple[int, int]]:
    """(removal's pk, artifact's pk) of the leads of these kinds about these removals, or at these
    artifacts."""
    table = schema.hints.c
    query = select(table.removal_pk, table.artifact_pk).where(table.kind.in_(sorted(kinds)))
    for column, pks in ((table.removal_pk, removals), (table.artifact_pk, artifacts)):
        for chunk in chunks(sorted(pks)):
            yield from ((r, a) for r, a in connection.execute(query.where(column.in_(chunk))))


def _leads(connection: Connection, pairs: Collection[tuple[int, int]]) -> Iterator[Row[Any]]:
    """The leads of these pairs. The key begins with the removal: of few removals it is asked for,
    else all leads are gone through."""
    table = schema.hints.c
    if connection.scalar(select(table.removal_pk).limit(1)) is None:
        return  # most stores hold none
    of: defaultdict[int, set[int]] = defaultdict(set)
    for removal_pk, artifact_pk in pairs:
        of[removal_pk].add(artifact_pk)
    if len(of) <= _FEW:
        for removal_pk, artifact_pks in sorted(of.items()):
            mine = select(schema.hints).where(table.removal_pk == removal_pk)
            for chunk in chunks(sorted(artifact_pks)):
                yield from connection.execute(mine.where(table.artifact_pk.in_(chunk)))
        return
    for row in connection.execute(select(schema.hints)):
        if row.artifact_pk in of.get(row.removal_pk, ()):
            yield row


_FEW = 100
"""Removals whose leads are asked for one by one."""


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
