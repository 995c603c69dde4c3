"""Hostile files, one for each way to lie, made in code: run it with a folder to write them there.

    python -m tests.hostile.make FOLDER

Every entry of `hostile()` says what the lie is, and which error must answer it. Nothing here can do
harm: where a pickle would call something, it is `os.getcwd`.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED

from tests.files import build
from tests.files.build import T, ramp

from reseen.errors import FileError, Malformed, TooLarge, Unread


@dataclass(frozen=True)
class Hostile:
    name: str
    """File name to be; the end says which reader it is meant for."""
    lie: str
    error: type[FileError]
    data: bytes


def hostile() -> Iterator[Hostile]:
    makers = ((_safetensors, "safetensors"), (_zips, "pt"), (_legacy, "pth"), (_gguf, "gguf"))
    for make, suffix in makers:
        for name, lie, error, data in make():
            yield Hostile(f"{name}.{suffix}", lie, error, data)


_Row = tuple[str, str, type[FileError], bytes]


def _entry(dtype: str = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def _header(value: object, data: bytes = bytes(8)) -> bytes:
    return build.with_header(json.dumps(value).encode(), data)


def _safetensors() -> Iterator[_Row]:
    good = _entry()
    one = json.dumps(good).encode()
    raw = build.with_header

    yield (
        "length-beyond-file",
        "the header is longer than the file",
        Malformed,
        (struct.pack("<Q", 1 << 20) + b"{}" + bytes(30)),
    )
    yield (
        "length-of-16-exabytes",
        "the header's length has all bits set",
        Unread,
        (b"\xff" * 8 + b"{}" + bytes(30)),
    )
    yield "not-utf8", "the header is no UTF-8", Malformed, raw(b'{"\xff":' + one + b"}", bytes(8))
    yield (
        "byte-order-mark",
        "white space, then a byte order mark",
        Malformed,
        (raw(b"  " * 300 + b"\xef\xbb\xbf{}")),
    )
    yield "nul-padding", "padded with NUL", Malformed, raw(b"{}\0\0\0\0\0\0")
    yield "two-objects", "one JSON object after the other", Malformed, raw(b"{}{}")
    yield "nested-100000-deep", "brackets in brackets", Malformed, raw(b'{"a":' + b"[" * 100_000)
    yield (
        "number-of-100000-digits",
        "a number that takes quadratic time",
        Malformed,
        (
            raw(
                b'{"a":{"dtype":"F32","shape":[' + b"9" * 100_000 + b'],"data_offsets":[0,8]}}',
                bytes(8),
            )
        ),
    )
    yield (
        "infinity",
        "Infinity, which JSON does not have",
        Malformed,
        (raw(b'{"a":{"dtype":"F32","shape":[Infinity],"data_offsets":[0,8]}}', bytes(8))),
    )
    yield "header-of-20-megabytes", "a header of spaces", TooLarge, raw(b"{}" + b" " * (20 << 20))
    yield (
        "four-million-commas",
        "few bytes that make many objects",
        TooLarge,
        (raw(b'{"a":[' + b"[],[]," * 1_000_000 + b"[]]}")),
    )
    yield (
        "field-twice",
        "a tensor has two dtypes",
        Malformed,
        (raw(b'{"a":{"dtype":"I32",' + one[1:] + b"}", bytes(8))),
    )
    yield (
        "metadata-twice",
        "__metadata__ comes twice",
        Malformed,
        (raw(b'{"__metadata__":{},"__metadata__":{}}')),
    )
    yield (
        "metadata-nested",
        "__metadata__ holds an object",
        Malformed,
        (_header({"__metadata__": {"a": {}}}, b"")),
    )
    yield (
        "metadata-surrogate",
        "__metadata__ holds half a character",
        Malformed,
        (raw(b'{"__metadata__":{"a":"\\ud800"}}')),
    )
    yield (
        "name-surrogate",
        "a name that no encoding can write",
        Malformed,
        (raw(b'{"\\udc00":' + one + b"}", bytes(8))),
    )
    yield "entry-no-object", "a tensor is a number", Malformed, _header({"a": 7})
    yield (
        "entry-lacks-shape",
        "a tensor has no shape",
        Malformed,
        (_header({"a": {"dtype": "F32", "data_offsets": [0, 8]}})),
    )
    yield "dtype-unknown", "a dtype that does not exist", Malformed, _header({"a": _entry("F7")})
    yield (
        "dtype-of-torch",
        "a dtype that only torch files have",
        Malformed,
        (_header({"a": _entry("C128", [1], [0, 16])}, bytes(16))),
    )
    yield (
        "dtype-no-text",
        "a dtype that is a list",
        Malformed,
        (_header({"a": {"dtype": [], "shape": [2], "data_offsets": [0, 8]}})),
    )
    yield "shape-negative", "a shape below zero", Malformed, _header({"a": _entry(shape=[-2])})
    yield "shape-float", "a shape of 2.0", Malformed, _header({"a": _entry(shape=[2.0])})
    yield (
        "shape-true",
        "a shape of true, which Python takes for 1",
        Malformed,
        (_header({"a": _entry("F64", [True])})),
    )
    yield "shape-object", "a shape that is an object", Malformed, _header({"a": _entry(shape={})})
    yield (
        "shape-wraps",
        "a shape whose product wraps to 2 in 64 bits",
        TooLarge,
        (_header({"a": _entry(shape=[2**33 + 1, 2**31, 2])})),
    )
    yield (
        "shape-wraps-to-zero",
        "a wrapping product, hidden by a zero",
        TooLarge,
        (_header({"a": _entry(shape=[2**40, 2**40, 0], offsets=[0, 0])}, b"")),
    )
    yield (
        "rank-of-1000",
        "a tensor of a thousand dimensions, of too few values",
        Malformed,
        (_header({"a": _entry(shape=[1] * 1000)})),
    )
    yield "shape-too-small", "fewer values than bytes", Malformed, _header({"a": _entry(shape=[1])})
    yield (
        "half-a-byte",
        "three values of four bits",
        Malformed,
        (_header({"a": _entry("F4", [3], [0, 2])}, bytes(2))),
    )
    yield (
        "offsets-negative",
        "bytes that begin in the header",
        Malformed,
        (_header({"a": _entry(offsets=[-8, 0])})),
    )
    yield (
        "offsets-backwards",
        "bytes that end before they begin",
        Malformed,
        (_header({"a": _entry(offsets=[8, 0])})),
    )
    yield "offsets-three", "three offsets", Malformed, _header({"a": _entry(offsets=[0, 4, 8])})
    yield (
        "offsets-beyond-64-bits",
        "an offset that wraps",
        Malformed,
        (_header({"a": _entry(offsets=[2**64, 2**64 + 8])})),
    )
    yield (
        "overlap",
        "two tensors over each other",
        Malformed,
        (_header({"a": good, "b": _entry(offsets=[4, 12])}, bytes(12))),
    )
    yield "cut-off", "the last tensor is cut off", Malformed, _header({"a": good}, bytes(7))


_CALL = build.symbol("os", "getcwd") + b")R"


def _zip_with(value: bytes, tensors: dict[str, T] | None = None) -> bytes:
    return build.torch_zip({"a": ramp("F32", 4)} if tensors is None else tensors, value)


def _rebuilt(
    numel: int, offset: int, shape: list[int], strides: list[int], kind: str = "FloatStorage"
) -> bytes:
    storage = build.storage_id(build.symbol("torch", kind), "0", numel)
    args = build.values(
        storage, build.number(offset), build.numbers(shape), build.numbers(strides), b"\x89", b"N"
    )
    return build.dictionary({"a": build.symbol("torch._utils", "_rebuild_tensor_v2") + args + b"R"})


def _zips() -> Iterator[_Row]:
    tensors = {"a": ramp("F32", 4)}
    good = build.torch_zip(tensors)
    pkl = build.pickled(build.state_dict(tensors))
    data = tensors["a"].data
    a = build.tensor("0", tensors["a"])

    yield "cut-off", "the end, where the directory is, is missing", Malformed, good[:-30]
    yield "bytes-after", "bytes after the zip's end", Malformed, good + b"more"
    yield "bytes-before", "a zip that begins within the file", Malformed, b"PK\x03\x04" + good
    yield (
        "two-pickles",
        "two data.pkl: readers differ on which one counts",
        Malformed,
        (build.zipped({"a/data.pkl": pkl, "b/data.pkl": pkl, "a/data/0": data})),
    )
    yield (
        "name-out",
        "a name that leads out of the zip",
        Malformed,
        (build.zipped({"a/data.pkl": pkl, "a/data/0": data, "../../a": b""})),
    )
    yield (
        "name-absolute",
        "a name that begins at the root",
        Malformed,
        (build.zipped({"a/data.pkl": pkl, "a/data/0": data, "/etc/a": b""})),
    )
    yield (
        "name-twice",
        "two entries of one name",
        Malformed,
        (
            build.zipped({"a/data.pkl": pkl, "a/data/0": data, "a/data/1": data}).replace(
                b"a/data/1", b"a/data/0"
            )
        ),
    )
    yield (
        "no-entry-there",
        "the directory says that an entry begins where none does",
        Malformed,
        (good.replace(b"PK\x03\x04", b"PK\x03\x05", 2).replace(b"PK\x03\x05", b"PK\x03\x04", 1)),
    )
    yield (
        "entries-over-each-other",
        "an entry that lies over others",
        Malformed,
        (_patched(good, b"archive/data/0", 20, struct.pack("<II", 1 << 20, 1 << 20))),
    )
    yield (
        "two-sizes",
        "stored, but with two sizes",
        Malformed,
        (_patched(good, b"archive/data/0", 20, struct.pack("<II", 8, 16))),
    )
    yield (
        "encrypted",
        "encrypted entries",
        Unread,
        (_patched(good, b"archive/data/0", 8, struct.pack("<H", 0x809))),
    )
    yield (
        "directory-elsewhere",
        "the end record points elsewhere",
        Malformed,
        (good[:-6] + struct.pack("<I", 0) + good[-2:]),
    )
    yield (
        "a-million-entries",
        "the end record claims more entries than bytes",
        Malformed,
        (good[:-14] + struct.pack("<HH", 20_000, 20_000) + good[-10:]),
    )
    yield (
        "bomb",
        "a compressed file that would fill the disk",
        Unread,
        (build.python_zip({"a/data.pkl": pkl, "a/data/0": bytes(1 << 20)}, ZIP_DEFLATED)),
    )
    yield "no-torch", "a zip of something else", Unread, build.python_zip({"a.txt": b"hello"})
    yield (
        "byteorder-of-marmalade",
        "a byte order that does not exist",
        Malformed,
        (build.torch_zip(tensors, byteorder="marmalade")),
    )
    yield (
        "storage-missing",
        "a tensor whose storage is not there",
        Malformed,
        (_zip_with(build.dictionary({"a": build.tensor("7", tensors["a"])}))),
    )
    yield (
        "storage-too-long",
        "a storage of more bytes than its entry",
        Malformed,
        (_zip_with(_rebuilt(1000, 0, [4], [1]))),
    )
    yield (
        "offset-beyond",
        "a tensor that begins after its storage",
        Malformed,
        (_zip_with(_rebuilt(4, 4, [1], [1]))),
    )
    yield (
        "offset-negative",
        "a tensor that begins before its storage",
        Malformed,
        (_zip_with(_rebuilt(4, -4, [4], [1]))),
    )
    yield (
        "stride-beyond",
        "strides that reach beyond the storage",
        Malformed,
        (_zip_with(_rebuilt(4, 0, [2, 2], [3, 1]))),
    )
    yield (
        "stride-negative",
        "strides that reach before the storage",
        Malformed,
        (_zip_with(_rebuilt(4, 0, [2, 2], [-1, 1]))),
    )
    yield (
        "stride-zero",
        "a row that is repeated and reaches beyond the storage",
        Malformed,
        (_zip_with(_rebuilt(4, 0, [1 << 20, 1 << 20], [0, 1]))),
    )
    yield (
        "shape-wraps",
        "a shape whose product wraps in 64 bits",
        TooLarge,
        (_zip_with(_rebuilt(4, 0, [2**40, 2**40], [0, 0]))),
    )
    yield (
        "storage-unknown",
        "a storage type that torch does not have",
        Malformed,
        (_zip_with(_rebuilt(4, 0, [4], [1], "QuantumStorage"))),
    )
    yield (
        "persistent-id",
        "something outside that is no storage",
        Malformed,
        (_zip_with(build.values(build.text("module"), build.text("os")) + b"Q")),
    )
    yield (
        "set-items-of-tensor",
        "SETITEM on a tensor (CVE-2026-24747)",
        Malformed,
        (_zip_with(a + build.number(0) + build.number(1) + b"s")),
    )
    yield "append-to-text", "APPEND to a text", Malformed, _zip_with(build.text("a") + b"Na")
    yield "build-of-list", "BUILD of a list", Malformed, _zip_with(b"]}b")
    yield (
        "extension",
        "an extension code, which names a global in disguise",
        Malformed,
        (_zip_with(b"\x82\x01")),
    )
    yield "memo-missing", "a value that was never stored", Malformed, _zip_with(b"h\x07")
    yield "stack-empty", "takes from an empty stack", Malformed, _zip_with(b"00R")
    yield "two-values", "leaves two values", Malformed, _zip_with(b"NN")
    yield (
        "no-stop",
        "the pickle does not end",
        Malformed,
        (build.zipped({"a/data.pkl": pkl[:-1], "a/data/0": data})),
    )
    yield "damaged", "an opcode that does not exist", Malformed, _zip_with(b"\xff")
    yield (
        "a-million-steps",
        "a pickle that only takes time",
        TooLarge,
        _zip_with(b"N0" * 500_000 + b"N"),
    )
    yield "marks", "marks upon marks", TooLarge, _zip_with(b"(" * 5_000)
    yield (
        "nested-1000-deep",
        "dicts in dicts",
        TooLarge,
        (_zip_with(b"".join(b"}" + build.text("a") for _ in range(1000)) + a + b"s" * 1000)),
    )
    yield (
        "name-control",
        "a name that moves the cursor of a terminal",
        Malformed,
        (_zip_with(build.dictionary({"\x1b[2J": a}))),
    )
    yield (
        "name-surrogate",
        "a name that no encoding can write",
        Malformed,
        (_zip_with(build.dictionary({"\ud800": a}))),
    )
    yield (
        "name-of-10000",
        "a name of 10,000 characters",
        TooLarge,
        (_zip_with(build.dictionary({"n" * 10_000: a}))),
    )


def _patched(data: bytes, name: bytes, at: int, value: bytes) -> bytes:
    """With bytes changed `at` an offset into the directory's entry of this name."""
    entry = data.rindex(name) - 46
    return data[: entry + at] + value + data[entry + at + len(value) :]


