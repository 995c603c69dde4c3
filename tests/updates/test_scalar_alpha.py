"""An alpha without a shape is read in every number format."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from tests.match.made import read
from tests.scan.test_screen import large

from replica import made
from reseen.fingerprints.sketch import decode

KINDS = {
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
}


@pytest.mark.parametrize("dtype", KINDS)
def test_an_alpha_without_a_shape_scales_what_it_is_of(dtype: str) -> None:
    tensors = []
    for name, (down, up) in list(large(1, rank=2).items())[:8]:
        flat = "lora_unet_" + name.replace(".", "_")
        parts = (
            ("lora_down.weight", down * 8),
            ("lora_up.weight", up * 8),
            ("alpha", np.array(1.0)),
        )
        for side, values in parts:
            data = values.astype(KINDS[dtype]).tobytes()
            tensors.append(made.Tensor(f"{flat}.{side}", dtype, values.shape, data))
    told = read(made.safetensors(tensors))
    assert told.sketch is not None, told.blind
    assert len(decode(told.sketch).ids) == 8
