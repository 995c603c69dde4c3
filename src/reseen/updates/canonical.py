"""Gives layers as a file names them their canonical names, whatever tool named them.

The architecture is decided by all layers of a part together: names and shapes against the tables
of `names.known`. A layer that no table names keeps a name of its own, made from the file's.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reseen.updates.layers import POSITIONAL, FileLayer
from reseen.updates.names import positional
from reseen.updates.names.known import DENOISERS, ENCODERS, STRAY, FoundTable, best, cuts_of, known
from reseen.updates.names.prefixes import ENCODER, MODEL, SECOND
from reseen.updates.names.tables import flat
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

    found: Mapping[str, FoundTable]
    """By part of the file: model, model_2, text_encoder, text_encoder_2 ..."""
    by_position: Mapping[str, str]
    """Canonical names of positional layers, by the file's own."""
    positional_models: Mapping[str, str]
    """By positional part (unet, text_encoder, list); empty for an order that no table explains."""

    def pieces(self, layer: FileLayer) -> tuple[Piece, ...] | None:
        """The canonical modules of a layer; None where it cannot be cut as its name says."""
        if layer.style == POSITIONAL:
            return (_piece(self.by_position[layer.source], layer),)
        part = part_of(layer)
        found = self.found[part]
        cuts = cuts_of(found.table, layer.alias) if found.table else ()
        if not cuts or found.table is None:
            return (_piece(f"{part}.{flat(layer.place.name)}", layer),)
        inside = found.table.part
        if not found.model and part.startswith(ENCODER):
            inside = part
        if any(layer.shape.out % cut.of for cut in cuts):
            return None
        return tuple(
            _piece(
                f"{inside}.{cut.name}",
                layer,
                cut.rows(layer.shape.out),
                cut.height(layer.shape.out),
                found.table.layers[cut.name].kernel,
            )
            for cut in cuts
        )

    def architecture(self, layers: Sequence[FileLayer]) -> str:
        """What the file adapts; see `plan.Plan.architecture`."""
        if not layers:
            return ""
        denoisers: Counter[str] = Counter()
        encoders: Counter[str] = Counter()
        for layer in layers:
            model, is_encoder = self._model(layer)
            (encoders if is_encoder else denoisers)[model] += layer.length
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
        return f"unknown:{_widths(layers)}"

    def _model(self, layer: FileLayer) -> tuple[str, bool]:
        """The model that a layer's part is of, empty if unknown, and whether it is an encoder."""
        if layer.style == POSITIONAL:
            part = layer.source.partition("#")[0]
            model = self.positional_models[part]
            return model, model in ENCODERS
        part = part_of(layer)
        return self.found[part].model, part.startswith(ENCODER)


def part_of(layer: FileLayer) -> str:
    """The part of the model that a layer is in; by its name where no prefix says so."""
    if layer.wrapped:
        return f"{ENCODER}:{layer.wrapped.model}" if layer.wrapped.model else MODEL
    if layer.place.part:
        return layer.place.part
    return ENCODER if is_name(layer.alias, ENCODER) else MODEL


def naming_of(layers: Iterable[FileLayer]) -> Naming:
    """Decide, from all layers of a file, which tables name them."""
    parts: dict[str, dict[str, tuple[int, int, int]]] = {}
    numbered: dict[str, dict[int, FileLayer]] = {}
    for layer in layers:
        if layer.style == POSITIONAL:
            part, _, number = layer.source.partition("#")
            numbered.setdefault(part, {})[int(number)] = layer
        else:
            size = (layer.shape.out, layer.shape.columns, layer.length)
            parts.setdefault(part_of(layer), {})[layer.alias] = size
    found = {
        part: best(ENCODERS if part.startswith(ENCODER) else DENOISERS, sizes)
        for part, sizes in parts.items()
        if part != SECOND
    }
    if SECOND in parts:
        # The second expert of a pair: no model with two of them has a table yet.
        found[SECOND] = FoundTable(None, "")
    by_position: dict[str, str] = {}
    models: dict[str, str] = {}
    for part, by_number in sorted(numbered.items()):
        model, names = _positions(part, by_number)
        models[part] = model
        by_position |= names
    return Naming(found, by_position, models)


def _positions(part: str, layers: Mapping[int, FileLayer]) -> tuple[str, dict[str, str]]:
    """The model of a positional list, empty if unknown, and its layers' canonical names."""
    if sorted(layers) == list(range(len(layers))):
        shapes = [(layers[i].shape.out, layers[i].shape.columns) for i in range(len(layers))]
        for candidate in ("unet", ENCODER) if part == "list" else (part,):
            if (resolved := positional.resolve(candidate, shapes)) is not None:
                model, order = resolved
                inside = known(model).part
                return model, {layers[i].source: f"{inside}.{n}" for i, n in enumerate(order)}
    inside = "unet" if part == "list" else part
    return "", {layer.source: f"{inside}.#{i}" for i, layer in layers.items()}


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


def _widths(layers: Sequence[FileLayer]) -> str:
    """Eight digits of what an unknown model's layers take in: the same whatever named or fused
    them, mostly the same when some are left out, and when small ones are put in."""
    inside = [x for x in layers if not part_of(x).startswith(ENCODER)] or layers
    weights: Counter[int] = Counter()
    for layer in inside:
        weights[layer.shape.inn] += layer.length
    least = _SEEN * sum(weights.values())
    widths = sorted(width for width, weight in weights.items() if weight >= least)
    return hashlib.sha256(",".join(map(str, widths)).encode()).hexdigest()[:8]
