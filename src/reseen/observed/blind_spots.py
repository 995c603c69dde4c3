"""What of the files that were looked at was not read, and which rungs could judge them.

What comes in: artifacts (by pk) with what of each was not read. What goes out: each such file with
its reasons, and how many there are by reason. A file's last reading is what counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    true,
)

from reseen.observed.artifacts import artifact_of, where_columns
from reseen.records import Artifact, BlindSpot, Container, JudgedBy, Rung
from reseen.store import schema
from reseen.store.database import chunks

WHOLE_WEIGHTS, NO_BASE = "whole-weights", "no-base"
ORDINARY = frozenset({WHOLE_WEIGHTS, NO_BASE})
"""The codes of what most of a hub is: checkpoints, of which no base model is known, and other
models. Told of last, and never one by one."""
READ_OF_CHECKPOINTS = frozenset({WHOLE_WEIGHTS, "quantised"})
"""Codes of what is no update, and is read all the same of what is known to be a checkpoint."""
_NO_BASE_OF_IT = (
    "a checkpoint of a model of which no base is known: what is inside is not looked for"
)
_NONE_IS_ITS = "a checkpoint of none of the known base models: what is inside is not looked for"
LAYERS_NOT_READ = "layers-not-read"
"""The code of a checkpoint whose base is told by some of its layers, where others are not read."""
_LAYERS_NOT_READ = (
    "layers of its base that it has twice, or in a form or under names that are not read: what is "
    "in them is not looked for"
)
_OF_BASE = (NO_BASE, LAYERS_NOT_READ)
UNRECORDED = "not-recorded"
"""The code of what was looked into before reasons were kept (schema 0007 says it of each)."""
COUNTED = 10_000
"""How far such files are counted where a figure is enough."""
UNJUDGED = "files whose weights could not be judged: by their digests alone"
"""As a scan's account counts them; nothing of it is a reason to look again."""
DAMAGED = "files that could not be judged: damaged, or of a form that is not read"
"""Of these, those that a scan's account counts as not judged."""
BY_DIGESTS, IN_PART = "judged by its digests alone", "judged without a part of it"
"""How the problem of such a file begins."""


@dataclass(frozen=True, slots=True)
class BlindFile:
    """A file of which something was not read."""

    artifact: Artifact
    container: Container | None
    """None: not even its header was read."""
    judged: JudgedBy
    scan: int | None = None
    """The number of the scan that looked at it."""


def keep(
    connection: Connection,
    looked: Mapping[int, Sequence[BlindSpot]],
    scan_pk: int | None = None,
) -> Mapping[int, set[str]]:
    """Put what was not read of these artifacts (by pk) in the place of what was known of that. The
    codes that this scan had put there before, by artifact."""
    table = schema.blind_spots
    before: dict[int, set[str]] = {}
    for some in chunks(looked):
        here = table.c.artifact_pk.in_(some)
        if scan_pk is not None:
            query = select(table.c.artifact_pk, table.c.code)
            for pk, code in connection.execute(query.where(here, table.c.scan_pk == scan_pk)):
                before.setdefault(pk, set()).add(code)
        connection.execute(delete(table).where(here))
    rows = [
        {
            "artifact_pk": pk,
            "spot": number,
            "code": spot.code,
            "reason": spot.reason,
            "count": spot.count,
            "scan_pk": scan_pk,
        }
        for pk, spots in looked.items()
        for number, spot in enumerate(spots)
    ]
    if rows:
        connection.execute(insert(table), rows)
    return before


def count(connection: Connection) -> Sequence[tuple[BlindSpot, int]]:
    """Each reason (its count over all files) and the files it stands for, most files first."""
    c = schema.blind_spots.c
    query = (
        select(c.code, c.reason, func.sum(c.count), func.count())
        .group_by(c.code, c.reason)
        .order_by(func.count().desc(), c.code, c.reason)
    )
    return [
        (BlindSpot(code, reason, int(tensors)), int(files))
        for code, reason, tensors, files in connection.execute(query)
    ]


