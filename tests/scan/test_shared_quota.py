"""Several walkers ask with one token, and meet in a store: all of the quota is used, none is
refused, in any order, whoever is killed. In virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.hubs.quota_server import Server, send
from tests.hubs.virtual_time import clock, run

from reseen.errors import StoreError
from reseen.hubs import shared_quota
from reseen.hubs.hub import Usage
from reseen.hubs.quota_windows import Window
from reseen.hubs.shared_quota import QuotaSlice, SharedQuota, Standing
from reseen.scan import shared_windows
from reseen.scan.shared_windows import MOST_BUCKETS, QuotaPlace, principal, take
from reseen.store.database import Store
from reseen.store.lease import SECOND, Owner
from reseen.store.quota_schema import quota_slices, quotas

PLACE = QuotaPlace("hub.example", b"somebody", "api")
BEGAN = 1_700_000_000 * SECOND


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as store:
        yield store


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Store]:
    """What walkers do in time does not depend on which database it is."""
    with Store(f"sqlite:///{tmp_path / 'shared.db'}") as store:
        yield store


class Windows:
    """As a walker on one machine meets the others, by the clock of the test."""

    def __init__(self, store: Store, nonce: str = "") -> None:
        self.store, self.alive = store, True
        self.owner = Owner(f"machine-{nonce}", 1, nonce) if nonce else Owner.this()
        self.asked = 0

    async def take(self, access: bytes | None, bucket: str, standing: Standing) -> QuotaSlice:
        at = BEGAN + round(clock() * SECOND)
        await asyncio.sleep(0.004)
        if not self.alive:
            await asyncio.Event().wait()
        self.asked += 1
        with self.store.write() as connection:
            slice = take(
                connection, QuotaPlace("hub.example", b"x", bucket), self.owner, standing, at
            )
        await asyncio.sleep(0.004)
        return slice


def quota_of(store: Store, nonce: str = "", usage: Usage | None = None) -> SharedQuota:
    windows = Windows(store, nonce)
    return SharedQuota(usage or Usage(), clock, asyncio.sleep, None, windows, b"token")


async def walker(quota: SharedQuota, server: Server, seed: int, tasks: int = 16) -> None:
    """Many tasks that have nothing to do but ask, for ever."""
    rng = random.Random(seed)

    async def one() -> None:
        while True:
            await send(quota, server, rng.choice([0.02, 0.05, 0.2, 1.5]))

    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(one())


async def some_time(
    quotas: list[SharedQuota], server: Server, seconds: float, killed: float | None = None
) -> None:
    """All walk, and end in order; after `killed` seconds, half of them are no more."""
    tasks = [asyncio.create_task(walker(q, server, n)) for n, q in enumerate(quotas)]
    if killed is not None:
        await asyncio.sleep(killed)
        seconds -= killed
        for task, quota in list(zip(tasks, quotas, strict=True))[::2]:
            quota._shared.alive = False  # type: ignore[attr-defined]
            task.cancel()
            quotas.remove(quota)
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for quota in quotas:
        await quota.close()


@pytest.mark.parametrize(
    ("limit", "walkers", "rolling"),
    [(1000, 4, False), (60, 4, True), (3, 4, False), (500, 1, False)],
)
def test_all_of_it_is_used_and_none_is_refused(
    file: Store, limit: int, walkers: int, rolling: bool
) -> None:
    server = Server(limit, 300.0, rolling)

    async def main() -> int:
        quotas = [quota_of(file) for _ in range(walkers)]
        await some_time(quotas, server, 700.0)
        return sum(quota._shared.asked for quota in quotas)  # type: ignore[attr-defined]

    asked = run(main())
    assert server.refused == 0
    for number in sorted(server.used)[:-1]:
        assert server.used[number] >= 0.98 * limit
    assert asked < limit + 200 * walkers  # slices, and not a word for each
    with file.read() as connection:
        assert connection.execute(quota_slices.select()).all() == []  # all was given back


@pytest.mark.parametrize("killed", [0.5, 10.0])
def test_when_some_are_killed_the_others_go_on(file: Store, killed: float) -> None:
    """On another machine, where nobody sees that they are dead."""
    server = Server(3000, 300.0)

    async def main() -> float:
        quotas = [quota_of(file, nonce) for nonce in "abcd"]
        await some_time(quotas, server, 640.0, killed)
        return clock()

    run(main())
    assert server.refused == 0
    first, second, *_ = [server.used[number] for number in sorted(server.used)]
    assert first >= 3000 - 2 * 2 * shared_quota.MOST  # what they held is counted as sent
    assert second >= 0.98 * 3000


def test_others_who_use_the_token_are_seen(file: Store) -> None:
    server = Server(1000, 300.0)

    async def main() -> None:
        quotas = [quota_of(file) for _ in range(3)]
        walking = asyncio.create_task(some_time(quotas, server, 500.0))
        for _ in range(20):
            await asyncio.sleep(0.5)
            for _ in range(10):
                server.take()
        await walking

    run(main())
    assert server.refused <= 3 * 10  # those that crossed one of theirs
    assert server.used[min(server.used)] >= 990


def test_a_hub_that_tells_nothing_makes_nobody_wait(file: Store) -> None:
    async def main() -> float:
        quotas = [quota_of(file) for _ in range(3)]

        async def one(quota: SharedQuota) -> None:
            for _ in range(50):
                slot = await quota.enter("api")
                await asyncio.sleep(0.1)
                slot.answered(200, {})

        await asyncio.gather(*map(one, quotas))
        for quota in quotas:
            await quota.close()
        return clock()

    assert run(main()) < 10.0


def test_when_a_hub_wants_to_hear_from_nobody_nobody_asks(file: Store) -> None:
    async def main() -> float:
        one, other = quota_of(file), quota_of(file)
        (await one.enter("api")).answered(429, {"Retry-After": "40"})
        await asyncio.sleep(1.0)
        (await other.enter("api")).answered(200, {})
        return clock()

    assert 40.0 <= run(main()) < 45.0


def test_a_walker_with_nothing_to_do_gives_back_what_it_holds(file: Store) -> None:
    server = Server(40, 300.0)

    async def main() -> None:
        idle, busy = quota_of(file), quota_of(file)
        for _ in range(3):
            await send(idle, server, 0.1)
        await some_time([busy], server, 100.0)

    run(main())
    assert server.refused == 0
    assert server.used[min(server.used)] == 40


def test_what_ends_the_sharing_ends_the_walk(file: Store) -> None:
    """And nobody waits for ever for a slice."""

    class Away(Windows):
        async def take(self, access: bytes | None, bucket: str, standing: Standing) -> QuotaSlice:
            raise StoreError("the store is away")

    async def main() -> None:
        quota = SharedQuota(Usage(), clock, asyncio.sleep, None, Away(file), None)
        with pytest.raises(StoreError, match="away"):
            await quota.enter("api")
        await quota.close()

    run(main())


# -- one word at a time --------------------------------------------------------------------------


class Table:
    """What walkers are given, at instants of the test's choice."""

    def __init__(self, store: Store) -> None:
        self.store, self.at = store, BEGAN
        self.owners = {name: Owner(f"machine-{name}", 1, name) for name in "abc"}

    def take(
        self, who: str, held: int, wanted: int, told: int | None = None, **more: Any
    ) -> QuotaSlice:
        """`told`: what the hub said is left of a window that ends in 100 s after the beginning."""
        if told is not None:
            ends = (BEGAN - self.at) / SECOND + 100.0
            more["window"] = Window(told, ends - 1, ends)
        with self.store.write() as connection:
            standing = Standing(held, wanted, **more)
            return take(connection, PLACE, self.owners[who], standing, self.at)

    def passes(self, seconds: float) -> None:
        self.at += round(seconds * SECOND)


