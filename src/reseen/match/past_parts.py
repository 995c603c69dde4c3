"""Which stored files have removals inside, as parts of a merge: by sketches that are kept.

What comes in: the store, opened for reading, after files were read whole or removals changed. What
goes out: evidence for `judge`, file by file. A file is asked for all removals once, when there are
decoys enough for its architecture, and again for those that changed since; and for all once more
where a removal changed that has one of its digests. What was asked is kept beside the evidence, so
that whoever was stopped goes on from there. No hub is asked.

Only what is sure is told: a lead would take the file out of the sample of strangers, and a recipe
whose files look like parts of each other would take out itself, which is what tells that they are
not.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import Connection, select

from reseen.errors import Malformed
from reseen.fingerprints.sketch import Sketch, decode
from reseen.match import digests_alone, innocents
from reseen.match.calibration import CALIBRATED_FROM
from reseen.match.evidence import PART
from reseen.match.judge import files_of
from reseen.match.registry_parts import PartSearch, may_be_sure
from reseen.match.sketch_index import searched
from reseen.observed.further import ADAPTERS
from reseen.records import Evidence, Rung
from reseen.store import change_log, meta
from reseen.store.database import chunks
from reseen.store.schema import (
    claims,
    evidence,
    read_sketches,
    removals,
    sightings,
    sketches,
)
from reseen.updates.whole_weights import may_be_one_model

ASKED = "parts asked"
"""The names, or how they begin, under which the store keeps what was asked."""
_BATCH = 256

Read = tuple[int, int]
"""A file's sketch: the artifact's pk, and the sketch's version."""
_Found = tuple[int, str, Evidence]
"""Artifact's pk, removal, why."""


@dataclass(frozen=True, slots=True)
class PartsToAsk:
    """What is to be asked of the files of one architecture."""

    architecture: str
    fresh: Sequence[Read]
    """For all removals."""
    again: Sequence[Read]
    """Asked before: for those that changed."""
    changed: Mapping[int, str]
    """Claims (by pk) whose sketches are looked at first, and their removals."""

    def batches(self) -> Iterator[tuple[list[Read], frozenset[str] | None]]:
        """A few files at a time, and for which removals; None: for all."""
        for files, only in ((self.fresh, None), (self.again, frozenset(self.changed.values()))):
            for begin in range(0, len(files), _BATCH):
                yield list(files[begin : begin + _BATCH]), only


def to_ask(connection: Connection, after: int) -> list[PartsToAsk]:
    """What is to be asked since this change of the registry (-1: nothing ever was), but for
    architectures of which there are too few decoys by number alone."""
    every = searched_claims(connection, None)
    if not every:
        return []
    pks = change_log.removals_since(connection, after)
    changed = every if pks is None else searched_claims(connection, pks)
    # It may be that they are of the class that is never read now, or were when they were asked.
    anew = None if pks is None else files_of(connection, pks)
    files: dict[str, list[Read]] = {}
    query = select(
        read_sketches.c.architecture, read_sketches.c.artifact_pk, read_sketches.c.version
    ).where(read_sketches.c.kind.in_(ADAPTERS), read_sketches.c.complete == 1)
    for architecture, pk, version in connection.execute(query):
        files.setdefault(architecture, []).append((pk, version))
    found = []
    for architecture, theirs in sorted(files.items()):
        decoys = len(claims_alike(architecture, every))
        decoys += sum(
            len(some) for name, some in files.items() if may_be_one_model(architecture, name)
        )
        if decoys < CALIBRATED_FROM:
            continue
        touching = claims_alike(architecture, changed)
        known = asked(connection, architecture)
        known = {one for one in known if anew is not None and one[0] not in anew}
        fresh = [one for one in sorted(theirs) if one not in known]
        again = [one for one in sorted(theirs) if one in known] if touching else []
        if fresh or again:
            found.append(PartsToAsk(architecture, fresh, again, touching))
    return found


def asked(connection: Connection, architecture: str) -> set[Read]:
    """The files of this architecture that were asked for all removals, beside the innocents that
    are in use now."""
    kept = meta.value(connection, _name(architecture))
    beside = meta.value(connection, f"{_name(architecture)} beside") or b""
    if kept is None or beside != innocents.version(connection, architecture):
        return set()
    numbers = array("Q", zlib.decompress(kept))
    return {(one >> 16, one & 0xFFFF) for one in numbers}


def keep_asked(connection: Connection, architecture: str, files: Collection[Read]) -> None:
    """Remember that these were asked, too. Where other innocents were in use when others were
    asked, these are the first."""
    every = sorted(asked(connection, architecture) | set(files))
    numbers = array("Q", (pk << 16 | version for pk, version in every))
    meta.keep(connection, _name(architecture), zlib.compress(numbers.tobytes()))
    beside = innocents.version(connection, architecture)
    meta.keep(connection, f"{_name(architecture)} beside", beside)


def _name(architecture: str) -> str:
    return f"{ASKED} {blake2b(architecture.encode(), digest_size=8).hexdigest()}"


