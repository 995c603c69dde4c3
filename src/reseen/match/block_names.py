"""What the modules and blocks of a network are called, in the order in which it computes.

What comes in: an architecture and ids of modules. What goes out: names, from our own tables: a
sketch holds none, and modules of an unknown network have none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import lru_cache

from reseen.fingerprints.sketch import module_id
from reseen.updates.names.known import DENOISERS, ENCODERS, known, one_of

OTHERS = "modules without a known name"
_MOST_NAMED = 4
"""Blocks that a sentence names."""

_BLOCK = re.compile(
    r"((?:down_blocks|up_blocks)\.\d+\.(?:attentions|resnets|downsamplers|upsamplers)\.\d+"
    r"|mid_block\.(?:attentions|resnets)\.\d+"
    r"|(?:[a-z_]+_)?blocks(?:\.[a-z_]+)?\.\d+|[a-z_]+_refiner\.\d+|layers\.\d+"
    r"|text_model\.encoder\.layers\.\d+|encoder\.block\.\d+)"
    r"\."
)


def blocks_of(architecture: str, ids: Collection[int]) -> str:
    """These modules in words, by block: "3 modules: clip_l: layers.0 (2), clip_l: layers.1"."""
    left = set(ids)
    counts: Counter[str] = Counter()
    for id_, block, _ in in_order(denoiser_of(architecture, left)):
        if id_ in left:
            left.remove(id_)
            counts[block] += 1
    named = [block if n == 1 else f"{block} ({n})" for block, n in counts.items()]
    more = len(named) - _MOST_NAMED
    if more > 1:
        named = [*named[:_MOST_NAMED], f"{more} blocks more"]
    if left:
        named.append(OTHERS if counts else "without known names")
    return f"{len(ids):,} module{'' if len(ids) == 1 else 's'}: {', '.join(named)}"


def denoiser_of(architecture: str, ids: set[int]) -> str:
    """The base model whose names are tried: the one that the architecture is, or of several the one
    that names most of these."""
    models = [model for model in one_of(architecture) if model in DENOISERS]
    if len(models) == 1:
        return models[0]

    def named(model: str) -> int:
        return sum(id_ in ids for id_, _, _ in in_order(model))

    return max(models or DENOISERS, key=named)


@lru_cache(maxsize=len(DENOISERS))
def in_order(denoiser: str) -> tuple[tuple[int, str, str], ...]:
    """(id, block, name) of every module of the text encoders and of a denoiser."""
    return tuple(
        (module_id(f"{part}.{layer}"), *_placed(part, layer))
        for model in (*ENCODERS, denoiser)
        for part, layer in _layers(model)
    )


def _layers(model: str) -> Iterator[tuple[str, str]]:
    """In reading order: what feeds the blocks, the blocks, what comes after them."""
    table = known(model)

    def place(layer: str) -> int:
        if layer.startswith(("norm_out", "proj_out", "conv_out", "text_projection")):
            return 2
        return 1 if _BLOCK.match(layer) else 0

    for layer in sorted(table.layers, key=place):
        yield table.part, layer


def _placed(part: str, layer: str) -> tuple[str, str]:
    match = _BLOCK.match(layer)
    if match is None:
        last = layer.startswith(("norm_out", "proj_out", "conv_out", "text_projection"))
        return f"{part}: {'output' if last else 'input'}", layer
    block = match[1].replace("text_model.encoder.", "").replace("encoder.block", "blocks")
    return f"{part}: {block}", layer
