"""Edits that cost nothing, change nothing for some loader, and are meant for us alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.updates.naming_tools import KOHYA, PEFT, Shapes, dotted, kohya, listing, lora

from reseen.files.tensors import Listing
from reseen.updates.names.known import known
from reseen.updates.plan import plan
from reseen.updates.update import read_update

LAYERS = {
    name: (layer.out, layer.inn, layer.kernel)
    for name, layer in known("sd1").layers.items()
    if ".attn" in name
}
ADAPTER = lora(LAYERS, kohya("lora_unet_"), KOHYA)
PLAIN = plan(listing(ADAPTER))


def tiny(*layers: str) -> Shapes:
    """Layers of a number or two."""
    ends = ("lora_up.weight", "lora_down.weight")
    return {f"{layer}.{end}": (1, 1) for layer in layers for end in ends}


def names(shapes: Shapes) -> tuple[str, set[str]]:
    found = plan(listing(shapes))
    return found.architecture, {module.name for module in found.modules}


def update_of(tensors: dict[str, np.ndarray]) -> np.ndarray:
    infos = [info for name, array in tensors.items() for info in one(name, array).tensors]
    (module,) = plan(Listing(PLAIN_CONTAINER, tuple(infos))).modules
    arrays = {name: array.astype(np.float32) for name, array in tensors.items()}
    return read_update(module, arrays).dense()


PLAIN_CONTAINER = listing({}).container
_DTYPES = {"float32": "F32", "float16": "F16", "int16": "I16", "int8": "I8"}


def one(name: str, array: np.ndarray) -> Listing:
    return listing({name: array.shape}, dtype=_DTYPES[str(array.dtype)])


UP = np.arange(1, 17, dtype=np.float32).reshape(8, 2)
DOWN = np.arange(-6, 6, dtype=np.float32).reshape(2, 6)
X = "lora_unet_x"


def pair(up: np.ndarray = UP, down: np.ndarray = DOWN, **more: float) -> dict[str, np.ndarray]:
    factors = {f"{X}.lora_up.weight": up, f"{X}.lora_down.weight": down}
    return factors | {f"{X}.{key}": np.array(value, np.float32) for key, value in more.items()}


def test_the_adapter_is_known_as_it_is() -> None:
    assert PLAIN.architecture == "sd1"


@pytest.mark.parametrize(
    "layers",
    [
        tuple(f"lora_unet_zz_{i}" for i in range(1000)),
        ("transformer_2.zz",),
        ("lora_te4_zz",),
        tuple(f"lora_te_zz_{i}" for i in range(1000)),
    ],
)
def test_stray_layers_that_weigh_nothing_hide_nothing(layers: tuple[str, ...]) -> None:
    architecture, found = names(ADAPTER | tiny(*layers))
    assert architecture == "sd1"
    assert found >= {module.name for module in PLAIN.modules}


def test_a_stray_positional_pair_hides_nothing() -> None:
    architecture, found = names(ADAPTER | {"unet:0:up": (1, 1), "unet:0:down": (1, 1)})
    assert architecture == "sd1"
    assert found >= {module.name for module in PLAIN.modules}


def test_a_stray_layer_does_not_rename_an_unknown_architecture() -> None:
    unknown = lora({f"blocks.{i}.attn.q": (640, 640, 1) for i in range(8)}, dotted("unet."), PEFT)
    architecture, _ = names(unknown)
    assert architecture.startswith("unknown:")
    assert names(unknown | tiny("unet.stray"))[0] == architecture


def test_a_stray_denoiser_makes_no_encoder_unknown() -> None:
    layers = {
        name: (layer.out, layer.inn, layer.kernel) for name, layer in known("clip_l").layers.items()
    }
    encoder = lora(layers, kohya("lora_te_"), KOHYA)
    assert names(encoder)[0] == "clip_l"
    assert names(encoder | tiny("lora_unet_zz"))[0] == "clip_l"


@pytest.mark.parametrize(
    "prefix",
    [
        "pipe.unet.",
        "a.b.c.unet.",
        "network.lora_unet_",
        "default.lora_unet_",
        "lora_unet_diffusion_model_",
        "lora_unet_model_diffusion_model_",
        "diffusion_model.diffusion_model.",
        "unet.unet.",
        "base_model.model.unet.base_model.model.",
    ],
)
def test_a_wrapper_that_nobody_knows_hides_nothing(prefix: str) -> None:
    flatten = prefix.endswith("_")
    renamed = lora(LAYERS, kohya(prefix) if flatten else dotted(prefix), KOHYA)
    assert names(renamed) == names(ADAPTER)


def test_words_before_an_encoder_of_its_own_make_it_no_denoiser() -> None:
    found = plan(listing(tiny("text_encoders.other.transformer.model.layers.0.q_proj")))
    assert [module.name for module in found.modules] == [
        "model.text_encoders_other_transformer_model_layers_0_q_proj"
    ]


@given(st.floats() | st.sampled_from([0.0, -0.0, math.nan, math.inf, 1e-30, -1e-30, 1e30, -4.0]))
def test_no_scale_wipes_out_or_turns_an_update(value: float) -> None:
    """WebUI alone reads `scale`; diffusers ignores `alpha` beside its own names."""
    straight = (UP @ DOWN) / np.linalg.norm(UP @ DOWN)
    with np.errstate(over="ignore"):
        told = [pair(scale=value), pair(alpha=value), pair(scale=value, alpha=value)]
    for tensors in told:
        found = update_of(tensors)
        norm = float(np.linalg.norm(found))
        assert 1e-5 < norm < 1e8
        assert np.allclose(found / norm, straight, atol=1e-4)


def test_factors_as_whole_numbers_are_numbers() -> None:
    found = update_of(pair(UP.astype(np.int8), DOWN.astype(np.int16)))
    assert np.array_equal(found, UP @ DOWN)


@pytest.mark.parametrize("shape", [(8, 2, 1), (8, 2, 1, 1), (8, 1, 2), (8, 1, 2, 1, 1)])
def test_the_sides_of_a_factor_may_be_written_in_any_way(shape: tuple[int, ...]) -> None:
    found = update_of(pair(UP.reshape(shape), DOWN.reshape(2, 3, 2, 1, 1)))
    assert np.array_equal(found, UP @ DOWN)


def test_a_tucker_core_has_its_own_form_only() -> None:
    shapes: Shapes = {
        f"{X}.lora_up.weight": (8, 2),
        f"{X}.lora_down.weight": (2, 6),
        f"{X}.lora_mid.weight": (2, 2, 3),
    }
    assert not plan(listing(shapes)).modules
