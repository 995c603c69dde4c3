"""Layers whose names tell nothing, named by the order in which they stand.

Numbers, hashes, or the words of a trainer that nobody knows: what is left of such a file is the
size of each layer, and which comes after which. Where these are, one after another, the sizes of a
known model's layers, in the order of the model or of a tool's names, the file is compared under
those names too. That is a guess: its architecture is marked `BY_ORDER`, and what is like it is a
lead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from reseen.updates.canonical import Naming, Piece, pieces_of
from reseen.updates.file_layer import POSITIONAL, FileLayer
from reseen.updates.names.known import DENOISERS, ENCODERS, LANGUAGE, known
from reseen.updates.names.tables import Cut, Table
from reseen.updates.pairs import in_numbers

FEWEST = 8
"""Layers in a row without which an order says nothing."""
MOST = 4
"""Ways to name a file by its order that are tried: layers of one size fit several."""
FEWEST_SAID = 4
"""Layers whose names tell nothing that are said: two adapters with fewer modules in common are not
compared. No share of the file counts: what else is in it is the uploader's to choose."""

_SETS = tuple(
    re.compile(pattern)
    for pattern in (
        r"",
        r"\.\d+\.",
        r"attn|attention\.",
        r"attn|attention\.|\.ff|ffn|mlp|feed_forward|linear[12]|proj_out",
        r"attentions\.",
        r"attn.*([_.](q|k|v|qkv)|[qkv]_proj)$",
        r"^(?!.*(mod|norm|adaLN|embed)).*\.\d+\.",
    )
)
"""Which layers trainers take: all, those of blocks, attention alone, attention and what feeds it,
all inside attention blocks, the projections of attention, blocks without modulation."""
_NOT_ORIGINAL = re.compile(r"processor|linear1_qkv|(qkv|linear1)\.\d$|to_out$|self_attn\.to_")
"""Other tools' spellings among the names of an original release."""

_INTO = ("o_proj", "down_proj")
"""The layers of a language model that give its width; all others take it in."""

_Layer = tuple[str, tuple[Cut, ...]]
_Sizes = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class NamingByOrder:
    """As `canonical.Naming`, by order."""

    table: Table
    model: str
    cuts: dict[str, tuple[Cut, ...]]
    """By the file's own name of a layer."""

    def pieces(self, layer: FileLayer) -> tuple[Piece, ...] | None:
        return pieces_of(layer, self.table.part, self.table, self.cuts[layer.source])


def by_order(
    layers: Sequence[FileLayer], naming: Naming
) -> tuple[tuple[NamingByOrder, tuple[FileLayer, ...]], ...]:
    """The ways in which the layers without names can be named by their order, at most `MOST`, and
    those layers, whatever else is in the file."""
    nameless = [x for x in layers if _tells_nothing(x, naming) or _has_other_size(x, naming)]
    found: dict[tuple[str, ...], tuple[NamingByOrder, tuple[FileLayer, ...]]] = {}
    for key in (_place, _number) if len(nameless) >= FEWEST else ():
        some = tuple(sorted(nameless, key=key))
        sizes = tuple((layer.shape.out, layer.shape.columns) for layer in some)
        for model, order in _fitting(sizes):
            cuts = {each.source: c for each, (_, c) in zip(some, order, strict=True)}
            names = tuple(f"{s} {cut.name}" for s, c in sorted(cuts.items()) for cut in c)
            found.setdefault(names, (NamingByOrder(known(model), model, cuts), some))
            if len(found) == MOST:
                return tuple(found.values())
    return tuple(found.values())


def nameless_layers(layers: Sequence[FileLayer], naming: Naming) -> list[FileLayer]:
    """The layers whose names tell nothing, or another layer than one of their size, where they are
    enough to hide a removal: that is to be said."""
    has_one_width = len(_language_widths(layers, naming)) < 2
    nameless = [
        layer
        for layer in layers
        if _tells_nothing(layer, naming)
        or (_is_another(layer, naming) and not (has_one_width and _is_language(layer, naming)))
    ]
    return nameless if len(nameless) >= FEWEST_SAID else []


