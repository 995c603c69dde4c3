"""What tests of the web room start from: a service over an empty SQLite store, with a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from tests.fresh_store import fresh_store
from tests.web.visitors import Visitor

from reseen.review.roles import Role
from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring
from reseen.web.app import make_app
from reseen.web.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    settings = Settings.from_environment(
        {"RESEEN_HOME": str(tmp_path), "RESEEN_KEY": "5e" * 32, "HF_HOME": str(tmp_path / "hf")}
    )
    with Store(fresh_store(tmp_path / "reseen.db")) as store:
        keyring = Keyring.for_store(store, settings, create=True)
        yield Service(store=store, settings=settings, keyring=keyring)


@pytest.fixture
def app(service: Service) -> FastAPI:
    return make_app(service)


@pytest.fixture
def visit(app: FastAPI) -> Callable[..., Visitor]:
    """`visit(Role.LEAD)`: a signed-in browser; `visit()`: nobody."""

    def make(role: Role | None = None, name: str | None = None) -> Visitor:
        return Visitor(app, role, name)

    return make
