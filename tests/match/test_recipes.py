"""Whoever uploads files writes the background, and no verdict: what it may do, and what not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from benchmarks.adapters import sampled
from benchmarks.sketched import alike, of_values
from click.testing import CliRunner
from sqlalchemy import select
from tests.match.made import known, read
from tests.match.updates import put, sketch
from tests.scan.fake_hub import FakeHub
from tests.scan.test_screen import go, large, saved

from reseen.cli import cli
from reseen.fingerprints.sketch import Sketch
from reseen.match import background as backgrounds
from reseen.match import evidence
from reseen.match.background import Stranger
from reseen.match.calibration import Background
from reseen.match.compare import Comparison, Relation, compare
from reseen.match.stated import NamedIndex
from reseen.records import Rung
from reseen.scan.record import record
from reseen.store import schema
from reseen.store.database import Store

REMOVAL = sampled("sd1", 1, rank=8)
N = len(REMOVAL.ids)
HONEST = tuple(sampled("sd1", 100 + n, rank=8) for n in range(240))
Made = Callable[[np.random.Generator], Sketch]


def half(rng: np.random.Generator) -> Sketch:
    """Like the removal in half of its modules, and random in the others."""
    return alike(REMOVAL, np.where(rng.permutation(N) < N // 2, 0.86, 0.0), rng)


def spread(rng: np.random.Generator) -> Sketch:
    return alike(REMOVAL, rng.uniform(0.05, 0.47), rng)


def at_the_edge(rng: np.random.Generator) -> Sketch:
    return alike(REMOVAL, 0.43, rng)


COMMON = sampled("sd1", 77, rank=8)


def among_themselves(rng: np.random.Generator) -> Sketch:
    return alike(COMMON, 0.66, rng)


def random(rng: np.random.Generator) -> Sketch:
    return of_values(REMOVAL, rng.standard_normal((N, 64)).astype(np.float32))


KINDS: Sequence[Made] = (half, spread, at_the_edge, among_themselves, random)


def with_poison(made: Made, count: int, accounts: int, seed: int = 4) -> Background:
    """So many of them among 240 honest ones of 240 accounts, drawn in any order."""
    rng = np.random.default_rng(seed)
    bad = [made(rng) for _ in range(count)]
    every = [(s, n) for n, s in enumerate(HONEST)]
    every += [(s, 1_000 + n % accounts) for n, s in enumerate(bad)]
    order = rng.permutation(len(every))
    return Background(tuple(every[i][0] for i in order), tuple(every[i][1] for i in order))


def told(cosine: float, background: Background) -> Comparison:
    found = compare(REMOVAL, alike(REMOVAL, cosine, np.random.default_rng(9)), background)
    assert found is not None
    return found


@pytest.mark.parametrize("made", KINDS)
@pytest.mark.parametrize(("count", "accounts"), [(5, 5), (10, 10), (19, 19), (60, 9)])
def test_few_files_or_accounts_hide_no_copy(made: Made, count: int, accounts: int) -> None:
    background = with_poison(made, count, accounts)
    for cosine in (0.52, 0.7, 0.95, 1.0):
        found = told(cosine, background)
        assert found.is_copy, found.why
        assert found.calibration.startswith("calibrated")


@pytest.mark.parametrize("made", KINDS)
def test_ten_files_cost_weak_copies_nothing(made: Made) -> None:
    found = told(0.4, with_poison(made, 10, 10))
    assert found.is_copy, found.why


@pytest.mark.parametrize("made", KINDS)
def test_many_files_of_many_accounts_leave_it_uncertain_at_most(made: Made) -> None:
    background = with_poison(made, 120, 120)
    for cosine in (0.52, 0.7):
        found = told(cosine, background)
        assert found.is_copy or found.is_lead, found.why
    for cosine in (0.95, 1.0):
        assert told(cosine, background).is_copy


def test_a_recipe_whose_files_are_as_alike_is_uncertain_and_a_lead() -> None:
    background = with_poison(lambda rng: alike(REMOVAL, 0.7, rng), 24, 12)
    found = told(0.7, background)
    assert found.relation is Relation.RECIPE
    assert not found.is_copy
    said = evidence.of_likeness(found)
    assert said is not None
    assert (said.rung, said.kind) == (Rung.HINT, "sketch-recipe")
    assert "uncertain: files of this recipe resemble each other" in said.why
    assert told(0.97, background).is_copy, "nobody is as like it as that"


def test_what_is_one_file_counts_once() -> None:
    one = alike(REMOVAL, 0.7, np.random.default_rng(1))
    again = with_poison(lambda rng: alike(one, 0.999, rng), 40, 40)
    assert told(0.7, again).is_copy


def generator(how: str) -> Callable[[np.random.Generator], Sketch]:
    """Files of one maker of adapters: strangers that share what it always does."""
    rng = np.random.default_rng(6)
    basis = rng.standard_normal((24, N, 64)).astype(np.float32)
    mean = rng.standard_normal((N, 64)).astype(np.float32)

    def one(own: np.random.Generator) -> Sketch:
        turns = own.standard_normal(24).astype(np.float32) / 24**0.5
        values = np.tensordot(turns, basis, axes=1)
        if how == "map":
            values = values + mean
        if how == "init":
            values = mean + 0.3 * own.standard_normal((N, 64)).astype(np.float32)
        return of_values(REMOVAL, values)

    return one


@pytest.mark.parametrize("how", ["map", "basis", "init"])
@pytest.mark.parametrize("held", [40, 150])
def test_strangers_of_one_generator_are_no_copies(how: str, held: int) -> None:
    rng = np.random.default_rng(8)
    make = generator(how)
    strangers = [make(rng) for _ in range(22)]
    background = Background(tuple(make(rng) for _ in range(held)) + HONEST[: 220 - held])
    told_ = [
        found
        for first in strangers[:6]
        for other in strangers[6:]
        if (found := compare(first, other, background))
    ]
    assert max(found.mean for found in told_) >= 0.5, "these were worth trying"
    assert not [found for found in told_ if found.is_copy]
    again = compare(strangers[0], alike(strangers[0], 0.9999, rng), background)
    assert again is not None
    assert again.is_copy, again.why


def test_the_gate_a_check_and_a_scan_tell_it_and_accuse_nobody(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed, other = saved(large(1, rank=2)), large(3, rank=2)
    mixed = {n: (d, 0.8 * u + 0.6 * other[n][1]) for n, (d, u) in large(1, rank=2).items()}
    rng = np.random.default_rng(2)
    sample = [Stranger(n % 12, alike(sketch(removed), 0.8, rng).encode()) for n in range(30)]
    monkeypatch.setattr(backgrounds, "values", lambda connection, architecture: sample)
    (removal,) = put(store, removed)
    file = saved(mixed)
    (found,) = NamedIndex(known(store), {}).upload(read(file))
    assert (found.removal, found.rung, found.kind) == (removal, Rung.HINT, "sketch-recipe")
    path = tmp_path / "x.safetensors"
    path.write_bytes(file)
    asked = ["check", str(path), "--db", store.place]
    told = CliRunner().invoke(cli, asked)
    assert told.exit_code == 0
    assert "uncertain: files of this recipe resemble each other" in told.output
    (match,) = json.loads(CliRunner().invoke(cli, [*asked, "--json"]).output)["matches"]
    assert (match["rung"], match["evidence"][0]["kind"]) == ("hint", "sketch-recipe")
    with store.write() as connection:
        assert not record(connection, go(FakeHub({"x": file}), known(store))).new
        assert connection.scalar(select(schema.sightings.c.pk)) is None
    told = CliRunner().invoke(cli, ["leads", "--db", store.place])
    assert removal in told.output
    assert "files of this recipe resemble each other" in told.output
