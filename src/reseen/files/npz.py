"""Numpy's archives (.npz): a zip of arrays, each a short header and its numbers.

In go a zip's directory and ranges of the file, out comes a `Listing` whose tensors are places in
it. Arrays of pickled objects are counted and never opened; an archive that numpy compressed has no
places, and is refused.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import re
from math import prod

from reseen.errors import Malformed, TooLarge, Unread
from reseen.files import limits
from reseen.files.source import Reader
from reseen.files.tensors import Listing, TensorInfo, length_of, listed_of
from reseen.files.zip_directory import STORED, Windows, ZipEntry, by_name, start_told
from reseen.records import Container

ARRAYS_OF_OBJECTS = "numpy arrays of pickled objects: never opened"
"""Why an array is not listed."""
COMPRESSED = "a compressed archive of numpy arrays is matched by its digests only"
"""Why an archive is not listed: its arrays have no places. Where all of it is at hand it is written
again without (`zip_packed`)."""
OTHER_ARRAYS = "numpy arrays of a form that no tensor has"

_ENDING = ".npy"
_DTYPES = {
    "b1": "BOOL",
    "i1": "I8",
    "u1": "U8",
    "i2": "I16",
    "u2": "U16",
    "i4": "I32",
    "u4": "U32",
    "i8": "I64",
    "u8": "U64",
    "f2": "F16",
    "f4": "F32",
    "f8": "F64",
    "c8": "C64",
    "c16": "C128",
    "V2": "BF16",  # numpy knows no bfloat16 and writes its bytes
}
_HEADER = re.compile(
    rb"\{'descr': '([<>|=])([a-zA-Z])(\d{0,4})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,19}(?:, ?|(?=\))))*)\),? ?\}[ \n]*"
)
"""As numpy writes it. A type of several fields is a list and does not fit."""
_LONGEST = 10_000
"""Bytes of an array's header: what numpy itself takes."""
_FIRST = 256
"""Bytes of an entry that are read at once: its own header, its name, and an array's header."""
_SEPARATE_READS = 64
"""Arrays that are read one by one; what many small ones hold is worth no more questions."""


def is_one(entries: list[ZipEntry]) -> bool:
    """Whether a zip is such an archive: it holds arrays alone."""
    return bool(entries) and all(entry.raw.endswith(_ENDING.encode()) for entry in entries)


def read_listing(
    windows: Windows, entries: list[ZipEntry], *, thorough: bool = False
) -> Reader[Listing]:
    """List the arrays of an archive. For `thorough` see `containers`. Raises Malformed, TooLarge,
    or Unread for one that is compressed."""
    named = by_name(entries)
    if any(entry.method != STORED for entry in entries):
        raise Unread(COMPRESSED)
    if len(entries) > limits.TENSORS:
        raise TooLarge(f"the file holds more than {limits.TENSORS} tensors")
    if len(entries) > _SEPARATE_READS and not thorough:
        raise Unread("an archive of many numpy arrays is read as a local file only")
    tensors: list[TensorInfo] = []
    left_out: dict[str, int] = {}
    for name, entry in named.items():
        length = min(_FIRST + len(entry.raw), entry.end - entry.at)
        first = yield from windows.get(entry.at, length)
        entry.start = start_told(entry, first)
        found = yield from _array(windows, name.removesuffix(_ENDING), entry)
        if isinstance(found, str):
            left_out[found] = left_out.get(found, 0) + 1
        else:
            tensors.append(found)
    tensors.sort(key=lambda t: t.start)
    listed, odd = listed_of(tensors)
    return Listing(
        container=Container.NPZ,
        tensors=listed,
        header_bytes=windows.read,
        not_listed=left_out | odd,
    )


def _array(windows: Windows, name: str, entry: ZipEntry) -> Reader[TensorInfo | str]:
    """One array, or why it is not listed."""
    magic = yield from windows.get(entry.start, min(12, entry.size))
    if len(magic) < 12 or magic[:6] != b"\x93NUMPY" or magic[6] not in (1, 2, 3):
        raise Malformed("an array of the archive does not begin as numpy's do")
    wide = 2 if magic[6] == 1 else 4
    length = int.from_bytes(magic[8 : 8 + wide], "little")
    if length > _LONGEST:
        raise TooLarge("the header of an array is longer than numpy takes")
    if 8 + wide + length > entry.size:
        raise Malformed("the header of an array is longer than the array")
    header = yield from windows.get(entry.start + 8 + wide, length)
    fits = _HEADER.fullmatch(header)
    if fits is None:
        return OTHER_ARRAYS
    order, kind, width, turned, sizes = (part.decode() for part in fits.groups())
    if kind == "O":
        return ARRAYS_OF_OBJECTS
    dtype = _DTYPES.get(kind + width)
    if dtype is None:
        return OTHER_ARRAYS
    shape = tuple(int(size) for size in sizes.replace(",", " ").split())
    limits.product(shape)
    start, size = entry.start + 8 + wide + length, entry.size - 8 - wide - length
    if length_of(dtype, prod(shape)) != size:
        raise Malformed("an array's shape and type do not fit its bytes")
    strides = None
    if turned == "True" and len(shape) > 1:
        strides = tuple(prod(shape[:n]) for n in range(len(shape)))
    byteorder = "big" if order == ">" and length_of(dtype, 1) > 1 else "little"
    return TensorInfo(name, dtype, shape, start, size, strides, byteorder)
