"""A store on SQLite, and on PostgreSQL where there is one, with people and cases in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.review.room import KEY, Room

from reseen.store.database import Store
from reseen.store.sealing import Keyring


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as store:
        yield store


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(KEY)


@pytest.fixture
def room(store: Store) -> Room:
    return Room(store)
