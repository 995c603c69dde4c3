"""Which removals of a store are inside a file: its parts, where it is a merge.

What comes in: the store, opened for reading, and sketches of files. What goes out: removals with
what speaks for them: evidence where that is sure, else leads, which accuse nobody. Of an
architecture at most `MOST` removals are looked at, drawn by the installation's key where there are
more; the rest, and the sample of strangers, are decoys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import ColumnElement, Connection, select

from reseen.errors import Malformed
from reseen.fingerprints.sketch import Sketch, decode
from reseen.match import background
from reseen.match.background import number, secret_of
from reseen.match.calibration import CALIBRATED_FROM, USED
from reseen.match.digests_alone import every_such_claim
from reseen.match.part_figures import FEWEST_TO_CALIBRATE
from reseen.match.parts import MergePart, PartVerdict, are_the_file, hinted, parts
from reseen.match.sketch_index import OpenStore, searched
from reseen.observed.further import ADAPTERS
from reseen.store.database import chunks
from reseen.store.schema import claims, removals, sketches
from reseen.updates.names.known import one_of

MOST = 512


@dataclass(frozen=True, slots=True, eq=False)
class KnownSketch:
    """A removal's sketch."""

    removal: str
    sketch: Sketch
    name: str = ""
    """What evidence calls it by: `sketch_name`."""


@dataclass(frozen=True, slots=True)
class FoundPart:
    """A removal that is inside a file, or may be."""

    removal: str
    part: MergePart
    sketch: str
    """Which of the removal's sketches it is, by its name."""

    @property
    def is_sure(self) -> bool:
        """Inside a merge: evidence. Else a lead."""
        return self.part.verdict is PartVerdict.PART


@dataclass(frozen=True, slots=True, eq=False)
class PartSearch:
    """What files of one architecture are asked for."""

    known: Sequence[KnownSketch]
    strangers: Sequence[Sketch]

    @property
    def calibrated(self) -> bool:
        """Could there be decoys enough? Without them nothing is more than a lead."""
        return len(self.known) + len(self.strangers) >= CALIBRATED_FROM

    def found(
        self, file: Sketch, without: Collection[str] = (), only: Collection[str] | None = None
    ) -> tuple[FoundPart, ...]:
        """What is inside a file, the surest first. `without`: removals that it is known to be;
        `only`: where nothing speaks for any of these, nothing is said."""
        asked = [k.sketch for k in self.known if only is None or k.removal in only]
        if not asked or not hinted(file, asked):
            return ()
        same = are_the_file(file, [each.sketch for each in self.known])
        there = [each for each, is_it in zip(self.known, same, strict=True) if not is_it]
        if not hinted(file, [each.sketch for each in there]):
            return ()
        same = are_the_file(file, self.strangers)
        rest = [each for each, is_it in zip(self.strangers, same, strict=True) if not is_it]
        said = parts(file, [each.sketch for each in there], rest)
        best: dict[str, FoundPart] = {}
        for each, part in zip(there, said, strict=True):
            if part.verdict is PartVerdict.NOTHING or each.removal in without:
                continue
            before = best.get(each.removal)
            if before is None or part.strength < before.part.strength:
                best[each.removal] = FoundPart(each.removal, part, each.name)
        return tuple(sorted(best.values(), key=lambda one: (one.part.strength, one.removal)))


def sketch_name(value: bytes) -> str:
    """What evidence calls a sketch by, in its published byte layout: it tells nothing of it."""
    return hashlib.sha256(value).hexdigest()[:16]


def may_be_sure(file: Sketch) -> bool:
    """Has a file so many modules that anything about it can be more than a lead?"""
    return len(file.ids) >= FEWEST_TO_CALIBRATE


def search_for(
    connection: Connection, architecture: str, first: Collection[int] = ()
) -> PartSearch:
    """What a file of this architecture is asked for. `first`: claims (by pk) that are looked at
    before the draw."""
    every = known(connection, architecture, first=first)
    strangers = background.load(connection, architecture).sketches if every else ()
    return PartSearch(every, strangers[:USED])


def known(
    connection: Connection, architecture: str, most: int = MOST, first: Collection[int] = ()
) -> list[KnownSketch]:
    """Sketches of removals that may be of this architecture, each stored value once; those of the
    claims in `first` (pks) before others."""
    models = set(one_of(architecture))
    every = connection.scalars(select(sketches.c.architecture).distinct())
    alike = [each for each in every if models & set(one_of(each))]
    owners = _owners(connection, sketches.c.architecture.in_(alike))
    pks = owners.keys() - every_such_claim(connection)
    secret = secret_of(connection)
    early = frozenset(first)
    drawn = sorted(pks, key=lambda pk: (pk not in early, number(secret, ("part", str(pk)))))[:most]
    values: dict[bytes, str] = {}
    for chunk in chunks(drawn):
        chosen = select(sketches.c.claim_pk, sketches.c.value).where(
            sketches.c.claim_pk.in_(chunk), sketches.c.kind.in_(ADAPTERS)
        )
        for pk, value in connection.execute(chosen.order_by(sketches.c.claim_pk)):
            values.setdefault(bytes(value), owners[pk])
    found: list[KnownSketch] = []
    for value, removal in sorted(values.items()):
        try:
            found.append(KnownSketch(removal, decode(value), sketch_name(value)))
        except Malformed:
            continue  # a damaged row is no part
    return found


def _owners(connection: Connection, wanted: ColumnElement[bool]) -> dict[int, str]:
    """Claims that are searched (by pk) -> the removals that they are about."""
    query = (
        select(sketches.c.claim_pk, removals.c.id)
        .join(claims, claims.c.pk == sketches.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(searched(), sketches.c.kind.in_(ADAPTERS), wanted)
    )
    return {row.claim_pk: row.id for row in connection.execute(query)}


class RegistryParts:
    """The removals of a store as parts, as it was when this was made."""

    def __init__(self, store: OpenStore) -> None:
        """`store` opens it for reading; an architecture is read when the first file of it comes."""
        self._store = store
        self._read = lru_cache(2)(self._of)

    def found(self, value: bytes | None, without: Collection[str] = ()) -> tuple[FoundPart, ...]:
        """What is inside the file of this sketch, in the published byte layout, but for those that
        are known to be it (`without`)."""
        if value is None:
            return ()
        file = decode(value)
        return self._read(file.architecture).found(file, without)

    def _of(self, architecture: str) -> PartSearch:
        with self._store() as connection:
            return search_for(connection, architecture)