@pytest.fixture
def table(store: Store) -> Table:
    return Table(store)


def test_one_goes_first_and_what_it_is_told_holds_for_all(table: Table) -> None:
    assert table.take("a", 0, 8) == QuotaSlice(1, first=True)
    assert table.take("b", 0, 8) == QuotaSlice(0)
    assert table.take("a", 1, 0, first=True) == QuotaSlice(0)  # under way
    assert table.take("b", 0, 8) == QuotaSlice(0)
    assert table.take("a", 0, 8, told=100).granted == 8
    given = table.take("b", 0, 8)
    assert given.granted == 8
    assert given.window is not None
    assert (given.window.left, given.window.latest) == (100, 100.0)


def test_never_more_is_given_than_is_left_beyond_what_all_hold(table: Table) -> None:
    table.take("a", 0, 1)
    held = dict.fromkeys("abc", 0)
    held["a"] += table.take("a", 0, 64, told=20).granted
    for who in "bcabcabcabcabcabc":
        held[who] += table.take(who, held[who], 64).granted
        assert sum(held.values()) <= 20
    assert sum(held.values()) == 20
    assert min(held.values()) >= 2  # and each has some
    assert table.take("b", held["b"], 64).granted == 0
    # One of them hears that somebody else uses the token too.
    assert table.take("a", held["a"] - 1, 9, told=15).granted == 0


