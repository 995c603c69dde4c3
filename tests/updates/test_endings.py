"""What a tensor is to its layer is known in whatever case and with whatever separators, and up from
down by their shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.updates import naming_tools as tools
from tests.updates.golden_headers import told
from tests.updates.naming_tools import PEFT, Layers, Shapes, listing
from tests.updates.test_namings import layers_of
from tests.updates.test_wrapped_names import FEW, SPELLED, plain_of

from reseen.updates.names.suffixes import by_pattern, split
from reseen.updates.plan import plan
from reseen.updates.update import read_update

ENDINGS = {
    f"{up}, {down}": (up, down, alpha)
    for up, down, alpha in (
        (".LORA_B.weight", ".LORA_A.weight", None),
        (".lora_b.weight", ".lora_a.weight", None),
        ("_lora_B_weight", "_lora_A_weight", None),
        (".lora_B.default", ".lora_A.default", None),
        (".lora_b.default.weight", ".lora_a.default.weight", None),
        (".Lora_B.Default_0.Weight", ".Lora_A.Default_0.Weight", None),
        (".lora.up", ".lora.down", None),
        ("-lora-up", "-lora-down", None),
        ("/LoRA_up.weight", "/LoRA_down.weight", "/LoRA_alpha"),
        (".lora_linear_layer.up", ".lora_linear_layer.down", None),
        ("_LORA_UP.WEIGHT", "_LORA_DOWN.WEIGHT", ".alpha"),
    )
}


@pytest.mark.parametrize("ends", ENDINGS)
@pytest.mark.parametrize("key", FEW[::2], ids=" ".join)
def test_an_ending_is_known_by_its_pattern(key: tuple[str, str], ends: str) -> None:
    layers = SPELLED[key]
    wanted = {m.name: (m.shape, m.rows) for m in plain_of(key).modules}
    found = plan(listing(tools.lora(layers, tools.kohya("my_"), ENDINGS[ends])))
    assert found.architecture == key[0]
    assert {m.name: (m.shape, m.rows) for m in found.modules} == wanted
    assert not found.not_read


def swapped(layers: Layers, name: Callable[[str], str]) -> Shapes:
    """Up under the name of A, down under that of B."""
    made: Shapes = {}
    for layer, (out, inn, kernel) in layers.items():
        up, down = tools.factors(out, inn, kernel)
        made[f"{name(layer)}.lora_A.weight"], made[f"{name(layer)}.lora_B.weight"] = up, down
    return made


def mlx(layers: Layers, name: Callable[[str], str]) -> Shapes:
    """As MLX saves them: (in, rank) and (rank, out)."""
    made: Shapes = {}
    for layer, (out, inn, kernel) in layers.items():
        if kernel == 1:
            made[f"{name(layer)}.lora_a"] = (inn, tools.RANK)
            made[f"{name(layer)}.lora_b"] = (tools.RANK, out)
    return made


@pytest.mark.parametrize("prefix", ["", "foo."])
@pytest.mark.parametrize("how", [swapped, mlx])
@pytest.mark.parametrize("model", sorted({model for model, _ in FEW})[::2])
def test_up_and_down_are_told_by_their_shapes(
    model: str, how: Callable[[Layers, Callable[[str], str]], Shapes], prefix: str
) -> None:
    layers = {n: s for n, s in layers_of(model).items() if s[2] == 1 or how is swapped}
    found = plan(listing(how(layers, tools.dotted(prefix))))
    wanted = {n: (out, inn, k, k) for n, (out, inn, k) in layers.items()}
    assert found.architecture == model
    assert {m.name.split(".", 1)[1]: m.shape for m in found.modules} == wanted
    assert set(found.ranks) == {tools.RANK}


NUMBERS = np.random.default_rng(5)


@pytest.mark.parametrize(
    ("out", "inn", "layer"),
    [(320, 320, "attn1.to_q"), (320, 768, "attn2.to_k"), (2560, 320, "ff.net.0.proj")],
)
def test_what_is_read_of_factors_that_are_turned_is_the_same_update(
    out: int, inn: int, layer: str
) -> None:
    name = f"unet.down_blocks.0.attentions.0.transformer_blocks.0.{layer}"
    up, down = (NUMBERS.standard_normal(s).astype(np.float32) for s in ((out, 4), (4, inn)))
    for tensors in (
        {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up},
        {f"{name}.lora_A.weight": up, f"{name}.lora_B.weight": down},
        {f"{name}.lora_a": np.ascontiguousarray(down.T), f"{name}.lora_b": up.T.copy()},
    ):
        shapes = {key: array.shape for key, array in tensors.items()}
        (module,) = plan(listing(shapes, dtype="F32")).modules
        assert np.allclose(read_update(module, tensors).dense(), up @ down, atol=1e-5)


def test_a_rank_larger_than_the_layer_stays_what_it_was() -> None:
    name = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    shapes: Shapes = {f"{name}.lora_A.weight": (512, 320), f"{name}.lora_B.weight": (320, 512)}
    (module,) = plan(listing(shapes)).modules
    assert (module.rank, module.shape[:2]) == (512, (320, 320))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("side", ["LORA_A.weight", "LORA_MID.weight", "lora_a", "Lora_B.Weight"])
def test_an_ending_by_pattern_takes_nothing_from_a_layer_that_has_its_own(
    side: str, first: bool
) -> None:
    own = tools.lora(layers_of("sd1"), tools.dotted("unet."), PEFT)
    decoys: Shapes = {f"unet.{name}.{side}": (3, 5) for name in layers_of("sd1")}
    found = plan(listing(decoys | own if first else own | decoys))
    assert told(found) == told(plan(listing(own)))
    assert sum(n.tensors for n in found.not_read) == len(decoys)


@given(st.text(max_size=80))
def test_any_name_may_end_in_any_way(text: str) -> None:
    for name in (text, f"{text}.lora_A.weight", f"lora_{text}", f"{text}_LORA_A"):
        said = by_pattern(name)
        assert said is None or (said.layer and name.startswith(said.layer))
        split(name)
