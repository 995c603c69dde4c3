from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.updates import naming_tools as tools

from reseen.errors import Malformed
from reseen.files.tensors import TensorInfo
from reseen.updates.forms import Dense, Hadamard, LowRank, Stored
from reseen.updates.kronecker import Kronecker
from reseen.updates.peft import PeftConfig
from reseen.updates.plan import Plan, plan
from reseen.updates.update import Update, read_update

CASES: dict[str, Any] = json.loads((Path(__file__).parent / "delta_vectors.json").read_text())
READ = sorted(k for k in CASES if k.startswith(("lora", "loha", "lokr")))
OWN = {"oft_blocks": "rot.out", "oft_R_v2": "rot.in", "glora": "glora.in", "ia3_out": "scale"}
SEED = st.integers(0, 2**32 - 1)

Array = NDArray[np.float32]


def updates(
    arrays: Mapping[str, Array], config: PeftConfig | None = None
) -> tuple[Plan, dict[str, Update]]:
    found = plan(tools.listing({name: a.shape for name, a in arrays.items()}), config)
    return found, {m.name: read_update(m, arrays) for m in found.modules}


def one(arrays: Mapping[str, Array], config: PeftConfig | None = None) -> Update:
    found, made = updates(arrays, config)
    assert len(made) == 1, found
    assert not found.not_read
    return next(iter(made.values()))


def case(name: str, base: str = "lora_unet_layer") -> dict[str, Array]:
    return {
        f"{base}.{suffix}": np.array(value, np.float32)
        for suffix, value in CASES[name]["inputs"].items()
        if suffix not in ("kernel", "W")
    }


@pytest.mark.parametrize("name", READ)
def test_the_reference_cases_give_their_delta(name: str) -> None:
    wanted = np.array(CASES[name]["delta_w"])
    update = one(case(name))
    assert np.allclose(update.dense(), wanted.reshape(len(wanted), -1), rtol=1e-6)
    assert update.norm() == pytest.approx(np.linalg.norm(wanted), rel=1e-5)
    assert np.isfinite(update.norm())


def test_a_fused_file_gives_the_updates_of_its_split_layers() -> None:
    inputs, wanted = CASES["split_dense_qkv"]["inputs"], CASES["split_dense_qkv"]["delta_w"]
    base = "diffusion_model.double_blocks.0.img_attn.qkv."
    _, made = updates({base + k: np.array(v, np.float32) for k, v in inputs.items()})
    for x, delta in zip("qkv", wanted, strict=True):
        name = f"transformer.transformer_blocks.0.attn.to_{x}"
        assert np.allclose(made[name].dense(), delta)


@pytest.mark.parametrize("name", ["dora_out", "dora_in"])
def test_dora_gives_its_low_rank_part_and_its_magnitude(name: str) -> None:
    update = one(case(name))
    base, wanted = np.array(CASES[name]["inputs"]["W"]), np.array(CASES[name]["delta_w"])
    assert update.magnitude is not None
    direction = base + update.dense()
    if name == "dora_out":
        whole = update.magnitude[:, None] * direction / np.linalg.norm(direction, axis=1)[:, None]
    else:
        whole = update.magnitude * direction / np.linalg.norm(direction, axis=0)
    assert np.allclose(whole - base, wanted, atol=1e-5)


@pytest.mark.parametrize("name", OWN)
def test_what_multiplies_the_base_weight_gives_an_object_of_its_own(name: str) -> None:
    found, made = updates(case(name))
    assert not found.not_read
    inputs = CASES[name]["inputs"]
    base, wanted = np.array(inputs["W"]), np.array(CASES[name]["delta_w"])
    own = next(u.dense() for n, u in made.items() if n.endswith(f"#{OWN[name]}"))
    match OWN[name]:
        case "rot.out":
            delta = own @ base
        case "rot.in":
            delta = base @ own
        case "scale":
            delta = own.reshape(-1)[: len(base), None] * base
        case _:
            delta = base @ own + made["model.layer"].dense()
    assert np.allclose(delta, wanted, atol=1e-5)


