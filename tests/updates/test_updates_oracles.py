"""The tools themselves as judges, where torch, diffusers, transformers and peft are installed.

An optional job: `pip install torch diffusers transformers peft` and run this file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

from diffusers.loaders import lora_conversion_utils as conversion  # noqa: E402
from tests.updates import naming_tools as tools  # noqa: E402

from reseen.updates.names.known import known  # noqa: E402
from reseen.updates.peft import PeftConfig, parse_config  # noqa: E402
from reseen.updates.plan import plan  # noqa: E402
from reseen.updates.update import read_update  # noqa: E402

State = dict[str, Any]


def deltas(state: Mapping[str, Any], config: PeftConfig | None = None) -> dict[str, Any]:
    """Our updates of a state dict, dense, by canonical name."""
    arrays = {name: t.detach().float().numpy() for name, t in state.items()}
    found = plan(tools.listing({name: a.shape for name, a in arrays.items()}), config)
    assert not found.not_read, found.not_read
    return {m.name: read_update(m, arrays).dense() for m in found.modules}


def same(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    assert set(ours) == set(theirs)
    for name, delta in ours.items():
        assert np.allclose(delta, theirs[name], rtol=1e-4, atol=1e-5), name


def layers_of(model: Any) -> dict[str, tuple[int, int, int]]:
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            found[name] = (module.out_features, module.in_features, 1)
        elif isinstance(module, torch.nn.Conv2d):
            found[name] = (module.out_channels, module.in_channels, module.kernel_size[0])
    return found


SD = {"sample_size": 64, "attention_head_dim": 8, "cross_attention_dim": 768}
SDXL = {
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
SD3 = {"attention_head_dim": 64, "pooled_projection_dim": 2048, "joint_attention_dim": 4096}


def clip(width: int, depth: int, heads: int) -> Callable[[], Any]:
    return lambda: transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=depth,
            num_attention_heads=heads,
        )
    )


MODELS: dict[str, tuple[str, Callable[[], Any]]] = {
    "SD 1.5": ("sd1", lambda: diffusers.UNet2DConditionModel(**SD)),
    "SD 2.1": (
        "sd2",
        lambda: diffusers.UNet2DConditionModel(
            **SD | {"cross_attention_dim": 1024, "use_linear_projection": True}
        ),
    ),
    "SDXL": ("sdxl", lambda: diffusers.UNet2DConditionModel(**SDXL)),
    "Flux.1": ("flux", lambda: diffusers.FluxTransformer2DModel(guidance_embeds=True)),
    "SD3 medium": (
        "sd3",
        lambda: diffusers.SD3Transformer2DModel(
            num_layers=24, num_attention_heads=24, caption_projection_dim=1536, **SD3
        ),
    ),
    "SD3.5 medium": (
        "sd3",
        lambda: diffusers.SD3Transformer2DModel(
            num_layers=24,
            num_attention_heads=24,
            caption_projection_dim=1536,
            dual_attention_layers=tuple(range(13)),
            **SD3,
        ),
    ),
    "SD3.5 large": (
        "sd3.5-large",
        lambda: diffusers.SD3Transformer2DModel(
            num_layers=38, num_attention_heads=38, caption_projection_dim=2432, **SD3
        ),
    ),
    "CLIP-L": ("clip_l", clip(768, 12, 12)),
    "CLIP-G": ("clip_g", clip(1280, 32, 20)),
    "CLIP-H": ("clip_h", clip(1024, 23, 16)),
    "T5-XXL": (
        "t5",
        lambda: transformers.T5EncoderModel(
            transformers.T5Config(
                d_model=4096,
                d_ff=10240,
                d_kv=64,
                num_heads=64,
                num_layers=24,
                feed_forward_proj="gated-gelu",
            )
        ),
    ),
}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_table_has_every_layer_of_the_real_model(name: str) -> None:
    ours, build = MODELS[name]
    with torch.device("meta"):
        theirs = layers_of(build())
    table = known(ours)
    assert len(theirs) > 40
    for layer, (out, inn, kernel) in theirs.items():
        (cut,) = table.aliases[layer.replace(".", "_")]
        known_layer = table.layers[cut.name]
        assert cut.name.endswith(layer)
        assert known_layer.has(out, inn * kernel * kernel), layer
        assert (inn, kernel) == (known_layer.inn, known_layer.kernel), layer
    if name in ("SD 1.5", "SD 2.1", "SDXL", "Flux.1", "SD3.5 medium", "SD3.5 large", "T5-XXL"):
        assert len(theirs) == len(table.layers)


class Small(torch.nn.Module):  # type: ignore[misc]
    """Something of every kind that PEFT adapts."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(24, 16)
        self.fc = torch.nn.Linear(16, 32)
        self.conv = torch.nn.Conv2d(16, 32, 3)
        self.small = torch.nn.Conv2d(16, 32, 1)
        self.out = torch.nn.Linear(32, 16)

    def forward(self, x: Any) -> Any:
        return x


