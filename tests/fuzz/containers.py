"""Model files: safetensors, torch's zip and its older form, and whatever else may lie there.

Honest files with changes, and files by a grammar: pickles opcode by opcode, headers field by field.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from zipfile import ZIP_DEFLATED

from tests.files import build
from tests.files.build import T, ramp
from tests.fuzz import chance
from tests.fuzz.chance import MARKER, mutated, number, small, word
from tests.fuzz.play import Broken, FuzzedReader
from tests.hostile.make import hostile

from reseen.errors import FileError
from reseen.files import containers, lfs_pointer
from reseen.files.archives import BY_PROCESS
from reseen.files.identify import HEAD_LENGTH, identify
from reseen.files.source import Memory, Range, run
from reseen.files.tensors import DTYPE_BITS
from reseen.files.values import row_major, to_float32
from reseen.fingerprints.digests import Fingerprinter, WholeFile, look_inside
from reseen.fingerprints.known_bogus import why_no_model
from reseen.gate.upload_work import from_json, read_upload, to_json
from reseen.records import Fingerprint

WORDS = [
    *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"-", b"e9", b"\\ud800", b"null", b"\0", b"\xff"),
    *(b"__metadata__", b"dtype", b"shape", b"data_offsets", b"F4", b"F6_E2M3", b"C128", b"BF16"),
    *(b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"),
    *(b"(", b"t", b"R", b"b", b"0", b"2", b"h\x00", b"q\x00", b"Q", b"}", b"]", b"u", b"e", b"."),
    *(b"\x85", b"\x86", b"\x87", b"\x93", b"\x94", b"\x81", b"\x92", b"\x8f", b"\x90", b"\x8d"),
    *(b"cos\nsystem\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch\nFloatStorage\n"),
    *(b"ctorch._utils\n_rebuild_parameter\n", b"ccollections\nOrderedDict\n", MARKER.encode()),
]
LARGEST = 1 << 15

TENSORS = {
    "lora_unet_a.lora_up.weight": ramp("F16", 8, 4),
    "lora_unet_a.lora_down.weight": ramp("F32", 4, 6),
    "lora_unet_a.alpha": ramp("BF16"),
    "b": ramp("F8_E4M3", 3, 3),
    "c": ramp("U16", 4),
}
TURNED = {**TENSORS, "d": T("F32", (3, 4), bytes(48), strides=(1, 3))}


@dataclass(frozen=True)
class ModelFile:
    data: bytes
    piece: int
    """Bytes that come at a time."""
    thorough: bool


def read(file: ModelFile) -> object:
    """A file in all the ways in which one is read: as a stream, by range, tensor by tensor."""
    data, memory = file.data, Memory(file.data)
    inside = run(memory, look_inside(len(data), thorough=True))
    found = _streamed(data, file.piece, None), _streamed(data, file.piece, inside)
    whole = WholeFile(len(data))
    whole.update(data)
    if not set(whole.finish().digests) <= set(found[1].digests):
        raise Broken("the digests of a file depend on how it is read")
    listing = run(memory, containers.read_listing(len(data), thorough=file.thorough))
    values: list[object] = []
    for info in listing.tensors:
        if info.start < 0 or info.start + info.length > len(data):
            raise Broken("a tensor outside the file")
        part = memory.read(Range(info.start, info.length))
        try:
            numbers = to_float32(info, part)
            laid_out = sum(len(some) for some in row_major(info, part))
            values.append((numbers.shape, numbers.dtype.name, laid_out))
        except FileError as error:
            values.append(str(error))
    return (
        found,
        listing.remarks and len(listing.remarks),
        [t.length for t in listing.tensors],
        values,
    )


def _streamed(data: bytes, piece: int, inside: object) -> Fingerprint:
    pass_ = Fingerprinter(len(data), inside)  # type: ignore[arg-type]
    for at in range(0, len(data), piece):
        pass_.update(data[at : at + piece])
    return pass_.finish()


def model_file(data: bytes, rng: Random) -> ModelFile:
    return ModelFile(data, rng.choice((1 << 20, 1 << 20, 1000, 64)), chance.chance(rng, 2))


@cache
def hostile_files(container: str) -> tuple[bytes, ...]:
    begins: Callable[[bytes], bool] = {
        "safetensors": lambda data: data[8:9] in b" {",
        "zip": lambda data: data[:2] == b"PK",
        "legacy": lambda data: data[:1] == b"\x80",
        "gguf": lambda data: data[:4] == b"GGUF",
    }[container]
    return tuple(c.data for c in hostile() if len(c.data) <= LARGEST and begins(c.data))


@cache
def _safetensors_files() -> tuple[bytes, ...]:
    good = (
        build.safetensors(TENSORS),
        build.safetensors({}, {"a": "b"}),
        build.safetensors({**TENSORS, "e": ramp("F4", 8), "f": ramp("F6_E3M2", 8)}, {"k": "v"}),
        build.safetensors({f"t{i}": ramp("F16", 2, i) for i in range(20)}),
    )
    return 4 * good + hostile_files("safetensors")


def safetensors(rng: Random) -> ModelFile:
    if chance.chance(rng, 2.5):
        return model_file(_by_fields(rng), rng)
    files = _safetensors_files()
    data = mutated(rng.choice(files), rng, WORDS, files, LARGEST)
    if chance.chance(rng, 2) and b"}}" in data[8:]:
        # Put the length right that the mutation broke, so that what comes after is reached.
        data = struct.pack("<Q", data.rindex(b"}}") + 2 - 8) + data[8:]
    return model_file(data, rng)


def _by_fields(rng: Random) -> bytes:
    """A header whose every field is drawn; mostly one thing in it is odd, and the bytes fit."""
    header: dict[str, object] = {}
    at = 0
    odd = rng.choice((0, 20, 4))
    for _ in range(rng.randrange(6)):
        dtype = rng.choice([*DTYPE_BITS, "F16", "F32", "BF16"])
        shape: list[object] = [small(rng) for _ in range(rng.choice((0, 1, 2, 2, 4, 9)))]
        length = DTYPE_BITS[dtype] * int(_product(shape)) // 8 if len(shape) < 9 else 0
        length = min(length, 4096)
        entry: dict[str, object] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [at, at + length],
        }
        at += length
        if odd and chance.chance(rng, odd):
            entry[rng.choice([*entry])] = rng.choice(
                (number(rng), [number(rng), number(rng)], [number(rng) for _ in range(3)], [1.0, 2])
                if chance.chance(rng, 2)
                else (chance.json_value(rng), rng.choice([*DTYPE_BITS, "F7", "f16"]))
            )
        header[word(rng) if chance.chance(rng, 2) else f"t{len(header)}.lora_up.weight"] = entry
    if chance.chance(rng, 2):
        header["__metadata__"] = metadata(rng)
    try:
        text = json.dumps(header)
    except ValueError:  # more digits than Python writes
        text = repr(rng.choice(chance.ODD_NUMBERS))
    if chance.chance(rng, 8):
        text = chance.json_text(json.loads(text) if text[:1] == "{" else {}, rng)
    return build.with_header(
        text.encode("utf-8", "surrogatepass"), bytes(at), chance.chance(rng, 2)
    )


def metadata(rng: Random) -> object:
    """What a file says of itself: the keys that are read, with values of every kind."""
    if chance.chance(rng, 20):
        return chance.json_value(rng)
    keys = (
        "sshs_model_hash",
        "sshs_legacy_hash",
        "modelspec.hash_sha256",
        "format",
        "ss_tag_frequency",
    )
    return {
        rng.choice((*keys, word(rng))): rng.choice(
            (chance.digits(rng), word(rng), chance.number_text(rng), "0x" + chance.digits(rng))
        )
        for _ in range(rng.randrange(5))
    }


def _product(shape: Sequence[object]) -> int:
    found = 1
    for size in shape:
        found *= int(size)  # type: ignore[call-overload]
    return found


@cache
def _zips() -> tuple[bytes, ...]:
    wrapped = build.dictionary(
        {"state_dict": build.state_dict(TURNED), "epoch": build.number(1), "x": b"]"}
    )
    good = (
        build.torch_zip(TURNED),
        build.torch_zip(TURNED, wrapped, byteorder="big"),
        build.torch_zip({"a": ramp("F32", 2)}, build.sequence([build.tensor("0", ramp("F32", 2))])),
        build.python_zip({"a/data.pkl": build.pickled(b"N"), "a/data/0": b"x"}),
        build.python_zip({"a/data.pkl": build.pickled(b"N"), "a/data/0": b"x"}, ZIP_DEFLATED),
    )
    return 4 * good + hostile_files("zip")


def torch_zip(rng: Random) -> ModelFile:
    files = _zips()
    return model_file(mutated(rng.choice(files), rng, WORDS, files, LARGEST), rng)


@cache
def _legacy_files() -> tuple[bytes, ...]:
    good = (
        build.torch_legacy(TURNED),
        build.torch_legacy({"a": ramp("F16", 9)}),
        build.torch_legacy({"a": ramp("U16", 9), "b": ramp("F8_E5M2", 2)}),
    )
    return 4 * good + hostile_files("legacy")


def torch_legacy(rng: Random) -> ModelFile:
    files = _legacy_files()
    return model_file(mutated(rng.choice(files), rng, WORDS, files, LARGEST), rng)


# -- pickles, by a grammar ------------------------------------------------------------------------

_SYMBOLS = (
    *(("torch._utils", f"_rebuild_{kind}") for kind in ("tensor", "tensor_v2", "tensor_v3")),
    *(("torch._utils", f"_rebuild_{kind}") for kind in ("parameter", "qtensor", "sparse_tensor")),
    *(
        ("torch", kind)
        for kind in ("FloatStorage", "HalfStorage", "BFloat16Storage", "Size", "uint16")
    ),
    *(
        ("torch", kind)
        for kind in ("QInt8Storage", "float8_e4m3fn", "device", "Tensor", "NoStorage")
    ),
    *(("torch.storage", kind) for kind in ("UntypedStorage", "TypedStorage", "_load_from_bytes")),
    *(("torch._tensor", "_rebuild_from_type_v2"), ("torch.nn.parameter", "Parameter")),
    *(("collections", "OrderedDict"), ("collections", "defaultdict"), ("builtins", "set")),
    *(
        ("builtins", "complex"),
        ("builtins", "bytearray"),
        ("builtins", "getattr"),
        ("os", "getcwd"),
    ),
    *(("numpy.core.multiarray", "_reconstruct"), ("numpy", "dtype"), ("numpy", "ndarray")),
    *(("numpy.core.multiarray", "scalar"), ("_codecs", "encode"), ("argparse", "Namespace")),
)


def whole_number(rng: Random) -> bytes:
    """A number in any of a pickle's forms."""
    value = number(rng)
    kind = rng.randrange(7)
    if kind == 0:
        return b"I%s\n" % chance.number_text(rng)[:6000].encode("utf-8", "replace").replace(
            b"\n", b""
        )
    if kind == 1:
        return b"L%sL\n" % chance.number_text(rng)[:6000].encode("utf-8", "replace").replace(
            b"\n", b""
        )
    if kind == 2:
        return b"M" + struct.pack("<H", value & 0xFFFF)
    if kind == 3:
        return b"F%s\n" % chance.number_text(rng)[:400].encode("utf-8", "replace").replace(
            b"\n", b""
        )
    if kind == 4:
        return b"G" + struct.pack(">Q", value & 2**64 - 1)
    raw = value.to_bytes((value.bit_length() >> 3) + 1, "little", signed=True)
    if kind == 5 or len(raw) > 255:
        length = len(raw) if not chance.chance(rng, 20) else number(rng) & 2**32 - 1
        return b"\x8b" + struct.pack("<I", length) + raw
    return b"\x8a" + bytes([len(raw)]) + raw


