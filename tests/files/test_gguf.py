"""GGUF: what it lists, what numbers its tensors hold, and what its header costs."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import pytest
from tests.files import build
from tests.files.build import T, ramp

from reseen.errors import FileError, Malformed, Unread
from reseen.files import containers
from reseen.files.source import Memory, Range, run
from reseen.files.tensors import BLOCKS, Listing, TensorInfo, length_of, rows_of
from reseen.files.values import to_float32
from reseen.fingerprints.digests import Fingerprinter, look_inside
from reseen.records import Container, DigestKind, Fingerprint
from reseen.updates.plan import plan

try:
    import gguf as package
except ImportError:
    package = None
needs_gguf = pytest.mark.skipif(package is None, reason="the extra gguf is not installed")
RNG = np.random.default_rng(7)


def listed(data: bytes) -> Listing:
    return run(Memory(data), containers.read_listing(len(data)))


def numbers(dtype: str, shape: tuple[int, ...], data: bytes) -> np.ndarray:
    return to_float32(TensorInfo("t", dtype, shape, 0, len(data)), data)


def fingerprint(data: bytes) -> Fingerprint:
    inside = run(Memory(data), look_inside(len(data), thorough=True))
    pass_ = Fingerprinter(len(data), inside)
    pass_.update(data)
    return pass_.finish()


def half(*shape: int) -> T:
    return T("F16", shape, RNG.normal(0, 0.03, shape).astype("<f2").tobytes())


class _Asked:
    """Remembers what is read."""

    def __init__(self, data: bytes, asked: list[Range]) -> None:
        self._memory, self._asked = Memory(data), asked
        self.size = len(data)

    def read(self, wanted: Range) -> bytes:
        self._asked.append(wanted)
        return self._memory.read(wanted)


def lora(layers: int = 4) -> dict[str, T]:
    made = {}
    for n in range(layers):
        block, depth = divmod(n, 2)
        name = f"lora_unet_down_blocks_1_attentions_{block}_transformer_blocks_{depth}_attn1_to_q"
        made[f"{name}.lora_up.weight"] = half(640, 32)
        made[f"{name}.lora_down.weight"] = half(32, 640)
    return made


@pytest.mark.parametrize("alignment", [8, 32, 4096])
def test_tensors_are_listed_in_the_order_of_their_bytes(alignment: int) -> None:
    tensors = {
        "a.lora_up.weight": ramp("F16", 3, 5),
        "b": ramp("Q8_0", 2, 64),
        "c": ramp("F32"),
        "d": ramp("Q4_K", 512),
        "e": ramp("BF16", 2, 3, 4, 5),
        "f": ramp("I64", 7),
    }
    data = build.gguf(tensors, {"general.type": "adapter", "n": 4, "x": 0.5}, alignment)
    found = listed(data)
    assert found.container is Container.GGUF
    assert [(t.name, t.dtype, t.shape) for t in found.tensors] == [
        (name, t.dtype, t.shape) for name, t in tensors.items()
    ]
    for info in found.tensors:
        assert data[info.start : info.start + info.length] == tensors[info.name].data
    assert found.metadata["general.type"] == "adapter"
    assert (found.metadata["n"], found.metadata["x"]) == ("4", "0.5")


def test_a_header_longer_than_the_first_range_is_read_on() -> None:
    words = [f"token{n}" for n in range(60_000)]
    data = build.gguf(
        lora(), {"tokenizer.ggml.tokens": words, "tokenizer.ggml.scores": [1] * 60_000}
    )
    asked: list[Range] = []
    found = run(_Asked(data, asked), containers.read_listing(len(data)))
    assert len(found.tensors) == 8
    assert len(asked) <= 5
    assert sum(each.length for each in asked) <= 2 * len(data)


def test_a_shape_from_before_is_given_back() -> None:
    pairs = {
        "comfy.gguf.orig_shape.conv": [4, 2, 3, 3],
        "comfy.gguf.orig_shape.lies": [4, 4],
        "comfy.gguf.orig_shape.none": [-1, -3],
    }
    tensors = {"conv": ramp("F16", 1, 72), "lies": ramp("F16", 3), "none": ramp("F16", 3)}
    shapes = {t.name: t.shape for t in listed(build.gguf(tensors, pairs)).tensors}
    assert shapes == {"conv": (4, 2, 3, 3), "lies": (3,), "none": (3,)}


def test_an_adapter_in_gguf_is_the_same_adapter() -> None:
    """Its tensors' digest and its sketch are those of the safetensors file it was made from."""
    tensors = lora()
    before = fingerprint(build.safetensors(tensors))
    after = fingerprint(build.gguf(tensors, {"general.architecture": "sd1"}))
    assert before.sketch is not None
    assert after.sketch == before.sketch
    assert after.digest(DigestKind.TENSORS_BLAKE3) == before.digest(DigestKind.TENSORS_BLAKE3)
    assert after.layout == before.layout
    assert after.problem is None


