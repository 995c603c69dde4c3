"""The tensors digest, version 1: what weights a file holds, free of names, order and container.

In go a listing and the file's bytes in order; out comes 32 bytes, or the reason why not.

    digest = BLAKE3("reseen tensors-blake3 1\\n" + lines)
    lines  = sorted lines "F16 320,4 <64 hex>\\n", one a tensor: dtype, shape, BLAKE3 of its values
             (row-major, little-endian, without holes), in ASCII, sorted by their bytes

Tensors without values do not count. A file whose tensors hold fewer than 512 values, not counting
tensors of one repeated value, has no such digest: a few alphas, or fresh zeros, are the same in
files that have nothing to do with each other.

Values are hashed as they stream by. Only a torch file's transposed or big-endian tensors are held,
one after the other, to be laid out first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from blake3 import blake3

from reseen.files.tensors import Listing, TensorInfo, unit_of

MIN_VALUES = 512
"""Values in tensors that are not constant; the smallest textual inversion has 768."""
HELD_LIMIT = 64 << 20
"""Bytes of transposed or big-endian tensors that are held at a time in order to be laid out."""
TWICE = 2
"""A torch file's tensors may share bytes; in all they may need this many times the file's size."""


@dataclass(slots=True)
class _Running:
    """One tensor that is streaming by."""

    info: TensorInfo
    hash: blake3
    held: bytearray | None
    """Its bytes, where they must be laid out before they are hashed."""
    unit: bytes = b""
    """Its first value, while all so far are like it."""
    constant: bool = True
    looked: int = 0
    """Bytes compared with the first value so far."""


class TensorsDigest:
    """State of one pass: `feed` every byte of the file in order, then `finish`."""

    def __init__(self, listing: Listing, size: int) -> None:
        self._why_not = _why_not(listing.tensors, size)
        self._waiting = [] if self._why_not else [t for t in listing.tensors if t.length]
        self._waiting.sort(key=lambda t: t.start, reverse=True)
        self._running: list[_Running] = []
        self._lines: list[bytes] = []
        self._values = 0

    def feed(self, chunk: memoryview, start: int) -> None:
        """The bytes of the file that begin at `start`, following those of the last call."""
        end = start + len(chunk)
        while self._waiting and self._waiting[-1].start < end:
            info = self._waiting.pop()
            self._running.append(_Running(info, blake3(), bytearray() if _turned(info) else None))
        going_on = []
        for running in self._running:
            info = running.info
            part = chunk[max(info.start - start, 0) : info.start + info.length - start]
            if running.held is None:
                running.hash.update(part)
                _look(running, part)
            else:
                running.held += part
            if info.start + info.length <= end:
                self._end(running)
            else:
                going_on.append(running)
        self._running = going_on

    def finish(self) -> tuple[bytes | None, str | None]:
        """The digest, or None and why there is none. Every byte must have been fed."""
        if self._waiting or self._running:
            self._why_not = "its tensors are not where its header was said to put them"
        elif self._why_not is None and self._values < MIN_VALUES:
            self._why_not = "its tensors hold too few values to tell it from others"
        if self._why_not is not None:
            return None, self._why_not
        text = b"reseen tensors-blake3 1\n" + b"".join(sorted(self._lines))
        return blake3(text).digest(), None

    def _end(self, running: _Running) -> None:
        info = running.info
        if running.held is not None:
            from reseen.files.values import row_major  # here, for numpy takes its time

            for laid_out in row_major(info, running.held):
                running.hash.update(laid_out)
                _look(running, memoryview(laid_out))
            running.held = None
        shape = ",".join(map(str, info.shape))
        self._lines.append(f"{info.dtype} {shape} {running.hash.hexdigest()}\n".encode())
        if not running.constant:
            self._values += prod(info.shape)


def _turned(info: TensorInfo) -> bool:
    """Whether its bytes are not as safetensors would store them."""
    return info.strides is not None or info.byteorder != "little"


def _why_not(tensors: Sequence[TensorInfo], size: int) -> str | None:
    """Why no digest can be had at a bearable price, known from the listing alone."""
    if sum(t.length for t in tensors) > TWICE * size:
        return "its tensors share bytes too often to digest each"
    edges = []
    for tensor in filter(_turned, tensors):
        edges += [(tensor.start, tensor.length), (tensor.start + tensor.length, -tensor.length)]
    held = 0
    for _, length in sorted(edges):
        held += length
        if held > HELD_LIMIT:
            return "tensors that are stored transposed are too large to lay out"
    return None


def _look(running: _Running, part: memoryview) -> None:
    """Note whether the tensor goes on repeating its first value. Nearly always settled at once."""
    if not running.constant:
        return
    width = unit_of(running.info.dtype)
    running.unit += bytes(part[: width - len(running.unit)])
    if len(running.unit) < width:
        running.looked += len(part)
        return
    second = part[width : 2 * width]
    if not running.looked and len(second) == width and second != running.unit:
        running.constant = False  # as nearly always
        return
    step = 1 << 14
    for at in range(0, len(part), step):
        piece = bytes(part[at : at + step])
        first = running.looked % width
        turned = running.unit[first:] + running.unit[:first]
        running.looked += len(piece)
        if piece != (turned * (len(piece) // width + 1))[: len(piece)]:
            running.constant = False
            return
