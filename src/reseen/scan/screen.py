"""The weights rung for a remote file: read as little as decides it.

What comes in: an artifact that matches nothing exactly, and its header. What goes out: copies that
it is of, and what to remember so that it is never read for this again. One sequence:

    header -> which modules -> could anything in the registry match these? -> no: done
           -> a few modules that a secret chooses (0.7 % of an SDXL adapter) -> nothing near: done
           -> where that leaves a doubt: a few more
           -> all modules -> compared in full: only this makes a match

Of a file without updates that is a checkpoint `scan.checkpoint` reads a few layers.

A bounded sample of adapters is read in full whatever they are like, which is decided before:
p-values stand on what strangers of an architecture reach. What is read in full because it comes
near, or has the names of what was removed, is part of that sample only where the draw took it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from itertools import chain
from pathlib import PurePosixPath
from typing import TypeVar

from reseen.errors import FileError, HubBusy, HubError, bulkhead
from reseen.files.source import Range
from reseen.files.system_limits import time_for
from reseen.files.thread_time import FileTime
from reseen.fingerprints.config import NAME as CONFIG
from reseen.fingerprints.digests import Inside
from reseen.fingerprints.entries import modules_of
from reseen.fingerprints.rows import length_of_rows, read_rows
from reseen.fingerprints.sketch import decode
from reseen.fingerprints.sketcher import few_modules, read_sketch
from reseen.hubs.hub import Hub
from reseen.match.evidence import merge
from reseen.observed.samples import LARGEST, SMALL
from reseen.records import NEAR_TABLE, Artifact, BlindSpot, Rung
from reseen.scan.budget import Budget, Kind
from reseen.scan.checkpoint import read_checkpoint
from reseen.scan.context import ReadContext
from reseen.scan.read_result import PROGRAM, ReadResult, blind_to
from reseen.scan.steps import limited, step_through, with_read
from reseen.updates.not_read import BEGINS_FROM_BASE, SAID_FROM_BASE, code_of
from reseen.updates.peft import LARGEST as LARGEST_CONFIG
from reseen.updates.peft import PeftConfig, parse_config
from reseen.updates.plan import Plan, Reading, plan

T = TypeVar("T")


async def screen(
    context: ReadContext,
    artifact: Artifact,
    inside: Inside,
    so_far: ReadResult,
    *,
    thorough: bool = False,
) -> ReadResult:
    """Raises HubError. `so_far`: what the header told, to which the rest is added. `thorough`: all
    modules are read, whatever the registry holds."""
    hub, budget = context.hub, context.budget
    so_far = with_read(so_far, architecture="")
    if inside.listing is None:
        program = (PROGRAM,) if inside.is_program else ()
        return replace(
            so_far, blind=blind_to(artifact.path, inside.container, (*program, *inside.blind))
        )
    clock = time_for(artifact.size or 0)
    made = await asyncio.to_thread(clock.run, plan, inside.listing)
    if made.asks_for_config:
        config = await config_beside(hub, artifact, budget)
        if config is not None:
            made = await asyncio.to_thread(clock.run, plan, inside.listing, config)
    told = await _by_layers(context, artifact, made, so_far, clock, thorough=thorough)
    if made.embeddings:
        return await _by_rows(context, artifact, made, told, clock)
    if not made.modules:
        told = await read_checkpoint(context, artifact, inside.listing, told, clock)
        return replace(told, blind=blind_to(artifact.path, inside.container, told.blind))
    return told


async def _by_rows(
    context: ReadContext, artifact: Artifact, made: Plan, so_far: ReadResult, clock: FileTime
) -> ReadResult:
    """The same with the rows of its embeddings: a few kilobytes."""
    if so_far.unread is not None or so_far.left:
        return so_far
    if limit := limited(context, artifact, so_far, length_of_rows(made.embeddings)):
        return limit
    reader = read_rows(made.embeddings)
    rows, spots = await step_through(context, artifact, reader, Kind.WHOLE, clock)
    so_far = replace(so_far, blind=(*so_far.blind, *spots))
    if rows is None:
        return so_far
    copies = merge(so_far.copies, await asyncio.to_thread(context.known.copies, rows))
    by: tuple[Rung, ...] = () if so_far.inspection is None else so_far.inspection.judged_by
    if not by and all(spot.code != NEAR_TABLE for spot in spots):
        by = (Rung.WEIGHTS,)
    return replace(with_read(so_far, rows=rows.encode(), judged_by=by), copies=copies)


async def _by_layers(
    context: ReadContext,
    artifact: Artifact,
    made: Plan,
    so_far: ReadResult,
    clock: FileTime,
    *,
    thorough: bool,
) -> ReadResult:
    """What its updates are copies of. Raises HubError."""
    known, budget = context.known, context.budget
    spots = tuple(BlindSpot(n.code, n.reason, n.tensors) for n in made.not_read)
    if not made.modules:
        return replace(so_far, blind=spots)
    # What could be compared with all that is known, and was, is judged by its weights.
    # All but one that has so few modules that it could be a part of anything.
    too_few = few_modules(len(made.modules))
    by_weights = () if too_few else (Rung.WEIGHTS,)
    said = len({i.name for m in made.modules if m.says_from_base for i in m.tensors.values()})
    # Until its numbers are read, what its configuration says stands.
    unsure = (BlindSpot(code_of(BEGINS_FROM_BASE), SAID_FROM_BASE, said),) if said else ()
    so_far = replace(with_read(so_far, judged_by=by_weights), blind=(*spots, *(unsure or too_few)))
    modules = _modules(made)
    so_far = with_read(so_far, architecture=made.architecture, modules=modules)
    groups = known.could_match(modules)
    # What was removed under names that such a file has no longer can be known by those alone.
    near = any(known.could_match(_modules(reading)) for reading in made.readings)
    if not groups and not near and not thorough:
        return so_far
    whole = _length(made)
    sample = thorough or whole <= SMALL or _is_sample(made.architecture, artifact, whole, budget)
    if not sample and not near:
        offered = _offered(made)
        names, before = known.first_modules(groups, offered), frozenset[str]()
        while names:
            if limit := limited(context, artifact, so_far, _length(made, names)):
                return limit
            reader = read_sketch(made, sorted(names))
            few = await step_through(context, artifact, reader, Kind.PROBES, clock)
            if few.sketch is None:
                if not before:
                    so_far = replace(with_read(so_far, judged_by=()), blind=(*spots, *few.blind))
                break
            near = await asyncio.to_thread(known.is_near, few.sketch)
            so_far = with_read(so_far, sketch=few.sketch.encode(), near=near)
            if near or before or not await asyncio.to_thread(known.leaves_doubt, few.sketch):
                break
            names, before = known.next_modules(groups, offered, names), names
        if not near:
            return so_far
    if limit := limited(context, artifact, so_far, whole):
        return limit
    every = await step_through(context, artifact, read_sketch(made), Kind.WHOLE, clock)
    so_far = with_read(so_far, near=False)
    if every.sketch is None:
        return replace(with_read(so_far, judged_by=()), blind=(*spots, *every.blind))
    so_far = replace(so_far, blind=(*spots, *every.blind))
    copies = await asyncio.to_thread(known.copies, every.sketch)
    for other in (*every.others, *every.further):
        copies = merge(copies, await asyncio.to_thread(known.copies, other))
    by_weights = () if few_modules(len(every.sketch.ids)) else (Rung.WEIGHTS,)
    told = with_read(
        so_far,
        sketch=every.sketch.encode(),
        further=tuple(each.encode() for each in every.further),
        judged_by=by_weights,
    )
    return replace(told, copies=copies)


def _modules(made: Plan | Reading) -> dict[str, bytes]:
    """Which modules a file has, by group, as the registry is asked for them."""
    return modules_of(made.architecture, [module.name for module in made.modules])


def _offered(made: Plan) -> dict[str, tuple[int, int]]:
    """Where in the file each module lies: its first byte, and what follows its last."""
    return {
        module.name: (
            min(info.start for info in module.tensors.values()),
            max(info.start + info.length for info in module.tensors.values()),
        )
        for module in made.modules
    }


def architecture_of(sketch: bytes) -> str:
    """Whose modules a sketch is of."""
    return decode(sketch).architecture


async def config_beside(hub: Hub, artifact: Artifact, budget: Budget | None) -> PeftConfig | None:
    """The PEFT configuration in the same folder of the same commit; None where there is none that
    can be read. Raises HubBusy."""
    path = str(PurePosixPath(artifact.path).with_name(CONFIG))
    beside = Artifact(
        artifact.hub, artifact.type, artifact.repo, artifact.revision, artifact.ref, path, None
    )
    try:
        data = await hub.read(beside, Range(0, LARGEST_CONFIG + 1))
        if budget is not None:
            budget.spend(len(data), Kind.HEADERS)
        with bulkhead():
            return parse_config(data) if len(data) <= LARGEST_CONFIG else None
    except HubBusy:
        raise
    except (HubError, FileError):
        return None


def _is_sample(architecture: str, artifact: Artifact, length: int, budget: Budget) -> bool:
    if length > min(LARGEST, budget.left, budget.scan.left):
        return False
    return budget.scan.take_sample(architecture, artifact)


def _length(made: Plan, names: Collection[str] | None = None) -> int:
    """Bytes of all modules, those of further adapters among them, or of those named."""
    further = (r.modules for r in made.readings if r.is_adapter and names is None)
    tensors = {
        info.name: info.length
        for module in chain(made.modules, *further)
        if names is None or module.name in names
        for info in module.tensors.values()
    }
    return sum(tensors.values())