def _tells_nothing(layer: FileLayer, naming: Naming) -> bool:
    if layer.style == POSITIONAL:
        return "#" in naming.by_position[layer.source]
    return layer.source not in naming.found


def _has_other_size(layer: FileLayer, naming: Naming) -> bool:
    """Whether no known model has the layer of this name in this size."""
    return layer.style != POSITIONAL and not naming.found[layer.source].models


def _is_another(layer: FileLayer, naming: Naming) -> bool:
    """Whether the name is of a layer of another size, and the size one that known models have. A
    size that none has is that of a small or widened sibling."""
    size = (layer.shape.out, layer.shape.columns)
    return _has_other_size(layer, naming) and size in _every_size()


def _is_language(layer: FileLayer, naming: Naming) -> bool:
    found = naming.found.get(layer.source)
    return found is not None and found.table is known(LANGUAGE)


def _language_widths(layers: Sequence[FileLayer], naming: Naming) -> set[int]:
    """The widths of the language model that these would be of. Its layers may have any size, and
    yet all take in, or give, the same width."""
    some = [layer for layer in layers if _is_language(layer, naming)]
    return {
        x.shape.out if naming.found[x.source].cuts[0].name.endswith(_INTO) else x.shape.columns
        for x in some
    }


@cache
def _every_size() -> frozenset[tuple[int, int]]:
    return frozenset[tuple[int, int]]().union(*map(_sizes, (*DENOISERS, *ENCODERS)))


def _place(layer: FileLayer) -> tuple[int, ...]:
    return (min(info.start for info in layer.tensors.values()),)


def _number(layer: FileLayer) -> tuple[tuple[int, str], ...]:
    return in_numbers(layer.source)


def _fitting(sizes: _Sizes) -> Iterator[tuple[str, tuple[_Layer, ...]]]:
    """The orders of known models' layers that have these sizes."""
    wanted = frozenset(sizes)
    for model in (*DENOISERS, *ENCODERS):
        if not wanted <= _sizes(model):
            continue
        for some in _chosen(model):
            if len(some) == len(sizes) and _sizes_of(known(model), some) == sizes:
                yield model, some


@lru_cache(8)
def _chosen(model: str) -> tuple[tuple[_Layer, ...], ...]:
    """What trainers take of a model, in each of its orders."""
    return tuple(
        dict.fromkeys(
            tuple(each for each in order if chosen.search(each[0]))
            for order in _orders(known(model))
            for chosen in _SETS
        )
    )


def _orders(table: Table) -> Iterator[list[_Layer]]:
    """A model's layers as the network has them, and as tools write them: sorted by their names."""
    own: list[_Layer] = [(name, (Cut(name),)) for name in table.layers]
    original: list[_Layer] = [
        (name, table.aliases[name.replace(".", "_")])
        for name in table.spelled
        if name not in table.layers and not _NOT_ORIGINAL.search(name)
    ]
    flat: Callable[[_Layer], str] = lambda each: each[0].replace(".", "_")  # noqa: E731
    for some in (own, original):
        yield some
        yield sorted(some)
        yield sorted(some, key=flat)


@cache
def _sizes(model: str) -> frozenset[tuple[int, int]]:
    table = known(model)
    named = [(alias, cuts) for alias, cuts in table.aliases.items()]
    return frozenset(_sizes_of(table, named))


def _sizes_of(table: Table, layers: Sequence[_Layer]) -> _Sizes:
    made = []
    for _, cuts in layers:
        unit = table.layers[cuts[0].name].out // sum(b - a for a, b in cuts[0].units)
        made.append((unit * cuts[0].of, table.layers[cuts[0].name].columns))
    return tuple(made)
