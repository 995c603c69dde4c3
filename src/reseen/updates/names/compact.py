"""A family of models in a few lines: patterns of names, numbers and sizes in, a table out.

A line of layers is a name, its height and its input width, perhaps the side of its kernel, and,
behind a bar, the same of siblings:

    blocks.{n}.attn1.(to_q,to_k,to_v,to_out.0)  h h
    patch_embedding                             h 16 2 | h 36 2

`{n}` stands for the numbers below the parameter n, `{0-3,7}` for those; `3h` is three times the
parameter h. A line of a dialect is a name and the layers that it means:

    blocks.{n}.self_attn.(q,k,v,o)  =  blocks.{n}.attn1.(to_q,to_k,to_v,to_out.0)
    layers.{n}.attention.qkv        =  layers.{n}.attn.(to_q,to_k,to_v)
    final_layer.adaLN_modulation.1  ~  norm_out.linear

Several for one are its rows, one after another; `~`: its two halves change places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from reseen.updates.names.tables import Alias, Cut, Layer, Table, one_after_another, table

_NUMBERS = re.compile(r"\{([^}]*)\}")
_GROUP = re.compile(r"\(([^)]*)\)")
_SIZE = re.compile(r"(\d*)([a-z]?)")
Parameters = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Family:
    """What models of one family have in common."""

    layers: str
    """Lines, as above; canonical names without the part."""
    dialects: Mapping[str, str] = field(default_factory=dict)
    """By who writes so: lines, as above. What a dialect does not name it calls as we do."""
    part: str = "transformer"
    """What canonical names begin with."""

    def table(self, **parameters: int) -> Table:
        """The table of the model with these parameters."""
        layers = [layer for line in _lines(self.layers) for layer in _layers(line, parameters)]
        by_name = {layer.name: layer for layer in layers}
        dialects = {
            name: tuple(a for line in _lines(text) for a in _aliases(line, by_name, parameters))
            for name, text in self.dialects.items()
        }
        return table(self.part, layers, [a for some in dialects.values() for a in some], dialects)


def _lines(text: str) -> Iterator[str]:
    return (line for line in map(str.strip, text.splitlines()) if line)


def _layers(line: str, parameters: Parameters) -> Iterator[Layer]:
    first, *others = line.split("|")
    pattern, *size = first.split()
    out, inn, kernel = _size(size, parameters)
    also = (_size(other.split(), parameters) for other in others)
    shapes = tuple((o, i * k * k) for o, i, k in also)
    for numbered in _numbered(pattern, parameters):
        for name in _grouped(numbered):
            yield Layer(name, out, inn, kernel, shapes)


def _size(words: list[str], parameters: Parameters) -> tuple[int, int, int]:
    """Height, width and side of the kernel."""
    numbers = [_number(word, parameters) for word in words]
    return numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else 1


def _number(word: str, parameters: Parameters) -> int:
    match = _SIZE.fullmatch(word)
    if match is None:
        raise ValueError(f"{word} is no size")
    times, name = match.groups()
    return int(times or 1) * (parameters[name] if name else 1)


def _aliases(line: str, layers: Mapping[str, Layer], parameters: Parameters) -> Iterator[Alias]:
    swapped = "~" in line
    left, right = (side.strip() for side in line.split("~" if swapped else "="))
    lefts, rights = _numbered(left, parameters), _numbered(right, parameters)
    for ours, theirs in zip(lefts, rights, strict=True):
        names, meant = _grouped(ours), _grouped(theirs)
        if len(names) == 1 and len(meant) > 1:
            if all(name in layers for name in meant):
                yield names[0], one_after_another([layers[name] for name in meant])
            continue
        for name, layer in zip(names, meant, strict=True):
            if layer in layers:  # a sibling may lack it
                cut = Cut(layer, ((1, 2), (0, 1)), 2) if swapped else Cut(layer)
                yield name, (cut,)


def _numbered(pattern: str, parameters: Parameters) -> list[str]:
    """The pattern for each of its numbers."""
    ranges = [_range(match[1], parameters) for match in _NUMBERS.finditer(pattern)]
    form = _NUMBERS.sub("{}", pattern)
    return [form.format(*numbers) for numbers in product(*ranges)]


def _range(text: str, parameters: Parameters) -> list[int]:
    if text in parameters:
        return list(range(parameters[text]))
    found: list[int] = []
    for some in text.split(","):
        first, _, last = some.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _grouped(pattern: str) -> list[str]:
    """The pattern for each of the words in its brackets."""
    match = _GROUP.search(pattern)
    if match is None:
        return [pattern]
    before, after = pattern[: match.start()], pattern[match.end() :]
    return [
        before + word.strip() + rest for word in match[1].split(",") for rest in _grouped(after)
    ]
