"""A store to test with: SQLite always, PostgreSQL too where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reseen.registry.sealing import Keyring
from reseen.registry.store import Store
from reseen.settings import Settings


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'reseen.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as store:
        yield store


@pytest.fixture
def settings(tmp_path: Path, url: str) -> Settings:
    return Settings(
        home=tmp_path, db=url, key_file=tmp_path / "reseen.key", endpoint="https://hub.example"
    )


@pytest.fixture
def keyring(store: Store, settings: Settings) -> Keyring:
    keyring = Keyring.for_store(store, settings, create=True)
    assert keyring
    return keyring
