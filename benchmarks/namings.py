"""Adapters under the names of other tools: an `Adapter` in, tensors by name out.

The names come from tests/updates/naming_tools.py, which is written from the tools' published rules
and not from the tables that read them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from tests.updates import naming_tools as tools

from benchmarks.adapters import Adapter, Factors

Tensors = dict[str, NDArray[Any]]
Writer = Callable[[Adapter, str], Tensors]

_FOUR_DIMENSIONS = ("proj_in", "proj_out")
"""1x1 convolutions of SD 1.x."""


def tensors(
    adapter: Adapter, dtype: str, name: Callable[[str], str], endings: tuple[str, str, str | None]
) -> Tensors:
    """Each module under `name`, with the endings of up, down and alpha; without an ending for alpha
    the scale goes into up."""
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    up_end, down_end, alpha_end = endings
    made: Tensors = {}
    for module, f in adapter.layers.items():
        base = name(module)
        up, down = (f.up if alpha_end else f.scaled_up), f.down
        if adapter.architecture == "sd1" and module.endswith(_FOUR_DIMENSIONS):
            up, down = up[:, :, None, None], down[:, :, None, None]
        made[base + down_end] = down.astype(kind)
        made[base + up_end] = up.astype(kind)
        if alpha_end:
            made[base + alpha_end] = np.array(f.alpha, kind)
    return made


def kohya(adapter: Adapter, dtype: str) -> Tensors:
    """As sd-scripts saves: flattened diffusers names; Flux as `fused_flux`."""
    if adapter.architecture == "flux":
        return fused_flux(adapter, dtype)
    return tensors(adapter, dtype, _kohya_name(adapter, lambda n: n), tools.KOHYA)


def _kohya_name(adapter: Adapter, unet: Callable[[str], str]) -> Callable[[str], str]:
    numbers = {"clip_l": "" if adapter.architecture == "sd1" else "1", "clip_g": "2"}

    def name(module: str) -> str:
        part, rest = module.split(".", 1)
        if part in numbers:
            return f"lora_te{numbers[part]}_" + rest.replace(".", "_")
        return "lora_unet_" + unet(rest).replace(".", "_")

    return name


def _kohya_original(adapter: Adapter, dtype: str) -> Tensors:
    """SDXL as sd-scripts saves it: the blocks of the original release."""
    return tensors(adapter, dtype, _kohya_name(adapter, tools.ldm), tools.KOHYA)


def _dotted(prefixes: Mapping[str, str], endings: tuple[str, str, str | None]) -> Writer:
    def name(module: str) -> str:
        part, rest = module.split(".", 1)
        return prefixes[part] + rest

    return lambda adapter, dtype: tensors(adapter, dtype, name, endings)


def _first_diffusers(adapter: Adapter, dtype: str) -> Tensors:
    """The attention processors' form: attention only, the rest of the file is lost."""

    def name(module: str) -> str:
        part, rest = module.split(".", 1)
        found = tools.old_text(rest) if part.startswith("clip") else tools.processor(rest)
        return found or ""

    kept = {m: f for m, f in adapter.layers.items() if name(m) and not m.startswith("clip_g")}
    endings = ("_lora.up.weight", "_lora.down.weight", None)
    only = Adapter(adapter.name, adapter.architecture, kept)
    return tensors(only, dtype, lambda m: name(m).removesuffix("_lora"), endings)


def _comfyui(adapter: Adapter, dtype: str) -> Tensors:
    encoders = {"clip_l": "text_encoders.clip_l.transformer.", "clip_g": "text_encoders.clip_g."}
    encoders["clip_g"] += "transformer."

    def name(module: str) -> str:
        part, rest = module.split(".", 1)
        return encoders[part] + rest if part in encoders else "diffusion_model." + tools.ldm(rest)

    return tensors(adapter, dtype, name, tools.PEFT)


def fused_flux(adapter: Adapter, dtype: str, *, dotted: bool = False) -> Tensors:
    """The original layers of Flux: pieces that share A keep it; others become block-diagonal."""
    together: dict[str, list[tuple[int, Factors]]] = {}
    for module, f in adapter.layers.items():
        layer, piece = tools.bfl(module.split(".", 1)[1])
        together.setdefault(layer, []).append((piece or 0, f))
    layers: dict[str, Factors] = {}
    for layer, several in together.items():
        parts = [f for _, f in sorted(several, key=lambda pair: pair[0])]
        layers[f"transformer.{layer}"] = _together(parts)
    whole = Adapter(adapter.name, adapter.architecture, layers)
    prefix = "diffusion_model." if dotted else "lora_unet_"

    def name(module: str) -> str:
        rest = module.split(".", 1)[1]
        return prefix + (rest if dotted else rest.replace(".", "_"))

    return tensors(whole, dtype, name, tools.PEFT if dotted else tools.KOHYA)


def _together(parts: list[Factors]) -> Factors:
    if len(parts) == 1:
        return parts[0]
    if all(f.down is parts[0].down for f in parts):
        return Factors(np.concatenate([f.up for f in parts]), parts[0].down, parts[0].alpha)
    rank = sum(f.rank for f in parts)
    up = np.zeros((sum(len(f.up) for f in parts), rank), np.float32)
    row = column = 0
    for f in parts:
        up[row : row + len(f.up), column : column + f.rank] = f.scaled_up
        row, column = row + len(f.up), column + f.rank
    return Factors(up, np.concatenate([f.down for f in parts]), float(rank))


def split_sharing(adapter: Adapter, dtype: str) -> Tensors:
    """A file in diffusers' split names, from the fused one: every piece carries the whole A."""
    together: dict[str, list[tuple[int, str, Factors]]] = {}
    for module, f in adapter.layers.items():
        layer, piece = tools.bfl(module.split(".", 1)[1])
        together.setdefault(layer, []).append((piece or 0, module, f))
    layers: dict[str, Factors] = {}
    for several in together.values():
        ordered = sorted(several, key=lambda entry: entry[0])
        whole = _together([f for _, _, f in ordered])
        row = 0
        for _, module, f in ordered:
            layers[module] = Factors(whole.up[row : row + len(f.up)], whole.down, whole.alpha)
            row += len(f.up)
    split = Adapter(adapter.name, adapter.architecture, layers)
    return namings("flux")["peft"](split, dtype)


def namings(architecture: str) -> Mapping[str, Writer]:
    """Every naming that tools write for an architecture."""
    text = {"clip_l": "text_encoder.", "clip_g": "text_encoder_2."}
    if architecture == "flux":
        return {
            "peft": _dotted({"transformer": "transformer."}, tools.PEFT),
            "peft, raw": _dotted({"transformer": "base_model.model."}, tools.PEFT_NAMED),
            "onetrainer": lambda a, d: tensors(
                a,
                d,
                lambda m: "lora_transformer_" + m.split(".", 1)[1].replace(".", "_"),
                tools.KOHYA,
            ),
            "bfl": lambda a, d: fused_flux(a, d, dotted=True),
        }
    made: dict[str, Writer] = {
        "kohya, original blocks": _kohya_original,
        "diffusers, first form": _first_diffusers,
        "diffusers, second form": _dotted({"unet": "unet.", **text}, tools.DIFFUSERS),
        "peft": _dotted({"unet": "unet.", **text}, tools.PEFT),
        "peft, raw": _dotted(
            {
                "unet": "unet.base_model.model.",
                "clip_l": "text_encoder.base_model.model.",
                "clip_g": "text_encoder_2.base_model.model.",
            },
            tools.PEFT_NAMED,
        ),
        "comfyui": _comfyui,
    }
    return made
