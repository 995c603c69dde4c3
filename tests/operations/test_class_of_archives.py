"""An archive of the class that is never read: nothing that stands in it counts, in any order.

A list names the archive, another the files in it. Said first, the class keeps the archive closed;
said later, what was read of the files in it counts for no removal, teaches nothing, and comes back
when the class is taken back.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from tests.files import build
from tests.match.made import KEYRING, known, listed, remove
from tests.match.updates import CAST, OTHER, REMOVED, put
from tests.registry.test_claims import new_store
from tests.scan.fake_hub import COMMIT, FakeHub
from tests.scan.test_shards_at_hub import in_shards

from replica import made
from reseen.gate.upload_work import read_upload
from reseen.hubs.hub import Revision
from reseen.observed import sightings
from reseen.operations import classes, consequences, lists, log_check, removals
from reseen.records import RemovalClass, Rung
from reseen.registry import removals as stored
from reseen.registry.imports import ImportOptions
from reseen.scan.context import reading
from reseen.scan.folder import scan_folder
from reseen.scan.record import record
from reseen.scan.target import Options
from reseen.scan.visit import visit
from reseen.store.database import Store

WHY = "Sample reason 01"
NEVER, NONE = RemovalClass.CHILD_ABUSE, RemovalClass.OTHER
EDITED = made.header_edited(REMOVED)
INNER = build.python_zip({"deep": EDITED})
ARCHIVE = build.python_zip({"b.dat": REMOVED, "x/edited": EDITED, "in.zip": INNER})
FILES = {"a.zip": ARCHIVE, "c.safetensors": CAST}
Standing = set[tuple[str, str, Rung]]
"""(list, path, rung)."""


def import_(store: Store, folder: Path, name: str, *files: bytes) -> None:
    rows = [f"Sample person 07,{hashlib.sha256(data).hexdigest()}" for data in files]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(["name,sha256", *rows]) + "\n")
    lists.import_list(store, KEYRING, path, ImportOptions())


def of_class(store: Store, name: str, on: bool) -> None:
    classes.classify_list(store, KEYRING, name, NEVER if on else NONE, WHY)


def at_hub(store: Store, files: dict[str, bytes]) -> None:
    """One look at all files, and what follows from it."""
    hub = FakeHub(files)
    context = reading(hub, known(store), Options())
    found = asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))
    with store.write() as connection:
        record(connection, found)
    consequences.follow(store)


def in_folder(store: Store, folder: Path, files: dict[str, bytes]) -> None:
    seen = folder / "seen"
    seen.mkdir(exist_ok=True)
    for name, data in files.items():
        (seen / name).write_bytes(data)
    scan_folder(store, KEYRING, seen, jobs=1)
    consequences.follow(store)


Scan = Callable[[Store, Path, dict[str, bytes]], None]
SCANS: dict[str, Scan] = {
    "hub": lambda store, folder, files: at_hub(store, files),
    "folder": in_folder,
}


def standing(store: Store) -> Standing:
    with store.read() as connection:
        named = {one.id: one.lists[0] for one in stored.every(connection)}
        return {
            (named[s.removal], s.path, s.rung)
            for s in sightings.every(connection)
            if s.rung.on_ladder and not s.withdrawn and s.removal in named
        }


def inside(store: Store) -> Standing:
    return {one for one in standing(store) if one[0] != "class"}


@pytest.mark.parametrize("where", SCANS)
@pytest.mark.parametrize("order", [*permutations(("class", "members", "scan"))])
def test_in_any_order_and_taken_back(
    store: Store, tmp_path: Path, order: tuple[str, ...], where: str
) -> None:
    def scan() -> None:
        SCANS[where](store, tmp_path, FILES)

    for act in order:
        if act == "scan":
            scan()
        elif act == "members":
            import_(store, tmp_path, "members", REMOVED)
        else:
            import_(store, tmp_path, "class", ARCHIVE)
            of_class(store, "class", True)
    for _ in range(2):
        scan()  # and once more: what was learned would lead to the altered copy
    assert standing(store) == {("class", "a.zip", Rung.DECLARED)}
    assert log_check.verify(store).wrong == ()
    for _ in range(2):
        of_class(store, "class", False)
        for _ in range(2):
            scan()
        assert inside(store) == {
            ("members", "a.zip!b.dat", Rung.BYTES),
            ("members", "a.zip!x/edited", Rung.TENSORS),
            ("members", "a.zip!in.zip!deep", Rung.TENSORS),
            ("members", "c.safetensors", Rung.WEIGHTS),
        }
        assert log_check.verify(store).wrong == ()
        of_class(store, "class", True)
        assert inside(store) == set()
        assert log_check.verify(store).wrong == ()
    removals.withdraw_list(store, KEYRING, "class", WHY)
    assert len(inside(store)) == 4


@pytest.mark.parametrize("where", SCANS)
def test_said_by_the_list_itself_after_its_files_were_read(
    store: Store, tmp_path: Path, where: str
) -> None:
    """As a stranger did it: the archive listed, its files read, the class, then a list of them."""
    import_(store, tmp_path, "class", ARCHIVE)
    SCANS[where](store, tmp_path, FILES)
    of_class(store, "class", True)
    import_(store, tmp_path, "members", REMOVED, EDITED)
    assert standing(store) == {("class", "a.zip", Rung.DECLARED)}


@pytest.mark.parametrize("where", SCANS)
def test_an_archive_in_the_archive_may_be_what_is_of_the_class(
    store: Store, tmp_path: Path, where: str
) -> None:
    import_(store, tmp_path, "members", REMOVED)
    SCANS[where](store, tmp_path, FILES)
    import_(store, tmp_path, "class", INNER)
    of_class(store, "class", True)
    later = standing(store)
    with new_store(tmp_path, 1) as fresh:
        import_(fresh, tmp_path, "members", REMOVED)
        import_(fresh, tmp_path, "class", INNER)
        of_class(fresh, "class", True)
        for _ in range(2):
            SCANS[where](fresh, tmp_path, FILES)
        SCANS[where](store, tmp_path, FILES)
        later = standing(store)
        assert later == standing(fresh)
    assert ("members", "a.zip!in.zip!deep", Rung.TENSORS) not in later
    assert ("members", "a.zip!b.dat", Rung.BYTES) in later


@pytest.mark.parametrize("where", SCANS)
@pytest.mark.parametrize("order", [*permutations(("class", "own", "scan"))])
def test_a_file_that_is_of_the_class_itself(
    store: Store, tmp_path: Path, order: tuple[str, ...], where: str
) -> None:
    """Of an open archive it is known by its digests; in one of the class it is not known."""
    for act in order:
        if act == "scan":
            SCANS[where](store, tmp_path, FILES)
        else:
            import_(store, tmp_path, act, ARCHIVE if act == "class" else REMOVED)
            of_class(store, act, True)
    SCANS[where](store, tmp_path, FILES)
    assert inside(store) == set()
    of_class(store, "class", False)
    SCANS[where](store, tmp_path, FILES)
    assert inside(store) == {("own", "a.zip!b.dat", Rung.BYTES)}


@pytest.mark.parametrize("order", [*permutations(("class", "archive", "beside"))])
def test_what_stands_elsewhere_too_teaches_all_the_same(
    store: Store, tmp_path: Path, order: tuple[str, ...]
) -> None:
    import_(store, tmp_path, "members", REMOVED)
    for act in order:
        if act == "class":
            import_(store, tmp_path, "class", ARCHIVE)
            of_class(store, "class", True)
        elif act == "archive":
            at_hub(store, FILES)
        else:
            in_folder(store, tmp_path, {"LORA": REMOVED})
    for _ in range(2):
        at_hub(store, FILES)
    assert inside(store) == {
        ("members", "LORA", Rung.BYTES),
        ("members", "c.safetensors", Rung.WEIGHTS),
    }
    assert log_check.verify(store).wrong == ()


@pytest.mark.parametrize("order", [*permutations(("class", "copies", "scan"))])
@pytest.mark.parametrize("which", [0, 1])
def test_a_model_in_several_files_of_which_one_is_of_the_class(
    store: Store, tmp_path: Path, order: tuple[str, ...], which: int
) -> None:
    files = in_shards(REMOVED, halves=True)
    shard = [data for name, data in sorted(files.items()) if "-of-" in name][which]
    for act in order:
        if act == "class":
            import_(store, tmp_path, "class", shard)
            of_class(store, "class", True)
        elif act == "copies":
            put(store, REMOVED)
            consequences.follow(store)
        else:
            at_hub(store, files)
    at_hub(store, files)
    assert not [one for one in inside(store) if "(in " in one[1]]
    of_class(store, "class", False)
    at_hub(store, files)
    assert [one for one in inside(store) if "(in " in one[1]]


def test_an_upload_of_it_stays_closed(store: Store) -> None:
    id = remove(store, listed(ARCHIVE))
    remove(store, listed(OTHER))
    assert read_upload([ARCHIVE], len(ARCHIVE), known(store)).members
    classes.classify(store, KEYRING, id, NEVER, WHY)
    told = read_upload([ARCHIVE], len(ARCHIVE), known(store))
    assert told.members == ()
    assert {match.removal for match in known(store).match_fingerprint(told)} == {id}
