"""Positional lists of the first LoRA trainer (cloneofsimo/lora): layers by number, without names.

The number is the place in the model's own order of modules, and that order changed between
releases of diffusers: attention, feed-forward, attention in early ones; attention, attention,
feed-forward later; GEGLU's projection is trained by some versions and not by others; the middle
block is registered last. A list gets names only where its shapes fit exactly one such order; layers
that were left out leave the numbers of the others as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from reseen.updates.names.known import known

_Order = tuple[str, ...]
FEWEST = 8
"""Layers without which a list in which numbers are missing says nothing."""


def _attentions(model: str) -> dict[str, int]:
    """Attention blocks of a UNet in the table's order (down, middle, up), with their depth."""
    depth: dict[str, int] = {}
    for name in known(model).layers:
        block, found, rest = name.partition(".transformer_blocks.")
        if found:
            depth[block] = max(depth.get(block, 0), int(rest.split(".")[0]) + 1)
    return depth


def _unet_orders(model: str) -> Iterator[_Order]:
    depth = _attentions(model)
    middle_last = sorted(depth, key=lambda block: block.startswith("mid_block"))
    first, second = (
        [f"{attn}.{x}" for x in ("to_q", "to_k", "to_v", "to_out.0")] for attn in ("attn1", "attn2")
    )
    geglu = ["ff.net.0.proj"]
    for blocks in (middle_last, list(depth)):
        for inside in ([*first, *geglu, *second], [*first, *second, *geglu], [*first, *second]):
            yield tuple(
                f"{block}.transformer_blocks.{t}.{name}"
                for block in blocks
                for t in range(depth[block])
                for name in inside
            )


def _encoder_orders(model: str) -> Iterator[_Order]:
    layers = known(model).layers
    depths = [sum(name.endswith("q_proj") for name in layers)]
    if model == "clip_h":
        # Stable Diffusion 2.x drops the last layer.
        depths.append(depths[0] - 1)
    for depth in depths:
        # CLIPAttention registers k, v, q, out in every release of transformers.
        yield tuple(
            f"text_model.encoder.layers.{i}.self_attn.{x}_proj"
            for i in range(depth)
            for x in ("k", "v", "q", "out")
        )


@cache
def _orders(part: str) -> tuple[tuple[str, _Order], ...]:
    if part == "unet":
        return tuple((m, order) for m in ("sd1", "sd2") for order in _unet_orders(m))
    return tuple((m, order) for m in ("clip_l", "clip_h") for order in _encoder_orders(m))


def resolve(part: str, shapes: Mapping[int, tuple[int, int]]) -> tuple[str, dict[int, str]] | None:
    """The model and the layers' names, by their numbers, where exactly one order has these shapes
    (out, columns) at these numbers. Of a list that is whole, one of just that length does; of one
    in which numbers are missing, at least `FEWEST` layers are needed.

    `part` is unet or text_encoder.
    """
    numbers = sorted(shapes)
    fitting = {
        (model, tuple(order[number] for number in numbers)): len(order) == len(numbers)
        for model, order in _orders(part)
        if _fits(model, order, shapes)
    }
    whole = [found for found, is_whole in fitting.items() if is_whole]
    if len(whole) != 1 and len(numbers) >= FEWEST:
        whole = list(fitting)
    if len(whole) != 1:
        return None
    model, names = whole[0]
    return model, dict(zip(numbers, names, strict=True))


def _fits(model: str, order: _Order, shapes: Mapping[int, tuple[int, int]]) -> bool:
    if not shapes or max(shapes) >= len(order):
        return False
    layers = known(model).layers
    return all(
        (layers[order[number]].out, layers[order[number]].columns) == tuple(shape)
        for number, shape in shapes.items()
    )
