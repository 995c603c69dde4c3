"""A checkpoint, at a hub or here: read as little as tells its base, and what was added to that.

What comes in: an artifact whose header has no updates. What goes out: the sketch of some layers,
which is kept, and what of the file was not read. One sequence:

    header -> no checkpoint of known layers: done
           -> no base model of its architecture is known: that is kept, and no layer read
           -> 16 layers, by Range -> none of the known bases is its base: that is kept
           -> 64 layers in all

What is inside says `operations.checkpoints_read`, from what is kept: whether a file, a base or a
removal came first makes no difference.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from reseen.errors import FileError, Unforeseen
from reseen.files.tensors import Listing
from reseen.files.thread_time import FileTime
from reseen.fingerprints import weight_sketch
from reseen.fingerprints.layer_bytes import distinct_bytes
from reseen.fingerprints.local import weights_of
from reseen.fingerprints.weight_plan import read_plan
from reseen.fingerprints.weights_read import WeightsRead, read_weights
from reseen.match.checkpoint_layers import LayersByBase
from reseen.match.checkpoints import AgainstBases, against, of_model
from reseen.observed.blind_spots import READ_OF_CHECKPOINTS, WHOLE_WEIGHTS, beside_base, no_base
from reseen.observed.checkpoint_sketches import ReadWeights
from reseen.records import Artifact, Rung
from reseen.registry import never_read
from reseen.registry.never_read import NeverRead
from reseen.scan.bases_at_hand import BasesAtHand
from reseen.scan.budget import Kind
from reseen.scan.context import ReadContext
from reseen.scan.read_result import ReadResult
from reseen.scan.steps import limited, step_through, with_read
from reseen.updates.whole_weights import WeightsPlan


async def read_checkpoint(
    context: ReadContext, artifact: Artifact, listing: Listing, so_far: ReadResult, clock: FileTime
) -> ReadResult:
    """The same with what was read of its layers, where it is a checkpoint. Raises HubError."""
    if context.bases is None:
        return so_far
    plan = await step_through(context, artifact, read_plan(listing), Kind.HEADERS, clock)
    if plan is None:
        return so_far
    is_full = so_far.inspection is not None and so_far.inspection.full
    choice = await asyncio.to_thread(context.bases.choice, anyhow=is_full)
    first = choice.first(plan)
    if limit := limited(context, artifact, so_far, _length(first)):
        return with_read(limit, near=True)  # its layers are left to be read
    read = await step_through(context, artifact, read_weights(first), Kind.PROBES, clock)
    more = await asyncio.to_thread(choice.rest, read.sketch)
    if more is not None:
        if limit := limited(context, artifact, so_far, _length(more)):
            return with_read(limit, near=True)
        besides = await step_through(context, artifact, read_weights(more), Kind.WHOLE, clock)
        read = read.with_more(besides)
    return LayersRead(choice, read).told(so_far)


@dataclass(frozen=True, slots=True, eq=False)
class LayersRead:
    """Some layers of a checkpoint that were read."""

    choice: LayersByBase
    read: WeightsRead

    def told(self, so_far: ReadResult) -> ReadResult:
        """The same with what they tell."""
        found = self.choice.told(self.read)
        if found is None or self.choice.is_packed:
            return so_far
        sketch = self.choice.kept(self.read.sketch)
        kept = ReadWeights(sketch.encode(), self.choice.is_enough)
        so_far = replace(so_far, blind=(*so_far.blind, *self.read.blind))
        return _with_layers(so_far, kept, found, has_bases=self.choice.has_bases)


def told_in_passing(so_far: ReadResult, value: bytes, at_hand: BasesAtHand) -> ReadResult:
    """The same of a checkpoint in an archive, of which some layers were sketched while it was
    unpacked: nothing more of it is to be read."""
    read = weight_sketch.decode(value)
    found = against(read, at_hand.known)
    has_bases = bool(of_model(at_hand.known, read.architecture))
    return _with_layers(so_far, ReadWeights(value, True), found, has_bases=has_bases)


def _with_layers(
    so_far: ReadResult, kept: ReadWeights, found: AgainstBases, *, has_bases: bool
) -> ReadResult:
    whole = sum(spot.count for spot in so_far.blind if spot.code == WHOLE_WEIGHTS)
    spots = [spot for spot in so_far.blind if spot.code not in READ_OF_CHECKPOINTS]
    if found.difference is None:
        blind = (no_base(has_bases, whole), *spots)
        return replace(with_read(so_far, weights=kept), blind=blind)
    hidden = beside_base(found.difference.base.not_read)
    if hidden is not None:
        return replace(with_read(so_far, weights=kept), blind=(hidden, *spots))
    before = () if so_far.inspection is None else so_far.inspection.judged_by
    by = tuple(sorted({*before, Rung.WEIGHTS}, reverse=True))
    return replace(with_read(so_far, weights=kept, judged_by=by), blind=tuple(spots))


def read_here(path: Path, never: NeverRead, at_hand: BasesAtHand) -> LayersRead | Unforeseen | None:
    """Some layers of a checkpoint on this machine, whatever base it has; None for what is none, or
    cannot be read, which is said of it already; an error on which Reseen failed."""
    choice = at_hand.choice(anyhow=True)
    try:
        read = weights_of(path, choice, forbidden=never_read.forbidden_by(never))
    except Unforeseen as e:
        return e
    except FileError:
        return None
    return None if read is None else LayersRead(choice, read)


def _length(plan: WeightsPlan) -> int:
    return distinct_bytes([(module,) for module in plan.modules])
