"""What is searched is kept beside a large store, and is never anything but what the store has."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.match.made import KEYRING, known, read
from tests.match.updates import CAST, OTHER, REMOVED, RESIZED, put

from reseen.match import column_files, sketch_index
from reseen.registry import removals
from reseen.store import search_key
from reseen.store.database import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(sketch_index, "IN_MEMORY", 1)
    with Store(f"sqlite:///{tmp_path / 'a.db'}") as made:
        yield made


@pytest.fixture
def read_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The claims whose sketches were read out of the store to be searched."""
    found: list[int] = []
    before = sketch_index._parts

    def parts(connection: Connection, claim_pks: Collection[int]) -> Any:
        found.extend(claim_pks)
        return before(connection, list(claim_pks))

    monkeypatch.setattr(sketch_index, "_parts", parts)
    return found


def folder(store: Store, tmp_path: Path) -> Path:
    return tmp_path / "a.db.columns"


def matched(store: Store) -> set[str]:
    return {match.removal for match in known(store).copies(read(CAST))}


def test_each_sketch_is_read_once_and_the_files_are_their_owners(
    store: Store, tmp_path: Path, read_of: list[int]
) -> None:
    one, _ = put(store, REMOVED, OTHER)
    assert matched(store) == {one}
    assert len(read_of) == 2
    place = folder(store, tmp_path)
    assert place.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o600}
    read_of.clear()
    assert matched(store) == {one}
    assert not read_of
    (two,) = put(store, RESIZED)
    assert matched(store) == {one, two}
    assert len(read_of) == 1
    read_of.clear()
    assert matched(store) == {one, two}
    assert not read_of
    with store.write() as connection:
        removals.withdraw(connection, KEYRING, one, "a test")
    assert matched(store) == {two}
    with store.write() as connection:
        removals.restore(connection, KEYRING, one, "a test")
        search_key.change(connection)
    assert matched(store) == {one, two}


def test_a_store_that_was_set_back_is_not_searched_by_what_it_was(
    store: Store, tmp_path: Path
) -> None:
    put(store, OTHER)
    store.close()
    shutil.copy(tmp_path / "a.db", tmp_path / "before.db")
    with Store(f"sqlite:///{tmp_path / 'a.db'}") as later:
        put(later, OTHER)
        assert matched(later) == set()
    shutil.copy(tmp_path / "before.db", tmp_path / "a.db")
    with Store(f"sqlite:///{tmp_path / 'a.db'}") as again:
        (removal,) = put(again, REMOVED)
        assert matched(again) == {removal}


def _cut(place: Path) -> None:
    for path in place.glob("*.columns"):
        path.write_bytes(path.read_bytes()[:-100])


def _gone(place: Path) -> None:
    for path in place.glob("*.columns"):
        path.unlink()


def _linked(place: Path) -> None:
    for path in place.glob("*.columns"):
        path.rename(place.parent / path.name)
        path.symlink_to(place.parent / path.name)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut off": _cut,
    "gone": _gone,
    "a link": _linked,
    "no manifest": lambda place: (place / column_files.MANIFEST).unlink(),
    "another manifest": lambda place: (place / column_files.MANIFEST).write_text("[]"),
    "others may read it": lambda place: (place / column_files.MANIFEST).chmod(0o644),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_what_is_damaged_is_made_anew(store: Store, tmp_path: Path, how: str) -> None:
    (removal,) = put(store, REMOVED)
    assert matched(store) == {removal}
    DAMAGES[how](folder(store, tmp_path))
    assert matched(store) == {removal}
    assert matched(store) == {removal}


@pytest.mark.parametrize("room", [True, False])
def test_where_no_folder_can_be_made_a_file_without_a_name_serves_and_else_memory(
    store: Store, tmp_path: Path, room: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(store, tmp_path).write_text("something else")
    before = {path.name for path in tmp_path.iterdir()}
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path if room else tmp_path / "none"))
    (removal,) = put(store, REMOVED)
    assert matched(store) == {removal}
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_small_registry_keeps_no_files(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    (removal,) = put(store, REMOVED)
    assert matched(store) == {removal}
    assert not folder(store, tmp_path).exists()