def _legacy() -> Iterator[_Row]:
    tensors = {"a": ramp("F32", 4), "b": ramp("F32", 2)}
    good = build.torch_legacy(tensors)
    magic = build.pickled(build.number(build.MAGIC))

    yield "cut-off", "the last storage is cut off", Malformed, good[:-1]
    yield "bytes-after", "bytes after the last storage", Malformed, good + b"more"
    yield (
        "protocol",
        "a protocol that torch never had",
        Malformed,
        (magic + build.pickled(build.number(7)) + good[60:]),
    )
    yield "pickles-cut-off", "ends within its pickles", Malformed, good[:70]
    yield (
        "count",
        "a storage's own count is not what the pickle says",
        Malformed,
        (good[: -8 - 8] + struct.pack("<q", 3) + good[-8:]),
    )
    yield (
        "storage-missing",
        "a tensor whose storage is not listed",
        Malformed,
        (
            build.torch_legacy(
                {"a": tensors["a"]}, build.dictionary({"a": build.tensor("9", tensors["a"], True)})
            )
        ),
    )
    view = build.values(build.text("v"), build.number(3), build.number(9))
    kind = build.symbol("torch", "FloatStorage")
    args = build.values(
        build.storage_id(kind, "0", 4, view),
        *(build.number(0), build.numbers([4]), build.numbers([1]), b"\x89", b"N"),
    )
    yield (
        "view-beyond",
        "a view that reaches beyond its storage",
        Malformed,
        (
            build.torch_legacy(
                {"a": tensors["a"]},
                build.dictionary(
                    {"a": build.symbol("torch._utils", "_rebuild_tensor_v2") + args + b"R"}
                ),
            )
        ),
    )
    yield (
        "storage-two-ways",
        "one storage described in two ways",
        Malformed,
        (
            build.torch_legacy(
                {"a": tensors["a"]},
                build.dictionary(
                    {
                        "a": build.tensor("0", ramp("F32", 4), True),
                        "b": build.tensor("0", ramp("F16", 4), True),
                    }
                ),
            )
        ),
    )
    yield (
        "a-million-steps",
        "a pickle that only takes time",
        TooLarge,
        (magic + build.pickled(b"N0" * 500_000 + b"N")),
    )


