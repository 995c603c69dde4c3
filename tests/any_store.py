"""A store to test with: SQLite always, PostgreSQL too where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reseen.settings import HubSettings, Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as store:
        yield store


@pytest.fixture
def settings(tmp_path: Path, url: str) -> Settings:
    return Settings(
        home=tmp_path,
        db=url,
        key_file=tmp_path / "reseen.key",
        hubs=(HubSettings("huggingface", "https://hub.example"),),
    )


@pytest.fixture
def keyring(store: Store, settings: Settings) -> Keyring:
    keyring = Keyring.for_store(store, settings, create=True)
    assert keyring
    return keyring
