"""Altered copies at a hub: found by their weights, with as little reading as decides it."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select
from tests.facts import teach as learned
from tests.match.made import known, listed, read, remove
from tests.match.updates import ALTERED, CAST, NO_ENCODER, OTHER, REMOVED, RESIZED, put
from tests.scan.fake_hub import COMMIT, NAME, FakeHub

from replica import made
from reseen.errors import HubAuth
from reseen.files import thread_time
from reseen.files.source import Range
from reseen.fingerprints.sketch import Sketch
from reseen.fingerprints.whole import fingerprint
from reseen.hubs.hub import Revision
from reseen.match.registry_index import RegistryIndex
from reseen.observed import sightings
from reseen.observed.readings import read_so_far
from reseen.records import Confirmed, RemovedFile, Rung
from reseen.scan import screen
from reseen.scan.budget import SPENT, Allowance
from reseen.scan.context import reading
from reseen.scan.inspect import BY_NAME, GATED
from reseen.scan.record import record
from reseen.scan.reinspection import record_past, unread
from reseen.scan.target import Confirm, Options
from reseen.scan.visit import Follow, Visit, visit
from reseen.store import schema
from reseen.store.database import Store, now
from reseen.updates.names.known import known as table_of

MAIN = Revision("main", COMMIT)
PLAIN = Options(background=0)
Factors = Mapping[str, tuple[np.ndarray, np.ndarray]]


def go(hub: FakeHub, index: RegistryIndex, options: Options = PLAIN, **more: object) -> Visit:
    context = reading(hub, index, options, **more)  # type: ignore[arg-type]
    return asyncio.run(visit(context, hub.listed, MAIN))


def large(seed: int, rank: int = 8, model: str = "sd1") -> Factors:
    """Updates of all attention layers of SD 1 or SD 2: some megabytes."""
    numbers = np.random.default_rng(seed)
    return {
        name: (
            numbers.standard_normal((rank, layer.inn)) * 0.02,
            numbers.standard_normal((layer.out, rank)) * 0.01,
        )
        for name, layer in table_of(model).layers.items()
        if ".attn" in name and layer.kernel == 1
    }


def saved(factors: Factors, dtype: str = "<f2", scale: float = 1.0) -> bytes:
    kind = {"<f2": "F16", "<f4": "F32"}[dtype]
    tensors = []
    for name, (down, up) in factors.items():
        flat = "lora_unet_" + name.replace(".", "_")
        for side, values in (("lora_down", down), ("lora_up", up * scale)):
            data = values.astype(dtype).tobytes()
            tensors.append(made.Tensor(f"{flat}.{side}.weight", kind, values.shape, data))
    return made.safetensors(tensors)


LARGE = saved(large(1))
LARGE_ALTERED = saved(large(1), "<f4", 0.7)
LARGE_OTHER = saved(large(2, rank=6))


@pytest.mark.parametrize("how", ALTERED)
def test_an_altered_copy_is_found_by_its_weights(store: Store, how: str) -> None:
    (removal,) = put(store, REMOVED)
    hub = FakeHub({"x.bin": ALTERED[how], "other.safetensors": made.adapter(9, rank=3)})
    found = go(hub, known(store))
    one, other = found.seen
    (match,) = one.matches
    assert (match.removal, match.rung) == (removal, Rung.WEIGHTS)
    with store.write() as connection:
        (id,) = record(connection, found).new
        assert sightings.by_id(connection, id).confirmed is Confirmed.HEADER
    assert not other.matches
    assert found.follow == frozenset(Follow)
    assert not hub.streams


def test_weights_that_take_more_time_than_a_file_has_are_that_files_trouble(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read in threads, which no signal reaches: of two copies one is never read to its
    end."""
    (removal,) = put(store, REMOVED)
    registry = known(store)
    whole, asked = screen.read_sketch, itertools.count()
    endless: set[int] = set()

    def never(*given: Any) -> Any:
        if next(asked) == 0:  # of threads that come at one moment, one alone
            yield Range(0, 8)
            own = threading.get_ident()
            try:  # from here on it may be broken at any call, that of `add` too
                endless.add(own)
                while True:
                    pass
            finally:
                endless.discard(own)
        return (yield from whole(*given))

    monkeypatch.setattr(screen, "read_sketch", never)
    monkeypatch.setattr(thread_time, "LOOK", 0.01)
    # However fast this machine is: what has no end takes all the time there is, and the rest is far
    # from what a file has.
    used = thread_time._used
    monkeypatch.setattr(
        thread_time, "_used", lambda step: math.inf if step.thread in endless else used(step)
    )
    found = go(FakeHub({"x.bin": CAST, "y.bin": RESIZED}), registry)
    assert found.complete
    assert sorted(len(one.matches) for one in found.seen) == [0, 1]
    assert {match.removal for one in found.seen for match in one.matches} == {removal}
    (problem,) = found.problems
    assert "a limit of the system was reached, of processor time: please report" in problem.reason
    assert {spot.code for one in found.seen if one.judged for spot in one.judged.not_read} == {
        "system-limit"
    }