def lora_pair(seed: int, out: int, inn: int, rank: int) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    return (
        random.standard_normal((out, rank)).astype(np.float32),
        random.standard_normal((rank, inn)).astype(np.float32),
    )


def named(up: Array, down: Array, **more: float) -> dict[str, Array]:
    arrays = {"lora_unet_layer.lora_up.weight": up, "lora_unet_layer.lora_down.weight": down}
    return arrays | {f"lora_unet_layer.{k}": np.array(v, np.float32) for k, v in more.items()}


@settings(max_examples=30, deadline=None)
@given(SEED, st.integers(1, 12), st.integers(1, 12), st.integers(1, 6))
def test_the_update_does_not_depend_on_the_factorisation(
    seed: int, out: int, inn: int, rank: int
) -> None:
    up, down = lora_pair(seed, out, inn, rank)
    mix, _ = np.linalg.qr(np.random.default_rng(seed + 1).standard_normal((rank, rank)))
    mix = mix * np.linspace(0.5, 2, rank)
    turned = named((up @ mix).astype(np.float32), (np.linalg.inv(mix) @ down).astype(np.float32))
    plain, other = one(named(up, down)), one(turned)
    scale = 1 + float(np.abs(up).max() * np.abs(down).max())
    assert np.allclose(plain.dense(), other.dense(), atol=1e-4 * scale)
    assert plain.norm() == pytest.approx(other.norm(), rel=1e-3, abs=1e-3)


def test_alpha_may_be_folded_into_the_factors() -> None:
    up, down = lora_pair(1, 6, 5, 4)
    folded = named(up * np.float32(0.5), down)
    assert np.allclose(one(named(up, down, alpha=2)).dense(), one(folded).dense())


def test_alpha_of_zero_means_the_rank_and_scale_overrides_alpha() -> None:
    up, down = lora_pair(1, 6, 5, 4)
    assert np.allclose(one(named(up, down, alpha=0)).dense(), up @ down)
    assert np.allclose(one(named(up, down, alpha=1, scale=3)).dense(), 3 * (up @ down), atol=1e-5)


def test_peft_takes_its_scale_from_the_configuration() -> None:
    up, down = lora_pair(2, 6, 5, 4)
    layer = "base_model.model.blocks.0.to_q"
    arrays = {f"{layer}.lora_B.weight": up, f"{layer}.lora_A.weight": down}
    found, made = updates(arrays)
    assert not found.scale_known
    assert np.allclose(next(iter(made.values())).dense(), up @ down)

    for config, scale in (
        (PeftConfig(rank=4, alpha=8), 2),
        (PeftConfig(rank=4, alpha=8, rslora=True), 4),
        (PeftConfig(rank=4, alpha=8, alpha_pattern={"0.to_q": 2.0}), 0.5),
    ):
        found, made = updates(arrays, config)
        assert found.scale_known
        assert np.allclose(next(iter(made.values())).dense(), scale * (up @ down), atol=1e-5)


def test_patterns_of_rank_and_alpha_in_the_metadata_make_the_scale_of_rslora() -> None:
    said = {
        "transformer.r": 8,
        "transformer.lora_alpha": 16,
        "transformer.use_rslora": True,
        "transformer.rank_pattern": {"attn.to_q": 2},
        "transformer.alpha_pattern": {"attn.to_k": 4},
    }
    ranks, block = {"to_q": 2, "to_k": 8, "to_v": 8}, "transformer.blocks.0.attn."
    pairs = {x: lora_pair(3, 6, 5, rank) for x, rank in ranks.items()}
    arrays = {f"{block}{x}.lora_B.weight": up for x, (up, _) in pairs.items()}
    arrays |= {f"{block}{x}.lora_A.weight": down for x, (_, down) in pairs.items()}
    shapes = {name: a.shape for name, a in arrays.items()}
    found = plan(tools.listing(shapes, "F32", lora_adapter_metadata=json.dumps(said)))
    assert found.scale_known
    wanted = {"to_q": 16 / 2**0.5, "to_k": 4 / 8**0.5, "to_v": 16 / 8**0.5}
    for module in found.modules:
        x = module.source.rpartition(".")[2]
        up, down = pairs[x]
        assert np.allclose(read_update(module, arrays).dense(), wanted[x] * (up @ down), rtol=1e-5)


