"""Gives layers as a file names them their canonical names, whatever tool named them.

A layer's name is made of the name and the size that it has in the file, and of nothing else there:
what is taken away beside it, or put in, changes no name. Which base model the file adapts is told
from all its layers together. A layer that no table has keeps a name of its own, made from the
file's; one that has a number and no name (`names.positional`) is known by its place.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reseen.updates.file_layer import POSITIONAL, FileLayer
from reseen.updates.names import positional
from reseen.updates.names.known import (
    DENOISERS,
    ENCODERS,
    STRAY,
    Known,
    known,
    layer,
    model_of,
)
from reseen.updates.names.models import EXPERTS
from reseen.updates.names.prefixes import ENCODER, MODEL, SECOND, SECOND_PART
from reseen.updates.names.tables import Cut, Table, flat
from reseen.updates.names.wrapped import is_name

_SEEN = 0.01
"""The share of a file's stored bytes below which a width says nothing of its architecture."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One canonical module inside a layer of the file."""

    name: str
    rows: tuple[tuple[int, int], ...] | None
    """Output rows of the layer that make it, in order; None for all."""
    shape: tuple[int, int, int, int]
    """(out, in, kernel height, kernel width)"""


@dataclass(frozen=True, slots=True)
class Naming:
    """How the layers of one file get canonical names."""

    found: Mapping[str, Known]
    """What layers are by their names, by those."""
    by_position: Mapping[str, str]
    """Canonical names of positional layers, by the file's own."""
    positional_models: Mapping[str, str]
    """By positional part (unet, text_encoder, list); empty for an order that no table explains."""

    def pieces(self, layer: FileLayer) -> tuple[Piece, ...] | None:
        """The canonical modules of a layer; None where it cannot be cut as its name says."""
        if layer.style == POSITIONAL:
            return (_piece(self.by_position[layer.source], layer),)
        part = part_of(layer)
        found = self.found.get(layer.source)
        if found is None:
            return (own_piece(part, layer),)
        is_second = part == SECOND and not set(EXPERTS).isdisjoint(found.models)
        inside = found.table.part + (SECOND_PART if is_second else "")
        if not found.models and part.startswith(ENCODER):
            inside = part
        return pieces_of(layer, inside, found.table, found.cuts)

    def architecture(self, layers: Sequence[FileLayer]) -> str:
        """What the file adapts; see `plan.Plan.architecture`."""
        if not layers:
            return ""
        return label(layers, self._models(layers))

    @property
    def by_positional_part(self) -> dict[str, tuple[str, bool]]:
        """The model of each positional part, and whether it is an encoder."""
        return {part: (model, model in ENCODERS) for part, model in self.positional_models.items()}

    def _models(self, layers: Sequence[FileLayer]) -> dict[str, tuple[str, bool]]:
        """By part of the file, or positional part: the model that it is of, empty if unknown, and
        whether it is an encoder."""
        made = self.by_positional_part
        weights: dict[str, Counter[str]] = {}
        names: dict[str, dict[str, set[str]]] = {}
        totals: Counter[str] = Counter()
        for each in layers:
            if each.style == POSITIONAL:
                continue
            part, length = part_of(each), each.length
            totals[part] += length
            if (found := self.found.get(each.source)) is None:
                continue
            inside = [cut.name for cut in found.cuts]
            for model in found.models:
                weights.setdefault(part, Counter())[model] += length
                names.setdefault(part, {}).setdefault(model, set()).update(inside)
        for part, total in totals.items():
            sets = {model: frozenset(some) for model, some in names.get(part, {}).items()}
            model = model_of(weights.get(part, Counter()), total, sets)
            made[part] = (model, part.startswith(ENCODER))
        return made


def label(layers: Sequence[FileLayer], models: Mapping[str, tuple[str, bool]]) -> str:
    """The architecture of a file whose parts are of these models."""
    denoisers: Counter[str] = Counter()
    encoders: Counter[str] = Counter()
    for each in layers:
        positional_part = each.source.partition("#")[0]
        part = positional_part if each.style == POSITIONAL else part_of(each)
        model, is_encoder = models[part]
        (encoders if is_encoder else denoisers)[model] += each.length
    if encoders[""] + denoisers[""] < STRAY * sum((encoders + denoisers).values()):
        # A stray layer under a prefix of its own makes no file unknown.
        encoders.pop("", None)
        denoisers.pop("", None)
    elif denoisers[""] < STRAY * sum(denoisers.values()):
        denoisers.pop("", None)
    if len(denoisers) == 1 and "" not in denoisers:
        return next(iter(denoisers))
    if not denoisers and "" not in encoders:
        return "+".join(sorted(encoders))
    return f"unknown:{widths(layers)}"


