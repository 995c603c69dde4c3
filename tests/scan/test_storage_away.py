"""The host that serves files may be away while the one that lists them answers: what the listing
proves is stored at once, the outage is noticed once, and reading is left for later."""

from __future__ import annotations

from pathlib import Path

import pytest
from replica.faults import Fault, Kind
from replica.sample import sample_world
from replica.server import Replica
from sqlalchemy import select
from tests.fresh_store import fresh_store
from tests.scan.walking import ALL, fill, seen_at, walk_hub

from reseen.records import Confirmed, Rung, Sighting
from reseen.scan.outage import FAILURES, STORAGE_AWAY, UNANSWERED, StorageOutage
from reseen.scan.target import Confirm, Options, Target
from reseen.store.database import Store
from reseen.store.schema import problems

FULL = Options(confirm=Confirm.FULL, refs=True)
OWED = Target(types=(), owed=True)
READ = Options(confirm=Confirm.NONE, follow=False, edited=False)


def places(seen: dict[tuple[str, str, str, str | None, str], Rung]) -> list[tuple[object, ...]]:
    """Removals have other ids in another store."""
    return sorted((*map(str, place[1:]), rung) for place, rung in seen.items())


def test_what_the_listing_proves_is_told_and_the_scan_ends(tmp_path: Path) -> None:
    world = sample_world()
    told: list[Sighting] = []
    with Store(fresh_store(tmp_path / "a.db")) as store, Replica(world) as hub:
        fill(store, world)
        with hub.storage_away():
            outcome = walk_hub(store, hub.endpoint, ALL, FULL, attempts=2, found=told.append)
        assert outcome.ended
        declared = {(c.repo, c.path) for c in world.cases if c.declared}
        assert {(s.repo, s.path) for s in told} == declared
        with store.read() as connection:
            reasons = connection.execute(select(problems.c.place, problems.c.reason)).all()
            assert [r.reason for r in reasons].count(STORAGE_AWAY) == 1
        left = outcome.coverage.skipped[STORAGE_AWAY]
        assert left > len(declared) // 2

        # The storage is there again: what was left is read, and all is as if it had never failed.
        hub.journal.clear()
        assert walk_hub(store, hub.endpoint, OWED, READ).ended
        assert hub.journal.requests["list"] == 0
        found = seen_at(store)
    with Store(fresh_store(tmp_path / "b.db")) as other, Replica(sample_world()) as hub:
        fill(other, world)
        walk_hub(other, hub.endpoint, ALL, FULL)
        expected = seen_at(other)
    assert places(found) == places(expected)


def test_a_declared_sighting_is_told_before_a_byte_is_read(tmp_path: Path) -> None:
    world = sample_world()
    told: list[tuple[Rung, Confirmed]] = []
    with Store(fresh_store(tmp_path / "a.db")) as store, Replica(world) as hub:
        fill(store, world)
        target = Target(repos=("account-02/backup",))
        options = Options(confirm=Confirm.FULL, follow=False)
        with hub.faults.during(Fault(Kind.SLOW, route="cdn", seconds=0.001)):
            outcome = walk_hub(
                store, hub.endpoint, target, options,
                found=lambda sighting: told.append((sighting.rung, sighting.confirmed)),
            )  # fmt: skip
    assert told == [(Rung.DECLARED, Confirmed.NONE)] * 3
    assert [s.rung for s in outcome.sightings] == [Rung.BYTES] * 3


def test_one_file_that_cannot_be_had_is_no_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reseen.scan.frontier.RETRY", (0, 0, 0))
    world = sample_world()
    with Store(fresh_store(tmp_path / "a.db")) as store, Replica(world) as hub:
        fill(store, world)
        with hub.faults.during(Fault(Kind.RESET, route="cdn", containing="account-01/LORA/")):
            outcome = walk_hub(store, hub.endpoint, ALL, FULL, attempts=2)
        assert outcome.ended
        assert STORAGE_AWAY not in outcome.coverage.skipped
        assert outcome.coverage.skipped[UNANSWERED] == 1
        assert "account-01/LORA" in {s.repo for s in outcome.sightings}


def test_an_outage_lets_one_file_through_now_and_then() -> None:
    clock = [0.0]
    storage = StorageOutage(30.0, lambda: clock[0])
    storage.failed(range(FAILURES - 1))
    storage.answered()
    storage.failed(range(FAILURES - 1))
    assert storage.may_ask(), "failures in a row count"
    storage.failed([1])
    assert storage.may_ask(), "one file that fails twice is one"
    storage.failed([9])
    assert storage.now
    assert not storage.may_ask()
    clock[0] = 31
    assert storage.may_ask()
    assert not storage.may_ask(), "one"
    clock[0] = 31 + 59
    assert not storage.may_ask(), "twice as long"
    clock[0] = 31 + 61
    assert storage.may_ask()
    storage.answered()
    assert storage.may_ask()
    assert not storage.now
