"""What of a sketch is searched: the file as a whole, and each text encoder in it.

What comes in: a sketch, or the names in a plan before any weight is read. What goes out: for each
group the modules that a file has in it and, of a sketch, their numbers at length 1. Only entries of
one group are compared. The group of a file is its architecture, or each of those that it may be; of
a file with nothing but text encoders, each of these. The encoders inside a larger file are entries
of their own ("part:clip_l"), so that an encoder put up alone is found although the file as a whole
has others besides. So is the second of two experts ("wan-14b_2"), and whatever else of a known
denoiser a file has: junk beside a copy, or another adapter, hides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.choice import KEPT, WHOLE, ModuleOrder
from reseen.fingerprints.sketch import FEWEST_MODULES, NUMBERS, SLOTS, Sketch, module_id
from reseen.updates.names.known import (
    DENOISERS,
    ENCODERS,
    groups_of,
    is_encoders_alone,
    known,
    one_of,
    unmarked,
)
from reseen.updates.names.models import EXPERTS
from reseen.updates.names.prefixes import SECOND_PART

UNKNOWN = "unknown"
"""The group of every architecture that no table knows: its modules' names decide."""
PART = "part:"

Ids = NDArray[np.uint32]
Units = NDArray[np.int8]

STEPS = 127
"""Steps of the numbers of a module at length 1."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchEntry:
    """One thing that is searched for."""

    group: str
    ids: Ids
    """(n,): ids of the modules, ascending."""
    units: Units
    """(n, 64): the numbers of each at length 1, in steps."""
    norms: NDArray[np.float32]
    """(n,): how strong each is."""


def entries(sketch: Sketch) -> tuple[SearchEntry, ...]:
    """All entries of a sketch, of a subset too."""
    units = units_of(sketch)
    found = []
    for group, ids in _groups(sketch.architecture, sketch.ids).items():
        at = np.searchsorted(sketch.ids, ids)
        found.append(SearchEntry(group, ids, units[at], sketch.norms[at]))
    return tuple(found)


def chosen(entry: SearchEntry, order: ModuleOrder) -> SearchEntry:
    """What is kept of an entry to be searched later: the modules that are looked at first. Files
    with the same modules keep the same, so that many are searched at once."""
    at = order.sorted(entry.ids)
    at = np.sort(at if len(at) <= WHOLE else at[:KEPT])
    return SearchEntry(entry.group, entry.ids[at], entry.units[at], entry.norms[at])


def may_be_part(entry: SearchEntry) -> bool:
    """May the file have more modules than were kept? Once sixteen were, by a fixed choice."""
    return len(entry.ids) == KEPT or len(entry.ids) <= SLOTS


def as_stored(group: str, ids: bytes, numbers: bytes) -> SearchEntry:
    """An entry as the store keeps it: its modules in any order, 0 for none, and their numbers."""
    given = np.frombuffer(ids, "<u4").astype(np.uint32)
    units = np.frombuffer(numbers, np.int8).reshape(len(given), NUMBERS)
    ascending = np.argsort(given)
    ascending = ascending[given[ascending] != 0]
    return SearchEntry(
        group, given[ascending], units[ascending], np.ones(len(ascending), np.float32)
    )


def units_of(sketch: Sketch) -> Units:
    """The numbers of each module at length 1, in steps; zeros where there are none."""
    numbers = sketch.s.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", numbers, numbers))
    numbers *= (STEPS / np.maximum(lengths, 1.0))[:, None]
    units: Units = np.rint(numbers).astype(np.int8)
    return units.reshape(-1, NUMBERS)


def groups(sketch: Sketch) -> frozenset[str]:
    """The groups that a sketch has entries in."""
    return frozenset(_groups(sketch.architecture, sketch.ids))


def modules_of(architecture: str, names: Collection[str]) -> dict[str, bytes]:
    """The modules of each entry that a file with these would have: their ids, little-endian."""
    ids = np.array(sorted(set(map(module_id, names))), np.uint32)
    return {
        group: some.astype("<u4").tobytes() for group, some in _groups(architecture, ids).items()
    }


def as_ids(modules: bytes) -> Ids:
    """Modules as `modules_of` gives them and the store keeps them, ascending; 0 is none."""
    ids = np.frombuffer(modules, "<u4").astype(np.uint32)
    return np.unique(ids[ids != 0])


def meets(group: str) -> tuple[str, ...]:
    """The groups that entries of this group are compared with. An encoder inside a file and one
    inside another are not: the files as a whole are compared."""
    if group.startswith(PART):
        return (group.removeprefix(PART),)
    return (group, PART + group) if group in ENCODERS else (group,)


def _groups(architecture: str, ids: Ids) -> dict[str, Ids]:
    architecture = unmarked(architecture)
    alone = is_encoders_alone(architecture)
    group = UNKNOWN if architecture.startswith(UNKNOWN) else architecture
    found = {} if alone else dict.fromkeys(groups_of(group), ids)
    having = frozenset(ids.tolist())
    found |= _besides(frozenset(found), having)
    for expert in set(EXPERTS) & set(one_of(architecture)):
        if seconds := _ids_of(expert, SECOND_PART) & having:
            found[expert + SECOND_PART] = _ascending(seconds)
    for encoder in ENCODERS:
        if present := _ids_of(encoder) & having:
            found[encoder if alone else PART + encoder] = _ascending(present)
    return found


def _besides(groups: frozenset[str], ids: frozenset[int]) -> dict[str, Ids]:
    """The groups of other denoisers of which a file has layers, and these: whatever stands beside
    them in the file, and however much of it there is."""
    found: dict[str, set[int]] = {}
    for id_ in ids & _denoisers().keys():
        having = _denoisers()[id_]
        if not having & groups:
            for group in having:
                found.setdefault(group, set()).add(id_)
    return {g: _ascending(s) for g, s in sorted(found.items()) if len(s) >= FEWEST_MODULES}


@cache
def _denoisers() -> Mapping[int, frozenset[str]]:
    """Every canonical module of a denoiser by id: the groups of those that have it."""
    having: dict[str, set[str]] = {}
    for model in DENOISERS:
        table = known(model)
        for layer in table.layers:
            having.setdefault(f"{table.part}.{layer}", set()).update(groups_of(model))
    return {module_id(name): frozenset(groups) for name, groups in having.items()}


def _ascending(ids: Collection[int]) -> Ids:
    return np.array(sorted(ids), np.uint32)


@cache
def _ids_of(model: str, part: str = "") -> frozenset[int]:
    """The canonical modules of a text encoder, or of a second expert."""
    table = known(model)
    return frozenset(module_id(f"{table.part}{part}.{layer}") for layer in table.layers)
