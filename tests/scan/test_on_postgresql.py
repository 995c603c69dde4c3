"""The walk, the recheck and the watch over PostgreSQL: they see what they see over SQLite."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from replica.server import Replica
from replica.world import World
from sqlalchemy import func, select
from tests.scan.test_recheck import ask, states
from tests.scan.test_watch import upload, watch_rounds
from tests.scan.walking import fill, seen_at, walk_hub

from reseen.records import Rung, SightingState
from reseen.scan import scan_rows
from reseen.scan.target import Options
from reseen.store import schema
from reseen.store.database import Store, now

Seen = dict[tuple[int, str, str, str | None, str], Rung]


@pytest.fixture
def store(postgresql_store_url: str) -> Iterator[Store]:
    with Store(postgresql_store_url) as store:
        yield store


def by_number(store: Store, numbers: dict[int, str]) -> Seen:
    """What was seen, by the numbers of removals: ids are drawn anew in every store."""
    number = {id: n for n, id in numbers.items()}
    return {(number[id], *place): rung for (id, *place), rung in seen_at(store).items()}


def test_a_walk_sees_the_same(store: Store, world: World, replica: Replica, tmp_path: Path) -> None:
    numbers = fill(store, world)
    assert walk_hub(store, replica.endpoint, options=Options(refs=True)).ended
    with Store(f"sqlite:///{tmp_path / 'other.db'}") as other:
        others = fill(other, world)
        assert walk_hub(other, replica.endpoint, options=Options(refs=True)).ended
        assert by_number(store, numbers) == by_number(other, others) != {}


def test_a_second_walk_finds_nothing_new(store: Store, world: World, replica: Replica) -> None:
    fill(store, world)
    assert walk_hub(store, replica.endpoint).ended
    seen = seen_at(store)
    again = walk_hub(store, replica.endpoint)
    assert (again.ended, again.coverage.walked) == (True, 0)
    assert seen_at(store) == seen


def test_two_walks_at_once_share_one_scan(
    store: Store, world: World, replica: Replica, postgresql_store_url: str
) -> None:
    numbers = fill(store, world)
    start = threading.Barrier(2)

    def walk(_: int) -> bool:
        with Store(postgresql_store_url) as own:
            start.wait(60)
            return walk_hub(own, replica.endpoint).ended

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(walk, range(2)))
    assert any(ended)
    together = by_number(store, numbers)
    assert walk_hub(store, replica.endpoint).ended
    assert by_number(store, numbers) == together != {}


def test_those_who_begin_at_the_same_moment_begin_one_scan(
    store: Store, postgresql_store_url: str
) -> None:
    count = 6
    start = threading.Barrier(count)

    def begin(_: int) -> int:
        with Store(postgresql_store_url) as own:
            start.wait(60)
            with own.write() as connection:
                return scan_rows.begin(connection, "hub.example", "the same target", "{}", now())

    with ThreadPoolExecutor(count) as pool:
        assert len(set(pool.map(begin, range(count)))) == 1
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.scans)) == 1


def test_gone_after_two_answers_that_say_so(store: Store, world: World, replica: Replica) -> None:
    fill(store, world)
    assert walk_hub(store, replica.endpoint).ended
    world.remove("model", "account-01/LORA")
    ask(store, replica)
    ask(store, replica)
    found = states(store)
    assert found.pop("account-01/LORA") == {SightingState.GONE}
    assert set.union(*found.values()) == {SightingState.LIVE}


def test_a_watch_tells_of_what_is_new(store: Store, world: World, replica: Replica) -> None:
    fill(store, world)
    told = watch_rounds(store, replica, 2, round_1=lambda: upload(world, "sample-new/later", 3))
    assert any(getattr(finding, "repo", None) == "sample-new/later" for finding in told)
