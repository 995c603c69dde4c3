"""Layers of a checkpoint read: their sketch, and which could not be.

What comes in: a plan of a file's weights, and which of them are wanted. What goes out: a
`WeightSketch`. Ranges come in the order of the file; nothing is kept of the weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from reseen.errors import FileError, TooLarge, Unread, bulkhead
from reseen.files.source import Range, Reader
from reseen.files.tensors import TensorInfo
from reseen.files.values import to_float32
from reseen.fingerprints.layer_bytes import distinct_bytes
from reseen.fingerprints.layer_sketch import Made, Progress, read_layer
from reseen.fingerprints.modules import NUMBERS
from reseen.fingerprints.sketch import module_id
from reseen.fingerprints.sketcher import SHARED_TOO_OFTEN, TWICE
from reseen.fingerprints.weight_sketch import WeightSketch, joined
from reseen.records import BlindSpot
from reseen.updates.modules import ModulePlan
from reseen.updates.whole_weights import FEWEST, WeightsPlan


@dataclass(frozen=True, slots=True, eq=False)
class WeightsRead:
    """The sketch, and what is not in it."""

    sketch: WeightSketch
    left_out: dict[str, int]
    """Reason -> modules."""

    def with_more(self, other: WeightsRead) -> WeightsRead:
        """The same with other layers of the same file."""
        left_out = Counter(self.left_out) + Counter(other.left_out)
        return WeightsRead(joined(self.sketch, other.sketch), dict(left_out))

    @property
    def is_enough(self) -> bool:
        """Are there layers enough to tell a base by?"""
        return len(self.sketch.ids) >= FEWEST

    @property
    def blind(self) -> tuple[BlindSpot, ...]:
        """What was chosen and could not be read."""
        spots = sorted(self.left_out.items())
        return tuple(BlindSpot(Unread.code, why, layers) for why, layers in spots)


class LayerChoice(Protocol):
    """Which layers of a checkpoint are read."""

    def first(self, plan: WeightsPlan) -> WeightsPlan:
        """What of a checkpoint's plan is read first."""

    def rest(self, first: WeightSketch) -> WeightsPlan | None:
        """What besides, now that this is known; None: nothing."""


def read_chosen(
    plan: WeightsPlan, choice: LayerChoice, progress: Progress | None = None
) -> Reader[WeightsRead]:
    """The sketch of the layers that are chosen."""
    read = yield from read_weights(choice.first(plan), progress)
    more = choice.rest(read.sketch)
    if more is None:
        return read
    besides = yield from read_weights(more, progress)
    return read.with_more(besides)


def read_weights(plan: WeightsPlan, progress: Progress | None = None) -> Reader[WeightsRead]:
    """The sketch of all modules of a plan. Ranges come in the order of the file. A module that
    cannot be read is left out, with the reason."""
    modules = plan.modules
    made: dict[int, tuple[Made, ...]] = {}
    left_out: dict[str, int] = {}
    budget = TWICE * distinct_bytes([(module,) for module in modules])
    for module in sorted(modules, key=lambda m: (m.tensors["diff"].start, m.name)):
        try:
            info = module.tensors["diff"]
            budget -= info.length * module.shape[0] // max(info.shape[0], 1)
            if budget < 0:
                raise TooLarge(SHARED_TOO_OFTEN)
            made[module_id(module.name)] = yield from _read_both(plan, module, progress)
        except FileError as e:
            left_out[str(e)] = left_out.get(str(e), 0) + 1
    marks = yield from read_marks(plan.marks)
    sketch = replace(
        _of_layers(plan.architecture, made),
        marks=marks,
        planned=np.unique(np.array([module_id(name) for name in plan.layers], np.uint32)),
        beside=plan.beside,
        not_read=plan.twice + len(plan.layers) * sum(left_out.values()) // max(len(modules), 1),
    )
    return WeightsRead(sketch, left_out)


def _read_both(
    plan: WeightsPlan, module: ModulePlan, progress: Progress | None
) -> Reader[tuple[Made, ...]]:
    """The readings of a layer by the first state of weights of 4 bits, and by a second. Raises
    FileError where there is none."""
    info = module.tensors["diff"]
    found: tuple[Made, ...] = ()
    why: FileError | None = None
    ways = [(module, plan.four_bits.get(info.name))]
    if plan.other is not None and ways[0][1] is not None:
        how = plan.other.four_bits.get(info.name)
        again = (m for m in plan.other.modules if m.name == module.name)
        ways += [(each, how) for each in again if how != ways[0][1]]
    for each, how in ways:
        try:
            more = yield from read_layer(each, how, progress)
            found += more
        except FileError as e:
            why = why or e
    if not found and why is not None:
        raise why
    return found


def _of_layers(architecture: str, made: Mapping[int, tuple[Made, ...]]) -> WeightSketch:
    """The first reading of each layer, and the others as further ones."""
    ids = np.array(sorted(made), np.uint32)
    rows = [made[id_][0] for id_ in ids.tolist()]
    others = {id_: each[1:] for id_, each in made.items() if len(each) > 1}
    return WeightSketch(
        architecture,
        ids,
        np.array([row[0] for row in rows], np.float32),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.float32),
        np.array([row[3] for row in rows], np.float32).reshape(-1, NUMBERS),
        np.zeros(0, np.uint64),
        other=_of_layers(architecture, others) if others else None,
    )


def read_marks(tensors: Sequence[TensorInfo]) -> Reader[NDArray[np.uint64]]:
    """The digests of small tensors by their values: the same in whatever type holds these, under
    whatever name. Those of which all numbers are equal tell nothing and have none."""
    found: set[int] = set()
    for info in sorted(tensors, key=lambda t: t.start):
        data = yield Range(info.start, info.length)
        try:
            with bulkhead():
                values = to_float32(info, data).reshape(-1)
        except FileError:
            continue
        if values.size and (values != values[0]).any():
            found.add(int.from_bytes(blake3(values.tobytes()).digest(length=8), "little"))
    return np.array(sorted(found), np.uint64)
