"""The names that a file's layers had in releases before: see `names.then`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reseen.updates.canonical import (
    Naming,
    Piece,
    label,
    own_piece,
    part_of,
    pieces_of,
)
from reseen.updates.file_layer import POSITIONAL, FileLayer
from reseen.updates.names import then
from reseen.updates.names.prefixes import ENCODER, SECOND
from reseen.updates.names.tables import Table


@dataclass(frozen=True, slots=True)
class NamingThen:
    """As `canonical.Naming`, of then."""

    now: Naming
    """What is by position is named as it was."""
    found: Mapping[str, tuple[Table | None, str]]
    """By part of the file: the table that names its layers, and the model."""

    def pieces(self, layer: FileLayer) -> tuple[Piece, ...] | None:
        if layer.style == POSITIONAL:
            return self.now.pieces(layer)
        part = part_of(layer)
        table, model = self.found[part]
        cuts = then.cuts_of(table, layer.alias)
        if table is None or not cuts:
            return (own_piece(part, layer),)
        is_encoder = not model and part.startswith(ENCODER)
        return pieces_of(layer, part if is_encoder else table.part, table, cuts)

    def architecture(self, layers: Sequence[FileLayer]) -> str:
        if not layers:
            return ""
        models = {p: (m, p.startswith(ENCODER)) for p, (_, m) in self.found.items()}
        return label(layers, models | self.now.by_positional_part)


def is_as_now(layers: Sequence[FileLayer], now: Naming) -> bool:
    """Whether the layers had the names that they have for certain: in each part all are, by name
    and size, of one model that had a table."""
    shared: dict[str, set[str]] = {}
    for layer in layers:
        if layer.style == POSITIONAL:
            continue
        found = now.found.get(layer.source)
        if found is None or layer.wrapped is not None:
            return False
        models = shared.setdefault(part_of(layer), set(then.MODELS))
        models.intersection_update(found.models)
    return all(shared.values()) and SECOND not in shared


def naming_then(layers: Sequence[FileLayer], now: Naming) -> NamingThen:
    """How these layers were named, all of them together."""
    parts: dict[str, dict[str, tuple[int, int, int]]] = {}
    for layer in layers:
        if layer.style != POSITIONAL:
            size = (layer.shape.out, layer.shape.columns, layer.length)
            parts.setdefault(part_of(layer), {})[layer.alias] = size
    found: dict[str, tuple[Table | None, str]] = {
        part: then.best(then.ENCODERS if part.startswith(ENCODER) else then.DENOISERS, sizes)
        for part, sizes in parts.items()
        if part != SECOND
    }
    if SECOND in parts:
        found[SECOND] = (None, "")
    return NamingThen(now, found)
