"""The weights rung for a remote file: read as little as decides it.

What comes in: an artifact that matches nothing exactly, and its header. What goes out: a `Weighed`:
copies that it is of, and what to remember so that it is never read for this again. One sequence:

    header -> which modules -> could anything in the registry match these? -> no: done
           -> the few modules that are searched (0.5 % of an SDXL adapter) -> nothing near: done
           -> all modules -> compared in full: only this makes a match

A bounded sample of adapters is read in full although nothing comes near: p-values stand on what
strangers of an architecture reach, and a background that grew from near files only would hold none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from reseen.errors import FileError, HubBusy, HubError
from reseen.files.source import Range, Reader
from reseen.fingerprints.config import NAME as CONFIG
from reseen.fingerprints.digests import Inside
from reseen.fingerprints.entries import probes_of, slots_of
from reseen.fingerprints.sketch import decode
from reseen.fingerprints.sketcher import Sketched, read_sketch
from reseen.hubs.hub import Hub
from reseen.match.known import Known
from reseen.records import Artifact, Fingerprint, Match
from reseen.scan.budget import SPENT, Budget, Kind
from reseen.scan.context import ReadContext
from reseen.scan.target import Options
from reseen.updates.peft import LARGEST as LARGEST_CONFIG
from reseen.updates.peft import PeftConfig, parse_config
from reseen.updates.plan import Plan, plan

SMALL = 1 << 20
"""Bytes of modules that are read at once: more requests would cost more than these."""
LARGEST_SAMPLE = 512 << 20
"""Bytes of an adapter that is read for the background only."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the modules of a file told."""

    architecture: str = ""
    """Empty where no updates are in it."""
    modules: Mapping[str, bytes] = field(default_factory=dict)
    """Which modules are searched, by group; as the store keeps them."""
    sketch: bytes | None = None
    """Of what was read, if anything was."""
    matches: tuple[Match, ...] = ()
    near: bool = False
    """It comes near a removal, and was not read further."""
    too_large: int | None = None
    """Bytes that would have been read, but are more than one file or visit may have."""
    skipped: str | None = None
    """Why the scan's own limits ended it."""


async def weigh(context: ReadContext, artifact: Artifact, inside: Inside) -> Weighed:
    """Raises HubError."""
    hub, known, options, budget = context.hub, context.known, context.options, context.budget
    if inside.listing is None:
        return Weighed()
    made = await asyncio.to_thread(plan, inside.listing)
    if made.modules and not made.scale_known:
        config = await config_beside(hub, artifact, budget)
        if config is not None:
            made = await asyncio.to_thread(plan, inside.listing, config)
    if not made.modules:
        return Weighed()
    names = [module.name for module in made.modules]
    slots = slots_of(made.architecture, names)
    told = Weighed(
        made.architecture, {group: s.astype("<u4").tobytes() for group, s in slots.items()}
    )
    groups = known.could_match(told.modules)
    if not groups:
        return told
    whole = _length(made)
    at_once = whole <= SMALL
    if not at_once:
        probes = probes_of(groups, made.architecture, names)
        if (limit := _limited(told, _length(made, probes), options, budget)) is not None:
            return limit
        few = await _read(hub, artifact, read_sketch(made, sorted(probes)), budget, Kind.PROBES)
        if few.sketch is not None:
            told = replace(told, sketch=few.sketch.encode())
            near = await asyncio.to_thread(known.is_near, few.sketch)
            told = replace(told, near=near)
        if not told.near and not _is_sample(made.architecture, whole, budget):
            return told
    if (limit := _limited(told, whole, options, budget)) is not None:
        return limit
    every = await _read(hub, artifact, read_sketch(made), budget, Kind.WHOLE)
    if every.sketch is None:
        return replace(told, near=False)
    matches = await asyncio.to_thread(known.copies, every.sketch)
    return replace(told, sketch=every.sketch.encode(), matches=matches, near=False)


def weigh_whole(fingerprint: Fingerprint, known: Known, exact: Collection[Match]) -> Weighed:
    """The same for a file of which every byte was read. `exact`: what it matches by its bytes."""
    if fingerprint.sketch is None:
        return Weighed()
    sketch = decode(fingerprint.sketch)
    return Weighed(
        architecture=sketch.architecture,
        sketch=fingerprint.sketch,
        matches=known.copies(fingerprint, exact),
    )


async def config_beside(hub: Hub, artifact: Artifact, budget: Budget) -> PeftConfig | None:
    """The PEFT configuration in the same folder of the same commit; None where there is none that
    can be read. Raises HubBusy."""
    path = str(PurePosixPath(artifact.path).with_name(CONFIG))
    beside = Artifact(
        artifact.hub, artifact.type, artifact.repo, artifact.revision, artifact.ref, path, None
    )
    try:
        data = await hub.read(beside, Range(0, LARGEST_CONFIG + 1))
        budget.spend(len(data), Kind.HEADERS)
        return parse_config(data) if len(data) <= LARGEST_CONFIG else None
    except HubBusy:
        raise
    except (HubError, FileError):
        return None


def _limited(told: Weighed, length: int, options: Options, budget: Budget) -> Weighed | None:
    """What is known so far, where the next step is more than the limits allow."""
    if length > min(options.max_artifact_bytes, budget.left):
        return replace(told, too_large=length)
    if length > budget.scan.left:
        return replace(told, skipped=SPENT)
    return None


def _is_sample(architecture: str, length: int, budget: Budget) -> bool:
    if length > min(LARGEST_SAMPLE, budget.left, budget.scan.left):
        return False
    return budget.scan.take_sample(architecture)


def _length(made: Plan, names: Collection[str] | None = None) -> int:
    """Bytes of all modules, or of those named."""
    tensors = {
        info.name: info.length
        for module in made.modules
        if names is None or module.name in names
        for info in module.tensors.values()
    }
    return sum(tensors.values())


async def _read(
    hub: Hub, artifact: Artifact, reader: Reader[Sketched], budget: Budget, kind: Kind
) -> Sketched:
    """Drive a reader over the artifact; the arithmetic happens beside the event loop."""
    step = await asyncio.to_thread(_next, reader, None)
    while isinstance(step, Range):
        data = await hub.read(artifact, step)
        budget.spend(len(data), kind)
        step = await asyncio.to_thread(_next, reader, data)
    return step


def _next(reader: Reader[Sketched], data: bytes | None) -> Range | Sketched:
    try:
        return next(reader) if data is None else reader.send(data)
    except StopIteration as stop:
        result: Sketched = stop.value
        return result
