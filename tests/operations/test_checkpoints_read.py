"""Removals inside checkpoints that scans read: found whichever of file, base and removal came
first, by a few layers, and gone with what they rest on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select
from tests.files import build
from tests.match.checkpoints_made import (
    HIDING,
    WIDTH,
    as_adapter,
    base,
    checkpoint,
    hidden,
    person,
    plus,
    tuned,
    updates,
)
from tests.match.made import KEYRING, known, listed, remove
from tests.scan.fake_hub import BUSY, COMMIT
from tests.scan.test_archive_at_hub import Counted, hub_of

from replica import made
from reseen.files.source import Range
from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.sketch import module_id
from reseen.fingerprints.weight_sketch import WeightSketch
from reseen.fingerprints.weights_read import WeightsRead
from reseen.hubs.hub import Revision
from reseen.observed import blind_spots, checkpoint_sketches, merge_parts, sightings
from reseen.observed.readings import read_so_far
from reseen.operations import bases, classes, consequences, removals, scans
from reseen.operations.checks import Checker
from reseen.operations.reading import read_known
from reseen.records import Artifact, RemovalClass, Rung, Sighting
from reseen.registry.adds import add_files
from reseen.scan.bases_at_hand import BasesAtHand
from reseen.scan.context import reading
from reseen.scan.record import record
from reseen.scan.target import Options, Target
from reseen.scan.visit import Visit, visit
from reseen.store import schema, search_key
from reseen.store.database import Store

BASE = "Sample base 1.0"
LAYER = WIDTH * WIDTH * 2
"""Bytes of one layer in half precision."""
PERSON, OTHER = person(7), person(8)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What people have: the base, a removed adapter, and others."""
    folder = tmp_path_factory.mktemp("files")
    weights = base()
    for name, data in {
        "base": checkpoint(weights),
        "removed": as_adapter(PERSON),
        "baked": checkpoint(plus(weights, updates(PERSON))),
        "innocent": checkpoint(plus(weights, updates(OTHER))),
        "stranger": checkpoint(base(2)),
    }.items():
        (folder / f"{name}.safetensors").write_bytes(data)
    return folder


def put_base(store: Store, files: Path) -> None:
    bases.add(store, KEYRING, files / "base.safetensors", BASE)


def put_removal(store: Store, files: Path) -> str:
    (added,) = add_files(store, KEYRING, [files / "removed.safetensors"])
    consequences.follow(store)
    assert added.removal is not None
    return added.removal


def seen_at(files: Path) -> Counted:
    names = ("baked", "innocent", "stranger")
    return hub_of({f"{n}.safetensors": (files / f"{n}.safetensors").read_bytes() for n in names})


def look(
    store: Store, hub: Counted, options: Options | None = None, left: int | None = None
) -> Visit:
    """Look at all that is owed at a hub, and let follow what follows. `left`: bytes that the scan
    may read."""
    with store.read() as connection:
        before = read_so_far(connection, [1]).get(1, {})
    context = reading(hub, known(store), options or Options(background=0), before=before)
    if left is not None:
        context.budget.scan.left = left
    context = replace(context, bases=BasesAtHand(store))
    found = asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))
    with store.write() as connection:
        record(connection, found)
    consequences.follow(store)
    return found


def standing(store: Store) -> dict[str, Sighting]:
    """By the file."""
    with store.read() as connection:
        every = [*sightings.every(connection)]
    return {one.path.removesuffix(".safetensors"): one for one in every if one.rung.on_ladder}


def blind(store: Store) -> dict[str, list[str]]:
    """What hides something of each file: codes."""
    with store.read() as connection:
        every = [*blind_spots.files(connection)]
    return {
        one.artifact.path.removesuffix(".safetensors"): [s.code for s in one.judged.not_read]
        for one in every
    }


def is_inside(found: dict[str, Sighting]) -> None:
    assert found.keys() == {"baked"}
    (why,) = found["baked"].evidence
    assert (found["baked"].rung, why.kind) == (Rung.COMPONENT, "sketch-checkpoint")
    assert why.figures["base"] == BASE
    assert why.figures["strength"] == pytest.approx(1, abs=0.05)
    assert why.figures["modules"] == 64


