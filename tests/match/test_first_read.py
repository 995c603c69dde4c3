"""What is read first of a file at a hub: little, by a secret, and something of every kind."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.sketch import module_id
from reseen.match.first_read import FEWEST, FIRST, first_modules
from reseen.match.nearest import NearestIndex
from reseen.updates.names.known import known

RANK = 16
Offered = dict[str, tuple[int, int]]


@cache
def offered(model: str) -> Offered:
    """Where the modules lie in a file of half precision, sorted by name as its writers do."""
    parts = {"sdxl": (("sdxl", "unet"), ("clip_l", "clip_l"), ("clip_g", "clip_g"))}
    names = {
        f"{part}.{layer.name}": 2 * RANK * (layer.out + layer.inn)
        for table, part in parts.get(model, ((model, "transformer"),))
        for layer in known(table).layers.values()
        if layer.kernel == 1 and any(w in layer.name for w in ("attn", "ff", "mlp", "proj"))
    }
    found, at = {}, 0
    for name in sorted(names):
        found[name] = (at, at + names[name])
        at += names[name]
    return found


def index_of(*sets: list[str], secret: bytes = b"one", group: str = "sdxl") -> NearestIndex:
    rows = []
    for key, names in enumerate(sets):
        ids = np.array(sorted(map(module_id, names)), np.uint32)
        rows.append((frozenset({group}), ids, np.zeros((len(ids), 64), np.int8), key))
    return NearestIndex(ModuleOrder(secret)).plus(rows)


def share(model: str, names: frozenset[str]) -> float:
    spans = offered(model)
    return sum(spans[n][1] - spans[n][0] for n in names) / max(end for _, end in spans.values())


@pytest.mark.parametrize(("model", "most"), [("sdxl", 0.0065), ("flux", 0.0145)])
def test_it_costs_a_small_part_of_the_file(model: str, most: float) -> None:
    for n in range(20):
        index = index_of(list(offered(model)), secret=bytes([n]), group=model)
        names = first_modules(index, [model], offered(model))
        assert FEWEST // 2 <= len(names) <= FIRST
        assert share(model, names) <= most


def test_each_secret_reads_others_and_nothing_is_sure_to_be_read() -> None:
    found = [
        first_modules(index_of(list(offered("sdxl")), secret=bytes([n])), ["sdxl"], offered("sdxl"))
        for n in range(40)
    ]
    again = index_of(list(offered("sdxl")), secret=bytes([0]))
    assert first_modules(again, ["sdxl"], offered("sdxl")) == found[0]
    assert len(frozenset.union(*found)) > 250
    how_often = [sum(name in some for some in found) for name in frozenset.union(*found)]
    assert max(how_often) <= 8


def test_who_spoils_the_smallest_quarter_is_hardly_ever_missed() -> None:
    spans = offered("sdxl")
    smallest = sorted(spans, key=lambda name: spans[name][1] - spans[name][0])[: len(spans) // 4]
    missed = 0
    for n in range(40):
        index = index_of(list(spans), secret=b"%d" % n)
        missed += first_modules(index, ["sdxl"], spans) <= set(smallest)
    assert missed <= 1


def test_something_is_read_of_each_kind_of_removal() -> None:
    """One of few modules, in a file of many."""
    names = sorted(offered("sdxl"))
    few, two = names[5:900:50], names[70:72]
    first = first_modules(index_of(names, few, two), ["sdxl"], offered("sdxl"))
    assert len(first & set(few)) >= 4
    assert set(two) <= first


def test_only_what_the_registry_has_is_read() -> None:
    names = sorted(offered("sdxl"))
    index = index_of(names[100:160])
    assert first_modules(index, ["sdxl"], offered("sdxl")) <= set(names[100:160])
    assert not first_modules(index, ["flux"], offered("sdxl"))
