"""Tensors whose names say nothing of what they are: up and down are told by their sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod

from reseen.files.tensors import TensorInfo
from reseen.updates.shapes import FLOATS

FEWEST = 8
"""Pairs in a file without which tensors that stand side by side are no factors."""
_LOW = 2
"""By how much the rank is smaller than either side, at least."""

Pair = dict[str, TensorInfo]


def pairs(tensors: Sequence[TensorInfo]) -> dict[str, Pair]:
    """The layers that tensors make two by two, in the order in which they stand or in that of their
    names, by the name of the one that goes up; none unless all of them do. Single numbers among
    them belong to none."""
    matrices = [info for info in tensors if prod(info.shape) != 1]
    if len(matrices) < 2 * FEWEST or len(matrices) % 2:
        return {}
    if any(len(info.shape) < 2 or info.dtype not in FLOATS for info in matrices):
        return {}
    for ordered in (sorted(matrices, key=lambda t: t.start), sorted(matrices, key=_number)):
        found = [_pair(a, b) for a, b in zip(ordered[::2], ordered[1::2], strict=True)]
        made = [each for each in found if each is not None]
        if len(made) == len(found):
            return {each["up"].name: each for each in made}
    return {}


def _pair(first: TensorInfo, second: TensorInfo) -> Pair | None:
    """The two as factors; None where they are none, or could be either way."""
    either = [
        {"down": down, "up": up}
        for down, up in ((first, second), (second, first))
        if down.shape[0] == prod(up.shape[1:])
        and down.shape[0] * _LOW <= min(up.shape[0], prod(down.shape[1:]))
    ]
    return either[0] if len(either) == 1 else None


def _number(info: TensorInfo) -> tuple[tuple[int, str], ...]:
    return in_numbers(info.name)


def in_numbers(name: str) -> tuple[tuple[int, str], ...]:
    """For sorting by name, numbers as numbers: "layer 2" before "layer 10"."""
    return tuple(
        (int(word) if word.isascii() and word.isdigit() and len(word) < 10 else -1, word)
        for word in re.split(r"(\d+)", name)
    )