def test_an_embedding_is_transposed_as_peft_does() -> None:
    up, down = lora_pair(3, 6, 9, 2)
    layer = "base_model.model.shared"
    update = one({f"{layer}.lora_embedding_B": up, f"{layer}.lora_embedding_A": down})
    assert np.allclose(update.dense(), (up @ down).T)


def test_loha_stays_factored_where_that_is_smaller() -> None:
    random = np.random.default_rng(4)
    sides = {"w1_a": (40, 2), "w1_b": (2, 50), "w2_a": (40, 2), "w2_b": (2, 50)}
    arrays = {
        f"lora_unet_layer.hada_{k}": random.standard_normal(s).astype(np.float32)
        for k, s in sides.items()
    }
    update = one(arrays)
    assert isinstance(update.form, LowRank)
    assert update.form.left.shape == (40, 4)
    w = {k.split("hada_")[1]: v for k, v in arrays.items()}
    assert np.allclose(update.dense(), (w["w1_a"] @ w["w1_b"]) * (w["w2_a"] @ w["w2_b"]), atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(SEED, *[st.integers(1, 5)] * 4)
def test_a_projection_and_a_norm_need_no_dense_update(
    seed: int, a: int, b: int, c: int, d: int
) -> None:
    random = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> Array:
        return random.standard_normal((rows, columns)).astype(np.float32)

    rows = ((a * c - 1, a * c), (0, max(1, a * c // 2)))
    product, other = LowRank(matrix(a, d), matrix(d, b)), LowRank(matrix(c, a), matrix(a, d))
    lists = [
        Kronecker(first, second)
        for first in (matrix(a, b), product)
        for second in (matrix(c, d), other)
    ]
    hadamard = Hadamard(
        LowRank(matrix(a * c, d), matrix(d, b)), LowRank(matrix(a * c, 2), matrix(2, b)), 0.5
    )
    whole = matrix(a * c, b)
    info = TensorInfo("x", "F32", whole.shape, 7, whole.nbytes)
    stored = Stored(info, whole.tobytes(), factor=3.0)
    factors = LowRank(matrix(a * c, b), matrix(b, d))
    for form in (*lists, factors, Dense(matrix(a * c, b)), hadamard, stored):
        cut = form.cut(rows)
        expected = np.concatenate([form.dense()[x:y] for x, y in rows])
        assert np.allclose(cut.dense(), expected, atol=1e-5)
        assert cut.shape == expected.shape
        twice = form.times(np.float32(2)).dense()
        assert np.allclose(twice, 2 * form.dense(), atol=1e-5)
    for form in (
        *(f.cut(rows) for f in lists),
        *lists,
        factors,
        hadamard,
        hadamard.cut(rows),
        stored,
        stored.cut(rows),
        Dense(matrix(a, b)),
    ):
        update = Update("x", (1, 1, 1, 1), form)
        dense = update.dense().astype(np.float64)
        p, q = matrix(3, dense.shape[0]), matrix(2, dense.shape[1])
        assert np.allclose(update.project(p, q), p @ dense @ q.T, atol=1e-3)
        assert update.norm() == pytest.approx(np.linalg.norm(dense), rel=1e-4, abs=1e-5)
        both = update.project_and_norm(p, q)
        assert np.allclose(both[0], update.project(p, q), atol=1e-4)
        assert both[1] == pytest.approx(update.norm(), rel=1e-6)
        on_right = form.on_right(q)
        assert np.allclose(on_right[0], dense @ q.T, atol=1e-3)
        assert on_right[1] == pytest.approx(update.norm(), rel=1e-6)


@pytest.mark.parametrize("first_rows", [7, 14, 1])
def test_a_fused_kronecker_update_is_cut_like_any_other(first_rows: int) -> None:
    random = np.random.default_rng(5)
    w1 = random.standard_normal((first_rows, 2)).astype(np.float32)
    w2 = random.standard_normal((28 // first_rows, 3)).astype(np.float32)
    base = "diffusion_model.single_blocks.0.linear1."
    _, made = updates({f"{base}lokr_w1": w1, f"{base}lokr_w2": w2})
    whole = np.kron(w1, w2)
    block = "transformer.single_transformer_blocks.0."
    assert np.allclose(made[f"{block}attn.to_k"].dense(), whole[4:8])
    assert np.allclose(made[f"{block}proj_mlp"].dense(), whole[12:])
    assert isinstance(made[f"{block}attn.to_q"].form, Kronecker)


def test_the_swapped_halves_of_the_last_modulation_are_put_right() -> None:
    up, down = lora_pair(6, 8, 4, 2)
    base = "diffusion_model.final_layer.adaLN_modulation.1"
    _, made = updates(
        {f"{base}.lora_B.weight": up, f"{base}.lora_A.weight": down, **other_flux_layers()}
    )
    swapped = np.concatenate([(up @ down)[4:], (up @ down)[:4]])
    assert np.allclose(made["transformer.norm_out.linear"].dense(), swapped)


def other_flux_layers() -> dict[str, Array]:
    """Enough for the file to be read under Flux's names."""
    up, down = lora_pair(7, 12, 4, 2)
    base = "diffusion_model.double_blocks.0.img_attn.qkv"
    return {f"{base}.lora_B.weight": up, f"{base}.lora_A.weight": down}


def test_a_split_adapter_kept_in_a_fused_layer_loses_its_empty_blocks() -> None:
    parts = [lora_pair(seed, 3, 4, 2) for seed in range(3)]
    up = np.zeros((9, 6), np.float32)
    for i, (b, _) in enumerate(parts):
        up[3 * i : 3 * i + 3, 2 * i : 2 * i + 2] = b
    down = np.concatenate([a for _, a in parts])
    base = "lora_unet_double_blocks_0_img_attn_qkv"
    _, made = updates({f"{base}.lora_up.weight": up, f"{base}.lora_down.weight": down})
    for x, (b, a) in zip("qkv", parts, strict=True):
        update = made[f"transformer.transformer_blocks.0.attn.to_{x}"]
        assert isinstance(update.form, LowRank)
        assert update.form.left.shape == (3, 2)
        assert np.allclose(update.dense(), b @ a)


def test_numbers_that_are_not_finite_are_said_and_raise_nothing() -> None:
    up, down = lora_pair(8, 4, 4, 2)
    for bad in (np.nan, np.inf):
        broken = up.copy()
        broken[0, 0] = bad
        update = one(named(broken, down))
        assert not np.isfinite(update.norm())
    huge = one(named(up * np.float32(1e30), down))
    assert huge.norm() == pytest.approx(1e30 * float(np.linalg.norm(up @ down)), rel=1e-4)


def test_zero_and_tiny_updates_have_their_norm() -> None:
    up, down = lora_pair(9, 4, 4, 2)
    assert one(named(up * 0, down)).norm() == 0
    tiny = one(named(up * np.float32(1e-25), down))
    assert tiny.norm() == pytest.approx(1e-25 * float(np.linalg.norm(up @ down)), rel=1e-4)


def test_an_array_of_another_shape_than_promised_is_malformed() -> None:
    up, down = lora_pair(10, 4, 4, 2)
    arrays = named(up, down)
    found = plan(tools.listing({name: a.shape for name, a in arrays.items()}))
    (module,) = found.modules
    with pytest.raises(Malformed):
        read_update(module, arrays | {"lora_unet_layer.lora_up.weight": up[:-1]})
    with pytest.raises(Malformed):
        read_update(module, {})
