"""What holds of every kind of hub: planted copies are all found, by its word alone; and whatever it
answers instead, the scan ends, says so in one line, and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from replica.faults import Fault, Kind
from replica.server import Replica
from tests import removals_made
from tests.hubs.each_hub import EACH, OneHub, digest_of
from tests.scan.walking import KEYRING, QUICK

from reseen.errors import HubError
from reseen.hubs.hub import Hub
from reseen.observed import sightings
from reseen.records import Digest, DigestKind, Names, RemovedFile, Rung
from reseen.scan import frontier
from reseen.scan.pace import Pace
from reseen.scan.progress import Outcome
from reseen.scan.target import Confirm, Options
from reseen.scan.walk import scan
from reseen.store.database import Store

FEW = 8
"""Repositories of a hub that answers something else."""
MOST = 120
DECLARED = Options(confirm=Confirm.NONE, follow=False)
IMPATIENT = replace(QUICK, patience=0.1)


@pytest.fixture(autouse=True)
def _again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again without a wait."""
    monkeypatch.setattr(frontier, "RETRY", (0,))


@pytest.fixture(params=EACH, ids=lambda each: each.name)
def kind(request: pytest.FixtureRequest) -> OneHub:
    found: OneHub = request.param
    return found


@pytest.fixture
def replica(kind: OneHub, tmp_path: Path) -> Iterator[Replica]:
    with kind.served(kind.many, tmp_path / "served") as served:
        yield served


@pytest.fixture
def known(store: Store) -> Store:
    """With a removal for every second copy."""
    new = [
        removals_made.NewRemoval(
            *("sample", None, None, Names(name=f"Sample person {number:02}")),
            (RemovedFile((Digest(DigestKind.SHA256, digest_of(number)),)),),
        )
        for number in range(0, MOST, 2)
    ]
    with store.write() as connection:
        removals_made.insert(connection, KEYRING, new)
    return store


def walk(
    store: Store,
    kind: OneHub,
    replica: Replica,
    count: int = 0,
    *,
    pace: Pace = QUICK,
    attempts: int = 8,
) -> Outcome:
    def opened() -> Hub:
        return kind.open(replica, attempts)

    return scan(store, KEYRING, opened, kind.target(count or kind.many), DECLARED, pace=pace)


def found(store: Store) -> dict[str, Rung]:
    with store.read() as connection:
        return {f"{s.repo} {s.path}": s.rung for s in sightings.every(connection)}


def test_all_planted_copies_are_found_and_none_beyond_its_word(
    known: Store, kind: OneHub, replica: Replica
) -> None:
    outcome = walk(known, kind, replica)
    assert outcome.ended
    assert outcome.coverage.skipped == {}
    assert len(found(known)) == kind.many // 2
    assert set(found(known).values()) == {Rung.DECLARED}
    assert {entry.host for entry in replica.journal.entries} == {"hub"}  # nothing was read


def test_what_is_known_is_not_looked_at_again(known: Store, kind: OneHub, replica: Replica) -> None:
    walk(known, kind, replica)
    again = walk(known, kind, replica)
    assert (again.coverage.walked, again.coverage.unchanged) == (0, kind.many)


def test_a_storm_of_refusals_loses_nothing(known: Store, kind: OneHub, replica: Replica) -> None:
    replica.faults.add(Fault(Kind.BUSY, chance=0.3, seconds=20))
    replica.faults.add(Fault(Kind.ERROR, status=503, chance=0.1))
    assert walk(known, kind, replica).ended
    assert len(found(known)) == kind.many // 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.GARBAGE),
        Fault(Kind.WRONG_TYPE),
        Fault(Kind.ERROR, status=200),  # a page of HTML
        Fault(Kind.ERROR, status=500),
        Fault(Kind.ERROR, status=403),
        Fault(Kind.INFLATED),
        Fault(Kind.TRUNCATED),
        Fault(Kind.RESET),
        Fault(Kind.BUSY, seconds=5),
    ],
    ids=lambda fault: f"{fault.kind.name.lower()}-{fault.status}",
)
@pytest.mark.parametrize("spared", [0, 2])
def test_whatever_it_answers_the_scan_ends_in_one_line(
    known: Store, kind: OneHub, tmp_path: Path, fault: Fault, spared: int
) -> None:
    """From the first answer on, or from the third."""
    with kind.served(FEW, tmp_path / "served") as replica:
        replica.faults.add(replace(fault, after=spared))
        try:
            outcome = walk(known, kind, replica, FEW, pace=IMPATIENT, attempts=2)
        except HubError as e:
            said = str(e)
        else:
            said = str(outcome.stopped or "")
            assert said or outcome.coverage.skipped or spared >= replica.journal.total
        assert "\n" not in said
        assert len(said) < 300
        assert not any(digest_of(number).hex() in said for number in range(FEW))
        assert "lora" not in said.lower()
        assert replica.journal.total < 60 * FEW
        # What was found stays; when the hub is itself again, the rest is found.
        before = found(known)
        replica.faults.clear()
        walk(known, kind, replica, FEW)
    assert found(known).items() >= before.items()
    assert len(found(known)) == FEW // 2
