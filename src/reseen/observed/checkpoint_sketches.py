"""Sketches of the weights of checkpoints that scans read: of some layers each, kept so that a base
model or a removal that comes later tells of them without another question to a hub.

They stand in the tables of sketches as a kind of their own, under a version number that no other
kind has. Of a checkpoint whose base was not told there are a few layers, or none: enough to tell
what a base that is added later is to it. Beside them the store keeps which were read anew since
they were last judged.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select

from reseen.errors import Malformed
from reseen.store import meta, schema
from reseen.store.database import chunks, upsert

if TYPE_CHECKING:
    from reseen.fingerprints.weight_sketch import WeightSketch

CHECKPOINT = "checkpoint"
"""The kind."""
VERSION = 1_101
"""A thousand, a hundred and that of `fingerprints.weight_sketch`."""
_WAITING = "checkpoints waiting"
"""The name under which the store keeps which were read and not judged."""


@dataclass(frozen=True, slots=True)
class ReadWeights:
    """What was read of a checkpoint's weights."""

    sketch: bytes
    """As `WeightSketch.encode` writes it."""
    is_enough: bool
    """Its base was told, and all was read of it that tells what was added."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptCheckpoint:
    """One that is kept."""

    artifact_pk: int
    architecture: str
    value: bytes
    """As it is kept."""
    sketch: WeightSketch
    is_enough: bool


def keep_read(connection: Connection, made: Sequence[tuple[int, ReadWeights]]) -> None:
    """Keep those of artifacts, by their pks, instead of what was kept of them: they wait to be
    judged. What came near a base and was not read in full was, now. Raises Malformed for what is no
    sketch of weights."""
    if not made:
        return
    from reseen.fingerprints.weight_sketch import decode  # numpy, which most files do not need

    rows = [
        {
            "artifact_pk": pk,
            "version": VERSION,
            "architecture": decode(read.sketch).architecture,
            "kind": CHECKPOINT,
            "complete": int(read.is_enough),
            "value": read.sketch,
        }
        for pk, read in dict(made).items()
    ]
    update = ("architecture", "complete", "value")
    upsert(connection, schema.read_sketches, rows, key=("artifact_pk", "version"), update=update)
    pks = [pk for pk, _ in made]
    for chunk in chunks(pks):
        connection.execute(delete(schema.near).where(schema.near.c.artifact_pk.in_(chunk)))
    _keep(connection, waiting(connection) | set(pks))


def waiting(connection: Connection) -> set[int]:
    """Artifacts (by pk) that were read and not judged."""
    kept = meta.value(connection, _WAITING)
    return set(array("Q", b"" if kept is None else zlib.decompress(kept)))


def judged(connection: Connection, checkpoints: Sequence[KeptCheckpoint]) -> None:
    """These were, as they were kept: those that were read anew meanwhile go on waiting."""
    left = waiting(connection)
    pks = left.intersection(each.artifact_pk for each in checkpoints)
    if not pks:
        return
    now = {each.artifact_pk: each.value for each in of_artifacts(connection, pks)}
    done = {e.artifact_pk for e in checkpoints if now.get(e.artifact_pk, e.value) == e.value}
    _keep(connection, left - done)


def _keep(connection: Connection, pks: Iterable[int]) -> None:
    meta.keep(connection, _WAITING, zlib.compress(array("Q", sorted(pks)).tobytes()))


def pks_of_all(connection: Connection) -> dict[int, str]:
    """The artifacts of which there is one, and of what architecture it is."""
    k = schema.read_sketches.c
    query = select(k.artifact_pk, k.architecture).where(k.version == VERSION)
    return {row.artifact_pk: row.architecture for row in connection.execute(query)}


def are_kept(connection: Connection) -> bool:
    """Is there any?"""
    k = schema.read_sketches.c
    query = select(k.artifact_pk).where(k.version == VERSION)
    return connection.scalar(query.limit(1)) is not None


def of_artifacts(connection: Connection, pks: Iterable[int]) -> list[KeptCheckpoint]:
    """Those of these artifacts; a damaged row is none."""
    from reseen.fingerprints.weight_sketch import decode  # as above

    k = schema.read_sketches.c
    found = []
    for chunk in chunks(pks):
        query = select(k.artifact_pk, k.value, k.complete).where(
            k.artifact_pk.in_(chunk), k.version == VERSION
        )
        for pk, value, complete in connection.execute(query.order_by(k.artifact_pk)):
            try:
                sketch = decode(bytes(value))
            except Malformed:
                continue
            kept = (pk, sketch.architecture, bytes(value), sketch, bool(complete))
            found.append(KeptCheckpoint(*kept))
    return found
