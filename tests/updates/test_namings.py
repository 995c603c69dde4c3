from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.updates import naming_tools as tools
from tests.updates.naming_tools import DIFFUSERS, KOHYA, PEFT, PEFT_NAMED, Layers, Shapes

from reseen.updates.by_order import FEWEST_SAID
from reseen.updates.names.known import known
from reseen.updates.names.tables import Layer
from reseen.updates.not_read import OWN_NAMES
from reseen.updates.plan import Plan, plan

UNETS = ("sd1", "sd2", "sdxl")
FUSED: dict[str, Callable[[str], tuple[str, int | None]]] = {
    "flux": tools.bfl,
    "sd3": tools.mmdit,
    "sd3.5-large": tools.mmdit,
}
ENCODERS = {
    "sd1": ("clip_l",),
    "sd2": ("clip_h",),
    "sdxl": ("clip_l", "clip_g"),
    "flux": ("clip_l", "t5"),
    "sd3": ("clip_l", "clip_g", "t5"),
    "sd3.5-large": ("clip_l", "clip_g", "t5"),
}


def layers_of(model: str, keep: Callable[[Layer], bool] = lambda layer: True) -> Layers:
    return {
        name: (layer.out, layer.inn, layer.kernel)
        for name, layer in known(model).layers.items()
        if keep(layer)
    }


def namings(model: str) -> Iterator[tuple[str, Shapes]]:
    """Every tool's file for all layers of a denoiser."""
    layers = layers_of(model)
    lora = tools.lora
    if model in UNETS:
        original, base = lora(layers, tools.ldm_of(layers), KOHYA), "unet"
        yield "kohya", {f"lora_unet_{flatten(name)}": s for name, s in original.items()}
        yield "comfyui", lora(layers, lambda n: "diffusion_model." + tools.ldm_of(layers)(n), PEFT)
    else:
        whole = tools.fused(layers, FUSED[model])
        base = "transformer"
        yield "kohya", lora(whole, tools.kohya("lora_unet_"), KOHYA)
        yield "bfl", lora(whole, tools.dotted(""), PEFT)
        yield "comfyui", lora(whole, tools.dotted("diffusion_model."), PEFT)
        yield "onetrainer", lora(layers, tools.kohya("lora_transformer_"), KOHYA)
    if model == "flux":
        yield "onetrainer", lora(layers, tools.onetrainer_bfl, KOHYA)
    yield "kohya", lora(layers, tools.kohya("lora_unet_"), KOHYA)
    yield "peft", lora(layers, tools.dotted(f"{base}."), PEFT)
    yield "peft", lora(layers, tools.dotted(f"{base}."), PEFT_NAMED)
    yield "peft", lora(layers, tools.dotted(f"{base}.base_model.model."), PEFT)
    yield "peft", lora(layers, tools.dotted("base_model.model."), PEFT)
    yield "diffusers", lora(layers, tools.dotted(f"{base}."), DIFFUSERS)
    yield "lycoris", loha(layers, tools.kohya("lycoris_"))
    yield "lycoris", loha(layers, tools.kohya("lora_unet_"))


def flatten(name: str) -> str:
    for ending in KOHYA:
        if ending is not None and name.endswith(ending):
            return name.removesuffix(ending).replace(".", "_") + ending
    raise AssertionError(name)


def loha(layers: Layers, name: Callable[[str], str]) -> Shapes:
    made: Shapes = {}
    for layer, (out, inn, kernel) in layers.items():
        for n in "12":
            made[f"{name(layer)}.hada_w{n}_a"] = (out, 2)
            made[f"{name(layer)}.hada_w{n}_b"] = (2, inn * kernel * kernel)
    return made


def modules(found: Plan) -> dict[str, tuple[int, int, int, int]]:
    return {module.name: module.shape for module in found.modules}


