"""A layer is known by the end of its name: whatever wraps that, in every known model."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.updates import naming_tools as tools
from tests.updates.golden_headers import told, unknown_families
from tests.updates.naming_tools import KOHYA, PEFT, Layers, Shapes, listing
from tests.updates.test_namings import FUSED, UNETS, layers_of

from reseen.updates.names.known import DENOISERS, ENCODERS, LANGUAGE, known, one_of
from reseen.updates.names.tables import flat
from reseen.updates.names.wrapped import OTHER_MODELS, _telling
from reseen.updates.plan import Plan, plan

MODELS = tuple(m for m in (*DENOISERS, *ENCODERS) if m != LANGUAGE)


def originals(model: str) -> Layers:
    """The layers as the model's own release names them."""
    layers = layers_of(model)
    if model in UNETS:
        name = tools.ldm_of(layers)
        return {name(layer): size for layer, size in layers.items()}
    return tools.fused(layers, FUSED[model]) if model in FUSED else layers


def some(layers: Layers) -> Layers:
    """A fifth of them, of every kind."""
    names = list(layers)
    return {name: layers[name] for name in dict.fromkeys([*names[::5], *names[-3:]])}


def spelled(model: str, dialect: str) -> Layers:
    """The layers as a dialect of the model names them."""
    table = known(model)
    made: dict[str, tuple[int, int, int]] = {}
    for name, cuts in table.dialects[dialect]:
        first = table.layers[cuts[0].name]
        units = sum(b - a for a, b in cuts[0].units)
        made[name] = (first.out * cuts[0].of // units, first.inn, first.kernel)
    return made


SPELLED = {(model, "diffusers"): some(layers_of(model)) for model in MODELS}
SPELLED |= {(model, "original"): some(originals(model)) for model in (*UNETS, *FUSED)}
SPELLED |= {
    (model, dialect): some(spelled(model, dialect))
    for model in MODELS
    for dialect in known(model).dialects
    if len(known(model).dialects[dialect]) > 20
}
FEW = [
    key for key in sorted(SPELLED) if key[0] in (*UNETS, *FUSED, *ENCODERS, "wan-14b", "qwen-image")
] + [("flux2", "native"), ("hunyuan-video", "native"), ("z-image", "native")]
"""Those that are tried under every wrapper; under one at random all are."""


@cache
def plain_of(key: tuple[str, str]) -> Plan:
    name = tools.dotted("" if key[0] in DENOISERS else "text_encoder.")
    return plan(listing(tools.lora(SPELLED[key], name, PEFT)))


def by_module(found: Plan, rename: Callable[[str], str] = str) -> dict[str, tuple[object, ...]]:
    """Each module with its layer in the file, whatever wraps that, its rows and its shape."""
    return {m.name: (rename(m.source), m.rows, m.shape) for m in found.modules}


def is_read_as(
    key: tuple[str, str], name: Callable[[str], str], ends: tuple[str, str, str]
) -> None:
    """A file whose layers have these names has the modules of the plain one, each of its layer."""
    layers, plain = SPELLED[key], plain_of(key)
    names = {name(layer): layer for layer in layers}
    prefix = "" if key[0] in DENOISERS else "text_encoder."
    assert len(names) == len(layers)
    assert key[0] in one_of(plain.architecture)
    found = plan(listing(tools.lora(layers, name, ends)))
    read = by_module(found, lambda source: prefix + names[source])
    assert (found.architecture, read) == (plain.architecture, by_module(plain))
    assert not found.not_read


def word(text: str) -> bool:
    return text.lower() not in _telling() | OTHER_MODELS


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
ANY = st.text(LETTERS, min_size=1, max_size=10).filter(lambda text: not text.isdigit())
WORDS = st.lists(ANY.filter(word), max_size=3)
KNOWN = st.one_of(st.sampled_from(sorted(_telling() | OTHER_MODELS)), ANY)
SEPARATORS = st.sampled_from([".", "_", "/", "-", ":", " ", "__", "._", "|"])


@settings(deadline=None)
@given(
    st.sampled_from(sorted(SPELLED)), WORDS, WORDS, SEPARATORS, SEPARATORS,
    st.integers(0, 6), st.booleans(),
)  # fmt: skip
@example(("flux", "diffusers"), [], ["processor"], ".", ".", 3, False)
@example(("sdxl", "original"), ["my", "custom"], ["x", "y", "z"], "_", "_", 1, True)
def test_no_wrapper_hides_a_layer_or_makes_it_another(
    key: tuple[str, str],
    before: list[str],
    within: list[str],
    first: str,
    second: str,
    place: int,
    flatten: bool,
) -> None:
    def name(layer: str) -> str:
        components = layer.split(".")
        at = min(place, len(components) - 1)
        dot = "_" if flatten else "."
        if within and at > 0:
            head, tail = dot.join(components[:at]), dot.join(components[at:])
            layer = second.join([head, *within, tail])
        else:
            layer = dot.join(components)
        return first.join([*before, layer])

    is_read_as(key, name, KOHYA)


def is_known_as(
    key: tuple[str, str], name: Callable[[str], str], ends: tuple[str, str, str | None] = KOHYA
) -> Plan:
    """One way to read a file whose layers have these names is that of the plain one, and no layer
    of it is said to be under names of its own."""
    layers, plain = SPELLED[key], plain_of(key)
    found = plan(listing(tools.lora(layers, name, ends)))
    wanted = {(m.name, m.rows, m.shape) for m in plain.modules}
    ways = [found.modules, *(reading.modules for reading in found.readings)]
    assert wanted in [{(m.name, m.rows, m.shape) for m in way} for way in ways]
    assert not found.not_read
    return found


@settings(deadline=None, max_examples=12)
@given(
    st.sampled_from(sorted(SPELLED)), st.lists(KNOWN, min_size=1, max_size=3),
    st.sampled_from([".", "_", "/", "-", "__"]), st.booleans(),
)  # fmt: skip
@example(("wan-14b", "diffusers"), ["adapter"], ".", False)
@example(("wan-14b", "diffusers"), ["vace"], ".", False)
@example(("flux", "diffusers"), ["single"], ".", False)
@example(("flux", "diffusers"), ["joint", "blocks"], ".", False)
@example(("flux", "diffusers"), ["vision"], ".", False)
def test_no_word_of_a_known_model_hides_the_layers_that_it_stands_before(
    key: tuple[str, str], words: list[str], separator: str, flatten: bool
) -> None:
    def name(layer: str) -> str:
        return separator.join([*words, layer.replace(".", "_") if flatten else layer])

    is_known_as(key, name)


@pytest.mark.parametrize("key", [*FEW[::5], ("wan-14b", "native"), ("flux", "diffusers")])
@pytest.mark.parametrize("word", ["adapter.", "single.", "vace.", "block.", "final.attn."])
def test_words_of_a_known_model_before_a_dot_are_a_wrapper(key: tuple[str, str], word: str) -> None:
    """They are the file's own names: what was removed so is found under others."""
    found = is_known_as(key, tools.dotted(word))
    prefix = "" if key[0] in DENOISERS else "text_encoder."
    read = by_module(found, lambda source: prefix + source.removeprefix(word))
    assert (found.architecture, read) == (key[0], by_module(plain_of(key)))


BEHIND = (".base_layer", ".default", ".0", ".module", ".my_style", ".module.base_layer.0")


@pytest.mark.parametrize("key", FEW[::3], ids=" ".join)
@pytest.mark.parametrize("behind", BEHIND)
def test_words_between_a_layer_and_its_ending_hide_nothing(
    key: tuple[str, str], behind: str
) -> None:
    found = is_known_as(key, lambda layer: layer + behind, tools.PEFT)
    assert found.architecture == key[0]


@pytest.mark.parametrize("behind", [".adapter", ".attn"])
def test_words_of_a_known_model_behind_a_layer_are_read_besides(behind: str) -> None:
    for key in FEW[::9]:
        is_known_as(key, lambda layer: layer + behind, tools.PEFT)


@pytest.mark.parametrize("key", FEW[::3], ids=" ".join)
@pytest.mark.parametrize(
    "ends",
    [
        (".W_up.weight", ".W_down.weight", ".alpha"),
        (".W_up", ".W_down", None),
        (".___.layer.W_up", ".___.layer.W_down", ".___.alpha"),
    ],
)
def test_factors_named_by_their_side_alone_are_read(
    key: tuple[str, str], ends: tuple[str, str, str | None]
) -> None:
    assert is_known_as(key, tools.dotted("unet."), ends).architecture == key[0]


def test_a_whole_layer_is_no_factor() -> None:
    shapes: Shapes = {}
    for i in range(4):
        shapes[f"layers.{i}.mlp.W_up.weight"] = (11008, 4096)
        shapes[f"layers.{i}.mlp.W_down.weight"] = (4096, 11008)
    assert not plan(listing(shapes)).modules


LANGUAGES = ("layers.{}.self_attn.q_proj", "model.layers.{}.mlp.down_proj")
TEXT_PREFIXES = (
    *("base_model.model.", "base_model.model.model.", "text_encoder.", "text_encoder_2."),
    *("text_encoders.qwen25_7b.transformer.", "text_encoders.clip_l.transformer.", "te.", "llm."),
    *("model.text_encoder.", "foo.", "lora_te_", "lora_te3_", "text_encoders.gemma2_2b_"),
)


@pytest.mark.parametrize("prefix", TEXT_PREFIXES)
@pytest.mark.parametrize("layer", LANGUAGES)
def test_a_language_model_is_known_whatever_stands_before_it(layer: str, prefix: str) -> None:
    """Whatever its size is; other parts that have the same names are no language model."""
    name = tools.kohya(prefix) if prefix.endswith("_") else tools.dotted(prefix)
    layers = {layer.format(i): (4096, 3072, 1) for i in range(8)}
    plain = names_of(layers)
    assert all(name.startswith("language.") for name in plain)
    found = plan(listing(tools.lora(layers, name, PEFT)))
    assert [module.name for module in found.modules] == plain
    assert not found.not_read
    for other in ("audio_tower.", "model.decoder.", "visual."):
        tower = plan(listing(tools.lora(layers, tools.dotted(other), PEFT)))
        assert not any(module.name.startswith("language.") for module in tower.modules)


def test_the_first_processors_of_motion_modules_are_read_whole() -> None:
    shapes: Shapes = {}
    for number in (0, 1):
        for x in ("q", "k", "v", "out"):
            name = (
                "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0"
                f".attention_blocks.{number}.processor.to_{x}_lora"
            )
            shapes[f"{name}.up.weight"], shapes[f"{name}.down.weight"] = (320, 4), (4, 320)
    for prefix in ("", "module.", "foo."):
        found = plan(listing({prefix + name: shape for name, shape in shapes.items()}))
        assert (found.architecture, len(found.modules)) == ("animatediff", 8)
        assert all(m.name.startswith("unet.down_blocks.0.motion") for m in found.modules)


WRAPPERS = {
    **{p: p for p in ("model.", "_", "my_custom.", "UNET.", "net.", "dit.", "denoiser.", "unet/")},
    **{p: p for p in ("unet_model.", "a.b.c.d.e.f.", "_fsdp_wrapped_module.", "lora_unet_unet_")},
    **{p: p for p in ("lora_model_", "lycoris_unet_", "_lora_unet_", "pipe.dit.", "ema_model.")},
    **{p: p for p in ("student.", "Hunyuan_video_I2V_lora_", "lora_unet__", "unet.unet.", "X.x_")},
    **{p: p for p in ("pipe.transformer.", "denoiser/unet/", "lora:", "model.model.transformer.")},
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers_that_were_seen_hide_nothing(wrapper: str) -> None:
    """In a quarter of the models each, in turn."""
    for key in FEW[list(WRAPPERS).index(wrapper) % 4 :: 4]:
        is_read_as(key, tools.dotted(wrapper), KOHYA)
        is_read_as(key, tools.kohya(wrapper), KOHYA)


@pytest.mark.parametrize("key", FEW, ids=" ".join)
@pytest.mark.parametrize(
    "between", ["_fsdp_wrapped_module", "_checkpoint_wrapped_module._fsdp_wrapped_module"]
)
def test_what_training_code_puts_between_components_hides_nothing(
    between: str, key: tuple[str, str]
) -> None:
    is_read_as(key, lambda layer: layer.replace(".", f".{between}."), KOHYA)


@pytest.mark.parametrize("key", FEW, ids=" ".join)
@pytest.mark.parametrize("stray", ["_", ".", "__"])
def test_what_stands_behind_a_name_and_says_nothing_hides_nothing(
    stray: str, key: tuple[str, str]
) -> None:
    is_read_as(key, lambda layer: f"lora_unet_{flat(layer)}{stray}", KOHYA)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_names_that_differ_in_their_case_alone_are_one(model: str) -> None:
    by_case = {}
    for alias in known(model).aliases:
        assert by_case.setdefault(alias.lower(), alias) == alias  # within one model


LONGER = {
    "auraflow": {
        f"joint_transformer_blocks.{i}.attn.{x}": (3072, 3072, 1)
        for i in range(4)
        for x in ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj")
    },
    "hunyuan-video": {
        "context_embedder.time_text_embed.timestep_embedder.linear_1": (3072, 256, 1),
        "context_embedder.token_refiner.refiner_blocks.0.norm_out.linear": (6144, 3072, 1),
    },
    "ltx-2": {
        f"transformer_blocks.{i}.audio_attn2.{x}": (2048, 2048, 1)
        for i in range(24)
        for x in ("to_q", "to_k", "to_v")
    },
}
"""Longer names than another table's, by whose they are."""

OTHERS = {
    "another tower": {
        f"refiner_transformer_blocks.{i}.attn.{x}": (3072, 3072, 1)
        for i in range(4)
        for x in ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj")
    },
    "CLIP, vision": unknown_families()["vision"],
    "a control network": {
        f"controlnet.{layer}": size for layer, size in layers_of("sd1").items() if "down" in layer
    },
    "another shape": {f"my.transformer_blocks.{i}.attn.to_q": (3071, 3072, 1) for i in range(19)},
}


@pytest.mark.parametrize("family", OTHERS)
@pytest.mark.parametrize("prefix", ["", "unet.", "lora_unet_", "foo."])
def test_a_longer_name_that_no_table_has_is_no_wrapped_one(family: str, prefix: str) -> None:
    layers = OTHERS[family]
    name = tools.kohya(prefix) if prefix.endswith("_") else tools.dotted(prefix)
    found = plan(listing(tools.lora(layers, name, KOHYA)))
    assert found.architecture.startswith("unknown:")
    assert set(found.parts) <= {"model", "text_encoder"}


@pytest.mark.parametrize("words", ["transformer_2.", "pipe.transformer_2.", "transformer_2.foo."])
@pytest.mark.parametrize(
    ("model", "layer", "size"),
    [("flux", "transformer_blocks.{}.attn.to_q", 3072), ("wan-1.3b", "blocks.{}.attn1.to_q", 1536)],
)
def test_words_of_a_second_expert_hide_no_layer_of_a_model_that_has_none(
    words: str, model: str, layer: str, size: int
) -> None:
    """One word would make every layer an unknown one: it is a wrapper's, and both are adapters
    where another has the same layers. The names of releases before are read besides."""
    one = {f"{words}{layer.format(i)}": (size, size, 1) for i in range(19)}
    first = {f"transformer.{layer.format(i)}": (size, size, 1) for i in range(19)}
    plain = names_of(first)
    found = plan(listing(tools.lora(one, tools.dotted(""), KOHYA)))
    assert model in found.architecture.split("|")
    assert [module.name for module in found.modules] == plain
    assert any(reading.architecture.startswith("unknown:") for reading in found.readings)
    both = plan(listing(tools.lora({**first, **one}, tools.dotted(""), KOHYA)))
    assert [module.name for module in both.modules] == plain
    (further,) = (reading for reading in both.readings if reading.is_adapter)
    assert [module.name for module in further.modules] == plain
    assert not both.not_read


def names_of(layers: tools.Layers) -> list[str]:
    found = plan(listing(tools.lora(layers, tools.dotted(""), KOHYA)))
    return [module.name for module in found.modules]


@pytest.mark.parametrize("model", LONGER)
@pytest.mark.parametrize("prefix", ["", "unet.", "lora_unet_", "foo."])
def test_a_longer_name_that_another_table_has_is_that_ones(model: str, prefix: str) -> None:
    layers = LONGER[model]
    name = tools.kohya(prefix) if prefix.endswith("_") else tools.dotted(prefix)
    found = plan(listing(tools.lora(layers, name, KOHYA)))
    assert model in one_of(found.architecture)
    assert {m.name for m in found.modules} == {f"transformer.{layer}" for layer in layers}


def test_a_wrapped_copy_beside_a_layer_takes_nothing_from_it() -> None:
    """A decoy under words that sort before the layer's own name."""
    layers = layers_of("flux")
    own = tools.lora(layers, tools.dotted("transformer."), PEFT)
    decoys: Shapes = tools.lora(layers, tools.dotted("a.transformer.aa."), PEFT)
    found = plan(listing(own | decoys))
    assert told(found) == told(plan(listing(own)))
    beside = {
        info.name
        for reading in found.readings
        if reading.is_adapter
        for module in reading.modules
        for info in module.tensors.values()
    }
    assert beside == decoys.keys(), "it is an adapter of its own"
    assert not found.not_read
