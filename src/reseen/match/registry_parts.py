"""Which removals of a store may be inside a file: its parts, where it is a merge.

What comes in: the store, opened for reading, and sketches of files. What goes out: removals with
what speaks for them: leads, which accuse nobody. Of an architecture at most `MOST` removals are
looked at, drawn by the installation's key where there are more; the rest, and the sample of
strangers, are decoys.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection, select

from reseen.errors import Malformed
from reseen.fingerprints.sketch import Sketch, decode
from reseen.match import background
from reseen.match.background import number, secret_of
from reseen.match.calibration import USED
from reseen.match.digests_alone import every_such_claim
from reseen.match.parts import MergePart, PartVerdict, are_the_file, hinted, parts
from reseen.match.sketch_index import OpenStore, searched
from reseen.observed.sketches import ADAPTER
from reseen.store.database import chunks
from reseen.store.schema import claims, removals, sketches
from reseen.updates.names.known import one_of

MOST = 512


@dataclass(frozen=True, slots=True, eq=False)
class KnownSketch:
    """A removal's sketch."""

    removal: str
    sketch: Sketch


@dataclass(frozen=True, slots=True)
class PartLead:
    """A removal that may be inside a file."""

    removal: str
    part: MergePart


def known(connection: Connection, architecture: str, most: int = MOST) -> list[KnownSketch]:
    """Sketches of removals that may be of this architecture, each stored value once."""
    models = set(one_of(architecture))
    every = connection.scalars(select(sketches.c.architecture).distinct())
    alike = [each for each in every if models & set(one_of(each))]
    query = (
        select(sketches.c.claim_pk, removals.c.id)
        .join(claims, claims.c.pk == sketches.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(searched(), sketches.c.kind == ADAPTER)
        .where(sketches.c.architecture.in_(alike))
    )
    owners = {row.claim_pk: row.id for row in connection.execute(query)}
    pks = owners.keys() - every_such_claim(connection)
    secret = secret_of(connection)
    drawn = sorted(pks, key=lambda pk: number(secret, ("part", str(pk))))[:most]
    values: dict[bytes, str] = {}
    for chunk in chunks(drawn):
        chosen = select(sketches.c.claim_pk, sketches.c.value).where(
            sketches.c.claim_pk.in_(chunk), sketches.c.kind == ADAPTER
        )
        for pk, value in connection.execute(chosen.order_by(sketches.c.claim_pk)):
            values.setdefault(bytes(value), owners[pk])
    found: list[KnownSketch] = []
    for value, removal in sorted(values.items()):
        try:
            found.append(KnownSketch(removal, decode(value)))
        except Malformed:
            continue  # a damaged row is no part
    return found


class RegistryParts:
    """The removals of a store as parts, as it was when this was made."""

    def __init__(self, store: OpenStore) -> None:
        """`store` opens it for reading; an architecture is read when the first file of it comes."""
        self._store = store
        self._read = lru_cache(2)(self._of)

    def leads(self, value: bytes | None, without: Collection[str] = ()) -> tuple[PartLead, ...]:
        """Removals that may be inside the file of this sketch, in the published byte layout, but
        for those that are known to be it (`without`)."""
        if value is None:
            return ()
        file = decode(value)
        every, strangers = self._read(file.architecture)
        same = are_the_file(file, [each.sketch for each in every])
        there = [each for each, is_it in zip(every, same, strict=True) if not is_it]
        if not hinted(file, [each.sketch for each in there]):
            return ()
        same = are_the_file(file, strangers)
        rest = [each for each, is_it in zip(strangers, same, strict=True) if not is_it]
        said = parts(file, [each.sketch for each in there], rest)
        best: dict[str, MergePart] = {}
        for each, part in zip(there, said, strict=True):
            if part.verdict is PartVerdict.NOTHING or each.removal in without:
                continue
            before = best.get(each.removal)
            if before is None or part.strength < before.strength:
                best[each.removal] = part
        leads = [PartLead(removal, part) for removal, part in best.items()]
        return tuple(sorted(leads, key=lambda lead: (lead.part.strength, lead.removal)))

    def _of(self, architecture: str) -> tuple[list[KnownSketch], Sequence[Sketch]]:
        with self._store() as connection:
            every = known(connection, architecture)
            strangers = background.load(connection, architecture).sketches if every else ()
        return every, strangers[:USED]
