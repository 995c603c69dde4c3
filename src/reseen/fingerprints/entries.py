"""Search keys of a sketch: one for the file as a whole, one for each text encoder.

What comes in: a sketch, or the names in a plan before any weight is read. What goes out: for each
group the 16 modules that are searched and, of a sketch, their 1,024 numbers. Only entries of one
group are compared. The group of a file is its architecture, or each of those that it may be; of a
file with nothing but text encoders, each of these. The encoders inside a larger file are entries of
their own ("part:clip_l"), so that an encoder put up alone is found although the file as a whole
fills its slots with others. So is the second of two experts ("wan-14b_2"), and whatever else of a
known denoiser a file has: junk beside a copy, or another adapter, hides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.sketch import FEWEST_MODULES, Sketch, choose, module_id
from reseen.updates.names.known import BY_ORDER, DENOISERS, ENCODERS, groups_of, known, one_of
from reseen.updates.names.models import EXPERTS
from reseen.updates.names.prefixes import SECOND_PART

UNKNOWN = "unknown"
"""The group of every architecture that no table knows: its modules' names decide."""
PART = "part:"

Slots = NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class SearchEntry:
    """One thing that is searched, or searched for."""

    group: str
    slots: Slots
    """(16,): ids of the modules; 0 where a slot is empty."""
    code: NDArray[np.int8]
    """(1024,): as in docs/sketch.md."""


def entries(sketch: Sketch) -> tuple[SearchEntry, ...]:
    """All entries of a sketch, of a subset too."""
    groups = _groups(sketch.architecture, sketch.slots, frozenset(sketch.ids.tolist()))
    return tuple(
        SearchEntry(group, slots, replace(sketch, slots=slots).searched())
        for group, slots in groups.items()
    )


def slots_of(architecture: str, names: Collection[str]) -> dict[str, Slots]:
    """The slots of each entry that a file with these modules would have."""
    whole = _ids(choose(names))
    return _groups(architecture, whole, frozenset(map(module_id, names)))


def probes_of(groups: Collection[str], architecture: str, names: Collection[str]) -> frozenset[str]:
    """Names of the modules that must be read to search the file in these groups."""
    ids = {module_id(name): name for name in names}
    wanted = slots_of(architecture, names)
    return frozenset(ids[i] for group in groups for i in wanted[group].tolist() if i)


def meets(group: str) -> tuple[str, ...]:
    """The groups that entries of this group are compared with. An encoder inside a file and one
    inside another are not: the files as a whole are compared."""
    if group.startswith(PART):
        return (group.removeprefix(PART),)
    return (group, PART + group) if group in ENCODERS else (group,)


def _groups(architecture: str, slots: Slots, ids: frozenset[int]) -> dict[str, Slots]:
    architecture = architecture.removesuffix(BY_ORDER)
    alone = bool(architecture) and all(each in ENCODERS for each in architecture.split("+"))
    group = UNKNOWN if architecture.startswith(UNKNOWN) else architecture
    found = {} if alone else dict.fromkeys(groups_of(group), slots)
    for other, names in _besides(frozenset(found), ids).items():
        found[other] = _ids(choose(names))
    for expert in set(EXPERTS) & set(one_of(architecture)):
        seconds = [name for id_, name in _names(expert, SECOND_PART).items() if id_ in ids]
        if seconds:
            found[expert + SECOND_PART] = _ids(choose(seconds))
    for encoder in ENCODERS:
        present = [name for id_, name in _names(encoder).items() if id_ in ids]
        if present:
            found[encoder if alone else PART + encoder] = _ids(choose(present))
    return found


def _besides(groups: frozenset[str], ids: frozenset[int]) -> dict[str, list[str]]:
    """The groups of other denoisers of which a file has layers, and these: whatever stands beside
    them in the file, and however much of it there is."""
    found: dict[str, list[str]] = {}
    for name, having in (_denoisers()[id_] for id_ in ids if id_ in _denoisers()):
        if not having & groups:
            for group in having:
                found.setdefault(group, []).append(name)
    return {group: names for group, names in sorted(found.items()) if len(names) >= FEWEST_MODULES}


@cache
def _denoisers() -> Mapping[int, tuple[str, frozenset[str]]]:
    """Every canonical module of a denoiser by id: its name, and the groups of those that have
    it."""
    having: dict[str, set[str]] = {}
    for model in DENOISERS:
        table = known(model)
        for layer in table.layers:
            having.setdefault(f"{table.part}.{layer}", set()).update(groups_of(model))
    return {module_id(name): (name, frozenset(groups)) for name, groups in having.items()}


def _ids(names: Iterable[str | None]) -> Slots:
    return np.array([module_id(name) if name else 0 for name in names], np.uint32)


@cache
def _names(model: str, part: str = "") -> Mapping[int, str]:
    """The canonical modules of a text encoder by id, or of a second expert."""
    table = known(model)
    names = (f"{table.part}{part}.{layer}" for layer in table.layers)
    return {module_id(name): name for name in names}
