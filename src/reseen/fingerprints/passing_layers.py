"""Some layers of a checkpoint that passes by as a stream: an upload is read once, in order.

What comes in: the bytes of a file. What goes out: the same bytes; and in the end the sketch of some
layers, drawn anew for each file, so that nobody foresees which. Their bytes are put aside in a file
without a name, of no more than `MOST_BYTES`, which is gone with this. Of safetensors files alone:
others have their directory elsewhere, or are kept whole while they are read.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from types import TracebackType

from reseen.errors import FileError, bulkhead
from reseen.files import limits
from reseen.files.safetensors import read_listing
from reseen.files.source import Memory, OpenSpool, run
from reseen.fingerprints.layer_bytes import tensors_of
from reseen.fingerprints.weights_read import WeightsRead, read_weights
from reseen.updates.modules import ModulePlan
from reseen.updates.whole_weights import WeightsPlan, plan_weights

MOST_LAYERS = 96
"""More than 64, from which anything is certain: a base may lack some."""
MOST_BYTES = 2 << 30
_LENGTH = 8
"""Bytes in which a safetensors file says how long its header is."""


class PassingLayers:
    """The layers of one file of `size` bytes. A context: what is put aside goes with it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._head = bytearray()
        self._header: int | None = None
        self._plan: WeightsPlan | None = None
        self._wanted: list[tuple[int, int]] = []
        """(first byte, byte behind the last), ascending."""
        self._next = self._at = 0
        self._aside: int | None = None
        """The file without a name, by its descriptor."""

    def __enter__(self) -> PassingLayers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        if self._aside is not None:
            os.close(self._aside)

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces."""
        for piece in pieces:
            if self._header is None or self._at < self._header:
                self._look(piece)
            if self._wanted:
                self._put_aside(piece)
            self._at += len(piece)
            yield piece

    def read(self) -> WeightsRead | None:
        """The sketch of the layers that were put aside, once all has passed, and those that could
        not be read; None where it is no checkpoint of known layers, or none can be read."""
        if self._plan is None or self._aside is None:
            return None
        source = OpenSpool(self._aside, self._size)
        try:
            with bulkhead():
                return run(source, read_weights(self._plan))
        except FileError:
            return None

    def _look(self, piece: bytes) -> None:
        """Gather the header, and when it is there choose the layers. What came of the data with it
        is put aside by `_put_aside`, or from here."""
        self._head += piece
        if self._header is None and len(self._head) >= _LENGTH:
            said = int.from_bytes(self._head[:_LENGTH], "little")
            self._header = _LENGTH + said if said <= limits.HEADER_LIMIT else 0
        if self._header is None or len(self._head) < self._header:
            return
        head, self._head = bytes(self._head), bytearray()
        if not self._header:
            return
        with suppress(FileError), bulkhead():
            listing = run(Memory(head), read_listing(self._size))
            made = plan_weights(listing)
            if made is not None:
                self._plan = chosen = _drawn(made)
                infos = tensors_of([(module,) for module in chosen.modules])
                self._wanted = sorted((i.start, i.start + i.length) for i in infos)

    def _put_aside(self, piece: bytes) -> None:
        end = self._at + len(piece)
        view = memoryview(piece)
        for start, stop in self._wanted[self._next :]:
            if start >= end:
                break
            begin = max(start, self._at)
            if begin < (last := min(stop, end)):
                self._write(view[begin - self._at : last - self._at], begin)
        while self._next < len(self._wanted) and self._wanted[self._next][1] <= end:
            self._next += 1

    def _write(self, data: memoryview, at: int) -> None:
        try:
            if self._aside is None:
                with tempfile.TemporaryFile("w+b", buffering=0, prefix="reseen-") as made:
                    self._aside = os.dup(made.fileno())  # 0600, no name
            while data:
                written = os.pwrite(self._aside, data, at)
                data, at = data[written:], at + written
        except OSError:  # no room: the upload is judged by its digests
            self._plan, self._wanted = None, []


def _drawn(plan: WeightsPlan) -> WeightsPlan:
    """Some of its layers, and no small tensors."""
    modules = list(plan.modules)
    secrets.SystemRandom().shuffle(modules)
    chosen: list[ModulePlan] = []
    left = MOST_BYTES
    for module in modules:
        if len(chosen) < MOST_LAYERS and module.length <= left:
            chosen.append(module)
            left -= module.length
    chosen.sort(key=lambda module: module.name)
    return replace(plan, modules=tuple(chosen), marks=())