def test_an_adapter_in_eight_bits_keeps_its_sketch_nearly() -> None:
    from reseen.fingerprints.sketch import decode

    tensors = lora()
    packed = {name: T("Q8_0", t.shape, _eight_bits(t)) for name, t in tensors.items()}
    before = decode(fingerprint(build.safetensors(tensors)).sketch or b"").values()
    after = decode(fingerprint(build.gguf(packed)).sketch or b"").values()
    cosine = np.vdot(before, after) / np.linalg.norm(before) / np.linalg.norm(after)
    assert cosine > 0.999


def _eight_bits(t: T) -> bytes:
    values = np.frombuffer(t.data, "<f2").astype(np.float32).reshape(-1, 32)
    steps = np.abs(values).max(axis=1) / 127
    made = np.empty(len(values), [("step", "<f2"), ("values", "i1", (32,))])
    made["step"] = steps
    made["values"] = np.round(values / steps[:, None])
    return made.tobytes()


def test_eight_bits_are_their_step_times_their_numbers() -> None:
    block = np.float16(0.5).tobytes() + np.arange(-16, 16, dtype=np.int8).tobytes()
    found = numbers("Q8_0", (2, 32), block * 2)
    assert found.tolist() == [[n / 2 for n in range(-16, 16)]] * 2


@needs_gguf
@pytest.mark.parametrize("dtype", sorted(BLOCKS.keys() - {"Q8_1", "Q8_K", "Q1_0"}))
def test_every_quantised_type_is_read_as_its_own_package_reads_it(dtype: str) -> None:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import dequantize

    kind = GGMLQuantizationType[dtype]
    assert GGML_QUANT_SIZES[kind] == (BLOCKS[dtype].values, BLOCKS[dtype].bytes)
    raw = RNG.integers(0, 60, (3, 2 * BLOCKS[dtype].bytes), np.uint8)
    found = numbers(dtype, (3, 2 * BLOCKS[dtype].values), raw.tobytes())
    assert np.array_equal(found, dequantize(raw, kind), equal_nan=True)


@needs_gguf
def test_the_package_reads_what_our_tests_write() -> None:
    """The tests' own files are those of the format."""
    import tempfile

    from gguf import GGUFReader

    tensors = {"a": ramp("F16", 3, 5), "b": ramp("Q8_0", 2, 64), "c": ramp("Q6_K", 2, 256)}
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        file.write(build.gguf(tensors, {"general.architecture": "flux"}))
        file.flush()
        for found in GGUFReader(file.name).tensors:
            written = tensors[found.name]
            assert tuple(int(n) for n in found.shape) == written.shape[::-1]
            assert found.data.tobytes() == written.data


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("dtype", ["Q8_0", "Q8_1", "Q8_K", "Q1_0"])
def test_types_of_a_step_are_read_as_ggml_defines_them(dtype: str, order: str) -> None:
    """By ggml-common.h: a step, whole numbers or signs, and sums that nobody needs here."""
    sign = {"little": "<", "big": ">"}[order]
    rows = []
    for step in (0.5, -2.0):
        whole = RNG.integers(-127, 128, BLOCKS[dtype].values, np.int8)
        wide = np.array([step], f"{sign}f4").tobytes()
        half = np.array([step], f"{sign}f2").tobytes()
        if dtype == "Q1_0":
            bits = whole > 0
            packed = sum((int(bit) << n for n, bit in enumerate(bits)), 0).to_bytes(16, "little")
            rows.append((half + packed, np.where(bits, step, -step)))
            continue
        before = {"Q8_0": half, "Q8_1": half + b"\x12\x34", "Q8_K": wide}[dtype]
        behind = bytes(range(32)) if dtype == "Q8_K" else b""
        rows.append((before + whole.tobytes() + behind, whole * step))
    data = b"".join(raw for raw, _ in rows)
    info = TensorInfo("a", dtype, (2, BLOCKS[dtype].values), 0, len(data), byteorder=order)
    assert np.array_equal(to_float32(info, data), np.stack([made for _, made in rows]))


@needs_gguf
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_a_file_of_a_big_endian_machine_is_the_same_adapter(kind: type, tmp_path: Path) -> None:
    """As the format's own package writes it."""
    from gguf import GGUFEndian, GGUFWriter

    tensors, sketches = lora(4), []
    for order in (GGUFEndian.LITTLE, GGUFEndian.BIG):
        path = tmp_path / order.name
        writer = GGUFWriter(path, "flux", endianess=order)
        writer.add_custom_alignment(64)
        writer.add_array("comfy.gguf.orig_shape.nothing", [3, 5])
        writer.add_float32("adapter.lora.alpha", 8.0)
        for name, tensor in tensors.items():
            values = np.frombuffer(tensor.data, np.float16).reshape(tensor.shape)
            writer.add_tensor(name, values.astype(kind))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        sketches.append(fingerprint(path.read_bytes()).sketch)
    assert sketches[0]
    assert sketches[0] == sketches[1]


