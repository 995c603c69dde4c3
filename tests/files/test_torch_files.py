from __future__ import annotations

import contextlib
import os
import struct
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.files import build
from tests.files.build import T, ramp

from reseen.errors import FileError, Unread
from reseen.files import containers, limits, pickles, torch_state
from reseen.files.source import LocalFile, Memory, Range, Reader, run
from reseen.files.tensors import Listing, TensorInfo
from reseen.files.values import row_major, to_float32
from reseen.fingerprints.members import read_stream
from reseen.fingerprints.whole import fingerprint
from reseen.records import Container, DigestKind
from reseen.updates.not_read import code_of

TWO = {"up.weight": ramp("F16", 8, 3), "down.weight": ramp("F32", 3, 5, seed=3)}


def read(data: bytes, thorough: bool = True) -> Listing:
    return run(Memory(data), containers.read_listing(len(data), thorough=thorough))


def by_name(listing: Listing) -> dict[str, TensorInfo]:
    return {t.name: t for t in listing.tensors}


def raw(data: bytes, info: TensorInfo) -> bytes:
    return b"".join(row_major(info, data[info.start : info.start + info.length]))


@pytest.mark.parametrize("thorough", [True, False])
@pytest.mark.parametrize(
    ("write", "container"),
    [(build.torch_zip, Container.TORCH_ZIP), (build.torch_legacy, Container.TORCH_LEGACY)],
)
def test_a_state_dict_is_listed_with_places(write, container, thorough) -> None:  # type: ignore[no-untyped-def]
    data = write(TWO)
    listing = read(data, thorough)
    assert listing.container is container
    assert not listing.remarks
    for name, info in by_name(listing).items():
        assert (info.dtype, info.shape) == (TWO[name].dtype, TWO[name].shape)
        assert raw(data, info) == TWO[name].data
    assert len(listing.tensors) == 2


def test_a_zip_of_another_writer_is_read_too() -> None:
    entries = {
        "x/version": b"3\n",
        "x/data/0": TWO["up.weight"].data,
        "x/data/1": TWO["down.weight"].data,
        "x/data.pkl": build.pickled(build.state_dict(TWO)),
    }
    data = build.python_zip(entries)
    assert raw(data, by_name(read(data, False))["down.weight"]) == TWO["down.weight"].data


def test_a_torch_zip_hides_behind_no_first_name() -> None:
    entries = {"a.npy": b"", "x/data.pkl": build.pickled(build.state_dict(TWO))}
    entries |= {f"x/data/{i}": t.data for i, t in enumerate(TWO.values())}
    assert len(read(build.zipped(entries)).tensors) == 2


def test_a_large_torch_zip_costs_its_header_and_no_range_a_tensor() -> None:
    tensors = {f"t{i}": ramp("U8", 4000, seed=i) for i in range(200)}
    data = build.torch_zip(tensors)
    reader, asked = containers.read_listing(len(data)), []
    try:
        wanted = next(reader)
        while True:
            asked.append(wanted)
            wanted = reader.send(data[wanted.start : wanted.start + wanted.length])
    except StopIteration as stop:
        listing = stop.value
    assert len(asked) == 2
    assert sum(a.length for a in asked) < 250_000 < len(data)
    assert all(raw(data, info) == tensors[info.name].data for info in listing.tensors)


def test_a_long_legacy_pickle_is_read_in_two_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROBE", 1000)
    tensors = {f"t{i}": ramp("U8", 7) for i in range(40)}
    assert len(read(build.torch_legacy(tensors)).tensors) == 40


def _names(data: bytes) -> list[str]:
    return [t.name for t in read(data).tensors]