def test_a_large_stranger_costs_its_header_and_a_few_modules(store: Store) -> None:
    put(store, LARGE)
    hub = FakeHub({"other.safetensors": LARGE_OTHER})
    found = go(hub, known(store))
    assert not found.sightings
    assert set(found.bytes_by) == {"headers", "probes"}
    assert found.bytes_by["probes"] < len(LARGE_OTHER) // 8
    assert len(hub.reads) <= 8
    (one,) = found.seen
    assert one.inspection is not None
    assert one.inspection.architecture == "sd1"
    assert one.inspection.sketch is not None
    assert not one.inspection.near


def test_a_large_altered_copy_is_read_on(store: Store) -> None:
    (removal,) = put(store, LARGE)
    found = go(FakeHub({"x": LARGE_ALTERED}), known(store))
    (match,) = found.seen[0].matches
    assert match.removal == removal
    assert match.evidence[0].figures["relation"] == "scaled"
    assert match.evidence[0].figures["modules"] == len(large(1))
    assert set(found.bytes_by) == {"headers", "probes", "whole"}


def test_where_the_first_modules_leave_a_doubt_others_are_read_before_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, LARGE)
    index, told = known(store), []

    def is_near(self: RegistryIndex, some: Sketch) -> bool:
        told.append(set(some.ids.tolist()))
        return len(told) > 1

    monkeypatch.setattr(RegistryIndex, "is_near", is_near)
    assert set(go(FakeHub({"x": LARGE_OTHER}), index).bytes_by) == {"headers", "probes"}
    assert len(told) == 1, "a stranger leaves none"
    told.clear()
    monkeypatch.setattr(RegistryIndex, "leaves_doubt", lambda *_: True)
    found = go(FakeHub({"x": LARGE_ALTERED}), index)
    assert set(found.bytes_by) == {"headers", "probes", "whole"}
    first, second = told
    assert len(second) >= 16
    assert not first & second


def test_another_architecture_costs_its_header_only(store: Store) -> None:
    put(store, REMOVED)
    names = [n for n in table_of("sdxl").layers if n.endswith("attn1.to_q")]
    numbers = np.random.default_rng(3)
    sizes = {n: table_of("sdxl").layers[n] for n in names}
    file = saved(
        {
            n: (numbers.standard_normal((4, la.inn)), numbers.standard_normal((la.out, 4)))
            for n, la in sizes.items()
        }
    )
    found = go(FakeHub({"x": file}), known(store))
    assert set(found.bytes_by) == {"headers"}
    assert found.seen[0].inspection is not None
    assert found.seen[0].inspection.architecture == "sdxl"


def test_nothing_is_read_while_the_registry_has_no_sketch(store: Store) -> None:
    remove(store, listed(REMOVED))
    hub = FakeHub({"x": CAST, "y": LARGE_OTHER, "z.png": CAST})
    found = go(hub, known(store))
    assert not hub.reads
    assert not found.skipped


@pytest.mark.parametrize("options", [Options(confirm=Confirm.NONE), Options(edited=False)])
def test_nothing_is_read_when_nobody_asks_for_it(store: Store, options: Options) -> None:
    put(store, REMOVED)
    hub = FakeHub({"x": CAST})
    assert not go(hub, known(store), options).sightings
    assert not hub.reads


def test_what_is_named_as_no_weights_is_left_and_counted(store: Store) -> None:
    put(store, REMOVED)
    hub = FakeHub({"a.png": RESIZED, "README.md": b"# Test" * 2000, "tiny.json": b"{}" * 600})
    found = go(hub, known(store))
    assert not hub.reads
    assert found.skipped == {BY_NAME: 2}


