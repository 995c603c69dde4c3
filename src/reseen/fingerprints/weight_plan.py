"""What of a checkpoint can be read: by its header, and by the few bytes in which bitsandbytes says
the shapes of its weights of 4 bits, and the order of those of 8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reseen.files.source import Range, Reader
from reseen.files.tensors import Listing, TensorInfo
from reseen.fingerprints.layer_bytes import ranges
from reseen.updates.four_bits import FourBits, four_bits, states
from reseen.updates.whole_weights import (
    FORMAT,
    MOST,
    UNKNOWN,
    WeightsPlan,
    may_be_whole,
    plan_weights,
)

Bytes = Mapping[str, bytes]
"""Of small tensors, by name."""


def read_plan(listing: Listing) -> Reader[WeightsPlan | None]:
    """None for what is no checkpoint of known layers. Of the states of weights of 4 bits, and of
    what says the order of others, `MOST` are read at most, each of a few bytes; several that lie
    near each other at once. Loaders differ in which of two states they heed: the layers are planned
    by both."""
    if not may_be_whole(listing):
        return None
    weights = {info.name: info for info in listing.tensors}
    # Of the longest weights: thousands of short ones before them cost an uploader nothing.
    stated = sorted(states(listing.tensors), key=lambda each: -weights[each[0]].length)[:MOST]
    ordered = orders(listing)
    data = yield from _small([*(state for _, state in stated), *ordered])
    four: dict[str, FourBits] = {}
    second: dict[str, FourBits] = {}
    for name, state in stated:
        how = four_bits(state, data.get(state.name, b""), weights[name])
        if how is not None:
            (second if name in four else four)[name] = how
    turned = {i.name.removesuffix(FORMAT) for i in ordered if any(data.get(i.name, b"\1"))}
    made = plan_weights(listing, four, turned)
    other = plan_weights(listing, {**four, **second}, turned) if second else None
    if made is None or other is None:
        return made or other
    if (_tells(other), len(other.layers)) > (_tells(made), len(made.layers)):
        made, other = other, made
    return replace(made, other=other)


def _tells(plan: WeightsPlan) -> bool:
    """Do the sizes of its layers tell which model it is of?"""
    return not plan.architecture.startswith(UNKNOWN)


def orders(listing: Listing) -> list[TensorInfo]:
    """What says in which order whole numbers lie."""
    found = [i for i in listing.tensors if i.name.endswith(FORMAT) and 0 < i.length <= 8]
    return found[:MOST]


def _small(tensors: Sequence[TensorInfo]) -> Reader[Bytes]:
    found: dict[str, bytes] = {}
    for start, length, infos in ranges(tensors):
        data = yield Range(start, length)
        for info in infos:
            found[info.name] = data[info.start - start :][: info.length]
    return found
