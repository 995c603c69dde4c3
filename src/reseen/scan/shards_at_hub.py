"""A model in several files at a hub: its layers looked at together, each shard judged beside that.

What comes in: the files of a commit, and what reading them told. What goes out: for each set of
shards that is an adapter, or a checkpoint of known layers, one result, as if the shards stood one
after the other in one file. It is an artifact of its own, at the first shard: its place is written
`FIRST!MODEL (in N files)`.

What it costs: nothing where the shards hold neither, as their headers told; else by Range the bytes
of all layers of an adapter, of a checkpoint those of a few. An adapter's are read whatever the
registry holds, so that what is removed later is recognised without asking again.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from reseen.errors import FileError, HubAuth, HubBusy, HubError, HubMissing, Unread, bulkhead
from reseen.files import shards
from reseen.files.tensors import Listing
from reseen.fingerprints.digests import Inside, look_inside
from reseen.hubs.hub import drive
from reseen.match.registry_index import RegistryIndex
from reseen.observed.artifacts import Inspection
from reseen.observed.blind_spots import WHOLE_WEIGHTS
from reseen.observed.parts_of_files import mark_of_parts
from reseen.observed.readings import File, ReadSoFar, file_of
from reseen.records import Artifact, BlindSpot, Problem, in_parts
from reseen.registry.never_read import forbids
from reseen.scan import inspect
from reseen.scan.archived import member_of
from reseen.scan.budget import SPENT, Kind
from reseen.scan.context import ReadContext
from reseen.scan.read_result import AWAY, LIMIT, ReadResult, where
from reseen.scan.steps import with_read
from reseen.scan.target import Options

_OPEN = frozenset({"incomplete", "contradiction", "quantised", "no-numbers", WHOLE_WEIGHTS})
"""Codes of what a shard alone leaves open: a factor without its other half; a few layers of a
checkpoint."""
_ONE_IS_NONE = BlindSpot(Unread.code, "one of its files is none that can be read")


@dataclass(frozen=True, slots=True)
class ShardSet:
    """A model in several files."""

    whole: Artifact
    parts: tuple[Artifact, ...]
    """In order."""
    is_named: bool = False
    """By an index that was read just now, or by what was kept: whatever its shards told."""


def sets_of(artifacts: Iterable[Artifact]) -> Iterator[ShardSet]:
    """The models of which all shards are here."""
    folders: defaultdict[str, dict[str, Artifact]] = defaultdict(dict)
    for artifact in artifacts:
        folder, _, name = artifact.path.rpartition("/")
        if not artifact.member and "-of-" in name:
            folders[folder].setdefault(name, artifact)
    for files in folders.values():
        for name, names in shards.sets_in(files):
            yield set_of(name, tuple(files[each] for each in names))


def set_of(name: str, parts: tuple[Artifact, ...]) -> ShardSet:
    """Their model as an artifact: another one where any shard is another."""
    sizes = [part.size for part in parts]
    size = None if None in sizes else sum(each or 0 for each in sizes)
    first, *others = parts
    # Where a hub states nothing of them, by which files they are: else all such models were one.
    mark = mark_of_parts(
        [first.content or b"", *(each.content or os.fsencode(each.path) for each in others)]
    )
    whole = replace(member_of(parts[0], in_parts(name, len(parts)), size), git_oid=mark)
    return ShardSet(whole, parts)


def is_left(model: Artifact, before: ReadSoFar, known: RegistryIndex, options: Options) -> bool:
    """Is anything of a model in several files left to be looked at, by what was read before?"""
    as_file = replace(model, member=False, lfs=True)  # its mark is no name of git
    is_open = not before.looked or before.near
    return is_open and inspect.wants_reading(as_file, (), before, known, options)


def may_hold_layers(
    one: ShardSet,
    result_of: Callable[[Artifact], ReadResult | None],
    before: Mapping[File, ReadSoFar],
) -> bool:
    """Did reading any shard just now tell of layers, or leave that open? Or did an earlier one, of
    which that is not kept, and the others came since?"""
    read = [what for part in one.parts if (what := result_of(part)) is not None]
    return any(_is_open(what) for what in read) or _came_in_turn(one, before)


def _came_in_turn(one: ShardSet, before: Mapping[File, ReadSoFar]) -> bool:
    """Was some of it read by an earlier scan, and some not?"""
    return len({file_of(part) in before for part in one.parts}) == 2


def _is_open(what: ReadResult) -> bool:
    if what.inspection is None or what.busy or what.missing or what.left:
        return False
    if what.inspection.architecture is None:
        return what.inspection.problem is None  # nobody looked into it: it matched by its digest
    found = what.inspection.architecture or what.inspection.weights is not None
    return bool(found) or any(spot.code in _OPEN for spot in what.blind)


async def read_set(
    context: ReadContext, one: ShardSet, result_of: Callable[[Artifact], ReadResult | None]
) -> ReadResult | None:
    """What its layers are copies of, all together, or which base they have. None where they are
    neither an adapter nor a checkpoint of known layers, and nothing is to be kept of that.
    `result_of`: what reading a shard just now told. A hub's error is a problem, not raised."""
    budget, abilities = context.budget, context.hub.abilities
    if any(forbids(context.known, part) for part in one.parts) or budget.refused:
        return None
    if not (abilities.reads and abilities.ranges):
        return None
    if budget.scan.left <= 0:
        # Kept as begun, here and where a file is away: its shards are not read again by themselves.
        return ReadResult(Inspection(), skipped=SPENT, left=True, unread=LIMIT)
    try:
        listings = []
        for part in one.parts:
            read = result_of(part)
            listing = None if read is None else read.listing
            if listing is None:
                listing = await _listing(context, part)
            if listing is None:
                return ReadResult(Inspection(architecture=""), blind=(_ONE_IS_NONE,))
            listings.append((part.path, part.size or 0, listing))
        with bulkhead():
            whole = await asyncio.to_thread(shards.joined, {}, listings)
        from reseen.scan.screen import screen  # numpy, which a scan by hashes alone does not need

        so_far = ReadResult(Inspection(whole.container))
        inside = Inside(whole.container, whole)
        together = replace(context, parts=one.parts)
        told: ReadResult = await screen(together, one.whole, inside, so_far, thorough=True)
    except HubAuth:
        budget.refused = True
        return None
    except HubError as e:
        problem = Problem(where(one.whole), str(e), e.remedy)
        if isinstance(e, HubMissing):
            return ReadResult(Inspection(), problem=problem, missing=True, unread=AWAY)
        return ReadResult(Inspection(), problem=problem, busy=isinstance(e, HubBusy), unread=AWAY)
    except FileError as e:
        return ReadResult(Inspection(architecture=""), blind=(BlindSpot(e.code, str(e)),))
    if told.inspection is None:
        return None
    if told.unread is LIMIT:
        return with_read(told, modules={}, near=True)  # what is read on by is kept, not its layers
    is_known = told.inspection.architecture or told.inspection.weights is not None
    is_kept = file_of(one.whole) in context.before or _came_in_turn(one, context.before)
    return told if is_known or is_kept else None


async def _listing(context: ReadContext, part: Artifact) -> Listing | None:
    """Raises HubError."""
    inside = await drive(context.hub, part, look_inside(part.size or 0))
    if inside.listing is not None:
        context.budget.spend(inside.listing.header_bytes, Kind.HEADERS)
    return inside.listing
