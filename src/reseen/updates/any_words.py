"""Files whose wrappers are words that known models have, too: `adapter.blocks.0.attn1.to_q`.

By its own name such a layer may be one of a longer name that no table has (`names.wrapped`). What
the file is as a whole decides which of the two is its own name, and it is compared under both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from reseen.updates.canonical import naming_of
from reseen.updates.file_layer import POSITIONAL, FileLayer, named, named_loosely
from reseen.updates.names.known import STRAY, Known
from reseen.updates.names.plainly import of_words, without_zeros
from reseen.updates.names.prefixes import MODEL
from reseen.updates.names.wrapped import OTHER_MODELS, words_of_models
from reseen.updates.open_sides import is_open

_FEWEST = 4
"""Layers without a name below which nothing is tried."""
_MOST_WORDS = 4
"""Words before all names of a file that are tried as one wrapper."""
_MOST_RESPELLED = 8_192
"""Layers of a file whose names are tried in other spellings: several times those of the largest
known model."""
_FOR_THE_MODEL = frozenset(
    ("base", "model", "module", "net", "network", "lora", "lycoris", "unet", "transformer", "dit")
)
_WORDS_AND_MORE = re.compile(r"[^._]+")
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
    for way in (_without_common_words, _loosely, _without_zeros, _of_known_words):
        loosely = way(layers)
        now = naming_of(loosely).found
        new = [x for x in loosely if x.source not in known and _is_sized(x, now)]
        if len(new) >= _FEWEST:
            break
    else:
        return WaysNamed(layers, strictly=layers)
    total = sum(layer.length for layer in layers)
    of_nobody = sum(layer.length for layer in nameless)
    left = of_nobody - sum(layer.length for layer in new)
    is_told = way is _without_zeros or _are_before(new)
    if of_nobody > STRAY * total and left <= STRAY * total and is_told:
        return WaysNamed(loosely, layers, layers)
    return WaysNamed(layers, loosely, layers)


def _is_sized(layer: FileLayer, known: Mapping[str, Known]) -> bool:
    """Whether it is a known layer by its size, too."""
    found = known.get(layer.source)
    return found is not None and (bool(found.models) or is_open(layer.shape))


def _without_common_words(layers: Sequence[FileLayer]) -> tuple[FileLayer, ...]:
    """The layers without the words that all names begin with; none where what is left is not the
    plain name of a known layer, of each."""
    names = {layer.source: layer.place.name for layer in layers}
    for _ in range(_MOST_WORDS):
        first = {name: _WORD.match(name) for name in names.values()}
        words = {match[1] if match else "" for match in first.values()}
        if len(words) != 1 or "" in words:
            return ()
        names = {source: name[len(first[name][0]) :] for source, name in names.items()}  # type: ignore[index]
        found = tuple(takewhile(_is_plain, (_named_as(x, names[x.source]) for x in layers)))
        if len(found) == len(layers):
            return found
    return ()


def _is_plain(layer: FileLayer) -> bool:
    """Whether its name is a known layer's, and no more."""
    if layer.wrapped is not None or layer.style == POSITIONAL:
        return False
    return _is_sized(layer, naming_of((layer,)).found)


def _loosely(layers: Sequence[FileLayer]) -> tuple[FileLayer, ...]:
    return tuple(named_loosely(layer) for layer in layers)


def _without_zeros(layers: Sequence[FileLayer]) -> tuple[FileLayer, ...]:
    """Those whose numbers have zeros before them, without these."""
    return _respelled(layers, without_zeros)


def _of_known_words(layers: Sequence[FileLayer]) -> tuple[FileLayer, ...]:
    """The layers without all words that no known model's layers have, wherever they stand."""
    return _respelled(layers, lambda name: of_words(name, words_of_models()))


def _respelled(layers: Sequence[FileLayer], spell: Callable[[str], str]) -> tuple[FileLayer, ...]:
    if len(layers) > _MOST_RESPELLED:
        return ()
    spelled = [(layer, layer.source, spell(layer.source)) for layer in layers]
    return tuple(
        each if each.style == POSITIONAL or now in ("", was) else _named_as(each, now)
        for each, was, now in spelled
    )


def called_otherwise(layers: Sequence[FileLayer]) -> Iterator[tuple[FileLayer, ...]]:
    """Layers that no table has, without the words for the model as a whole before their names, and
    with the one that most tools write there; and without all words that their names begin with,
    but for one before a number. So an adapter of a model that nobody knows is compared with one
    that another tool saved, or that was saved from within a larger model."""
    names = [_WORDS_AND_MORE.findall(layer.place.name) for layer in layers]
    if len(names) < _FEWEST:
        return
    bare = ["_".join(_without_words_for_the_model(words)) for words in names]
    for before in ("", f"{MODEL}_"):
        yield tuple(
            replace(layer, place=replace(layer.place, name=before + name))
            for layer, name in zip(layers, bare, strict=True)
        )
    alike = takewhile(lambda words: len(set(words)) == 1, zip(*names, strict=False))
    common = len(list(alike))
    while common and any(len(name) <= common or name[common].isdigit() for name in names):
        common -= 1
    if common:
        yield tuple(
            _named_as(layer, "_".join(name[common:]))
            for layer, name in zip(layers, names, strict=True)
        )


def _without_words_for_the_model(words: list[str]) -> list[str]:
    at = 0
    while at + 2 < len(words) and words[at] in _FOR_THE_MODEL and not words[at + 1].isdigit():
        at += 1
    return words[at:]


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
