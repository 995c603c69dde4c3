"""Headers of adapters as every tool names them, for holding what is read of them.

Families that no table knows are here by their published names too: their layers keep the names
that they have had, because what was removed under those is kept under no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from tests.updates import naming_tools as tools
from tests.updates.naming_tools import DIFFUSERS, KOHYA, PEFT, PEFT_NAMED, Layers, Shapes
from tests.updates.test_namings import (
    ENCODERS,
    FIRST,
    FUSED,
    SECOND,
    UNETS,
    layers_of,
    namings,
    positional,
)

from reseen.updates.plan import Plan, Reading

KNOWN = [*UNETS, *FUSED]
Named = Callable[[str], str]


def blocks(count: int, start: int, **layers: tuple[int, int]) -> Layers:
    """`{i}.<name>` with __ for a dot."""
    return {
        f"{i}.{name.replace('__', '.')}": (out, inn, 1)
        for i in range(start, start + count)
        for name, (out, inn) in layers.items()
    }


def within(block: str, layers: Layers) -> Layers:
    return {f"{block}.{name}": size for name, size in layers.items()}


def _attention(h: int, *names: str) -> dict[str, tuple[int, int]]:
    return dict.fromkeys(names, (h, h))


_JOINT = tuple(f"attn__{x}" for x in ("to_q", "to_k", "to_v", "to_out__0")) + tuple(
    f"attn__{x}" for x in ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")
)


def _streams(h: int, **endings: str) -> dict[str, tuple[int, int]]:
    made: dict[str, tuple[int, int]] = {}
    for side in ("img", "txt"):
        made |= {
            f"{side}_{endings['qkv']}": (3 * h, h),
            f"{side}_{endings['proj']}": (h, h),
            f"{side}_{endings['up']}": (4 * h, h),
            f"{side}_{endings['down']}": (h, 4 * h),
            f"{side}_{endings['mod']}": (6 * h, h),
        }
    return made


def unknown_families() -> dict[str, Layers]:
    """Names and shapes of families without a table, as their own releases name them."""
    h = 3072
    feed = {"img_mlp__net__0__proj": (4 * h, h), "img_mlp__net__2": (h, 4 * h)}
    feed |= {"txt_mlp__net__0__proj": (4 * h, h), "txt_mlp__net__2": (h, 4 * h)}
    qwen = blocks(60, 0, **_attention(h, *_JOINT), **feed)
    single = {"linear1": (7 * h, h), "linear2": (h, 5 * h), "modulation__linear": (3 * h, h)}
    hunyuan = within(
        "double_blocks",
        blocks(
            20,
            0,
            **_streams(
                h,
                qkv="attn_qkv",
                proj="attn_proj",
                up="mlp__fc1",
                down="mlp__fc2",
                mod="mod__linear",
            ),
        ),
    ) | within("single_blocks", blocks(40, 0, **single))
    wan: dict[str, tuple[int, int]] = {
        **_attention(5120, *(f"{a}__{x}" for a in ("self_attn", "cross_attn") for x in "qkvo")),
        "ffn__0": (13824, 5120),
        "ffn__2": (5120, 13824),
    }
    flux2 = within(
        "double_blocks",
        blocks(
            8,
            0,
            img_attn__qkv=(18432, 6144),
            img_attn__proj=(6144, 6144),
            img_mlp__0=(36864, 6144),
            img_mlp__2=(6144, 18432),
        ),
    ) | within("single_blocks", blocks(48, 0, linear1=(55296, 6144), linear2=(6144, 24576)))
    zimage = blocks(
        30,
        0,
        **_attention(3840, *(f"attention__{x}" for x in ("to_q", "to_k", "to_v", "to_out__0"))),
        feed_forward__w1=(10240, 3840),
        feed_forward__w2=(3840, 10240),
        feed_forward__w3=(10240, 3840),
    )
    ltx = blocks(
        28,
        0,
        **_attention(2048, *(f"attn{n}__{x}" for n in "12" for x in ("to_q", "to_k", "to_v"))),
        ff__net__0__proj=(8192, 2048),
        ff__net__2=(2048, 8192),
    )
    motion: dict[str, tuple[int, int]] = _attention(
        320, *(f"attn{n}__{x}" for n in "12" for x in ("to_q", "to_k", "to_v", "to_out__0"))
    )
    llama = _attention(4096, *(f"self_attn__{x}_proj" for x in "qkvo"))
    vision = _attention(1024, *(f"self_attn__{x}_proj" for x in ("q", "k", "v", "out")))
    return {
        "qwen": within("transformer_blocks", qwen),
        "qwen, attention": within(
            "transformer_blocks", {n: s for n, s in qwen.items() if ".attn." in n}
        ),
        "qwen, a third": within("transformer_blocks", dict(list(qwen.items())[::3])),
        "hunyuan": hunyuan,
        "hunyuan, attention": {n: s for n, s in hunyuan.items() if "_attn_" in n},
        "wan": within("blocks", blocks(40, 0, **wan)),
        "flux2": flux2,
        "z-image": within("layers", zimage),
        "ltx": within("transformer_blocks", ltx),
        "motion": within(
            "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks",
            blocks(1, 0, **motion),
        ),
        "llama": within("model.layers", blocks(32, 0, **llama)),
        "vision": within("vision_model.encoder.layers", blocks(24, 0, **vision)),
        "plain": {f"blocks.{i}.self_attn.{x}": (48, 96, 1) for i in range(3) for x in "qkvo"},
    }


def headers() -> Iterator[tuple[str, Shapes]]:
    """Every header, under a name of its own."""
    for model in KNOWN:
        for number, (naming, shapes) in enumerate(namings(model)):
            yield f"{model}, {naming} {number}", shapes
            yield f"{model}, {naming} {number}, a third", _some(shapes)
        layers = layers_of(model)
        small = {n: (max(1, o // 10), max(1, i // 10), k) for n, (o, i, k) in layers.items()}
        yield f"{model}, small", tools.lora(small, tools.kohya("lora_unet_"), KOHYA)
        yield (
            f"{model}, strays",
            tools.lora(layers, tools.kohya("lora_unet_"), KOHYA)
            | tools.lora(
                {f"stray_{i}": (8, 8, 1) for i in range(300)}, tools.kohya("lora_unet_"), KOHYA
            ),
        )
        yield from _encoders(model)
    yield from _old_forms()
    for family, layers in unknown_families().items():
        for word, name, ends in (
            ("bare", tools.dotted(""), PEFT),
            ("kohya", tools.kohya("lora_unet_"), KOHYA),
            ("comfyui", tools.dotted("diffusion_model."), PEFT),
            ("diffusers", tools.dotted("transformer."), DIFFUSERS),
            ("second", tools.dotted("transformer_2."), PEFT_NAMED),
        ):
            yield f"{family}, {word}", tools.lora(layers, name, ends)


def _some(shapes: Shapes) -> Shapes:
    """A third of the layers."""
    layers = list(dict.fromkeys(name.split(".lora_")[0].split(".hada")[0] for name in shapes))
    kept = tuple(f"{layer}." for layer in layers[::3])
    return {name: shape for name, shape in shapes.items() if name.startswith(kept)}


def _encoders(model: str) -> Iterator[tuple[str, Shapes]]:
    flat: Shapes = {}
    dotted: Shapes = {}
    for i, encoder in enumerate(ENCODERS[model]):
        layers = layers_of(encoder)
        flat |= tools.lora(layers, tools.kohya(f"lora_te{i + 1}_"), KOHYA)
        name = f"text_encoder{'' if i == 0 else f'_{i + 1}'}."
        dotted |= tools.lora(layers, tools.dotted(name), tools.DIFFUSERS_TE)
    yield f"{model}, encoders, kohya", flat
    yield f"{model}, encoders, diffusers", dotted
    yield (
        f"{model}, with encoders",
        flat | tools.lora(layers_of(model), tools.kohya("lora_unet_"), KOHYA),
    )


def _old_forms() -> Iterator[tuple[str, Shapes]]:
    for model in UNETS:
        shapes: Shapes = {}
        for name, (out, inn, _) in layers_of(model).items():
            if (old := tools.processor(name)) is not None:
                shapes[f"{old}.up.weight"], shapes[f"{old}.down.weight"] = tools.factors(
                    out, inn, 1
                )
        yield f"{model}, processors", shapes
    attention = {
        name: size
        for name, size in layers_of("flux").items()
        if name.startswith("transformer_blocks.") and ".attn." in name
    }
    whole = tools.fused(attention, lambda n: (tools.xlabs(n) or "", None))
    yield "flux, xlabs", tools.lora(whole, tools.dotted(""), tools.XLABS)
    for model in ("sd1", "sd2"):
        yield f"{model}, positional", positional(model, (*FIRST, *SECOND, "ff.net.0.proj"))
        odd = positional(model, (*FIRST, *SECOND))
        odd["unet:5:up"], odd["unet:5:down"] = (77, 4), (4, 78)
        yield f"{model}, positional and odd", odd


def told(found: Plan | Reading) -> str:
    """Sixteen digits of which tensors make which modules under which names."""
    lines = [
        f"{m.name} {m.shape} {m.rows} {m.algorithm} {m.rank} "
        + " ".join(f"{role}={info.name}" for role, info in sorted(m.tensors.items()))
        for m in found.modules
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def row(found: Plan | Reading) -> list[object]:
    """Architecture, modules, and what is told of them."""
    return [found.architecture, len(found.modules), told(found)]