@pytest.mark.parametrize("model", [*UNETS, *FUSED])
def test_every_naming_gives_the_same_modules(model: str) -> None:
    part = known(model).part
    wanted = {
        f"{part}.{name}": (out, inn, kernel, kernel)
        for name, (out, inn, kernel) in layers_of(model).items()
    }
    seen = set()
    for naming, shapes in namings(model):
        found = plan(tools.listing(shapes))
        assert found.architecture == model, naming
        assert modules(found) == wanted, naming
        assert not found.not_read, naming
        assert found.naming == naming
        seen.add(naming)
    assert len(seen) >= 5


@pytest.mark.parametrize("model", [*UNETS, *FUSED])
def test_text_encoders_are_named_alike_by_every_tool(model: str) -> None:
    wanted = {f"{encoder}.{name}" for encoder in ENCODERS[model] for name in layers_of(encoder)}
    numbered = {"clip_l": "1", "clip_g": "2", "clip_h": "", "t5": "3"}
    one = len(ENCODERS[model]) == 1
    prefixes = {
        "kohya": lambda e, i: (f"lora_te{'' if one else numbered[e]}_", True, KOHYA),
        "one after another": lambda e, i: (f"lora_te{i + 1}_", True, KOHYA),
        "peft": lambda e, i: (f"text_encoder{'' if i == 0 else f'_{i + 1}'}.", False, PEFT),
        "diffusers": lambda e, i: (
            f"text_encoder{'' if i == 0 else f'_{i + 1}'}.",
            False,
            tools.DIFFUSERS_TE,
        ),
    }
    if "t5" in ENCODERS[model]:
        comfy = {"clip_l": "clip_l", "clip_g": "clip_g", "t5": "t5xxl"}
        prefixes["comfyui"] = lambda e, i: (f"text_encoders.{comfy[e]}.transformer.", False, PEFT)
    for naming, prefix_of in prefixes.items():
        shapes: Shapes = {}
        for i, encoder in enumerate(ENCODERS[model]):
            prefix, flat, endings = prefix_of(encoder, i)
            name = tools.kohya(prefix) if flat else tools.dotted(prefix)
            shapes |= tools.lora(layers_of(encoder), name, endings)
        found = plan(tools.listing(shapes))
        assert set(modules(found)) == wanted, naming
        assert found.architecture == "+".join(sorted(ENCODERS[model])), naming
        assert not found.not_read, naming


@pytest.mark.parametrize("model", UNETS)
def test_the_oldest_diffusers_names_mean_the_attention_projections(model: str) -> None:
    shapes: Shapes = {}
    wanted = set()
    for name, (out, inn, _) in layers_of(model).items():
        if (old := tools.processor(name)) is not None:
            shapes[f"{old}.up.weight"], shapes[f"{old}.down.weight"] = tools.factors(out, inn, 1)
            wanted.add(f"unet.{name}")
    encoder = ENCODERS[model][0]
    for name, (out, inn, _) in layers_of(encoder).items():
        if (old := tools.old_text(name)) is not None:
            shapes[f"{old}.up.weight"], shapes[f"{old}.down.weight"] = tools.factors(out, inn, 1)
            wanted.add(f"{encoder}.{name}")
    found = plan(tools.listing(shapes))
    assert set(modules(found)) == wanted
    assert (found.architecture, found.naming) == (model, "diffusers-processor")


def test_xlabs_names_mean_the_attention_of_flux() -> None:
    layers = layers_of("flux")
    attention = {
        name: size
        for name, size in layers.items()
        if name.startswith("transformer_blocks.") and ".attn." in name
    }
    whole = tools.fused(attention, lambda n: (tools.xlabs(n) or "", None))
    found = plan(tools.listing(tools.lora(whole, tools.dotted(""), tools.XLABS)))
    assert len(whole) == 76
    assert set(modules(found)) == {f"transformer.{name}" for name in attention}
    assert (found.architecture, found.naming) == ("flux", "xlabs")


