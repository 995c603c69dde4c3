"""Where in a file the bytes of layers lie, and how they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reseen.files.tensors import TensorInfo
from reseen.updates.modules import SHARED
from reseen.updates.plan import ModulePlan

_GAP = 64 << 10
"""Unwanted bytes that are read rather than asking twice."""
_LONGEST = 16 << 20
"""Bytes asked for at once."""

Layer = tuple[ModulePlan, ...]
"""Modules that share tensors."""


def tensors_of(layers: Sequence[Layer]) -> list[TensorInfo]:
    """Each tensor once."""
    found = {t.name: t for layer in layers for module in layer for t in module.tensors.values()}
    return list(found.values())


def shared_tensors(layer: Layer) -> list[TensorInfo]:
    """Those that all layers of a file share by their nature."""
    return [t for module in layer for role, t in module.tensors.items() if role in SHARED]


def distinct_bytes(layers: Sequence[Layer]) -> int:
    """Bytes of the file in which the layers' tensors stand, each byte counted once."""
    total = end = 0
    for tensor in sorted(tensors_of(layers), key=lambda t: t.start):
        total += max(0, tensor.start + tensor.length - max(tensor.start, end))
        end = max(end, tensor.start + tensor.length)
    return total


def batches(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    """Layers in runs that fit in memory together."""
    batch: list[Layer] = []
    size = 0
    for layer in layers:
        length = sum(t.length for t in tensors_of([layer]))
        if batch and size + length > _LONGEST:
            yield batch
            batch, size = [], 0
        batch.append(layer)
        size += length
    if batch:
        yield batch


def ranges(tensors: Sequence[TensorInfo]) -> Iterator[tuple[int, int, list[TensorInfo]]]:
    """(start, length, tensors) for as few questions as the gaps allow."""
    run: list[TensorInfo] = []
    begin = end = 0
    for t in sorted(tensors, key=lambda t: t.start):
        if run and (t.start - end > _GAP or max(end, t.start + t.length) - begin > _LONGEST):
            yield begin, end - begin, run
            run = []
        if not run:
            begin = end = t.start
        run.append(t)
        end = max(end, t.start + t.length)
    if run:
        yield begin, end - begin, run
