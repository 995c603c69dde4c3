"""The strict reader of safetensors files (https://github.com/huggingface/safetensors).

In go the size of a file and ranges of its bytes, out comes a `Listing`. It promises more than the
usual reader: no control characters, no wrapping number, bounded cost; and as that one, that no two
tensors lie over each other. Whatever it refuses it refuses with Malformed (the file lies) or
TooLarge (it asks for more than we give).

Bytes that no tensor takes, between them or behind the last, are a remark, and from `GAP` on
something that was not read. The usual reader refuses them, but ComfyUI's own takes each tensor from
its place (`load_safetensors` in comfy/utils.py): one byte more would hide a file that works there.

What the usual reader takes is not refused for one odd entry, which anyone can add to hide the
rest: a tensor whose name or shape no model has is not read, metadata beyond measure is not read,
and of a name that comes twice the last counts, as there. What is refused all the same keeps the
digest of its data section (`fingerprints.digests`).

Layout: u64 LE length N | N bytes of JSON | data section. The JSON is one object, tensor name ->
{dtype, shape, data_offsets} with offsets from the start of the data section, and `__metadata__`, a
flat map of strings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from reseen.errors import Malformed, TooLarge
from reseen.files import limits
from reseen.files.identify import CUT_OFF
from reseen.files.source import Range, Reader
from reseen.files.tensors import DTYPE_BITS, GAP, OUTSIDE, Listing, TensorInfo, listed_of
from reseen.records import Container

_Pairs = tuple[tuple[str, Any], ...]
"""A JSON object: a tuple of its pairs, so that a key that comes twice is seen, and no list."""

_FIELDS = {"dtype", "shape", "data_offsets"}


def read_listing(size: int, head: bytes = b"") -> Reader[Listing]:
    """Read the header of a file of `size` bytes: one range, two if it is longer than PROBE.

    `head`: bytes from the file's start that are at hand already.
    Raises Malformed or TooLarge.
    """
    if not head:
        head = yield Range(0, min(size, limits.PROBE))
    length = checked_length(head[:8], size)
    if len(head) < 8 + length:
        head += yield Range(len(head), 8 + length - len(head))
        if len(head) < 8 + length:
            raise Malformed(CUT_OFF)
    return parse_header(head[8 : 8 + length], size)


def checked_length(first: bytes, size: int) -> int:
    """The header's length from the file's first 8 bytes. Raises Malformed or TooLarge."""
    if len(first) < 8:
        raise Malformed(CUT_OFF)
    length = int.from_bytes(first, "little")
    if length > limits.HEADER_HARD_LIMIT:
        raise Malformed("the header claims more than 100 MB, which no reader takes")
    if length > size - 8:
        raise Malformed(CUT_OFF)
    if length > limits.HEADER_LIMIT:
        raise TooLarge(f"the header is longer than {limits.HEADER_LIMIT >> 20} MiB")
    return length


def parse_header(header: bytes, size: int) -> Listing:
    """Check and list the tensors of a header.

    `header`: the N bytes of JSON; `size`: bytes in the whole file.
    Raises Malformed or TooLarge.
    """
    data_start = 8 + len(header)
    entries = _parsed(header)
    remarks: list[str] = []
    metadata: Mapping[str, str] | None = None
    found: dict[str, TensorInfo] = {}
    for name, value in entries:
        if name == "__metadata__":
            if metadata is not None:
                raise Malformed("the header holds __metadata__ twice")
            metadata = _metadata(value, remarks)
            continue
        if name in found:
            _remark(remarks, "a tensor's name comes twice; the last one counts")
        found[name] = _tensor(name, value, data_start, remarks)
    if len(found) > limits.TENSORS:
        raise TooLarge(f"the file holds more than {limits.TENSORS} tensors")
    tensors = sorted(found.values(), key=lambda t: (t.start, t.length))
    end, gap = data_start, 0
    for tensor in tensors:
        if tensor.start < end and tensor.length:
            raise Malformed("the tensors overlap in the data section")
        gap = max(gap, tensor.start - end)
        end = max(end, tensor.start + tensor.length)
    if end > size:
        raise Malformed(CUT_OFF)
    gap = max(gap, size - end)
    if gap:
        remarks.append("not all readers take the file: it holds bytes that no tensor takes")
    listed, left_out = listed_of(tensors)
    if gap >= GAP:
        left_out[OUTSIDE] = 1
    return Listing(
        container=Container.SAFETENSORS,
        tensors=listed,
        metadata=metadata or {},
        data_start=data_start,
        header_bytes=data_start,
        remarks=tuple(remarks),
        not_listed=left_out,
    )


def layout(tensors: Iterable[TensorInfo]) -> bytes:
    """SHA-256 (32 bytes) of the multiset of (dtype, shape): free of names, order and values.

    One ASCII line a tensor, "F16 320,4", sorted, each ended by a line feed, after the line
    "reseen layout 1". Tensors without values do not count, for anyone can add them.
    """
    lines = sorted(
        f"{t.dtype} {','.join(map(str, t.shape))}\n".encode() for t in tensors if t.length
    )
    return hashlib.sha256(b"reseen layout 1\n" + b"".join(lines)).digest()


def _parsed(header: bytes) -> _Pairs:
    marks = sum(header.count(mark) for mark in (b",", b":", b"{", b"["))
    if marks > limits.HEADER_MARKS:
        raise TooLarge("the header holds too many values")
    if 2 * (len(header) + limits.text_made(header)) + marks * limits.VALUE > limits.HEADER_MADE:
        raise TooLarge("the header makes too much text and too many values")
    try:
        value = json.loads(
            header.decode(), object_pairs_hook=tuple, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError:
        raise Malformed("the header is not UTF-8") from None
    except RecursionError:
        raise Malformed("the header is nested too deeply") from None
    except ValueError:
        # Also a number of thousands of digits. The message would quote the file: leave it out.
        raise Malformed("the header is not JSON") from None
    if not isinstance(value, tuple):
        raise Malformed("the header is not a JSON object")
    pairs: _Pairs = value
    return pairs


def _refuse_constant(word: str) -> None:
    raise ValueError(word)


def _metadata(value: Any, remarks: list[str]) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, tuple):
        raise Malformed("__metadata__ is not an object")
    found: dict[str, str] = {}
    total = 0
    for key, text in value:
        if not isinstance(text, str):
            raise Malformed("__metadata__ holds something other than text")
        total += len(key) + len(text)
        for each in (key, text):
            if not each.isascii():
                limits.check_text(each, "__metadata__")
        if key in found:
            _remark(remarks, "a key comes twice in __metadata__; the last one counts")
        found[key] = text
    if total > limits.METADATA_LIMIT or len(value) > limits.METADATA_KEYS:
        remarks.append("__metadata__ is larger than any model's, and is not read")
        return {}
    return found


def _tensor(name: str, value: Any, data_start: int, remarks: list[str]) -> TensorInfo:
    if not name.isascii():
        limits.check_text(name, "a tensor's name")
    if type(value) is list and len(value) == 3:
        # The usual reader takes the fields in their order, too.
        value = tuple(zip(("dtype", "shape", "data_offsets"), value, strict=True))
    if not isinstance(value, tuple):
        raise Malformed("a tensor's entry is not an object")
    fields = dict(value)
    if len(fields) != len(value):
        raise Malformed("a tensor's entry holds a field twice")
    if fields.keys() != _FIELDS:
        if not fields.keys() >= _FIELDS:
            raise Malformed("a tensor's entry lacks dtype, shape or data_offsets")
        _remark(remarks, "a tensor's entry holds unknown fields")
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS or dtype == "C128":
        raise Malformed("a tensor has an unknown dtype")
    if not _are_numbers(shape):
        raise Malformed("a tensor's shape is not a list of whole numbers")
    if not _are_numbers(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise Malformed("a tensor's data_offsets are not a begin and an end")
    begin, end = offsets
    if limits.product(shape) * DTYPE_BITS[dtype] != (end - begin) * 8:
        raise Malformed("a tensor's shape and dtype do not fit its data_offsets")
    return TensorInfo(name, dtype, tuple(shape), data_start + begin, end - begin)


def _remark(remarks: list[str], remark: str) -> None:
    if remark not in remarks:
        remarks.append(remark)


def _are_numbers(value: Any) -> bool:
    if type(value) is not list:
        return False
    for number in value:
        # type(), for True is an int to isinstance.
        if type(number) is not int or not 0 <= number <= limits.NUMBER:
            return False
    return True
