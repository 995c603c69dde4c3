"""A sweep in parts: shared among machines, killed, resumed, imported once."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
from blake3 import blake3
from tests.match import updates
from tests.match.made import KEYRING, adapter, fully_known, known, remove, safetensors
from tests.scan.stored import FILE, make_tree, of_folder

from reseen.errors import HubBusy, InputError, Tampered
from reseen.match import saved
from reseen.match.registry_index import RegistryIndex
from reseen.observed import sightings
from reseen.operations import scans, sweeps
from reseen.records import DigestKind, Rung, Sighting
from reseen.scan import left_out, scan_rows
from reseen.scan.sweep import parts, taken
from reseen.scan.sweep.examiner import Depth
from reseen.scan.sweep.manifest import look_through
from reseen.scan.sweep.processes import SweepSource, _begin
from reseen.scan.sweep.run import SweepAsked, SweepWork, Swept, default_jobs, run
from reseen.scan.sweep.taken import KeyPlaces, SweepTaken
from reseen.store.database import Store

KEY = KEYRING.for_indexes
HUB = KeyPlaces("storage+acme")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = make_tree(tmp_path / "store")
    for number in range(12):
        folder = root / f"account-{number % 4:02d}" / f"model-{number}"
        folder.mkdir(parents=True)
        (folder / "a.bin").write_bytes(safetensors(adapter(100 + number)))
    return root


@pytest.fixture
def asked(store: Store, tree: Path, tmp_path: Path) -> SweepAsked:
    """A sweep of that folder in seven parts, by the index of a registry with two removals."""
    updates.put(store, updates.REMOVED)
    remove(store, fully_known(FILE))
    known(store, None).save(tmp_path / "index", KEY)
    batch = of_folder(tree)
    pyarrow.parquet.write_table(pyarrow.Table.from_batches([batch]), tmp_path / "manifest")
    source = SweepSource(tmp_path / "index", KEY, str(tree), tmp_path / "out")
    work = SweepWork(jobs=1, part_rows=4)
    return SweepAsked(tmp_path / "manifest", source, Depth.FULL, work=work)


def into(asked: SweepAsked, out: Path, shard: tuple[int, int] = (1, 1), **more: Any) -> SweepAsked:
    asked = replace(asked, source=replace(asked.source, out=out), **more)
    return replace(asked, work=replace(asked.work, shard=shard))


def copy_of(store: Store, tmp_path: Path) -> Store:
    """The registry as it is now, in another file."""
    store.copy_to(tmp_path / "copy.db")
    return Store(f"sqlite:///{tmp_path / 'copy.db'}")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def take(store: Store, folder: Path, places: KeyPlaces = HUB) -> SweepTaken:
    return sweeps.take(store, KEYRING, folder, places)


def every(store: Store) -> dict[str, Sighting]:
    with store.read() as connection:
        return {one.id: one for one in sightings.every(connection)}


def told(one: Sighting) -> tuple[Any, ...]:
    return (one.repo, one.path, one.removal, one.rung, one.confirmed, one.evidence, one.judged_by)


def test_shards_in_any_number_and_order_write_the_same_parts(
    asked: SweepAsked, tmp_path: Path
) -> None:
    whole = run(asked)
    assert (whole.parts, whole.new, whole.rows) == (7, 7, 25)
    assert whole.counts["match"] >= 7
    for count in (2, 7, 10):
        out = tmp_path / f"out-{count}"
        shards = list(range(1, count + 1))
        random.Random(count).shuffle(shards)
        done = [run(into(asked, out, shard=(each, count))) for each in shards]
        assert sum(each.new for each in done) == 7
        assert files(out) == files(asked.source.out)
        assert out.stat().st_mode & 0o077 == 0
        assert all(path.stat().st_mode & 0o077 == 0 for path in out.iterdir())


def test_several_processes_write_the_same_parts(asked: SweepAsked, tmp_path: Path) -> None:
    run(asked)
    out = tmp_path / "by-processes"
    run(into(asked, out, work=SweepWork(jobs=2, part_rows=4)))
    assert files(out) == files(asked.source.out)


def test_what_is_there_is_not_done_again(asked: SweepAsked) -> None:
    run(asked)
    before = files(asked.source.out)
    again = run(asked)
    assert (again.new, again.rows) == (0, 25)
    for name in ("part-00000002.json", "part-00000004.parquet"):
        (asked.source.out / name).unlink()
    (asked.source.out / "part-00000005.json").write_text("{}")
    assert run(asked).new == 3
    assert files(asked.source.out) == before


_RUN = """
import sys
from pathlib import Path
from reseen.scan.sweep.examiner import Depth
from reseen.scan.sweep.processes import SweepSource
from reseen.scan.sweep.run import SweepAsked, SweepWork, Swept, default_jobs, run
manifest, index, key, store, out = sys.argv[1:6]
if __name__ == "__main__":
    source = SweepSource(Path(index), bytes.fromhex(key), store, Path(out))
    run(SweepAsked(Path(manifest), source, Depth.FULL, work=SweepWork(2, 64, 4)),
        lambda done, rows: print(done.new, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_goes_on_where_it_was(
    asked: SweepAsked, tmp_path: Path, number: signal.Signals
) -> None:
    source, out = asked.source, tmp_path / "killed"
    script = tmp_path / "run.py"
    script.write_text(_RUN)
    run(asked)
    given = (asked.manifest, source.index, KEY.hex(), source.store, out)
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, script, *map(str, given)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert all((process.stdout.readline(), process.stdout.readline()))  # a part is there
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode != 0
    done = run(into(asked, out))
    assert 1 <= done.new <= 5
    there = {name: data for name, data in files(out).items() if not name.startswith(".")}
    assert there == files(source.out)


def test_a_file_on_which_a_process_dies_is_one_row(
    asked: SweepAsked, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reseen.scan.sweep.processes._begin", _begin_deadly)
    out = tmp_path / "deadly"
    done = run(into(asked, out, work=SweepWork(jobs=2, part_rows=4)))
    assert done.rows == 25
    assert done.counts["unread"] == 1
    assert not done.is_whole
    sweep = parts.opened(out, KEY)
    (bad,) = (
        row
        for mark in parts.marks(out, KEY, sweep)
        for row in parts.rows(out, mark)
        if row["status"] == "unread"
    )
    assert bad["key"].endswith("stranger.bin")
    assert "died" in bad["reason"]


def _begin_deadly(*given: Any) -> None:
    """In a process: one file kills it."""
    from reseen.hubs.object_store import ObjectStore

    _begin(*given)
    real = ObjectStore._check

    def check(self: ObjectStore, key: str) -> None:
        if key.endswith("stranger.bin"):
            os._exit(9)
        real(self, key)

    ObjectStore._check = check  # type: ignore[method-assign]


def test_a_store_that_is_away_stops_the_run_and_nothing_false_is_written(
    asked: SweepAsked, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reseen.hubs.object_store import ObjectStore

    async def away(*_: object) -> bytes:
        raise HubBusy("the store did not answer")

    manifest = asked.manifest.with_name("many")
    keys = [f"a/b/{n}.safetensors" for n in range(100)]
    pyarrow.parquet.write_table(pyarrow.table({"key": keys, "size": [10_000] * 100}), manifest)
    monkeypatch.setattr(ObjectStore, "read", away)
    many = replace(asked, manifest=manifest, work=SweepWork(1, 8, 50))
    with pytest.raises(HubBusy):
        run(many)
    assert set(files(asked.source.out)) == {"sweep.json"}


def test_rows_that_were_not_read_can_be_tried_again(asked: SweepAsked, tree: Path) -> None:
    hidden = tree / "someone" / "test" / "cast.safetensors"
    away = hidden.rename(tree.parent / "away")
    assert run(asked).counts["unread"] == 1
    away.rename(hidden)
    assert run(asked).counts["unread"] == 1
    again = run(replace(asked, unread_again=True))
    assert (again.new, again.counts["unread"]) == (1, 0)


def test_a_part_that_is_done_better_takes_the_place_of_the_one_before(
    asked: SweepAsked, store: Store, tree: Path, tmp_path: Path
) -> None:
    hidden = tree / "someone" / "test" / "cast.safetensors"
    away = hidden.rename(tree.parent / "away")
    run(asked)
    old = shutil.copytree(asked.source.out, tmp_path / "old")
    first = take(store, asked.source.out)
    assert (first.standing["unread"], first.missing) == (1, 0)
    assert "cast.safetensors" not in {one.path for one in every(store).values()}
    second = take(store, asked.source.out)
    assert (second.new, second.before, second.standing["unread"]) == (0, 7, 1)
    away.rename(hidden)
    run(replace(asked, unread_again=True))
    third = take(store, asked.source.out)
    assert (third.new, third.again, third.before) == (1, 1, 6)
    assert third.standing["unread"] == 0
    assert "cast.safetensors" in {one.path for one in every(store).values()}
    with store.read() as connection:
        covered = scan_rows.coverage(connection, third.scan)
        noted = list(left_out.recorded(connection, third.scan))
    assert covered.artifacts == 25
    assert taken.UNREAD not in covered.skipped
    assert noted
    assert not any("cast.safetensors" in str(each) for each in noted)
    # the folder of before, once more
    last = take(store, old)
    assert (last.new, last.before, last.standing["unread"]) == (0, 7, 0)


def test_another_store_is_another_sweep(asked: SweepAsked, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    wrong = replace(asked, source=replace(asked.source, store=str(tmp_path / "empty")))
    assert run(wrong).counts["unread"] == 25
    with pytest.raises(InputError, match=r"another sweep.* store"):
        run(asked)
    there = replace(asked.source, store=Path(asked.source.store).as_uri() + "/")
    right = into(asked, tmp_path / "right")
    assert run(right).new == 7
    assert run(into(replace(asked, source=there), tmp_path / "right")).new == 0


def test_a_kill_between_a_part_and_its_mark_does_the_part_again(
    asked: SweepAsked, store: Store, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tree / "someone" / "test" / "cast.safetensors"
    away = hidden.rename(tree.parent / "away")
    run(asked)
    away.rename(hidden)
    real = parts._write_whole

    def killed(path: Path, data: bytes) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        real(path, data)

    with monkeypatch.context() as dying:
        dying.setattr(parts, "_write_whole", killed)
        with pytest.raises(KeyboardInterrupt):
            run(replace(asked, unread_again=True))
    assert take(store, asked.source.out).missing == 1
    assert run(asked).new == 1
    assert take(store, asked.source.out).missing == 0
    # data that somebody changed is done again, too
    some = asked.source.out / "part-00000002.parquet"
    some.write_bytes(some.read_bytes()[:-1])
    assert run(asked).new == 1


def test_a_copy_that_is_half_way_is_taken_as_far_as_it_came(
    asked: SweepAsked, store: Store, tmp_path: Path
) -> None:
    run(asked)
    half = shutil.copytree(asked.source.out, tmp_path / "half")
    (half / "part-00000003.parquet").unlink()
    done = take(store, half)
    assert (done.new, done.coming, done.missing) == (6, 1, 1)
    shutil.copy(asked.source.out / "part-00000003.parquet", half)
    done = take(store, half)
    assert (done.new, done.before, done.coming, done.missing) == (1, 6, 0, 0)


def test_shards_may_begin_at_the_same_time(
    asked: SweepAsked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever another shard writes its first part while this one looks at the folder."""
    out = tmp_path / "shared"
    real = Path.iterdir
    began = False

    def iterdir(path: Path) -> Iterator[Path]:
        nonlocal began
        before = list(real(path))
        if path == out and not began:
            began = True
            run(into(asked, out, shard=(1, 2)))
            return iter([*before, out / "part-00000000.json"])  # as a listing under way may have it
        return iter(before)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert run(into(asked, out, shard=(2, 2))).new == 4
    assert began


def test_two_imports_at_once_count_each_part_once(
    asked: SweepAsked, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(asked)
    inner: list[SweepTaken] = []
    real = parts.rows

    def rows(folder: Path, mark: parts.Mark) -> list[dict[str, Any]]:
        if not inner:
            inner.append(None)  # type: ignore[arg-type]
            inner[0] = take(store, asked.source.out)
        return real(folder, mark)

    monkeypatch.setattr(parts, "rows", rows)
    outer = take(store, asked.source.out)
    assert (inner[0].new, outer.new, outer.before) == (7, 0, 7)
    assert (outer.rows, outer.missing) == (0, 0)


def test_what_is_no_file_is_not_waited_for(asked: SweepAsked, store: Store) -> None:
    run(asked)
    place = asked.source.out / "sweep.json"
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(InputError):
        take(store, asked.source.out)


# -- what is refused -------------------------------------------------------------------------------


def test_an_index_of_another_key_or_that_was_touched_is_refused(asked: SweepAsked) -> None:
    with pytest.raises(Tampered, match="key"):
        run(replace(asked, source=replace(asked.source, key=bytes(32))))
    some = next(path for path in asked.source.index.iterdir() if path.name.startswith("values"))
    some.write_bytes(some.read_bytes() + b"x")
    with pytest.raises(Tampered):
        run(asked)
    assert not asked.source.out.exists()


def test_an_index_that_answers_wrongly_is_refused(
    asked: SweepAsked, store: Store, tmp_path: Path
) -> None:
    """Every byte is as it was written, under the right key: only asking it tells."""
    whole = known(store, None).parts(whole_sketches=True)
    (name,) = (each for each in whole.arrays if each == f"values-{int(DigestKind.SHA256)}")
    kind, buffers = whole.arrays[name]
    data = b"".join(bytes(each) for each in buffers)
    rows = [data[at : at + 32] for at in range(0, len(data), 32)]
    assert len(rows) > 1
    broken = replace(whole, arrays={**whole.arrays, name: (kind, [b"".join(reversed(rows))])})
    saved.save(tmp_path / "broken", KEY, broken)
    for jobs in (1, 2):
        source = replace(asked.source, index=tmp_path / "broken", out=tmp_path / f"out {jobs}")
        with pytest.raises(Tampered, match="answers wrongly"):
            run(replace(asked, source=source, work=SweepWork(jobs=jobs)))
    with pytest.raises(Tampered, match="answers wrongly"):
        RegistryIndex.open(tmp_path / "broken", KEY)


def test_a_folder_is_of_one_sweep(asked: SweepAsked, tmp_path: Path) -> None:
    run(asked)
    with pytest.raises(InputError, match="another sweep"):
        run(replace(asked, depth=Depth.NONE))
    shutil.copy(asked.manifest, tmp_path / "copy")
    with (tmp_path / "other").open("w") as file:
        file.write("key,size\na/b/c,5\n")
    with pytest.raises(InputError, match="another sweep"):
        run(replace(asked, manifest=tmp_path / "other"))
    assert run(replace(asked, manifest=tmp_path / "copy")).new == 0
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="something else"):
        run(into(asked, tmp_path / "full"))


LONG = pyarrow.DictionaryArray.from_arrays(
    pyarrow.array([0] * 20_000, pyarrow.int32()), pyarrow.array(["k" * 5000])
)
MANIFESTS: dict[str, tuple[object, str]] = {
    "no size": ("key\na\n", "no column size"),
    "no key": ("size,sha256\n5,\n", "no column key"),
    "another": ("key,size,password\na,5,x\n", "other columns: 'password'"),
    "a column twice": ("key,size,size\na,5,5\n", "other columns"),
    "the same key": ("key,size\na,5\nb,6\na,5\n", "rows 1 and 3"),
    "a row without a key": ("key,size\na,5\n,6\n", "row 2 .* no key"),
    "a key without end": (f"key,size\na,5\n{'k' * 5000},6\n", "row 2 .* too long"),
    "a key of more bytes than letters": (
        "key,size\na,5\n" + "\u00e9" * 3000 + ",6\n",
        "row 2 .* long",
    ),
    "nothing": ("", "neither Parquet nor CSV"),
    "no rows": ("key,size\n", "no rows"),
    "ragged rows": ("key,size\na,5,6,7\n", "neither Parquet nor CSV"),
    "sizes that are none": ("key,size\na,big\n", "neither Parquet nor CSV"),
    "no Parquet": (b"PAR1" + bytes(400) + b"PAR1", "neither Parquet nor CSV"),
    "bytes": (bytes(range(256)) * 40, "manifest"),
    "numbers as keys": (pyarrow.table({"key": [1, 2], "size": [5, 6]}), "column key .* type"),
    "texts as sizes": (pyarrow.table({"key": ["a"], "size": ["5"]}), "column size .* type"),
    "a long value, repeated": (pyarrow.table({"key": LONG, "size": [5] * 20_000}), "too long"),
    "lists": (pyarrow.table({"key": ["a"], "size": [5], "sha256": [["x"]]}), "column sha256"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_is_none_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    made, said = MANIFESTS[name]
    path = tmp_path / "manifest"
    if isinstance(made, pyarrow.Table):
        pyarrow.parquet.write_table(made, path, store_schema=False)
    else:
        path.write_bytes(made if isinstance(made, bytes) else str(made).encode())
    with pytest.raises(InputError, match=said) as raised:
        look_through(path)
    assert "\n" not in str(raised.value)
    assert "k" * 50 not in str(raised.value)


def test_a_manifest_that_is_changed_under_way_stops_the_run_in_a_sentence(
    asked: SweepAsked,
) -> None:
    table = pyarrow.parquet.read_table(asked.manifest)

    def change(done: Swept, rows: int) -> None:
        if done.new == 2:
            pyarrow.parquet.write_table(table.slice(0, 5), asked.manifest)

    with pytest.raises(InputError):
        run(asked, change)
    assert len(list(asked.source.out.glob("part-*.json"))) == 2


def test_a_manifest_that_is_replaced_under_way_is_noticed(asked: SweepAsked) -> None:
    table = pyarrow.parquet.read_table(asked.manifest)
    keys = [f"other/{n}" for n in range(table.num_rows)]
    other = asked.manifest.with_name("new")
    pyarrow.parquet.write_table(table.set_column(0, "key", pyarrow.array(keys)), other)

    def replaced(done: Swept, rows: int) -> None:
        if done.new == 2 and other.exists():
            other.replace(asked.manifest)

    with pytest.raises(InputError, match="was changed"):
        run(asked, replaced)


def test_by_default_no_run_dies_on_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert default_jobs() == 2


def test_a_key_may_be_any_word(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("key,size,sha256\nNA,5,\nnull,6,\nNaN,7,\n")
    assert look_through(tmp_path / "m").rows == 3


def test_a_manifest_may_be_csv_or_parquet_in_groups_of_any_size(
    asked: SweepAsked, tmp_path: Path
) -> None:
    table = pyarrow.parquet.read_table(asked.manifest)
    pyarrow.csv.write_csv(table, tmp_path / "manifest.csv")
    binary = pyarrow.array([None] * table.num_rows, pyarrow.binary(32))
    wide = table.set_column(2, "sha256", binary)
    pyarrow.parquet.write_table(wide, tmp_path / "groups", row_group_size=3)
    run(asked)
    of_parquet = {n: d for n, d in files(asked.source.out).items() if n.endswith(".parquet")}
    for name in ("manifest.csv", "groups"):
        out = tmp_path / f"out of {name}"
        for shard in (2, 1):
            run(into(asked, out, manifest=tmp_path / name, shard=(shard, 2)))
        assert {n: d for n, d in files(out).items() if n.endswith(".parquet")} == of_parquet


# -- imported --------------------------------------------------------------------------------------


def test_an_import_records_what_a_scan_of_the_folder_does(
    asked: SweepAsked, store: Store, tree: Path
) -> None:
    run(asked)
    done = take(store, asked.source.out)
    assert (done.new, done.before, done.missing, done.rows) == (7, 0, 0, 25)
    swept = {one.path: one for one in every(store).values()}
    assert {one.hub for one in swept.values()} == {"storage+acme"}
    assert {one.repo for one in swept.values()} == {"someone/test"}
    scans.scan_folder(store, KEYRING, tree, jobs=1)
    scanned = {
        one.path.removeprefix("someone/test/"): one
        for one in every(store).values()
        if one.hub == "folder"
    }
    assert set(swept) == set(scanned)
    for path, one in swept.items():
        of_bytes = {e.kind for e in one.evidence if e.rung is Rung.BYTES}
        assert one.removal == scanned[path].removal
        assert one.rung == scanned[path].rung
        assert of_bytes == {e.kind for e in scanned[path].evidence if e.rung is Rung.BYTES}
        assert one.judged_by == scanned[path].judged_by


def test_a_second_import_says_that_it_was_there(asked: SweepAsked, store: Store) -> None:
    run(asked)
    first = take(store, asked.source.out)
    before = every(store)
    again = take(store, asked.source.out)
    assert (again.new, again.before, again.sightings) == (0, 7, ())
    assert again.scan == first.scan
    assert every(store) == before


@pytest.mark.parametrize("seed", range(3))
def test_shards_imported_in_any_order_give_the_same_store(
    asked: SweepAsked, store: Store, tmp_path: Path, seed: int
) -> None:
    run(asked)
    copied = copy_of(store, tmp_path)
    take(store, asked.source.out)
    one_by_one = every(store)
    shards = [(each, 3) for each in (1, 2, 3)]
    random.Random(seed).shuffle(shards)
    with copied as other:
        for number, shard in enumerate(shards):
            out = tmp_path / f"shard-{seed}-{shard[0]}"
            run(into(asked, out, shard=shard))
            done = take(other, out)
            assert (done.missing == 0) is (number == 2)
            take(other, out)
        assert {id: told(s) for id, s in every(other).items()} == {
            id: told(s) for id, s in one_by_one.items()
        }


def test_a_part_that_was_touched_is_not_taken_and_the_others_are(
    asked: SweepAsked, store: Store, tmp_path: Path
) -> None:
    run(asked)
    folder = asked.source.out
    data, mark = folder / "part-00000003.parquet", folder / "part-00000003.json"
    whole = {path: path.read_bytes() for path in (data, mark)}
    copies = 0

    def left_out(why: str) -> None:
        nonlocal copies
        copies += 1
        store.copy_to(tmp_path / f"copy-{copies}.db")
        with Store(f"sqlite:///{tmp_path / f'copy-{copies}.db'}") as other:
            done = take(other, folder)
            assert [(bad.part, why in bad.reason) for bad in done.damaged] == [(3, True)]
            assert (done.new, done.before, done.coming, done.missing) == (6, 0, 0, 1)
            for path, content in whole.items():
                path.write_bytes(content)
            last = take(other, folder)
            assert (last.new, last.before, last.damaged, last.missing) == (1, 6, (), 0)

    data.write_bytes(whole[data][:-1])
    left_out("part 3 is not what was written")
    mark.write_bytes(whole[mark][:100])
    left_out("key")
    data.unlink()
    data.mkdir()
    (bad,) = take(copy_of(store, tmp_path), folder).damaged
    assert "part 3 cannot be read" in bad.reason
    data.rmdir()
    data.write_bytes(whole[data])
    counted = json.loads(whole[mark])
    counted["counts"] = {"clear": 4}
    mark.write_text(json.dumps(counted))
    left_out("key")
    # a part that somebody without the key made
    table = pyarrow.parquet.read_table(folder / "part-00000004.parquet")
    pyarrow.parquet.write_table(table, data)
    forged = json.loads(whole[mark]) | {"blake3": blake3(data.read_bytes()).hexdigest()}
    mark.write_text(json.dumps(forged))
    left_out("key")
    # another part's in its place
    shutil.copy(folder / "part-00000004.json", mark)
    left_out("another place")
    mark.write_text("[" * 100_000)
    left_out("key")
    mark.unlink()
    os.mkfifo(mark)
    (bad,) = take(copy_of(store, tmp_path), folder).damaged
    assert "cannot be read" in bad.reason


def test_a_part_that_is_spoiled_while_others_are_taken_is_named(
    asked: SweepAsked, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(asked)
    real = parts.rows

    def rows(folder: Path, mark: parts.Mark) -> list[dict[str, Any]]:
        if mark.part == 3:
            (folder / "part-00000003.parquet").write_bytes(b"half")
        return real(folder, mark)

    monkeypatch.setattr(parts, "rows", rows)
    done = take(store, asked.source.out)
    assert [bad.part for bad in done.damaged] == [3]
    assert (done.new, done.before, done.missing) == (6, 0, 1)


def test_a_folder_by_another_key_is_refused_and_nothing_is_taken(
    asked: SweepAsked, store: Store
) -> None:
    run(asked)
    (asked.source.out / "sweep.json").write_text("[]")
    with pytest.raises(Tampered, match="key"):
        take(store, asked.source.out)
    assert every(store) == {}


def test_a_sweep_by_another_registrys_index_is_refused(asked: SweepAsked, tmp_path: Path) -> None:
    run(asked)
    with Store(f"sqlite:///{tmp_path / 'other.db'}") as other:
        with pytest.raises(InputError, match="another registry"):
            take(other, asked.source.out)
        assert every(other) == {}


def test_a_sweep_stands_at_one_hub(asked: SweepAsked, store: Store) -> None:
    run(asked)
    take(store, asked.source.out)
    for other in (KeyPlaces("storage+other"), KeyPlaces("storage+acme", 1)):
        with pytest.raises(InputError, match="was taken as that of"):
            take(store, asked.source.out, other)


def test_an_import_that_is_killed_goes_on(
    asked: SweepAsked, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(asked)
    with copy_of(store, tmp_path) as other:
        take(other, asked.source.out)
        whole = every(other)
    real, calls = taken._take_part, 0

    def killed(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(taken, "_take_part", killed)
    for _ in range(12):
        try:
            last = take(store, asked.source.out)
            break
        except KeyboardInterrupt:
            continue
    assert last.missing == 0
    assert {id: told(s) for id, s in every(store).items()} == {
        id: told(s) for id, s in whole.items()
    }


def test_a_key_becomes_a_place() -> None:
    assert HUB.of("owner/name/a/b.bin") == ("owner/name", "a/b.bin")
    assert HUB.of("owner/b.bin") == ("owner", "b.bin")
    assert HUB.of("b.bin") == ("/", "b.bin")
    assert KeyPlaces("x", 0).of("a/b/c") == ("/", "a/b/c")
    assert KeyPlaces("x", 1).of("/a/b") == ("/", "/a/b")