def _gguf() -> Iterator[_Row]:
    good = build.gguf({"a": ramp("F32", 8)})

    def one(sizes: list[int], kind: int = 0, offset: int = 0, data: bytes = bytes(64)) -> bytes:
        header = build.gguf_header({}, [build.gguf_tensor("a", sizes, kind, offset)])
        return header + bytes(-len(header) % 32) + data

    yield "cut-off", "the last tensor is cut off", Malformed, good[:-1]
    yield "cut-in-header", "the header is cut off", Malformed, good[:40]
    yield (
        "tensors-beyond-count",
        "more tensors than bytes",
        TooLarge,
        build.gguf_header({}, [], counts=(2**40, 0)),
    )
    yield (
        "pairs-beyond-count",
        "more values than bytes",
        TooLarge,
        build.gguf_header({}, [], counts=(0, 2**62)),
    )
    yield (
        "count-too-large",
        "a tensor that is not there",
        Malformed,
        good.replace(b"a", b"a" * 9, 1),
    )
    words = (9).to_bytes(4, "little") + (8).to_bytes(4, "little")
    yield (
        "words-beyond-count",
        "a list of 2^60 words",
        TooLarge,
        build.gguf_header({}, [], counts=(0, 1))
        + build.gguf_text("a")
        + words
        + b"\0" * 7
        + b"\x10",
    )
    numbers = (9).to_bytes(4, "little") + (10).to_bytes(4, "little")
    yield (
        "numbers-beyond-file",
        "a list of 2^61 numbers, whose bytes wrap",
        Malformed,
        build.gguf_header({}, [], counts=(0, 1))
        + build.gguf_text("a")
        + numbers
        + struct.pack("<Q", 2**61),
    )
    yield (
        "lists-of-lists",
        "a list of lists",
        Malformed,
        build.gguf_header({}, [], counts=(0, 1))
        + build.gguf_text("a")
        + struct.pack("<IIQ", 9, 9, 1 << 40),
    )
    yield (
        "text-of-exabytes",
        "a key longer than the file",
        Malformed,
        build.gguf_header({}, [], counts=(0, 1)) + struct.pack("<Q", 2**63) + b"a",
    )
    yield (
        "type-of-value",
        "a value of a type that does not exist",
        Malformed,
        build.gguf_header({}, [], counts=(0, 1)) + build.gguf_text("a") + struct.pack("<I", 77),
    )
    yield (
        "alignment-zero",
        "an alignment by which nothing can be divided",
        Malformed,
        build.gguf({"a": ramp("F32", 8)}, {"general.alignment": 0}),
    )
    yield (
        "alignment-odd",
        "an alignment of 48",
        Malformed,
        build.gguf({"a": ramp("F32", 8)}, {"general.alignment": 48}),
    )
    yield (
        "alignment-text",
        "an alignment in words",
        Malformed,
        build.gguf({"a": ramp("F32", 8)}, {"general.alignment": 0.5}),
    )
    yield "rank-of-five", "a tensor of five dimensions", Malformed, one([1, 1, 1, 1, 8])
    yield "size-negative", "a size that is below zero in a loader", Malformed, one([2**63])
    yield "shape-wraps", "a shape whose product wraps", TooLarge, one([2**33 + 1, 2**31, 2])
    yield (
        "shape-wraps-to-zero",
        "a wrapping product, hidden by a zero",
        TooLarge,
        one([2**40, 2**40, 0]),
    )
    yield "offset-beyond", "a tensor beyond the file", Malformed, one([8], 0, 1 << 40)
    yield "offset-wraps", "an offset that wraps", Malformed, one([8], 0, 2**64 - 32)
    yield "offset-askew", "a tensor beside the alignment", Malformed, one([4], 0, 4)
    yield "half-a-block", "a row of half a block", Malformed, one([16], 8)
    yield "no-block", "a single number of a type of blocks", Malformed, one([], 8)
    pair = [build.gguf_tensor("a", (16,), 0, 0), build.gguf_tensor("b", (8,), 0, 32)]
    header = build.gguf_header({}, pair)
    yield (
        "overlap",
        "two tensors over each other",
        Malformed,
        header + bytes(-len(header) % 32) + bytes(128),
    )
    twice = build.gguf_header({}, [build.gguf_tensor("a", (1,), 0, 0)] * 2)
    yield (
        "name-twice",
        "two tensors of one name",
        Malformed,
        twice + bytes(-len(twice) % 32) + bytes(128),
    )
    yield (
        "old-version",
        "a version of which nobody reads",
        Unread,
        build.gguf_header({}, [], version=1),
    )
    yield (
        "big-endian",
        "by a big-endian machine, with counts that are none there",
        TooLarge,
        build.gguf_header({}, [], version=3 << 24, counts=(1, 1)),
    )


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for case in hostile():
        (folder / case.name).write_bytes(case.data)
        print(f"{case.name:<40}{case.error.__name__:<12}{case.lie}")


if __name__ == "__main__":
    main()
