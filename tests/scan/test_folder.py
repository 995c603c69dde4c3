"""A folder on disk: everything is read, nothing is written twice, no file stops the rest."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.match.made import KEYRING, adapter, fully_known, listed, remove, safetensors

from reseen.errors import InputError
from reseen.fingerprints.git import pointer
from reseen.observed import sightings
from reseen.operations import consequences
from reseen.records import Confirmed, Rung, Sighting
from reseen.registry import removals
from reseen.scan import pool, unread_copies
from reseen.scan.folder import POINTERS, UNREAD, scan_folder
from reseen.scan.progress import Outcome, Progress
from reseen.scan.read_result import BLIND
from reseen.scan.unread_copies import UnreadCopies
from reseen.store.database import Store

FILE = safetensors(adapter(7), {"made by": "a test"})
EDITED = safetensors(adapter(7), {"title": "Test model"})
OTHER = safetensors(adapter(8))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    (root / "a" / "b").mkdir(parents=True)
    (root / "LORA").write_bytes(FILE)
    (root / "a" / "Test model.zip").write_bytes(EDITED)
    (root / "a" / "b" / "other.bin").write_bytes(OTHER)
    (root / "notes.txt").write_text("nothing " * 1000)
    return root


def scan(store: Store, root: Path, jobs: int = 1) -> Outcome:
    return scan_folder(store, KEYRING, root, jobs=jobs)


def rungs(outcome: Outcome) -> dict[str, Rung]:
    return {one.path: one.rung for one in outcome.sightings}


def test_copies_are_found_by_content_whatever_their_name(store: Store, tree: Path) -> None:
    remove(store, fully_known(FILE))
    outcome = scan(store, tree)
    assert rungs(outcome) == {"LORA": Rung.BYTES, "a/Test model.zip": Rung.TENSORS}
    assert all(one.confirmed is Confirmed.BYTES for one in outcome.sightings)
    assert all(one.hub == "folder" for one in outcome.sightings)
    assert outcome.coverage.artifacts == 4
    assert outcome.ended


def test_a_removal_learns_and_the_edited_copy_is_found_whatever_the_order(
    store: Store, tree: Path
) -> None:
    removal = remove(store, listed(FILE))
    (tree / "0 first").write_bytes(EDITED)
    outcome = scan(store, tree)
    assert set(rungs(outcome)) == {"0 first", "LORA", "a/Test model.zip"}
    with store.read() as connection:
        said, learned = removals.by_id(connection, removal).claims
    assert len(said.digests) == 1
    assert len(learned.digests) > 4
    assert learned.rests_on == (said.number,)


def test_scanning_again_records_nothing_twice(store: Store, tree: Path) -> None:
    remove(store, listed(FILE))
    first = scan(store, tree)
    assert len(first.sightings) == 2
    assert scan(store, tree).sightings == ()
    with store.read() as connection:
        assert sightings.count(connection) == 2


def test_what_changed_at_a_path_is_another_content(store: Store, tree: Path) -> None:
    remove(store, listed(FILE))
    remove(store, listed(OTHER))
    scan(store, tree)
    (tree / "LORA").write_bytes(OTHER)
    outcome = scan(store, tree)
    assert rungs(outcome) == {"LORA": Rung.BYTES}


def test_progress_and_findings_are_told(store: Store, tree: Path) -> None:
    remove(store, listed(FILE))
    told: list[Progress] = []
    found: list[Sighting] = []
    outcome = scan_folder(store, None, tree, jobs=1, report=told.append, found=found.append)
    assert [one.id for one in found] == [one.id for one in outcome.sightings]
    assert len(found) == 2
    assert told[-1].sightings == len(found)
    assert not told[-1].listing


def test_one_bad_file_does_not_stop_the_rest(
    store: Store, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove(store, listed(FILE))
    (tree / "elsewhere").symlink_to("/etc")
    gone = tree / "notes.txt"
    real = pool.read_local

    def fails_for_one(path: Path, *rest: object, **more: object) -> object:
        if path == gone:
            gone.unlink()
        return real(path, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(pool, "read_local", fails_for_one)
    outcome = scan(store, tree)
    assert len(outcome.sightings) == 2
    assert outcome.coverage.skipped == {UNREAD: 2, BLIND: 3}  # three hold no update


def test_a_folder_that_is_not_there_is_an_error_in_words(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        scan(store, tmp_path / "nowhere")


def test_a_hub_cache_is_recognised_and_its_names_are_checked(store: Store, tmp_path: Path) -> None:
    removal = remove(store, listed(FILE))
    liar = remove(store, listed(OTHER + bytes(8)))
    cached = tmp_path / "hub" / "models--someone--test"
    snapshot = cached / "snapshots" / ("c" * 40)
    snapshot.mkdir(parents=True)
    (cached / "blobs").mkdir()
    for name, data, said in (("a", FILE, FILE), ("b", OTHER, OTHER + bytes(8))):
        blob = cached / "blobs" / hashlib.sha256(said).hexdigest()
        blob.write_bytes(data)
        (snapshot / name).symlink_to(blob)
    outcome = scan(store, tmp_path / "hub")
    by_path = {one.path: one for one in outcome.sightings}
    assert by_path["a"].removal == removal
    assert by_path["a"].repo == "someone/test"
    assert by_path["a"].confirmed is Confirmed.BYTES
    assert by_path["b"].removal == liar
    assert by_path["b"].confirmed is Confirmed.CONTRADICTED


def test_several_processes_find_the_same(store: Store, tree: Path) -> None:
    remove(store, fully_known(FILE))
    for number in range(20):
        (tree / f"{number}").write_bytes(safetensors(adapter(100 + number)))
    (tree / "copy").write_bytes(FILE)
    outcome = scan(store, tree, jobs=2)
    assert set(rungs(outcome)) == {"LORA", "copy", "a/Test model.zip"}
    assert outcome.coverage.artifacts == 25


_SCAN = """
import sys
from pathlib import Path
from reseen.store.database import Store
from reseen.scan.folder import scan_folder
if __name__ == "__main__":
    with Store(sys.argv[1]) as store:
        print("begun", flush=True)
        scan_folder(store, None, Path(sys.argv[2]), jobs=2)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="counts processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopping_it_leaves_no_process_behind(store: Store, tmp_path: Path, how: int) -> None:
    root = tmp_path / "large"
    root.mkdir()
    for number in range(24):
        with (root / f"{number}").open("wb") as file:
            file.write(b"%d" % number)
            file.truncate(1 << 30)  # a hole: it takes no room, and long to read
    script = tmp_path / "scan.py"
    script.write_text(_SCAN)
    argv = [sys.executable, str(script), f"sqlite:///{tmp_path / 'reseen.db'}", str(root)]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as scanning:
        assert scanning.stdout
        scanning.stdout.readline()
        deadline = time.monotonic() + 60
        while len(_session(scanning.pid)) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(scanning.pid, how)
        _, said = scanning.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while _session(scanning.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _session(scanning.pid)
    assert b"SpawnProcess" not in said


def _session(leader: int) -> set[int]:
    """Live processes of a session."""
    found: set[int] = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(") ")[2].split()[:4]
        except OSError:
            continue
        if int(session) == leader and state != "Z":
            found.add(int(stat.parent.name))
    return found


def test_a_clone_without_git_lfs_is_judged_by_what_its_pointers_state(
    store: Store, tmp_path: Path
) -> None:
    remove(store, listed(FILE))
    clone = tmp_path / "clone"
    (clone / "nested").mkdir(parents=True)
    copy, other = (pointer(hashlib.sha256(data).digest(), len(data)) for data in (FILE, OTHER))
    (clone / "LORA.safetensors").write_bytes(copy)
    (clone / "nested" / "crlf").write_bytes(copy.replace(b"\n", b"\r\n"))
    (clone / "other.safetensors").write_bytes(other)
    (clone / "README.md").write_text("short")
    outcome = scan(store, clone)
    assert rungs(outcome) == {"LORA.safetensors": Rung.DECLARED, "nested/crlf": Rung.DECLARED}
    assert all("git lfs pull" in one.why for one in outcome.sightings)
    assert all(one.size == len(FILE) for one in outcome.sightings)
    assert outcome.coverage.skipped == {POINTERS: 3}
    with store.read() as connection:
        assert unread_copies.count(connection) == UnreadCopies(pointers=2), (
            "no hub can be asked for them"
        )
    # Pulled, the file is read, and it is the same sighting on a higher rung.
    (clone / "LORA.safetensors").write_bytes(FILE)
    (clone / "other.safetensors").write_bytes(OTHER)
    again = scan(store, clone)
    assert again.coverage.skipped[POINTERS] == 1
    assert again.sightings == ()
    with store.read() as connection:
        found = {each.path: each for each in sightings.every(connection)}
    assert found["LORA.safetensors"].rung is Rung.BYTES
    assert "git lfs pull" not in found["LORA.safetensors"].why
    assert len(found) == 2


def test_a_pointer_that_came_before_the_list_is_known_when_it_comes(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "clone").mkdir()
    text = pointer(hashlib.sha256(FILE).digest(), len(FILE))
    (tmp_path / "clone" / "LORA").write_bytes(text)
    scan(store, tmp_path / "clone")
    remove(store, listed(FILE))
    consequences.follow(store)
    with store.read() as connection:
        (found,) = sightings.every(connection)
    assert found.rung is Rung.DECLARED
    assert "git lfs pull" in found.why