def part_of(layer: FileLayer) -> str:
    """The part of the model that a layer is in; by its name where no prefix says so."""
    if layer.wrapped:
        return f"{ENCODER}:{layer.wrapped.model}" if layer.wrapped.model else MODEL
    if layer.place.part:
        return layer.place.part
    return ENCODER if is_name(layer.alias, ENCODER) else MODEL


def naming_of(layers: Iterable[FileLayer]) -> Naming:
    """Which of the known layers those of a file are, each by its own name and size."""
    found: dict[str, Known] = {}
    numbered: dict[str, dict[int, FileLayer]] = {}
    for each in layers:
        if each.style == POSITIONAL:
            part, _, number = each.source.partition("#")
            numbered.setdefault(part, {})[int(number)] = each
            continue
        part = part_of(each)
        models = ENCODERS if part.startswith(ENCODER) else DENOISERS
        if part == SECOND:
            models = EXPERTS
        is_known = layer(models, each.alias, each.shape.out, each.shape.columns)
        if part == SECOND and (is_known is None or not is_known.models):
            # No pair of experts has such a layer: the words are a wrapper's like any other.
            is_known = layer(DENOISERS, each.alias, each.shape.out, each.shape.columns)
        if is_known is not None and (is_known.models or part != SECOND):
            found[each.source] = is_known
    by_position: dict[str, str] = {}
    models_of: dict[str, str] = {}
    for part, by_number in sorted(numbered.items()):
        model, names = _positions(part, by_number)
        models_of[part] = model
        by_position |= names
    return Naming(found, by_position, models_of)


def _positions(part: str, layers: Mapping[int, FileLayer]) -> tuple[str, dict[str, str]]:
    """The model of a positional list, empty if unknown, and its layers' canonical names."""
    shapes = {number: (each.shape.out, each.shape.columns) for number, each in layers.items()}
    for candidate in ("unet", ENCODER) if part == "list" else (part,):
        if (resolved := positional.resolve(candidate, shapes)) is not None:
            model, names = resolved
            inside = known(model).part
            return model, {layers[i].source: f"{inside}.{name}" for i, name in names.items()}
    inside = "unet" if part == "list" else part
    return "", {layer.source: f"{inside}.#{i}" for i, layer in layers.items()}


def own_piece(part: str, layer: FileLayer) -> Piece:
    """A layer under the name that the file gives it."""
    return _piece(f"{part}.{flat(layer.place.name)}", layer)


def pieces_of(
    layer: FileLayer, part: str, table: Table, cuts: Sequence[Cut]
) -> tuple[Piece, ...] | None:
    """A layer under a table's names; None where its height does not divide as they say."""
    if any(layer.shape.out % cut.of for cut in cuts):
        return None
    return tuple(
        _piece(
            f"{part}.{cut.name}",
            layer,
            cut.rows(layer.shape.out),
            cut.height(layer.shape.out),
            table.layers[cut.name].kernel,
        )
        for cut in cuts
    )


def _piece(
    name: str,
    layer: FileLayer,
    rows: tuple[tuple[int, int], ...] | None = None,
    out: int | None = None,
    side: int = 1,
) -> Piece:
    shape = layer.shape
    inn, kernel = shape.inn, shape.kernel
    if kernel == (1, 1) and side > 1 and inn % (side * side) == 0:
        # Some algorithms flatten the kernel into the columns; the table knows its size.
        inn, kernel = inn // (side * side), (side, side)
    return Piece(name, rows, (shape.out if out is None else out, inn, *kernel))


def widths(layers: Sequence[FileLayer]) -> str:
    """Eight digits of what an unknown model's layers take in: the same whatever named or fused
    them, mostly the same when some are left out, and when small ones are put in."""
    inside = [x for x in layers if not part_of(x).startswith(ENCODER)] or layers
    weights: Counter[int] = Counter()
    for each in inside:
        weights[each.shape.inn] += each.length
    least = _SEEN * sum(weights.values())
    widths = sorted(width for width, weight in weights.items() if weight >= least)
    return hashlib.sha256(",".join(map(str, widths)).encode()).hexdigest()[:8]