def test_one_file_may_hold_a_denoiser_and_its_encoders_under_two_namings() -> None:
    shapes = tools.lora(layers_of("sdxl"), tools.kohya("lora_unet_"), KOHYA)
    shapes |= tools.lora(layers_of("clip_g"), tools.dotted("text_encoder_2."), PEFT)
    found = plan(tools.listing(shapes))
    assert found.architecture == "sdxl"
    assert found.parts == ("clip_g", "unet")
    assert found.naming == "kohya+peft"


def positional(model: str, order: tuple[str, ...]) -> Shapes:
    """cloneofsimo's own names for a UNet whose modules come in this order."""
    layers = layers_of(model)
    blocks: dict[str, list[str]] = {}
    for name in layers:
        block, found, _ = name.partition(".transformer_blocks.0.")
        if found:
            blocks.setdefault(block, [])
    names = [
        f"{block}.transformer_blocks.0.{inside}"
        for block in sorted(blocks, key=lambda b: ("down", "up_b", "mid").index(b[:4].rstrip("_")))
        for inside in order
    ]
    shapes: Shapes = {}
    for i, name in enumerate(names):
        out, inn, _ = layers[name]
        shapes[f"unet:{i}:up"], shapes[f"unet:{i}:down"] = (out, 4), (4, inn)
    return shapes


ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
FIRST = tuple(f"attn1.{x}" for x in ATTENTION)
SECOND = tuple(f"attn2.{x}" for x in ATTENTION)


@pytest.mark.parametrize("model", ["sd1", "sd2"])
@pytest.mark.parametrize(
    "order", [(*FIRST, "ff.net.0.proj", *SECOND), (*FIRST, *SECOND, "ff.net.0.proj")]
)
def test_a_positional_list_gets_names_where_its_order_is_plain(
    model: str, order: tuple[str, ...]
) -> None:
    shapes = positional(model, order)
    found = plan(tools.listing(shapes))
    assert (found.architecture, found.naming) == (model, "cloneofsimo")
    assert len(found.modules) == 144
    third = {m.name: m.tensors["up"].name for m in found.modules}
    first = "unet.down_blocks.0.attentions.0.transformer_blocks.0."
    assert third[f"{first}attn2.to_k"] == f"unet:{order.index('attn2.to_k')}:up"
    last = "unet.mid_block.attentions.0.transformer_blocks.0."
    assert third[f"{last}attn1.to_q"] == "unet:135:up"


def test_a_positional_list_that_no_order_explains_keeps_its_numbers() -> None:
    shapes = positional("sd1", (*FIRST, *SECOND))
    shapes["unet:5:up"], shapes["unet:5:down"] = (77, 4), (4, 78)
    found = plan(tools.listing(shapes))
    assert found.architecture.startswith("unknown:")
    assert "unet.#5" in modules(found)


def test_a_plain_list_of_factors_is_a_positional_list() -> None:
    named = positional("sd2", (*FIRST, *SECOND))
    listed = {
        str(2 * int(name.split(":")[1]) + (name.endswith("down"))): shape
        for name, shape in named.items()
    }
    ours, theirs = plan(tools.listing(listed)), plan(tools.listing(named))
    assert modules(ours) == modules(theirs)
    assert ours.architecture == "sd2"


