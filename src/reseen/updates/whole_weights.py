"""A checkpoint's header in, the weights of its layers under canonical names out.

A checkpoint has whole weights where an adapter has updates. A weight is planned as if it were an
update in full (`diff`), so that every table of names, every cut of fused layers, and every scale of
8-bit floats that holds for adapters holds for checkpoints, too. Layers that no table knows are left
out, and so is an image encoder (VAE): no adapter changes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import prod

from reseen.files.tensors import BLOCKS, Listing, TensorInfo, can_be_cut
from reseen.updates.modules import ModulePlan
from reseen.updates.names.known import DENOISERS, ENCODERS, known, one_of
from reseen.updates.names.models import EXPERTS
from reseen.updates.names.prefixes import SECOND_PART
from reseen.updates.plan import plan

UNKNOWN = "unknown"
"""What the architecture begins with of a file whose sizes no table has."""
FEWEST = 16
"""Known layers from which on a file of whole weights is a checkpoint."""
MOST = 4_096
"""Layers of one that are read, each by its canonical name: twice what the largest known has."""
PARTS_READ = frozenset({"diff", "diff/scale", "diff/marker", "diff/beside"})
"""What a weight may be stored in: itself, with one number that scales it."""
_NOT_ADAPTED = ("first_stage_model.", "vae.", "model_ema.")
_WEIGHT = ".weight"
_SCALES = (".scale_weight", ".weight_scale", ".scale_input", ".input_scale", ".comfy_quant")
"""What stands in the place of `.weight` beside an 8-bit float."""
_PACKED = (".weight.absmax", ".qweight")
"""What says that a layer's weight is packed."""
_FEWEST_NUMBERS, _MOST_NUMBERS = 64, 1 << 16
"""Of a tensor that can be a mark: fewer tell little, and more cost much."""
_MOST_MARKS = 512
_FLOATS = frozenset({"F32", "F16", "BF16"})
_SLOW = frozenset(BLOCKS) - {"Q8_0"}


@dataclass(frozen=True, slots=True)
class WeightsPlan:
    """What of a checkpoint is read."""

    architecture: str
    """As in `Plan`."""
    modules: tuple[ModulePlan, ...]
    """Sorted by canonical name; the `diff` of each is the weight itself."""
    marks: tuple[TensorInfo, ...]
    """Small tensors by which a base is known again where they were left as they were."""
    not_read: int
    """Layers in a form that is not read: packed, or scaled by more than one number."""

    @property
    def is_slow(self) -> bool:
        """Is it in blocks of which some million numbers are made in a second, and no more?"""
        return any(module.tensors["diff"].dtype in _SLOW for module in self.modules)


def plan_weights(listing: Listing) -> WeightsPlan | None:
    """None for what is no checkpoint of known layers."""
    tensors = [info for info in listing.tensors if not info.name.startswith(_NOT_ADAPTED)]
    if sum(info.name.endswith(_WEIGHT) for info in tensors) < FEWEST:
        return None
    packed = sum(info.name.endswith(_PACKED) for info in tensors)
    made = plan(replace(listing, tensors=tuple(_as_updates(tensors)), metadata={}, not_listed={}))
    layers = [m for m in made.modules if m.algorithm == "full" and is_of_a_table(m.name)]
    if len(layers) + packed < FEWEST:
        return None
    read = [m for m in layers if m.tensors.keys() <= PARTS_READ and can_be_cut(m.tensors["diff"])]
    return WeightsPlan(
        architecture=made.architecture,
        modules=tuple(read[:MOST]),
        marks=tuple(_marks(tensors)),
        not_read=len(layers) - len(read[:MOST]) + packed,
    )


def is_of_a_table(name: str) -> bool:
    """Is this the canonical name of a layer that a table has?"""
    part, _, layer = name.partition(".")
    return layer in _layers().get(part, frozenset())


def may_be_one_model(one: str, other: str) -> bool:
    """May two files of these architectures be of one model?"""
    if one.startswith(UNKNOWN) and other.startswith(UNKNOWN):
        return True  # the label says little: which layers they have decides
    return bool(set(one_of(one)) & set(one_of(other)))


def _as_updates(tensors: Sequence[TensorInfo]) -> Iterator[TensorInfo]:
    """The weights under the names that updates in full have; and what scales them."""
    for info in tensors:
        if info.name.endswith(_WEIGHT) and len(info.shape) > 1:
            yield replace(info, name=info.name.removesuffix(_WEIGHT) + ".diff")
            continue
        for end in _SCALES:
            if info.name.endswith(end):
                yield replace(info, name=f"{info.name.removesuffix(end)}.diff{end}")


def _marks(tensors: Sequence[TensorInfo]) -> list[TensorInfo]:
    """Those that are read as marks, spread over the file by their names."""
    found = [
        info
        for info in tensors
        if info.dtype in _FLOATS
        and info.strides is None
        and _FEWEST_NUMBERS <= prod(info.shape) <= _MOST_NUMBERS
    ]
    step = max(1, len(found) / _MOST_MARKS)
    return [found[int(n * step)] for n in range(min(len(found), _MOST_MARKS))]


@cache
def _layers() -> Mapping[str, frozenset[str]]:
    """Names of layers, by the part that canonical names begin with."""
    found: dict[str, set[str]] = {}
    for model in (*DENOISERS, *ENCODERS):
        table = known(model)
        found.setdefault(table.part, set()).update(table.layers)
        if model in EXPERTS:
            found.setdefault(table.part + SECOND_PART, set()).update(table.layers)
    return {part: frozenset(names) for part, names in found.items()}
