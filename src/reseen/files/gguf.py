"""GGUF files (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): what they say of
themselves and where their tensors stand. A tensor, or some of its rows, can then be read alone.

In go the size of a file and ranges of its bytes, out comes a `Listing`. The header is read here and
not by the format's own package, which goes by counts that the file gives. It promises bounded cost,
that every tensor lies within the file, and that none lies over another. What numbers a tensor's
bytes are, `files.quants` knows.

Layout, little-endian or, where the version is so, big-endian: "GGUF" | u32 version | u64 tensors |
u64 pairs | pairs of key and value | tensors (name, sizes with the innermost first, type, offset) |
padding | data section.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from math import prod

from reseen.errors import Malformed, TooLarge, Unread
from reseen.files import limits
from reseen.files.identify import CUT_OFF
from reseen.files.source import Range, Reader
from reseen.files.tensors import BLOCKS, GAP, OUTSIDE, Listing, TensorInfo, length_of, listed_of
from reseen.records import Container

ODD_TYPES = "tensors of a GGUF type that is not known here"
"""Why a tensor is not listed: without its type nobody knows where it ends."""

_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    6: "Q5_0",
    7: "Q5_1",
    8: "Q8_0",
    9: "Q8_1",
    10: "Q2_K",
    11: "Q3_K",
    12: "Q4_K",
    13: "Q5_K",
    14: "Q6_K",
    15: "Q8_K",
    16: "IQ2_XXS",
    17: "IQ2_XS",
    18: "IQ3_XXS",
    19: "IQ1_S",
    20: "IQ4_NL",
    21: "IQ3_S",
    22: "IQ2_S",
    23: "IQ4_XS",
    24: "I8",
    25: "I16",
    26: "I32",
    27: "I64",
    28: "F64",
    29: "IQ1_M",
    30: "BF16",
    34: "TQ1_0",
    35: "TQ2_0",
    39: "MXFP4",
    40: "NVFP4",
    41: "Q1_0",
}
"""ggml's numbers of its types (ggml.h), by the names that they have here."""
_VALUES = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
"""Types of values with a fixed width, as `struct` writes them."""
_STRING, _ARRAY = 8, 9
_RANK = 4
_ORIGINAL_SHAPE = "comfy.gguf.orig_shape."
"""Beside a tensor's name: the shape that it had, for ggml has four dimensions and rows of whole
blocks."""


@dataclass(frozen=True, slots=True)
class _Numbers:
    """How the header's numbers are written."""

    order: str
    length: struct.Struct
    rank: struct.Struct
    shapes: tuple[struct.Struct, ...]
    """By rank: sizes, type, offset."""


_LITTLE, _BIG = (
    _Numbers(
        order,
        struct.Struct(f"{order}Q"),
        struct.Struct(f"{order}I"),
        tuple(struct.Struct(f"{order}{rank}QIQ") for rank in range(_RANK + 1)),
    )
    for order in "<>"
)
_FIXED = 8 + 4
"""Bytes of a tensor's entry beside its name, its sizes, its type and its offset."""
_ALIGNMENTS = tuple(1 << n for n in range(17))


class _Cursor:
    """The header as it is read on, a range at a time and each as long as all before."""

    def __init__(self, size: int, head: bytes) -> None:
        self._size = size
        self.data = bytearray(head)
        self.at = 0
        self.numbers = _LITTLE

    def need(self, length: int) -> Reader[int]:
        """Have so many bytes at hand, and go past them; where they begin. Raises Malformed where
        the file is shorter, TooLarge where the header is longer than we read."""
        end = self.at + length
        if end > self._size:
            raise Malformed(CUT_OFF)
        if end > limits.HEADER_LIMIT:
            raise TooLarge(f"the header is longer than {limits.HEADER_LIMIT >> 20} MiB")
        if end > len(self.data):
            wanted = max(end, min(2 * len(self.data), self._size, limits.HEADER_LIMIT))
            more = yield Range(len(self.data), wanted - len(self.data))
            self.data += more
            if end > len(self.data):
                raise Malformed(CUT_OFF)
        start, self.at = self.at, end
        return start

    def ahead(self, length: int) -> Reader[None]:
        """Have so many bytes at hand, and stay where we are."""
        at = yield from self.need(length)
        self.at = at

    def number(self, form: str) -> Reader[int]:
        return int((yield from self.value(form)))

    def value(self, form: str) -> Reader[float]:
        """One number, as `struct` writes it."""
        at = yield from self.need(struct.calcsize(f"<{form}"))
        found: float = struct.unpack_from(f"{self.numbers.order}{form}", self.data, at)[0]
        return found

    def text(self) -> Reader[bytes]:
        length = yield from self.number("Q")
        at = yield from self.need(length)
        return bytes(self.data[at : self.at])


