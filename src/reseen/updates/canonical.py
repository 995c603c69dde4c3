"""Layers as a file names them -> canonical modules, whatever tool named them.

The architecture is decided by all layers of a part together: names and shapes against the tables
of `names.known`. A layer that no table names keeps a name of its own, made from the file's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from reseen.updates.layers import POSITIONAL, FileLayer
from reseen.updates.names import positional
from reseen.updates.names.known import DENOISERS, ENCODERS, Found, best, cuts_of, known
from reseen.updates.names.tables import flat

ENCODER = "text_encoder"


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

    found: Mapping[str, Found]
    """By part of the file: model, model_2, text_encoder, text_encoder_2 ..."""
    by_position: Mapping[str, str]
    """Canonical names of positional layers, by the file's own."""
    positional_models: tuple[str, ...]

    def pieces(self, layer: FileLayer) -> tuple[Piece, ...] | None:
        """The canonical modules of a layer; None where it cannot be cut as its name says."""
        if layer.style == POSITIONAL:
            return (_piece(self.by_position[layer.source], layer),)
        part = part_of(layer)
        found = self.found[part]
        alias = flat(layer.place.name)
        cuts = cuts_of(found.table, alias) if found.table else ()
        if not cuts or found.table is None:
            return (_piece(f"{part}.{alias}", layer),)
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
        models = {part: found.model for part, found in self.found.items()}
        denoisers = {m for part, m in models.items() if not part.startswith(ENCODER)}
        denoisers |= {m for m in self.positional_models if m in (*DENOISERS, "")}
        if len(denoisers) == 1 and (model := denoisers.pop()):
            return model
        encoders = set(models.values()) | set(self.positional_models)
        if not denoisers and "" not in encoders:
            return "+".join(sorted(encoders))
        return f"unknown:{_widths(layers)}"


def part_of(layer: FileLayer) -> str:
    """The part of the model that a layer is in; by its name where no prefix says so."""
    if layer.place.part:
        return layer.place.part
    return ENCODER if flat(layer.place.name) in _encoder_names() else "model"


def naming_of(layers: Iterable[FileLayer]) -> Naming:
    """Decide, from all layers of a file, which tables name them."""
    parts: dict[str, dict[str, tuple[int, int]]] = {}
    numbered: dict[str, dict[int, FileLayer]] = {}
    for layer in layers:
        if layer.style == POSITIONAL:
            part, _, number = layer.source.partition("#")
            numbered.setdefault(part, {})[int(number)] = layer
        else:
            size = (layer.shape.out, layer.shape.columns)
            parts.setdefault(part_of(layer), {})[flat(layer.place.name)] = size
    found = {
        part: best(ENCODERS if part.startswith(ENCODER) else DENOISERS, sizes)
        for part, sizes in parts.items()
        if part != "model_2"
    }
    if "model_2" in parts:
        # The second expert of a pair: no model with two of them has a table yet.
        found["model_2"] = Found(None, "")
    by_position: dict[str, str] = {}
    models: list[str] = []
    for part, by_number in sorted(numbered.items()):
        model, names = _positions(part, by_number)
        models.append(model)
        by_position |= names
    return Naming(found, by_position, tuple(models))


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


@cache
def _encoder_names() -> frozenset[str]:
    return frozenset(alias for model in ("clip_g", "t5") for alias in known(model).aliases)


def _widths(layers: Sequence[FileLayer]) -> str:
    """Eight digits of what an unknown model's layers take in: the same whatever named or fused
    them, and mostly the same when some are left out."""
    inside = [x for x in layers if not part_of(x).startswith(ENCODER)] or layers
    widths = sorted({layer.shape.inn for layer in inside})
    return hashlib.sha256(",".join(map(str, widths)).encode()).hexdigest()[:8]
