"""A removed file and what was found, side by side: what their headers share, and the block picture.

What comes in: the store and a sighting. What goes out: facts of both files, and cosines module by
module where both were sketched. Only kept numbers are read; no file is asked for, and nothing
sealed is in what both say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from reseen.errors import Malformed, NotFound
from reseen.match.blocks import Block, side_by_side
from reseen.match.digests_alone import such_artifacts, such_claims
from reseen.observed import further
from reseen.observed.sketches import ADAPTER
from reseen.records import RemovalClass
from reseen.store import schema

MOST_FILES = 32
"""Files of a removal that are looked at, those known best first."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known of both files, or of one."""

    what: str
    removed: str
    """Empty where it is not known."""
    found: str

    @property
    def same(self) -> bool | None:
        """None where it is known of one of them only."""
        return self.removed == self.found if self.removed and self.found else None


@dataclass(frozen=True, slots=True)
class FilesCompared:
    """Two files side by side."""

    facts: tuple[Fact, ...]
    blocks: tuple[Block, ...]
    """Empty where one of the two was never sketched, or they share no module."""

    @property
    def cells(self) -> int:
        return sum(len(block.cells) for block in self.blocks)

    @property
    def compared(self) -> int:
        return sum(block.compared for block in self.blocks)

    @property
    def agreeing(self) -> int:
        return sum(block.agreeing for block in self.blocks)


def of_sighting(connection: Connection, sighting: str) -> FilesCompared:
    """The file that was found beside the file of the removal that is most like it; of the class of
    which only digests are compared, the size of what was found alone.
    Raises NotFound."""
    s = schema.sightings.c
    r = schema.removals.c
    row = connection.execute(
        select(s.removal_pk, s.artifact_pk, r.cls.label("removal_class"))
        .join(schema.removals, r.pk == s.removal_pk)
        .where(s.id == sighting)
    ).one_or_none()
    if row is None:
        raise NotFound.of("sighting", sighting, "Go back to the queue.")
    found, adapters = _found(connection, row.artifact_pk)
    never_read = RemovalClass(row.removal_class).never_read
    if never_read or such_artifacts(connection, [row.artifact_pk]):
        return FilesCompared(_facts({}, {"size": found["size"]}), ())
    best = FilesCompared(_facts({}, found), ())
    for file, own_sketch in _removed(connection, row.removal_pk):
        for sketch in adapters or (None,):
            blocks: tuple[Block, ...] = ()
            if own_sketch is not None and sketch is not None:
                try:
                    blocks = side_by_side(own_sketch, sketch)
                except Malformed:
                    blocks = ()  # a damaged row: the facts hold without its picture
            one = FilesCompared(_facts(file, found), blocks)
            if _nearness(one) > _nearness(best):
                best = one
    return best


def _nearness(likeness: FilesCompared) -> tuple[float, int, int]:
    means = [abs(b.mean) * b.compared for b in likeness.blocks if b.mean is not None]
    return (
        sum(means) / max(likeness.compared, 1),
        sum(fact.same is True for fact in likeness.facts),
        sum(bool(fact.removed) for fact in likeness.facts),
    )


def _found(connection: Connection, artifact_pk: int) -> tuple[Mapping[str, Any], tuple[bytes, ...]]:
    """What is known of it, and the sketches of its adapters."""
    a, r, k = schema.artifacts.c, schema.readings.c, schema.read_sketches.c
    row = connection.execute(
        select(a.size, r.container, r.data_size, r.layout, r.architecture, k.value)
        .select_from(
            schema.artifacts.outerjoin(schema.readings, r.artifact_pk == a.pk).outerjoin(
                schema.read_sketches, (k.artifact_pk == a.pk) & (k.kind == ADAPTER)
            )
        )
        .where(a.pk == artifact_pk)
        .order_by(k.version.desc())
        .limit(1)
    ).one()
    own = () if row.value is None else (row.value,)
    more = further.of_artifacts(connection, [artifact_pk]).get(artifact_pk, ())
    return dict(row._mapping), (*own, *more)


def _removed(
    connection: Connection, removal_pk: int
) -> list[tuple[Mapping[str, Any], bytes | None]]:
    f, k = schema.claims.c, schema.sketches.c
    rows = connection.execute(
        select(f.pk, f.size, f.container, f.data_size, f.layout, k.architecture, k.value)
        .select_from(
            schema.claims.outerjoin(
                schema.sketches, (k.claim_pk == f.pk) & (k.kind.in_(further.ADAPTERS))
            )
        )
        .where(f.removal_pk == removal_pk, f.in_force == 1)
        .order_by(k.value.is_(None), f.layout.is_(None), f.size.is_(None), f.pk, k.version)
        .limit(MOST_FILES)
    ).all()
    alone = such_claims(connection, [row.pk for row in rows])
    return [
        ({"size": row.size}, None) if row.pk in alone else (dict(row._mapping), row.value)
        for row in rows
    ]


def _facts(removed: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[Fact, ...]:
    made = (
        Fact("size", _bytes(removed.get("size")), _bytes(found.get("size"))),
        Fact("container", removed.get("container") or "", found.get("container") or ""),
        Fact(
            "bytes of weights",
            _bytes(removed.get("data_size")),
            _bytes(found.get("data_size")),
        ),
        Fact("shapes and types", _short(removed.get("layout")), _short(found.get("layout"))),
        Fact("base model", removed.get("architecture") or "", found.get("architecture") or ""),
    )
    return tuple(fact for fact in made if fact.removed or fact.found)


def _bytes(value: int | None) -> str:
    return "" if value is None else f"{value:,} bytes"


def _short(value: bytes | None) -> str:
    """The first digits of a digest over what tensors there are."""
    return "" if value is None else value.hex()[:12]