def test_what_a_big_endian_machine_packed_is_read_or_said() -> None:
    packed = TensorInfo("a", "Q4_K", (1, 256), 0, BLOCKS["Q4_K"].bytes, byteorder="big")
    with pytest.raises(Unread, match="big-endian"):
        to_float32(packed, bytes(packed.length))


def test_names_of_llama_cpp_are_those_that_peft_writes() -> None:
    """Language models adapted with PEFT, and converted for llama.cpp."""
    ours = {
        **{f"self_attn.{x}_proj": f"attn_{x}" for x in "qkv"},
        "self_attn.o_proj": "attn_output",
        **{f"mlp.{x}_proj": f"ffn_{x}" for x in ("gate", "up", "down")},
    }
    peft, converted = {}, {}
    for n in range(3):
        for layer, theirs in ours.items():
            for a, shape in (("A", (4, 64)), ("B", (32, 4))):
                tensor = ramp("F16", *shape)
                peft[f"base_model.model.model.layers.{n}.{layer}.lora_{a}.weight"] = tensor
                converted[f"blk.{n}.{theirs}.weight.lora_{a.lower()}"] = tensor
    one = fingerprint(build.safetensors(peft))
    other = fingerprint(build.gguf(converted, {"general.type": "adapter"}))
    assert one.sketch
    assert one.sketch == other.sketch
    assert not other.blind


def test_without_the_package_the_rest_is_read_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    from reseen.files import quants

    monkeypatch.setitem(sys.modules, "gguf", None)
    monkeypatch.setitem(sys.modules, "gguf.constants", None)
    quants._by_package.cache_clear()
    tensors = lora(4)
    packed = {
        f"x{n}.lora_{end}.weight": ramp("Q4_K", 256, 256) for n in "12" for end in ("up", "down")
    }
    found = fingerprint(build.gguf({**tensors, **packed}))
    assert found.sketch
    assert [(s.code, s.count) for s in found.blind] == [("not-read", 2)]
    assert "pip install 'reseen[gguf]'" in found.blind[0].reason
    quants._by_package.cache_clear()


def test_rows_of_a_tensor_are_read_alone() -> None:
    for dtype, columns in (("F32", 5), ("Q8_0", 96), ("F4", 6)):
        shape = (7, columns)
        info = TensorInfo("t", dtype, shape, 64, length_of(dtype, prod(shape)))
        data = bytes(64) + RNG.integers(0, 60, info.length, np.uint8).tobytes()
        whole = to_float32(info, data[64:])
        some = rows_of(info, 2, 3)
        part = to_float32(some, data[some.start : some.start + some.length])
        assert np.array_equal(part, whole[2:5])


def test_tensors_of_an_unknown_type_are_counted() -> None:
    entries = [build.gguf_tensor("a", (4,), 0, 0), build.gguf_tensor("b", (4,), 99, 32)]
    header = build.gguf_header({}, entries)
    data = header + bytes(-len(header) % 32) + bytes(64)
    found = listed(data)
    assert [t.name for t in found.tensors] == ["a"]
    (spot,) = [n for n in plan(found).not_read if n.code == "tensor-kind"]
    assert spot.tensors == 1


def test_the_dearest_list_of_words_costs_no_object_a_word() -> None:
    """A million words: their lengths are gone past, and none is kept."""
    import tracemalloc

    words = 8 * 100_000
    data = build.gguf_header({}, [], counts=(0, 1)) + build.gguf_text("a")
    data += (9).to_bytes(4, "little") + (8).to_bytes(4, "little")
    data += (100_000).to_bytes(8, "little") + bytes(words)
    tracemalloc.start()
    found = listed(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not found.tensors
    assert peak < 5 * len(data)


@pytest.mark.parametrize("cut", [3, 10, 20, 30, 80])
def test_a_header_that_breaks_off_is_malformed(cut: int) -> None:
    data = build.gguf(lora(), {"a": "b"})[:cut]
    with pytest.raises(FileError):
        listed(data)


def test_nothing_is_made_for_counts_that_a_file_gives() -> None:
    for counts in ((2**63, 0), (0, 2**63), (20_000, 0), (0, 10_000)):
        with pytest.raises(FileError):
            listed(build.gguf_header({}, [], counts=counts) + bytes(64))
    with pytest.raises(Malformed):
        listed(build.gguf_header({}, [build.gguf_tensor("a", (4,), 0, 2**62)]) + bytes(64))


@pytest.mark.parametrize("alignment", [32, 4096])
def test_bytes_that_no_tensor_takes_are_said(alignment: int) -> None:
    """A zip, for one, is opened by its end: a file is what it seems to be and an archive."""
    whole = build.gguf(lora(), alignment=alignment)
    assert fingerprint(whole).blind == ()
    padded = whole + bytes(-len(whole) % alignment)
    assert fingerprint(padded).blind == ()
    hidden = padded + build.python_zip({"m": b"x" * 5_000})
    found = fingerprint(hidden)
    assert found.sketch
    assert [spot.code for spot in found.blind] == ["beside"]
    wide = build.gguf(lora(), alignment=1 << 16)
    assert [spot.code for spot in fingerprint(wide).blind] == ["beside"]
