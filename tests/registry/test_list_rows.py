"""What leads back to who gave a list: titles, claims and rows; nothing sealed, nothing written."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import func, select

from reseen.errors import ListError
from reseen.operations import lists
from reseen.operations import removals as acts
from reseen.registry import list_rows, removals
from reseen.registry.imports import ImportOptions
from reseen.registry.list_rows import ListSource
from reseen.store import schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

NAME = "Sample person 07"
ONE, TWO, THREE = (sha256(b"sample %d" % n).hexdigest() for n in range(3))
LINK = "https://models.example/models/1011/sample?modelVersionId=2011"


def written(folder: Path, name: str, *rows: str) -> Path:
    path = folder / name
    path.write_text("\n".join(("name,link,sha256", *rows)) + "\n")
    return path


def counts(store: Store) -> list[int]:
    with store.read() as connection:
        return [
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in schema.metadata.sorted_tables
        ]


@pytest.fixture
def imported(store: Store, keyring: Keyring, tmp_path: Path) -> Path:
    first = written(tmp_path, "first.csv", f"{NAME},,{ONE}", f"{NAME} II,{LINK},", f",,{ONE}")
    second = written(tmp_path, "second.csv", f",,{ONE}", f",,{TWO}")
    for path in (first, second):
        lists.import_list(store, keyring, path)
    return first


def sources(store: Store) -> dict[str, ListSource]:
    with store.read() as connection:
        ids = [each.id for each in removals.every(connection)]
        return list_rows.of_removals(connection, ids)


def test_a_removal_says_its_lists_and_their_claims(
    store: Store, keyring: Keyring, imported: Path
) -> None:
    told = sources(store)
    both = [id for id, source in told.items() if source.lists == ("first", "second")]
    assert len(told) == 3
    assert len(both) == 1
    assert told[both[0]].claims[0] == f"{both[0]}/1"
    assert len(told[both[0]].claims) == len(set(told[both[0]].claims))
    acts.withdraw_list(store, keyring, "first", "Sample reason")
    left = sources(store)[both[0]]
    assert left.lists == ("second",)
    assert set(left.claims) < set(told[both[0]].claims), "a claim keeps its number"


def test_a_file_that_was_imported_says_which_row_is_which_removal(
    store: Store, keyring: Keyring, imported: Path, tmp_path: Path
) -> None:
    before = counts(store)
    rows = list_rows.rows_about(store, keyring, imported, ImportOptions())
    told = sources(store)
    by_lists = {told[id].lists: numbers for id, numbers in rows.items()}
    assert by_lists == {("first", "second"): ("2", "4"), ("first",): ("3",)}
    # By whatever name the file comes now, and with rows that nobody has imported.
    other = written(tmp_path, "mine.csv", f",,{THREE}", f",,{TWO}")
    found = list_rows.rows_about(store, keyring, other, ImportOptions())
    assert {told[id].lists: numbers for id, numbers in found.items()} == {("second",): ("3",)}
    assert counts(store) == before
    assert NAME not in repr((rows, told))
    (tmp_path / "no.csv").write_text("<html></html>")
    with pytest.raises(ListError):
        list_rows.rows_about(store, keyring, tmp_path / "no.csv", ImportOptions())