A, B, C, D = (build.tensor(str(i), ramp("F32", 2, seed=i)) for i in range(4))
OBJECT = build.symbol("trainer", "Config") + b")\x81"
SHAPES = [
    (build.sequence([A, B, C, D]), ["0", "1", "2", "3"]),
    (build.values(A, B, C, D), ["0", "1", "2", "3"]),
    (b"}(" + b"".join(build.number(320 * i) + t for i, t in enumerate([A, B, C, D])) + b"u",
     ["0", "320", "640", "960"]),
    (build.dictionary({"a": A, "b": build.dictionary({"c": B, "d": build.sequence([C, D])})}),
     ["a", "b.c", "b.d.0", "b.d.1"]),
    (build.dictionary({"state_dict": build.dictionary({"a": A, "b": B, "c": C, "d": D}),
                       "epoch": build.number(3)}), ["a", "b", "c", "d"]),
    (build.dictionary({"lora": build.dictionary({"state_dict": build.dictionary(
        {"a": A, "b": B, "c": C, "d": D})})}), ["a", "b", "c", "d"]),
    (build.symbol("collections", "OrderedDict") + b")R(" + build.text("a") + A + build.text("b")
     + B + build.text("c") + C + build.text("d") + D + b"u", ["a", "b", "c", "d"]),
    (build.symbol("torch.nn.modules.container", "ParameterDict") + b")\x81" + build.dictionary(
        {"_parameters": build.dictionary({"a": A, "b": B, "c": C}),
         "_modules": build.dictionary({"x": OBJECT + build.dictionary({"d": D}) + b"b"})}) + b"b",
     ["a", "b", "c", "x.d"]),
    (build.dictionary({"a": build.symbol("torch._utils", "_rebuild_parameter")
                       + build.values(A, b"\x88", b"N") + b"R", "b": B, "c": C, "d": D}),
     ["a", "b", "c", "d"]),
    (build.dictionary({"*": A, "b": build.symbol("torch._tensor", "_rebuild_from_type_v2")
                       + build.values(B[: B.index(b"(")], build.symbol("torch.nn.parameter",
                                      "Parameter"), B[B.index(b"("):-1], b"}") + b"R",
                       "c": C, "d": D}), ["*", "b", "c", "d"]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "names"), SHAPES)
def test_however_a_trainer_wraps_its_tensors_they_are_found(value: bytes, names: list[str]) -> None:
    tensors = {str(i): ramp("F32", 2, seed=i) for i in range(4)}
    assert [t.name for t in read(build.torch_zip(tensors, value)).tensors] == names


def test_views_of_one_storage_keep_their_offsets_and_strides() -> None:
    storage = np.arange(24, dtype="<f4")
    whole = T("F32", (4, 6), storage.tobytes())
    turned = T("F32", (6, 4), storage.tobytes(), strides=(1, 6))
    part = T("F32", (2, 3), storage.tobytes(), strides=(6, 1), offset=8)
    value = build.dictionary(
        {name: build.tensor("0", t) for name, t in (("w", whole), ("t", turned), ("p", part))}
    )
    data = build.torch_zip({"w": whole}, value)
    found = by_name(read(data))
    expected = storage.reshape(4, 6)
    for name, array in (("w", expected), ("t", expected.T), ("p", expected[1:3, 2:5])):
        info = found[name]
        assert (to_float32(info, data[info.start : info.start + info.length]) == array).all()
    assert found["w"].strides is None


def test_one_value_that_stands_for_many_is_left_out_and_the_others_are_read() -> None:
    """What torch's expand leaves: loaders open such a file. Nothing is made of a terabyte."""
    storage = np.arange(24, dtype="<f4")
    whole = T("F32", (4, 6), storage.tobytes())
    many = T("F32", (1 << 20, 1 << 20), storage.tobytes(), strides=(0, 0))
    value = build.dictionary(
        {name: build.tensor("0", t) for name, t in (("w", whole), ("m", many))}
    )
    listing = read(build.torch_zip({"w": whole}, value))
    assert [tensor.name for tensor in listing.tensors] == ["w"]
    assert listing.not_listed == {torch_state.OTHER_KINDS: 1}


def test_a_legacy_view_begins_within_its_storage() -> None:
    storage = np.arange(8, dtype="<f4").tobytes()
    view = build.values(build.text("v"), build.number(3), build.number(4))
    kind = build.symbol("torch", "FloatStorage")
    args = build.values(
        build.storage_id(kind, "0", 8, view), build.number(1), build.numbers([3]),
        build.numbers([1]), b"\x89", b"N",
    )  # fmt: skip
    rebuilt = build.symbol("torch._utils", "_rebuild_tensor_v2") + args + b"R"
    data = build.torch_legacy({"a": T("F32", (8,), storage)}, build.dictionary({"a": rebuilt}))
    info = read(data).tensors[0]
    assert list(to_float32(info, data[info.start : info.start + info.length])) == [4, 5, 6]


def test_a_file_of_a_big_endian_machine_is_turned() -> None:
    storage = np.arange(6, dtype=">f4").tobytes()
    data = build.torch_zip({"a": T("F32", (2, 3), storage)}, byteorder="big")
    info = read(data).tensors[0]
    part = data[info.start : info.start + info.length]
    assert (to_float32(info, part) == np.arange(6).reshape(2, 3)).all()
    assert b"".join(row_major(info, part)) == np.arange(6, dtype="<f4").tobytes()