def tally_key(spot: BlindSpot) -> str:
    """What a scan's account counts files by (`Coverage.blind`): its code and reason."""
    return f"{spot.code} {spot.reason}"


def tally(blind: Mapping[str, int]) -> list[tuple[BlindSpot, int]]:
    """The same read back: what was not read, and of how many files; most of them first."""
    rows = []
    for key, files in blind.items():
        code, _, reason = key.partition(" ")
        rows.append((BlindSpot(code, reason), int(files)))
    return sorted(rows, key=lambda row: (-row[1], row[0].reason))


def count_unjudged(connection: Connection, *, most: int | None = None) -> int:
    """Files whose weights could not be judged; `most`: where it is enough to know that there are so
    many."""
    c, r = schema.blind_spots.c, schema.readings
    files = (
        select(c.artifact_pk)
        .select_from(schema.blind_spots.outerjoin(r, r.c.artifact_pk == c.artifact_pk))
        .where(_not_by_weights())
        .distinct()
        .limit(most)
        .subquery()
    )
    return int(connection.scalar(select(func.count()).select_from(files)) or 0)


def _not_by_weights() -> ColumnElement[bool]:
    judged_by = schema.readings.c.judged_by
    return or_(judged_by.is_(None), ~judged_by.contains(Rung.WEIGHTS.label))


def files(
    connection: Connection, scan: int | None = None, *, unjudged: bool = False
) -> Iterator[BlindFile]:
    """Every file of which something was not read, or those that a scan looked at last; checkpoints
    come last. `unjudged`: only those whose weights could not be judged."""
    c = schema.blind_spots.c
    of_scan = true() if scan is None else c.scan_pk == scan
    last = (
        select(
            c.artifact_pk,
            func.min(case((c.code.in_(ORDINARY), 1), else_=0)).label("ordinary"),
        )
        .where(of_scan)
        .group_by(c.artifact_pk)
        .subquery()
    )
    query = (
        _rows()
        .join(last, last.c.artifact_pk == c.artifact_pk)
        .where(of_scan)
        .order_by(last.c.ordinary, c.artifact_pk, c.spot)
    )
    if unjudged:
        query = query.where(_not_by_weights())
    result = connection.execute(query.execution_options(yield_per=500))
    for _, rows in groupby(result, key=lambda row: row.pk):
        yield _file(list(rows))


def _rows() -> Select[Any]:
    """What of each file was not read, a row each, with the file and what was read of it."""
    c, a, r = schema.blind_spots.c, schema.artifacts, schema.readings.c
    return (
        select(
            *(a, *where_columns(), c.spot, c.code, c.reason, c.count.label("times"), c.scan_pk),
            r.container,
            r.judged_by,
        )
        .select_from(schema.blind_spots)
        .join(a, a.c.pk == c.artifact_pk)
        .join(schema.repositories, schema.repositories.c.pk == a.c.repository_pk)
        .outerjoin(schema.readings, r.artifact_pk == a.c.pk)
    )


def page_of_unjudged(
    connection: Connection, *, after: int, most: int, ordinary: bool = True
) -> list[tuple[int, BlindFile]]:
    """Files whose weights could not be judged, by pk, from behind `after` on: each page is one walk
    along the key, however many there are. `ordinary` False: without checkpoints."""
    c, r = schema.blind_spots.c, schema.readings.c
    theirs = (
        select(c.artifact_pk)
        .outerjoin(schema.readings, r.artifact_pk == c.artifact_pk)
        .where(_not_by_weights(), c.artifact_pk > after)
        .distinct()
        .order_by(c.artifact_pk)
        .limit(most)
    )
    if not ordinary:
        theirs = theirs.where(c.code.not_in(ORDINARY))
    pks = list(connection.scalars(theirs))
    query = _rows().where(c.artifact_pk.in_(pks)).order_by(c.artifact_pk, c.spot)
    by_file = groupby(connection.execute(query), key=lambda row: row.pk)
    return [(pk, _file(list(rows))) for pk, rows in by_file]


