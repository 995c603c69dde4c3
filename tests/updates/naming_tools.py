"""Other tools' names for the layers of each base model, made without the tables under test.

Each function takes a layer's diffusers name inside its part and gives what one tool writes, or is
handed all layers of a part and fuses them as the original code does. Written from the published
naming rules, not from `reseen.updates.names`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from reseen.files.tensors import Listing, TensorInfo
from reseen.records import Container

Shapes = dict[str, tuple[int, ...]]
Layers = Mapping[str, tuple[int, int, int]]
"""(out, in, kernel) by the layer's name inside its part."""

RANK = 4


def listing(shapes: Mapping[str, tuple[int, ...]], dtype: str = "F16", **metadata: str) -> Listing:
    """A safetensors header with these tensors."""
    infos = []
    at = 1000
    for name, shape in shapes.items():
        length = 2
        for side in shape:
            length *= side
        infos.append(TensorInfo(name, dtype, shape, at, length))
        at += length
    return Listing(Container.SAFETENSORS, tuple(infos), metadata)


def factors(out: int, inn: int, kernel: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of up and down."""
    if kernel == 1:
        return (out, RANK), (RANK, inn)
    return (out, RANK, 1, 1), (RANK, inn, kernel, kernel)


def lora(
    layers: Layers, name: Callable[[str], str], endings: tuple[str, str, str | None]
) -> Shapes:
    """A plain adapter over layers: `endings` are those of up, down and alpha."""
    up, down, alpha = endings
    made: Shapes = {}
    for layer, (out, inn, kernel) in layers.items():
        base = name(layer)
        made[base + up], made[base + down] = factors(out, inn, kernel)
        if alpha is not None:
            made[base + alpha] = ()
    return made


KOHYA = (".lora_up.weight", ".lora_down.weight", ".alpha")
PEFT = (".lora_B.weight", ".lora_A.weight", None)
PEFT_NAMED = (".lora_B.default.weight", ".lora_A.default.weight", None)
DIFFUSERS = (".lora.up.weight", ".lora.down.weight", None)
DIFFUSERS_TE = (".lora_linear_layer.up.weight", ".lora_linear_layer.down.weight", None)
XLABS = (".up.weight", ".down.weight", None)


def kohya(prefix: str) -> Callable[[str], str]:
    return lambda name: prefix + name.replace(".", "_")


def dotted(prefix: str) -> Callable[[str], str]:
    return lambda name: prefix + name


def ldm(name: str) -> str:
    """The original name of a UNet layer, by the arithmetic of the published conversion scripts."""
    fixed = {
        "conv_in": "input_blocks.0.0",
        "conv_out": "out.2",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
    }
    if name in fixed:
        return fixed[name]
    for ours, theirs in (
        ("conv1", "in_layers.2"),
        ("conv2", "out_layers.3"),
        ("time_emb_proj", "emb_layers.1"),
        ("conv_shortcut", "skip_connection"),
    ):
        if ".resnets." in name and name.endswith(f".{ours}"):
            name = name.removesuffix(ours) + theirs
    if match := re.match(r"down_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.*)", name):
        b, kind, j, rest = int(match[1]), match[2], int(match[3]), match[4]
        return f"input_blocks.{3 * b + j + 1}.{int(kind == 'attentions')}.{rest}"
    if match := re.match(r"down_blocks\.(\d+)\.downsamplers\.0\.conv", name):
        return f"input_blocks.{3 * int(match[1]) + 3}.0.op"
    if match := re.match(r"mid_block\.(resnets|attentions)\.(\d+)\.(.*)", name):
        at = 1 if match[1] == "attentions" else 2 * int(match[2])
        return f"middle_block.{at}.{match[3]}"
    if match := re.match(r"up_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.*)", name):
        u, kind, j, rest = int(match[1]), match[2], int(match[3]), match[4]
        return f"output_blocks.{3 * u + j}.{int(kind == 'attentions')}.{rest}"
    match = re.match(r"up_blocks\.(\d+)\.upsamplers\.0\.conv", name)
    assert match, name
    return f"output_blocks.{3 * int(match[1]) + 2}.UPSAMPLER.conv"


def ldm_of(layers: Layers) -> Callable[[str], str]:
    """As `ldm`; the upsampler comes after the attention where its block has one."""

    def name(layer: str) -> str:
        block = ".".join(layer.split(".")[:2])
        attends = any(other.startswith(f"{block}.attentions.") for other in layers)
        return ldm(layer).replace("UPSAMPLER", "2" if attends else "1")

    return name


def processor(name: str) -> str | None:
    """The first diffusers form: attention projections only."""
    match = re.fullmatch(r"(.*\.attn\d)\.(to_q|to_k|to_v|to_out)(\.0)?", name)
    return f"unet.{match[1]}.processor.{match[2]}_lora" if match else None


def old_text(name: str) -> str | None:
    match = re.fullmatch(r"(.*\.self_attn)\.(q|k|v|out)_proj", name)
    return f"text_encoder.{match[1]}.to_{match[2]}_lora" if match else None


def bfl(name: str) -> tuple[str, int | None]:
    """The original layer of Flux.1 that holds a diffusers layer, and which piece of it."""
    for ours, theirs in (
        ("x_embedder", "img_in"),
        ("context_embedder", "txt_in"),
        ("norm_out.linear", "final_layer.adaLN_modulation.1"),
        ("time_text_embed.timestep_embedder.linear_", "time_in."),
        ("time_text_embed.text_embedder.linear_", "vector_in."),
        ("time_text_embed.guidance_embedder.linear_", "guidance_in."),
    ):
        if name.startswith(ours):
            tail = {"1": "in_layer", "2": "out_layer", "": ""}[name[len(ours) :]]
            return theirs + tail, None
    if name == "proj_out":
        return "final_layer.linear", None
    match = re.fullmatch(r"(transformer_blocks|single_transformer_blocks)\.(\d+)\.(.*)", name)
    assert match, name
    kind, number, rest = match.groups()
    pieces = {"to_q": 0, "to_k": 1, "to_v": 2, "add_q_proj": 0, "add_k_proj": 1, "add_v_proj": 2}
    last = rest.split(".")[-1]
    if kind == "single_transformer_blocks":
        block = f"single_blocks.{number}"
        if last in pieces:
            return f"{block}.linear1", pieces[last]
        return {
            "proj_mlp": (f"{block}.linear1", 3),
            "proj_out": (f"{block}.linear2", None),
            "norm.linear": (f"{block}.modulation.lin", None),
        }[rest]
    block = f"double_blocks.{number}"
    if last in pieces:
        side = "txt" if last.startswith("add") else "img"
        return f"{block}.{side}_attn.qkv", pieces[last]
    return {
        "attn.to_out.0": f"{block}.img_attn.proj",
        "attn.to_add_out": f"{block}.txt_attn.proj",
        "ff.net.0.proj": f"{block}.img_mlp.0",
        "ff.net.2": f"{block}.img_mlp.2",
        "ff_context.net.0.proj": f"{block}.txt_mlp.0",
        "ff_context.net.2": f"{block}.txt_mlp.2",
        "norm1.linear": f"{block}.img_mod.lin",
        "norm1_context.linear": f"{block}.txt_mod.lin",
    }[rest], None


def mmdit(name: str) -> tuple[str, int | None]:
    """The original layer of SD3 that holds a diffusers layer, and which piece of it."""
    for ours, theirs in (
        ("pos_embed.proj", "x_embedder.proj"),
        ("context_embedder", "context_embedder"),
        ("norm_out.linear", "final_layer.adaLN_modulation.1"),
        ("proj_out", "final_layer.linear"),
        ("time_text_embed.timestep_embedder.linear_1", "t_embedder.mlp.0"),
        ("time_text_embed.timestep_embedder.linear_2", "t_embedder.mlp.2"),
        ("time_text_embed.text_embedder.linear_1", "y_embedder.mlp.0"),
        ("time_text_embed.text_embedder.linear_2", "y_embedder.mlp.2"),
    ):
        if name == ours:
            return theirs, None
    match = re.fullmatch(r"transformer_blocks\.(\d+)\.(.*)", name)
    assert match, name
    number, rest = match.groups()
    joint = f"joint_blocks.{number}"
    pieces = {"to_q": 0, "to_k": 1, "to_v": 2, "add_q_proj": 0, "add_k_proj": 1, "add_v_proj": 2}
    attention, _, last = rest.partition(".")
    if last in pieces:
        side = "context_block" if last.startswith("add") else "x_block"
        return f"{joint}.{side}.{attention}.qkv", pieces[last]
    return {
        "attn.to_out.0": f"{joint}.x_block.attn.proj",
        "attn2.to_out.0": f"{joint}.x_block.attn2.proj",
        "attn.to_add_out": f"{joint}.context_block.attn.proj",
        "ff.net.0.proj": f"{joint}.x_block.mlp.fc1",
        "ff.net.2": f"{joint}.x_block.mlp.fc2",
        "ff_context.net.0.proj": f"{joint}.context_block.mlp.fc1",
        "ff_context.net.2": f"{joint}.context_block.mlp.fc2",
        "norm1.linear": f"{joint}.x_block.adaLN_modulation.1",
        "norm1_context.linear": f"{joint}.context_block.adaLN_modulation.1",
    }[rest], None


def fused(layers: Layers, original: Callable[[str], tuple[str, int | None]]) -> Layers:
    """The original's layers: the heights of fused pieces added up."""
    together: dict[str, tuple[int, int, int]] = {}
    for name, (out, inn, kernel) in layers.items():
        layer, _ = original(name)
        together[layer] = (together.get(layer, (0, 0, 0))[0] + out, inn, kernel)
    return together


def xlabs(name: str) -> str | None:
    """XLabs trains attention only, and names the fused layers after their processors."""
    layer, _ = bfl(name)
    for theirs, side in (("img_attn", "1"), ("txt_attn", "2")):
        if f".{theirs}." in layer:
            block, what = layer.split(f".{theirs}.")
            return f"{block}.processor.{what}_lora{side}"
    return None


def onetrainer_bfl(name: str) -> str:
    """OneTrainer's original form of Flux: the pieces of fused layers numbered."""
    layer, piece = bfl(name)
    return f"transformer.{layer}" + (f".{piece}" if piece is not None else "")


def only(layers: Layers, keep: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    kept = set(keep)
    return {name: size for name, size in layers.items() if name in kept}
