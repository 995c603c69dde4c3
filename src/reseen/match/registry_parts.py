"""Which removals of a store are inside a file: its parts, where it is a merge.

What comes in: the store, opened for reading, and sketches of files. What goes out: removals with
what speaks for them: evidence where that is sure, else leads, which accuse nobody. Of an
architecture `MOST` removals are looked at, drawn by the installation's key where there are more,
and then those beside that a `shortlist` names for a file; the rest, and the sample of strangers,
are decoys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import ColumnElement, Connection, select

from reseen.errors import Malformed
from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.sketch import Sketch, decode
from reseen.match import background, evidence, innocents
from reseen.match.background import number, secret_of
from reseen.match.calibration import CALIBRATED_FROM, USED
from reseen.match.digests_alone import every_such_claim
from reseen.match.evidence import NO_STRENGTHS, PartStrengths
from reseen.match.part_blocks import in_blocks
from reseen.match.part_figures import FEWEST_TO_CALIBRATE
from reseen.match.parts import MergePart, PartVerdict, are_the_file, hinted, parts
from reseen.match.shortlist import MOST_LISTED, Shortlist
from reseen.match.sketch_index import OpenStore, searched
from reseen.observed.further import ADAPTERS
from reseen.records import Evidence
from reseen.store import search_key
from reseen.store.database import chunks
from reseen.store.schema import claims, removals, sketches
from reseen.updates.whole_weights import may_be_one_model

MOST = 512


@dataclass(frozen=True, slots=True, eq=False)
class KnownSketch:
    """A removal's sketch."""

    removal: str
    claim_pk: int
    name: str
    """What evidence calls it by: `sketch_name`."""
    sketch: Sketch


@dataclass(frozen=True, slots=True)
class FoundPart:
    """A removal that is inside a file, or may be."""

    removal: str
    part: MergePart
    claim_pk: int
    """Whose sketch it is."""
    sketch: str
    """The sketch's name."""
    in_blocks: PartStrengths = NO_STRENGTHS
    """Of what is sure."""

    @property
    def evidence(self) -> Evidence:
        """Of what is sure."""
        return evidence.component(self.part, self.sketch, self.in_blocks)

    @property
    def is_sure(self) -> bool:
        """Inside a merge: evidence. Else a lead."""
        return self.part.verdict is PartVerdict.PART


def _nothing(claim_pks: Sequence[int]) -> list[KnownSketch]:
    return []


@dataclass(frozen=True, slots=True, eq=False)
class PartSearch:
    """What files of one architecture are asked for."""

    known: Sequence[KnownSketch]
    strangers: Sequence[Sketch]
    shortlist: Shortlist | None = None
    """Of all removals, where `known` are not all."""
    load: Callable[[Sequence[int]], list[KnownSketch]] = _nothing
    """Sketches by their claims, for those that it names."""
    innocents: Sequence[Sketch] = ()
    """Known ones, that may be inside as well."""

    @property
    def calibrated(self) -> bool:
        """Could there be decoys enough? Without them nothing is more than a lead."""
        return len(self.known) + len(self.strangers) >= CALIBRATED_FROM

    def found(
        self, file: Sketch, without: Collection[str] = (), only: Set[str] | None = None
    ) -> tuple[FoundPart, ...]:
        """What is inside a file, the surest first. `without`: removals that it is known to be;
        `only`: where nothing speaks for any of these, nothing is said."""
        if only is not None and only <= {each.removal for each in self.known}:
            # The usual case of the past, and cheap: these alone, before any list is asked.
            mine = [each.sketch for each in self.known if each.removal in only]
            if not hinted(file, mine, self.innocents):
                return ()
        every = self.near(file)
        asked = [k.sketch for k in every if only is None or k.removal in only]
        if not asked or not hinted(file, asked, self.innocents):
            return ()
        same = are_the_file(file, [each.sketch for each in every])
        there = [each for each, is_it in zip(every, same, strict=True) if not is_it]
        if not hinted(file, [each.sketch for each in there], self.innocents):
            return ()
        same = are_the_file(file, self.strangers)
        rest = [each for each, is_it in zip(self.strangers, same, strict=True) if not is_it]
        said = parts(file, [each.sketch for each in there], rest, self.innocents)
        best: dict[str, tuple[MergePart, KnownSketch]] = {}
        for each, part in zip(there, said, strict=True):
            before = best.get(each.removal)
            if part.verdict is not PartVerdict.NOTHING and (
                before is None or part.strength < before[0].strength
            ):
                best[each.removal] = part, each
        sure = [each for part, each in best.values() if part.verdict is PartVerdict.PART]
        blocks = in_blocks(file, [each.sketch for each in sure])
        told = dict(zip((each.removal for each in sure), blocks, strict=True))
        made = [
            FoundPart(name, part, each.claim_pk, each.name, told.get(name, NO_STRENGTHS))
            for name, (part, each) in best.items()
            if name not in without
        ]
        return tuple(sorted(made, key=lambda one: (one.part.strength, one.removal)))

    def near(self, file: Sketch) -> list[KnownSketch]:
        """All that a file is held against."""
        return [*self.known, *self._named(file)]

    def _named(self, file: Sketch) -> list[KnownSketch]:
        """Those beside `known` that are worth a closer look."""
        if self.shortlist is None:
            return []
        here = {each.claim_pk for each in self.known}
        return self.load([pk for pk in self.shortlist.best(file) if pk not in here])


def sketch_name(value: bytes) -> str:
    """What evidence calls a sketch by, in its published byte layout: it tells nothing of it."""
    return hashlib.sha256(value).hexdigest()[:16]


