"""What a scan could not read is kept with each file, and every report tells of it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from replica.server import Replica
from replica.world import Repo, World, lfs
from sqlalchemy import delete, select, update
from tests.files import build
from tests.hostile.test_blind import CASES, LORA, ONE, REMOVED, UNLISTED
from tests.match.made import KEYRING, known, listed, remove
from tests.match.updates import CAST, put
from tests.match.updates import REMOVED as WEIGHTS
from tests.scan.fake_hub import COMMIT, FakeHub
from tests.scan.walking import walk_hub

from reseen.cli import cli
from reseen.errors import HubAuth, NotFound
from reseen.hubs.hub import Revision
from reseen.observed import blind_spots, sightings
from reseen.observed.blind_spots import DAMAGED, BlindFile
from reseen.records import Rung
from reseen.scan.context import reading
from reseen.scan.folder import scan_folder
from reseen.scan.read_result import BLIND
from reseen.scan.record import record
from reseen.scan.target import Options, Target
from reseen.scan.visit import visit
from reseen.store import schema
from reseen.store.database import Store


def kept(store: Store) -> dict[str, BlindFile]:
    with store.read() as connection:
        return {each.artifact.path: each for each in blind_spots.files(connection)}


def write(root: Path) -> Path:
    """A folder with one file of each kind, and one that is read in full."""
    for number, (name, data, _) in enumerate(CASES.values()):
        (root / str(number)).mkdir(parents=True)
        (root / str(number) / name).write_bytes(data)
    (root / "notes.txt").write_text("nothing " * 1_000)
    (root / "sound.safetensors").write_bytes(build.safetensors(LORA))
    return root


def large() -> dict[str, set[tuple[str, int]]]:
    """What is to be said of each file of that folder; of an archive, of each file in it."""
    said = {
        f"{number}/{name}": spots
        for number, (name, data, spots) in enumerate(CASES.values())
        if len(data) >= 1_024
    }
    place = {name: f"{n}/{file}" for n, (name, (file, _, _)) in enumerate(CASES.items())}
    said[place["archive"]] = {("several-parts", 1)}
    del said[place["zip around it"]]
    return said | {place["zip around it"] + "!a/lora.safetensors": {("too-few-layers", 1)}}


def test_a_folder_scan_keeps_it_with_each_file(tmp_path: Path, store: Store) -> None:
    remove(store, listed(REMOVED))
    root = write(tmp_path / "models")
    outcome = scan_folder(store, KEYRING, root, jobs=1)
    found = kept(store)
    assert {
        path: {(s.code, s.count) for s in one.judged.not_read} for path, one in found.items()
    } == large()
    assert all(one.judged.rungs[0] is Rung.BYTES for one in found.values())
    assert not any(one.judged.by_weights for one in found.values())
    codes = [key.partition(" ")[0] for key in outcome.coverage.blind]
    assert {code for code, _ in set.union(*large().values())} == set(codes)
    assert outcome.coverage.skipped[BLIND] == len(found)
    with store.read() as connection:
        query = select(schema.artifacts.c.path, schema.readings.c.judged_by).join(
            schema.readings, schema.readings.c.artifact_pk == schema.artifacts.c.pk
        )
        by = {row.path: row.judged_by for row in connection.execute(query)}
        counted = blind_spots.count(connection)
    assert by["sound.safetensors"] == "bytes tensors weights"
    assert by["notes.txt"] == "bytes"
    assert sum(files for spot, files in counted if spot.code == "numpy") == 3
    # read again, it is put in the place of what was known, and counted again
    again = scan_folder(store, KEYRING, root, jobs=1)
    assert again.coverage.blind == outcome.coverage.blind
    assert {path: one.judged for path, one in kept(store).items()} == {
        path: one.judged for path, one in found.items()
    }


def test_what_is_read_in_part_is_kept_and_is_no_blind_file(tmp_path: Path, store: Store) -> None:
    layer = next(iter(LORA)).partition(".")[0]
    more = {f"{layer}.bias_values": build.ramp("F16", 9), f"{layer}.diff_b": build.ramp("F16", 9)}
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.safetensors").write_bytes(build.safetensors(LORA | more))
    remove(store, listed(REMOVED))
    outcome = scan_folder(store, KEYRING, tmp_path / "models", jobs=1)
    (one,) = kept(store).values()
    assert [(spot.code, spot.count) for spot in one.judged.not_read] == [("bias", 2)]
    assert one.judged.by_weights
    assert (outcome.coverage.blind, outcome.coverage.skipped) == ({}, {})


def test_a_visit_to_a_hub_keeps_it_with_each_file(store: Store) -> None:
    put(store, build.safetensors(ONE))
    files = {
        f"{n}/{name}": data for n, (name, data, _) in enumerate(CASES.values()) if len(data) > 5_000
    }
    sound = {"sound.safetensors": build.safetensors(LORA | {"x": build.ramp("F16", 9)})}
    hub = FakeHub(files | sound | {"README.md": b"text" * 5_000})
    found = asyncio.run(
        visit(reading(hub, known(store), Options()), hub.listed, Revision("main", COMMIT))
    )
    with store.write() as connection:
        record(connection, found)
    there = kept(store)
    assert set(there) == {*files, *sound}
    for path, one in there.items():
        rungs = {Rung.DECLARED, Rung.WEIGHTS} if path in sound else {Rung.DECLARED}
        assert set(one.judged.rungs) == rungs, path
    assert {s.code for s in there["sound.safetensors"].judged.not_read} == {"unknown-names"}


@pytest.mark.parametrize(
    ("options", "error", "code"),
    [
        (Options(max_artifact_bytes=1_000), None, "limit"),
        (Options(max_scan_bytes=1), None, "limit"),
        (Options(), HubAuth("no access"), "gated"),
    ],
)
def test_what_is_not_tried_is_said_of_each_file(
    store: Store, options: Options, error: HubAuth | None, code: str
) -> None:
    put(store, build.safetensors(ONE))
    hub = FakeHub(
        {f"{n}.safetensors": build.safetensors(LORA, metadata={"n": str(n)}) for n in "ab"}
    )
    hub.fails = {} if error is None else dict.fromkeys(hub.files, error)
    found = asyncio.run(
        visit(reading(hub, known(store), options), hub.listed, Revision("main", COMMIT))
    )
    with store.write() as connection:
        recorded = record(connection, found)
    said = {path: [s.code for s in one.judged.not_read] for path, one in kept(store).items()}
    assert said == {"a.safetensors": [code], "b.safetensors": [code]}
    assert recorded.unjudged == 0, "the account has its own words for it"
    # and once they are read nothing of it is left
    hub.fails = {}
    context = reading(hub, known(store), Options())
    found = asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))
    with store.write() as connection:
        record(connection, found)
    assert kept(store) == {}


def test_every_report_and_the_verb_tell_of_it(tmp_path: Path, store: Store) -> None:
    remove(store, listed(REMOVED))
    scan_folder(store, KEYRING, write(tmp_path / "models"), jobs=1)

    def run(*arguments: str) -> str:
        ended = CliRunner().invoke(cli, [*arguments, "--db", store.place], standalone_mode=False)
        assert ended.exception is None, ended.output
        return ended.output

    told = [json.loads(line) for line in run("blind", "--json").splitlines()]
    assert {
        one["path"]: {(s["code"], s["count"]) for s in one["not_read"]} for one in told
    } == large()
    assert all(one["judged_by"][0] == "bytes" and one["hub"] == "folder" for one in told)
    assert "judged by bytes; not read: numpy arrays: not read (17)" in run("blind")
    never = ["blind", "--scan", "7", "--db", store.place]
    with pytest.raises(NotFound, match="no such scan"):
        CliRunner().invoke(cli, never, standalone_mode=False, catch_exceptions=False)
    for name in ("a.html", "a.csv", "a.jsonl", "a.xlsx"):
        said = run("report", "--out", str(tmp_path / name), "--blind")
        assert f"weights of {len(large())} files could not be judged" in said
        text = (tmp_path / name).read_bytes()
        assert str(tmp_path).encode() not in text
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert {(r["code"], r["count"]) for r in rows} == set.union(*large().values())
    assert all(r["path"] is None and r["by_weights"] is False for r in rows)
    run("report", "--out", str(tmp_path / "b.jsonl"), "--blind", "--locations")
    rows = [json.loads(line) for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    assert {r["path"] for r in rows} == set(large())
    assert "altered ones were not" in run("scan", "folder", str(tmp_path / "models"))
    page = (tmp_path / "a.html").read_text()
    assert f"Of {len(large())} files the weights could not be judged." in page
    assert not re.search(r"\[[a-z-]+\]", page.partition("</style>")[2]), "codes are for programs"


def test_what_is_not_recorded_of_an_altered_copy_is_with_the_next_scan(
    store: Store, world: World, replica: Replica
) -> None:
    """As an older release left it: the upgrade says so of it, and that its repository is not done
    with."""
    put(store, WEIGHTS)
    repo = world.add(Repo("somebody/altered"))
    repo.commit({"x.safetensors": lfs(CAST), "other.safetensors": lfs(build.safetensors(LORA))})
    target = Target(repos=(repo.id,))
    walk_hub(store, replica.endpoint, target)
    before = kept(store)
    spots, walks = schema.blind_spots, schema.walks
    with store.write() as connection:
        connection.execute(delete(spots))
        (pk,) = connection.scalars(select(schema.sightings.c.artifact_pk))
        row = {"artifact_pk": pk, "spot": 0, "code": "not-recorded", "reason": "x", "count": 1}
        connection.execute(spots.insert(), [row])
        connection.execute(update(walks).values(version=0))
    assert {s.code for s in kept(store)["x.safetensors"].judged.not_read} == {"not-recorded"}
    for _ in range(2):
        walk_hub(store, replica.endpoint, target)
        assert "x.safetensors" not in kept(store)
    reads = len([e for e in replica.journal.entries if e.route == "cdn"])
    walk_hub(store, replica.endpoint, target)
    assert len([e for e in replica.journal.entries if e.route == "cdn"]) == reads
    assert before == {}, "all of both was read"
    with store.read() as connection:
        (found,) = sightings.every(connection)
    assert (found.not_read, Rung.WEIGHTS in found.judged_by) == ((), True)


def test_a_walk_counts_it_once_and_says_no_more_was_left_out(
    tmp_path: Path, store: Store, world: World, replica: Replica
) -> None:
    put(store, build.safetensors(ONE))
    files = {
        f"{n}/{name}": data for n, (name, data, _) in enumerate(CASES.values()) if len(data) > 5_000
    }
    repo = world.add(Repo("somebody/mixed"))
    repo.commit({path: lfs(data) for path, data in files.items()})
    target = Target(repos=("somebody/mixed",))
    first, again = (walk_hub(store, replica.endpoint, target).coverage for _ in range(2))
    damaged = [CASES[name] for name in UNLISTED if len(CASES[name][1]) > 5_000]
    assert first.skipped == {BLIND: len(files), DAMAGED: len(damaged)}
    reasons = [spot for _, data, spots in CASES.values() if len(data) > 5_000 for spot in spots]
    assert sum(first.blind.values()) == len(reasons)
    assert again.skipped == {}, "what is known is not read, and not counted, again"
    assert set(kept(store)) == set(files)
