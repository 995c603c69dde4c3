"""The frontier hands out work once, in order, and never loses it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from sqlalchemy import select

from reseen.observed import artifacts as seen
from reseen.records import Coverage, Problem, Repository, RepoType
from reseen.scan import frontier, scan_rows
from reseen.scan.frontier import Task, Work
from reseen.store.database import Store
from reseen.store.lease import LEASE, SECOND, Owner
from reseen.store.schema import problems

SHA = "0123456789abcdef0123456789abcdef01234567"
US = Owner("here", 1, "aa")
THEM = Owner("there", 2, "bb")


@pytest.fixture
def scan(store: Store) -> int:
    with store.write() as connection:
        return scan_rows.begin(connection, "hub", "key", "", 100)


def repos(store: Store, count: int) -> list[int]:
    listed = [Repository("hub", RepoType.MODEL, f"account/{n}", SHA) for n in range(count)]
    with store.write() as connection:
        return seen.repositories(connection, listed)


def put(store: Store, scan: int, *work: Work) -> None:
    with store.write() as connection:
        frontier.add(connection, scan, work)


def take(store: Store, scan: int, owner: Owner = US, at: int = 0, count: int = 10) -> list[str]:
    with store.write() as connection:
        return [each.repo for each in frontier.lease(connection, scan, owner, count, at)]


def test_the_most_urgent_comes_first_and_nothing_comes_twice(store: Store, scan: int) -> None:
    pks = repos(store, 4)
    put(store, scan, *(Work(pk, Task.FILES, 40 - 10 * n, SHA, "main") for n, pk in enumerate(pks)))
    assert take(store, scan, US, count=2) == ["account/3", "account/2"]
    assert take(store, scan, THEM) == ["account/1", "account/0"]
    assert take(store, scan, THEM) == []


def test_work_is_put_once_and_only_moves_up(store: Store, scan: int) -> None:
    one, other = repos(store, 2)
    put(store, scan, Work(one, Task.FILES, 20, SHA, "main"), Work(other, Task.FILES, 10, SHA))
    put(store, scan, Work(one, Task.FILES, 0, SHA, "main"))
    put(store, scan, Work(one, Task.FILES, 30, SHA, "main"))
    assert take(store, scan) == ["account/0", "account/1"]


def test_a_lease_runs_out(store: Store, scan: int) -> None:
    (pk,) = repos(store, 1)
    put(store, scan, Work(pk, Task.FILES, 0, SHA))
    assert take(store, scan, THEM, at=0)
    with store.write() as connection:
        frontier.free_dead(connection, scan, US, LEASE - 1)
        assert frontier.waiting(connection, scan) == 0
        frontier.renew(connection, scan, THEM, SECOND)
        frontier.free_dead(connection, scan, US, LEASE)
        assert frontier.waiting(connection, scan) == 0
        frontier.free_dead(connection, scan, US, LEASE + SECOND)
        assert frontier.waiting(connection, scan) == 1


def test_what_a_dead_process_of_this_machine_held_is_free_at_once(store: Store, scan: int) -> None:
    (pk,) = repos(store, 1)
    put(store, scan, Work(pk, Task.FILES, 0, SHA))
    me = Owner.this()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    assert take(store, scan, Owner(me.host, dead.pid, "cc"))
    with store.write() as connection:
        frontier.free_dead(connection, scan, me, 0)
    assert take(store, scan) == ["account/0"]


def test_only_the_certainly_dead_are_outlived() -> None:
    me = Owner.this()
    assert not me.outlived(str(me))
    assert not me.outlived(f"{me.host} {os.getppid()} aa")
    assert not me.outlived(f"another-{me.host} 1 aa")
    assert not me.outlived("nonsense")
    assert not me.outlived(f"{me.host} {10**30} aa")
    # Process numbers come back, most of all in containers: the same number is not the same process.
    assert me.outlived(f"{me.host} {me.pid} another")


def test_an_orderly_stop_gives_everything_back(store: Store, scan: int) -> None:
    pks = repos(store, 3)
    put(store, scan, *(Work(pk, Task.FILES, 0, SHA) for pk in pks))
    assert len(take(store, scan, US)) == 3
    with store.write() as connection:
        frontier.release(connection, scan, US)
    assert len(take(store, scan, THEM)) == 3


def test_attempts_are_bounded_and_the_reason_is_kept(store: Store, scan: int) -> None:
    (pk,) = repos(store, 1)
    put(store, scan, Work(pk, Task.FILES, 0, SHA, "main"))
    at, attempts = 0, 0
    while True:
        with store.write() as connection:
            leases = frontier.lease(connection, scan, US, 1, at)
            if leases:
                attempts += 1
                why = Problem("hub/account/0", "garbage", "Wait.")
                if frontier.fail(connection, scan, leases[0], why, at):
                    break
        at += SECOND
    assert attempts == frontier.MAX_ATTEMPTS
    with store.read() as connection:
        assert frontier.is_empty(connection, scan)
        assert connection.scalars(select(problems.c.reason)).all() == ["garbage"]


def test_a_failure_waits_before_it_is_tried_again(store: Store, scan: int) -> None:
    (pk,) = repos(store, 1)
    put(store, scan, Work(pk, Task.FILES, 0, SHA, "main"))
    with store.write() as connection:
        (lease,) = frontier.lease(connection, scan, US, 1, 0)
        frontier.fail(connection, scan, lease, Problem("", "busy"), 0)
    assert take(store, scan, at=0) == []
    assert take(store, scan, at=SECOND) == ["account/0"]


def test_a_ref_with_spaces_comes_back_as_it_was(store: Store, scan: int) -> None:
    (pk,) = repos(store, 1)
    put(store, scan, Work(pk, Task.FILES, 0, SHA, "a b  c"), Work(pk, Task.REFS, 0))
    with store.write() as connection:
        one, other = frontier.lease(connection, scan, US, 10, 0)
        assert (one.commit, one.ref, one.task) == (SHA, "a b  c", Task.FILES)
        assert (other.commit, other.ref, other.task) == ("", None, Task.REFS)
        assert frontier.commits(connection, scan, pk) == {SHA}


def test_the_same_target_finds_its_scan_until_it_has_ended(store: Store, scan: int) -> None:
    with store.write() as connection:
        assert scan_rows.begin(connection, "hub", "key", "", 200) == scan
        assert scan_rows.begin(connection, "hub", "another", "", 200) != scan
        assert scan_rows.begin(connection, "other-hub", "key", "", 200) != scan
        scan_rows.end(connection, scan, 300)
        assert scan_rows.begin(connection, "hub", "key", "", 400) != scan


def test_a_page_is_turned_once(store: Store, scan: int) -> None:
    with store.write() as connection:
        scan_rows.add_parts(connection, scan, 1)
        scan_rows.add_parts(connection, scan, 1)
        part = scan_rows.lease_part(connection, scan, US, 0)
        assert part is not None
        assert part.cursor is None
        assert scan_rows.lease_part(connection, scan, THEM, 0) is None
        assert scan_rows.turn_page(connection, scan, part, "next", 1000)
        assert not scan_rows.turn_page(connection, scan, part, "next", 1000)
        part = scan_rows.lease_part(connection, scan, THEM, 0)
        assert part is not None
        assert part.cursor == "next"
        assert scan_rows.turn_page(connection, scan, part, None, 10)
        assert scan_rows.lease_part(connection, scan, US, 0) is None
        assert scan_rows.parts_left(connection, scan) == 0


def test_an_account_is_listed_once_and_first(store: Store, scan: int) -> None:
    with store.write() as connection:
        scan_rows.add_parts(connection, scan, 1)
        assert scan_rows.add_account(connection, scan, RepoType.MODEL, "account")
        assert not scan_rows.add_account(connection, scan, RepoType.MODEL, "account")
        part = scan_rows.lease_part(connection, scan, US, 0)
        assert part is not None
        assert part.subject == (RepoType.MODEL, "account")


def test_coverage_adds_up_over_lives(store: Store, scan: int) -> None:
    with store.write() as connection:
        scan_rows.add_coverage(connection, scan, Coverage(listed=2, skipped={"no files": 1}))
        total = scan_rows.add_coverage(
            connection, scan, Coverage(listed=1, skipped={"no files": 2})
        )
    assert total == Coverage(listed=3, skipped={"no files": 3})
    with store.read() as connection:
        assert scan_rows.coverage(connection, scan) == total


def test_a_walk_beside_ours_in_one_process_lives_and_one_before_us_does_not() -> None:
    first, second = Owner.this(), Owner.this()
    assert not first.outlived(str(second))
    assert not first.outlived(str(first))
    assert first.outlived(str(Owner(first.host, first.pid, "00000000")))
