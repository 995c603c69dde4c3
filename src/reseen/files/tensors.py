"""What every container reader gives: the tensors of a file by name, and where their bytes stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from reseen.files import limits
from reseen.records import Container

DTYPE_BITS: Mapping[str, int] = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "C128": 128,
}
"""Names as safetensors writes them, with bits an element. C128 occurs in torch files only."""


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """How values of a quantised type are stored: so many together, in so many bytes."""

    values: int
    bytes: int


BLOCKS: Mapping[str, PackedBlock] = {
    name: PackedBlock(values, bytes)
    for values, sizes in {
        32: "Q4_0 18, Q4_1 20, Q5_0 22, Q5_1 24, Q8_0 34, Q8_1 36, IQ4_NL 18, MXFP4 17",
        64: "NVFP4 36",
        128: "Q1_0 18",
        256: "Q2_K 84, Q3_K 110, Q4_K 144, Q5_K 176, Q6_K 210, Q8_K 292, IQ1_S 50, IQ1_M 56, "
        "IQ2_XXS 66, IQ2_XS 74, IQ2_S 82, IQ3_XXS 98, IQ3_S 110, IQ4_XS 136, TQ1_0 54, TQ2_0 66",
    }.items()
    for name, bytes in ((each.split()[0], int(each.split()[1])) for each in sizes.split(", "))
}
"""Types of GGUF files that have no bits an element (ggml-common.h); their rows are whole blocks."""


def length_of(dtype: str, values: int) -> int:
    """Bytes of so many values; of a quantised type, of the blocks that they fill."""
    block = BLOCKS.get(dtype)
    if block is None:
        return -(-values * DTYPE_BITS[dtype] // 8)
    return -(-values // block.values) * block.bytes


def unit_of(dtype: str) -> int:
    """Bytes after which the same values look the same again."""
    if dtype in BLOCKS:
        return BLOCKS[dtype].bytes
    bits = DTYPE_BITS[dtype]
    return 3 if bits == 6 else max(bits // 8, 1)


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor as a header lists it."""

    name: str
    dtype: str
    """A key of DTYPE_BITS or BLOCKS, whatever the container calls it."""
    shape: tuple[int, ...]
    start: int
    """Where its bytes begin, counted from the start of the file."""
    length: int
    """Bytes from the first to the last that it needs."""
    strides: tuple[int, ...] | None = None
    """In elements; None for row-major without holes. Only torch files have others."""
    byteorder: str = "little"
    """Only torch files and GGUF can say "big"."""


def listed_of(tensors: Sequence[TensorInfo]) -> tuple[tuple[TensorInfo, ...], dict[str, int]]:
    """Those that may be shown and stored, under plain names: a layer's name is short, its shape
    too, and a control character in it stands for nothing, so that it hides no layer. And how many
    others hold numbers, for `not_listed`."""
    names = {tensor.name for tensor in tensors}
    listed: list[TensorInfo] = []
    odd = 0
    for tensor in tensors:
        plain = tensor.name if tensor.name.isprintable() else _CONTROL.sub("_", tensor.name)
        is_taken = plain != tensor.name and plain in names
        if is_taken or len(plain) > limits.NAME_LENGTH or len(tensor.shape) > limits.RANK:
            odd += bool(tensor.length)
        elif plain == tensor.name:
            listed.append(tensor)
        else:
            names.add(plain)
            listed.append(replace(tensor, name=plain))
    return tuple(listed), {NO_MODEL_HAS: odd} if odd else {}


def can_be_cut(info: TensorInfo) -> bool:
    """Whether rows of a tensor begin at whole bytes, and lie one after the other."""
    if info.strides is not None or len(info.shape) < 2:
        return False
    columns = prod(info.shape[1:])
    if info.dtype in BLOCKS:
        return columns % BLOCKS[info.dtype].values == 0
    bits = DTYPE_BITS[info.dtype]
    return columns * bits % (24 if bits == 6 else 8) == 0


def rows_of(info: TensorInfo, first: int, count: int) -> TensorInfo:
    """Some rows of a tensor that `can_be_cut`, as a matrix: to be read alone."""
    columns = prod(info.shape[1:])
    row = length_of(info.dtype, columns)
    return replace(info, shape=(count, columns), start=info.start + first * row, length=count * row)


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
OUTSIDE = "bytes of the file that no tensor takes"
NO_MODEL_HAS = "tensors whose names or shapes no model has: not read"
"""They can be a file of their own: many a program opens a zip by its end."""
GAP = 1 << 12
"""Bytes in a row from which that is said: no alignment leaves as many."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The header of one file: all that can be known without reading a weight."""

    container: Container
    tensors: tuple[TensorInfo, ...]
    """In the order of their bytes."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What the file says of itself. Hostile: never trusted, escaped at the edge."""
    data_start: int = 0
    """Where the data section begins, counted from the start of the file."""
    header_bytes: int = 0
    """Bytes read to learn all this."""
    remarks: tuple[str, ...] = ()
    """Oddities that are no error, e.g. a symbol that a pickle names."""
    not_listed: Mapping[str, int] = field(default_factory=dict)
    """Reason -> how many things that hold numbers are in the file and are not read."""
    second: tuple[TensorInfo, ...] = ()
    """Of a model in several files, those under a name that a file before theirs has, too: loaders
    differ in which they heed."""
