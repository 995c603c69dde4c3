"""float16 becomes float32 alike whatever converts it: the processor, the table, numpy."""

from __future__ import annotations

import numpy as np
import pytest

from reseen.files import values
from reseen.files.tensors import TensorInfo
from reseen.files.values import to_float32

EVERY = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


@pytest.fixture(params=["processor", "table"])
def converted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "table":
        monkeypatch.setattr(values, "_by_processor", lambda: None)
    elif values._by_processor() is None:
        pytest.skip("numkong is not here, or this processor has no AVX2")


def same(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal bit by bit, but for which NaN it is."""
    assert (np.isnan(found) == np.isnan(expected)).all()
    kept = ~np.isnan(expected)
    assert (found.view(np.uint32)[kept] == expected.view(np.uint32)[kept]).all()


@pytest.mark.usefixtures("converted")
@pytest.mark.parametrize("shift", [0, 1, 2, 3])
@pytest.mark.parametrize("shape", [(1 << 16,), (256, 256), (8, 2, 64, 64)])
def test_every_value_is_as_numpy_has_it(shape: tuple[int, ...], shift: int) -> None:
    """Wherever its bytes begin: tensors lie askew in some files."""
    data = memoryview(bytes(shift) + EVERY.tobytes())[shift:]
    found = to_float32(TensorInfo("x", "F16", shape, shift, len(data)), data)
    assert found.shape == shape
    with np.errstate(all="ignore"):
        same(found.reshape(-1), EVERY.astype(np.float32))


@pytest.mark.usefixtures("converted")
@pytest.mark.parametrize("count", [0, 1, 7, (1 << 14) - 1, 1 << 14, (1 << 14) + 5])
def test_so_it_is_for_any_number_of_them(count: int) -> None:
    some = np.resize(EVERY, count)
    data = some.tobytes()
    with np.errstate(all="ignore"):
        same(to_float32(TensorInfo("x", "F16", (count,), 0, len(data)), data), some.astype("f4"))


@pytest.mark.usefixtures("converted")
def test_a_tensor_whose_first_byte_is_not_the_lowest_is_read_as_well() -> None:
    data = EVERY.astype(">f2").tobytes()
    info = TensorInfo("x", "F16", (1 << 16,), 0, len(data), byteorder="big")
    with np.errstate(all="ignore"):
        same(to_float32(info, data), EVERY.astype(np.float32))
