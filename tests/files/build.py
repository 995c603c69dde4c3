"""Model files made in code, for tests: safetensors, torch zip, torch legacy.

The pickles are put together opcode by opcode, in the shape that torch writes, without torch.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import prod

from reseen.files.gguf import _TYPES as GGUF_TYPES
from reseen.files.tensors import DTYPE_BITS, length_of

MAGIC = 0x1950A86A20F9469CFC6C


@dataclass(frozen=True)
class T:
    """A tensor to be written."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes
    """All bytes of its storage."""
    strides: tuple[int, ...] | None = None
    offset: int = 0


def ramp(dtype: str, *shape: int, seed: int = 0) -> T:
    """A tensor of different, harmless values: bytes that count."""
    length = length_of(dtype, prod(shape))
    block = bytes((seed * 31 + i * 7 + (i >> 8)) % 60 for i in range(length))
    return T(dtype, shape, block)


def with_header(header: bytes, data: bytes = b"", pad: bool = True) -> bytes:
    if pad:
        header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data


def safetensors(
    tensors: Mapping[str, T], metadata: Mapping[str, str] | None = None, compact: bool = True
) -> bytes:
    """A file whose tensors lie in the order given."""
    header: dict[str, object] = {}
    if metadata is not None:
        header["__metadata__"] = dict(metadata)
    at = 0
    for name, tensor in tensors.items():
        end = at + len(tensor.data)
        header[name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [at, end],
        }
        at = end
    separators = (",", ":") if compact else (", ", ": ")
    text = json.dumps(header, separators=separators).encode()
    return with_header(text, b"".join(t.data for t in tensors.values()))


