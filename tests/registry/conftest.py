"""A store to test with: SQLite always, PostgreSQL too where RESEEN_TEST_POSTGRESQL says where."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from reseen.registry.sealing import Keyring
from reseen.registry.store import Store
from reseen.settings import Settings

POSTGRESQL = os.environ.get("RESEEN_TEST_POSTGRESQL")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgresql",
            marks=pytest.mark.skipif(not POSTGRESQL, reason="RESEEN_TEST_POSTGRESQL is not set"),
        ),
    ]
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'reseen.db'}"
        return
    import psycopg

    assert POSTGRESQL
    schema = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        yield f"{POSTGRESQL}{'&' if '?' in POSTGRESQL else '?'}options=-csearch_path%3D{schema}"
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


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
