"""The modules of adapters of which an object of their own is sketched: `<module>#rot.in` ...

Their layers say one side at most, so the tables are asked for the other before they are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reseen.updates.canonical import Naming, Piece, part_of
from reseen.updates.file_layer import FileLayer
from reseen.updates.names.known import DENOISERS, ENCODERS, known
from reseen.updates.names.prefixes import ENCODER, SECOND
from reseen.updates.open_sides import closed_by, is_open
from reseen.updates.sides import OwnObject, folded_shape


@dataclass(frozen=True, slots=True)
class ClosedLayers:
    """Layers whose sides are all there."""

    layers: tuple[FileLayer, ...]
    """Each by itself, so that its name depends on no other."""
    together: tuple[FileLayer, ...]
    """By the model that fits most of what is known of them: this tells the architecture."""
    alike: Mapping[str, tuple[str, ...]]
    """Model that gave sides -> all models that give every layer sides and the same names."""


@dataclass(frozen=True, slots=True)
class OwnPiece:
    """One object of a layer."""

    name: str
    """Canonical name of the module, with the object's behind it."""
    what: str
    """See `sides.OwnObject`."""
    rows: tuple[tuple[int, int], ...] | None
    """Of the object that the file's layer has, in order; None for all."""
    shape: tuple[int, int, int, int]
    """As sketched."""


def close(layers: Sequence[FileLayer]) -> ClosedLayers:
    """The layers with the sides that a model gives them; those that none has are taken for
    square."""
    by_part: dict[str, list[FileLayer]] = {}
    for layer in layers:
        by_part.setdefault(part_of(layer), []).append(layer)
    alone: list[FileLayer] = []
    together: list[FileLayer] = []
    alike: dict[str, tuple[str, ...]] = {}
    for part, some in by_part.items():
        if part == SECOND:  # no model with two of them has a table yet
            alone += (square := [_closed((), layer) for layer in some])
            together += square
            continue
        models = ENCODERS if part.startswith(ENCODER) else DENOISERS
        fitting = {m: {la.source: la.length for la in some if _fits(m, la)} for m in models}
        best = max(models, key=lambda m: (sum(fitting[m].values()), len(fitting[m])))
        alone += [_closed(models, layer) for layer in some]
        together += [_closed((best, *models), layer) for layer in some]
        if fitting[best]:
            aliases = [layer.alias for layer in some if layer.source in fitting[best]]
            alike[best] = tuple(
                m for m in models if fitting[m] == fitting[best] and _same_names(m, best, aliases)
            )
    return ClosedLayers(tuple(alone), tuple(together), alike)


def _fits(model: str, layer: FileLayer) -> bool:
    return closed_by(known(model), layer.alias, layer.shape) is not None


def _closed(models: Sequence[str], layer: FileLayer) -> FileLayer:
    """By the first of these models that has a layer of this name and of the side that is known."""
    shape = layer.shape
    if not is_open(shape):
        return layer
    made = (closed_by(known(model), layer.alias, shape) for model in models)
    closed = next((each for each in made if each is not None), None)
    side = shape.out or shape.columns or max(each.size for each in shape.own)
    square = replace(shape, out=shape.out or side, inn=shape.inn or side)
    return replace(layer, shape=closed or square)


def _same_names(model: str, other: str, aliases: Sequence[str]) -> bool:
    one, two = known(model), known(other)
    return one.part == two.part and all(one.aliases.get(a) == two.aliases.get(a) for a in aliases)


def own_pieces(layer: FileLayer, naming: Naming) -> tuple[OwnPiece, ...] | None:
    """The objects of a layer's modules; None where it cannot be cut as its name says."""
    pieces = naming.pieces(layer)
    if pieces is None:
        return None
    found: list[OwnPiece] = []
    for piece in pieces:
        for each in layer.shape.own:
            made = _own_piece(piece, each)
            if made is None:
                return None
            found.append(made)
    return tuple(found)


def _own_piece(piece: Piece, each: OwnObject) -> OwnPiece | None:
    name = f"{piece.name}#{each.what}"
    if not each.what:
        return OwnPiece(piece.name, "", piece.rows, piece.shape)
    rows = piece.rows if each.what in ("rot.out", "scale.out") else None
    size = each.size if rows is None else sum(stop - start for start, stop in rows)
    if not each.what.startswith(("rot", "glora")):
        return OwnPiece(name, each.what, rows, (*folded_shape(size), 1, 1))
    if rows is not None and not _at_blocks(rows, each.block):
        return None
    return OwnPiece(name, each.what, rows, (size, size, 1, 1))


def _at_blocks(rows: tuple[tuple[int, int], ...], block: int) -> bool:
    return bool(block) and not any(start % block or stop % block for start, stop in rows)
