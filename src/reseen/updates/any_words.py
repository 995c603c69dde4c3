"""Files whose wrappers are words that known models have, too: `adapter.blocks.0.attn1.to_q`.

By its own name such a layer may be one of a longer name that no table has (`names.wrapped`). What
the file is as a whole decides which of the two is its own name, and it is compared under both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reseen.updates.canonical import naming_of
from reseen.updates.file_layer import POSITIONAL, FileLayer, named, named_loosely
from reseen.updates.names.known import STRAY, Known
from reseen.updates.names.wrapped import OTHER_MODELS
from reseen.updates.open_sides import is_open

_FEWEST = 4
"""Layers without a name below which nothing is tried."""
_MOST_WORDS = 4
"""Words before all names of a file that are tried as one wrapper."""
_WORD = re.compile(r"[^A-Za-z0-9]*([A-Za-z0-9]+)(?:[^A-Za-z0-9]+|$)")
_WORDS = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class WaysNamed:
    """The layers of a file by name, in the file's order."""

    layers: tuple[FileLayer, ...]
    """Under the names that are the file's own."""
    other: tuple[FileLayer, ...] = ()
    """Under those under which it is compared besides; empty where they are the same."""
    strictly: tuple[FileLayer, ...] = ()
    """As each layer was named without the others: one of the two."""

    @property
    def is_told(self) -> bool:
        """Whether the file's own names are those of the most known layers."""
        return not self.other or self.other is self.strictly


def by_any_words(layers: tuple[FileLayer, ...]) -> WaysNamed:
    """The layers under the names that the file's words allow, whatever they are: under those first
    where nearly all of the file is of known models then, and nothing of it before, and the words
    are no part of a longer name."""
    known = naming_of(layers).found
    nameless = [x for x in layers if x.style != POSITIONAL and x.source not in known]
    if len(nameless) < _FEWEST:
        return WaysNamed(layers, strictly=layers)
    loosely = _without_common_words(layers)
    if loosely is None:
        loosely = tuple(named_loosely(layer) for layer in layers)
    now = naming_of(loosely).found
    new = [x for x in loosely if x.source not in known and _is_sized(x, now)]
    if len(new) < _FEWEST:
        return WaysNamed(layers, strictly=layers)
    total = sum(layer.length for layer in layers)
    of_nobody = sum(layer.length for layer in nameless)
    left = of_nobody - sum(layer.length for layer in new)
    if of_nobody > STRAY * total and left <= STRAY * total and _are_before(new):
        return WaysNamed(loosely, layers, layers)
    return WaysNamed(layers, loosely, layers)


def _is_sized(layer: FileLayer, known: Mapping[str, Known]) -> bool:
    """Whether it is a known layer by its size, too."""
    found = known.get(layer.source)
    return found is not None and (bool(found.models) or is_open(layer.shape))


def _without_common_words(layers: Sequence[FileLayer]) -> tuple[FileLayer, ...] | None:
    """The layers without the words that all names begin with; None where what is left is not the
    plain name of a known layer, of each."""
    names = {layer.source: layer.place.name for layer in layers}
    for _ in range(_MOST_WORDS):
        first = {name: _WORD.match(name) for name in names.values()}
        words = {match[1] if match else "" for match in first.values()}
        if len(words) != 1 or "" in words:
            return None
        names = {source: name[len(first[name][0]) :] for source, name in names.items()}  # type: ignore[index]
        found = tuple(_named_as(layer, names[layer.source]) for layer in layers)
        now = naming_of(found).found
        if all(layer.wrapped is None and _is_sized(layer, now) for layer in found):
            return found
    return None


def _named_as(layer: FileLayer, name: str) -> FileLayer:
    at = named(name, layer.style, layer.tensors, layer.shape)
    return replace(layer, place=at.place, tensors=at.tensors, shape=at.shape, wrapped=at.wrapped)


def _are_before(layers: Sequence[FileLayer]) -> bool:
    """Whether the words before the names are components, or stand before different blocks: joined
    to one kind of block they may be a part of its name."""
    kinds: dict[str, set[str]] = {}
    has_dots = any("." in (inside := layer.place.name) and "_" in inside for layer in layers)
    for layer in layers:
        before = _before(layer)
        if before is None or not OTHER_MODELS.isdisjoint(_WORDS.findall(before.lower())):
            return False
        if has_dots and not before.endswith("_"):
            continue
        kinds.setdefault(before, set()).add(layer.alias.partition("_")[0])
    return all(len(some) > 1 for some in kinds.values())


def _before(layer: FileLayer) -> str | None:
    """What stands before the name, as the file writes it; None where there is more beside it."""
    source = layer.source
    at = len(source) - len(layer.alias)
    flat = source.replace(".", "_")
    return source[:at] if at > 0 and flat[at:].lower() == layer.alias.lower() else None