def test_a_scan_that_used_up_its_bytes_says_what_it_left_out(store: Store) -> None:
    put(store, LARGE)
    index = known(store)
    hub = FakeHub({"a": LARGE_ALTERED, "b": LARGE_ALTERED[:-8] + b"\0" * 8})
    nothing = go(hub, index, replace(PLAIN, max_scan_bytes=0))
    assert nothing.skipped == {SPENT: 2}
    assert not nothing.problems
    assert not hub.reads
    little = go(hub, index, replace(PLAIN, max_scan_bytes=len(LARGE_ALTERED) // 2))
    assert little.skipped == {SPENT: 2}
    assert all(one.inspection and one.inspection.near for one in little.seen)


def test_one_allowance_serves_a_whole_scan(store: Store) -> None:
    put(store, REMOVED)
    allowance = Allowance(1_000_000)
    found = go(FakeHub({"x": CAST}), known(store), allowance=allowance)
    assert found.bytes_read > 0
    assert allowance.left == 1_000_000 - found.bytes_read


def test_a_file_larger_than_the_limit_is_a_problem_and_stays_near(store: Store) -> None:
    put(store, LARGE)
    found = go(
        FakeHub({"a": LARGE_ALTERED}), known(store), replace(PLAIN, max_artifact_bytes=10**6)
    )
    (problem,) = found.problems
    assert "limit" in problem.reason
    assert found.seen[0].inspection is not None
    assert found.seen[0].inspection.near


def test_a_bounded_sample_of_strangers_is_read_in_full(store: Store) -> None:
    put(store, LARGE)
    files = {str(n): saved(large(10 + n, rank=6)) for n in range(3)}
    allowance = Allowance(10**9, samples=2)
    found = go(FakeHub(files), known(store), allowance=allowance)
    assert not found.sightings
    assert allowance.samples == 0
    whole = 2 * sum(a.nbytes + b.nbytes for a, b in large(1, rank=6).values()) // 4
    assert found.bytes_by["whole"] == pytest.approx(whole, rel=0.01)
    full = Allowance(10**9, samples=2, wanted={"sd1": 0})
    assert "whole" not in go(FakeHub(files), known(store), allowance=full).bytes_by


def test_the_configuration_beside_a_file_scales_its_updates(store: Store) -> None:
    put(store, REMOVED)
    config = json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 12}).encode()
    for path in ("adapter.bin", "sub/adapter.bin"):
        beside = path.replace("adapter.bin", "adapter_config.json")
        hub = FakeHub({path: CAST, beside: config})
        one = next(one for one in go(hub, known(store)).seen if one.artifact.path == path)
        assert one.matches[0].evidence[0].figures["scale"] == pytest.approx(3, rel=0.01)
    without = go(FakeHub({"adapter.bin": CAST}), known(store)).seen[0]
    assert without.matches[0].evidence[0].figures["scale"] == pytest.approx(1, rel=0.01)


