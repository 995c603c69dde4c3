"""An adapter is the same in whichever of its model's spellings it comes: fused, split, halves in
the other order."""

from __future__ import annotations

import numpy as np
import pytest
from tests.match.made import read
from tests.match.released_sketches import saved

from reseen.fingerprints.sketch import Sketch, decode
from reseen.match.compare import Relation, compare
from reseen.updates.names.known import DENOISERS, LANGUAGE, known
from reseen.updates.names.tables import Alias, Table

DIALECTS = [
    (model, dialect)
    for model in DENOISERS
    if model != LANGUAGE
    for dialect in known(model).dialects
]


def layers_of(table: Table, dialect: str) -> list[Alias]:
    """A few of every kind: first those that are made of several, or turned."""
    ranked = sorted(table.dialects[dialect], key=lambda a: (-a[1][0].of, a[0]))
    return list(dict([*ranked[:4], *ranked[len(ranked) // 2 :: len(ranked)], *ranked[-3:]]).items())


def sketched(file: bytes) -> Sketch:
    sketch = read(file).sketch
    assert sketch is not None
    return decode(sketch)


@pytest.mark.parametrize("key", DIALECTS, ids=" ".join)
def test_a_dialect_and_the_canonical_names_compare(key: tuple[str, str]) -> None:
    model, dialect = key
    table, numbers = known(model), np.random.RandomState(7)
    theirs: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    ours: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for alias, cuts in layers_of(table, dialect):
        first = table.layers[cuts[0].name]
        out = first.out * cuts[0].of // sum(b - a for a, b in cuts[0].units)
        down, up = numbers.standard_normal((1, first.columns)), numbers.standard_normal((out, 1))
        theirs[alias] = (down, up)
        for cut in cuts:
            rows = cut.rows(out) or ((0, out),)
            ours[cut.name] = (down, np.concatenate([up[a:b] for a, b in rows]))
    one = sketched(saved(theirs, "lora_unet_", "<f2"))
    other = sketched(saved(ours, "diffusion_model.", "<f2"))
    assert set(one.ids.tolist()) == set(other.ids.tolist())
    assert len(one.ids) == len(ours)
    found = compare(one, other)
    assert found is not None
    assert (found.relation, found.modules) == (Relation.SAME, len(ours))