STORAGES = {
    "F64": "DoubleStorage",
    "F32": "FloatStorage",
    "F16": "HalfStorage",
    "BF16": "BFloat16Storage",
    "I64": "LongStorage",
    "U8": "ByteStorage",
}
DTYPES = {"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "U16": "uint16"}


def text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def symbol(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def values(*parts: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(parts) + b"t"


def numbers(shape: Sequence[int]) -> bytes:
    return values(*map(number, shape))


def storage_id(kind: bytes, key: str, numel: int, view: bytes | None = None) -> bytes:
    parts = [text("storage"), kind, text(key), text("cpu"), number(numel)]
    return values(*parts, *([view] if view is not None else [])) + b"Q"


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


def tensor(key: str, t: T, legacy: bool = False) -> bytes:
    """The pickled call that rebuilds a tensor."""
    view = b"N" if legacy else None
    shape, strides = numbers(t.shape), numbers(t.strides or row_major(t.shape))
    hooks = symbol("collections", "OrderedDict") + b")R"
    if t.dtype in STORAGES:
        kind = symbol("torch", STORAGES[t.dtype])
        numel = len(t.data) * 8 // DTYPE_BITS[t.dtype]
        args = [
            storage_id(kind, key, numel, view),
            number(t.offset),
            shape,
            strides,
            b"\x89",
            hooks,
        ]
        return symbol("torch._utils", "_rebuild_tensor_v2") + values(*args) + b"R"
    kind = symbol("torch.storage", "UntypedStorage")
    args = [storage_id(kind, key, len(t.data), view), number(t.offset), shape, strides, b"\x89"]
    args += [hooks, symbol("torch", DTYPES[t.dtype])]
    return symbol("torch._utils", "_rebuild_tensor_v3") + values(*args) + b"R"


def dictionary(pairs: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in pairs.items()) + b"u"


def sequence(parts: Sequence[bytes]) -> bytes:
    return b"](" + b"".join(parts) + b"e"


def state_dict(tensors: Mapping[str, T], legacy: bool = False) -> bytes:
    return dictionary(
        {name: tensor(str(i), t, legacy) for i, (name, t) in enumerate(tensors.items())}
    )


def pickled(value: bytes, protocol: int = 2) -> bytes:
    return b"\x80" + bytes([protocol]) + value + b"."


def torch_zip(
    tensors: Mapping[str, T], value: bytes | None = None, byteorder: str | None = None
) -> bytes:
    """A zip as torch lays it out. `value`: the pickled object, by default a dict of the tensors."""
    entries = {"archive/data.pkl": pickled(state_dict(tensors) if value is None else value)}
    if byteorder is not None:
        entries["archive/byteorder"] = byteorder.encode()
    for i, t in enumerate(tensors.values()):
        entries[f"archive/data/{i}"] = t.data
    entries["archive/version"] = b"3\n"
    return zipped(entries)


def zipped(entries: Mapping[str, bytes]) -> bytes:
    """Stored, aligned to 64 bytes, sizes in a descriptor behind: torch's way."""
    out, directory = bytearray(), bytearray()
    for name, data in entries.items():
        raw, at = name.encode(), len(out)
        start = at + 30 + len(raw) + 4
        padding = -start % 64
        extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
        fixed = struct.pack("<HHHHH", 0, 0x808, 0, 0, 0)
        out += b"PK\x03\x04" + fixed + bytes(12) + struct.pack("<HH", len(raw), len(extra))
        out += raw + extra + data
        sizes = struct.pack("<III", 0, len(data), len(data))
        out += b"PK\x07\x08" + sizes
        directory += b"PK\x01\x02" + bytes(2) + fixed + sizes
        directory += struct.pack("<HHHHHII", len(raw), 0, 0, 0, 0, 0, at) + raw
    end = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), len(out), 0)
    return bytes(out + directory) + b"PK\x05\x06" + end


def python_zip(entries: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """The same entries as the standard library writes them."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", compression) as zipped_file:
        for name, data in entries.items():
            zipped_file.writestr(zipfile.ZipInfo(name), data, compression)
    return out.getvalue()


def torch_legacy(tensors: Mapping[str, T], value: bytes | None = None) -> bytes:
    system = dictionary({"protocol_version": number(1001), "little_endian": b"\x88"})
    if value is None:
        value = state_dict(tensors, legacy=True)
    keys = sequence([text(str(i)) for i in range(len(tensors))])
    out = b"".join(pickled(p) for p in (number(MAGIC), number(1001), system, value, keys))
    for t in tensors.values():
        out += struct.pack("<q", len(t.data) * 8 // DTYPE_BITS.get(t.dtype, 8)) + t.data
    return out


def gguf_text(value: str | bytes, order: str = "<") -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(f"{order}Q", len(raw)) + raw


def gguf_value(value: object, order: str = "<") -> bytes:
    """A value with its type before it: a text, a number, or a list of texts or of numbers."""
    if isinstance(value, str):
        return struct.pack(f"{order}I", 8) + gguf_text(value, order)
    if isinstance(value, float):
        return struct.pack(f"{order}If", 6, value)
    if isinstance(value, int):
        return struct.pack(f"{order}II", 4, value)
    assert isinstance(value, Sequence)
    if value and isinstance(value[0], str):
        words = b"".join(gguf_text(one, order) for one in value)
        return struct.pack(f"{order}IIQ", 9, 8, len(value)) + words
    return struct.pack(f"{order}IIQ{len(value)}i", 9, 5, len(value), *value)


def gguf_header(
    pairs: Mapping[str, object],
    tensors: Sequence[bytes],
    *,
    version: int = 3,
    counts: tuple[int | None, int | None] = (None, None),
    order: str = "<",
) -> bytes:
    """`counts`: of tensors and of pairs, where they lie."""
    many, told = counts
    head = b"GGUF" + struct.pack(
        f"{order}IQQ",
        version,
        len(tensors) if many is None else many,
        len(pairs) if told is None else told,
    )
    told_pairs = b"".join(
        gguf_text(key, order) + gguf_value(value, order) for key, value in pairs.items()
    )
    return head + told_pairs + b"".join(tensors)


def gguf_tensor(name: str, sizes: Sequence[int], kind: int, offset: int, order: str = "<") -> bytes:
    """`sizes` as the file has them: the innermost first."""
    told = struct.pack(f"{order}I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)
    return gguf_text(name, order) + told


def gguf(
    tensors: Mapping[str, T],
    pairs: Mapping[str, object] | None = None,
    alignment: int = 32,
    order: str = "<",
) -> bytes:
    """A file whose tensors lie in the order given; of a big-endian machine (">") its header, and
    their bytes as they are."""
    kinds = {dtype: kind for kind, dtype in GGUF_TYPES.items()}
    if alignment != 32:
        pairs = {**(pairs or {}), "general.alignment": alignment}
    entries, data = [], b""
    for name, tensor in tensors.items():
        data += bytes(-len(data) % alignment)
        sizes = tensor.shape[::-1]
        entries.append(gguf_tensor(name, sizes, kinds[tensor.dtype], len(data), order))
        data += tensor.data
    header = gguf_header(pairs or {}, entries, order=order)
    return header + bytes(-len(header) % alignment) + data