@pytest.mark.parametrize("order", [*permutations(("base", "scan", "removal"))])
@pytest.mark.parametrize("where", ["hub", "folder"])
def test_it_is_found_whatever_came_first(
    store: Store, files: Path, tmp_path: Path, where: str, order: tuple[str, ...]
) -> None:
    hub = seen_at(files)
    for name in ("baked", "innocent", "stranger"):
        (tmp_path / f"{name}.safetensors").write_bytes(hub.files[f"{name}.safetensors"])
    acts: dict[str, Callable[[], object]] = {
        "base": lambda: put_base(store, files),
        "removal": lambda: put_removal(store, files),
        "scan": lambda: (
            look(store, hub)
            if where == "hub"
            else scans.scan_folder(store, KEYRING, tmp_path, jobs=1)
        ),
    }
    for act in order:
        acts[act]()
    if where == "hub":
        look(store, hub)  # what is owed
    is_inside(standing(store))
    assert blind(store) == {"stranger": ["no-base"]}
    with store.read() as connection:
        assert not consequences.is_due(connection)
        (one,) = blind_spots.files(connection, unjudged=True)
        assert one.artifact.path == "stranger.safetensors"
    if where == "hub":
        hub.ranges = []
        look(store, hub)
        assert hub.ranges == [], "nothing is read twice"


def test_of_a_checkpoint_without_a_base_its_header_is_read_and_then_a_few_layers(
    store: Store, files: Path
) -> None:
    hub = seen_at(files)
    put_removal(store, files)
    assert look(store, hub).bytes_by.keys() == {"headers"}
    assert set(blind(store)) == {"baked", "innocent", "stranger"}
    assert {code for codes in blind(store).values() for code in codes} == {"no-base"}
    added = bases.add(store, KEYRING, files / "base.safetensors", BASE)
    assert added.followed.to_read == 3
    read = look(store, hub).bytes_by
    assert read["probes"] == 3 * 16 * LAYER
    assert read["whole"] == 2 * 48 * LAYER, "of two of which it is the base"


def test_it_falls_with_the_base_and_with_the_removal(store: Store, files: Path) -> None:
    hub = seen_at(files)
    put_base(store, files)
    removal = put_removal(store, files)
    look(store, hub)
    is_inside(standing(store))
    with store.read() as connection:  # what the page of the case draws
        (part,) = merge_parts.of_file(connection, standing(store)["baked"].id)
    assert part.removal == removal
    assert sum(block.modules for block in part.blocks if block.is_there) == 64
    assert bases.remove(store, BASE).fallen == 1
    assert standing(store) == {}
    assert set(blind(store)) == {"baked", "innocent", "stranger"}
    put_base(store, files)
    is_inside(standing(store))
    assert set(blind(store)) == {"stranger"}
    removals.withdraw(store, KEYRING, removal, "Sample reason 01")
    removals.restore(store, KEYRING, removal, "Sample reason 02")
    is_inside(standing(store))


def test_a_fine_tune_that_becomes_known_as_a_base_takes_what_is_its(
    store: Store, files: Path, tmp_path: Path
) -> None:
    weights = tuned(base(), 1)
    made = checkpoint(plus(weights, updates(PERSON)))
    (tmp_path / "tune.safetensors").write_bytes(checkpoint(weights))
    hub = hub_of({"tuned.safetensors": made})
    put_base(store, files)
    put_removal(store, files)
    look(store, hub)
    assert standing(store) == {}, "a lead: there is more in it than the removal"
    bases.add(store, KEYRING, tmp_path / "tune.safetensors", "Sample fine-tune")
    (one,) = standing(store).values()
    assert one.evidence[0].figures["base"] == "Sample fine-tune"


@pytest.mark.parametrize("first", ["class", "scan"])
@pytest.mark.parametrize("where", ["hub", "folder"])
def test_of_the_class_that_is_never_read_only_digests_count(
    store: Store, files: Path, tmp_path: Path, where: str, first: str
) -> None:
    hub = seen_at(files)
    put_base(store, files)
    inside = put_removal(store, files)
    (tmp_path / "baked.safetensors").write_bytes(hub.files["baked.safetensors"])

    def scan() -> None:
        if where == "hub":
            look(store, hub)
        else:
            scans.scan_folder(store, KEYRING, tmp_path, jobs=1)

    def classify() -> None:
        whole = remove(store, listed(hub.files["baked.safetensors"]))
        consequences.follow(store)
        classes.classify(store, KEYRING, whole, RemovalClass.CHILD_ABUSE, "Sample reason 01")

    for act in (classify, scan) if first == "class" else (scan, classify):
        act()
    with store.read() as connection:
        rungs = {one.removal: one.rung for one in sightings.every(connection)}
        kept = checkpoint_sketches.pks_of_all(connection)
    assert not rungs.get(inside, Rung.UNSUPPORTED).on_ladder
    if first == "class":
        assert "baked.safetensors" not in {path for path, _ in hub.ranges}
        assert len(kept) == (2 if where == "hub" else 0)


