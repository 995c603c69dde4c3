from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Generator

import pytest
import safetensors as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.files import build
from tests.files.build import T, ramp

from reseen.errors import FileError, Malformed, TooLarge
from reseen.files import containers, limits
from reseen.files.safetensors import layout, parse_header, read_listing
from reseen.files.source import Memory, Range, run
from reseen.files.tensors import DTYPE_BITS, GAP, NO_MODEL_HAS, OUTSIDE, Listing
from reseen.updates.not_read import code_of
from reseen.updates.plan import plan

DTYPES = sorted(d for d, bits in DTYPE_BITS.items() if bits >= 8 and d != "C128")


NO_TENSORS = "not all readers take the file: it holds bytes that no tensor takes"


def read(data: bytes) -> Listing:
    return run(Memory(data), read_listing(len(data)))


def ranges(data: bytes, reader: Generator[Range, bytes, Listing]) -> list[Range]:
    asked = []
    try:
        wanted = next(reader)
        while True:
            asked.append(wanted)
            wanted = reader.send(data[wanted.start : wanted.start + wanted.length])
    except StopIteration:
        return asked


def test_every_tensor_is_listed_with_its_place() -> None:
    data = build.safetensors(
        {"b": ramp("F32", 2, 3), "a": ramp("F16", 5), "scalar": ramp("F16")}, {"k": "v"}
    )
    listing = read(data)
    assert [t.name for t in listing.tensors] == ["b", "a", "scalar"]
    assert [t.shape for t in listing.tensors] == [(2, 3), (5,), ()]
    assert data[listing.tensors[1].start :][:10] == ramp("F16", 5).data
    assert listing.metadata == {"k": "v"}
    assert listing.data_start == len(data) - 24 - 10 - 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_of_the_format_is_known(dtype: str) -> None:
    assert read(build.safetensors({"a": ramp(dtype, 4)})).tensors[0].dtype == dtype


def test_what_the_usual_reader_takes_though_it_is_odd_is_taken_too() -> None:
    read(build.with_header(b"{}"))
    read(build.with_header(b'{"":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}', pad=False))
    odd = b' {"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"more":[1.5,null]}}'
    assert read(build.with_header(odd, b"x")).remarks
    twice = b'{"__metadata__":{"a":"1","a":"2"}}'
    assert read(build.with_header(twice)).metadata == {"a": "2"}


def test_a_short_header_costs_one_range_and_a_long_one_two() -> None:
    short = build.safetensors({"a": ramp("U8", 400_000)})
    assert ranges(short, read_listing(len(short))) == [Range(0, limits.PROBE)]
    long = build.safetensors({"a": ramp("U8", 400_000)}, {"k": "x" * 300_000})
    first, second = ranges(long, read_listing(len(long)))
    assert (first.length, second.start) == (limits.PROBE, limits.PROBE)
    assert first.length + second.length == 8 + int.from_bytes(long[:8], "little")


def test_no_tensors_names_or_ranks_beyond_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TENSORS", 3)
    read(build.safetensors({str(i): ramp("U8", 1) for i in range(3)}))
    with pytest.raises(TooLarge):
        read(build.safetensors({str(i): ramp("U8", 1) for i in range(4)}))
    for odd in ({"a": T("U8", (1,) * 9, b"x")}, {"a" * 513: ramp("U8", 1)}):
        listing = read(build.safetensors(odd | {"b": ramp("U8", 1)}))
        assert [t.name for t in listing.tensors] == ["b"]


_REAL = b'"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}'
_ODD = {
    "a name that moves a cursor": b'"\\u001b[2J":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}',
    "a name of two lines": b'"x\\ny":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}',
    "a long name": b'"' + b"n" * 600 + b'":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}',
    "many dimensions": b'"x":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[4,5]}',
    "a name twice": _REAL,
    "an empty tensor twice": b",".join(
        [b'"x":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}'] * 2
    ),
    "an entry as a list": b'"x":["U8",[1],[4,5]]',
    "no metadata": b'"__metadata__":null',
    "a book": b'"__metadata__":{"a":"' + b"x" * (9 << 20) + b'"}',
    "an index": b'"__metadata__":{' + b",".join(b'"%d":""' % i for i in range(11_000)) + b"}",
}


@pytest.mark.parametrize("odd", sorted(_ODD))
def test_one_odd_entry_that_other_readers_take_hides_nothing(odd: str) -> None:
    reference = pytest.importorskip("safetensors")
    header = b"{" + _ODD[odd] + b"," + _REAL + b"}"
    for length in (4, 5):
        file = build.with_header(header, bytes(length))
        try:
            reference.deserialize(file)
        except reference.SafetensorError:
            continue
        listing = read(file)
        assert ("a", 4) in [(t.name, t.length) for t in listing.tensors]
        assert all(t.name.isprintable() and len(t.name) < 513 for t in listing.tensors)
        break
    else:
        pytest.fail("the usual reader refuses it")


@pytest.mark.parametrize("count", [1, GAP - 1, GAP])
@pytest.mark.parametrize("where", ["before", "between", "behind"])
def test_bytes_that_no_tensor_takes_hide_nothing(where: str, count: int) -> None:
    """As ComfyUI's own reader has it: each tensor is where its entry says."""
    one, two = ramp("F32", 4), ramp("F16", 3)
    begin = count if where == "before" else 0
    second = begin + 16 + (count if where == "between" else 0)
    header = {
        "one": {"dtype": "F32", "shape": [4], "data_offsets": [begin, begin + 16]},
        "two": {"dtype": "F16", "shape": [3], "data_offsets": [second, second + 6]},
    }
    behind = bytes(count if where == "behind" else 0)
    data = bytes(begin) + one.data + bytes(second - begin - 16) + two.data + behind
    file = build.with_header(json.dumps(header).encode(), data)
    listing = read(file)
    found = {t.name: file[t.start : t.start + t.length] for t in listing.tensors}
    assert found == {"one": one.data, "two": two.data}
    assert listing.remarks == (NO_TENSORS,)
    assert dict(listing.not_listed) == ({OUTSIDE: 1} if count >= GAP else {})