@pytest.mark.parametrize(
    "order", [(*FIRST, "ff.net.0.proj", *SECOND), (*FIRST, *SECOND, "ff.net.0.proj"),
              (*FIRST, *SECOND)],
)  # fmt: skip
@pytest.mark.parametrize("plain", [False, True])
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_layers_that_were_left_out_leave_the_numbers_of_the_others(
    order: tuple[str, ...], plain: bool, data: st.DataObject
) -> None:
    """Any part of a positional list has the names that it has in the whole, or none."""
    shapes = positional("sd1", order)
    whole = {m.tensors["up"].name: m.name for m in plan(tools.listing(shapes)).modules}
    pairs = sorted({name.rpartition(":")[0] for name in shapes})
    kept = data.draw(st.sets(st.sampled_from(pairs), min_size=1))
    some = {name: shape for name, shape in shapes.items() if name.rpartition(":")[0] in kept}
    of = {name: name for name in some}
    if plain:
        of = {f"{2 * int(n.split(':')[1]) + n.endswith('down')}": n for n in some}
        some = {new: some[name] for new, name in of.items()}
    found = plan(tools.listing(some))
    named = {of[m.tensors["up"].name]: m.name for m in found.modules if "#" not in m.name}
    assert named.items() <= whole.items()
    if len(kept) == len(pairs):
        assert named == whole
    if not named and len(kept) >= 8:
        assert [(n.reason, n.tensors) for n in found.not_read] == [(OWN_NAMES, len(some))]


@pytest.mark.parametrize("step", [2, 3])
def test_a_part_of_a_positional_list_has_its_names(step: int) -> None:
    shapes = positional("sd1", (*FIRST, *SECOND))
    some = {name: shape for name, shape in shapes.items() if int(name.split(":")[1]) % step == 0}
    found = plan(tools.listing(some))
    assert found.architecture == "sd1"
    assert modules(found).items() < modules(plan(tools.listing(shapes))).items()
    assert not found.not_read


def test_a_file_whose_names_tell_nothing_says_so() -> None:
    layers = {f"x{i}": (640, 640, 1) for i in range(20)}
    found = plan(tools.listing(tools.lora(layers, tools.kohya(""), KOHYA)))
    (spot,) = found.not_read
    assert (spot.reason, spot.code) == (OWN_NAMES, "own-names")
    assert len(found.modules) == 20
    named = plan(tools.listing(positional("sd1", (*FIRST, *SECOND))))
    assert not named.not_read


@pytest.mark.parametrize("rank", [1, 64, 4096])
@given(count=st.integers(1, 12))
@settings(max_examples=6)
def test_layers_that_tell_nothing_are_said_whatever_else_the_file_has(
    rank: int, count: int
) -> None:
    """How much the rest weighs is its author's to choose, and may all be zero."""
    hidden = tools.lora({f"L{i}": (640, 640, 1) for i in range(count)}, tools.dotted(""), KOHYA)
    name = "text_encoder.text_model.encoder.layers.{}.self_attn.q_proj"
    beside: tools.Shapes = {}
    for i in range(12):
        beside[name.format(i) + ".lora_up.weight"] = (768, rank)
        beside[name.format(i) + ".lora_down.weight"] = (rank, 768)
    found = plan(tools.listing(hidden | beside))
    said = [(each.code, each.tensors) for each in found.not_read]
    assert said == ([("own-names", len(hidden))] if count >= FEWEST_SAID else [])


@pytest.mark.parametrize("other", ["sdxl", "flux", "sd3"])
def test_names_of_another_models_layers_tell_nothing(other: str) -> None:
    """Of layers whose sizes those do not have: a whole copy stood under such names, unsaid."""
    sizes = [size for name, size in layers_of("sd1").items() if ".attn2." in name]
    names = [name for name, size in layers_of(other).items() if size not in sizes]
    layers = dict(zip(names, sizes, strict=False))
    found = plan(tools.listing(tools.lora(layers, tools.dotted(""), PEFT)))
    (said,) = found.not_read
    assert said.code == "own-names"
    assert said.tensors >= 1.8 * len(layers)  # some are siblings' sizes