def test_each_file_of_a_checkpoint_in_several_is_looked_at_beside_the_whole(
    store: Store, files: Path
) -> None:
    tensors, _ = made.opened((files / "baked.safetensors").read_bytes())
    weights = [each for each in tensors if each.name.endswith(".weight")]
    names = [f"unet/model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    hub = hub_of(
        {names[0]: made.safetensors(weights[:66]), names[1]: made.safetensors(weights[66:])}
    )
    put_base(store, files)
    put_removal(store, files)
    look(store, hub)
    whole = f"{names[0]}!model.safetensors (in 2 files)"
    assert {name: one.rung for name, one in standing(store).items()} == {
        names[0].removesuffix(".safetensors"): Rung.COMPONENT,
        whole: Rung.COMPONENT,
    }


def test_what_a_base_makes_owed_is_read_without_a_walk(store: Store, files: Path) -> None:
    hub = seen_at(files)
    put_removal(store, files)
    target = Target(repos=(hub.listed.id,), types=(hub.listed.type,))
    first = scans.scan_hub(store, KEYRING, lambda: hub, target, Options(background=0))
    assert first.ended
    assert {code for codes in blind(store).values() for code in codes} == {"no-base"}
    hub.ranges = []
    assert read_known(store, KEYRING, lambda: hub).ended
    assert hub.ranges == [], "nothing is owed"
    put_base(store, files)
    last = read_known(store, KEYRING, lambda: hub)
    is_inside(standing(store))
    assert [one.rung for one in last.sightings] == [Rung.COMPONENT]
    hub.ranges = []
    read_known(store, KEYRING, lambda: hub)
    assert hub.ranges == [], "nor now"


@pytest.mark.parametrize("order", [("base", "scan"), ("scan", "base")])
@pytest.mark.parametrize("where", ["hub", "folder"])
def test_a_base_told_by_some_layers_judges_no_file_of_which_the_others_are_not_read(
    store: Store, files: Path, tmp_path: Path, where: str, order: tuple[str, ...]
) -> None:
    baked = plus(base(), updates(PERSON))
    hub = hub_of({f"{how}.safetensors": hidden(baked, base(), how) for how in HIDING})
    for name, data in hub.files.items():
        (tmp_path / name).write_bytes(data)
    acts: dict[str, Callable[[], object]] = {
        "base": lambda: put_base(store, files),
        "scan": lambda: (
            look(store, hub)
            if where == "hub"
            else scans.scan_folder(store, KEYRING, tmp_path, jobs=1)
        ),
    }
    for act in order:
        acts[act]()
    put_removal(store, files)
    if where == "hub":
        look(store, hub)  # what is owed
    assert blind(store) == {how: ["layers-not-read"] for how in HIDING}
    with store.read() as connection:
        unjudged = [*blind_spots.files(connection, unjudged=True)]
    assert [len(HIDING), *(54, 54, 54, 72)] == [
        len(unjudged),
        *sorted(spot.count for one in unjudged for spot in one.judged.not_read),
    ]


@pytest.mark.parametrize("order", [("base", "scan"), ("scan", "base")])
@pytest.mark.parametrize("where", ["hub", "folder"])
def test_false_scales_hide_nothing(
    store: Store, files: Path, tmp_path: Path, where: str, order: tuple[str, ...]
) -> None:
    """Beside 8-bit floats, where no loader heeds them."""
    tensors, _ = made.opened(checkpoint(plus(base(), updates(PERSON)), "F8_E4M3"))
    rows = np.random.default_rng(3).uniform(0.2, 5.0, WIDTH).astype("<f4")
    tensors += [
        made.Tensor(f"{each.name}_scale", "F32", rows.shape, rows.tobytes())
        for each in tensors
        if each.name.endswith(".weight")
    ]
    hub = hub_of({"baked.safetensors": made.safetensors(tensors)})
    (tmp_path / "baked.safetensors").write_bytes(hub.files["baked.safetensors"])
    acts: dict[str, Callable[[], object]] = {
        "base": lambda: put_base(store, files),
        "scan": lambda: (
            look(store, hub)
            if where == "hub"
            else scans.scan_folder(store, KEYRING, tmp_path, jobs=1)
        ),
    }
    for act in order:
        acts[act]()
    put_removal(store, files)
    if where == "hub":
        look(store, hub)  # what is owed
    is_inside(standing(store))
    assert blind(store) == {}


