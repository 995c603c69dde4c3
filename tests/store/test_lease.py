"""One kind of lease for scans, listings, jobs and cases."""

from __future__ import annotations

import os
from typing import Any

import pytest
from sqlalchemy import Row, select

from reseen.store.database import Store
from reseen.store.lease import LEASE, Leases, Owner
from reseen.store.service_schema import jobs

LEASES = Leases(jobs)
ALL = jobs.c.pk > 0


def held(store: Store) -> Row[Any]:
    with store.read() as connection:
        return connection.execute(select(jobs)).one()


@pytest.fixture
def filled(store: Store) -> Store:
    with store.write() as connection:
        row = {"id": "jb-sample", "kind": "scan", "what": "{}", "state": "running", "asked_at": 0}
        connection.execute(jobs.insert(), [row])
    return store


def take(store: Store, owner: Owner | str, at: int = 0) -> None:
    values = LEASES.taken(Owner("", 0, ""), at) | {"leased_by": str(owner)}
    with store.write() as connection:
        connection.execute(jobs.update().values(values))


def test_a_lease_is_ours_until_it_runs_out_and_a_beat_makes_it_last(filled: Store) -> None:
    ours, other = Owner.this(), Owner.this()
    take(filled, ours)
    assert LEASES.holds(held(filled), ours)
    assert LEASES.may_take(held(filled), ours, LEASE - 1)
    assert not LEASES.may_take(held(filled), other, LEASE - 1)
    assert LEASES.may_take(held(filled), other, LEASE)
    with filled.write() as connection:
        assert LEASES.beat(connection, ALL, other, 5) == 0
        assert LEASES.beat(connection, ALL, ours, 5) == 1
    assert not LEASES.may_take(held(filled), other, LEASE)


def test_what_a_dead_process_of_this_machine_held_is_free_at_once(filled: Store) -> None:
    ours = Owner.this()
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    take(filled, Owner(ours.host, child, "00"))
    assert LEASES.may_take(held(filled), ours, 1)
    with filled.write() as connection:
        assert LEASES.free_dead(connection, ALL, ours, 1, state="waiting") == 1
    assert (held(filled).leased_by, held(filled).state) == (None, "waiting")


def test_a_doubt_is_no_death(filled: Store) -> None:
    ours = Owner.this()
    take(filled, Owner("elsewhere", 1, "00"))
    assert not LEASES.may_take(held(filled), ours, 1)
    with filled.write() as connection:
        assert LEASES.free_dead(connection, ALL, ours, 1) == 0
        assert LEASES.free_dead(connection, ALL, ours, LEASE) == 1


def test_only_what_is_ours_is_given_back(filled: Store) -> None:
    ours, other = Owner.this(), Owner.this()
    take(filled, ours)
    with filled.write() as connection:
        assert LEASES.give_back(connection, ALL, [other]) == 0
        assert LEASES.give_back(connection, ALL, []) == 0
        assert LEASES.give_back(connection, ALL, [ours]) == 1
    assert not LEASES.is_held(held(filled), 0)