def test_of_a_name_that_comes_twice_the_last_counts() -> None:
    pytest.importorskip("safetensors")
    first = b'"a":{"dtype":"I8","shape":[2,2],"data_offsets":[0,4]}'
    file = build.with_header(b"{" + first + b"," + _REAL + b"}", bytes(4))
    from safetensors import deserialize

    ((name, told),) = deserialize(file)
    (tensor,) = read(file).tensors
    assert (tensor.name, tensor.dtype, list(tensor.shape)) == (name, told["dtype"], told["shape"])


def test_the_layout_is_free_of_names_order_values_and_what_is_empty() -> None:
    one = read(build.safetensors({"a": ramp("F16", 4, 2), "b": ramp("F32", 3)}))
    other = read(
        build.safetensors(
            {"z": ramp("F32", 3, seed=9), "empty": ramp("F32", 0), "y": ramp("F16", 4, 2)}
        )
    )
    assert layout(one.tensors) == layout(other.tensors)
    assert layout(one.tensors) != layout(one.tensors[:1])


tensors = st.dictionaries(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12),
    st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=4)),
    max_size=6,
)


@given(tensors, st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
@settings(max_examples=60, deadline=None)
def test_what_the_usual_writer_writes_is_read_as_the_usual_reader_reads_it(
    wanted: dict[str, tuple[str, list[int]]], metadata: dict[str, str]
) -> None:
    wanted.pop("__metadata__", None)
    written = {name: ramp(dtype, *shape) for name, (dtype, shape) in wanted.items()}
    data = build.safetensors(written, metadata)
    listing = read(data)
    for name, entry in reference.deserialize(data):
        ours = next(t for t in listing.tensors if t.name == name)
        assert (ours.dtype, list(ours.shape)) == (entry["dtype"], entry["shape"])
        assert data[ours.start : ours.start + ours.length] == bytes(entry["data"])
    assert len(listing.tensors) == len(written)


@given(st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_what_we_take_the_usual_reader_takes(rng: random.Random) -> None:
    """The other way round there are rules of ours; but we are laxer only with bytes that no tensor
    takes, and say so."""
    data = bytearray(build.safetensors({"a": ramp("F32", 2), "b": ramp("F16", 4)}, {"k": "v"}))
    for _ in range(rng.randint(1, 3)):
        data[rng.randrange(8, len(data) - 16)] = rng.choice(b'0123456789{}[]",:abF. \\\xc3')
    try:
        listing = read(bytes(data))
    except FileError:
        return
    if NO_TENSORS in listing.remarks:
        return
    theirs = dict(reference.deserialize(bytes(data)))
    assert {t.name: list(t.shape) for t in listing.tensors} == {
        name: entry["shape"] for name, entry in theirs.items()
    }


@given(st.binary(max_size=300), st.integers(0, 2**40))
@settings(deadline=None)
def test_any_header_is_read_or_refused(header: bytes, size: int) -> None:
    with contextlib.suppress(Malformed, TooLarge):
        parse_header(header, size)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda v: (
            st.lists(v)
            | st.dictionaries(
                st.sampled_from(["__metadata__", "dtype", "shape", "data_offsets", "a"]), v
            )
        ),
    )
)
@settings(max_examples=200, deadline=None)
def test_any_json_is_read_or_refused(value: object) -> None:
    data = build.with_header(json.dumps(value).encode())
    with contextlib.suppress(FileError):
        run(Memory(data), containers.read_listing(len(data)))


@pytest.mark.parametrize("mark", ["\x01", "\n", "\x7f", "\0\t"])
def test_control_characters_hide_no_layer(mark: str) -> None:
    """They are no part of a name; two names that become one are not both read."""
    usual = {
        f"lora_unet_down_blocks_0_attentions_{n}_proj_in.lora_{side}.weight": ramp("F16", *shape)
        for n in range(2)
        for side, shape in (("up", (320, 4)), ("down", (4, 320)))
    }
    plain = plan(read(build.safetensors(usual)))
    marked = plan(read(build.safetensors({mark + name: t for name, t in usual.items()})))
    assert [module.name for module in marked.modules] == [module.name for module in plain.modules]
    assert (marked.not_read, plain.not_read) == ((), ())
    between = plan(
        read(build.safetensors({name.replace("_", "\x01"): t for name, t in usual.items()}))
    )
    assert [module.name for module in between.modules] == [module.name for module in plain.modules]
    twins = read(build.safetensors({"a\x01": ramp("F16", 2), "a_": ramp("F16", 2)}))
    assert ([t.name for t in twins.tensors], twins.not_listed) == (["a_"], {NO_MODEL_HAS: 1})


def test_tensors_that_no_model_has_are_counted_where_they_hold_numbers() -> None:
    """What is not read is said; what anyone can add for nothing is not."""
    long = "a" * (limits.NAME_LENGTH + 1)
    odd = {long: ramp("U8", 2), "b": ramp("U8", *[1] * (limits.RANK + 1)), "c": ramp("U8", 1)}
    listing = read(build.safetensors({**odd, long + "b": ramp("U8", 0)}))
    assert ([t.name for t in listing.tensors], listing.not_listed) == (["c"], {NO_MODEL_HAS: 2})
    assert code_of(NO_MODEL_HAS) == "odd-tensors"
