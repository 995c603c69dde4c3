"""Adapters on a few layers: found where a removal has no more, and said where they are too few."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.match.made import known, read
from tests.match.updates import OTHER, REMOVED, put, related
from tests.scan.fake_hub import COMMIT, FakeHub

from replica import made
from reseen.cli import cli
from reseen.fingerprints.sketch import FEWEST_MODULES, SLOTS
from reseen.hubs.hub import Revision
from reseen.match.nearest import FEWEST_SLOTS, NearestIndex
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


def test_two_full_ones_with_few_in_common_are_not_compared() -> None:
    index = NearestIndex()
    slots = np.arange(1, SLOTS + 1, dtype=np.uint32)
    index.add("sd1", slots, np.ones((1, SLOTS * 64), np.int8), [1])
    other = slots.copy()
    other[FEWEST_SLOTS - 1 :] += 100
    assert not index.could_match("sd1", other)
    other[FEWEST_SLOTS - 1 :] = 0
    assert index.could_match("sd1", other)
