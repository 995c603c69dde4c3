"""Which removals are near a known innocent: the same file, like it by its weights, or inside it.

Who proposes an innocent could choose one that hides a removal. So what hides nothing is let pass
and the rest is not: what comes in are innocents, in files or from the store, and removals; what
goes out are the pairs that are near, with the rung. It depends on the two alone, and on no
background that others fill: so in whatever order they came, the same innocents are in use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, select

from reseen.errors import Malformed
from reseen.fingerprints.kinds import LADDER
from reseen.fingerprints.sketch import Sketch, decode
from reseen.match.calibration import NO_BACKGROUND
from reseen.match.compare import COPY_MEAN, compare
from reseen.match.digests_alone import every_such_claim
from reseen.match.part_figures import Side, ToldBy
from reseen.match.parts import hides
from reseen.match.sketch_index import searched
from reseen.observed.further import ADAPTERS
from reseen.records import DigestKind, Rung
from reseen.store.database import chunks
from reseen.store.innocent_schema import innocent_digests, innocent_sketches
from reseen.store.schema import claims, digests, removals, sketches
from reseen.updates.names.known import one_of

_BATCH = 256
"""Sketches of removals that are looked at together."""


@dataclass(frozen=True, slots=True, eq=False)
class InnocentFile:
    """What is known of an innocent's file."""

    digests: Mapping[int, bytes]
    """By their kinds."""
    sketches: Sequence[Sketch]


def of_file(digests: Mapping[int, bytes], values: Sequence[bytes]) -> InnocentFile:
    """`values`: sketches in the published byte layout. Raises Malformed."""
    return InnocentFile(digests, tuple(map(decode, values)))


def load(connection: Connection, pks: Collection[int]) -> dict[int, InnocentFile]:
    """Those of the store with these pks."""
    d, s = innocent_digests.c, innocent_sketches.c
    held: dict[int, dict[int, bytes]] = {}
    query = select(d.innocent_pk, d.kind, d.value).where(d.innocent_pk.in_(pks))
    for pk, kind, value in connection.execute(query):
        held.setdefault(pk, {})[kind] = bytes(value)
    several: dict[int, list[bytes]] = {}
    kept = select(s.innocent_pk, s.value).where(s.innocent_pk.in_(pks))
    for pk, value in connection.execute(kept.order_by(s.innocent_pk, s.number)):
        several.setdefault(pk, []).append(bytes(value))
    return {pk: of_file(held.get(pk, {}), values) for pk, values in several.items()}


def near(
    connection: Connection,
    innocents: Mapping[int, InnocentFile],
    removal_pks: Collection[int] | None = None,
) -> dict[tuple[int, int], Rung]:
    """(innocent, removal), both by pk, with the strongest rung; of these removals, as far as they
    are in force (None: of all)."""
    found: dict[tuple[int, int], Rung] = {}
    if not innocents or (removal_pks is not None and not removal_pks):
        return found

    def keep(innocent: int, removal: int, rung: Rung) -> None:
        found[innocent, removal] = max(rung, found.get((innocent, removal), rung))

    for innocent, removal, rung in _same(connection, innocents, removal_pks):
        keep(innocent, removal, rung)
    for some in chunks(_sketches(connection, removal_pks), _BATCH):
        for innocent, file in innocents.items():
            for mine in file.sketches:
                for at, rung in _alike(mine, [theirs for _, theirs in some]):
                    keep(innocent, some[at][0], rung)
    return found


def _same(
    connection: Connection,
    innocents: Mapping[int, InnocentFile],
    removal_pks: Collection[int] | None,
) -> Iterator[tuple[int, int, Rung]]:
    """By a digest that both have."""
    owners: dict[tuple[int, bytes], list[int]] = {}
    for pk, file in innocents.items():
        for key in file.digests.items():
            owners.setdefault(key, []).append(pk)
    wanted = None if removal_pks is None else set(removal_pks)
    for chunk in chunks(sorted({value for _, value in owners})):
        query = (
            select(digests.c.kind, digests.c.value, claims.c.removal_pk)
            .join(claims, claims.c.pk == digests.c.claim_pk)
            .where(claims.c.in_force == 1, digests.c.value.in_(chunk))
        )
        for kind, value, removal_pk in connection.execute(query):
            if wanted is None or removal_pk in wanted:
                for pk in owners.get((kind, bytes(value)), ()):
                    yield pk, removal_pk, LADDER[DigestKind(kind)].read


def _sketches(
    connection: Connection, removal_pks: Collection[int] | None
) -> Iterator[tuple[int, Sketch]]:
    """Of removals, by their pks, those that are searched."""
    alone = every_such_claim(connection)
    query = (
        select(removals.c.pk, sketches.c.claim_pk, sketches.c.value)
        .join(claims, claims.c.pk == sketches.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(searched(), sketches.c.kind.in_(ADAPTERS))
        .order_by(sketches.c.claim_pk)
    )
    for chunk in [None] if removal_pks is None else chunks(sorted(removal_pks)):
        some = query if chunk is None else query.where(removals.c.pk.in_(chunk))
        for removal_pk, claim_pk, value in connection.execute(
            some.execution_options(yield_per=_BATCH)
        ):
            if claim_pk in alone:
                continue
            try:
                yield removal_pk, decode(bytes(value))
            except Malformed:
                continue  # a damaged row is no removal to hide


def _alike(innocent: Sketch, given: Sequence[Sketch]) -> Iterator[tuple[int, Rung]]:
    """Which of these removals (by place) the innocent is a copy of, or hides."""
    for at in _worth_a_look(innocent, given):
        found = compare(given[at], innocent, NO_BACKGROUND)
        if found is not None and (found.is_copy or found.is_lead or abs(found.mean) >= COPY_MEAN):
            yield at, Rung.WEIGHTS
        elif hides(innocent, given[at]):
            yield at, Rung.COMPONENT


def _worth_a_look(innocent: Sketch, given: Sequence[Sketch]) -> list[int]:
    """Those that anything speaks for, and those of too few modules for that to be told."""
    models = set(one_of(innocent.architecture))
    chosen = [n for n, each in enumerate(given) if models & set(one_of(each.architecture))]
    others = [given[n] for n in chosen]
    told, worth = np.zeros(len(others), np.bool_), np.zeros(len(others), np.bool_)
    for by in ToldBy:
        side = Side.of(by, innocent, others, len(others))
        if side is None:
            continue
        worth[side.numbers] |= side.beyond()
        if by is ToldBy.LINEAR:
            told[side.numbers] = True
            worth[side.numbers] |= np.abs(side.reached(side.file)) >= COPY_MEAN / 2
    return [chosen[n] for n in np.flatnonzero(worth | ~told).tolist()]
