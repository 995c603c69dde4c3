"""What a scan, and each reading in it, has at hand: two values instead of many parameters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from reseen.files.source import Range
from reseen.hubs.hub import Hub
from reseen.match.registry_index import RegistryIndex
from reseen.observed.readings import File, ReadSoFar
from reseen.records import Artifact
from reseen.scan.bases_at_hand import LayerChoices
from reseen.scan.budget import Allowance, Budget
from reseen.scan.outage import StorageOutage
from reseen.scan.pace import USUAL, Pace
from reseen.scan.progress import NOBODY, Listener
from reseen.scan.target import Options, Target
from reseen.store.database import Store
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class ScanContext:
    """One scan: what it looks at, how far it goes, and whom it tells."""

    store: Store
    keyring: Keyring | None
    hub: Hub
    target: Target
    options: Options
    pace: Pace = USUAL
    listener: Listener = NOBODY
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it to stop in order."""


@dataclass(frozen=True, slots=True)
class ReadContext:
    """One visit: where it reads, what it compares with, how far it may go."""

    hub: Hub
    known: RegistryIndex
    """The registry in force."""
    options: Options
    budget: Budget
    """What this visit may still read; it counts what was read."""
    before: Mapping[File, ReadSoFar] = field(default_factory=dict)
    """How far files of this repository were read by earlier visits."""
    storage: StorageOutage = field(default_factory=StorageOutage)
    """Whether the host that serves files answers; shared by all visits of a scan."""
    bases: LayerChoices | None = None
    """The base models that checkpoints are told from; None: they are not looked into."""
    parts: tuple[Artifact, ...] = ()
    """The files that the artifact stands in which is read: a model in several."""
    of_several: frozenset[str] = frozenset()
    """Paths of files that are looked at with others again, as one model: headers are kept."""

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        """Bytes of an artifact; of a model in several files as if they stood one after the other.
        Raises HubError."""
        if not self.parts:
            return await self.hub.read(artifact, wanted)
        found, at = b"", 0
        for part in self.parts:
            size = part.size or 0
            start = max(wanted.start - at, 0)
            length = min(wanted.start + wanted.length - at, size) - start
            if length > 0:
                found += await self.hub.read(part, Range(start, length))
            at += size
        return found


def reading(
    hub: Hub,
    known: RegistryIndex,
    options: Options,
    allowance: Allowance | None = None,
    before: Mapping[File, ReadSoFar] | None = None,
    storage: StorageOutage | None = None,
) -> ReadContext:
    """For one visit. `allowance`: what the whole scan may still read; by default as if this visit
    were all of it."""
    if allowance is None:
        allowance = Allowance(options.max_scan_bytes, options.background)
    budget = Budget(options.max_visit_bytes, allowance)
    return ReadContext(hub, known, options, budget, before or {}, storage or StorageOutage())
