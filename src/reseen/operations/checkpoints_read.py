"""What is inside the checkpoints that scans read: judged from what is kept of them, whenever one
was read, or a base model, a removal or a known innocent came or went. No hub is asked.

Judged again are: those that were read since; all, where other bases or innocents are in use; else
those for which something spoke, or speaks by what changed. One whose base came later and of which
too few layers were read is kept for the next scan to read on. Whatever came first, the same is
known in the end.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from reseen.match import digests_alone
from reseen.match import innocents as innocents_in_use
from reseen.match.evidence import CHECKPOINT
from reseen.match.judge import files_of, judge_parts
from reseen.observed import artifacts, blind_spots, checkpoint_sketches, sketches, walks
from reseen.observed.checkpoint_sketches import KeptCheckpoint
from reseen.records import BlindSpot, Evidence
from reseen.registry import bases, removals
from reseen.store import change_log, meta
from reseen.store.database import Store, now

if TYPE_CHECKING:
    from reseen.operations.checkpoints import CheckpointReader

ASKED = "checkpoints asked"
"""The name under which the store keeps as of when all checkpoints were judged."""
_HINTED = "checkpoints hinted"
"""The name under which it keeps those for which something spoke."""
_HIDING = "checkpoints hiding bases"
"""The name under which it keeps the bases that had a removal inside then."""
_BATCH = 64


@dataclass(slots=True)
class CheckpointsJudged:
    """What judging them changed."""

    new: list[str] = field(default_factory=list)
    """Ids of new sightings."""
    fallen: int = 0
    """How many sightings were not found any more."""
    to_read: int = 0
    """Files whose base is known since they were read, of which more is to be read."""


def is_due(connection: Connection) -> bool:
    """Whether any is to be judged."""
    if not checkpoint_sketches.are_kept(connection):
        return False
    known = _known_now(connection)
    is_known = meta.value(connection, ASKED) == known.encode()
    return not is_known or bool(checkpoint_sketches.waiting(connection))


def judge(store: Store) -> CheckpointsJudged:
    """Judge those that are to be. It is compared while nobody waits, and written a batch at a
    time."""
    done = CheckpointsJudged()
    with store.read() as connection:
        if not is_due(connection):
            return done
        known, before = _known_now(connection), _KnownThen.of(meta.value(connection, ASKED))
    # numpy, which few of those who follow need
    from reseen.operations.checkpoints import CheckpointReader

    reader = CheckpointReader(store)
    others = before is None or (before.bases, before.beside) != (known.bases, known.beside)
    hiding = "\n".join(reader.hiding()).encode()
    with store.read() as connection:
        others = others or hiding != (meta.value(connection, _HIDING) or b"")
        pks = _to_judge(connection, store, reader, None if others else before)
    for begin in range(0, len(pks), _BATCH):
        with store.read() as connection:
            batch = _compare(connection, reader, pks[begin : begin + _BATCH], others=others)
        with store.write() as connection:
            _keep(connection, store.secret, batch, done)
    with store.write() as connection:
        meta.keep(connection, ASKED, known.encode())
        meta.keep(connection, _HIDING, hiding)
    return done


# -- which are judged ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _KnownThen:
    """What is known at one time."""

    change: int
    """The last change of the registry."""
    whole: int
    """How often files were read whole: strangers."""
    bases: str
    beside: str
    """Known innocents."""

    def encode(self) -> bytes:
        return f"{self.change} {self.whole} {self.bases} {self.beside}".encode()

    @classmethod
    def of(cls, kept: bytes | None) -> _KnownThen | None:
        if kept is None:
            return None
        change, whole, of_bases, beside = kept.decode().split(" ")
        return cls(int(change), int(whole), of_bases, beside)


def _known_now(connection: Connection) -> _KnownThen:
    return _KnownThen(
        change_log.latest(connection),
        sketches.whole_kept(connection),
        bases.version(connection).decode(),
        innocents_in_use.version(connection).decode(),
    )


def _to_judge(
    connection: Connection, store: Store, reader: CheckpointReader, since: _KnownThen | None
) -> list[int]:
    """Those (by pk) that may have to be judged anew. `since`: what was known when all were judged
    last, but for bases and innocents, which are the same; None: all are."""
    every = checkpoint_sketches.pks_of_all(connection)
    changed = None if since is None else change_log.removals_since(connection, since.change)
    if since is None or changed is None:
        return sorted(every)
    waiting = checkpoint_sketches.waiting(connection) | _hinted(connection)
    # It may be that they are of the class that is never read now, or were when they were judged.
    waiting |= files_of(connection, changed)
    found = {pk for pk in every if pk in waiting}
    if changed:
        found |= set(_speaking(connection, store, reader, changed, every.keys() - found))
    return sorted(found)


def _speaking(
    connection: Connection,
    store: Store,
    reader: CheckpointReader,
    changed: Sequence[int],
    pks: Collection[int],
) -> Iterator[int]:
    """Those of these for which one of the removals that changed speaks."""
    from reseen.match.past_parts import claims_alike, searched_claims
    from reseen.match.registry_parts import search_for

    claims = searched_claims(connection, changed)
    if not claims:
        return
    of_all = checkpoint_sketches.pks_of_all(connection)
    by_base: dict[str, set[str]] = {}
    for label in sorted({of_all[pk] for pk in pks}):
        for architecture in reader.judged_as(label):
            by_base.setdefault(architecture, set()).add(label)
    for architecture, labels in sorted(by_base.items()):
        mine = set(claims_alike(architecture, claims))
        if not mine:
            continue
        search = search_for(connection, store.read, architecture, mine)
        asked = [each for each in search.known if each.claim_pk in mine]
        theirs = sorted(pk for pk in pks if of_all[pk] in labels)
        for begin in range(0, len(theirs), _BATCH):
            some = checkpoint_sketches.of_artifacts(connection, theirs[begin : begin + _BATCH])
            yield from (each.artifact_pk for each in some if reader.may_hold(each, asked))


def _hinted(connection: Connection) -> set[int]:
    kept = meta.value(connection, _HINTED)
    return set(array("Q", b"" if kept is None else zlib.decompress(kept)))


# -- judging them ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Compared:
    """What came of a few."""

    checkpoints: list[KeptCheckpoint]
    found: list[tuple[int, str, Evidence]] = field(default_factory=list)
    """Artifact (by pk), removal, why."""
    fallen: frozenset[tuple[int, int]] = frozenset()
    hinted: set[int] = field(default_factory=set)
    bases: dict[int, BlindSpot | None] = field(default_factory=dict)
    """What is hidden of each, where its base is not known or layers are not read."""
    to_read: set[int] = field(default_factory=set)


def _compare(
    connection: Connection, reader: CheckpointReader, pks: Sequence[int], *, others: bool
) -> _Compared:
    """What is inside each. `others`: other bases are known than when they were judged before."""
    from reseen.match.past_parts import not_found, read_to_be

    done = _Compared(checkpoint_sketches.of_artifacts(connection, pks))
    alone = digests_alone.such_artifacts(connection, pks)
    here = artifacts.on_disk(connection, pks)
    itself = read_to_be(connection, pks)
    compared = []
    for each in done.checkpoints:
        pk = each.artifact_pk
        if pk in alone:
            continue
        compared.append(pk)
        seen = reader.kept(each, itself.get(pk, ()))
        done.found += [(pk, part.removal, part.inside) for part in seen.parts if part.is_sure]
        if seen.parts:
            done.hinted.add(pk)
        done.bases[pk] = (
            blind_spots.no_base(seen.has_bases, 1)
            if seen.base is None
            else blind_spots.beside_base(seen.not_read)
        )
        if pk not in here and reader.may_tell_more(each, others=others):
            done.to_read.add(pk)
    done.fallen = not_found(connection, compared, done.found, CHECKPOINT)
    return done


def _keep(connection: Connection, secret: bytes, batch: _Compared, done: CheckpointsJudged) -> None:
    pks = removals.pks_of(connection, {removal for _, removal, _ in batch.found})
    pairs = {(pk, pks[removal]): (why,) for pk, removal, why in batch.found if removal in pks}
    judged = judge_parts(connection, secret, pairs, batch.fallen, CHECKPOINT)
    for pk, spot in batch.bases.items():
        blind_spots.keep_base(connection, pk, spot)
        artifacts.keep_judged_by_weights(connection, pk, spot is None)
    sketches.keep_near(connection, batch.to_read, at=now())
    moved = [one.artifact_pk for one in (*judged.new, *judged.lifted)]
    walks.reopen(connection, {*moved, *batch.to_read})
    asked = {each.artifact_pk for each in batch.checkpoints}
    hinted = (_hinted(connection) - asked) | batch.hinted
    meta.keep(connection, _HINTED, zlib.compress(array("Q", sorted(hinted)).tobytes()))
    checkpoint_sketches.judged(connection, batch.checkpoints)
    done.new += [one.id for one in judged.new if one.rung.on_ladder]
    done.fallen += len(batch.fallen)
    done.to_read += len(batch.to_read)
