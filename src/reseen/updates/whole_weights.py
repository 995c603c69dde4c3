"""A checkpoint's header in, the weights of its layers under canonical names out.

A checkpoint has whole weights where an adapter has updates. A weight is planned as if it were an
update in full (`diff`), so that every table of names, every cut of fused layers, and every scale of
8-bit floats that holds for adapters holds for checkpoints, too. Layers that no table knows are left
out, and so is an image encoder (VAE): no adapter changes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cache
from math import prod

from reseen.files.tensors import BLOCKS, Listing, TensorInfo, can_be_cut
from reseen.updates.four_bits import FourBits
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
PARTS_READ = frozenset(
    f"diff{part}"
    for part in (
        *("", "/scale", "/rows", "/blocks", "/exponents", "/second", "/rows127"),
        *("/format", "/marker", "/beside"),
        *("/absmax", "/map", "/nested_absmax", "/nested_map", "/state"),
    )
)
"""What a weight may be stored in: itself, with one number that scales it, or one for each row or
block, or two that contradict each other; and in 4 bits, with the largest of each block."""
_NOT_ADAPTED = ("first_stage_model.", "vae.", "model_ema.")
_WEIGHT = ".weight"
FORMAT = ".weight_format"
"""What says beside whole numbers of bitsandbytes in which order they lie: 0 for row after row."""
_SCALES = (
    *(".scale_weight", ".weight_scale", ".scale_input", ".input_scale", ".comfy_quant"),
    *(".SCB", FORMAT),
)
"""What stands in the place of `.weight` beside an 8-bit float, or a whole number."""
_ABSMAX, _QWEIGHT = ".absmax", ".qweight"
"""What says that a layer's weight is packed: beside it, and in its place."""
_OF_FOUR_BITS = (
    *(_ABSMAX, ".quant_map", ".nested_absmax", ".nested_quant_map"),
    *(".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4"),
)
"""What stands behind the name of a weight of 4 bits."""
_FEWEST_NUMBERS, _MOST_NUMBERS = 64, 1 << 16
"""Of a tensor that can be a mark: fewer tell little, and more cost much."""
_MOST_MARKS = 512
_SMALLEST = 1_024
"""Bytes of what may be a layer's weight."""
_LARGEST_BIAS = 128 << 10
"""Bytes: one number after another of so many are no bias; Flux.1's largest has 84 KiB in single
precision."""
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
    """Layers in a form that is not read: packed."""
    layers: tuple[str, ...] = ()
    """The names of all that can be read, of which `modules` may be made fewer."""
    beside: int = 0
    """Other tensors that are large enough for layers: what these lack may be in them."""
    twice: int = 0
    """Layers of which the file has a second weight, which is not read."""
    four_bits: Mapping[str, FourBits] = field(default_factory=dict)
    """How weights of 4 bits are stored, by the names of their tensors."""
    doubted: int = 0
    """Layers that are read as they stand, while the file says that they lie in another order."""
    other: WeightsPlan | None = None
    """The same where weights of 4 bits have a second state, by that."""

    @property
    def is_slow(self) -> bool:
        """Is it in blocks of which some million numbers are made in a second, and no more?"""
        return any(module.tensors["diff"].dtype in _SLOW for module in self.modules)


def may_be_whole(listing: Listing) -> bool:
    """Has a file weights enough to be a checkpoint?"""
    return sum(info.name.endswith(_WEIGHT) for info in _adapted(listing)) >= FEWEST


