"""One layer as a file has it: its tensors by role, its size, which known layer its name means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from reseen.files.tensors import TensorInfo
from reseen.updates.names.known import ENCODERS, LANGUAGE
from reseen.updates.names.prefixes import REMEMBERED, LayerPlace, place
from reseen.updates.names.tables import flat
from reseen.updates.names.wrapped import (
    ALL,
    Models,
    Wrapped,
    is_name,
    is_put_before,
    longest,
    model_of,
)
from reseen.updates.open_sides import is_open, model_of_open
from reseen.updates.shapes import CORES, shape_of, turned, without_cores
from reseen.updates.sides import Shape

POSITIONAL = "cloneofsimo"
"""The style of layers that have a number and no name: `unet#3`, `text_encoder#3`, `list#3`."""


@dataclass(frozen=True, slots=True)
class FileLayer:
    """One layer as the file has it, before it gets canonical names."""

    source: str
    """The file's own name."""
    place: LayerPlace
    style: str
    """Whose endings its tensors have."""
    tensors: dict[str, TensorInfo]
    """By role."""
    shape: Shape
    unpacked: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By role: shapes of factors that the header does not say."""
    wrapped: Wrapped | None = None
    """The layer that its name ends in, where words that nobody knows stand before or within it."""
    adapter: str = ""
    """The name of the adapter whose it is, where its tensors say one."""
    says_from_base: bool = False
    """As in `ModulePlan`."""
    is_further: bool = False
    """Whether an adapter of another name, which comes first, has this layer, too."""
    alias: str = field(init=False)
    """The name that tables are asked for, flattened."""
    length: int = field(init=False)
    """Bytes that it takes in the file."""

    def __post_init__(self) -> None:
        alias = self.wrapped.alias if self.wrapped else flat(self.place.name)
        object.__setattr__(self, "alias", alias)
        length = sum([info.length for info in self.tensors.values()])
        object.__setattr__(self, "length", length)

    @property
    def words(self) -> str:
        """What stands beside the layer's name and says nothing known: of two adapters in one file
        these are others."""
        return _beside(self.place, self.alias)


@lru_cache(REMEMBERED)
def _beside(where: LayerPlace, alias: str) -> str:
    if not alias:
        return ""
    before, name, behind = flat(where.rest).rpartition(alias)
    return before.removesuffix(flat(where.prefix)) + behind if name else ""


_OTHER_TOWERS = frozenset(("encoder", "decoder", "tower", "audio", "speech", "visual"))
"""Words of other parts of models that have a language model, whose layers have the same names and
may have any size."""


def named(
    source: str, style: str, used: dict[str, TensorInfo], shape: Shape, models: Models = ALL
) -> FileLayer:
    """The layer under what its name says it is; of several ways to read its factors, the one in
    which they have that layer's shape. `models`: those whose names are looked for."""
    where = place(source)
    plainly = FileLayer(source, where, style, used, shape)
    if style == POSITIONAL:
        return plainly
    plain = flat(where.name)
    if not is_name(plain, where.part, models):
        aliases = (*longest(where.rest, models), *longest(where.name, models))
        return _inside(plainly, aliases, models) or plainly
    if is_put_before(where.name, models):
        rest = where.name.partition(".")[2]
        found = _inside(plainly, longest(rest, models, loosely=True), models)
        if found is not None:
            return found
    return _sized(plainly, plain, models)[0]


def named_loosely(layer: FileLayer) -> FileLayer:
    """The layer as it is named where any words may be a wrapper's: also those that stand in names
    of known models."""
    if layer.style == POSITIONAL or layer.wrapped or is_name(layer.alias, layer.place.part):
        return layer
    found = _inside(layer, longest(layer.place.rest, loosely=True), ALL)
    return layer if found is None else found


def _inside(layer: FileLayer, aliases: Sequence[str], models: Models) -> FileLayer | None:
    """The layer as the first of these that has its size."""
    for alias in aliases:
        found, sized = _sized(layer, alias, models)
        if sized is not None:
            spelled, model = sized
            found = replace(found, wrapped=Wrapped(spelled, model if model in ENCODERS else ""))
            if model != LANGUAGE or _OTHER_TOWERS.isdisjoint(_words(found)):
                return found
    return None


def _words(layer: FileLayer) -> list[str]:
    return flat(layer.place.rest).lower().replace("text_encoder", "").split("_")


def _sized(
    layer: FileLayer, alias: str, models: Models
) -> tuple[FileLayer, tuple[str, str] | None]:
    """The layer with its factors read so that it has the size of the known layer of this name, and
    that layer's name and model; None where no reading has."""
    shape = layer.shape
    if is_open(shape):
        sized = model_of_open(alias, shape, models)
    else:
        sized = model_of(alias, shape.out, shape.columns, models)
    if sized is not None:
        return layer, sized
    for other, reading in turned(layer.tensors):
        sized = model_of(alias, other.out, other.columns, models)
        if sized is not None:
            return replace(layer, tensors=reading, shape=other), sized
    return layer, None


def without_core(layer: FileLayer) -> FileLayer:
    """The layer for a loader that heeds no core between its factors: where these fit without it,
    and it is not by its core that the layer has the size of a known one. Else as it is."""
    if not CORES & layer.tensors.keys():
        return layer
    shape, used = shape_of(without_cores(layer.tensors))
    if isinstance(shape, str):
        return layer
    mine = layer.shape
    if shape.columns != mine.columns and model_of(layer.alias, mine.out, mine.columns, ALL):
        return layer
    found = named(layer.source, layer.style, used, shape)
    return replace(
        layer, place=found.place, tensors=found.tensors, shape=found.shape, wrapped=found.wrapped
    )


def layer_then(layer: FileLayer, models: Models) -> FileLayer:
    """The layer as it was found when these were all models that had a table."""
    if layer.wrapped is None and is_name(layer.alias, layer.place.part, models):
        return layer
    was = named(layer.source, layer.style, layer.tensors, layer.shape, models)
    return replace(was, unpacked=layer.unpacked)