def spectra(kind: str) -> bytes:
    """FourierFT, which is read only where its configuration says that it began from nothing."""
    rng = np.random.default_rng(4)
    attention = "base_model.model.down_blocks.0.attentions.{}.transformer_blocks.0.attn1.to_{}"
    tensors = []
    for number in range(6):
        name = attention.format(number // 3, "qkv"[number % 3])
        data = rng.standard_normal(600).astype(kind).tobytes()
        dtype = {"<f4": "F32", "<f2": "F16"}[kind]
        tensors.append(made.Tensor(f"{name}.fourierft_spectrum", dtype, (600,), data))
    return made.safetensors(tensors)


@pytest.mark.parametrize("begins", [True, False, None])
def test_the_configuration_beside_a_file_says_how_its_training_began(
    store: Store, tmp_path: Path, begins: bool | None
) -> None:
    (tmp_path / "adapter_config.json").write_bytes(b'{"init_weights": true}')
    path = tmp_path / "adapter_model.safetensors"
    path.write_bytes(spectra("<f4"))
    removed = fingerprint(path)
    remove(store, RemovedFile(removed.digests, removed.size, sketch=removed.sketch))
    files = {"x/a.safetensors": spectra("<f2")}
    if begins is not None:
        files["x/adapter_config.json"] = json.dumps({"init_weights": begins}).encode()
    found = [one for one in go(FakeHub(files), known(store)).seen if one.matches]
    assert len(found) == (begins is True)


def test_a_gate_before_a_file_that_nobody_claims_is_counted(store: Store) -> None:
    put(store, REMOVED)
    hub = FakeHub({"a": CAST}, fails={"a": HubAuth("no access")})
    found = go(hub, known(store))
    assert found.skipped == {GATED: 1}
    assert not found.problems


def test_an_honest_copy_learned_in_full_finds_the_altered_one(store: Store) -> None:
    removal = remove(store, listed(REMOVED))
    index = known(store)
    full = Options(confirm=Confirm.FULL, background=0)
    hub = FakeHub({"copy": REMOVED})
    with store.write() as connection:
        assert record(connection, go(hub, index, full)).learned == (removal,)
        index = index.followed(connection)
    assert go(FakeHub({"x": CAST}), index, full).seen[0].matches[0].removal == removal
    assert known(store).copies(read(CAST))[0].removal == removal


def test_a_visit_written_twice_is_the_same_as_once(store: Store) -> None:
    put(store, REMOVED, LARGE)
    found = go(FakeHub({"x": CAST, "y": LARGE_OTHER}), known(store))
    tables = [schema.sightings, schema.read_sketches, schema.read_entries, schema.readings]
    counts = []
    for _ in range(2):
        with store.write() as connection:
            record(connection, found)
            counts.append([connection.scalar(select(func.count()).select_from(t)) for t in tables])
    assert counts[0] == counts[1]
    assert counts[0][:2] == [1, 2]


def test_what_was_weighed_is_not_read_again_in_a_new_commit(store: Store) -> None:
    put(store, REMOVED)
    hub = FakeHub({"x": CAST, "y": OTHER})
    with store.write() as connection:
        record(connection, go(hub, known(store)))
        before = read_so_far(connection, [1])[1]
    assert {path for path, _ in before} == {"x", "y"}
    assert all(each.looked for each in before.values())
    hub.reads.clear()
    assert not go(hub, known(store), before=before).bytes_by
    assert not hub.reads


# -- the past --------------------------------------------------------------------------------------


def teach(store: Store, file: bytes) -> None:
    """A removal that was known by its hash learns its sketch."""
    told = read(file)
    with store.write() as connection:
        assert learned(connection, told)


def waiting(store: Store, index: RegistryIndex) -> set[str]:
    with store.read() as connection:
        pks = unread(connection, index.could_match, hub=NAME)
        paths = select(schema.artifacts.c.path).where(schema.artifacts.c.pk.in_(list(pks)))
        return set(connection.scalars(paths))


def test_a_removal_that_comes_later_is_matched_against_sketches_of_the_past(store: Store) -> None:
    put(store, OTHER)
    with store.write() as connection:
        record(connection, go(FakeHub({"x": CAST, "y": NO_ENCODER}), known(store)))
        assert not record_past(connection, store.secret)
    (removal,) = put(store, REMOVED)
    with store.write() as connection:
        new = record_past(connection, store.secret, [removal])
        assert len(new) == 2
        assert record_past(connection, store.secret) == []
        rungs = connection.scalars(select(schema.sightings.c.rung)).all()
    assert set(rungs) == {int(Rung.WEIGHTS)}


def test_a_subset_that_comes_near_later_is_worth_a_look_and_no_sighting(store: Store) -> None:
    put(store, LARGE_OTHER)
    hub = FakeHub({"x": LARGE_ALTERED})
    with store.write() as connection:
        record(connection, go(hub, known(store)))
    assert waiting(store, known(store)) == set()
    put(store, LARGE)
    with store.write() as connection:
        assert record_past(connection, store.secret) == []
    assert waiting(store, known(store)) == {"x"}
    with store.write() as connection:
        assert record(connection, go(hub, known(store))).new
    assert waiting(store, known(store)) == set()


def test_a_header_alone_tells_later_what_is_worth_a_look(store: Store) -> None:
    layer = table_of("sdxl").layers
    names = [n for n in layer if n.endswith("attn1.to_q")][:12]
    file = saved({n: (np.ones((1, layer[n].inn)), np.ones((layer[n].out, 1))) for n in names})
    put(store, REMOVED)
    with store.write() as connection:
        record(connection, go(FakeHub({"xl": file, "plain": b"no weights " * 1000}), known(store)))
    assert waiting(store, known(store)) == set()
    put(store, file[:-2] + b"\0\0")
    assert waiting(store, known(store)) == {"xl"}


def test_a_header_of_which_sixteen_modules_were_kept_once_is_looked_at_again(store: Store) -> None:
    """They say little of what else the file has."""
    part = saved({n: f for n, f in large(1).items() if ".attn2." in n})
    hub = FakeHub({"x": LARGE_ALTERED})
    remove(store, listed(OTHER))
    put(store, saved({"no.such.layer": large(1)[next(iter(large(1)))]}))
    with store.write() as connection:
        record(connection, go(hub, known(store)))
        kept = connection.execute(select(schema.read_entries)).one()
        assert len(kept.slots) == 4 * len(large(1))
        fixed = b"".join(n.to_bytes(4, "little") for n in range(1, 17))
        connection.execute(schema.read_entries.update().values(slots=fixed))
    assert waiting(store, known(store)) == set()
    put(store, part)
    assert waiting(store, known(store)) == {"x"}
    with store.write() as connection:
        assert record(connection, go(hub, known(store))).new
    assert waiting(store, known(store)) == set()


def test_what_was_seen_before_the_first_sketch_is_worth_a_look(store: Store) -> None:
    remove(store, listed(REMOVED))
    hub = FakeHub({"x": CAST, "card.png": CAST, "tiny": b"x" * 2000})
    with store.write() as connection:
        began = now()
        record(connection, go(hub, known(store)))
    teach(store, REMOVED)
    assert waiting(store, known(store)) == {"x"}
    with store.read() as connection:
        could = known(store).could_match
        assert not unread(connection, could, hub=NAME, since=began + 10**9)
        assert not unread(connection, could, hub="elsewhere")
        assert not unread(connection, could, hub=NAME, repository_pks=[99])
    with store.write() as connection:
        record(connection, go(hub, known(store)))
    assert waiting(store, known(store)) == set()
