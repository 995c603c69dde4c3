"""A hub whose list says all files: nothing is asked for one repository at a time, and what is known
in the end is what a hub tells that lists them one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection

import pytest
from replica.civitai import CivitaiSite
from replica.faults import Fault, Kind
from replica.server import Replica
from tests import removals_made
from tests.hubs.civitai_site import opened, served
from tests.match.updates import OTHER, REMOVED
from tests.scan.walking import KEYRING, QUICK

from reseen.hubs.hub import CUT
from reseen.observed import sightings
from reseen.records import Confirmed, Digest, DigestKind, Names, RemovedFile, Rung, Sighting
from reseen.scan.progress import Outcome
from reseen.scan.target import Confirm, Options, Target
from reseen.scan.walk import scan
from reseen.store.database import Store

ALL = Target(everything=True)
DECLARED = Options(confirm=Confirm.NONE)


def digest_of(number: int) -> bytes:
    return hashlib.sha256(b"sample %d" % number).digest()


def remove(store: Store, digests: Collection[bytes]) -> None:
    new = [
        removals_made.NewRemoval(
            *("sample", None, None, Names(name=f"Sample person {number:02}")),
            (RemovedFile((Digest(DigestKind.SHA256, digest),)),),
        )
        for number, digest in enumerate(digests)
    ]
    with store.write() as connection:
        removals_made.insert(connection, KEYRING, new)


def of(count: int) -> CivitaiSite:
    site = CivitaiSite()
    for number in range(count):
        named = {"a.safetensors": (digest_of(number).hex(), 4096 + number)}
        site.put(1000 + number, f"account-{number % 7}", {5000 + number: named})
    return site


def walk(
    store: Store, replica: Replica, options: Options = DECLARED, target: Target = ALL
) -> Outcome:
    return scan(store, KEYRING, lambda: opened(replica), target, options, pace=QUICK)


def found(store: Store) -> list[Sighting]:
    with store.read() as connection:
        return list(sightings.every(connection))


def test_all_planted_copies_are_found_and_none_beyond_what_the_hub_says(store: Store) -> None:
    planted = range(0, 250, 10)
    remove(store, [digest_of(number) for number in planted])
    with served(of(250)) as replica:
        outcome = walk(store, replica)
        assert replica.journal.requests == {"models": 3}
    assert outcome.ended
    assert {s.repo.rpartition("/")[2] for s in found(store)} == {str(1000 + n) for n in planted}
    assert {s.rung for s in found(store)} == {Rung.DECLARED}
    coverage = outcome.coverage
    assert (coverage.listed, coverage.walked, coverage.artifacts) == (250, 250, 250)
    assert coverage.skipped == {}


def test_what_is_known_is_not_stored_twice_and_what_changed_is_seen(store: Store) -> None:
    remove(store, [digest_of(1), digest_of(77)])
    site = of(3)
    with served(site) as replica:
        walk(store, replica)
        again = walk(store, replica)
        assert (again.coverage.unchanged, again.coverage.walked) == (3, 0)
        site.put(1002, "account-2", {5002: {"b.safetensors": (digest_of(77).hex(), 9000)}})
        changed = walk(store, replica)
    assert (changed.coverage.unchanged, changed.coverage.walked) == (2, 1)
    assert [s.repo for s in changed.sightings] == ["account-2/1002"]


def test_a_copy_is_read_as_far_as_was_asked(store: Store) -> None:
    remove(store, [hashlib.sha256(REMOVED).digest()])
    site = CivitaiSite()
    site.put(7, "account-1", {8: {"a.safetensors": REMOVED}})
    site.put(9, "account-2", {10: {"a.safetensors": OTHER}})
    with served(site) as replica:
        walk(store, replica)
        assert [(s.rung, s.confirmed) for s in found(store)] == [(Rung.DECLARED, Confirmed.NONE)]
        assert replica.journal.requests["download"] == 0
        walk(store, replica, Options(confirm=Confirm.FULL))
    assert [s.rung for s in found(store)] == [Rung.BYTES]


def test_a_lie_is_refuted_by_reading(store: Store) -> None:
    remove(store, [hashlib.sha256(REMOVED).digest()])
    site = CivitaiSite()
    model = site.put(7, "account-1", {8: {"a.safetensors": OTHER}})
    model.versions[8][0].sha256 = hashlib.sha256(REMOVED).hexdigest().upper()
    with served(site) as replica:
        walk(store, replica, Options(confirm=Confirm.FULL))
    (one,) = found(store)
    assert not one.rung.on_ladder


def test_the_account_of_a_copy_is_listed(store: Store) -> None:
    remove(store, [digest_of(1)])
    with served(of(20)) as replica:
        walk(store, replica, target=Target(repos=("account-1/1001",)))
        asked = replica.journal.targets("models")
    assert any("username=account-1" in path for path in asked)
    with store.read() as connection:
        from sqlalchemy import select

        from reseen.store import schema

        repos = set(connection.scalars(select(schema.repositories.c.repo)))
    assert repos == {"account-1/1001", "account-1/1008", "account-1/1015"}


def _garbage(replica: Replica) -> None:
    replica.faults.add(Fault(Kind.GARBAGE, route="models", after=1))


def _other_shape(replica: Replica) -> None:
    replica.faults.add(Fault(Kind.WRONG_TYPE, route="models", after=1))


def _page_of_html(replica: Replica) -> None:
    replica.faults.add(Fault(Kind.ERROR, route="models", after=1, status=403))


@pytest.mark.parametrize("spoil", [_garbage, _other_shape, _page_of_html])
def test_a_list_that_breaks_off_ends_in_one_line_and_keeps_what_it_gave(
    store: Store, spoil: Callable[[Replica], None]
) -> None:
    remove(store, [digest_of(249)])
    with served(of(250)) as replica:
        spoil(replica)
        outcome = walk(store, replica)
    assert outcome.ended
    assert outcome.coverage.skipped == {CUT: 1}
    assert [s.repo for s in found(store)] == ["account-4/1249"]


@pytest.mark.parametrize("how", ["endless", "round"])
def test_a_list_without_an_end_ends_the_scan_in_one_line(store: Store, how: str) -> None:
    site = of(150)
    setattr(site, how, True)
    with served(site) as replica:
        outcome = walk(store, replica)
    assert outcome.ended
    assert outcome.coverage.skipped == {CUT: 1}
    assert outcome.coverage.listed == 150


def test_a_storm_of_refusals_loses_nothing(store: Store) -> None:
    remove(store, [digest_of(number) for number in range(250)])
    with served(of(250)) as replica:
        replica.faults.add(Fault(Kind.BUSY, chance=0.5, seconds=20))
        outcome = walk(store, replica)
    assert outcome.ended
    assert len(found(store)) == 250
