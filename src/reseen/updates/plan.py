"""A header in; what the file is made of out, before any weight is read.

`plan` takes the names, dtypes and shapes of a file and says which architecture it adapts, how its
tensors are named, which algorithms it uses, and which modules it updates under canonical names.
What it cannot read is named with a count and never raises: a stray tensor must not hide the rest.

Canonical names (part of the published sketch) are `<part>.<name>`:

    part         name inside the part
    unet         the diffusers name of the layer (SD 1.x, SD 2.x, SDXL)
    transformer  the diffusers name of the layer, projections split (Flux.1, SD3, SD3.5)
    clip_l, clip_g, clip_h
                 the transformers name: text_model.encoder.layers.0.self_attn.q_proj
    t5           the transformers name: encoder.block.0.layer.0.SelfAttention.q
    model, text_encoder, text_encoder_2, text_encoder_3
                 an architecture that no table knows: the file's own name without the known
                 prefixes and suffixes, every dot written as an underscore
    unet.#7, text_encoder.#7
                 a positional list whose order no table explains

Fused layers (q, k and v in one) are cut into the split ones, so that a fused file and a split
file have the same modules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reseen.files.tensors import Listing, TensorInfo
from reseen.updates.peft import PeftConfig


@dataclass(frozen=True, slots=True)
class ModulePlan:
    """One canonical module of a file: how its update is made from which tensors."""

    name: str
    """Canonical."""
    source: str
    """The file's own name of the layer; the cuts of one fused layer share it."""
    algorithm: str
    """lora, loha, lokr or full."""
    shape: tuple[int, int, int, int]
    """Of the update: (out, in, kernel height, kernel width); a linear layer has kernel 1x1."""
    rank: int
    """Of the factors; 0 where the algorithm has none (full, LoKr of two full matrices)."""
    tensors: Mapping[str, TensorInfo]
    """By role: up, down, mid, alpha, scale, magnitude, hada_w1_a ..., lokr_w1 ..., diff."""
    rows: tuple[tuple[int, int], ...] | None = None
    """Which output rows of the file's layer make this module, in order; None for all of them."""
    fixed_scale: float | None = None
    """The scale where a configuration gives it; None where the tensors do (or else it is 1)."""

    @property
    def length(self) -> int:
        """Bytes to read for it."""
        return sum(info.length for info in self.tensors.values())


@dataclass(frozen=True, slots=True)
class NotRead:
    """Tensors that are not part of any update here, and why."""

    reason: str
    tensors: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file is made of, by its header."""

    architecture: str
    """sd1, sd2, sdxl, flux, sd3, sd3.5-large; of a file with a text encoder only that encoder
    (clip_l, clip_g, clip_h, t5); "unknown:" and eight digits of its widths; "" without modules."""
    parts: tuple[str, ...]
    """The parts that canonical names begin with, sorted."""
    modules: tuple[ModulePlan, ...]
    """Sorted by canonical name; no name twice."""
    naming: str
    """Who names layers this way: kohya, lycoris, diffusers-processor, diffusers, peft, comfyui,
    bfl, xlabs, onetrainer, cloneofsimo; joined by "+" where mixed; "unknown"."""
    algorithms: tuple[str, ...]
    ranks: tuple[int, ...]
    """The distinct ranks, ascending."""
    dtypes: tuple[str, ...]
    """Of the tensors of the modules, sorted."""
    scale_known: bool
    """False where the file leaves the scale of its updates to a configuration we do not have."""
    not_read: tuple[NotRead, ...] = ()
    remarks: tuple[str, ...] = ()

    def layers(self) -> Iterator[tuple[ModulePlan, ...]]:
        """Modules that share their tensors together, so that each tensor is read once."""
        together: dict[str, list[ModulePlan]] = {}
        for module in self.modules:
            together.setdefault(module.source, []).append(module)
        for group in together.values():
            yield tuple(group)


def plan(listing: Listing, config: PeftConfig | None = None) -> Plan:
    """What the file behind a listing is made of; `config` is the adapter_config.json beside it."""
    raise NotImplementedError
