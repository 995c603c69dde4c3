"""A gate over a store of its own, and those who ask it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.match.made import KEYRING

from reseen.gate import keys
from reseen.gate.gate import GateProcess
from reseen.gate.keys import KeyScope
from reseen.gate.routes import add_gate
from reseen.registry import removals
from reseen.settings import HubSettings, Settings
from reseen.store import change_log
from reseen.store.database import Store

PATIENCE = 300.0
"""Seconds that a test waits for something that must come."""
EVERYTHING = (KeyScope.CHECK, KeyScope.FILE, KeyScope.TRUSTED)


def until(true: Callable[[], object], what: str) -> None:
    """Wait for it; fail when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"still waiting: {what}"
        time.sleep(0.02)


def settings_in(folder: Path, db: str | None = None) -> Settings:
    return Settings(
        home=folder,
        db=db or f"sqlite:///{folder / 'reseen.db'}",
        key_file=folder / "reseen.key",
        hubs=(HubSettings("huggingface", "https://hub.example"),),
        state=folder / "gate",
    )


@contextmanager
def running(
    settings: Settings, store: Store | None, keyring: Any = KEYRING
) -> Iterator[GateProcess]:
    """A gate that has begun and is ready."""
    gate = GateProcess(settings, keyring, store)
    gate.start()
    try:
        until(lambda: gate.ready().ready, "the gate is ready")
        yield gate
    finally:
        gate.close()


def key(store: Store, *scopes: KeyScope, rate: float = 10_000.0) -> dict[str, str]:
    """The headers of who has a new key."""
    with store.write() as connection:
        _, text = keys.make(connection, "sample hub", scopes or EVERYTHING, rate)
    return {"Authorization": f"Bearer {text}"}


def client(gate: GateProcess) -> TestClient:
    app = FastAPI(title="Gate", openapi_url="/v1/openapi.json")
    add_gate(app, gate)
    return TestClient(app)


def knows(gate: GateProcess, store: Store) -> None:
    """Wait until the gate has followed the store up to now."""
    with store.read() as connection:
        last = change_log.latest(connection)
    before = time.time()
    until(
        lambda: gate.known.heard.version >= last and gate.known.heard.at > before,
        "the gate has followed",
    )


@contextmanager
def away(store: Store, folder: Path) -> Iterator[None]:
    """The SQLite file is not there, and no connection to it is left for anybody to take."""
    path, other = folder / "reseen.db", folder / "away.db"
    path.rename(other)
    store.close()
    try:
        yield
    finally:
        other.rename(path)


def withdraw(store: Store, removal: str) -> None:
    with store.write() as connection:
        removals.withdraw(connection, KEYRING, removal, "sample reason")


def restore(store: Store, removal: str) -> None:
    with store.write() as connection:
        removals.restore(connection, KEYRING, removal, "sample reason")
