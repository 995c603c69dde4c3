"""Which removals changed: every way to change one leaves a row, in the order of the writers."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from tests import removals_made
from tests.facts import add_claim, teach

from reseen.fingerprints.whole import fingerprint
from reseen.records import Digest, DigestKind, Names, RemovedFile
from reseen.registry import adds, claims, imports, learning, removals
from reseen.store import change_log
from reseen.store.database import Store
from reseen.store.sealing import Keyring


def new(n: int) -> removals_made.NewRemoval:
    digest = Digest(DigestKind.SHA256, bytes([n + 1]) * 32)
    return removals_made.NewRemoval(
        "sample", None, None, Names(name=f"Sample {n}"), (RemovedFile((digest,)),)
    )


def noted(connection: Connection, after: int = 0) -> list[tuple[int, int]]:
    return [(change.first, change.last) for change in change_log.since(connection, after)]


def test_what_is_put_in_is_one_row(store: Store, keyring: Keyring) -> None:
    with store.write() as connection:
        assert change_log.latest(connection) == 0
        removals_made.insert(connection, keyring, [new(n) for n in range(5)])
        assert noted(connection) == [(1, 5)]
        removals_made.insert(connection, keyring, [new(9)])
        assert noted(connection, 1) == [(6, 6)]
        assert change_log.latest(connection) == 2


def test_runs_make_rows(store: Store) -> None:
    with store.write() as connection:
        change_log.note(connection, [7, 3, 4, 3, 9, 5])
        change_log.note(connection, [])
        assert noted(connection) == [(3, 5), (7, 7), (9, 9)]
        assert [change.pk for change in change_log.since(connection, 1, limit=1)] == [2]


def test_what_was_not_committed_left_no_number_behind(store: Store) -> None:
    with pytest.raises(KeyError), store.write() as connection:
        change_log.note(connection, [1])
        raise KeyError
    with store.write() as connection:
        change_log.note(connection, [2])
        assert [change.pk for change in change_log.since(connection, 0)] == [1]


def test_withdrawing_and_restoring_are_changes(store: Store, keyring: Keyring) -> None:
    with store.write() as connection:
        first, second = removals_made.insert(connection, keyring, [new(0), new(1)])
        after = change_log.latest(connection)
        removals.withdraw(connection, keyring, second, "wrong")
        removals.withdraw(connection, keyring, second, "wrong")
        removals.restore(connection, keyring, second, "right")
        assert noted(connection, after) == [(2, 2), (2, 2)]
        assert first != second


def test_what_a_removal_learns_is_a_change(store: Store, keyring: Keyring, tmp_path: Path) -> None:
    file = tmp_path / "some file"
    file.write_bytes(b"some bytes" * 100)
    told = fingerprint(file)
    sha256 = told.digest(DigestKind.SHA256)
    assert sha256 is not None
    only_one = removals_made.NewRemoval("sample", None, None, Names(), (RemovedFile((sha256,)),))
    with store.write() as connection:
        removals_made.insert(connection, keyring, [new(0), only_one])
        for expected in ([(2, 2)], []):
            after = change_log.latest(connection)
            teach(connection, told)
            assert noted(connection, after) == expected
        after = change_log.latest(connection)
        add_claim(connection, 1, RemovedFile(told.digests))
        assert noted(connection, after) == [(1, 1)]
        for expected in ([(1, 1)], []):
            after = change_log.latest(connection)
            learning.learn(connection)
            assert noted(connection, after) == expected


def test_what_is_done_with_lists_and_claims_are_changes(store: Store, keyring: Keyring) -> None:
    with store.write() as connection:
        (id, _) = removals_made.insert(connection, keyring, [new(0), new(1)])
        add_claim(connection, 1, RemovedFile(()), list="second")
        for restored in (False, True):
            for name, expected in (("sample", [(1, 2)]), ("second", [(1, 1)])):
                after = change_log.latest(connection)
                claims.withdraw_list(connection, keyring, name, "why", restored=restored)
                assert noted(connection, after) == expected
                claims.withdraw_list(connection, keyring, name, "again", restored=restored)
                assert noted(connection, after) == expected
        for put_back in (False, True):
            after = change_log.latest(connection)
            claims.take_back(connection, keyring, id, 2, "why", put_back=put_back)
            claims.take_back(connection, keyring, id, 2, "again", put_back=put_back)
            assert noted(connection, after) == [(1, 1)]


def test_added_files_are_changes(store: Store, keyring: Keyring, tmp_path: Path) -> None:
    file = tmp_path / "some file"
    file.write_bytes(b"some bytes" * 100)
    adds.add_files(store, keyring, [file])
    with store.read() as connection:
        assert noted(connection) == [(1, 1)]


def test_an_import_is_a_row_and_merges_are_others(
    store: Store, keyring: Keyring, tmp_path: Path
) -> None:
    path = tmp_path / "sample.csv"
    rows = [f"Sample person {n:02},{n:064x}" for n in range(1, 21)]
    path.write_text("\n".join(["name,sha256", *rows]))
    imports.import_list(store, keyring, path)
    with store.read() as connection:
        assert noted(connection) == [(1, 20)]
    imports.import_list(store, keyring, path)
    with store.read() as connection:
        assert change_log.latest(connection) == 1
    more = tmp_path / "more.csv"
    more.write_text(f"name,sha256,blake3\nSample person 03,{3:064x},{77:064x}\nx,{99:064x},")
    account = imports.import_list(store, keyring, more)
    assert (account.added, account.merged) == (1, 1)
    with store.read() as connection:
        (merged, added) = noted(connection, 1)
        assert added == (21, 21)
        assert merged[0] == merged[1] <= 20


def test_the_database_refuses_to_forget(store: Store) -> None:
    with store.write() as connection:
        change_log.note(connection, [1])
    verbs = ["UPDATE changes SET at = 0", "DELETE FROM changes"]
    if connection.dialect.name == "postgresql":
        verbs.append("TRUNCATE changes")
    for verb in verbs:
        with pytest.raises(DBAPIError, match="append-only"), store.write() as connection:
            connection.execute(text(verb))
    with store.read() as connection:
        assert noted(connection) == [(1, 1)]
