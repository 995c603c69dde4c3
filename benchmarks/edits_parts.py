"""What somebody leaves out, replaces or turns round who knows how a sketch is searched.

What comes in: the layers of an adapter, as its file has them (q, k and v of Flux are one there),
those of a stranger, and a generator. What goes out: the layers of the edited file; none where the
adapter has nothing of the kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from benchmarks.adapters import Factors, norm

Layers: TypeAlias = Mapping[str, Factors]
Grouped: TypeAlias = Mapping[str, Layers]
"""By the name of a layer of the file: its modules."""
Choice: TypeAlias = Callable[[Grouped, Grouped, np.random.Generator], Grouped]

LEAST_MODULES, LEAST_ENERGY = 16, 0.05
"""What is promised to be found: a part of so many modules, with so much of the energy."""

_MLP = re.compile(r"\.(ff|ff_context|mlp)\b|_mlp\b|\.fc[12]$")
_BLOCK = re.compile(r"(.*?(?:transformer_)?blocks?\.\d+(?:\.attentions\.\d+)?)")


def energy(layers: Layers) -> float:
    """The square of the update's norm, over all modules."""
    return sum(norm(f.scaled_up, f.down) ** 2 for f in layers.values())


def _only(fits: Callable[[str], object]) -> Choice:
    """The layers of which every module fits."""
    return lambda own, _, __: {
        name: modules for name, modules in own.items() if all(fits(each) for each in modules)
    }


def _some(own: Grouped, count: int, rng: np.random.Generator) -> set[str]:
    names = sorted(own)
    return {names[at] for at in rng.permutation(len(names))[:count]}


def _strongest(own: Grouped) -> list[str]:
    return sorted(own, key=lambda name: -energy(own[name]))


def _four_blocks(own: Grouped, _: Grouped, rng: np.random.Generator) -> Grouped:
    found = {name: _block(name) for name in own if _block(name)}
    blocks = sorted(set(found.values()))
    kept = {blocks[at] for at in rng.permutation(len(blocks))[:4]}
    return {name: own[name] for name, block in found.items() if block in kept}


def _block(name: str) -> str:
    known = _BLOCK.match(name)
    return known[1] if known and not name.startswith("clip_") else ""


def _kept(count: int) -> Choice:
    def choose(own: Grouped, _: Grouped, rng: np.random.Generator) -> Grouped:
        names = _some(own, count, rng)
        return {name: own[name] for name in names} if len(names) < len(own) else {}

    return choose


def _without_strongest(count: Callable[[int], int]) -> Choice:
    return lambda own, _, __: {name: own[name] for name in _strongest(own)[count(len(own)) :]}


def _replaced(which: Callable[[Grouped, np.random.Generator], Sequence[str] | set[str]]) -> Choice:
    """A stranger's in the place of some."""

    def choose(own: Grouped, other: Grouped, rng: np.random.Generator) -> Grouped:
        chosen = {name for name in which(own, rng) if name in other}
        return {name: other[name] if name in chosen else own[name] for name in own}

    return choose


def _negated(own: Grouped, _: Grouped, rng: np.random.Generator) -> Grouped:
    blocks = sorted({_block(name) for name in own})
    turned = {block for block in blocks if rng.random() < 0.5}
    return {
        name: {
            each: replace(f, up=-f.up) if _block(name) in turned else f for each, f in some.items()
        }
        for name, some in own.items()
    }


CHOICES: Mapping[str, Choice] = {
    "attention to text only": _only(lambda name: ".attn2." in name or ".add_" in name),
    "MLP only": _only(_MLP.search),
    "projections only": _only(lambda name: "proj_in" in name or name.endswith("proj_out")),
    "text encoder only": _only(lambda name: name.startswith("clip_")),
    "four blocks only": _four_blocks,
    "64 layers kept": _kept(64),
    "the strongest 16 layers dropped": _without_strongest(lambda count: 16),
    "the strongest half dropped": _without_strongest(lambda count: count // 2),
    "16 layers of a stranger": _replaced(lambda own, rng: _some(own, 16, rng)),
    "a quarter of a stranger": _replaced(lambda own, rng: _some(own, len(own) // 4, rng)),
    "the strongest 16 of a stranger": _replaced(lambda own, _: _strongest(own)[:16]),
    "half the blocks negated": _negated,
}
"""By what the table calls it."""
