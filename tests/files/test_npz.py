"""Numpy's archives: arrays by their place, and no pickled object ever."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from tests.files import build

from reseen.errors import FileError, Malformed, TooLarge, Unread
from reseen.files import containers
from reseen.files.source import Memory, run
from reseen.files.tensors import Listing
from reseen.files.values import to_float32
from reseen.fingerprints.digests import Fingerprinter, look_inside
from reseen.fingerprints.members import read_stream
from reseen.fingerprints.whole import fingerprint as whole_fingerprint
from reseen.records import Container, DigestKind, Fingerprint
from reseen.updates.plan import plan

RNG = np.random.default_rng(3)
ARRAYS = {
    "a.lora_up.weight": RNG.normal(size=(8, 4)).astype(np.float16),
    "b": RNG.normal(size=(3, 4, 5)),
    "c": np.asfortranarray(RNG.normal(size=(3, 5)).astype(np.float32)),
    "d": np.array(4.0, np.float32),
    "e": RNG.normal(size=7).astype(">f4"),
    "f/g": np.arange(6, dtype=np.int64).reshape(2, 3),
    "h": np.array([True, False]),
    "i": np.empty((0, 3), np.float32),
}


def saved(arrays: dict[str, np.ndarray]) -> bytes:
    out = BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def listed(data: bytes, thorough: bool = True) -> Listing:
    return run(Memory(data), containers.read_listing(len(data), thorough=thorough))


def fingerprint(data: bytes) -> Fingerprint:
    inside = run(Memory(data), look_inside(len(data), thorough=True))
    pass_ = Fingerprinter(len(data), inside)
    pass_.update(data)
    return pass_.finish()


@pytest.mark.parametrize("thorough", [True, False])
def test_arrays_are_listed_with_their_values(thorough: bool) -> None:
    data = saved(ARRAYS)
    found = listed(data, thorough)
    assert found.container is Container.NPZ
    assert {t.name: t.shape for t in found.tensors} == {n: a.shape for n, a in ARRAYS.items()}
    for info in found.tensors:
        values = to_float32(info, data[info.start : info.start + info.length])
        assert np.array_equal(values, ARRAYS[info.name].astype(np.float32))


def test_an_adapter_in_an_archive_of_arrays_is_the_same_adapter() -> None:
    arrays, tensors = {}, {}
    for n in range(4):
        name = f"lora_unet_down_blocks_1_attentions_0_transformer_blocks_{n}_attn1_to_q"
        for end, shape in (("lora_up.weight", (32, 4)), ("lora_down.weight", (4, 48))):
            array = RNG.normal(0, 0.03, shape).astype(np.float16)
            arrays[f"{name}.{end}"] = array
            tensors[f"{name}.{end}"] = build.T("F16", shape, array.tobytes())
    before = fingerprint(build.safetensors(tensors))
    after = fingerprint(saved(arrays))
    assert before.sketch is not None
    assert after.sketch == before.sketch
    assert after.digest(DigestKind.TENSORS_BLAKE3) == before.digest(DigestKind.TENSORS_BLAKE3)


def test_pickled_objects_are_counted_and_never_opened() -> None:
    data = saved({"a": np.array([{"x": 1}, None], dtype=object), **ARRAYS})
    found = listed(data)
    assert len(found.tensors) == len(ARRAYS)
    (spot,) = [n for n in plan(found).not_read if "objects" in n.reason]
    assert (spot.code, spot.tensors) == ("numpy", 1)


def test_fields_and_words_are_no_tensors() -> None:
    data = saved({"a": np.zeros(3, [("x", "f4"), ("y", "i4")]), "b": np.array(["one", "two"])})
    assert sum(listed(data).not_listed.values()) == 2


def test_a_compressed_archive_is_named() -> None:
    out = BytesIO()
    np.savez_compressed(out, a=np.zeros(100))
    with pytest.raises(Unread, match="compressed"):
        listed(out.getvalue())


def test_compressed_arrays_are_read_where_all_of_them_are_at_hand(tmp_path: Path) -> None:
    shapes = {"lora_up.weight": (32, 4), "lora_down.weight": (4, 48)}
    arrays = {
        f"lora_unet_down_blocks_1_attentions_0_transformer_blocks_{n}_attn1_to_q.{end}": (
            RNG.normal(0, 0.03, shape).astype(np.float16)
        )
        for n in range(4)
        for end, shape in shapes.items()
    }
    out = BytesIO()
    np.savez_compressed(out, **arrays)
    path = tmp_path / "x.npz"
    path.write_bytes(out.getvalue())
    plain, packed = fingerprint(saved(arrays)), whole_fingerprint(path)
    assert packed.sketch is not None
    assert packed.sketch == plain.sketch
    assert packed.layout == plain.layout
    assert packed.problem is None
    assert packed.digest(DigestKind.TENSORS_BLAKE3) == plain.digest(DigestKind.TENSORS_BLAKE3)
    assert packed.digest(DigestKind.SHA256) != plain.digest(DigestKind.SHA256)
    assert packed.size == len(out.getvalue())
    assert read_stream([out.getvalue()], packed.size) == packed


def test_what_comes_out_of_compressed_arrays_is_bounded(tmp_path: Path) -> None:
    out = BytesIO()
    np.savez_compressed(out, a=np.zeros(10_000_000))
    path = tmp_path / "bomb.npz"
    path.write_bytes(out.getvalue())
    told = whole_fingerprint(path)
    assert told.sketch is None
    assert [spot.code for spot in told.blind] == ["too-large"]
    assert told.digest(DigestKind.SHA256) is not None
    damaged = bytearray(out.getvalue())
    damaged[200:210] = bytes(10)
    path.write_bytes(damaged)
    assert whole_fingerprint(path).blind


def test_many_arrays_cost_a_hub_no_thousand_questions() -> None:
    data = saved({f"t{n}": np.zeros(3) for n in range(100)})
    assert len(listed(data).tensors) == 100
    with pytest.raises(Unread, match="local file"):
        listed(data, thorough=False)


def _npy(header: bytes, data: bytes = bytes(16)) -> bytes:
    return b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header + data


LIES: dict[str, tuple[type[FileError], bytes]] = {
    "no magic": (Malformed, b"\x93NUMPX\x01\0" + bytes(40)),
    "short": (Malformed, b"\x93NUMPY"),
    "header beyond": (Malformed, b"\x93NUMPY\x01\0\xff\x20" + bytes(40)),
    "long header": (TooLarge, _npy(b"{" + b"(" * 20_000)),
    "fewer values": (
        Malformed, _npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"),
    ),
    "wraps": (
        TooLarge,
        _npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (8589934593, 2147483648, 2), }"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_answered_by_its_error(lie: str) -> None:
    error, array = LIES[lie]
    for thorough in (True, False):
        with pytest.raises(error):
            listed(build.python_zip({"a.npy": array}), thorough)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{}",
        b"__import__('os').getcwd()",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (4,)}; 1",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1," * 4_000,
        b"{'shape': (4,), 'descr': '<f4', 'fortran_order': False}",
    ],
)
def test_a_header_that_numpy_does_not_write_is_counted(header: bytes) -> None:
    found = listed(build.python_zip({"a.npy": _npy(header)}))
    assert sum(found.not_listed.values()) == 1
    assert not found.tensors
