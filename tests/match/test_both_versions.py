"""Sketches of both versions in one registry: compared and searched by the linear numbers alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import select
from tests.match.made import KEYRING, known, read, remove
from tests.match.updates import ALTERED, OTHER, REMOVED, put, sketched

from reseen.cli import cli
from reseen.fingerprints.entries import entries
from reseen.fingerprints.sketch import decode
from reseen.match import older_sketches
from reseen.match.compare import Background, compare
from reseen.match.registry_index import RegistryIndex
from reseen.records import RemovedFile, Rung
from reseen.registry.adds import AddOutcome, add_files
from reseen.store import schema
from reseen.store.database import Store


def as_first(value: bytes | None) -> bytes:
    """The sketch 1 of the same file."""
    assert value is not None
    return replace(decode(value), components=None).encode()


def of_before(data: bytes) -> RemovedFile:
    """A file as it was added before there was a sketch 2."""
    made = sketched(data)
    return replace(made, sketch=as_first(made.sketch))


def versions(store: Store) -> list[int]:
    with store.read() as connection:
        return list(connection.scalars(select(schema.sketches.c.version)))


def older(store: Store) -> int:
    with store.read() as connection:
        return older_sketches.count(connection)


def test_both_have_the_same_linear_numbers() -> None:
    for data in (REMOVED, *ALTERED.values()):
        made = read(data).sketch
        assert made is not None
        second, first = decode(made), decode(as_first(made))
        assert second.components is not None
        assert second.components.has_space.all()
        assert first.components is None
        found, expected = (
            [(e.group, e.ids.tobytes(), e.units.tobytes()) for e in entries(each)]
            for each in (first, second)
        )
        assert found == expected
        removed = decode(sketched(REMOVED).sketch or b"")
        both = [compare(removed, each, Background(())) for each in (first, second)]
        assert repr(both[0]) == repr(both[1])
        assert np.array_equal(first.values(), second.values())


@pytest.mark.parametrize("name", ALTERED)
def test_a_copy_is_found_whichever_version_the_removal_has(store: Store, name: str) -> None:
    first, second = remove(store, of_before(REMOVED)), put(store, OTHER)[0]
    assert sorted(versions(store)) == [1, 2]
    index = known(store)
    (match,) = index.match_fingerprint(read(ALTERED[name]))
    assert (match.removal, match.rung) == (first, Rung.WEIGHTS)
    (match,) = index.match_fingerprint(read(OTHER))
    assert match.removal == second
    old = replace(read(ALTERED[name]), sketch=as_first(read(ALTERED[name]).sketch))
    (match,) = index.match_fingerprint(old)
    assert (match.removal, match.rung) == (first, Rung.WEIGHTS)


def test_a_saved_index_holds_both(store: Store, tmp_path: Path) -> None:
    first = remove(store, of_before(REMOVED))
    put(store, OTHER)
    with store.read() as connection:
        RegistryIndex.load(connection).save(tmp_path / "index", KEYRING.for_indexes)
    opened = RegistryIndex.open(tmp_path / "index", KEYRING.for_indexes)
    (match,) = opened.match_fingerprint(read(ALTERED["cast and renamed"]))
    assert (match.removal, match.rung) == (first, Rung.WEIGHTS)


def test_a_file_that_is_added_again_has_a_sketch_of_the_newest_version(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(REMOVED)
    removal = remove(store, of_before(REMOVED))
    assert (versions(store), older(store)) == ([1], 1)
    (added,) = add_files(store, KEYRING, [path])
    assert added.removal == removal
    assert set(versions(store)) == {2}
    assert older(store) == 0
    (again,) = add_files(store, KEYRING, [path])
    assert again.outcome is AddOutcome.UNCHANGED


def test_a_file_of_a_list_that_said_it_all_learns_the_sketch_alone(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(REMOVED)
    (first,) = add_files(store, KEYRING, [path])
    with store.write() as connection:
        table = schema.sketches
        value = as_first(connection.scalar(select(table.c.value)))
        connection.execute(table.update().values(value=value, version=1))
    assert older(store) == 1
    (again,) = add_files(store, KEYRING, [path])
    assert (again.outcome, again.removal) == (AddOutcome.MERGED, first.removal)
    assert again.removals
    assert (versions(store), older(store)) == ([2], 0)


def test_a_removal_that_is_withdrawn_is_not_counted(store: Store) -> None:
    from reseen.registry import removals

    id = remove(store, of_before(REMOVED))
    with store.write() as connection:
        removals.withdraw(connection, KEYRING, id, "a sample reason")
    assert older(store) == 0


def test_registry_list_says_how_many_there_are(tmp_path: Path) -> None:
    where = f"sqlite:///{tmp_path / 'x.db'}"
    with Store(where).write():
        pass
    store = Store(where)
    remove(store, of_before(REMOVED))
    put(store, OTHER)
    store.close()
    said = CliRunner().invoke(cli, ["registry", "list", "--db", where]).stderr
    assert "1 removal in force with a sketch of version 1 alone" in said