def searched_claims(
    connection: Connection, removal_pks: Sequence[int] | None
) -> dict[str, dict[int, str]]:
    """Architecture -> claims (by pk) whose sketches are searched, of these removals (None: of all),
    and the removals."""
    query = (
        select(sketches.c.architecture, sketches.c.claim_pk, removals.c.id)
        .join(claims, claims.c.pk == sketches.c.claim_pk)
        .join(removals, removals.c.pk == claims.c.removal_pk)
        .where(searched(), sketches.c.kind.in_(ADAPTERS))
    )
    found: dict[str, dict[int, str]] = {}
    for chunk in [None] if removal_pks is None else chunks(removal_pks):
        some = query if chunk is None else query.where(removals.c.pk.in_(chunk))
        for architecture, pk, removal in connection.execute(some):
            found.setdefault(architecture, {})[pk] = removal
    return found


def claims_alike(architecture: str, claims: Mapping[str, Mapping[int, str]]) -> dict[int, str]:
    """Those claims (as `searched_claims` has them) that may be of this architecture."""
    return {
        pk: r
        for name in claims
        if may_be_one_model(architecture, name)
        for pk, r in claims[name].items()
    }


@dataclass(frozen=True, slots=True)
class PartsFound:
    """What came of asking files."""

    found: Sequence[_Found]
    """What is surely inside."""
    fallen: frozenset[tuple[int, int]]
    """Artifacts and removals (by pk): what stood, and is not found any more."""


def inside(
    connection: Connection,
    search: PartSearch,
    pks: Sequence[int],
    only: Set[str] | None,
) -> PartsFound:
    """What is surely inside these files (artifacts, by pk), if anything speaks for these removals
    (None: for any). Of files that are asked for all, what is not found any more falls: other
    innocents are in use than when it was."""
    alone = digests_alone.such_artifacts(connection, pks)
    itself = read_to_be(connection, pks)
    query = select(read_sketches.c.artifact_pk, read_sketches.c.value).where(
        read_sketches.c.kind.in_(ADAPTERS), read_sketches.c.complete == 1
    )
    found: list[_Found] = []
    compared: set[int] = set()
    for pk in sorted(set(pks) - alone):
        compared.add(pk)
        for _, value in connection.execute(query.where(read_sketches.c.artifact_pk == pk)).all():
            file = _decoded(bytes(value))
            if file is None or not may_be_sure(file):
                continue
            for part in search.found(file, itself.get(pk, ()), only):
                if part.is_sure:
                    found.append((pk, part.removal, part.evidence))
    if only is not None:
        return PartsFound(found, frozenset())
    return PartsFound(found, not_found(connection, compared, found))


def not_found(
    connection: Connection, compared: Collection[int], found: Sequence[_Found], kind: str = PART
) -> frozenset[tuple[int, int]]:
    """What stood as a part of these files by evidence of this kind, and is not among what was
    found: artifacts and removals, by pk."""
    standing = standing_parts(connection, compared, kind)
    there = {(pk, removal) for pk, removal, _ in found}
    return frozenset(pair for pair, removal in standing.items() if (pair[0], removal) not in there)


def standing_parts(
    connection: Connection, pks: Collection[int], kind: str = PART
) -> dict[tuple[int, int], str]:
    """What stands as a part of these files, by the artifact and the removal (pks), and which
    removal that is."""
    made: dict[tuple[int, int], str] = {}
    for chunk in chunks(sorted(pks)):
        query = (
            select(sightings.c.artifact_pk, sightings.c.removal_pk, removals.c.id)
            .join(removals, removals.c.pk == sightings.c.removal_pk)
            .join(evidence, evidence.c.sighting_pk == sightings.c.pk)
            .where(sightings.c.artifact_pk.in_(chunk), evidence.c.stands == 1)
            .where(evidence.c.rung == int(Rung.COMPONENT), evidence.c.kind == kind)
        )
        for artifact_pk, removal_pk, removal in connection.execute(query):
            made[artifact_pk, removal_pk] = removal
    return made


def read_to_be(connection: Connection, pks: Sequence[int]) -> dict[int, set[str]]:
    """Of these files: the removals that reading showed them to be. What a hub states may be refuted
    yet, and that a file is one removal says nothing of another that is inside."""
    by_reading = [int(rung) for rung in (Rung.WEIGHTS, Rung.TENSORS, Rung.BYTES)]
    found: dict[int, set[str]] = {}
    for chunk in chunks(pks):
        query = (
            select(sightings.c.artifact_pk, removals.c.id)
            .join(removals, removals.c.pk == sightings.c.removal_pk)
            .where(sightings.c.artifact_pk.in_(chunk), sightings.c.rung.in_(by_reading))
        )
        for pk, removal in connection.execute(query):
            found.setdefault(pk, set()).add(removal)
    return found


def _decoded(value: bytes) -> Sketch | None:
    try:
        return decode(value)
    except Malformed:
        return None  # a damaged row shows nothing
