from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.errors import Malformed, Unread
from reseen.files.tensors import DTYPE_BITS, TensorInfo
from reseen.files.values import row_major, to_float32

KINDS = {
    "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "F8_E8M0": ml_dtypes.float8_e8m0fnu,
    "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I8": np.int8,
    "U8": np.uint8,
    "I16": np.int16,
    "U16": np.uint16,
    "I32": np.int32,
    "U32": np.uint32,
    "I64": np.int64,
    "U64": np.uint64,
}


def info(dtype: str, *shape: int, length: int | None = None, **more: object) -> TensorInfo:
    if length is None:
        length = int(np.prod(shape, dtype=int)) * DTYPE_BITS[dtype] // 8
    return TensorInfo("a", dtype, shape, 0, length, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", sorted(KINDS))
def test_every_dtype_is_decoded_as_its_definition_says(dtype: str) -> None:
    data = bytes(range(256)) * 2
    kind = np.dtype(KINDS[dtype])
    with np.errstate(all="ignore"):
        expected = np.frombuffer(data, kind).astype(np.float32)
    values = to_float32(info(dtype, len(expected)), data)
    assert values.dtype == np.float32
    assert np.array_equal(values, expected, equal_nan=True)


def test_four_bit_floats_stand_low_nibble_first() -> None:
    assert list(to_float32(info("F4", 4), b"\x21\xf7")) == [0.5, 1.0, 6.0, -6.0]


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [("F6_E2M3", ml_dtypes.float6_e2m3fn), ("F6_E3M2", ml_dtypes.float6_e3m2fn)],
)
def test_six_bit_floats_come_four_in_three_bytes(dtype: str, kind: type) -> None:
    word = sum(code << 6 * i for i, code in enumerate([1, 31, 32, 63]))
    expected = np.array([1, 31, 32, 63], np.uint8).view(kind).astype(np.float32)
    assert (to_float32(info(dtype, 4), word.to_bytes(3, "little")) == expected).all()


def test_booleans_are_zero_and_one() -> None:
    assert list(to_float32(info("BOOL", 3), b"\x00\x01\x07")) == [0, 1, 1]


def test_scalars_and_empty_tensors_keep_their_shape() -> None:
    assert to_float32(info("F16"), b"\x00\x3c").shape == ()
    assert to_float32(info("F16", 0, 3), b"").shape == (0, 3)
    assert to_float32(info("F32", 0, 3, strides=(3, 1)), b"").shape == (0, 3)


def test_complex_numbers_are_not_read() -> None:
    with pytest.raises(Unread):
        to_float32(info("C64", 1), bytes(8))


@pytest.mark.parametrize("dtype", sorted(d for d in DTYPE_BITS if not d.startswith("C")))
def test_the_wrong_number_of_bytes_is_an_error(dtype: str) -> None:
    with pytest.raises(Malformed):
        to_float32(info(dtype, 8), bytes(3))


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 4), max_size=4),
    st.permutations(range(4)),
    st.sampled_from(["F16", "BF16", "F8_E5M2", "I64"]),
    st.sampled_from(["little", "big"]),
)
def test_strided_tensors_are_laid_out_row_by_row(
    shape: list[int], order: list[int], dtype: str, byteorder: str
) -> None:
    axes = [a for a in order if a < len(shape)]
    kind = np.dtype(KINDS[dtype])
    unsigned = np.dtype(f"u{kind.itemsize}").newbyteorder("<" if byteorder == "little" else ">")
    count = int(np.prod(shape, dtype=int))
    stored = np.arange(count).astype(unsigned).reshape(shape)
    turned = stored.transpose(axes)
    strides = tuple(step // kind.itemsize for step in turned.strides)
    tensor = info(dtype, *turned.shape, strides=strides, byteorder=byteorder)
    expected = np.ascontiguousarray(turned.astype(unsigned.newbyteorder("<")))
    assert b"".join(row_major(tensor, stored.tobytes())) == expected.tobytes()
    as_float = expected.view(kind).astype(np.float32).reshape(turned.shape)
    assert np.array_equal(to_float32(tensor, stored.tobytes()), as_float, equal_nan=True)
