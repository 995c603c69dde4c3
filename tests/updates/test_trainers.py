"""Every trainer's way to write a layer of the newer models: its prefix, its dots, its endings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.updates import naming_tools as tools
from tests.updates.naming_tools import DIFFUSERS, KOHYA, PEFT, PEFT_NAMED, listing
from tests.updates.test_wrapped_names import SPELLED, plain_of

from reseen.updates.names.known import known
from reseen.updates.names.tables import flat
from reseen.updates.plan import plan

Endings = tuple[str, str, str | None]


def dollars(prefix: str) -> Callable[[str], str]:
    """As ai-toolkit has names inside."""
    return lambda name: (prefix + name).replace(".", "$$")


TRAINERS: dict[str, tuple[Callable[[str], str], Endings]] = {
    "musubi, sd-scripts": (tools.kohya("lora_unet_"), KOHYA),
    "Wan Fun": (tools.kohya("lora_unet__"), KOHYA),
    "ai-toolkit": (tools.dotted("diffusion_model."), PEFT),
    "ai-toolkit, diffusers": (tools.dotted("transformer."), PEFT),
    "ai-toolkit, inside": (dollars("transformer."), PEFT),
    "ai-toolkit, old LoKr": (tools.kohya("lycoris_"), KOHYA),
    "DiffSynth": (tools.dotted(""), PEFT_NAMED),
    "DiffSynth, with the pipeline's name": (tools.dotted("pipe.dit."), PEFT_NAMED),
    "OneTrainer": (tools.kohya("lora_transformer_"), KOHYA),
    "OneTrainer, diffusers": (tools.dotted("transformer."), KOHYA),
    "SimpleTuner": (tools.dotted("transformer."), DIFFUSERS),
    "diffusion-pipe": (tools.dotted("diffusion_model."), KOHYA),
    "PEFT": (tools.dotted("base_model.model."), PEFT),
    "PEFT, in a model": (tools.dotted("base_model.model.diffusion_model."), PEFT_NAMED),
    "Cosmos": (tools.dotted("net."), PEFT),
}
KEYS = [
    *((model, "diffusers") for model in ("qwen-image", "wan-14b", "z-image", "ltx-2", "chroma")),
    *((model, "native") for model in ("flux2", "wan-14b", "z-image", "lumina2", "hunyuan-video")),
    *(("cosmos-2b", "native"), ("auraflow", "comfyui"), ("hunyuan-video-1.5", "comfyui")),
]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_trainers_names_are_those_of_the_model(trainer: str) -> None:
    name, ends = TRAINERS[trainer]
    for key in KEYS:
        layers = dict(list(SPELLED[key].items())[:40])
        found = plan(listing(tools.lora(layers, name, ends)))
        wanted = {(m.name, m.rows, m.shape) for m in plain_of(key).modules if m.source in layers}
        assert {(m.name, m.rows, m.shape) for m in found.modules} == wanted, key
        assert not found.not_read


FUSED = {
    "flux": "transformer_blocks.{}.attn.to_qkv transformer_blocks.{}.attn.to_added_qkv "
    "single_transformer_blocks.{}.attn.to_qkv",
    "wan-14b": "blocks.{}.attn1.to_qkv blocks.{}.attn2.to_kv",
    "krea2": "transformer_blocks.{}.attn.to_qkv text_fusion.refiner_blocks.{}.attn.to_qkv",
    "sdxl": "down_blocks.2.attentions.{}.transformer_blocks.0.attn1.to_qkv "
    "down_blocks.2.attentions.{}.transformer_blocks.0.attn2.to_kv",
}


@pytest.mark.parametrize("model", FUSED)
def test_projections_that_diffusers_fuses_are_the_layers_that_they_were(model: str) -> None:
    fused, split = {}, {}
    for name in (each.format(n) for each in FUSED[model].split() for n in (0, 1)):
        cuts = known(model).aliases[flat(name)]
        layers = [known(model).layers[cut.name] for cut in cuts]
        fused[name] = (sum(layer.out for layer in layers), layers[0].columns, 1)
        split |= {layer.name: (layer.out, layer.columns, 1) for layer in layers}
        starts = [rows[0][0] for cut in cuts if (rows := cut.rows(fused[name][0]))]
        assert starts == [sum(one.out for one in layers[:at]) for at in range(len(layers))]
    of_fused = plan(listing(tools.lora(fused, tools.kohya("lycoris_"), KOHYA)))
    of_split = plan(listing(tools.lora(split, tools.dotted("transformer."), PEFT)))
    assert {(m.name, m.shape) for m in of_fused.modules} == {
        (m.name, m.shape) for m in of_split.modules
    }
    assert not of_fused.not_read