def test_eight_bit_floats_come_through_untyped_storages() -> None:
    tensors = {"a": ramp("F8_E4M3", 4), "b": ramp("U16", 3)}
    data = build.torch_zip(tensors)
    found = by_name(read(data))
    assert (found["a"].dtype, found["b"].dtype, found["b"].length) == ("F8_E4M3", "U16", 6)


def test_what_a_pickle_would_call_is_named_and_not_called() -> None:
    call = build.symbol("posix", "system") + build.values(build.text("touch /tmp/x")) + b"R"
    data = build.torch_zip(
        TWO, build.dictionary({"a": build.tensor("0", TWO["up.weight"]), "b": call})
    )
    listing = read(data)
    assert [t.name for t in listing.tensors] == ["a"]
    assert listing.remarks == ("its pickle names 'posix.system'",)


@pytest.mark.parametrize("write", [build.torch_zip, build.torch_legacy])
def test_of_a_file_of_calls_alone_it_is_said_that_nothing_of_it_is_run(write) -> None:  # type: ignore[no-untyped-def]
    """It could make its weights when it is loaded."""
    call = build.symbol("posix", "system") + build.values(build.text("touch /tmp/x")) + b"R"
    listing = read(write({}, call))
    assert (listing.tensors, listing.not_listed) == ((), {torch_state.MADE_BY_CALLS: 1})
    assert code_of(torch_state.MADE_BY_CALLS) == "calls"
    assert not read(write({})).not_listed


def test_a_dict_in_two_places_is_walked_once() -> None:
    """Sixty dicts, each of which holds the next twice, are 2**60 ways to one tensor."""
    value = build.dictionary({"a": A})
    for i in range(28):
        memo = b"q" + bytes([i])
        value = b"}(" + build.text("x") + value + memo + build.text("y") + b"h" + bytes([i]) + b"u"
    names = [t.name for t in read(build.torch_zip({"0": ramp("F32", 2)}, value)).tensors]
    assert len(names) == 1


def test_a_list_that_holds_itself_ends() -> None:
    value = b"]q\x00h\x00a" + A + b"a"
    assert _names(build.torch_zip({"0": ramp("F32", 2)}, value)) == ["1"]


def test_torchscript_is_said_to_be_what_it_is() -> None:
    entries = {"m/data.pkl": build.pickled(build.state_dict(TWO)), "m/code/a.py": b""}
    entries |= {f"m/data/{i}": t.data for i, t in enumerate(TWO.values())}
    assert read(build.zipped(entries)).container is Container.TORCHSCRIPT


@pytest.mark.parametrize(
    "data", [b"GGUF" + bytes(50), build.python_zip({"a.txt": b""}), b"hello", b""]
)
def test_what_is_not_read_is_said_to_be_so(data: bytes) -> None:
    with pytest.raises(Unread):
        read(data)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_pickle_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(FileError):
        pickles.load(b"\x80\x02" + data)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_mutated_file_is_read_or_refused(data: st.DataObject) -> None:
    good = data.draw(st.sampled_from([build.torch_zip(TWO), build.torch_legacy(TWO)]))
    file = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(file) - 1))
        file[at] = data.draw(st.integers(0, 255))
    try:
        listing = read(bytes(file))
    except FileError:
        return
    for info in listing.tensors:
        assert 0 <= info.start <= info.start + info.length <= len(file)
        to_float32(info, bytes(file[info.start : info.start + info.length]))


# Real files, where a folder of them is at hand.


def _real() -> Iterator[Path]:
    for folder in filter(None, os.environ.get("RESEEN_ADAPTERS", "").split(os.pathsep)):
        for suffix in ("*.pt", "*.safetensors"):
            yield from sorted(Path(folder).glob(suffix))


@pytest.mark.parametrize("path", list(_real()), ids=lambda p: p.name)
def test_a_real_file_is_read_the_same_by_range_and_thoroughly(path: Path) -> None:
    with LocalFile(path) as source:
        listing = run(source, containers.read_listing(source.size))
        assert listing.tensors
        assert not listing.remarks
        thorough: Reader[Listing] = containers.read_listing(source.size, thorough=True)
        assert run(source, thorough).tensors == listing.tensors
        for info in listing.tensors:
            values = to_float32(info, source.read(Range(info.start, info.length)))
            assert values.shape == info.shape
            assert np.isfinite(values).all()