def test_who_goes_first_and_is_gone_holds_up_nobody_for_longer_than_a_lease(table: Table) -> None:
    assert table.take("a", 0, 8).first
    table.passes(shared_windows.LASTS / SECOND - 1)
    assert table.take("b", 0, 8) == QuotaSlice(0)
    table.passes(1)
    assert table.take("b", 0, 8) == QuotaSlice(1, first=True)


def test_what_a_walker_held_who_is_gone_is_counted_as_sent(table: Table) -> None:
    table.take("a", 0, 1)
    held = table.take("a", 0, 64, told=100).granted
    table.passes(shared_windows.LASTS / SECOND)
    given = table.take("b", 0, 1)
    assert given.window is not None
    assert given.window.left == 100 - held
    table.passes(100)
    assert table.take("c", 0, 1).first  # the next window owes nothing


def test_a_slice_is_good_for_shorter_than_it_is_kept() -> None:
    assert shared_quota.GOOD + shared_quota.TURN < shared_windows.LASTS / SECOND


def test_a_late_word_of_the_window_before_changes_nothing(table: Table) -> None:
    table.take("a", 0, 1)
    table.take("a", 0, 0, told=5)
    table.passes(120)
    table.take("b", 0, 1)
    fresh = Window(500, 250.0, 251.0)
    assert table.take("b", 0, 1, window=fresh).granted == 1
    late = table.take("a", 0, 1, window=Window(0, -2.0, 1.0))
    assert late.window == fresh


def test_tokens_do_not_share_and_are_nowhere_in_the_store(store: Store) -> None:
    one, other = principal(store.secret, b"one"), principal(store.secret, b"other")
    stranger = principal(store.secret, None)
    assert len({one, other, stranger, principal(bytes(32), b"one")}) == 4
    assert all(len(each) == 32 and b"one" not in each for each in (one, other, stranger))
    owner = Owner("elsewhere", 1, "a")
    for who in (one, other, stranger):
        with store.write() as connection:
            given = take(
                connection, QuotaPlace("hub.example", who, "api"), owner, Standing(0, 8), BEGAN
            )
        assert given.first


def test_a_hub_that_names_ever_new_windows_is_not_written_down_for_ever(store: Store) -> None:
    owner = Owner("elsewhere", 1, "a")
    for number in range(2 * MOST_BUCKETS):
        place = QuotaPlace("hub.example", b"x", f"\x00 é {number}")
        told = Window(2**60, 1e9, 1e9)
        with store.write() as connection:
            given = take(connection, place, owner, Standing(1, 8, window=told), BEGAN)
        assert given.granted
    with store.write() as connection:
        assert len(connection.execute(quotas.select()).all()) == MOST_BUCKETS
        later = BEGAN + (10**10) * SECOND
        take(connection, QuotaPlace("hub.example", b"x", "api"), owner, Standing(0, 0), later)
        assert len(connection.execute(quotas.select()).all()) == 1
