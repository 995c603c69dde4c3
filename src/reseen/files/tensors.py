"""What every container reader gives: the tensors of a file by name, and where their bytes stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
class TensorInfo:
    """One tensor as a header lists it."""

    name: str
    dtype: str
    """A key of DTYPE_BITS, whatever the container calls it."""
    shape: tuple[int, ...]
    start: int
    """Where its bytes begin, counted from the start of the file."""
    length: int
    """Bytes from the first to the last that it needs."""
    strides: tuple[int, ...] | None = None
    """In elements; None for row-major without holes. Only torch files have others."""
    byteorder: str = "little"
    """Only torch files can say "big"."""


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
