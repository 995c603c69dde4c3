"""Adapters on a few layers: found where a removal has no more, and said where they are too few."""

from __future__ import annotations

import asyncio
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from benchmarks.adapters import Adapter, Factors, shapes
from benchmarks.adapters import sketch as sketch_of
from benchmarks.few_layers import of_one_seed
from click.testing import CliRunner
from tests.match.made import known, read
from tests.match.updates import OTHER, REMOVED, put, related
from tests.scan.fake_hub import COMMIT, FakeHub
from tests.scan.test_screen import LARGE

from replica import made
from reseen.cli import cli
from reseen.fingerprints.sketch import FEWEST_MODULES, Sketch
from reseen.hubs.hub import Revision
from reseen.match.compare import compare, least_mean
from reseen.records import TOO_FEW, Rung
from reseen.scan import scan_rows
from reseen.scan.context import reading
from reseen.scan.record import record
from reseen.scan.target import Options
from reseen.scan.visit import visit
from reseen.store.database import Store


def layers(file: bytes, count: int) -> bytes:
    """The first layers of an adapter alone."""
    tensors, _ = made.opened(file)
    names = list(dict.fromkeys(t.name.partition(".")[0] for t in tensors))
    assert len(names) > count
    return made.safetensors([t for t in tensors if t.name.partition(".")[0] in names[:count]])


def altered(file: bytes) -> bytes:
    """The same updates by other factors: no digest is left."""
    factor = {"lora_down.weight": 2.0, "lora_up.weight": 0.5}
    tensors = []
    for t in made.opened(file)[0]:
        values = np.frombuffer(t.data, "<f2") * factor.get(t.name.partition(".")[2], 1.0)
        tensors.append(made.Tensor(t.name, t.dtype, t.shape, values.astype("<f2").tobytes()))
    return made.safetensors(tensors)


@pytest.mark.parametrize("count", range(1, FEWEST_MODULES))
def test_a_removal_of_few_layers_is_found_by_its_weights(store: Store, count: int) -> None:
    (removal,) = put(store, layers(REMOVED, count))
    copy = altered(layers(REMOVED, count))
    (match,) = known(store).match_fingerprint(read(copy))
    assert (match.removal, match.rung) == (removal, Rung.WEIGHTS)
    assert known(store).match_fingerprint(read(layers(OTHER, count))) == ()


@pytest.mark.parametrize("share", [0.5, 0.6, 0.7])
def test_few_layers_that_are_no_more_than_alike_accuse_nobody(store: Store, share: float) -> None:
    put(store, layers(REMOVED, 2))
    alike = layers(related(REMOVED, share), 2)
    assert known(store).match_fingerprint(read(alike)) == ()


def of_one_seed_sketch(
    number: int, modules: int, rank: int, noise: float = 0.0, architecture: str = "sd1"
) -> Sketch:
    """An adapter whose A is what the seed drew, as all others of these have it."""
    own, noisy = np.random.default_rng([1, number]), np.random.default_rng(2)
    seed = np.random.default_rng(3)
    layers = {}
    for shape in shapes(architecture)[:modules]:
        down = seed.uniform(-1, 1, (rank, shape.columns)).astype(np.float32)
        up = own.standard_normal((shape.out, rank)).astype(np.float32)
        up += np.float32(noise) * noisy.standard_normal(up.shape).astype(np.float32)
        layers[shape.name] = Factors(up, down, float(rank))
    return sketch_of(Adapter(str(number), architecture, layers))


@pytest.mark.parametrize(("modules", "rank", "reached"), [(4, 1, 0.5), (5, 1, 0.45), (4, 2, 0.35)])
def test_strangers_of_one_seed_on_few_layers_accuse_nobody(
    modules: int, rank: int, reached: float
) -> None:
    """They agree as far as the few numbers that are their own happen to."""
    many = [of_one_seed_sketch(number, modules, rank) for number in range(50)]
    told = [each for pair in combinations(many, 2) if (each := compare(*pair))]
    assert len(told) == 50 * 49 / 2
    assert max(each.mean for each in told) >= reached, "these were worth trying"
    assert not [each for each in told if each.is_copy]


