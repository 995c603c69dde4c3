"""A removal that is a merge accuses nobody who made, uses or merged the other part of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from benchmarks.adapters import Adapter, Factors, make, renamed, sketch
from benchmarks.edits import truncated
from click.testing import CliRunner
from sqlalchemy import select
from tests.match import merges
from tests.match.made import KEYRING, known, read
from tests.match.merges import MODULES, concatenated, file_of

from reseen.cli import cli
from reseen.fingerprints.sketch import Sketch
from reseen.match.compare import Background, Comparison, Relation, compare
from reseen.match.stated import NamedIndex
from reseen.operations import scans
from reseen.records import Rung
from reseen.store import schema
from reseen.store.database import Store

FEW = MODULES[:32]
MODEL = make("sd1", 1, rank=8, modules=FEW)
"""What was removed, in a merge with another part."""
OTHERS = make("sd1", 2, rank=8, modules=FEW)


@cache
def accelerator(rank: int, modules: int = 32) -> Adapter:
    return make("sd1", 20 + rank, rank=rank, modules=MODULES[:modules])


@cache
def made(adapter: Adapter) -> Sketch:
    return sketch(adapter, components=True)


@pytest.fixture(scope="module")
def background() -> Background:
    like = made(MODEL)
    return Background(tuple(merges.stranger(like, seed) for seed in range(205)))


def told(removal: Adapter, file: Adapter, background: Background) -> Comparison:
    found = compare(made(removal), made(file), background)
    assert found is not None
    return found


@pytest.mark.parametrize("rank", [8, 32, 64])
@pytest.mark.parametrize("strength", [0.1, 0.3, 0.5])
def test_the_other_part_and_merges_of_it_are_no_copies(
    rank: int, strength: float, background: Background
) -> None:
    other = accelerator(rank)
    removal = concatenated([MODEL, other], [1, strength])
    files = {"alone": other, "merged": concatenated([other, OTHERS], [1, 1])}
    if rank == 8 and strength == 0.5:
        del files["merged"]  # of half of the columns each: sums of factors look like that
    for name, file in files.items():
        found = told(removal, file, background)
        assert not found.is_copy, (name, found.why)
    alone = told(removal, other, background)
    if alone.mean >= 0.5:
        assert alone.relation is Relation.OTHER_PART
        assert alone.is_lead
        assert "another part of a removal that is a merge itself" in alone.why


@pytest.mark.parametrize("strength", [0.1, 0.3, 0.5])
def test_the_removed_model_and_the_whole_merge_are_copies_still(
    strength: float, background: Background
) -> None:
    removal = concatenated([MODEL, accelerator(32)], [1, strength])
    assert told(removal, removal, background).relation is Relation.SAME
    assert told(removal, concatenated([removal, OTHERS], [1, 1]), background).is_copy
    assert told(MODEL, removal, background).is_copy or strength == 0.5  # it drowns


def ranks(adapter: Adapter, which: Sequence[int]) -> Adapter:
    layers = {
        name: Factors(f.scaled_up[:, which], f.down[which], float(len(which)))
        for name, f in adapter.layers.items()
    }
    return renamed(adapter, layers)


def test_a_lower_rank_is_a_copy_however_it_was_chosen(background: Background) -> None:
    order = np.random.default_rng(5).permutation(8).tolist()
    for left in (7, 6, 4):
        layers = {n: truncated(f.scaled_up, f.down, left) for n, f in MODEL.layers.items()}
        for file in (renamed(MODEL, layers), ranks(MODEL, order[:left])):
            assert told(MODEL, file, background).relation is Relation.RESIZED


def test_no_face_accuses_the_author_of_the_other_part(store: Store, tmp_path: Path) -> None:
    model, others = (make("sd1", n, rank=8, modules=MODULES) for n in (1, 2))
    other = accelerator(32, 64)
    removed = concatenated([model, other], [1, 0.3])
    merges.put_decoys(store)
    (removal,) = merges.put(store, removed)
    folder = tmp_path / "seen"
    folder.mkdir()
    files = {"alone": other, "merged": concatenated([other, others], [1, 0.3])}
    for name, adapter in files.items():
        (folder / name).write_bytes(file_of(adapter))
        found = NamedIndex(known(store), {}).upload(read((folder / name).read_bytes()))
        assert {(one.rung, one.kind) for one in found} == {(Rung.HINT, "sketch-other-part")}
        asked = ["check", str(folder / name), "--db", store.place, "--json"]
        ran = CliRunner().invoke(cli, asked)
        assert ran.exit_code == 0, ran.output
        (match,) = json.loads(ran.output)["matches"]
        assert match["rung"] == "hint"
    (tmp_path / "removed").write_bytes(file_of(removed))
    ran = CliRunner().invoke(cli, ["compare", str(tmp_path / "removed"), str(folder / "alone")])
    assert ran.exit_code == 0, ran.output
    assert not scans.scan_folder(store, KEYRING, folder, jobs=1).sightings
    with store.read() as connection:
        assert connection.scalar(select(schema.sightings.c.pk)) is None
    told_of = CliRunner().invoke(cli, ["leads", "--db", store.place]).output
    assert removal in told_of
    assert "another part of a removal that is a merge" in told_of
