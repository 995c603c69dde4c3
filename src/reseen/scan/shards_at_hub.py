"""A model in several files at a hub: its layers compared together, each shard judged beside that.

What comes in: the files of a commit, and what reading them told. What goes out: for each set of
shards that holds an adapter one result, as if the shards stood one after the other in one file. It
is an artifact of its own, at the first shard: its place is written `FIRST!MODEL (in N files)`.

What it costs: nothing where the shards are those of a checkpoint, as their headers told; else each
header once more, and by Range the bytes of all layers. They are read whatever the registry holds,
so that what is removed later is recognised without asking again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from reseen.errors import FileError, HubAuth, HubBusy, HubError, bulkhead
from reseen.files import shards
from reseen.fingerprints.digests import Inside, look_inside
from reseen.hubs.hub import drive
from reseen.observed.artifacts import Inspection
from reseen.observed.parts_of_files import mark_of_parts
from reseen.records import Artifact, BlindSpot, Problem, in_parts
from reseen.registry.never_read import forbids
from reseen.scan import read_result
from reseen.scan.archived import member_of
from reseen.scan.budget import SPENT, Kind
from reseen.scan.context import ReadContext
from reseen.scan.read_result import AWAY, LIMIT, ReadResult, where

_OPEN = frozenset({"incomplete", "contradiction", "quantised", "no-numbers"})
"""Codes of what a shard alone leaves open of an adapter: a factor without its other half."""


@dataclass(frozen=True, slots=True)
class ShardSet:
    """A model in several files."""

    whole: Artifact
    parts: tuple[Artifact, ...]
    """In order."""

    @property
    def as_file(self) -> Artifact:
        """The model as if it were one file."""
        return replace(self.whole, member=False, lfs=True)  # its mark is no name of git


def sets_of(artifacts: Iterable[Artifact]) -> Iterator[ShardSet]:
    """The models of which all shards are here."""
    folders: defaultdict[str, dict[str, Artifact]] = defaultdict(dict)
    for artifact in artifacts:
        folder, _, name = artifact.path.rpartition("/")
        if not artifact.member and "-of-" in name:
            folders[folder].setdefault(name, artifact)
    for files in folders.values():
        for name, names in shards.sets_in(files):
            parts = tuple(files[each] for each in names)
            yield ShardSet(_whole(name, parts), parts)


def _whole(name: str, parts: Sequence[Artifact]) -> Artifact:
    """Their model as an artifact: another one where any shard is another."""
    sizes = [part.size for part in parts]
    size = None if None in sizes else sum(each or 0 for each in sizes)
    mark = mark_of_parts([part.content or b"" for part in parts])
    return replace(member_of(parts[0], in_parts(name, len(parts)), size), git_oid=mark)


def may_hold_an_adapter(one: ShardSet, result_of: Callable[[Artifact], ReadResult | None]) -> bool:
    """Did reading any shard just now tell of layers, or leave that open?"""
    read = [what for part in one.parts if (what := result_of(part)) is not None]
    return any(_is_open(what) for what in read)


def _is_open(what: ReadResult) -> bool:
    if what.inspection is None or what.busy or what.missing or what.left:
        return False
    if what.inspection.architecture is None:
        return what.inspection.problem is None  # nobody looked into it: it matched by its digest
    return bool(what.inspection.architecture) or any(spot.code in _OPEN for spot in what.blind)


async def read_set(context: ReadContext, one: ShardSet) -> ReadResult | None:
    """What its layers are copies of, all together; None where they are no adapter, or a shard
    cannot be read by itself, which is said of that. A hub's error is a problem, not raised."""
    budget = context.budget
    if any(forbids(context.known, part) for part in one.parts) or budget.refused:
        return None
    if budget.scan.left <= 0:
        return ReadResult(skipped=SPENT, left=True, unread=LIMIT)
    try:
        listings = []
        for part in one.parts:
            inside = await drive(context.hub, part, look_inside(part.size or 0))
            if inside.listing is None:
                return None
            budget.spend(inside.listing.header_bytes, Kind.HEADERS)
            listings.append((part.path, part.size or 0, inside.listing))
        with bulkhead():
            listing = await asyncio.to_thread(shards.joined, {}, listings)
        from reseen.scan.screen import screen  # numpy, which a scan by hashes alone does not need

        so_far = ReadResult(Inspection(listing.container))
        inside = Inside(listing.container, listing)
        together = replace(context, parts=one.parts)
        told: ReadResult = await screen(together, one.whole, inside, so_far, thorough=True)
    except HubAuth:
        budget.refused = True
        return None
    except HubError as e:
        problem = Problem(where(one.whole), str(e), e.remedy)
        return ReadResult(problem=problem, busy=isinstance(e, HubBusy), unread=AWAY)
    except FileError as e:
        return ReadResult(Inspection(), blind=(BlindSpot(e.code, str(e)),))
    if told.inspection is None or not told.inspection.architecture:
        return None
    if told.unread is read_result.LIMIT:
        # Which layers it has is forgotten: nobody comes back for a model in several files alone.
        return replace(told, inspection=replace(told.inspection, modules={}))
    return told
