from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.updates.naming_tools import listing

from reseen.errors import Malformed
from reseen.updates.names.suffixes import EXTRAS, FACTORS, OTHER, split
from reseen.updates.plan import Plan, plan
from reseen.updates.shapes import LARGEST_FORM, LARGEST_RANK, LARGEST_SIDE
from reseen.updates.update import read_update

NOT_READ = {
    "an old form": {"oft_unet_x.oft_diag": (2, 4, 4), "unet.x.oft_r": (2, 4, 4)},
    "of an odd rank": {"unet.x.hra_u": (8, 3)},
    "begins from random": {"unet.x.fourierft_spectrum": (40,)},
    "T-LoRA": {
        "lora_unet_x.q_layer.weight": (4, 8),
        "lora_unet_x.p_layer.weight": (8, 4),
        "lora_unet_x.lambda_layer": (1, 4),
    },
    "RandLoRA": {"unet.x.randlora_lambda": (4, 3), "unet.x.randlora_gamma": (3, 8)},
    "SVDQuant": {
        "transformer_blocks.0.attn.to_q.qweight": (8, 4),
        "transformer_blocks.0.attn.to_q.proj_down": (8, 4),
        "transformer_blocks.0.attn.to_q.proj_up": (8, 4),
    },
    "another kind": {"unet.x.delora_A": (4, 8), "unet.x.delora_B": (8, 4)},
    "hypernetwork": {"768.0.linear.0.bias": (1536,), "320.1.linear2.bias": (320,)},
    "textual inversion": {
        "bundle_emb.x.clip_g_out": (4, 1280),
        "bundle_emb.x.string_to_token.*": (),
    },
    "set_weight": {"diffusion_model.img_in.set_weight": (8, 8)},
    "checkpoint": {"model.diffusion_model.out.2.weight": (4, 320, 3, 3)},
    "quantised": {
        "unet.x.lora_A.weight.absmax": (4,),
        "unet.x.lora_A.weight.quant_state.bitsandbytes__nf4": (90,),
    },
    "LLLite": {"lllite_unet_input_blocks_1_1.down.0.weight": (32, 320)},
    "bias": {"lora_unet_x.diff_b": (8,)},
    "general face adapter": {
        "image_proj.proj.weight": (3072, 1024),
        "ip_adapter.1.to_k_ip.weight": (320, 768),
        "ip_adapter.0.to_q_lora.down.weight": (128, 320),
        "ip_adapter.0.to_q_lora.up.weight": (320, 128),
        "id_encoder.visual_projection_2.weight": (1280, 1024),
        "pulid_ca.0.to_q.weight": (2048, 3072),
        "id_adapter_attn_layers.0.id_to_k.weight": (640, 2048),
        "adapter_modules.1.to_v_ip.weight": (320, 768),
    },
    "normalisation": {"lora_unet_x.w_norm": (8,), "lora_unet_x.b_norm": (8,)},
    "ranks do not agree": {
        "lora_unet_x.lora_up.weight": (8, 4),
        "lora_unet_x.lora_down.weight": (5, 8),
    },
    "only some": {"lora_unet_x.lora_up.weight": (8, 4), "lora_unet_x.alpha": ()},
    "no known adapter": {"something.else": (3,)},
    "shared matrices of VeRA": {"base_model.vera_A": (4, 8), "base_model.vera_B": (8, 4)},
}


def counted(found: Plan) -> int:
    """Tensors that are read and tensors that are not; read are those under names of their own."""
    read = {info.name for module in found.modules for info in module.tensors.values()}
    return len(read) + sum(n.tensors for n in found.not_read if n.code != "own-names")


@pytest.mark.parametrize("word", sorted(NOT_READ))
def test_what_is_not_read_is_named_with_a_count(word: str) -> None:
    found = plan(listing(NOT_READ[word]))
    assert not found.modules
    assert not found.architecture
    assert any(word in n.reason for n in found.not_read), found.not_read
    assert counted(found) == len(NOT_READ[word])


def test_a_second_adapter_in_one_file_is_said() -> None:
    shapes = {
        f"unet.x.{side}.{name}.weight": shape
        for name in ("default", "other")
        for side, shape in (("lora_A", (4, 8)), ("lora_B", (8, 4)))
    }
    found = plan(listing(shapes))
    assert found.modules[0].tensors["up"].name == "unet.x.lora_B.default.weight"
    assert any("second adapter" in n.reason and n.tensors == 2 for n in found.not_read)


def test_packed_factors_are_said_to_be_quantised() -> None:
    shapes = {"unet.x.lora_A.weight": (16, 1), "unet.x.lora_B.weight": (16, 1)}
    found = plan(listing(shapes, dtype="U8"))
    assert not found.modules
    assert "quantised" in found.not_read[0].reason