def plan_weights(
    listing: Listing, four: Mapping[str, FourBits] | None = None, turned: Set[str] = frozenset()
) -> WeightsPlan | None:
    """None for what is no checkpoint of known layers. `four`: how weights of 4 bits are stored, by
    name; `turned`: layers of which it is said that their whole numbers lie in another order. A
    header says neither."""
    four = four or {}
    tensors = _adapted(listing)
    if sum(info.name.endswith(_WEIGHT) for info in tensors) < FEWEST:
        return None
    unread = _packed(tensors) - four.keys()
    updates = tuple(_as_updates([i for i in tensors if i.name not in unread], four))
    made = plan(replace(listing, tensors=updates, metadata={}, not_listed={}))
    layers = [m for m in made.modules if m.algorithm == "full" and is_of_a_table(m.name)]
    if len(layers) + len(unread) < FEWEST:
        return None
    read = [m for m in layers if m.tensors.keys() <= PARTS_READ and can_be_cut(m.tensors["diff"])]
    names = tuple(m.name for m in read[:MOST])
    beside = _beside(tensors, read[:MOST])
    return WeightsPlan(
        architecture=made.architecture,
        modules=tuple(read[:MOST]),
        marks=tuple(_marks(tensors)),
        not_read=len(layers) - len(names) + len(unread),
        layers=names,
        beside=len(beside) + sum(listing.not_listed.values()),
        twice=len(_named_too(listing, [*beside, *listing.second]).intersection(names)),
        four_bits={_as_update(name): how for name, how in four.items()},
        doubted=sum(
            info.dtype == "I8" and info.name.removesuffix(_WEIGHT) in turned for info in tensors
        ),
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


def _adapted(listing: Listing) -> list[TensorInfo]:
    """The tensors that an adapter may change."""
    return [info for info in listing.tensors if not info.name.startswith(_NOT_ADAPTED)]


def _as_update(weight: str) -> str:
    """The name that an update in full of this weight has."""
    return weight.removesuffix(_WEIGHT) + ".diff"


def _packed(tensors: Sequence[TensorInfo]) -> set[str]:
    """The weights that are no numbers as they stand: several in one byte, or in words. What says so
    beside a weight that is none of these says nothing of it."""
    weights = {info.name: info for info in tensors if info.name.endswith(_WEIGHT)}
    found = {name for name, info in weights.items() if info.dtype == "U8"}
    found |= {
        info.name
        for info in tensors
        if info.name.endswith(_QWEIGHT)
        and info.name.removesuffix(_QWEIGHT) + _WEIGHT not in weights
    }
    for info in tensors:
        weight = weights.get(info.name.removesuffix(_ABSMAX))
        if weight is not None and info.name.endswith(_ABSMAX) and prod(weight.shape[1:]) == 1:
            found.add(weight.name)  # bytes in numbers of another type, one in a row
    return found


def _beside(tensors: Sequence[TensorInfo], read: Sequence[ModulePlan]) -> list[TensorInfo]:
    """The tensors that are large enough for a layer's weight, and are in none that is read. One
    number after another, without rows, are a bias where there are few."""
    used = {(info.start, info.length) for module in read for info in module.tensors.values()}
    sizes = sorted(module.tensors["diff"].length for module in read)
    few = min(sizes[len(sizes) // 2] // 4, _LARGEST_BIAS) if sizes else _LARGEST_BIAS
    return [
        info
        for info in tensors
        if (info.start, info.length) not in used
        and info.length >= max(_SMALLEST, few if sum(n > 1 for n in info.shape) < 2 else 0)
    ]


def _named_too(listing: Listing, beside: Sequence[TensorInfo]) -> set[str]:
    """The canonical names that these have, whatever they hold: a loader may take them for the
    layers."""
    weights = [
        replace(info, name=info.name.removesuffix(_QWEIGHT) + _WEIGHT)
        if info.name.endswith(_QWEIGHT)
        else info
        for info in beside
    ]
    floats = tuple(
        replace(info, name=_as_update(info.name), dtype="F16", shape=(*info.shape, 1)[:4])
        for info in weights
        if info.name.endswith(_WEIGHT) and info.shape
    )
    if not floats:
        return set()
    made = plan(replace(listing, tensors=floats, metadata={}, not_listed={}))
    return {module.name for module in made.modules}


def _as_updates(
    tensors: Sequence[TensorInfo], four: Mapping[str, FourBits]
) -> Iterator[TensorInfo]:
    """The weights under the names that updates in full have, and in the shapes of their layers; and
    what scales them."""
    for info in tensors:
        if info.name.endswith(_WEIGHT) and len(info.shape) > 1:
            how = four.get(info.name)
            shape = info.shape if how is None else how.shape
            yield replace(info, name=_as_update(info.name), shape=shape)
            continue
        for end in _SCALES:
            if info.name.endswith(end):
                yield replace(info, name=f"{info.name.removesuffix(end)}.diff{end}")
        for end in _OF_FOUR_BITS:
            weight = info.name.removesuffix(end)
            if info.name.endswith(end) and weight in four:
                yield replace(info, name=f"{_as_update(weight)}{end}")


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