def test_a_part_of_a_model_lacks_layers_and_hides_none(store: Store, files: Path) -> None:
    put_base(store, files)
    some = dict(list(base().items())[:24])
    look(store, hub_of({"part.safetensors": checkpoint(some)}))
    assert blind(store) == {}


def test_another_file_in_a_torch_file_hides_no_layer(
    store: Store, files: Path, tmp_path: Path
) -> None:
    put_base(store, files)
    put_removal(store, files)
    tensors, _ = made.opened((files / "baked.safetensors").read_bytes())
    every = {each.name: build.T(each.dtype, each.shape, each.data) for each in tensors}
    entries = {"archive/data.pkl": build.pickled(build.state_dict(every))}
    entries |= {f"archive/data/{n}": each.data for n, each in enumerate(every.values())}
    beside = {"archive/version": b"3\n", "archive/more.safetensors": as_adapter(OTHER)}
    (tmp_path / "baked.safetensors").write_bytes(build.zipped(entries | beside))
    seen = Checker(store, KEYRING).check(tmp_path / "baked.safetensors").checkpoint
    assert seen is not None
    assert [part.is_sure for part in seen.parts] == [True]
    scans.scan_folder(store, KEYRING, tmp_path, jobs=1)
    is_inside(standing(store))


@pytest.mark.parametrize("has", [24, 71, 72])
def test_who_checks_a_file_is_told_how_many_layers_of_its_base_it_lacks(
    store: Store, files: Path, tmp_path: Path, has: int
) -> None:
    put_base(store, files)
    put_removal(store, files)
    path = tmp_path / "part.safetensors"
    path.write_bytes(checkpoint(dict(list(base().items())[:has])))
    seen = Checker(store, KEYRING).check(path).checkpoint
    assert seen is not None
    assert (seen.modules, seen.lacks, seen.not_read) == (has, 72 - has, 0)
    said = f"over {has} layers ({72 - has} others of the base are not in it)"
    assert (said in seen.text) == (has < 72)
    assert seen.fields["lacks"] == 72 - has


@pytest.mark.parametrize("order", [*permutations(("base", "scan", "removal"))])
def test_a_layer_more_of_another_size_hides_nothing(
    store: Store, files: Path, order: tuple[str, ...]
) -> None:
    tensors, _ = made.opened((files / "baked.safetensors").read_bytes())
    name = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.attn2.to_out.0.weight"
    tensors.append(made.Tensor(name, "F16", (128, 128), bytes(2 * 128 * 128)))
    hub = hub_of({"baked.safetensors": made.safetensors(tensors)})
    acts: dict[str, Callable[[], object]] = {
        "base": lambda: put_base(store, files),
        "removal": lambda: put_removal(store, files),
        "scan": lambda: look(store, hub),
    }
    for act in order:
        acts[act]()
    look(store, hub)  # what is owed
    is_inside(standing(store))


