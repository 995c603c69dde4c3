"""Some layers of a checkpoint that passes by: of an upload, which is read once, in order, or of a
file in an archive.

What comes in: the bytes of a file, or one that is kept whole while it is read. What goes out: the
sketch of some layers, drawn anew for each file, so that nobody foresees which. Of safetensors files
their bytes are put aside as they come, in a file without a name, of no more than `MOST_BYTES`,
which is gone with this; others have their directory elsewhere, and are kept whole.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain, zip_longest
from math import prod
from types import TracebackType
from typing import TypeVar

from reseen.errors import FileError, bulkhead
from reseen.files import containers, limits
from reseen.files.safetensors import read_listing
from reseen.files.source import Memory, OpenSpool, run
from reseen.files.tensors import Listing, TensorInfo
from reseen.fingerprints.layer_bytes import tensors_of
from reseen.fingerprints.weight_plan import orders, read_plan
from reseen.fingerprints.weights_read import WeightsRead, read_weights
from reseen.updates.four_bits import states
from reseen.updates.modules import ModulePlan
from reseen.updates.whole_weights import WeightsPlan, plan_weights

MOST_LAYERS = 96
"""More than 64, from which anything is certain: a base may lack some."""
MOST_BYTES = 2 << 30
MOST_SLOW = 1 << 28
"""Numbers of layers in blocks that are slow to make."""
_LENGTH = 8
"""Bytes in which a safetensors file says how long its header is."""

_T = TypeVar("_T")
_Unit = tuple[TensorInfo, ...]
"""What a layer is made of, or several that are cut of the same weight."""


class PassingLayers:
    """The layers of one safetensors file of `size` bytes. A context: what is put aside goes with
    it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._head = bytearray()
        self._header: int | None = None
        self._listing: Listing | None = None
        """Of a checkpoint."""
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
        if self._listing is None or self._aside is None:
            return None
        there = set(self._wanted)
        source = OpenSpool(self._aside, self._size)
        return _read(source, self._listing, lambda plan: _put_by(plan, there))

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
                self._listing = listing
                infos = _chosen(listing, made)
                self._wanted = sorted({(i.start, i.start + i.length) for i in infos})

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
            self._listing, self._wanted = None, []


def layers_of(source: OpenSpool) -> WeightsRead | None:
    """The same of a file that is kept whole, in whatever form it is."""
    with suppress(FileError), bulkhead():
        return _read(source, run(source, containers.read_listing(source.size)), _drawn)
    return None


def _read(
    source: OpenSpool, listing: Listing, choose: Callable[[WeightsPlan], WeightsPlan]
) -> WeightsRead | None:
    """None where there is no checkpoint of known layers, or none of them can be read."""
    with suppress(FileError), bulkhead():
        made = run(source, read_plan(listing))
        if made is None or not (chosen := choose(made)).modules:
            return None
        return run(source, read_weights(chosen))
    return None


def _put_by(plan: WeightsPlan, there: set[tuple[int, int]]) -> WeightsPlan:
    """The layers all of which was put aside, and no small tensors."""
    mine = [
        module
        for module in plan.modules
        if all((i.start, i.start + i.length) in there for i in module.tensors.values())
    ]
    return replace(plan, modules=tuple(mine), marks=())


def _drawn(plan: WeightsPlan) -> WeightsPlan:
    """Some of its layers, and no small tensors."""
    most = MOST_SLOW if plan.is_slow else None
    chosen: list[ModulePlan] = []
    for module in _shuffled(plan.modules):
        numbers = prod(module.shape)
        if len(chosen) < MOST_LAYERS and (most is None or numbers <= most):
            chosen.append(module)
            most = None if most is None else most - numbers
    chosen.sort(key=lambda module: module.name)
    return replace(plan, modules=tuple(chosen), marks=())


def _chosen(listing: Listing, plan: WeightsPlan) -> Iterator[TensorInfo]:
    """The tensors of some layers, as much as is put aside. Of weights in 4 bits a header does not
    say which layers they are: they are drawn as they stand, and what says that is put aside of
    all."""
    said = [*(state for _, state in states(listing.tensors)), *orders(listing)]
    yield from said
    left = MOST_BYTES - sum(info.length for info in said)
    # What only looks as if it were in 4 bits takes the place of no other layer, and small ones that
    # of few: thousands of them cost an uploader nothing.
    plain = _shuffled(_by_layer(plan))[:MOST_LAYERS]
    four = _by_chance_of_length(_in_four_bits(listing))[:MOST_LAYERS]
    for unit in filter(None, chain.from_iterable(zip_longest(plain, four))):
        length = _length(unit)
        if length <= left:
            yield from unit
            left -= length


def _by_layer(plan: WeightsPlan) -> list[_Unit]:
    return [tuple(tensors_of([(module,)])) for module in plan.modules]


def _in_four_bits(listing: Listing) -> list[_Unit]:
    """Each weight with what scales it: that stands under its name."""
    units: dict[str, list[TensorInfo]] = {name: [] for name, _ in states(listing.tensors)}
    for info in listing.tensors:
        name, is_part, _ = info.name.partition(_WEIGHT)
        whose = units.get(name + is_part)
        if whose is not None:
            whose.append(info)
    return [tuple(unit) for unit in units.values()]


_WEIGHT = ".weight"


def _shuffled(units: Sequence[_T]) -> list[_T]:
    made = list(units)
    secrets.SystemRandom().shuffle(made)
    return made


def _by_chance_of_length(units: Sequence[_Unit]) -> list[_Unit]:
    """In an order of chance, in which each comes early as likely as it is long."""
    draw = secrets.SystemRandom()
    return sorted(units, key=lambda unit: draw.expovariate(1) / _length(unit))


def _length(unit: _Unit) -> int:
    return max(1, sum(info.length for info in unit))
