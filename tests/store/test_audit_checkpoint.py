"""The audit log is proved against a head: every way to tamper with it is found."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, select, text, update

from reseen.errors import InputError, Tampered
from reseen.store import audit, audit_checkpoint, schema
from reseen.store.audit_checkpoint import Head
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEY = bytes(range(32))
LINES = 8


@pytest.fixture
def head(store: Store) -> Head:
    """Of a log with some lines, and some more after it."""
    with store.write() as connection:
        for n in range(LINES):
            audit.write(connection, "test", f"rm-{n}", actor="user:Ünïcode", n=n)
        taken = audit_checkpoint.take(connection, store.secret, KEY)
        audit.write(connection, "test", "*")
        audit.write(connection, "test", "*", said="more")
    return taken


def verify(store: Store, head: Head | None = None, key: bytes | None = KEY) -> int:
    with store.read() as connection:
        return audit_checkpoint.verify(connection, store.secret, head, key=key)


def open_up(connection: Connection) -> None:
    """As somebody with all rights at the database would."""
    on = "" if connection.dialect.name == "sqlite" else " ON audit"
    for verb in ("update", "delete"):
        connection.execute(text(f"DROP TRIGGER audit_no_{verb}{on}"))


def test_an_untouched_log_is_right(store: Store, head: Head) -> None:
    assert (verify(store), verify(store, head), verify(store, head, None)) == (LINES + 2,) * 3
    assert (head.count, head.store) == (LINES, audit_checkpoint.name_of(store.secret))
    assert store.secret.hex() not in json.dumps(head.as_json())


def test_an_empty_log_has_a_head_too(store: Store) -> None:
    with store.write() as connection:
        head = audit_checkpoint.take(connection, store.secret, KEY)
        audit.write(connection, "test", "x")
    assert (head.count, head.hash) == (0, bytes(32).hex())
    assert verify(store, head) == 1


def test_whatever_somebody_typed_is_recorded(store: Store) -> None:
    typed = "a\0b\ud800c\x1b\u202e'\\\"\n"
    with store.write() as connection:
        audit.write(connection, "test" * 20, typed, actor=f"user:{typed}", said=typed)
    assert verify(store) == 1
    with store.read() as connection:
        (line,) = audit.every(connection)
    assert line.subject == "a\ufffdb?c\x1b\u202e'\\\"\n"
    assert line.details["said"] == typed


def test_lines_are_numbered_without_gaps(store: Store, head: Head) -> None:
    with pytest.raises(KeyError), store.write() as connection:
        audit.write(connection, "test", "x")
        raise KeyError
    with store.write() as connection:
        audit.write(connection, "test", "x")
        numbers = list(connection.scalars(select(schema.audit.c.pk).order_by(schema.audit.c.pk)))
    assert numbers == list(range(1, LINES + 4))


@pytest.mark.parametrize("with_head", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        {"actor": "user:somebody else"},
        {"action": "other"},
        {"subject": "rm-7"},
        {"details": '{"n": 99}'},
        {"details": None},
        {"at": 5},
        {"hash": bytes(32)},
        {"hash": None},
    ],
    ids=lambda change: f"{next(iter(change))}",
)
def test_a_changed_line_is_found(
    store: Store, head: Head, change: dict[str, object], with_head: bool
) -> None:
    with store.write() as connection:
        open_up(connection)
        connection.execute(update(schema.audit).where(schema.audit.c.pk == 3).values(**change))
    with pytest.raises(Tampered, match="line 3 ") as told:
        verify(store, head if with_head else None)
    assert told.value.remedy
    assert "user:" not in str(told.value)


@pytest.mark.parametrize("number", [1, 4])
def test_a_line_deleted_in_the_middle_is_found(store: Store, head: Head, number: int) -> None:
    with store.write() as connection:
        open_up(connection)
        connection.execute(delete(schema.audit).where(schema.audit.c.pk == number))
    for known in (None, head):
        with pytest.raises(Tampered, match=f"line {number + 1} "):
            verify(store, known)


def test_a_line_put_in_is_found(store: Store, head: Head) -> None:
    with store.write() as connection:
        open_up(connection)
        connection.execute(delete(schema.audit).where(schema.audit.c.pk == 5))
        row = {"pk": 5, "at": 1, "actor": "a", "action": "b", "subject": "c", "details": None}
        before = connection.scalar(select(schema.audit.c.hash).where(schema.audit.c.pk == 4))
        forged = audit.chained(before, *row.values())
        connection.execute(schema.audit.insert(), [row | {"hash": forged}])
    with pytest.raises(Tampered, match="line 6 "):
        verify(store, head)


@pytest.mark.parametrize("left", [0, 1, LINES - 1])
def test_a_tail_cut_off_is_found_with_the_head(store: Store, head: Head, left: int) -> None:
    with store.write() as connection:
        open_up(connection)
        connection.execute(delete(schema.audit).where(schema.audit.c.pk > left))
    assert verify(store) == left
    with pytest.raises(Tampered, match=f"line {left + 1} is missing"):
        verify(store, head)


def test_a_log_written_anew_is_found_with_the_head(store: Store, head: Head) -> None:
    with store.write() as connection:
        open_up(connection)
        count = len(connection.execute(select(schema.audit)).all())
        connection.execute(delete(schema.audit))
        for _ in range(count):
            audit.write(connection, "test", "forged")
        forged = audit_checkpoint.take(connection, store.secret, bytes(32))
    assert verify(store) == LINES + 2
    with pytest.raises(Tampered, match=f"line {LINES} "):
        verify(store, head)
    with pytest.raises(Tampered, match="another key"):
        verify(store, forged)


@pytest.mark.parametrize(
    "change", [{"count": LINES - 1}, {"at": 1}, {"hash": "ff" * 32}, {"signature": "00" * 64}]
)
def test_a_wrong_signature_is_found(store: Store, head: Head, change: dict[str, object]) -> None:
    with pytest.raises(Tampered, match="signature"):
        verify(store, replace(head, **change))  # type: ignore[arg-type]


def test_the_head_of_another_store_is_refused(store: Store, head: Head, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    with Store(url) as other, pytest.raises(InputError, match="another store"):
        verify(other, head)


def test_a_head_survives_its_json(head: Head) -> None:
    assert audit_checkpoint.parse(json.dumps(head.as_json())) == head


@pytest.mark.parametrize(
    "change",
    [{"format": "x"}, {"count": -1}, {"count": True}, {"at": "1"}, {"hash": "zz"}, {"store": 1},
     {"public_key": "00"}, {"signature": None}],
)  # fmt: skip
def test_what_is_no_head_is_refused(head: Head, change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="no head"):
        audit_checkpoint.parse(json.dumps(head.as_json() | change))


@pytest.mark.parametrize("said", ["", "[]", "nonsense", "[" * 100_000, "{}", "\0"])
def test_what_is_no_json_is_refused(said: str) -> None:
    with pytest.raises(InputError, match="no head"):
        audit_checkpoint.parse(said)


def test_the_key_for_heads_is_the_sealing_keys_own() -> None:
    one, same, other = Keyring(KEY), Keyring(KEY), Keyring(bytes(32))
    assert one.for_heads == same.for_heads != other.for_heads
    assert one.for_heads not in (one.for_states, KEY)


def test_many_who_create_the_store_and_write_at_once_make_one_chain(empty_url: str) -> None:
    many, each = 6, 5
    start = threading.Barrier(many)

    def work(name: int) -> None:
        start.wait(60)
        with Store(empty_url) as own:
            for n in range(each):
                with own.write() as connection:
                    audit.write(connection, "test", f"{name}", n=n)

    with ThreadPoolExecutor(many) as pool:
        list(pool.map(work, range(many)))  # raises what a thread raised
    with Store(empty_url) as store:
        assert verify(store) == many * each
