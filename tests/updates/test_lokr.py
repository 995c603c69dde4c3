"""LoKr whose factors are products: none is made in full where that would be larger."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save

from reseen.files.containers import read_listing
from reseen.files.source import Memory, Range, run
from reseen.files.values import to_float32
from reseen.updates.forms import LowRank
from reseen.updates.kronecker import Kronecker
from reseen.updates.plan import plan
from reseen.updates.update import read_update

NAME = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"


@pytest.mark.parametrize(
    ("side", "rank", "factored"), [(1, 4, True), (2, 4, True), (16, 4, True), (80, 4, False)]
)
def test_a_factor_stays_a_product_where_that_is_smaller(
    side: int, rank: int, factored: bool
) -> None:
    rng = np.random.default_rng(side)
    inner = 320 // side
    w1, a, b = (
        rng.standard_normal(shape).astype(np.float32)
        for shape in ((side, side), (inner, rank), (rank, inner))
    )
    data = save(
        {
            f"{NAME}.lokr_w1": w1,
            f"{NAME}.lokr_w2_a": a,
            f"{NAME}.lokr_w2_b": b,
            f"{NAME}.alpha": np.array(rank, np.float32),
        }
    )
    source = Memory(data)
    (module,) = plan(run(source, read_listing(len(data)))).modules
    arrays = {
        t.name: to_float32(t, source.read(Range(t.start, t.length)))
        for t in module.tensors.values()
    }
    update = read_update(module, arrays)
    assert isinstance(update.form, Kronecker)
    assert isinstance(update.form.second, LowRank) == factored
    expected = np.kron(w1, a @ b)
    assert np.allclose(update.dense(), expected, rtol=1e-4, atol=1e-4)
    assert update.norm() == pytest.approx(float(np.linalg.norm(expected)), rel=1e-4)
