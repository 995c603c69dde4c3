"""Numbers and texts of every size and kind, wherever a file says one: no unforeseen error."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.files import build
from tests.files.build import T, ramp

from reseen.errors import FileError, Unforeseen
from reseen.files import containers
from reseen.files.source import Memory, run
from reseen.fingerprints.digests import Fingerprinter, look_inside
from reseen.records import DigestKind, Fingerprint
from reseen.updates.peft import parse_config, parse_metadata

BITS = st.sampled_from([31, 32, 53, 62, 63, 64, 200, 14_000])
PRINTABLE = st.one_of(
    st.integers(), st.integers(0, 300), BITS.map(lambda n: 1 << n), BITS.map(lambda n: -(1 << n))
)
"""Whole numbers of at most 4,300 digits."""
WHOLE = st.one_of(PRINTABLE, st.sampled_from([14_285, 16_000]).map(lambda n: 1 << n))
FLOATS = st.one_of(st.floats(), st.sampled_from([1e308, 5e-324, float("nan"), float("inf"), -0.0]))
NUMBERS = st.one_of(WHOLE, FLOATS)
TEXTS = st.one_of(
    st.text(max_size=8), st.sampled_from(["\ud800", "²", "٣", "\0", "𝟘", "9" * 5_000])
)


def long(value: int) -> bytes:
    """LONG4, which torch's pickles use for whatever does not fit in less."""
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8b" + struct.pack("<i", len(raw)) + raw


def pickled(value: object) -> bytes:
    match value:
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            return long(value)
        case float():
            return b"G" + struct.pack(">d", value)
        case None:
            return b"N"
        case bytes():
            return b"B" + struct.pack("<I", len(value)) + value
        case list() | tuple():
            return build.values(*map(pickled, value))
        case str():
            return build.text(value)
    raise AssertionError(value)


def fingerprint(data: bytes) -> Fingerprint:
    """As a scan, a check and the gate read it: out of order, and as a stream."""
    found = []
    for inside in (run(Memory(data), look_inside(len(data), thorough=True)), None):
        pass_ = Fingerprinter(len(data), inside)
        pass_.update(data)
        found.append(pass_.finish())
    assert found[0].digest(DigestKind.SHA256) == found[1].digest(DigestKind.SHA256)
    return found[0]


def sound(data: bytes) -> None:
    """Read, or refused on purpose."""
    for thorough in (False, True):
        try:
            run(Memory(data), containers.read_listing(len(data), thorough=thorough))
        except Unforeseen:
            raise
        except FileError:
            pass
    found = fingerprint(data)
    assert "Reseen itself failed" not in f"{found.problem} {found.no_sketch}"


LORA = {
    "lora_unet_a.lora_up.weight": ramp("F16", 8, 4),
    "lora_unet_a.lora_down.weight": ramp("F32", 4, 6),
}


@given(key=st.one_of(NUMBERS, TEXTS, st.none(), st.binary(max_size=3), st.tuples(WHOLE)))
def test_a_key_of_a_pickled_dict_may_be_anything(key: object) -> None:
    inner = build.state_dict(LORA)
    for value in (
        b"}(" + pickled(key) + build.tensor("0", LORA["lora_unet_a.lora_up.weight"]) + b"u",
        b"}(" + pickled(key) + inner + b"u",
        build.dictionary({"state_dict": b"}(" + pickled(key) + inner + b"u"}),
    ):
        sound(build.torch_zip(LORA, value))
        sound(build.torch_legacy(LORA, value))


def test_what_stands_under_a_number_that_cannot_be_printed_is_read_all_the_same() -> None:
    value = b"}(" + long(1 << 16_000) + build.state_dict(LORA) + long(7) + b"Nu"
    data = build.torch_zip(LORA, value)
    listing = run(Memory(data), containers.read_listing(len(data)))
    assert len(listing.tensors) == 2
    keyed = (
        b"}("
        + b"".join(
            long((1 << 16_000) + i) + build.tensor(str(i), t) for i, t in enumerate(LORA.values())
        )
        + b"u"
    )
    data = build.torch_zip(LORA, keyed)
    assert len(run(Memory(data), containers.read_listing(len(data))).tensors) == 2


ANYTHING = st.one_of(NUMBERS, TEXTS, st.none(), st.lists(NUMBERS, max_size=3))


@given(numel=ANYTHING, offset=ANYTHING, shape=ANYTHING, strides=ANYTHING, key=ANYTHING)
def test_every_number_of_a_pickled_tensor_may_be_anything(
    numel: object, offset: object, shape: object, strides: object, key: object
) -> None:
    for view in (None, b"N", build.values(build.text("v"), pickled(offset), pickled(numel))):
        parts = [build.text("storage"), build.symbol("torch", "HalfStorage"), pickled(key)]
        parts += [build.text("cpu"), pickled(numel), *([view] if view else [])]
        stored = build.values(*parts) + b"Q"
        args = [stored, *map(pickled, (offset, shape, strides)), b"\x89", b"N"]
        tensor = build.symbol("torch._utils", "_rebuild_tensor_v2") + build.values(*args) + b"R"
        value = b"}(" + build.text("lora_unet_a.diff") + tensor + b"u"
        sound(build.torch_zip(LORA, value))
        sound(build.torch_legacy(LORA, value))


