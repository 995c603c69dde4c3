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
from typing import Protocol

from blake3 import blake3

from reseen.files.tensors import DTYPE_BITS, Listing, TensorInfo

MIN_VALUES = 512
"""Values in tensors that are not constant; the smallest textual inversion has 768."""
HELD_LIMIT = 64 << 20
"""Bytes of transposed or big-endian tensors that are held at a time in order to be laid out."""
TWICE = 2
"""A torch file's tensors may share bytes; in all they may need this many times the file's size."""


class Consumer(Protocol):
    """Someone else who wants the tensors of the same pass, such as the sketch."""

    def begin(self, listing: Listing) -> None:
        """Called once, before any tensor, when the file's tensors are known."""

    def wants(self, info: TensorInfo) -> bool:
        """Whether `take` shall be called with this tensor; it is held in memory until then."""

    def take(self, info: TensorInfo, data: bytes) -> None:
        """The `info.length` bytes at `info.start`, once they have all streamed by: in the order in
        which tensors end in the file, on the thread that calls `update`."""


@dataclass(slots=True)
class _Running:
    """One tensor that is streaming by."""

    info: TensorInfo
    hash: blake3 | None
    held: bytearray | None
    """Its bytes, where they must be laid out or handed on."""
    handed_on: bool
    unit: bytes = b""
    """Its first value, while all so far are like it."""
    constant: bool = True
    looked: int = 0
    """Bytes compared with the first value so far."""


class TensorsDigest:
    """State of one pass: `feed` every byte of the file in order, then `finish`."""

    def __init__(self, listing: Listing, size: int, consumer: Consumer | None = None) -> None:
        self._why_not = _why_not(listing.tensors, size)
        self._waiting = [t for t in listing.tensors if t.length]
        self._waiting.sort(key=lambda t: t.start, reverse=True)
        self._running: list[_Running] = []
        self._lines: list[bytes] = []
        self._values = 0
        self._consumer = consumer
        if consumer is not None:
            consumer.begin(listing)

    def feed(self, chunk: memoryview, start: int) -> None:
        """The bytes of the file that begin at `start`, following those of the last call."""
        end = start + len(chunk)
        while self._waiting and self._waiting[-1].start < end:
            self._running.append(self._begin(self._waiting.pop()))
        going_on = []
        for running in self._running:
            info = running.info
            part = chunk[max(info.start - start, 0) : info.start + info.length - start]
            if running.held is not None:
                running.held += part
            if running.hash is not None:
                running.hash.update(part)
                _look(running, part)
            if info.start + info.length <= end:
                self._end(running)
            else:
                going_on.append(running)
        self._running = going_on

    def finish(self) -> tuple[bytes | None, str | None]:
        """The digest, or None and why there is none. Every byte must have been fed."""
        if self._why_not is None and self._values < MIN_VALUES:
            self._why_not = "its tensors hold too few values to tell it from others"
        if self._why_not is not None:
            return None, self._why_not
        text = b"reseen tensors-blake3 1\n" + b"".join(sorted(self._lines))
        return blake3(text).digest(), None

    def _begin(self, info: TensorInfo) -> _Running:
        wanted = self._consumer is not None and self._consumer.wants(info)
        lay_out = _must_lay_out(info) and self._why_not is None
        return _Running(
            info,
            hash=blake3() if self._why_not is None and not lay_out else None,
            held=bytearray() if lay_out or wanted else None,
            handed_on=wanted,
        )

    def _end(self, running: _Running) -> None:
        info = running.info
        data = bytes(running.held) if running.held is not None else b""
        running.held = None
        if self._why_not is None:
            if running.hash is None:
                from reseen.files.values import row_major  # here, for numpy takes its time

                running.hash = blake3()
                laid_out = row_major(info, data)
                running.hash.update(laid_out)
                _look(running, memoryview(laid_out))
            shape = ",".join(map(str, info.shape))
            self._lines.append(f"{info.dtype} {shape} {running.hash.hexdigest()}\n".encode())
            if not running.constant:
                self._values += prod(info.shape)
        if self._consumer is not None and running.handed_on:
            self._consumer.take(info, data)


def _must_lay_out(info: TensorInfo) -> bool:
    return info.strides is not None or info.byteorder != "little"


def _why_not(tensors: Sequence[TensorInfo], size: int) -> str | None:
    """Why no digest can be had at a bearable price, known from the listing alone."""
    if sum(t.length for t in tensors) > TWICE * size:
        return "its tensors share bytes too often to digest each"
    edges = []
    for tensor in filter(_must_lay_out, tensors):
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
    bits = DTYPE_BITS[running.info.dtype]
    width = 3 if bits == 6 else max(bits // 8, 1)
    running.unit += bytes(part[: width - len(running.unit)])
    if len(running.unit) < width:
        running.looked += len(part)
        return
    step = 1 << 14
    for at in range(0, len(part), step):
        piece = part[at : at + step]
        first = running.looked % width
        turned = running.unit[first:] + running.unit[:first]
        running.looked += len(piece)
        if piece != (turned * (len(piece) // width + 1))[: len(piece)]:
            running.constant = False
            return
