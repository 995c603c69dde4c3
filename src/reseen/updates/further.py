"""The other adapters of a file that holds several of the same layers: each is known alone.

What comes in: all layers of a file, and the modules of its first adapter. What goes out: those of
each further one. Which layers are one adapter's is told by its name in the file, or by the words
that stand before the layers' names; what no words tell apart, by what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reseen.updates.file_layer import FileLayer
from reseen.updates.layers import SECOND_ADAPTER
from reseen.updates.modules import ModulePlan
from reseen.updates.not_read import SECOND_UPDATE

FEWEST = 4
"""Modules of a further adapter: one of fewer could not be known."""
MOST_TRIED = 32
"""Groups of layers that are put together; what fits none of them is taken by what is left."""
MOST = 7
"""Further adapters that are read of one file; what is beyond them is said."""

Named = Callable[[Sequence[FileLayer]], tuple[ModulePlan, ...]]
"""The modules of layers under their canonical names, of two for one name the first."""


@dataclass(frozen=True, slots=True)
class FurtherAdapter:
    """One of them."""

    layers: tuple[FileLayer, ...]
    modules: tuple[ModulePlan, ...]


def further_adapters(
    layers: Sequence[FileLayer],
    modules: Sequence[ModulePlan],
    named: Named,
    counts: Counter[str],
) -> tuple[FurtherAdapter, ...]:
    """All that are read; adds to `counts` the tensors of those that are not. `layers`: with those
    alone that can be named."""
    used = {module.source for module in modules}
    found: list[FurtherAdapter] = []
    for some in _together(_apart(layers, used), used, named):
        left = {layer.source for layer in some} - used
        if len(found) == MOST or len(left) < FEWEST:
            continue
        made = named(some)
        if len(made) >= FEWEST:
            sources = {module.source for module in made}
            used |= sources
            found.append(FurtherAdapter(tuple(la for la in some if la.source in sources), made))
    while len(found) < MOST and (rest := [la for la in layers if la.source not in used]):
        made = named(rest)
        if len(made) < FEWEST:
            break
        sources = {module.source for module in made}
        used |= sources
        found.append(FurtherAdapter(tuple(la for la in rest if la.source in sources), made))
    for layer in layers:
        if layer.source not in used:
            counts[SECOND_ADAPTER if layer.is_further else SECOND_UPDATE] += len(layer.tensors)
    return tuple(found)


def _apart(layers: Sequence[FileLayer], used: set[str]) -> Iterator[list[FileLayer]]:
    """The layers of each adapter of which some are not used yet, as its words tell."""
    by_words: dict[tuple[str, str], list[FileLayer]] = {}
    unread = set()
    for layer in layers:
        whose = layer.adapter, layer.words
        by_words.setdefault(whose, []).append(layer)
        if layer.source not in used:
            unread.add(whose)
    for whose in sorted(unread):
        yield by_words[whose]


def _together(
    groups: Iterable[list[FileLayer]], used: set[str], named: Named
) -> Iterator[list[FileLayer]]:
    """Those that have no layer in common as one: where the words change from layer to layer, they
    tell no adapters apart. Of a group that another has the names of, what nobody used."""
    found: list[tuple[list[FileLayer], set[str]]] = []
    for some in groups:
        made = named(some)
        if used.issuperset(module.source for module in made):
            some = [layer for layer in some if layer.source not in used]
            made = named(some)
        names = {module.name for module in made}
        for layers, taken in found:
            if taken.isdisjoint(names):
                layers += some
                taken |= names
                break
        else:
            if len(found) < MOST_TRIED:
                found.append((list(some), names))
    for layers, _ in found:
        yield layers
