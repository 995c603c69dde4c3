"""Adapters that multiply the base weight: what is sketched of them is what PEFT and LyCORIS do.

`own_vectors.json` holds what the libraries save of small layers, the base weight, and what they add
to it; `make oracles` makes it anew and compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.files import build
from tests.files.build import ramp
from tests.updates import naming_tools as tools
from tests.updates.own_tools import Case, applied, case_of
from tests.updates.test_namings import layers_of

from reseen.files.safetensors import read_listing
from reseen.files.source import Memory, run
from reseen.updates import plan as planning
from reseen.updates.forms import LowRank
from reseen.updates.peft import PeftConfig, parse_config
from reseen.updates.plan import Plan, plan
from reseen.updates.rotations import BlockDiagonal, Butterfly, cayley, folded, reflections
from reseen.updates.update import Update, read_update

CASES: dict[str, Any] = json.loads((Path(__file__).parent / "own_vectors.json").read_text())
Array = NDArray[np.float32]


def read(case: Case) -> tuple[Plan, dict[str, Update]]:
    config = parse_config(json.dumps(case.config).encode()) if case.config else None
    found = plan(tools.listing({n: a.shape for n, a in case.tensors.items()}, "F32"), config)
    return found, {m.name: read_update(m, case.tensors) for m in found.modules}


@pytest.fixture
def of_few_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "FEWEST_VALUES", 0)


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.usefixtures("of_few_values")
def test_what_is_sketched_makes_what_the_library_adds(name: str) -> None:
    case = case_of(CASES[name])
    found, made = read(case)
    assert found.algorithms == (case.algorithm,), found
    objects = {n.partition("#")[2]: update.dense() for n, update in made.items()}
    assert sorted(objects) == sorted(case.objects)
    delta = applied(case, objects)
    assert np.abs(delta - case.delta).max() <= 1e-5 * np.abs(case.delta).max()


def test_a_configuration_that_is_missing_or_says_another_sign_changes_nothing() -> None:
    case = case_of(CASES["peft oft"])
    shapes = {name: a.shape for name, a in case.tensors.items()}
    said = [None, PeftConfig("OFT"), parse_config(b'{"use_cayley_neumann": false}')]
    made = []
    for config in said:
        (module,) = plan(tools.listing(shapes, "F32"), config).modules
        made.append(read_update(module, case.tensors).dense())
    assert np.array_equal(made[0], made[1])
    assert np.array_equal(made[0], made[2])


def test_onetrainer_divides_what_it_marks_as_scaled() -> None:
    rng = np.random.default_rng(12)
    packed = rng.standard_normal((3, 10)).astype(np.float32)
    marked = {"unet.x.oft_R.weight": packed, "unet.x.oft_R.scaled_oft": np.ones((), np.float32)}
    plain = {"unet.x.oft_R.weight": packed / np.float32(2 * np.sqrt(4))}
    made = []
    for tensors in (marked, plain):
        (module,) = plan(tools.listing({n: a.shape for n, a in tensors.items()}, "F32")).modules
        made.append(read_update(module, tensors).dense())
    assert np.allclose(made[0], made[1], atol=1e-6)


Sides = tools.Layers


def oft(layers: Sides, prefix: str, block: int = 8) -> tools.Shapes:
    return {
        f"{prefix}{n.replace('.', '_')}.oft_blocks": (out // block, block, block)
        for n, (out, _, _) in layers.items()
        if out % block == 0
    }


def oft_v2(layers: Sides, prefix: str, block: int = 8) -> tools.Shapes:
    return {
        f"{prefix}{n}.oft_R.weight": (inn * k * k // block, block * (block - 1) // 2)
        for n, (_, inn, k) in layers.items()
        if inn * k * k % block == 0
    }


def ia3(layers: Sides, prefix: str) -> tools.Shapes:
    return {f"{prefix}{n}.ia3_l": (out, 1) for n, (out, _, _) in layers.items() if out > 1}


@pytest.mark.parametrize("model", ["sd1", "sdxl", "flux", "clip_l"])
@pytest.mark.parametrize("prefix", ["", "my_custom.net."])
def test_layers_of_which_one_side_is_known_get_their_canonical_names(
    model: str, prefix: str
) -> None:
    layers = layers_of(model)
    before = "text_encoder." if model == "clip_l" else "unet."
    for made, what in (
        (oft(layers, before.replace(".", "_") if model == "clip_l" else "oft_unet_"), "rot.out"),
        (oft_v2(layers, prefix + before), "rot.in"),
        (ia3(layers, prefix + before), "scale.out"),
    ):
        found = plan(tools.listing(made))
        assert model in found.architecture.split("|"), what
        assert not found.not_read
        names = {module.name.partition("#") for module in found.modules}
        assert {after for _, _, after in names} == {what}
        assert {name.split(".", 1)[1] for name, _, _ in names} <= set(layers)
        assert len(found.modules) == len(made)


def test_what_no_side_can_tell_is_said_to_be_one_of_two() -> None:
    layers = {n: s for n, s in layers_of("sd1").items() if ".attn1." in n}
    assert plan(tools.listing(oft(layers, "oft_unet_"))).architecture == "sd1|sd2"


def test_a_rotation_of_a_fused_layer_is_cut_at_its_blocks() -> None:
    base = "lora_unet_double_blocks_0_img_attn_qkv"
    rng = np.random.default_rng(3)
    blocks = rng.standard_normal((9216 // 64, 64, 64)).astype(np.float32)
    tensors = {f"{base}.oft_blocks": blocks}
    shapes: tools.Shapes = {name: a.shape for name, a in tensors.items()}
    found = plan(tools.listing(shapes, "F32"))
    by_name = {m.name: m for m in found.modules}
    module = by_name["transformer.transformer_blocks.0.attn.to_k#rot.out"]
    form = read_update(module, tensors).form
    assert isinstance(form, BlockDiagonal)
    assert module.shape == (3072, 3072, 1, 1)
    wanted = cayley(blocks[48:49] - blocks[48:49].swapaxes(1, 2))[0].T
    assert np.allclose(form.blocks[0], wanted, atol=1e-5)
    shapes = {f"{base}.oft_blocks": (2, 4608, 4608)}
    assert any("fused" in each.reason for each in plan(tools.listing(shapes)).not_read)


def test_the_forms_of_rotations_need_no_dense_matrix() -> None:
    rng = np.random.default_rng(4)

    def numbers(*shape: int) -> Array:
        return rng.standard_normal(shape).astype(np.float32)

    skew = 1e-3 * numbers(12, 4, 4)
    turns = cayley(skew - skew.swapaxes(1, 2)).reshape(3, 4, 4, 4)
    for form in (
        BlockDiagonal(numbers(3, 4, 4)),
        Butterfly(turns),
        Butterfly(turns, 1 + 1e-3 * numbers(16)),
        reflections(numbers(16, 6)),
    ):
        dense = form.dense().astype("f8")
        left, right = numbers(3, len(dense)), numbers(2, len(dense))
        assert np.allclose(form.project(left, right), left @ dense @ right.T, atol=1e-3)
        near = 0.1 if isinstance(form, Butterfly) else 1e-5
        assert form.norm() == pytest.approx(np.linalg.norm(dense), rel=near)


def test_a_vector_is_sketched_as_a_matrix_that_is_nearly_square() -> None:
    assert folded([1.0] * 10).shape == (3, 4)
    assert folded([0.0]).shape == (1, 1)
    assert folded([*range(17)]).reshape(-1)[:17].tolist() == list(range(17))


@pytest.mark.parametrize("name", sorted(n for n in CASES if n != "lycoris dylora"))
def test_numbers_that_are_not_finite_raise_nothing(name: str) -> None:
    case = case_of(CASES[name])
    found, _ = read(case)
    for bad in (np.nan, np.inf, 3e38, 0):
        arrays = {n: np.full_like(a, bad) for n, a in case.tensors.items()}
        for module in found.modules:
            norm = read_update(module, arrays).norm()
            assert norm >= 0 or not np.isfinite(norm)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"unet.x.fourierft_spectrum": (40,)}, b"{}"),
        ({"unet.x.fourierft_spectrum": (40,)}, b'{"init_weights": false}'),
        ({"unet.x.hra_u": (40, 4)}, b'{"apply_GS": true}'),
        ({"unet.x.hra_u": (40, 4)}, b'{"init_weights": false}'),
        ({"unet.x.oft_R.weight": (10, 6)}, b'{"init_weights": false}'),
    ],
)
def test_what_begins_from_something_that_strangers_share_is_refused_with_the_reason(
    tensors: tools.Shapes, said: bytes
) -> None:
    """Of LoRA its numbers decide: `tests/fingerprints/test_beginnings.py`."""
    found = plan(tools.listing(tensors), parse_config(said))
    assert not found.modules
    (refused,) = found.not_read
    assert refused.code == "shared-beginning"
    assert refused.tensors == len(tensors)


@pytest.mark.parametrize("word", ["gaussian", "true", "eva", "orthogonal"])
def test_other_beginnings_are_read(word: str) -> None:
    value = "true" if word == "true" else f'"{word}"'
    config = parse_config(f'{{"init_lora_weights": {value}}}'.encode())
    shapes: tools.Shapes = {"unet.x.lora_A.weight": (4, 8), "unet.x.lora_B.weight": (8, 4)}
    assert len(plan(tools.listing(shapes), config).modules) == 1


def test_the_old_layout_of_glora_is_the_same_update() -> None:
    rng = np.random.default_rng(7)
    a1, a2, b1, b2 = (
        rng.standard_normal(s).astype(np.float32) for s in ((12, 2), (2, 12), (8, 2), (2, 12))
    )
    now = {"a1": a1, "a2": a2, "b1": b1, "b2": b2}
    then = {"a1": a2, "a2": a1, "b1": b2, "b2": b1}
    made = []
    for layout in (now, then):
        tensors = {f"lora_unet_x.{n}.weight": a for n, a in layout.items()}
        found = plan(tools.listing({n: a.shape for n, a in tensors.items()}, "F32"))
        made.append({m.name: read_update(m, tensors).dense() for m in found.modules})
    assert made[0].keys() == made[1].keys() == {"model.x", "model.x#glora.in"}
    for name, first in made[0].items():
        assert np.allclose(first, made[1][name])


def test_what_adalora_draws_is_nothing_until_its_values_are_trained() -> None:
    """Without its values two strangers of one seed would be the same, and few of them are alike by
    chance."""
    rng = np.random.default_rng(8)
    ends = {"lora_A": (6, 12), "lora_B": (8, 6), "lora_E": (6, 1)}
    shapes: tools.Shapes = {f"unet.x{n}.{e}": shape for n in range(50) for e, shape in ends.items()}
    tensors = {n: rng.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
    module = plan(tools.listing(shapes, "F32")).modules[0]
    assert module.algorithm == "adalora"
    silent = {n: a * (not n.endswith("lora_E")) for n, a in tensors.items()}
    form = read_update(module, silent).form
    assert isinstance(form, LowRank)
    assert form.norm() == 0
    few = {n: shape for n, shape in shapes.items() if n.split(".")[1] in ("x0", "x1", "x2")}
    (refused,) = plan(tools.listing(few, "F32")).not_read
    assert (refused.code, refused.tensors) == ("shared-beginning", 9)


BESIDE: tools.Shapes = {
    "lora_unet_x.diff_b": (320,),
    "lora_unet_norm.w_norm": (320,),
    "lora_unet_norm.b_norm": (320,),
    "diffusion_model.norm_q.diff": (128,),
}


def test_biases_and_norms_are_read_of_a_file_that_has_nothing_else() -> None:
    rng = np.random.default_rng(9)
    arrays = {n: rng.standard_normal(s).astype(np.float32) for n, s in BESIDE.items()}
    found = plan(tools.listing(BESIDE, "F32"))
    made = {m.name: read_update(m, arrays).dense() for m in found.modules}
    assert made.keys() == {
        "model.x#bias",
        "model.norm#norm",
        "model.norm#norm.bias",
        "model.norm_q#norm",
    }
    assert not found.not_read
    assert np.array_equal(made["model.x#bias"].reshape(-1)[:320], arrays["lora_unet_x.diff_b"])


def test_beside_matrices_they_are_counted_so_that_no_sketch_of_before_changes() -> None:
    factors: tools.Shapes = {"unet.y.lora_A.weight": (4, 8), "unet.y.lora_B.weight": (8, 4)}
    found = plan(tools.listing({**factors, **BESIDE}))
    assert [module.name for module in found.modules] == ["model.y"]
    assert sum(each.tensors for each in found.not_read) == len(BESIDE)


def test_words_of_a_general_face_adapter_before_a_layer_hide_nothing() -> None:
    layer = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    shapes: tools.Shapes = {
        f"ip_adapter.unet.{layer}.lora_A.weight": (4, 320),
        f"ip_adapter.unet.{layer}.lora_B.weight": (320, 4),
    }
    assert [m.name for m in plan(tools.listing(shapes)).modules] == [f"unet.{layer}"]


@pytest.mark.parametrize("ending", ["diff_b", "w_norm"])
def test_names_that_tell_no_layer_are_said_of_norms_and_biases_too(ending: str) -> None:
    """A copy whose names were wrapped is no plain "no match"."""
    names = [f"pp_transformer_blocks_{n}_attn_to_q.{ending}" for n in range(12)]
    data = build.safetensors({name: ramp("F32", 3072) for name in names})
    listing = run(Memory(data), read_listing(len(data)))
    assert [(each.code, each.tensors) for each in plan(listing).not_read] == [("own-names", 12)]
