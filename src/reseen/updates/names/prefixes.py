"""The beginning of a layer's name: which part of the model it is in, and the name inside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

ENCODER, MODEL, SECOND = "text_encoder", "model", "model_2"
"""Parts of a file: a text encoder (or several, numbered), a denoiser, the second of two."""
REMEMBERED = 8_192
"""Answers about names that are kept, for the next file has mostly the same: those of two files of
SDXL. Names are of 512 characters at most, so these are few bytes."""
SECOND_PART = "_2"
"""What the part of canonical names ends with where they are the second expert's."""

_WRAPPERS = ("base_model.model.", "_orig_mod.", "module.")
"""What training wrappers put in front; stripped wherever they stand."""

_PARTS: tuple[tuple[str, str], ...] = (
    ("model.diffusion_model.", "model"),
    ("diffusion_model.", "model"),
    ("unet.", "model"),
    ("transformer.", "model"),
    ("transformer_2.", "model_2"),
    ("lora_unet__", "model"),
    ("lora_unet_", "model"),
    ("lora_prior_unet_", "model"),
    ("lora_transformer_", "model"),
    ("lycoris_", "model"),
    ("oft_unet_", "model"),
    ("text_encoders.clip_l.transformer.", "text_encoder"),
    ("text_encoders.clip_g.transformer.", "text_encoder_2"),
    ("text_encoders.t5xxl.transformer.", "text_encoder_3"),
    ("text_encoders.clip_l.", "text_encoder"),
    ("text_encoders.clip_g.", "text_encoder_2"),
    ("text_encoders.t5xxl.", "text_encoder_3"),
    ("clip_l.transformer.", "text_encoder"),
    ("clip_g.transformer.", "text_encoder_2"),
    ("t5xxl.transformer.", "text_encoder_3"),
    ("conditioner.embedders.0.transformer.", "text_encoder"),
    ("conditioner.embedders.1.model.", "text_encoder_2"),
    ("cond_stage_model.transformer.", "text_encoder"),
    ("cond_stage_model.model.", "text_encoder"),
    ("text_encoder.", "text_encoder"),
    ("text_encoder_2.", "text_encoder_2"),
    ("text_encoder_3.", "text_encoder_3"),
    ("text_encoder_4.", "text_encoder_4"),
    ("lora_te_", "text_encoder"),
    ("lora_te1_", "text_encoder"),
    ("lora_te2_", "text_encoder_2"),
    ("lora_te3_", "text_encoder_3"),
    ("lora_te4_", "text_encoder_4"),
    ("lora_prior_te_", "text_encoder"),
)
"""Longer beginnings before the shorter ones that they contain."""

_WRAPPED = tuple(p for p in _PARTS if not p[0].startswith("transformer"))
"""Those that tell the part also after other words; encoders, too, have a `transformer.` inside."""
_BEGINNINGS = tuple(p[0] for p in _PARTS)
_AGAIN = (
    "model.diffusion_model.",
    "diffusion_model.",
    "model_diffusion_model_",
    "diffusion_model_",
)
"""What may stand between a beginning and the name: the model's own, once more."""
_MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class LayerPlace:
    """Where a layer is."""

    part: str
    """model, model_2, text_encoder, text_encoder_2 ...; empty where the name does not say."""
    name: str
    """Inside the part, as the file writes it."""
    prefix: str
    """The beginning that said so."""
    raw_peft: bool = False
    """Whether PEFT's own wrapper stood in front."""
    rest: str = ""
    """What is searched for a layer's name where `name` is none: without a beginning that is known
    and stands first."""


def _unwrap(name: str) -> str:
    for _ in range(4):
        for wrapper in _WRAPPERS:
            if name.startswith(wrapper):
                name = name[len(wrapper) :]
                break
        else:
            break
    return name


@lru_cache(REMEMBERED)
def place(layer: str) -> LayerPlace:
    """Which part a layer is in, by the beginning of its name.

    Words that nobody knows before a known beginning (`pipe.unet.`) are taken for one more wrapper,
    and so is a beginning that comes twice: neither may hide a layer.
    """
    raw_peft = "base_model.model." in layer
    name = _unwrap(layer)
    found = _begins(name, _PARTS)
    rest = name
    for _ in range(_MOST_WORDS):
        if found is not None:
            break
        _, _, rest = rest.partition(".")
        found = _begins(rest, _WRAPPED)
    if found is None:
        return LayerPlace("", name, "", raw_peft, name)
    prefix, part = found
    first = rest is name
    inside = _unwrap(rest[len(prefix) :])
    for _ in range(_MOST_WORDS):
        again = next((p for p in (prefix, *_AGAIN) if inside.startswith(p)), None)
        if again is None:
            break
        inside = inside[len(again) :]
    return LayerPlace(part, inside, prefix, raw_peft, inside if first else name)


def _begins(name: str, parts: tuple[tuple[str, str], ...]) -> tuple[str, str] | None:
    if not name.startswith(_BEGINNINGS):
        return None  # most names that nobody knows, asked in one call
    return next((found for found in parts if name.startswith(found[0])), None)
