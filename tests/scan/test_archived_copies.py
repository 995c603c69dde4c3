"""A model in an archive is an artifact of its own: found, named with its archive, gone with it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.files import build, packed
from tests.match.made import KEYRING, adapter, fully_known, remove, safetensors

from reseen.observed import sightings
from reseen.operations.checks import Checker
from reseen.records import Rung, archive_path, member_path
from reseen.registry.adds import AddOptions, AddOutcome, add_files
from reseen.scan.folder import scan_folder
from reseen.scan.progress import Outcome
from reseen.store import schema
from reseen.store.database import Store

FILE = safetensors(adapter(7), {"made by": "a test"})
EDITED = safetensors(adapter(7), {"title": "Test model"})
OTHER = safetensors(adapter(8))
FILES = {"LORA.safetensors": FILE, "x/edited.bin": EDITED, "x/other.bin": OTHER}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "models"
    made.mkdir()
    return made


def scan(store: Store, root: Path, jobs: int = 1) -> Outcome:
    return scan_folder(store, KEYRING, root, jobs=jobs)


def rungs(outcome: Outcome) -> dict[str, Rung]:
    return {one.path: one.rung for one in outcome.sightings}


@pytest.mark.parametrize("pack", [build.python_zip, packed.tar, packed.by_library])
def test_copies_in_an_archive_are_found_by_content(store: Store, folder: Path, pack) -> None:  # type: ignore[no-untyped-def]
    remove(store, fully_known(FILE))
    (folder / "Test model").write_bytes(pack(FILES))
    outcome = scan(store, folder)
    assert rungs(outcome) == {
        "Test model!LORA.safetensors": Rung.BYTES,
        "Test model!x/edited.bin": Rung.TENSORS,
    }
    assert all(one.member and one.file_path == "Test model" for one in outcome.sightings)
    assert outcome.coverage.artifacts == 4
    again = scan(store, folder)
    assert again.sightings == ()
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.artifacts)) == 4
        assert len(list(sightings.every(connection))) == 2


def test_another_content_of_an_archive_holds_other_files(store: Store, folder: Path) -> None:
    remove(store, fully_known(FILE))
    archive = folder / "a.zip"
    archive.write_bytes(build.python_zip({"m": FILE}))
    (before,) = scan(store, folder).sightings
    archive.write_bytes(build.python_zip({"m": FILE}, zipfile.ZIP_DEFLATED))
    (after,) = scan(store, folder).sightings
    assert (before.path, before.size) == (after.path, after.size)
    assert before.id != after.id
    archive.write_bytes(build.python_zip({"m": OTHER}))
    assert scan(store, folder).sightings == ()


def test_what_comes_to_be_known_later_is_found_in_archives_read_before(
    store: Store, folder: Path
) -> None:
    from reseen.scan.reinspection import record_past

    (folder / "a.tar").write_bytes(packed.tar(FILES))
    remove(store, fully_known(OTHER))
    assert len(scan(store, folder).sightings) == 1
    remove(store, fully_known(FILE))
    with store.write() as connection:
        found = [id for id, _ in record_past(connection, store.secret)]
        paths = {sightings.by_id(connection, id).path for id in found}
    assert paths == {"a.tar!LORA.safetensors", "a.tar!x/edited.bin"}


def test_a_check_tells_of_each_file_in_it(store: Store, folder: Path) -> None:
    remove(store, fully_known(FILE))
    path = folder / "a.zip"
    path.write_bytes(build.python_zip({"in.tar": packed.tar(FILES)}))
    checked = Checker(store, KEYRING).check(path)
    assert checked.matched
    assert checked.matches == ()
    found = {place: [m.rung for m in one.matches] for place, one in checked.members}
    assert found == {
        "!in.tar": [],
        "!in.tar!LORA.safetensors": [Rung.BYTES],
        "!in.tar!x/edited.bin": [Rung.TENSORS],
        "!in.tar!x/other.bin": [],
    }


def test_the_models_of_an_archive_are_removals_of_their_own(store: Store, folder: Path) -> None:
    path = folder / "a.zip"
    path.write_bytes(build.python_zip({**FILES, "notes.txt": b"nothing " * 300}))
    added = add_files(store, KEYRING, [path], AddOptions())
    assert [(one.path.name, one.outcome) for one in added] == [
        ("a.zip", AddOutcome.ADDED),
        ("a.zip!LORA.safetensors", AddOutcome.ADDED),
        ("edited.bin", AddOutcome.MERGED),
        ("other.bin", AddOutcome.ADDED),
    ]
    alone = folder / "copy"
    alone.write_bytes(FILE)
    (match,) = Checker(store, KEYRING).check(alone).matches
    assert (match.rung, match.removal) == (Rung.BYTES, added[1].removal)


@pytest.mark.parametrize("name", ["a.zip", "a!b.zip", "a!%21b.zip!", "x/100%!.7z"])
def test_the_path_of_a_member_leads_back_to_its_archive(name: str) -> None:
    assert archive_path(member_path(name, "!x/y!z")) == name.replace(
        "%21", "!" if "!" not in name else "%21"
    )
    assert member_path("a.zip", "!m") == "a.zip!m"
