"""Sides of a layer that its tensors do not tell, by the tables of the base models: a rotation of
the output says nothing of the input."""

from __future__ import annotations

from dataclasses import replace

from reseen.updates.names.known import fits, known
from reseen.updates.names.tables import Table
from reseen.updates.names.wrapped import ALL, Models, spellings
from reseen.updates.sides import Shape


def is_open(shape: Shape) -> bool:
    return not shape.out or not shape.inn


def closed_by(table: Table, alias: str, shape: Shape) -> Shape | None:
    """The shape with the sides that the table's layer of this name has; None where it has no such
    layer, or one whose known side is another."""
    cuts = table.aliases.get(alias)
    if not cuts:
        return None
    cut, layer = cuts[0], table.layers[cuts[0].name]
    units = sum(stop - start for start, stop in cut.units)
    for height, width in ((layer.out, layer.columns), *layer.others):
        out, columns = shape.out or height * cut.of // units, shape.columns or width
        if fits(table, alias, out, columns) == (True, True):
            if not is_open(shape):
                return shape
            return replace(shape, out=out, inn=columns, kernel=(1, 1))
    return None


def model_of_open(alias: str, shape: Shape, models: Models = ALL) -> tuple[str, str] | None:
    """The first model that has a layer of this name, and of the sides that are known; and the name
    as it writes it (see `wrapped.model_of`)."""
    for spelled in spellings(alias, models):
        for model in models:
            if closed_by(known(model), spelled, shape):
                return spelled, model
    return None
