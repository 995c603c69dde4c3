"""A start without the database: the gate answers from its last state, then everything is there."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.web.cases_made import removal

from reseen.errors import StoreError
from reseen.gate import keys
from reseen.gate.gate import GateProcess
from reseen.store.database import Store
from reseen.web.app import make_app
from reseen.web.degraded_start import Late, is_away
from reseen.web.service import Service

DEADLINE = 60.0
AWAY = "postgresql+psycopg://reseen@127.0.0.1:1/nothing"


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def secret(service: Service) -> str:
    """A key of a gate that has run before and left its state."""
    removal(service, 7)
    with service.store.write() as connection:
        _, secret = keys.make(connection, "a hub", [keys.KeyScope.CHECK])
    gate = GateProcess(service.settings, service.keyring, service.store)
    gate.start()
    until(lambda: gate.ready().ready)
    gate.close()
    return secret


def test_a_server_that_does_not_answer_is_away_and_a_wrong_store_is_not(service: Service) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError) as away:
        Store(AWAY)
    assert is_away(away.value)
    with pytest.raises(StoreError) as wrong:
        Store("mysql://somewhere/else")
    assert not is_away(wrong.value)


def test_the_gate_begins_alone_and_the_pages_follow(service: Service, secret: str) -> None:
    pytest.importorskip("psycopg")
    there = False
    gate = GateProcess(dataclasses.replace(service.settings, db=AWAY), service.keyring)

    @contextmanager
    def opened() -> Iterator[Service]:
        if not there:
            raise StoreError("the database server does not answer as needed")
        yield dataclasses.replace(service, gate=gate, gate_runs=True)

    app = Late(gate, opened, make_app, pause=0.02)
    with TestClient(app, follow_redirects=False) as client:
        until(lambda: client.get("/ready").status_code == 200)
        bearer = {"Authorization": f"Bearer {secret}"}
        body = {"files": [{"sha256": "ab" * 32}]}
        answer = client.post("/v1/check", json=body, headers=bearer)
        assert answer.status_code == 200
        assert answer.json()["results"][0]["advice"] == "allow"
        assert client.get("/queue").status_code == 503
        there = True
        until(lambda: client.get("/queue").status_code == 303)  # sign in first
        assert client.post("/v1/check", json=body, headers=bearer).status_code == 200
