"""Rows in bulk, on either database, and what a long transaction may use."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, text

from reseen.errors import StoreError
from reseen.store import schema
from reseen.store.database import IntegrityError, Store, insert_many, insert_packed

REMOVALS = ("pk", "id", "added_at", "withdrawn_at")


def count(store: Store) -> int:
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(schema.removals)) or 0


def test_what_is_inserted_in_bulk_is_what_was_given(store: Store) -> None:
    columns = ("pk", "removal_pk", "size", "container", "site", "removed_on", "cls", "sealed")
    rows: list[tuple[Any, ...]] = [
        (1, 1, 1 << 45, "safetensors", "tab\tand \\N \n 'quoted'", 20_000, 3, bytes(range(256))),
        (2, 1, 0, None, "", -1, None, b""),
        (3, 2, None, None, None, None, None, None),
    ]
    with store.write() as connection:
        insert_many(connection, schema.claims, columns, rows)
    with store.read() as connection:
        table = schema.claims
        found = connection.execute(select(*(table.c[name] for name in columns)).order_by("pk"))
        assert [tuple(row) for row in found] == rows
        # what was not given is what the table says by itself
        assert connection.scalars(select(table.c.in_force)).all() == [1, 1, 1]


@pytest.mark.parametrize("count", [0, 1, 19, 20, 47])
def test_what_is_the_same_in_all_rows_is_given_once(store: Store, count: int) -> None:
    same = {"site": "it's ?1", "size": None, "in_force": 0}
    with store.write() as connection:
        rows = [(n, 2 * n) for n in range(1, count + 1)]
        insert_many(connection, schema.claims, ("pk", "removal_pk"), rows, same=same)
        again = [*rows, (count + 1, 0)]
        insert_many(connection, schema.claims, ("pk", "removal_pk"), again, same=same, ignore=True)
    with store.read() as connection:
        c = schema.claims.c
        found = connection.execute(select(c.pk, c.removal_pk, c.site, c.size, c.in_force))
        assert sorted(found) == [(*row, "it's ?1", None, 0) for row in again]


@pytest.mark.parametrize("count", [0, 1, 19, 20, 47])
def test_packed_rows_are_inserted_as_they_are(store: Store, count: int) -> None:
    rows = [(bytes([n]) * 16, 1 << (n % 40), n % 5) for n in range(count)]
    packed = b"".join(struct.pack(">16sqB", *row) for row in rows)
    table = schema.sealed_index
    with store.write() as connection:
        insert_packed(connection, table, ("token", "claim_pk", "field"), "16sqB", packed)
    with store.read() as connection:
        found = connection.execute(select(table).order_by(table.c.token))
        assert [(bytes(row.token), row.claim_pk, row.field) for row in found] == rows


def test_every_type_of_every_table_can_be_inserted_in_bulk(store: Store) -> None:
    for table in schema.metadata.sorted_tables:
        with store.write() as connection:
            insert_many(connection, table, tuple(table.c.keys()), [])


def test_a_key_that_is_there_is_refused_or_left_out(store: Store) -> None:
    with store.write() as connection:
        insert_many(connection, schema.removals, REMOVALS, [(1, "rm-1", 5, None)])
    with pytest.raises(IntegrityError), store.write() as connection:
        insert_many(connection, schema.removals, REMOVALS, [(2, "rm-2", 5, 6), (1, "rm-3", 5, 6)])
    assert count(store) == 1
    with store.write() as connection:
        rows = [(2, "rm-2", 5, 6), (1, "rm-3", 5, 6)]
        insert_many(connection, schema.removals, REMOVALS, rows, ignore=True)
    assert count(store) == 2


def test_rows_that_break_off_leave_nothing_and_the_store_goes_on(store: Store) -> None:
    def rows() -> Iterator[tuple[Any, ...]]:
        yield (1, "rm-1", 5, None)
        raise KeyError("no more")

    with pytest.raises(KeyError, match="no more"), store.write() as connection:
        insert_many(connection, schema.removals, REMOVALS, rows())
    assert count(store) == 0
    with store.write() as connection:
        insert_many(connection, schema.removals, REMOVALS, [(1, "rm-1", 5, None)])
    assert count(store) == 1


def test_the_memory_of_a_long_transaction_is_given_back(store: Store) -> None:
    def room() -> int:
        with store.read() as connection:
            if connection.dialect.name != "sqlite":
                return 0
            return int(connection.scalar(text("PRAGMA cache_size")) or 0)

    before = room()
    with store.write(much=True) as connection:
        insert_many(connection, schema.removals, REMOVALS, [(1, "rm-1", 5, None)])
    assert room() == before
    with pytest.raises(StoreError), store.write(much=True) as connection:
        raise StoreError("nothing of it", remedy="None.")
    assert room() == before
    assert count(store) == 1
