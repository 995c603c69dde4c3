"""Known sightings revisited: live, gone after two answers, disabled, unreachable."""

from __future__ import annotations

from pathlib import Path

import pytest
from replica.faults import Fault, Kind
from replica.server import Replica
from replica.world import World, lfs
from tests.scan.walking import Hasty, fill, walk_hub

from reseen.hubs.http import ClientOptions
from reseen.hubs.huggingface import HuggingFace
from reseen.observed import sightings
from reseen.records import SightingState
from reseen.scan.recheck import Change, recheck
from reseen.scan.target import Confirm, Options, Target
from reseen.store.database import Store

SOME = Target(authors=("account-01", "account-02", "account-06", "account-07"))
QUIETLY = Options(confirm=Confirm.NONE, refs=True)


@pytest.fixture
def walked(store: Store, world: World, replica: Replica) -> Store:
    fill(store, world)
    walk_hub(store, replica.endpoint, SOME, QUIETLY)
    return store


def ask(store: Store, replica: Replica) -> list[Change]:
    def hub() -> HuggingFace:
        clock = Hasty()
        return HuggingFace(
            replica.endpoint, None, ClientOptions(attempts=2, clock=clock, sleep=clock.sleep)
        )

    told: list[Change] = []
    rechecked = recheck(store, hub, told=told.append)
    assert tuple(told) == rechecked.changes
    assert rechecked.asked == sum(rechecked.states.values())
    assert not rechecked.stopped
    return told


def states(store: Store) -> dict[str, set[SightingState]]:
    found: dict[str, set[SightingState]] = {}
    with store.read() as connection:
        for each in sightings.every(connection):
            found.setdefault(each.repo, set()).add(each.state)
    return found


def test_what_stands_is_live_and_nothing_is_read(walked: Store, replica: Replica) -> None:
    replica.journal.clear()
    assert ask(walked, replica) == []
    assert set.union(*states(walked).values()) == {SightingState.LIVE}
    assert replica.journal.requests["resolve"] == 0
    assert replica.journal.downloads == 0


def test_gone_after_two_answers_that_say_so(walked: Store, world: World, replica: Replica) -> None:
    world.remove("model", "account-01/LORA")
    world.repositories["model", "account-01/Test"].commit({"loras/new/a.bin": None}, "Delete")
    pull = world.repositories["model", "account-06/empty"]
    del pull.refs["refs/pr/1"]
    assert ask(walked, replica) == []
    changes = ask(walked, replica)
    assert {(c.sighting.repo, c.was, c.sighting.state) for c in changes} == {
        ("account-01/LORA", SightingState.LIVE, SightingState.GONE),
        ("account-01/Test", SightingState.LIVE, SightingState.GONE),
        ("account-06/empty", SightingState.LIVE, SightingState.GONE),
    }
    # What stands in the history only is still there.
    assert states(walked)["account-07/cleaned-up"] == {SightingState.LIVE}


def test_one_answer_is_forgotten_when_the_next_says_otherwise(
    walked: Store, world: World, replica: Replica
) -> None:
    repo = world.repositories["model", "account-01/Test"]
    blob = lfs(world.removal(4).data)
    repo.commit({"loras/new/a.bin": None})
    ask(walked, replica)
    repo.commit({"loras/new/a.bin": blob})
    ask(walked, replica)
    repo.commit({"loras/new/a.bin": None})
    ask(walked, replica)
    assert states(walked)[repo.id] == {SightingState.LIVE}
    ask(walked, replica)
    assert states(walked)[repo.id] == {SightingState.GONE}
    repo.commit({"loras/new/a.bin": blob})
    (change,) = ask(walked, replica)
    assert (change.was, change.sighting.state) == (SightingState.GONE, SightingState.LIVE)


def test_other_content_at_the_same_path_is_another_file(
    walked: Store, world: World, replica: Replica
) -> None:
    world.repositories["model", "account-01/LORA"].commit(
        {"LORA.safetensors": lfs(b"something else" * 1000)}
    )
    ask(walked, replica)
    (change,) = ask(walked, replica)
    assert change.sighting.repo == "account-01/LORA"
    assert change.sighting.state is SightingState.GONE


def test_a_repository_that_became_gated_is_still_the_same(
    walked: Store, world: World, replica: Replica
) -> None:
    world.repositories["model", "account-01/LORA"].gated = "manual"
    ask(walked, replica)
    assert ask(walked, replica) == []
    assert states(walked)["account-01/LORA"] == {SightingState.LIVE}


def test_disabled_at_once(walked: Store, world: World, replica: Replica) -> None:
    world.repositories["model", "account-02/backup"].disabled = True
    changes = ask(walked, replica)
    assert {c.sighting.state for c in changes} == {SightingState.DISABLED}
    assert {c.sighting.repo for c in changes} == {"account-02/backup"}


def test_a_hub_that_is_away_makes_nothing_gone(walked: Store, replica: Replica) -> None:
    with replica.faults.during(Fault(Kind.ERROR)):
        ask(walked, replica)
        ask(walked, replica)
    assert set.union(*states(walked).values()) == {SightingState.UNREACHABLE}
    ask(walked, replica)
    assert set.union(*states(walked).values()) == {SightingState.LIVE}


def test_nothing_to_recheck_asks_nothing(store: Store, replica: Replica, tmp_path: Path) -> None:
    assert ask(store, replica) == []
    assert replica.journal.total == 0
