"""The background is drawn by a key before anything is compared: nobody chooses what is in it."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from sqlalchemy import select, update
from tests.match.made import known
from tests.match.updates import put
from tests.scan.fake_hub import COMMIT, NAME, FakeHub
from tests.scan.test_screen import LARGE, LARGE_ALTERED, LARGE_OTHER, large, saved

from reseen.hubs.hub import Revision
from reseen.match import background
from reseen.match.background import Draw, drawn_until, in_order, number
from reseen.observed import samples
from reseen.observed.samples import MOST_OF_ACCOUNT, SampledFile
from reseen.scan.budget import Allowance
from reseen.scan.context import reading
from reseen.scan.record import record
from reseen.scan.target import Options
from reseen.scan.visit import Visit, visit
from reseen.store import schema
from reseen.store.database import Store

SECRET, OTHER_SECRET = b"a" * 32, b"b" * 32
FILES = [
    SampledFile(n, ("hub", f"account{n % 40}"), (f"account{n % 40}/x", f"{n}.bin", b"%d" % n))
    for n in range(400)
]


def pks(files: list[SampledFile]) -> list[int]:
    return [file.artifact_pk for file in files]


def test_one_account_has_few_files_in_it_and_all_come_in_turns() -> None:
    drawn = in_order(SECRET, FILES)
    assert set(Counter(file.account for file in drawn).values()) == {MOST_OF_ACCOUNT}
    assert len({file.account for file in drawn[:40]}) == 40


def test_the_key_decides_and_not_the_order_in_which_files_came() -> None:
    drawn = pks(in_order(SECRET, FILES))
    assert drawn == pks(in_order(SECRET, FILES[::-1]))
    assert drawn != pks(in_order(OTHER_SECRET, FILES))


def test_a_folder_on_a_disk_is_nobodys_account() -> None:
    whose = samples.account("folder", "/srv/models")
    files = [SampledFile(n, whose, ("/srv/models", f"{n}", b"")) for n in range(300)]
    assert len(in_order(SECRET, files)) == 300


def test_small_files_count_as_far_as_large_ones_were_drawn() -> None:
    accounts = [("hub", f"a{n}") for n in range(1_000)]
    by_number = sorted(accounts, key=lambda each: number(SECRET, each))
    assert drawn_until(SECRET, {}) == 1
    assert drawn_until(SECRET, dict.fromkeys(accounts, True)) == 1
    some = {each: each in by_number[:100] for each in accounts}
    assert drawn_until(SECRET, some) == number(SECRET, by_number[99])
    # What somebody chose to have read does not stand for all.
    chosen = {each: each in by_number[500:600] for each in accounts}
    assert drawn_until(SECRET, chosen) == 0


def go(hub: FakeHub, store: Store, allowance: Allowance) -> Visit:
    context = reading(hub, known(store), Options(), allowance=allowance)
    return asyncio.run(visit(context, hub.listed, Revision("main", COMMIT)))


def whole(store: Store) -> set[str]:
    k, a = schema.read_sketches.c, schema.artifacts.c
    with store.read() as connection:
        query = select(a.path).join(schema.artifacts, a.pk == k.artifact_pk).where(k.complete == 1)
        return set(connection.scalars(query))


def test_what_is_read_because_it_comes_near_is_no_sample(store: Store) -> None:
    """Of three accounts it counts only where it is the first that the key draws."""
    put(store, LARGE)
    mixed = large(99)
    near = saved({n: (d, 0.4 * u + 0.9 * mixed[n][1]) for n, (d, u) in large(1).items()})
    hub, repo = FakeHub({"near": near}), schema.repositories.c.repo
    with store.write() as connection:
        assert not record(connection, go(hub, store, Allowance(10**9))).new
        for other in "bc":
            renamed = update(schema.repositories).where(repo.not_in(["b/x", "c/x"]))
            if other == "b":
                connection.execute(renamed.values(repo="near/x"))
            else:
                connection.execute(renamed.where(repo != "near/x").values(repo="b/x"))
            record(connection, go(FakeHub({"far": LARGE_OTHER}), store, Allowance(10**9)))
        large_ones = samples.accounts_of_large(connection)["sd1"]
        assert sorted(large_ones.values()) == [False, False, True]
        secret = background.secret_of(connection)
        first = min(large_ones, key=lambda each: number(secret, each))
        assert len(background.values(connection, "sd1")) == large_ones[first]
    assert whole(store) == {"near"}


def test_a_sample_is_chosen_before_anything_of_its_weights_is_known(store: Store) -> None:
    put(store, LARGE)
    hub = FakeHub({"x": LARGE_ALTERED})
    found = go(hub, store, Allowance(10**9, samples=1))
    assert "probes" not in found.bytes_by
    with store.write() as connection:
        assert record(connection, found).new, "a copy is found all the same"
        assert background.values(connection, "sd1") == [], "and is nobody's stranger"
    assert whole(store) == {"x"}


def test_a_scan_takes_few_of_an_account_and_those_alone_that_are_drawn(store: Store) -> None:
    put(store, LARGE)
    files = {str(n): saved(large(20 + n, rank=3)) for n in range(MOST_OF_ACCOUNT + 2)}
    with store.write() as connection:
        record(connection, go(FakeHub(files), store, Allowance(10**9, samples=100)))
    assert len(whole(store)) == MOST_OF_ACCOUNT
    nobody = Allowance(10**9, samples=9, draw=Draw(SECRET, {}, {"sd1": 0.0}))
    assert "whole" not in go(FakeHub(files), store, nobody).bytes_by
    elsewhere = Allowance(10**9, samples=9, draw=Draw(SECRET, {}, {"sdxl": 0.0}))
    assert "whole" in go(FakeHub(files), store, elsewhere).bytes_by


def test_a_background_is_of_accounts_that_the_draw_has_come_to(store: Store) -> None:
    put(store, LARGE)
    hub = FakeHub({"a": saved(large(31, rank=3)), "b": saved(large(32, rank=1))})
    with store.write() as connection:
        record(connection, go(hub, store, Allowance(10**9, samples=1)))
        (first, second) = background.values(connection, "sd1")
        assert first.account == second.account
        whose = samples.account(NAME, hub.listed.id)
        assert samples.accounts_of_large(connection) == {"sd1": {whose: True}}
        asked = background.draw(connection, 64)
        assert (asked.lacking, asked.until) == ({"sd1": background.MOST - 2}, {})


@pytest.mark.parametrize("most", [0, 1, 64])
def test_a_draw_is_as_wide_as_a_scan_may_read(store: Store, most: int) -> None:
    put(store, LARGE)
    with store.write() as connection:
        record(connection, go(FakeHub({"a": LARGE_OTHER}), store, Allowance(10**9)))
        wide = background.draw(connection, most)
    assert wide.until.get("sd1", 1.0) == (0.0 if most == 0 else 1.0)
