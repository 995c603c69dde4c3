"""Which modules are searched: 16 a file, small, side by side in it, spread over the network.

They are what a scan reads of a remote file before it reads more: self-attention layers, the four
projections of each, so that one range of the file covers a layer. Each group of four slots has a
list of layers; the first that the file has is taken, projection by projection. Part of the
published sketch: never change a list, only append layers to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Probe:
    """A module that is searched wherever it is present."""

    slot: int
    rank: int
    """Within the slot the lowest rank that is present wins."""


_ATTENTION = ("to_k", "to_out.0", "to_q", "to_v")
_CLIP = ("k_proj", "out_proj", "q_proj", "v_proj")
_T5 = ("k", "o", "q", "v")

_LAYERS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    # pattern with {layer} and {projection}, projections, one layer for each group of four slots
    (
        "unet.{layer}.attn1.{projection}",  # SD 1.x and 2.x
        _ATTENTION,
        (
            "down_blocks.0.attentions.1.transformer_blocks.0",
            "down_blocks.1.attentions.1.transformer_blocks.0",
            "mid_block.attentions.0.transformer_blocks.0",
            "up_blocks.2.attentions.1.transformer_blocks.0",
        ),
    ),
    (
        "unet.{layer}.attn1.{projection}",  # SDXL
        _ATTENTION,
        (
            "down_blocks.1.attentions.0.transformer_blocks.0",
            "down_blocks.1.attentions.1.transformer_blocks.0",
            "mid_block.attentions.0.transformer_blocks.0",
            "up_blocks.1.attentions.1.transformer_blocks.0",
        ),
    ),
    (
        "transformer.{layer}.attn.{projection}",  # Flux.1
        _ATTENTION,
        (
            "transformer_blocks.3",
            "transformer_blocks.9",
            "single_transformer_blocks.6",
            "single_transformer_blocks.25",
        ),
    ),
    (
        "transformer.{layer}.attn.{projection}",  # SD3 and SD3.5
        _ATTENTION,
        (
            "transformer_blocks.3",
            "transformer_blocks.9",
            "transformer_blocks.15",
            "transformer_blocks.21",
        ),
    ),
    *(
        (
            part + ".text_model.encoder.{layer}.self_attn.{projection}",
            _CLIP,
            ("layers.1", "layers.4", "layers.7", "layers.10"),
        )
        for part in ("clip_l", "clip_g", "clip_h")
    ),
    (
        "t5.encoder.{layer}.layer.0.SelfAttention.{projection}",
        _T5,
        ("block.2", "block.8", "block.14", "block.20"),
    ),
)


def _probes() -> dict[str, Probe]:
    found: dict[str, Probe] = {}
    for rank, (pattern, projections, layers) in enumerate(_LAYERS):
        for group, layer in enumerate(layers):
            for place, projection in enumerate(projections):
                name = pattern.format(layer=layer, projection=projection)
                found.setdefault(name, Probe(group * len(projections) + place, rank))
    return found


PROBES: Mapping[str, Probe] = _probes()
"""Canonical module name -> its slot and rank."""

OTHERS = len(_LAYERS)
"""The rank of every other module of a known part."""
UNKNOWN = OTHERS + 1
"""The rank of modules that no table knows: junk in a file must not push real ones out."""
KNOWN_PARTS = ("unet.", "transformer.", "clip_l.", "clip_g.", "clip_h.", "t5.")