def no_base(bases_are_known: bool, tensors: int) -> BlindSpot:
    """Of a checkpoint whose base is not known. `bases_are_known`: of its architecture."""
    return BlindSpot(NO_BASE, _NONE_IS_ITS if bases_are_known else _NO_BASE_OF_IT, tensors)


def beside_base(layers: int) -> BlindSpot | None:
    """Of a checkpoint whose base is known, and so many layers not read; None: its weights are
    judged."""
    return BlindSpot(LAYERS_NOT_READ, _LAYERS_NOT_READ, layers) if layers else None


def keep_base(connection: Connection, artifact_pk: int, spot: BlindSpot | None) -> None:
    """The base of a checkpoint is known now, or not any more, and what is hidden of it (None:
    nothing); the rest of what was not read of it stays."""
    table = schema.blind_spots
    mine = table.c.artifact_pk == artifact_pk
    query = select(table.c.spot, table.c.code, table.c.reason, table.c.count.label("times"))
    rows = connection.execute(query.where(mine)).all()
    before = [row for row in rows if row.code in _OF_BASE]
    tensors = 0 if spot is None else spot.count
    if spot is not None and spot.code == NO_BASE:
        tensors = max((int(row.times) for row in before if row.code == NO_BASE), default=tensors)
    told_before = [(row.reason, int(row.times)) for row in before]
    if spot is not None and told_before == [(spot.reason, tensors)]:
        return
    connection.execute(delete(table).where(mine, table.c.code.in_(_OF_BASE)))
    if spot is not None:
        number = max((row.spot for row in rows), default=-1) + 1
        told = {"code": spot.code, "reason": spot.reason, "count": tensors, "scan_pk": None}
        connection.execute(insert(table).values(artifact_pk=artifact_pk, spot=number, **told))


def has(code: str) -> ColumnElement[bool]:
    """A condition for queries that join `artifacts`: this of it was not read."""
    c = schema.blind_spots.c
    return exists().where(c.artifact_pk == schema.artifacts.c.pk, c.code == code)


READ_SINCE = (
    "embeddings of textual inversion: not an update, not read yet",
    "a hypernetwork: not an update, not read yet",
)
"""Reasons that were given before, for what is read now."""


def is_read_since() -> ColumnElement[bool]:
    """A condition for queries that join `artifacts`: what of it was not read would be today."""
    c = schema.blind_spots.c
    return exists().where(c.artifact_pk == schema.artifacts.c.pk, c.reason.in_(READ_SINCE))


def codes() -> ColumnElement[str]:
    """A column for queries that join `artifacts`: the codes of what of each was not read, with
    blanks between; null where all was."""
    c = schema.blind_spots.c
    return (
        select(func.aggregate_strings(c.code, " "))
        .where(c.artifact_pk == schema.artifacts.c.pk)
        .scalar_subquery()
    )


def _file(rows: Sequence[Any]) -> BlindFile:
    first = rows[0]
    artifact = artifact_of(first)
    return BlindFile(
        artifact,
        Container(first.container) if first.container else None,
        JudgedBy(rungs_of(artifact, first.judged_by), tuple(map(_spot, rows))),
        first.scan_pk,
    )


def _spot(row: Any) -> BlindSpot:
    return BlindSpot(row.code, row.reason, int(row.times))


def rungs_of(artifact: Artifact, labels: str | None) -> tuple[Rung, ...]:
    """The rungs that could judge it: by what was read of it (`readings.judged_by`), and by what its
    hub states."""
    read = {Rung.of(label) for label in (labels or "").split()}
    stated = set()
    if Rung.BYTES not in read:  # of what lies in a folder, the SHA-256 is known from nothing else
        stated |= {Rung.DECLARED} if artifact.declared else set()
        stated |= {Rung.POINTER} if artifact.masked and artifact.git_oid else set()
    return tuple(sorted(read | stated, reverse=True))
