"""The gate follows the store, goes on without it, and writes down who asked."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from tests.gate.standing import (
    away,
    client,
    key,
    knows,
    restore,
    running,
    settings_in,
    until,
    withdraw,
)
from tests.match.made import adapter, fully_known, remove, safetensors
from tests.postgres import Cluster

from reseen.gate import gate as gate_module
from reseen.gate import keys, use
from reseen.gate.gate import GateProcess
from reseen.gate.keys import KeyScope
from reseen.gate.use import Use
from reseen.records import Names
from reseen.store import audit
from reseen.store.database import Store

FILES = [safetensors(adapter(person)) for person in range(3)]
HEX = [hashlib.sha256(file).hexdigest() for file in FILES]


def advice(gate: GateProcess, headers: dict[str, str], number: int = 0) -> str:
    answer = client(gate).post("/v1/check", json={"sha256": HEX[number]}, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["results"][0]["advice"])


def test_what_is_added_withdrawn_and_restored_holds_soon(store: Store, tmp_path: Path) -> None:
    headers = key(store)
    with running(settings_in(tmp_path), store) as gate:
        assert advice(gate, headers) == "allow"
        id = remove(store, fully_known(FILES[0]))
        until(lambda: advice(gate, headers) == "block", "the new removal holds")
        withdraw(store, id)
        until(lambda: advice(gate, headers) == "allow", "the withdrawal holds")
        restore(store, id)
        until(lambda: advice(gate, headers) == "block", "the restoring holds")


def test_a_revoked_key_opens_nothing_soon(store: Store, tmp_path: Path) -> None:
    headers = key(store, KeyScope.CHECK)
    with running(settings_in(tmp_path), store) as gate:
        advice(gate, headers)
        with store.write() as connection:
            (made,) = keys.every(connection)
            assert keys.revoke(connection, made.id)
            assert not keys.revoke(connection, made.id)
        asked = client(gate)

        def refused() -> bool:
            answer = asked.post("/v1/check", json={"sha256": HEX[0]}, headers=headers)
            return bool(answer.status_code == 401)

        until(refused, "the key is refused")


def test_a_gate_goes_on_while_its_sqlite_file_is_away(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "OLD", 0.2)
    headers = key(store)
    remove(store, fully_known(FILES[0]))
    with running(settings_in(tmp_path), store) as gate:
        with away(store, tmp_path):
            _goes_on(gate, headers)
        remove(store, fully_known(FILES[1]))
        until(lambda: advice(gate, headers, 1) == "block", "it follows again")


def test_a_gate_goes_on_while_postgresql_is_away(
    postgresql_server: Cluster | str,
    postgresql_store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if isinstance(postgresql_server, str):
        pytest.skip("a lent PostgreSQL server is not to be stopped")
    monkeypatch.setattr(gate_module, "OLD", 0.2)
    name = postgresql_store_url.split("/")[3].split("?")[0]
    with (
        Store(postgresql_store_url) as store,
        psycopg.connect(postgresql_server.url("postgres"), autocommit=True) as admin,
    ):
        headers = key(store)
        remove(store, fully_known(FILES[0]))
        with running(settings_in(tmp_path, postgresql_store_url), store) as gate:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            _goes_on(gate, headers)
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            remove(store, fully_known(FILES[1]))
            until(lambda: advice(gate, headers, 1) == "block", "it follows again")


def _goes_on(gate: GateProcess, headers: dict[str, str]) -> None:
    until(lambda: gate.status().problem, "it knows that the store is away")
    asked = client(gate)

    def last() -> Any:
        answer = asked.post("/v1/check", json={"sha256": HEX[0]}, headers=headers).json()
        assert answer["results"][0]["advice"] == "block"
        return answer if answer["state"] == "last" else None

    until(last, "it says that it answers from its last state")
    assert last()["age"] > 0
    assert not gate.status().live
    assert gate.ready().ready


# -- who asked -----------------------------------------------------------------------------------


def test_use_is_one_line_for_each_key_and_minute(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [1_700_000_000.0]
    monkeypatch.setattr(use.time, "time", lambda: moment[0])
    counted = Use()
    for _ in range(3):
        counted.count("ky-one", {"block": 2, "allow": 1})
    counted.count("ky-two", {"refused": 1})
    assert not counted.due()
    moment[0] += 60
    counted.count("ky-one", {"allow": 1})
    assert counted.due()
    with store.write() as connection:
        counted.written(counted.write(connection))
    assert not counted.due()
    with store.read() as connection:
        lines = list(audit.every(connection))
    assert [(line.actor, line.action, line.subject) for line in lines] == [
        ("key:ky-one", "key-use", "ky-one"),
        ("key:ky-two", "key-use", "ky-two"),
    ]
    assert lines[0].details == {
        "minute": "2023-11-14T22:13Z",
        "requests": 3,
        "refused": 0,
        "allow": 3,
        "hold": 0,
        "block": 6,
    }


def test_lines_wait_bounded_and_no_count_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use, "MOST", 4)
    moment = [0.0]
    monkeypatch.setattr(use.time, "time", lambda: moment[0])
    counted = Use()
    for minute in range(50):
        moment[0] = minute * 60.0
        counted.count("ky-one", {"allow": 1})
    assert len(counted._counts) <= 4
    assert sum(counts["requests"] for counts in counted._counts.values()) == 50


def test_use_is_written_when_the_gate_ends(store: Store, tmp_path: Path) -> None:
    headers = key(store)
    remove(store, fully_known(FILES[0]))
    with running(settings_in(tmp_path), store) as gate:
        for number in (0, 0, 1):
            advice(gate, headers, number)
        assert gate.status().checks == {("block", "bytes"): 2, ("allow", "none"): 1}
    with store.read() as connection:
        lines = [line for line in audit.every(connection) if line.action == "key-use"]
    assert sum(int(line.details["block"] or 0) for line in lines) == 2
    assert sum(int(line.details["requests"] or 0) for line in lines) == 3


def test_use_waits_for_a_store_that_was_away(store: Store, tmp_path: Path) -> None:
    headers = key(store)
    settings = settings_in(tmp_path)
    with running(settings, store) as gate:
        knows(gate, store)
        with away(store, tmp_path):
            advice(gate, headers)
            gate._write_use(also_now=True)
            assert gate.use.due(also_now=True)
    with store.read() as connection:
        assert [line.action for line in audit.every(connection)].count("key-use") == 1


# -- processes -----------------------------------------------------------------------------------


@pytest.fixture
def served(store: Store, tmp_path: Path) -> Iterator[str]:
    """The URL of `reseen serve` with two workers."""
    log = tmp_path / "log"
    environ = {
        **os.environ,
        "RESEEN_HOME": str(tmp_path),
        "RESEEN_DB": f"sqlite:///{tmp_path / 'reseen.db'}",
        "RESEEN_KEY": "5e" * 32,
    }
    command = [sys.executable, "-m", "reseen", "serve", "--port", "0", "--workers", "2"]
    with (
        log.open("wb") as out,
        subprocess.Popen([*command, "--no-jobs"], env=environ, stderr=out, stdout=out) as process,
    ):
        try:
            found: list[str] = []

            def told() -> bool:
                assert process.poll() is None, log.read_text()
                found.extend(re.findall(r"Reseen is at (http://\S+)", log.read_text()))
                return bool(found)

            until(told, "the service says where it is")
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()


def test_every_worker_follows(store: Store, served: str) -> None:
    headers = key(store)

    def asked() -> tuple[int, str]:
        """By a connection of its own: any worker may take it."""
        try:
            answer = httpx2.post(
                f"{served}/v1/check", json={"sha256": HEX[0]}, headers=headers, timeout=60
            )
        except httpx2.TransportError:
            return 0, ""
        if answer.status_code != 200:
            return answer.status_code, ""
        return 200, str(answer.json()["results"][0]["advice"])

    def always(expected: tuple[int, str]) -> bool:
        """Forty answers in a row: both workers are among those who gave them."""
        return all(asked() == expected for _ in range(40))

    until(lambda: always((200, "allow")), "both workers answer")
    id = remove(store, fully_known(FILES[0]), names=Names())
    until(lambda: always((200, "block")), "both workers know the removal")
    withdraw(store, id)
    until(lambda: always((200, "allow")), "both workers know the withdrawal")
    with store.write() as connection:
        keys.revoke(connection, keys.every(connection)[0].id)
    until(lambda: always((401, "")), "both workers know the revoked key")


# -- silence -------------------------------------------------------------------------------------


def test_nothing_sealed_is_logged(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    name = "Sample person 07"
    headers = key(store)
    remove(store, fully_known(FILES[0]), names=Names(name=name))
    with running(settings_in(tmp_path), store) as gate:
        advice(gate, headers)
        with away(store, tmp_path):
            until(lambda: gate.status().problem, "there is trouble to log")
    said = caplog.text + json.dumps(str(gate.status()))
    for word in (name, headers["Authorization"][7:], str(tmp_path), HEX[0]):
        assert word not in said