def test_a_second_algorithm_does_not_hide_the_first() -> None:
    shapes = {
        "lora_unet_x.lora_up.weight": (8, 4),
        "lora_unet_x.lora_down.weight": (4, 8),
        "lora_unet_x.alpha": (),
        "lora_unet_x.diff": (8, 8),
        "lora_unet_x.hada_w1_a": (1, 1),
    }
    found = plan(listing(shapes))
    assert [module.algorithm for module in found.modules] == ["lora"]
    assert counted(found) == len(shapes)
    shapes["lora_unet_x.lora_up.weight"] = (8, 5)
    assert [module.algorithm for module in plan(listing(shapes)).modules] == ["full"]


HUGE = {
    "rank": {
        "x.lora_up.weight": (9, LARGEST_RANK + 1),
        "x.lora_down.weight": (LARGEST_RANK + 1, 8),
    },
    "side": {"x.lora_up.weight": (LARGEST_SIDE + 1, 1), "x.lora_down.weight": (1, 8)},
    "dense": {"x.diff": (LARGEST_FORM, 2)},
    "loha": {
        **{f"x.hada_w{n}_a": (1 << 17, 1) for n in "12"},
        **{f"x.hada_w{n}_b": (1, 1 << 17) for n in "12"},
    },
    "kronecker": {"x.lokr_w1": (1 << 9, 1 << 9), "x.lokr_w2": (1 << 9, 1 << 9)},
    "core": {
        "x.lora_up.weight": (8, 4096),
        "x.lora_down.weight": (4096, 4096),
        "x.lora_mid.weight": (4096, 4096, 3, 3),
    },
    "empty": {"x.lora_up.weight": (0, 4), "x.lora_down.weight": (4, 8)},
    "no rank": {"x.lora_up.weight": (8, 0), "x.lora_down.weight": (0, 8)},
}


@pytest.mark.parametrize("what", sorted(HUGE))
def test_a_layer_that_would_need_too_much_is_not_read(what: str) -> None:
    found = plan(listing({f"lora_unet_{name}": shape for name, shape in HUGE[what].items()}))
    assert not found.modules
    assert counted(found) == len(HUGE[what])


ENDINGS = st.sampled_from(
    [
        *("lora_up.weight", "lora_down.weight", "lora_mid.weight", "alpha", "scale", "dora_scale"),
        *("lora_A.weight", "lora_B.weight", "lora_A.x.weight", "lora_B.x.weight", "diff", "diff_b"),
        *(role for role in FACTORS if role.startswith(("hada", "lokr"))),
        *("weight", "on_input", "oft_blocks", "absmax", "to_q_lora.up.weight", "alpha.alpha", ""),
        *("oft_R.weight", "oft_R.scaled_oft", "rescale", "boft_R", "boft_s", "ia3_l", "hra_u"),
        *("a1.weight", "a2.weight", "b1.weight", "b2.weight", "vera_lambda_b", "vera_lambda_d"),
        *("lora_E", "fourierft_spectrum", "oft_R.x.weight", "ia3_l.x"),
    ]
)
LAYERS = st.sampled_from(
    [
        *(
            "lora_unet_x",
            "lora_te1_text_model_encoder_layers_0_mlp_fc1",
            "unet.",
            "",
            ".",
            "unet:0",
        ),
        *("diffusion_model.double_blocks.0.img_attn.qkv", "lora_unet_single_blocks_0_linear1"),
        *("transformer.transformer_blocks.0.attn.to_q", "base_model.model.base_model.model.a.b"),
        *("lora_unet_final_layer_adaLN_modulation_1", "unet.mid_block.attentions.0.proj_in"),
    ]
)
SHAPES = st.lists(st.integers(0, 9), max_size=5).map(tuple)
FILES = st.dictionaries(
    st.one_of(
        st.tuples(LAYERS, ENDINGS).map(".".join),
        st.sampled_from(["unet:0:up", "unet:0:down", "unet:1:up", "text_encoder:0:up", "0", "1"]),
        st.text(max_size=30),
    ),
    SHAPES,
    max_size=14,
)


@settings(max_examples=200, deadline=None)
@given(FILES)
def test_every_tensor_of_any_file_is_read_or_counted(shapes: dict[str, tuple[int, ...]]) -> None:
    found = plan(listing(shapes))
    assert counted(found) == len(shapes)
    assert len({module.name for module in found.modules}) == len(found.modules)
    for module in found.modules:
        arrays = {info.name: np.ones(info.shape, np.float32) for info in module.tensors.values()}
        update = read_update(module, arrays)
        out, inn, height, width = module.shape
        assert update.dense().shape == (out, inn * height * width)
        with pytest.raises(Malformed):
            read_update(module, {})


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abc._:#[]019", max_size=60))
def test_any_name_is_split_or_refused(name: str) -> None:
    said = split(name)
    assert said is None or said.role in {*FACTORS, *EXTRAS, *OTHER}


def test_a_very_long_name_is_counted_and_dropped() -> None:
    found = plan(listing({f"lora_unet_{'x' * 600}.diff": (3, 3)}))
    assert not found.modules
    assert counted(found) == 1