def may_be_sure(file: Sketch) -> bool:
    """Has a file so many modules that anything about it can be more than a lead?"""
    return len(file.ids) >= FEWEST_TO_CALIBRATE


def search_for(
    connection: Connection, store: OpenStore, architecture: str, first: Collection[int] = ()
) -> PartSearch:
    """What a file of this architecture is asked for. `first`: claims (by pk) that are looked at
    before the draw; `store`: opens it again, where more sketches are wanted for a file."""
    owners = _of_architecture(connection, architecture)
    drawn = _drawn(connection, owners, first)
    every = _sketches(connection, drawn[:MOST], owners)
    strangers = background.load(connection, architecture).sketches if every else ()
    beside = innocents_in_use(connection, architecture) if every else ()
    if len(drawn) <= MOST:
        return PartSearch(every, strangers[:USED], innocents=beside)

    def load(claim_pks: Sequence[int]) -> list[KnownSketch]:
        with store() as later:
            return _sketches(later, claim_pks, owners)

    listed = _each(connection, drawn[:MOST_LISTED])
    order = ModuleOrder(search_key.of(connection))
    return PartSearch(every, strangers[:USED], Shortlist.of(listed, order), load, beside)


def innocents_in_use(connection: Connection, architecture: str) -> tuple[Sketch, ...]:
    """Known innocents that may be inside a file of this architecture."""
    return tuple(map(decode, innocents.in_use(connection, architecture)))


def known(
    connection: Connection, architecture: str, most: int = MOST, first: Collection[int] = ()
) -> list[KnownSketch]:
    """Sketches of removals that may be of this architecture, each stored value once; those of the
    claims in `first` (pks) before others."""
    owners = _of_architecture(connection, architecture)
    return _sketches(connection, _drawn(connection, owners, first)[:most], owners)


def _of_architecture(connection: Connection, architecture: str) -> dict[int, str]:
    """Claims (by pk) whose sketches may be of this architecture, and the removals."""
    every = connection.scalars(select(sketches.c.architecture).distinct())
    alike = [each for each in every if may_be_one_model(architecture, each)]
    owners = _owners(connection, sketches.c.architecture.in_(alike))
    alone = every_such_claim(connection)
    return {pk: removal for pk, removal in owners.items() if pk not in alone}


def _drawn(connection: Connection, claim_pks: Collection[int], first: Collection[int]) -> list[int]:
    """In the order of the draw."""
    secret = secret_of(connection)
    early = frozenset(first)
    return sorted(claim_pks, key=lambda pk: (pk not in early, number(secret, ("part", str(pk)))))


def _each(connection: Connection, claim_pks: Sequence[int]) -> Iterator[tuple[int, Sketch]]:
    """The sketches of these claims, one after the other."""
    for chunk in chunks(claim_pks):
        query = select(sketches.c.claim_pk, sketches.c.value).where(
            sketches.c.claim_pk.in_(chunk), sketches.c.kind.in_(ADAPTERS)
        )
        for pk, value in connection.execute(query.order_by(sketches.c.claim_pk)):
            try:
                yield pk, decode(bytes(value))
            except Malformed:
                continue  # a damaged row is no part


def _sketches(
    connection: Connection, claim_pks: Sequence[int], owners: Mapping[int, str]
) -> list[KnownSketch]:
    """The sketches of these claims, each stored value once."""
    values: dict[bytes, int] = {}
    for chunk in chunks(claim_pks):
        chosen = select(sketches.c.claim_pk, sketches.c.value).where(
            sketches.c.claim_pk.in_(chunk), sketches.c.kind.in_(ADAPTERS)
        )
        for pk, value in connection.execute(chosen.order_by(sketches.c.claim_pk)):
            values.setdefault(bytes(value), pk)
    found: list[KnownSketch] = []
    for value, pk in sorted(values.items()):
        try:
            found.append(KnownSketch(owners[pk], pk, sketch_name(value), decode(value)))
        except Malformed:
            continue  # a damaged row is no part
    return found


def names_of(connection: Connection, removal_pks: Collection[int]) -> dict[int, set[str]]:
    """What the sketches of these removals are called that are searched: evidence of any other is
    of a claim that has gone."""
    found: dict[int, set[str]] = {}
    alone = every_such_claim(connection)
    for chunk in chunks(removal_pks):
        query = (
            select(claims.c.removal_pk, sketches.c.claim_pk, sketches.c.value)
            .join(claims, claims.c.pk == sketches.c.claim_pk)
            .join(removals, removals.c.pk == claims.c.removal_pk)
            .where(searched(), sketches.c.kind.in_(ADAPTERS), claims.c.removal_pk.in_(chunk))
        )
        for removal_pk, claim_pk, value in connection.execute(query):
            if claim_pk not in alone:
                found.setdefault(removal_pk, set()).add(sketch_name(bytes(value)))
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

    def sure(self, value: bytes, without: Collection[str] = ()) -> tuple[FoundPart, ...]:
        """The same, of what is surely inside alone: where nothing can be, nothing is compared."""
        file = decode(value)
        if not may_be_sure(file) or not self._read(file.architecture).calibrated:
            return ()
        found = self._read(file.architecture).found(file, without)
        return tuple(part for part in found if part.is_sure)

    def search(self, architecture: str) -> PartSearch:
        """What files of an architecture are asked for."""
        return self._read(architecture)

    def _of(self, architecture: str) -> PartSearch:
        with self._store() as connection:
            return search_for(connection, self._store, architecture)