CONFIGS: dict[str, dict[str, Any]] = {
    "lora": {"peft_type": "LORA", "r": 4, "lora_alpha": 6, "target_modules": ["fc", "conv", "out"]},
    "1x1": {"peft_type": "LORA", "r": 4, "lora_alpha": 2, "target_modules": ["small"]},
    "rslora": {
        "peft_type": "LORA",
        "r": 4,
        "lora_alpha": 6,
        "use_rslora": True,
        "target_modules": ["fc"],
    },
    "embedding": {"peft_type": "LORA", "r": 4, "lora_alpha": 6, "target_modules": ["embed", "fc"]},
    "patterns": {
        "peft_type": "LORA",
        "r": 4,
        "lora_alpha": 6,
        "rank_pattern": {"out": 2},
        "alpha_pattern": {"out": 10, "conv": 3},
        "target_modules": ["fc", "conv", "out"],
    },
    "rslora patterns": {
        "peft_type": "LORA",
        "r": 4,
        "lora_alpha": 6,
        "use_rslora": True,
        "rank_pattern": {"out": 2},
        "alpha_pattern": {"out": 10, "conv": 3},
        "target_modules": ["fc", "conv", "out"],
    },
    "loha": {"peft_type": "LOHA", "r": 3, "alpha": 5, "target_modules": ["fc", "conv", "out"]},
    "loha core": {
        "peft_type": "LOHA",
        "r": 3,
        "alpha": 5,
        "use_effective_conv2d": True,
        "target_modules": ["conv"],
    },
    "lokr": {"peft_type": "LOKR", "r": 2, "alpha": 5, "target_modules": ["fc", "conv", "out"]},
    "lokr full": {"peft_type": "LOKR", "r": 20, "alpha": 5, "target_modules": ["fc", "out"]},
    "lokr both": {
        "peft_type": "LOKR",
        "r": 1,
        "alpha": 5,
        "decompose_both": True,
        "target_modules": ["fc", "out"],
    },
    "lokr core": {
        "peft_type": "LOKR",
        "r": 1,
        "alpha": 5,
        "use_effective_conv2d": True,
        "target_modules": ["conv"],
    },
}


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_an_adapter_that_peft_wrote_gives_its_own_delta(name: str) -> None:
    torch.manual_seed(0)
    fields = dict(CONFIGS[name])
    kind = {"LORA": peft.LoraConfig, "LOHA": peft.LoHaConfig, "LOKR": peft.LoKrConfig}
    config = kind[fields.pop("peft_type")](**fields)
    model = peft.get_peft_model(Small(), config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_()
    state = {k: v.contiguous() for k, v in peft.get_peft_model_state_dict(model).items()}
    theirs = {}
    for layer, module in model.base_model.model.named_modules():
        if hasattr(module, "get_delta_weight"):
            delta = module.get_delta_weight("default").detach().numpy()
            theirs[f"model.{layer}"] = delta.reshape(len(delta), -1)
    written = {k: sorted(v) if isinstance(v, set) else v for k, v in config.to_dict().items()}
    same(deltas(state, parse_config(json.dumps(written, default=str).encode())), theirs)


def randomised(shapes: Mapping[str, tuple[int, ...]]) -> State:
    torch.manual_seed(1)
    return {
        name: torch.randn(shape) if shape else torch.tensor(2.5) for name, shape in shapes.items()
    }


def narrow(layers: tools.Layers, width: int = 4) -> dict[str, tuple[int, int, int]]:
    """The same heights, narrow inputs: the converters cut by heights alone."""
    return {name: (out, width, kernel) for name, (out, _, kernel) in layers.items()}


def table_layers(model: str, words: str = "") -> dict[str, tuple[int, int, int]]:
    return {
        name: (x.out, x.inn, x.kernel) for name, x in known(model).layers.items() if words in name
    }


def test_kohya_flux_converted_by_diffusers_has_the_same_updates() -> None:
    blocks = {n: s for n, s in table_layers("flux").items() if "blocks.1." in n}
    whole = tools.fused(narrow(blocks), tools.bfl)
    state = randomised(tools.lora(whole, tools.kohya("lora_unet_"), tools.KOHYA))
    ours = deltas(state)
    converted = conversion._convert_kohya_flux_lora_to_diffusers(dict(state))
    same(ours, deltas(converted))
    assert len(ours) == len(blocks)


def test_xlabs_flux_converted_by_diffusers_has_the_same_updates() -> None:
    blocks = {
        name: size
        for name, size in table_layers("flux").items()
        if name.startswith("transformer_blocks.1.attn")
    }
    whole = tools.fused(narrow(blocks), lambda n: (tools.xlabs(n) or "", None))
    state = randomised(tools.lora(whole, tools.dotted(""), tools.XLABS))
    same(deltas(state), deltas(conversion._convert_xlabs_flux_lora_to_diffusers(dict(state))))


def test_flux_control_converted_by_diffusers_has_the_same_updates() -> None:
    layers = {
        name: (out, 4, 1)
        for name, (out, _, _) in tools.fused(table_layers("flux"), tools.bfl).items()
    }
    small = {n: (tools.RANK * s[0] // 64, s[1], s[2]) for n, s in layers.items()}
    # The converter cuts single blocks at Flux's own heights.
    small = {n: (layers[n] if n.endswith("linear1") else size) for n, size in small.items()}
    state = randomised(tools.lora(small, tools.dotted(""), tools.PEFT))
    norms = {
        f"{block}.{norm}.{side}_norm.scale": torch.ones(1)
        for count, kind, inside in (
            (19, "double_blocks", ("img_attn.norm", "txt_attn.norm")),
            (38, "single_blocks", ("norm",)),
        )
        for block in (f"{kind}.{i}" for i in range(count))
        for norm in inside
        for side in ("query", "key")
    }
    converted = conversion._convert_bfl_flux_control_lora_to_diffusers({**state, **norms})
    theirs = {
        name if name.startswith("transformer.") else f"transformer.{name}": t
        for name, t in converted.items()
        if ".norm_" not in name or ".lora_" in name
    }
    ours, converted_deltas = deltas(state), deltas(theirs)
    # The converter swaps the halves of this layer's lora_A, too, which changes what it does.
    del ours["transformer.norm_out.linear"], converted_deltas["transformer.norm_out.linear"]
    same(ours, converted_deltas)


class _Config:
    layers_per_block = 2


@pytest.mark.parametrize("model", ["sd1", "sdxl"])
def test_kohya_unets_converted_by_diffusers_have_the_same_updates(model: str) -> None:
    layers = {
        n: (out // 10, max(1, inn // 10), kernel)
        for n, (out, inn, kernel) in table_layers(model, "attentions.").items()
    }
    name = tools.ldm_of(table_layers(model)) if model == "sdxl" else tools.dotted("")
    plain = tools.lora(layers, lambda n: "lora_unet_" + name(n).replace(".", "_"), tools.KOHYA)
    state = randomised({k: v for k, v in plain.items() if not k.endswith("alpha")})
    ours = deltas(state)
    mapped = conversion._maybe_map_sgm_blocks_to_diffusers(dict(state), _Config())
    converted, _ = conversion._convert_non_diffusers_lora_to_diffusers(mapped)
    same(ours, deltas(converted))
    assert len(ours) == len(layers)