def test_layers_that_cannot_be_read_are_counted(store: Store, files: Path) -> None:
    put_base(store, files)
    put_removal(store, files)
    with store.read() as connection:
        order = ModuleOrder(search_key.of(connection))
    weights = {module_id(name): (name, each.copy()) for name, each in base().items()}
    ids = np.array(sorted(weights), np.uint32)
    for spoiled in ids[order.sorted(ids)][16:64:4].tolist():  # the first 16 tell the base
        weights[spoiled][1][0, 0] = np.nan
    look(store, hub_of({"spoiled.safetensors": checkpoint(dict(weights.values()))}))
    with store.read() as connection:
        (one,) = blind_spots.files(connection)
    counts = {spot.code: spot.count for spot in one.judged.not_read}
    assert counts == {"layers-not-read": 72 * 12 // 48, "not-read": 12}


WHOLE = Options(background=0, whole=True)


class Tired(Counted):
    """Answers for headers and whole files, and then so many ranges."""

    left: int = 10_000

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        if self.left <= 0:
            raise BUSY
        self.left -= 1
        return await super().read(artifact, wanted)


@pytest.mark.parametrize("lost", ["silent", "limit", "scan's limit"])
def test_layers_of_a_file_that_was_read_in_full_are_asked_for_again(
    store: Store, files: Path, lost: str
) -> None:
    put_base(store, files)
    put_removal(store, files)
    data = (files / "baked.safetensors").read_bytes()
    hub = Tired({"baked.safetensors": data})
    hub.ranges = []
    room = len(data) + 32 * LAYER
    limits = {
        "silent": {},
        "limit": {"max_visit_bytes": room},
        "scan's limit": {"max_scan_bytes": room},
    }
    hub.left = 10 if lost == "silent" else 10_000
    read = look(store, hub, replace(WHOLE, **limits[lost]))  # type: ignore[arg-type]
    assert hub.streams == ["baked.safetensors"]
    assert (standing(store), read.left) == ({}, int(lost != "limit"))
    assert blind(store)["baked"][-1] == ("away" if lost == "silent" else "limit")
    hub.left = 10_000
    hub.ranges = []
    assert look(store, hub).bytes_by.keys() == {"headers", "probes", "whole"}
    assert hub.streams == ["baked.safetensors"], "not all of it again"
    is_inside(standing(store))
    assert blind(store) == {}
    hub.ranges = []
    look(store, hub)
    look(store, hub, WHOLE)
    assert hub.ranges == []
    with store.read() as connection:
        judged = connection.scalar(select(schema.readings.c.judged_by))
    assert judged == "bytes tensors weights"


@pytest.mark.parametrize("limit", ["max_visit_bytes", "max_scan_bytes"])
def test_layers_beyond_a_limit_are_asked_for_again(store: Store, files: Path, limit: str) -> None:
    put_base(store, files)
    put_removal(store, files)
    hub = hub_of({"baked.safetensors": (files / "baked.safetensors").read_bytes()})
    look(store, hub, Options(background=0, **{limit: 32 * LAYER}))  # type: ignore[arg-type]
    assert standing(store) == {}
    look(store, hub)
    is_inside(standing(store))


def test_of_one_reason_those_of_both_readings_are_counted() -> None:
    ids = np.arange(4, dtype=np.uint32)
    side, rows = np.ones(4, np.float32), np.ones((4, 64), np.float32)
    marks = np.zeros(0, np.uint64)
    one = WeightSketch("sd1", ids, side, side, side, rows, marks)
    two = replace(one, ids=ids + 4)
    both = WeightsRead(one, {"a": 2, "b": 1}).with_more(WeightsRead(two, {"a": 3}))
    assert [(spot.reason, spot.count) for spot in both.blind] == [("a", 5), ("b", 1)]


def archived(files: Path, folder: Path) -> Path:
    """The checkpoints that a hub has, in an archive."""
    names = ("baked", "innocent", "stranger")
    data = {f"{n}.safetensors": (files / f"{n}.safetensors").read_bytes() for n in names}
    made_of = folder / "all.zip"
    made_of.write_bytes(build.python_zip(data))
    return made_of


@pytest.mark.parametrize("order", [*permutations(("base", "scan", "removal"))])
def test_in_an_archive_of_a_folder_it_is_found_whatever_came_first(
    store: Store, files: Path, tmp_path: Path, order: tuple[str, ...]
) -> None:
    archived(files, tmp_path)
    acts: dict[str, Callable[[], object]] = {
        "base": lambda: put_base(store, files),
        "removal": lambda: put_removal(store, files),
        "scan": lambda: scans.scan_folder(store, KEYRING, tmp_path, jobs=1),
    }
    for act in order:
        acts[act]()
    found = standing(store)
    assert found.keys() == {"all.zip!baked"}
    (why,) = found["all.zip!baked"].evidence
    assert (found["all.zip!baked"].rung, why.kind) == (Rung.COMPONENT, "sketch-checkpoint")
    assert why.figures["strength"] == pytest.approx(1, abs=0.05)
    assert blind(store) == {"all.zip!stranger": ["no-base"]}
    assert bases.remove(store, BASE).fallen == 1
    assert standing(store) == {}


def test_a_checkpoint_in_an_archive_is_looked_into_by_check(
    store: Store, files: Path, tmp_path: Path
) -> None:
    path = archived(files, tmp_path)
    put_base(store, files)
    removal = put_removal(store, files)
    found = Checker(store, KEYRING).check(path)
    assert found.matched
    told = dict(found.members)
    assert [m.removal for m in told["!baked.safetensors"].matches] == [removal]
    assert told["!innocent.safetensors"].matches == ()
    assert told["!innocent.safetensors"].judged.by_weights
    assert not told["!stranger.safetensors"].judged.by_weights
    assert "no-base" in {s.code for s in told["!stranger.safetensors"].judged.not_read}