@pytest.mark.parametrize("widths", [(3072,), (320, 640)])
def test_layers_of_a_language_model_have_one_width(widths: tuple[int, ...]) -> None:
    ends = ("self_attn.q_proj", "self_attn.o_proj", "mlp.up_proj", "mlp.down_proj")
    layers = {}
    for i, end in enumerate(ends * 4):
        width = widths[i % len(widths)]
        size = (width, 4 * width if end.endswith("down_proj") else width)
        layers[f"model.layers.{i // 4}.{end}"] = (*size, 1)
    found = plan(tools.listing(tools.lora(layers, tools.dotted(""), PEFT)))
    assert [each.code for each in found.not_read] == ["own-names"] * (len(widths) > 1)


def test_an_unknown_architecture_has_stable_names_and_says_so() -> None:
    layers = {f"towers.{i}.mixer.{x}": (48, 96, 1) for i in range(3) for x in "abcd"}
    files = [
        tools.lora(layers, tools.dotted("diffusion_model."), PEFT),
        tools.lora(layers, tools.kohya("lora_unet_"), KOHYA),
        tools.lora(layers, tools.dotted("transformer."), DIFFUSERS),
        tools.lora(layers, tools.dotted(""), PEFT_NAMED),
    ]
    plans = [plan(tools.listing(shapes)) for shapes in files]
    assert len({found.architecture for found in plans}) == 1
    assert plans[0].architecture.startswith("unknown:")
    assert all(modules(found) == modules(plans[0]) for found in plans)
    assert plans[0].modules[0].name == "model.towers_0_mixer_a"


def test_a_small_sibling_of_a_known_model_keeps_the_known_names() -> None:
    layers = {
        name: (max(1, out // 10), max(1, inn // 10), kernel)
        for name, (out, inn, kernel) in layers_of("sd1").items()
    }
    found = plan(tools.listing(tools.lora(layers, tools.kohya("lora_unet_"), KOHYA)))
    assert found.architecture.startswith("unknown:")
    assert set(modules(found)) == {f"unet.{name}" for name in layers}


def test_stray_layers_do_not_hide_the_architecture() -> None:
    shapes = tools.lora(layers_of("sdxl"), tools.kohya("lora_unet_"), KOHYA)
    strays = {f"stray_{i}": (8, 8, 1) for i in range(300)}
    shapes |= tools.lora(strays, tools.kohya("lora_unet_"), KOHYA)
    found = plan(tools.listing(shapes))
    assert found.architecture == "sdxl"
    assert len(found.modules) == 794 + 300


def test_hunyuan_video_is_not_taken_for_flux() -> None:
    layers: dict[str, tuple[int, int, int]] = {}
    for i in range(20):
        for side in ("img", "txt"):
            layers[f"double_blocks.{i}.{side}_attn_qkv"] = (9216, 3072, 1)
            layers[f"double_blocks.{i}.{side}_attn_proj"] = (3072, 3072, 1)
            layers[f"double_blocks.{i}.{side}_mlp.fc1"] = (12288, 3072, 1)
            layers[f"double_blocks.{i}.{side}_mlp.fc2"] = (3072, 12288, 1)
    for i in range(40):
        layers[f"single_blocks.{i}.linear1"] = (21504, 3072, 1)
        layers[f"single_blocks.{i}.linear2"] = (3072, 15360, 1)
    found = plan(tools.listing(tools.lora(layers, tools.kohya("lora_unet_"), KOHYA)))
    assert found.architecture == "hunyuan-video"


def test_of_a_fused_and_a_split_copy_the_split_one_is_read() -> None:
    layers = layers_of("flux", lambda layer: layer.name.startswith("transformer_blocks.0.attn.to_"))
    layers = {name: size for name, size in layers.items() if "out" not in name}
    shapes = tools.lora(layers, tools.dotted("transformer."), PEFT)
    whole = tools.fused(layers, tools.bfl)
    shapes |= tools.lora(whole, tools.kohya("lora_unet_"), KOHYA)
    found = plan(tools.listing(shapes))
    assert all(module.rows is None for module in found.modules)
    assert {(n.reason, n.tensors) for n in found.not_read} == {
        ("a second update of a module: only one is read", 3 * len(whole))
    }
