"""Ids as people and addresses give them."""

from __future__ import annotations

import pytest

from reseen.errors import NotFound
from reseen.observed import sightings
from reseen.store import ids
from reseen.store.database import Store


def test_an_id_is_taken_as_people_write_it() -> None:
    assert ids.given("  RM-4F7K2Q9D ") == "rm-4f7k2q9d"


@pytest.mark.parametrize("odd", ["", "\0", "sg-\0", "x" * 10_000])
def test_an_odd_id_is_not_found_whatever_the_database(store: Store, odd: str) -> None:
    with store.read() as connection, pytest.raises(NotFound):
        sightings.by_id(connection, odd)