@pytest.mark.skipif(not list(_real()), reason="RESEEN_ADAPTERS names no folders")
def test_a_pickle_and_a_safetensors_file_of_the_same_weights_agree() -> None:
    found = {path.name: path for path in _real()}
    pair = ("analog_svd_distill.text_encoder.pt", "analog_svd_rank4.safetensors")
    if not all(name in found for name in pair):
        pytest.skip("the pair is not there")
    with LocalFile(found[pair[0]]) as a, LocalFile(found[pair[1]]) as b:
        ours = by_name(run(a, containers.read_listing(a.size)))
        theirs = by_name(run(b, containers.read_listing(b.size)))
        for number in range(len(ours)):
            side = "down" if number % 2 else "up"
            one, other = ours[str(number)], theirs[f"text_encoder:{number // 2}:{side}"]
            x = to_float32(one, a.read(Range(one.start, one.length)))
            y = to_float32(other, b.read(Range(other.start, other.length)))
            assert np.allclose(x, y, rtol=2**-9, atol=2**-20)  # one was cut to float16


def test_a_legacy_file_counts_elements_not_bytes() -> None:
    data = build.torch_legacy({"a": ramp("F32", 5)})
    info = read(data).tensors[0]
    assert struct.unpack("<q", data[info.start - 8 : info.start]) == (5,)


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "lora"])
def test_a_decoy_in_a_wrapper_hides_no_tensor_beside_it(wrapper: str) -> None:
    """Some loaders take what is in the wrapper, some what is beside it."""
    data = {f"lora_unet_{i}.alpha": ramp("F32", 2, seed=i) for i in range(10)}
    inside = {f"{i}": build.tensor(f"{i}", t) for i, t in enumerate(data.values())}
    pairs = {wrapper: build.dictionary({"decoy": inside["0"]})}
    pairs |= dict(zip(data, inside.values(), strict=True))
    entries = {"x/data.pkl": build.pickled(build.dictionary(pairs))}
    entries |= {f"x/data/{i}": t.data for i, t in enumerate(data.values())}
    file = build.zipped(entries)
    listing = run(Memory(file), containers.read_listing(len(file), thorough=True))
    assert {t.name for t in listing.tensors} == {*data, f"{wrapper}.decoy"}


def compressed(tensors: dict[str, T], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A torch file's entries as anybody packs them again: torch loads them."""
    entries = {"archive/data.pkl": build.pickled(build.state_dict(tensors))}
    entries |= {f"archive/data/{i}": t.data for i, t in enumerate(tensors.values())}
    return build.python_zip(entries, method)


def test_a_compressed_torch_file_is_read_where_all_of_it_is_at_hand(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    tensors = {
        f"lora_unet_down_blocks_1_attentions_0_transformer_blocks_{n}_attn1_to_q.{end}.weight": (
            T("F16", shape, rng.normal(0, 0.03, shape).astype("<f2").tobytes())
        )
        for n in range(4)
        for end, shape in (("lora_up", (64, 4)), ("lora_down", (4, 64)))
    }
    plain, packed = tmp_path / "a.pt", tmp_path / "b.pt"
    plain.write_bytes(build.torch_zip(tensors))
    packed.write_bytes(compressed(tensors))
    one, other = fingerprint(plain), fingerprint(packed)
    assert other.container is Container.TORCH_ZIP
    assert (other.problem, other.members, other.blind) == (None, (), ())
    assert other.sketch is not None
    assert other.sketch == one.sketch
    assert other.digest(DigestKind.TENSORS_BLAKE3) == one.digest(DigestKind.TENSORS_BLAKE3)
    assert other.digest(DigestKind.SHA256) != one.digest(DigestKind.SHA256)
    assert other.size == packed.stat().st_size
    assert read_stream([packed.read_bytes()], other.size) == other, "an upload, likewise"


def test_what_stands_beside_in_a_compressed_torch_file_is_looked_at(tmp_path: Path) -> None:
    held = BytesIO(compressed({"x": ramp("F16", 64, 64)}))
    model = build.safetensors({"a.lora_up": ramp("F16", 64, 64)})
    with zipfile.ZipFile(held, "a", zipfile.ZIP_DEFLATED) as more:
        more.writestr("archive/beside", model)
    path = tmp_path / "a.pt"
    path.write_bytes(held.getvalue())
    (member,) = fingerprint(path).members
    assert member.fingerprint.container is Container.SAFETENSORS


def test_what_comes_out_of_a_compressed_torch_file_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    path.write_bytes(compressed({"x": T("U8", (80 << 20,), bytes(80 << 20))}))
    told = fingerprint(path)
    assert told.sketch is None
    assert [spot.code for spot in told.blind] == ["too-large"]
    other = tmp_path / "other.pt"
    other.write_bytes(compressed({"x": ramp("F16", 8, 8)}, zipfile.ZIP_LZMA))
    assert [spot.code for spot in fingerprint(other).blind] == ["not-read"]