def read_listing(size: int, head: bytes = b"") -> Reader[Listing]:
    """Read the header of a file of `size` bytes. `head`: bytes from its start at hand already.

    Raises Malformed, TooLarge, or Unread for a version that is not read.
    """
    cursor = _Cursor(size, head)
    start = yield from cursor.need(4)
    if cursor.data[start : start + 4] != b"GGUF":
        raise Malformed("it does not begin as GGUF does")
    version = yield from cursor.number("I")
    if version & 0xFFFFFF == 0:
        cursor.numbers, version = _BIG, version >> 24
    if version not in (2, 3):
        raise Unread("a GGUF file of another version is not read")
    tensors = yield from cursor.number("Q")
    pairs = yield from cursor.number("Q")
    if tensors > limits.TENSORS:
        raise TooLarge(f"the file holds more than {limits.TENSORS} tensors")
    if pairs > limits.METADATA_KEYS:
        raise TooLarge("the header holds too many values")
    told, shapes, alignment = yield from _pairs(cursor, pairs)
    found = yield from _tensors(cursor, tensors)
    data_start = -(-cursor.at // alignment) * alignment
    listed, left_out, gap = _placed(found, shapes, data_start, alignment, size)
    if cursor.numbers is _BIG:
        listed = tuple(replace(info, byteorder="big") for info in listed)
    if ODD_TYPES not in left_out and max(gap, data_start - cursor.at) >= GAP:
        left_out[OUTSIDE] = 1
    return Listing(
        container=Container.GGUF,
        tensors=listed,
        metadata=told,
        data_start=min(data_start, size),
        header_bytes=cursor.at,
        not_listed=left_out,
    )


_Found = tuple[str, tuple[int, ...], int, int]
"""Name, shape, type, offset."""


def _pairs(
    cursor: _Cursor, count: int
) -> Reader[tuple[dict[str, str], dict[str, tuple[int, ...]], int]]:
    """What the file says of itself: single values as text; the shapes that tensors had before; and
    the alignment of its data."""
    told: dict[str, str] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    alignment, strings, characters = 32, 0, 0
    for _ in range(count):
        key = _decoded((yield from cursor.text()))
        kind = yield from cursor.number("I")
        if kind == _ARRAY:
            inner = yield from cursor.number("I")
            length = yield from cursor.number("Q")
            if inner == _STRING:
                strings += length
                if strings > limits.STRINGS:
                    raise TooLarge("the header holds too many values")
                yield from _past_strings(cursor, length)
                continue
            at = yield from cursor.need(length * struct.calcsize(f"<{_form(inner)}"))
            if key.startswith(_ORIGINAL_SHAPE) and inner == 5 and length <= limits.RANK:
                shape = struct.unpack_from(f"{cursor.numbers.order}{length}i", cursor.data, at)
                shapes[key.removeprefix(_ORIGINAL_SHAPE)] = shape
            continue
        if kind == _STRING:
            value = _decoded((yield from cursor.text()))
        else:
            number = yield from cursor.value(_form(kind))
            if key == "general.alignment":
                if kind != 4 or number not in _ALIGNMENTS:
                    raise Malformed("the alignment is no power of two")
                alignment = int(number)
            value = str(number)
        characters += len(key) + len(value)
        if characters <= limits.METADATA_LIMIT:
            told[key] = value
    return told, shapes, alignment


def _past_strings(cursor: _Cursor, left: int) -> Reader[None]:
    """A list of words: a vocabulary has hundreds of thousands, and none of them is kept."""
    while left:
        data, at = cursor.data, cursor.at
        last = len(data) - 8
        while left and at <= last:
            end = at + 8 + cursor.numbers.length.unpack_from(data, at)[0]
            if end > len(data):
                break
            at, left = end, left - 1
        cursor.at = at
        if left:  # more of the header has to come
            yield from cursor.text()
            left -= 1


def _form(kind: int) -> str:
    if kind not in _VALUES:
        raise Malformed("a value of the header is of a type that no loader knows")
    return _VALUES[kind]


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _tensors(cursor: _Cursor, count: int) -> Reader[list[_Found]]:
    found: list[_Found] = []
    names: set[str] = set()
    numbers = cursor.numbers
    for _ in range(count):
        # Nearly always all of it is at hand: then nothing is asked for, and a file has thousands.
        if cursor.at + _FIXED > len(cursor.data):
            yield from cursor.ahead(_FIXED)
        (length,) = numbers.length.unpack_from(cursor.data, cursor.at)
        if cursor.at + _FIXED + length > len(cursor.data):
            yield from cursor.ahead(_FIXED + length)
        at = cursor.at + 8 + length
        name = _decoded(bytes(cursor.data[cursor.at + 8 : at]))
        if name in names:
            raise Malformed("a tensor's name comes twice")
        names.add(name)
        (rank,) = numbers.rank.unpack_from(cursor.data, at)
        if rank > _RANK:
            raise Malformed(f"a tensor has more than {_RANK} dimensions")
        form = numbers.shapes[rank]
        cursor.at = at + 4
        if cursor.at + form.size > len(cursor.data):
            yield from cursor.ahead(form.size)
        *sizes, kind, offset = form.unpack_from(cursor.data, cursor.at)
        cursor.at += form.size
        if max(sizes, default=0) > limits.NUMBER or offset > limits.NUMBER:
            raise Malformed("a tensor has a size that no loader takes")
        found.append((name, tuple(reversed(sizes)), kind, offset))
    return found


def _placed(
    found: list[_Found],
    shapes: dict[str, tuple[int, ...]],
    data_start: int,
    alignment: int,
    size: int,
) -> tuple[tuple[TensorInfo, ...], dict[str, int], int]:
    """The tensors that are listed, how many are not and why, and the most bytes in a row that are
    no tensor's."""
    infos: list[TensorInfo] = []
    odd = 0
    for name, shape, kind, offset in found:
        dtype = _TYPES.get(kind)
        limits.product(shape)
        if offset % alignment:
            raise Malformed("a tensor does not begin where the alignment puts it")
        if dtype is None:
            odd += 1
            continue
        if dtype in BLOCKS and (not shape or shape[-1] % BLOCKS[dtype].values):
            raise Malformed("a tensor's rows are not of whole blocks")
        start, length = data_start + offset, length_of(dtype, prod(shape))
        if start + length > size:
            raise Malformed(CUT_OFF)
        infos.append(TensorInfo(name, dtype, _shape(name, shape, shapes), start, length))
    infos.sort(key=lambda t: (t.start, t.length))
    end, gap = data_start, 0
    for info in infos:
        if info.start < end and info.length:
            raise Malformed("the tensors overlap in the data section")
        gap = max(gap, info.start - end)
        end = max(end, info.start + info.length)
    listed, left_out = listed_of(infos)
    if odd:
        left_out[ODD_TYPES] = odd
    return listed, left_out, max(gap, size - end)


def _shape(
    name: str, shape: tuple[int, ...], shapes: dict[str, tuple[int, ...]]
) -> tuple[int, ...]:
    """The shape that a tensor had before it was put into rows, if the file tells one that fits."""
    before = shapes.get(name)
    if before is None or min(before, default=0) < 1 or prod(before) != prod(shape):
        return shape
    return before
