"""The UNet of Stable Diffusion 1.x, 2.x and XL: canonical are the diffusers names.

Two spellings, a pure rename: diffusers (`down_blocks.0.attentions.0...`) and the original
(`input_blocks.1.1...`). Both occur flattened by kohya's tools for every family. Widths and
positions follow the published configurations of the three models.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from reseen.updates.names.tables import Cut, Layer, Table, table

_RESNET = (
    ("conv1", "in_layers.2"),
    ("time_emb_proj", "emb_layers.1"),
    ("conv2", "out_layers.3"),
    ("conv_shortcut", "skip_connection"),
)


@dataclass(frozen=True, slots=True)
class _Unet:
    """The numbers that make a UNet."""

    channels: tuple[int, ...]
    depth: tuple[int, ...]
    """Transformer blocks in each attention of a level; 0 for a level without attention."""
    context: int
    """Width of the text it attends to."""
    linear_proj: bool
    """proj_in and proj_out are linear layers, not 1x1 convolutions."""
    added: int = 0
    """Width of the added embedding (SDXL)."""
    text: int = 0
    """Width of the text before it is projected (Kolors)."""


SD1 = _Unet((320, 640, 1280, 1280), (1, 1, 1, 0), 768, linear_proj=False)
SD2 = _Unet((320, 640, 1280, 1280), (1, 1, 1, 0), 1024, linear_proj=True)
SDXL = _Unet((320, 640, 1280), (0, 2, 10), 2048, linear_proj=True, added=2816)

KOLORS = replace(SDXL, added=5632, text=4096)

_Named = tuple[Layer, str]
"""A layer and its name in the original code."""


def _resnet(name: str, ldm: str, out: int, inn: int, time: int) -> Iterator[_Named]:
    shapes = {
        "conv1": (out, inn, 3),
        "time_emb_proj": (out, time, 1),
        "conv2": (out, out, 3),
        "conv_shortcut": (out, inn, 1),
    }
    for part, original in _RESNET:
        if part != "conv_shortcut" or inn != out:
            rows, columns, kernel = shapes[part]
            yield Layer(f"{name}.{part}", rows, columns, kernel), f"{ldm}.{original}"


def _attention(name: str, ldm: str, width: int, depth: int, context: int) -> Iterator[_Named]:
    def layer(part: str, out: int, inn: int) -> _Named:
        return Layer(f"{name}.{part}", out, inn), f"{ldm}.{part}"

    yield layer("proj_in", width, width)
    for t in range(depth):
        block = f"transformer_blocks.{t}"
        for attn, source in (("attn1", width), ("attn2", context)):
            yield layer(f"{block}.{attn}.to_q", width, width)
            yield layer(f"{block}.{attn}.to_k", width, source)
            yield layer(f"{block}.{attn}.to_v", width, source)
            yield layer(f"{block}.{attn}.to_out.0", width, width)
        yield layer(f"{block}.ff.net.0.proj", 8 * width, width)
        yield layer(f"{block}.ff.net.2", width, 4 * width)
    yield layer("proj_out", width, width)


def _layers(unet: _Unet) -> Iterator[_Named]:
    channels, depth, context = unet.channels, unet.depth, unet.context
    first, last = channels[0], channels[-1]
    time = 4 * first
    yield Layer("conv_in", first, 4, 3), "input_blocks.0.0"
    yield Layer("time_embedding.linear_1", time, first), "time_embed.0"
    yield Layer("time_embedding.linear_2", time, time), "time_embed.2"
    if unet.added:
        yield Layer("add_embedding.linear_1", time, unet.added), "label_emb.0.0"
        yield Layer("add_embedding.linear_2", time, time), "label_emb.0.2"

    if unet.text:
        yield Layer("encoder_hid_proj", unet.context, unet.text), "encoder_hid_proj"

    width = first
    skips = [first]
    for b, out in enumerate(channels):
        for j in range(2):
            n = 1 + 3 * b + j
            yield from _resnet(
                f"down_blocks.{b}.resnets.{j}", f"input_blocks.{n}.0", out, width, time
            )
            if depth[b]:
                name, ldm = f"down_blocks.{b}.attentions.{j}", f"input_blocks.{n}.1"
                yield from _attention(name, ldm, out, depth[b], context)
            width = out
            skips.append(width)
        if b < len(channels) - 1:
            name, ldm = f"down_blocks.{b}.downsamplers.0.conv", f"input_blocks.{3 * b + 3}.0.op"
            yield Layer(name, out, out, 3), ldm
            skips.append(width)

    yield from _resnet("mid_block.resnets.0", "middle_block.0", last, last, time)
    middle = depth[-1] or 1
    yield from _attention("mid_block.attentions.0", "middle_block.1", last, middle, context)
    yield from _resnet("mid_block.resnets.1", "middle_block.2", last, last, time)

    for u, (out, deep) in enumerate(zip(channels[::-1], depth[::-1], strict=True)):
        for j in range(3):
            n = 3 * u + j
            name, ldm = f"up_blocks.{u}.resnets.{j}", f"output_blocks.{n}.0"
            yield from _resnet(name, ldm, out, width + skips.pop(), time)
            if deep:
                name, ldm = f"up_blocks.{u}.attentions.{j}", f"output_blocks.{n}.1"
                yield from _attention(name, ldm, out, deep, context)
            width = out
        if u < len(channels) - 1:
            ldm = f"output_blocks.{3 * u + 2}.{2 if deep else 1}.conv"
            yield Layer(f"up_blocks.{u}.upsamplers.0.conv", out, out, 3), ldm
    yield Layer("conv_out", 4, first, 3), "out.2"


def unet_table(unet: _Unet) -> Table:
    """The table of one UNet, with both spellings and the bare `to_out` of old processors."""
    layers: list[Layer] = []
    aliases: list[tuple[str, tuple[Cut, ...]]] = []
    for layer, ldm in _layers(unet):
        layers.append(layer)
        cuts = (Cut(layer.name),)
        aliases.append((ldm, cuts))
        if layer.name.endswith(".to_out.0"):
            aliases += [(layer.name[:-2], cuts), (ldm[:-2], cuts)]
    return table("unet", layers, aliases)