@pytest.mark.parametrize("modules", [4, 5, 8])
@pytest.mark.parametrize("rank", [1, 2, 4])
def test_a_noisy_copy_on_few_layers_is_one(modules: int, rank: int) -> None:
    told = compare(
        of_one_seed_sketch(1, modules, rank), of_one_seed_sketch(1, modules, rank, noise=0.4)
    )
    assert told is not None
    assert told.is_copy, told.why
    assert told.mean < 0.97


@pytest.mark.parametrize("count", range(1, FEWEST_MODULES))
def test_too_few_layers_are_said(store: Store, count: int, tmp_path: Path) -> None:
    put(store, REMOVED)
    path = tmp_path / "a.safetensors"
    path.write_bytes(altered(layers(REMOVED, count)))
    found = read(path.read_bytes())
    assert [(spot.code, spot.count) for spot in found.blind] == [(TOO_FEW, count)]
    assert found.judged.rungs == (Rung.BYTES, Rung.TENSORS)
    asked = ["check", "--db", store.place, str(path)]
    words = CliRunner().invoke(cli, asked).output
    assert "no match by bytes and tensors; not read: layers too few" in words
    told = json.loads(CliRunner().invoke(cli, [*asked, "--json"]).output)
    assert [spot["code"] for spot in told["not_read"]] == [TOO_FEW]
    assert "weights" not in told["judged_by"]


def test_what_was_found_by_weights_was_judged_by_them(store: Store, tmp_path: Path) -> None:
    put(store, layers(REMOVED, 2))
    path = tmp_path / "a.safetensors"
    path.write_bytes(altered(layers(REMOVED, 2)))
    asked = ["check", "--db", store.place, "--json", str(path)]
    assert "weights" in json.loads(CliRunner().invoke(cli, asked).output)["judged_by"]


def test_a_scan_finds_few_layers_and_says_what_is_too_few(store: Store) -> None:
    (removal, _) = put(store, layers(REMOVED, 2), OTHER)
    hub = FakeHub(
        {
            "copy.safetensors": altered(layers(REMOVED, 2)),
            "part.safetensors": altered(layers(OTHER, 3)),
        }
    )
    found = asyncio.run(
        visit(reading(hub, known(store), Options()), hub.listed, Revision("main", COMMIT))
    )
    copy, part = found.seen
    assert [match.removal for match in copy.matches] == [removal]
    assert part.matches == ()
    assert part.judged is not None
    assert Rung.WEIGHTS not in part.judged.rungs
    assert [spot.code for spot in part.judged.not_read] == [TOO_FEW]
    assert found.problems == (), "it is no trouble, but it is counted"
    with store.write() as connection:
        scan = scan_rows.begin(connection, "hub.example", "t", "{}", 1)
        recorded = record(connection, found, scan)
    assert recorded.unjudged == 2


@pytest.mark.parametrize("modules", [1, 2, 3, 4, 8])
@pytest.mark.parametrize(("rank", "fall"), [(1, 0.0), (2, 1.0), (4, 0.0), (4, 1.0)])
def test_of_many_strangers_of_one_seed_none_is_accused(
    modules: int, rank: int, fall: float
) -> None:
    """`make bench-strangers` does this with a million pairs of each."""
    told = of_one_seed(modules, rank, fall, 4_000)
    assert (told.pairs, told.accused) == (4_000, 0)
    assert 0.2 < told.largest < least_mean(modules)


def test_what_is_too_small_to_tell_is_said_when_it_is_added_and_when_it_is_asked(
    store: Store, tmp_path: Path
) -> None:
    path, key = tmp_path / "a.safetensors", {"RESEEN_KEY": "ab" * 32}
    for count, least in ((1, "0.9987"), (2, "0.98"), (4, "0.8789")):
        path.write_bytes(layers(REMOVED, count))
        asked = ["registry", "add", "--db", store.place, str(path), "--anyway"]
        words = CliRunner().invoke(cli, asked, env=key).output
        assert "too few to tell a copy whose weights agree to less than a cosine of" in words
        assert least in words
    path.write_bytes(LARGE)
    told = CliRunner().invoke(cli, [*asked, "--json"], env=key).output
    assert json.loads(told)["too_few"] is None
    alike = compare(of_one_seed_sketch(1, 4, 1), of_one_seed_sketch(1, 4, 1, noise=1.0))
    assert alike is not None
    assert not alike.is_copy
    assert "4 layers are too few to tell a copy" in alike.why