def _text(rng: Random) -> bytes:
    raw = word(rng).encode("utf-8", "surrogatepass")
    kind = rng.randrange(8)
    if kind == 0:
        return b"\x8c" + bytes([len(raw) & 255]) + raw[:255]
    if kind == 1:
        return b"\x8d" + struct.pack("<Q", len(raw)) + raw
    if kind == 2:
        return b"V" + raw.replace(b"\n", b"") + b"\n"
    if kind == 3:
        return b"U" + bytes([len(raw) & 255]) + raw[:255]
    if kind == 4:
        return b"S'" + raw.replace(b"\n", b"").replace(b"'", b"") + b"'\n"
    if kind == 5:
        return b"T" + struct.pack("<i", len(raw)) + raw
    if kind == 6:
        return (
            rng.choice((b"B" + struct.pack("<I", len(raw)), b"\x8e" + struct.pack("<Q", len(raw))))
            + raw
        )
    return b"X" + struct.pack("<I", len(raw)) + raw


def _value(rng: Random, depth: int = 0) -> bytes:
    kind = rng.randrange(14 if depth < 5 else 5)
    if kind <= 1:
        return whole_number(rng)
    if kind == 2:
        return _text(rng)
    if kind == 3:
        return rng.choice(
            (b"N", b"\x88", b"\x89", b"]", b"}", b")", b"\x8f", b"h\x00", b"j\x01\x00\x00\x00")
        )
    if kind == 4:
        return build.symbol(*rng.choice(_SYMBOLS))
    if kind == 5:
        return _tensor(rng)
    some = [_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 6:
        return build.values(*some)
    if kind == 7:
        return build.sequence(some)
    if kind == 8:
        return b"}(" + b"".join(_value(rng, depth + 1) + each for each in some) + b"u"
    if kind == 9:
        return (
            build.symbol(*rng.choice(_SYMBOLS)) + build.values(*some) + rng.choice((b"R", b"\x81"))
        )
    if kind == 10:
        state = _value(rng, depth + 1)
        return build.symbol(*rng.choice(_SYMBOLS)) + b")R" + state + b"b"
    if kind == 11:
        return _value(rng, depth + 1) + rng.choice(
            (b"\x94", b"q\x00", b"r\x01\x00\x00\x00", b"20", b"p0\n")
        )
    if kind == 12:
        return build.values(*some) + b"Q"
    return (
        b"("
        + b"".join(_value(rng, depth + 1) for _ in some)
        + rng.choice((b"d", b"l", b"t", b"1", b"\x90"))
    )


def _tensor(rng: Random) -> bytes:
    """A tensor's own call, each of its numbers drawn: mostly it fits a storage of 96 bytes."""
    odd = rng.choice((0, 10, 3))

    def some(usual: Sequence[int]) -> bytes:
        return (
            whole_number(rng)
            if odd and chance.chance(rng, odd)
            else build.number(rng.choice(usual))
        )

    kind = build.symbol(
        "torch", rng.choice([*build.STORAGES.values(), "FloatStorage", "NoStorage"])
    )
    key = _text(rng) if odd and chance.chance(rng, odd) else build.text(rng.choice("000123"))
    id = [build.text("storage"), kind, key, build.text("cpu"), some((24, 12, 4))]
    if chance.chance(rng, 6):
        id.append(rng.choice((b"N", build.values(build.text("v"), some((0, 1)), some((1, 2))))))
    rank = rng.choice((0, 1, 2, 2, 3))
    shape = build.values(*(some((0, 1, 2, 3)) for _ in range(rank)))
    strides = build.values(
        *(some((0, 1, 2, 3)) for _ in range(rank if not odd else rng.choice((rank, 2))))
    )
    args = [build.values(*id) + b"Q", some((0, 0, 1)), shape, strides, b"\x89"]
    args += [build.symbol("collections", "OrderedDict") + b")R"]
    name = rng.choice(
        ("_rebuild_tensor_v2", "_rebuild_tensor_v2", "_rebuild_tensor", "_rebuild_tensor_v3")
    )
    if name.endswith("v3"):
        args.append(build.symbol("torch", rng.choice(("float8_e4m3fn", "uint16", "int64", "x"))))
    if odd and chance.chance(rng, odd):
        args = args[: rng.randrange(len(args))]
    return build.symbol("torch._utils", name) + build.values(*args) + b"R"


def torch_pickle(rng: Random) -> ModelFile:
    """A torch file that is sound but for its pickle."""
    legacy = chance.chance(rng, 3)
    if chance.chance(rng, 3):
        value = build.state_dict(TURNED, legacy)
        value = mutated(value, rng, WORDS, [value], LARGEST)
    elif chance.chance(rng, 4):
        value = _value(rng)
    else:
        pairs = b"".join(
            (_text(rng) if chance.chance(rng, 2) else build.text(f"t{n}.lora_up.weight"))
            + (_tensor(rng) if chance.chance(rng, 1.5) else _value(rng))
            for n in range(rng.randrange(1, 6))
        )
        value = b"}(" + pairs + b"u"
    return model_file((build.torch_legacy if legacy else build.torch_zip)(TURNED, value), rng)


# -- anything else --------------------------------------------------------------------------------

_HEADS = (
    *(
        b"GGUF\x03\0\0\0",
        b"\x93NUMPY\x01\0v\0",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"7z\xbc\xaf\x27\x1c",
    ),
    *(b"Rar!\x1a\x07", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x08\x07\x12"),
    *(
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
        b"\x80\x02",
        b"\x80\x05\x95",
        b"\x80\x04\x95",
        b"",
    ),
    *(b"<!doctype html><title>", b"\xef\xbb\xbf<?xml", b"{}", b"\x10\0\0\0\0\0\0\0{", b"\0" * 8),
    *(
        b"version https://git-lfs.github.com/spec/v1\n",
        b"version https://hawser.github.com/spec/v1\n",
    ),
)


def other_file(rng: Random) -> ModelFile:
    """The beginnings of other formats, pointers, pages, and noise."""
    head = rng.choice(_HEADS)
    if head.startswith(b"version") and not chance.chance(rng, 4):
        extra = b"".join(b"ext-%d-foo sha256:ab\n" % n for n in range(rng.choice((0, 0, 1, 17))))
        said = chance.number_text(rng).encode("utf-8", "replace")
        oid = chance.digits(rng, 64).encode("utf-8", "replace")
        data = (
            head
            + extra
            + b"oid sha256:"
            + oid
            + b"\nsize "
            + said
            + rng.choice((b"\n", b"", b"\r\n"))
        )
        if chance.chance(rng, 2):
            data = mutated(data, rng, WORDS)
        return model_file(data, rng)
    data = head + rng.randbytes(rng.choice((0, 1, 8, 30, 300, 512, 2000)))
    if chance.chance(rng, 3):
        data = data[:257].ljust(257, b"\0") + b"ustar" + data[262:]
    return model_file(mutated(data, rng, WORDS, _HEADS), rng)


def read_other(file: ModelFile) -> object:
    whole = WholeFile(len(file.data))
    whole.update(file.data)
    found = lfs_pointer.parse(file.data), why_no_model(file.data[:512], whole.finish())
    return found, read(file)


@dataclass(frozen=True)
class _Every:
    """All files are of the class that is never read, or none is."""

    forbidden: bool

    def is_never_read(self, kind: int, value: bytes) -> bool:
        return self.forbidden


def upload(rng: Random) -> ModelFile:
    make = rng.choice((safetensors, torch_zip, torch_pickle, torch_legacy, other_file))
    made = make(rng)
    if identify(made.data[:HEAD_LENGTH], len(made.data)) in BY_PROCESS and chance.chance(rng, 1.02):
        return torch_zip(rng)  # to start a process takes as long as many inputs
    return made


def read_uploaded(file: ModelFile) -> object:
    """A file as the process reads it that an upload has, and what it tells of it."""

    def read(classes: _Every | None) -> Fingerprint:
        pieces = (file.data[at : at + file.piece] for at in range(0, len(file.data), file.piece))
        return read_upload(pieces, len(file.data), classes)

    found = read(None)
    if from_json(json.loads(json.dumps(to_json(found)))) != found:
        raise Broken("what is told of an upload is not what was read")
    if file.thorough:
        whole = set(read(_Every(True)).digests)
        if not whole <= set(found.digests) or read(_Every(False)) != found:
            raise Broken("the digests of an upload depend on its class")
    return found


READERS = (
    FuzzedReader("upload", upload, read_uploaded),
    FuzzedReader("safetensors", safetensors, read),
    FuzzedReader("torch-zip", torch_zip, read),
    FuzzedReader("torch-legacy", torch_legacy, read),
    FuzzedReader("torch-pickle", torch_pickle, read),
    FuzzedReader("other-file", other_file, read_other),
)
