"""The beginning of a layer's name: which part of the model it is in, and the name inside it."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer is."""

    part: str
    """model, model_2, text_encoder, text_encoder_2 ...; empty where the name does not say."""
    name: str
    """Inside the part, as the file writes it."""
    prefix: str
    """The beginning that said so."""
    raw_peft: bool = False
    """Whether PEFT's own wrapper stood in front."""


def _unwrap(name: str) -> str:
    for _ in range(4):
        for wrapper in _WRAPPERS:
            if name.startswith(wrapper):
                name = name[len(wrapper) :]
                break
        else:
            break
    return name


def place(layer: str) -> Place:
    """Which part a layer is in, by the beginning of its name."""
    raw_peft = "base_model.model." in layer
    name = _unwrap(layer)
    for prefix, part in _PARTS:
        if name.startswith(prefix):
            return Place(part, _unwrap(name[len(prefix) :]), prefix, raw_peft)
    return Place("", name, "", raw_peft)
