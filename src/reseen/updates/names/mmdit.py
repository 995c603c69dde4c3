"""Flux.1 and Stable Diffusion 3 and 3.5: canonical are the diffusers names, projections split.

The original code fuses q, k and v (Flux's single blocks also the MLP) into one layer, and orders
the halves of the last modulation the other way round; both are cuts of output rows. Sources:
the conversion functions that diffusers, ComfyUI and sd-scripts publish for these models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reseen.updates.names.tables import Cut, Layer, Table, table

_Alias = tuple[str, tuple[Cut, ...]]


def _thirds(names: Iterable[str]) -> tuple[Cut, ...]:
    return tuple(Cut(name, ((i, i + 1),), 3) for i, name in enumerate(names))


def _swapped(name: str) -> tuple[Cut, ...]:
    """Shift and scale change places."""
    return (Cut(name, ((1, 2), (0, 1)), 2),)


def _square(block: str, names: Iterable[str], h: int) -> Iterator[Layer]:
    for name in names:
        yield Layer(f"{block}.{name}", h, h)


_IMG = ("attn.to_q", "attn.to_k", "attn.to_v")
_TXT = ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj")


def flux(h: int = 3072, double: int = 19, single: int = 38) -> Table:
    """Flux.1: the names of diffusers, of the original release, of XLabs and of OneTrainer."""
    layers = [
        # Fill has 384 channels, Canny and Depth 128.
        Layer("x_embedder", h, 64, others=((h, 384), (h, 128))),
        Layer("context_embedder", h, 4096),
        Layer("norm_out.linear", 2 * h, h),
        Layer("proj_out", 64, h),
    ]
    aliases: list[_Alias] = [
        ("img_in", (Cut("x_embedder"),)),
        ("txt_in", (Cut("context_embedder"),)),
        ("final_layer.linear", (Cut("proj_out"),)),
        ("final_layer.adaLN_modulation.1", _swapped("norm_out.linear")),
    ]
    for name, original, width in (
        ("timestep_embedder", "time_in", 256),
        ("text_embedder", "vector_in", 768),
        ("guidance_embedder", "guidance_in", 256),
    ):
        first, second = (f"time_text_embed.{name}.linear_{i}" for i in (1, 2))
        layers += [Layer(first, h, width), Layer(second, h, h)]
        aliases += [
            (f"{original}.in_layer", (Cut(first),)),
            (f"{original}.out_layer", (Cut(second),)),
        ]
    for i in range(double):
        more, names = _flux_double(i, h)
        layers += more
        aliases += names
    for i in range(single):
        more, names = _flux_single(i, h)
        layers += more
        aliases += names
    return table("transformer", layers, aliases)


def _flux_double(i: int, h: int) -> tuple[list[Layer], list[_Alias]]:
    block, original = f"transformer_blocks.{i}", f"double_blocks.{i}"
    layers = list(_square(block, (*_IMG, *_TXT, "attn.to_out.0", "attn.to_add_out"), h))
    aliases: list[_Alias] = []
    for side, number, qkv, out, ff, norm in (
        ("img", 1, _IMG, "attn.to_out.0", "ff", "norm1"),
        ("txt", 2, _TXT, "attn.to_add_out", "ff_context", "norm1_context"),
    ):
        layers += [
            Layer(f"{block}.{ff}.net.0.proj", 4 * h, h),
            Layer(f"{block}.{ff}.net.2", h, 4 * h),
            Layer(f"{block}.{norm}.linear", 6 * h, h),
        ]
        split = [f"{block}.{name}" for name in qkv]
        proj = (Cut(f"{block}.{out}"),)
        aliases += [
            (f"{original}.{side}_attn.qkv", _thirds(split)),
            (f"{original}.processor.qkv_lora{number}", _thirds(split)),
            (f"{original}.{side}_attn.proj", proj),
            (f"{original}.processor.proj_lora{number}", proj),
            (f"{original}.{side}_mlp.0", (Cut(f"{block}.{ff}.net.0.proj"),)),
            (f"{original}.{side}_mlp.2", (Cut(f"{block}.{ff}.net.2"),)),
            (f"{original}.{side}_mod.lin", (Cut(f"{block}.{norm}.linear"),)),
        ]
        aliases += [(f"{original}.{side}_attn.qkv.{j}", (Cut(n),)) for j, n in enumerate(split)]
    aliases.append((f"{block}.attn.to_out", (Cut(f"{block}.attn.to_out.0"),)))
    return layers, aliases


def _flux_single(i: int, h: int) -> tuple[list[Layer], list[_Alias]]:
    block, original = f"single_transformer_blocks.{i}", f"single_blocks.{i}"
    qkv = [f"{block}.{name}" for name in _IMG]
    mlp, out, norm = f"{block}.proj_mlp", f"{block}.proj_out", f"{block}.norm.linear"
    layers = [
        *_square(block, _IMG, h),
        Layer(mlp, 4 * h, h),
        Layer(out, h, 5 * h),
        Layer(norm, 3 * h, h),
    ]
    sevenths = (
        *(Cut(name, ((j, j + 1),), 7) for j, name in enumerate(qkv)),
        Cut(mlp, ((3, 7),), 7),
    )
    aliases: list[_Alias] = [
        (f"{original}.linear1", sevenths),
        (f"{original}.linear1_qkv", _thirds(qkv)),
        (f"{original}.processor.qkv_lora", _thirds(qkv)),
        (f"{original}.linear2", (Cut(out),)),
        (f"{original}.processor.proj_lora", (Cut(out),)),
        (f"{original}.modulation.lin", (Cut(norm),)),
    ]
    aliases += [(f"{original}.linear1.{j}", (Cut(name),)) for j, name in enumerate([*qkv, mlp])]
    return layers, aliases


def sd3(depth: int = 24, dual: int = 13) -> Table:
    """SD3 and SD3.5: depth 24 for both medium models, 38 for large; width 64 times the depth.

    `dual` is the number of first blocks with a second attention in SD3.5 medium; their first
    modulation is wider there than in SD3 medium, which is otherwise the same model by its shapes.
    """
    h = 64 * depth
    layers = [
        Layer("pos_embed.proj", h, 16, 2),
        Layer("context_embedder", h, 4096),
        Layer("norm_out.linear", 2 * h, h),
        Layer("proj_out", 64, h),
    ]
    aliases: list[_Alias] = [
        ("x_embedder.proj", (Cut("pos_embed.proj"),)),
        ("final_layer.linear", (Cut("proj_out"),)),
        ("final_layer.adaLN_modulation.1", _swapped("norm_out.linear")),
    ]
    for name, original, width in (
        ("timestep_embedder", "t_embedder", 256),
        ("text_embedder", "y_embedder", 2048),
    ):
        first, second = (f"time_text_embed.{name}.linear_{i}" for i in (1, 2))
        layers += [Layer(first, h, width), Layer(second, h, h)]
        aliases += [
            (f"{original}.mlp.0", (Cut(first),)),
            (f"{original}.mlp.2", (Cut(second),)),
        ]
    for i in range(depth):
        more, names = _sd3_block(i, h, last=i == depth - 1, dual=i < dual)
        layers += more
        aliases += names
    return table("transformer", layers, aliases)


def _sd3_block(i: int, h: int, *, last: bool, dual: bool) -> tuple[list[Layer], list[_Alias]]:
    block, joint = f"transformer_blocks.{i}", f"joint_blocks.{i}"
    x, context = f"{joint}.x_block", f"{joint}.context_block"
    layers = [
        *_square(block, (*_IMG, *_TXT, "attn.to_out.0"), h),
        Layer(f"{block}.ff.net.0.proj", 4 * h, h),
        Layer(f"{block}.ff.net.2", h, 4 * h),
        Layer(f"{block}.norm1.linear", 6 * h, h, others=((9 * h, h),) if dual else ()),
        Layer(f"{block}.norm1_context.linear", 2 * h if last else 6 * h, h),
    ]
    aliases: list[_Alias] = [
        (f"{x}.attn.qkv", _thirds(f"{block}.{name}" for name in _IMG)),
        (f"{context}.attn.qkv", _thirds(f"{block}.{name}" for name in _TXT)),
        (f"{x}.attn.proj", (Cut(f"{block}.attn.to_out.0"),)),
        (f"{block}.attn.to_out", (Cut(f"{block}.attn.to_out.0"),)),
        (f"{x}.mlp.fc1", (Cut(f"{block}.ff.net.0.proj"),)),
        (f"{x}.mlp.fc2", (Cut(f"{block}.ff.net.2"),)),
        (f"{x}.adaLN_modulation.1", (Cut(f"{block}.norm1.linear"),)),
    ]
    modulation = f"{block}.norm1_context.linear"
    if last:
        aliases.append((f"{context}.adaLN_modulation.1", _swapped(modulation)))
    else:
        layers += [
            Layer(f"{block}.attn.to_add_out", h, h),
            Layer(f"{block}.ff_context.net.0.proj", 4 * h, h),
            Layer(f"{block}.ff_context.net.2", h, 4 * h),
        ]
        aliases += [
            (f"{context}.adaLN_modulation.1", (Cut(modulation),)),
            (f"{context}.attn.proj", (Cut(f"{block}.attn.to_add_out"),)),
            (f"{context}.mlp.fc1", (Cut(f"{block}.ff_context.net.0.proj"),)),
            (f"{context}.mlp.fc2", (Cut(f"{block}.ff_context.net.2"),)),
        ]
    if dual:
        second = [f"{block}.attn2.{name}" for name in ("to_q", "to_k", "to_v")]
        layers += list(_square(block, ("attn2.to_q", "attn2.to_k", "attn2.to_v"), h))
        layers.append(Layer(f"{block}.attn2.to_out.0", h, h))
        aliases += [
            (f"{x}.attn2.qkv", _thirds(second)),
            (f"{x}.attn2.proj", (Cut(f"{block}.attn2.to_out.0"),)),
        ]
    return layers, aliases