@given(value=WHOLE, opcode=st.sampled_from([b"I%d\n", b"L%dL\n", b"p%d\n0.", b"g%d\n", b"F%d\n"]))
def test_numbers_in_a_pickle_written_as_text(value: int, opcode: bytes) -> None:
    digits = b"9" * 5_000 if abs(value) > 10**4_000 else b"%d" % value
    number = opcode.replace(b"%d", digits)
    sound(build.torch_zip(LORA, b"}(" + number + build.state_dict(LORA) + b"u"))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), PRINTABLE, FLOATS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


@given(dtype=JSON, shape=JSON, offsets=JSON, name=TEXTS, more=JSON)
def test_a_header_may_say_anything(
    dtype: object, shape: object, offsets: object, name: str, more: object
) -> None:
    for entry in (
        {"dtype": dtype, "shape": shape, "data_offsets": offsets},
        {"dtype": "F16", "shape": shape, "data_offsets": [0, 8]},
        {"dtype": dtype, "shape": [2, 2], "data_offsets": offsets},
        {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8], name: more},
        more,
    ):
        header = json.dumps({name: entry, "__metadata__": more}).encode()
        sound(build.with_header(header, bytes(8)))


@pytest.mark.parametrize(
    "digits", [b"9" * 4_301, b"-" + b"9" * 100_000, b"1e400", b"-1e400", b"NaN", b"1E-9999"]
)
@pytest.mark.parametrize(
    "place", [b'"shape":[%]', b'"data_offsets":[0,%]', b'"dtype":%', b'"more":%']
)
def test_numbers_of_a_header_that_python_does_not_take(digits: bytes, place: bytes) -> None:
    fields = {
        b"dtype": b'"dtype":"F16"',
        b"shape": b'"shape":[2,2]',
        b"off": b'"data_offsets":[0,8]',
    }
    entry = b",".join(
        [place.replace(b"%", digits), *(f for k, f in fields.items() if k not in place)]
    )
    sound(build.with_header(b'{"a":{' + entry + b"}}", bytes(8)))


@given(config=JSON, alpha=JSON, pattern=JSON, name=TEXTS)
def test_a_configuration_may_say_anything(
    config: object, alpha: object, pattern: object, name: str
) -> None:
    for value in (
        config,
        {
            "r": alpha,
            "lora_alpha": alpha,
            "alpha_pattern": {name: pattern},
            "rank_pattern": pattern,
        },
        {"peft_type": config, "alpha": pattern, "rank_pattern": {name: alpha}},
    ):
        text = json.dumps(value)
        with contextlib.suppress(FileError):
            parse_config(text.encode("utf-8", "surrogatepass"))
        with contextlib.suppress(FileError):
            parse_metadata(text)
        metadata = {"lora_adapter_metadata": text}
        sound(
            build.safetensors(
                {
                    "transformer.a.lora_A.weight": ramp("F16", 4, 6),
                    "transformer.a.lora_B.weight": ramp("F16", 8, 4),
                },
                metadata,
            )
        )


def fields_of_a_zip(data: bytes) -> Iterator[tuple[int, int]]:
    """(place, width) of every number in its headers."""
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        yield from (
            (at + o, w)
            for o, w in ((8, 2), (10, 2), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4))
        )
        at = data.find(b"PK\x01\x02", at + 4)
    at = data.find(b"PK\x03\x04")
    while at >= 0:
        yield from ((at + o, w) for o, w in ((8, 2), (18, 4), (22, 4), (26, 2), (28, 2)))
        at = data.find(b"PK\x03\x04", at + 4)
    end = data.rfind(b"PK\x05\x06")
    yield from ((end + o, w) for o, w in ((4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)))


@pytest.mark.parametrize("value", [0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_every_number_of_a_zip_may_be_anything(value: int) -> None:
    data = build.torch_zip(LORA)
    for at, width in fields_of_a_zip(data):
        changed = bytearray(data)
        changed[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        sound(bytes(changed))


@given(values=st.lists(st.floats(width=32), min_size=1, max_size=3), alpha=st.floats(width=32))
def test_weights_may_be_any_numbers(values: list[float], alpha: float) -> None:
    numbers = struct.pack("<256f", *(values * 256)[:256])
    tensors = {
        "lora_unet_a.lora_up.weight": T("F32", (16, 16), numbers),
        "lora_unet_a.lora_down.weight": T("F32", (16, 16), numbers),
        "lora_unet_a.alpha": T("F32", (), struct.pack("<f", alpha)),
        "lora_unet_b.diff": T("F32", (16, 16), numbers),
    }
    found = fingerprint(build.safetensors(tensors))
    assert "Reseen itself failed" not in f"{found.problem} {found.no_sketch}"
    if found.sketch is not None:
        from reseen.fingerprints.sketch import decode

        decode(found.sketch)


def test_a_norm_beyond_what_a_sketch_can_hold_is_no_sketch() -> None:
    """Its matrix P ΔW Qᵀ can be made small although the update is not: the signs are public."""
    import numpy as np

    from reseen.fingerprints.modules import module
    from reseen.fingerprints.signs import signs
    from reseen.updates.forms import LowRank
    from reseen.updates.update import Update

    rows = signs("reseen-sketch-1 rows", "unet.a", 64)
    free = np.linalg.svd(rows)[2][-1].astype(np.float32)  # no row of P sees it
    left, right = free[:, None] * np.float32(1e38), np.full((1, 4_096), 1e2, np.float32)
    assert module(Update("unet.a", (64, 4_096, 1, 1), LowRank(left, right))) is None
