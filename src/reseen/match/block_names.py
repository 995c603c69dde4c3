"""What the modules and blocks of a network are called, in the order in which it computes.

What comes in: an architecture and ids of modules. What goes out: names, from our own tables: a
sketch holds none, and modules of an unknown network have none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import groupby

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


MOST_BLOCKS = 48
"""Rows of a picture: above that, neighbours of one kind stand together."""


def rows_of(architecture: str, ids: Collection[int]) -> list[tuple[str, list[tuple[int, str]]]]:
    """These modules (id, name) in rows of a picture, in the order in which the network computes:
    those of an unknown network in one row without names."""
    left = set(ids)
    found: list[tuple[str, tuple[int, str]]] = []
    for id_, block, name in in_order(denoiser_of(architecture, left)):
        if id_ in left:
            left.remove(id_)
            found.append((block, (id_, name)))
    found += [(OTHERS, (id_, "")) for id_ in ids if id_ in left]
    grouped = groupby(found, key=lambda each: each[0])
    return _together([(name, [module for _, module in some]) for name, some in grouped])


def _together(
    blocks: list[tuple[str, list[tuple[int, str]]]],
) -> list[tuple[str, list[tuple[int, str]]]]:
    """Neighbours of one kind in one row where there would be too many rows."""
    step = -(-len(blocks) // MOST_BLOCKS)
    if step <= 1:
        return blocks
    made = []
    for _, group in groupby(blocks, key=lambda block: block[0].rstrip("0123456789")):
        some = list(group)
        for start in range(0, len(some), step):
            few = some[start : start + step]
            name = few[0][0]
            if len(few) > 1:
                name += " to " + few[-1][0].rpartition(".")[2]
            made.append((name, [module for _, modules in few for module in modules]))
    return made


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
