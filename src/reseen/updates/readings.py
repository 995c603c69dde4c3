"""The names under which a file is compared beside its own.

Those that its layers had before a model had a table, as each tool that trains it writes them: what
was removed then has a sketch of such names, in whichever tool's, and its weights are gone. Those of
the other of two experts. And those that the order of layers tells where they have no names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reseen.updates.modules import ModulePlan, RowsWithin
from reseen.updates.names import then
from reseen.updates.names.known import DENOISERS, known, one_of
from reseen.updates.names.models import EXPERTS
from reseen.updates.names.prefixes import MODEL, SECOND, SECOND_PART
from reseen.updates.names.tables import Alias, Cut, Table, flat

MOST_DIALECTS = 7
"""Ways to spell a file that are tried: a model of images has three at most."""

Modules = Sequence[ModulePlan]


def as_before(architecture: str, modules: Modules) -> Iterator[tuple[ModulePlan, ...]]:
    """The modules under the names that each dialect of the model gave them while it had no
    table."""
    models = [m for m in one_of(architecture) if m in DENOISERS and m not in then.DENOISERS]
    tried = 0
    for model in models:
        table = known(model)
        for dialect in ("", *table.dialects):
            if tried < MOST_DIALECTS:
                tried += 1
                yield _spelled(table, _dialect(table, dialect), modules)


def _dialect(table: Table, name: str) -> list[Alias]:
    """A dialect's names for all layers; "": the canonical ones."""
    said = list(table.dialects.get(name, ()))
    named = {cut.name for _, cuts in said for cut in cuts}
    return said + [(layer, (Cut(layer),)) for layer in table.layers if layer not in named]


def _spelled(table: Table, dialect: Sequence[Alias], modules: Modules) -> tuple[ModulePlan, ...]:
    """The file as it would have been read then, had this dialect written it."""
    found: list[ModulePlan] = []
    for part, ours in ((MODEL, table.part), (SECOND, table.part + SECOND_PART)):
        by_name = {
            name.removeprefix(f"{ours}."): module
            for module in modules
            if (name := module.name).startswith(f"{ours}.")
        }
        layers = {
            alias: _Layer(cuts, [by_name[cut.name] for cut in cuts])
            for alias, cuts in dialect
            if all(cut.name in by_name for cut in cuts)
        }
        sizes = {flat(alias): layer.size for alias, layer in layers.items()}
        had = None if part == SECOND else then.best(then.DENOISERS, sizes)[0]
        for alias, layer in layers.items():
            old = then.cuts_of(had, flat(alias))
            if had is None or not old:
                found += layer.whole(f"{part}.{flat(alias)}")
            else:
                found += (
                    replace(module, name=f"{had.part}.{cut.name}")
                    for cut in old
                    if (module := layer.part_of(cut)) is not None
                )
    return tuple(found)


class _Layer:
    """A layer as a dialect has it, made of the file's modules."""

    def __init__(self, cuts: tuple[Cut, ...], modules: Modules) -> None:
        self._cuts, self._modules = cuts, modules
        units = sum(b - a for a, b in cuts[0].units)
        self._out = modules[0].shape[0] * cuts[0].of // units

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, columns, stored bytes."""
        _, inn, height, width = self._modules[0].shape
        return self._out, inn * height * width, sum(module.length for module in self._modules)

    def whole(self, name: str) -> Iterator[ModulePlan]:
        """The layer as one module: itself, or its parts."""
        for cut, module in zip(self._cuts, self._modules, strict=True):
            rows = cut.rows(self._out)
            place = None if rows is None else RowsWithin(rows, self._out, len(self._cuts))
            yield replace(module, name=name, place=place)

    def part_of(self, cut: Cut) -> ModulePlan | None:
        """The module that these rows are; None where no one module is."""
        for mine, module in zip(self._cuts, self._modules, strict=True):
            if mine.rows(self._out) == cut.rows(self._out):
                return module
        return None


_SIDES = ("scale", "scale.out", "scale.in")
"""Of IA3: LyCORIS does not say in the header which side it scales, PEFT does by the shape."""


def of_the_other_side(own: Modules) -> Iterator[tuple[ModulePlan, ...]]:
    """Vectors that scale a layer, under the names that the other library's have."""
    for now in _SIDES:
        mine = [m for m in own if m.algorithm == "ia3" and m.what == now]
        for side in _SIDES[1:] if now == "scale" else _SIDES[:1]:
            yield tuple(
                replace(m, name=m.name.removesuffix(f"#{now}") + f"#{side}", what=side)
                for m in mine
            )


def of_the_other_expert(architecture: str, modules: Modules) -> tuple[ModulePlan, ...]:
    """Of a file that adapts both experts of a pair the second as if it were the first and alone; of
    one that adapts one, that as if it were the second. An adapter of one is known in either."""
    if not set(one_of(architecture)) & set(EXPERTS):
        return ()
    tables = [known(model) for model in one_of(architecture) if model in EXPERTS]
    first, second = f"{tables[0].part}.", f"{tables[0].part}{SECOND_PART}."
    seconds = [module for module in modules if module.name.startswith(second)]
    if seconds:
        return tuple(replace(m, name=first + m.name.removeprefix(second)) for m in seconds)
    ours = [module for module in modules if module.name.startswith(first)]
    return tuple(replace(m, name=second + m.name.removeprefix(first)) for m in ours)
