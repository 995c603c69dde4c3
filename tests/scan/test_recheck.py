"""Known sightings revisited: live, gone after two answers, disabled, unreachable."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from replica.faults import Fault, Kind
from replica.server import Replica
from replica.world import Repo, World, lfs
from sqlalchemy import select, update
from tests.scan.walking import Hasty, fill, walk_hub

from reseen.hubs.client_options import ClientOptions
from reseen.hubs.huggingface import HuggingFace
from reseen.observed import sightings
from reseen.records import Sighting, SightingState
from reseen.scan.recheck import Change, recheck
from reseen.scan.target import Confirm, Options, Target
from reseen.store.database import Store
from reseen.store.schema import repositories as repositories_
from reseen.store.schema import sightings as sightings_

SOME = Target(authors=("account-01", "account-02", "account-06", "account-07"))
TOKEN = "hf_sample"
QUIETLY = Options(confirm=Confirm.NONE, refs=True)


@pytest.fixture
def walked(store: Store, world: World, replica: Replica) -> Store:
    fill(store, world)
    walk_hub(store, replica.endpoint, SOME, QUIETLY)
    return store


def ask(
    store: Store,
    replica: Replica,
    token: str | None = None,
    gone_after: timedelta = timedelta(0),
) -> list[Change]:
    def hub() -> HuggingFace:
        clock = Hasty()
        return HuggingFace(
            replica.endpoint, token, ClientOptions(attempts=2, clock=clock, sleep=clock.sleep)
        )

    told: list[Change] = []
    rechecked = recheck(store, hub, on_change=told.append, gone_after=gone_after)
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
    assert ask(walked, replica, TOKEN) == []
    changes = ask(walked, replica, TOKEN)
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


DAY = timedelta(days=1)
UNREACHABLE, GONE, LIVE = (
    SightingState.UNREACHABLE,
    SightingState.GONE,
    SightingState.LIVE,
)


def told(store: Store, repo: str) -> dict[SightingState, str]:
    with store.read() as connection:
        which = sightings.SightingFilter(repo=repo)
        return {each.state: each.state_note for each in sightings.every(connection, which)}


@pytest.mark.parametrize("how", ["deleted", "made private"])
def test_what_strangers_are_refused_is_gone_after_two_such_answers_a_day_apart(
    walked: Store, world: World, replica: Replica, how: str
) -> None:
    repo = world.repositories["model", "account-01/LORA"]
    if how == "deleted":
        world.remove("model", repo.id)
    else:
        repo.private = True
    assert {c.sighting.state for c in ask(walked, replica, gone_after=DAY)} == {UNREACHABLE}
    for _ in range(3):  # the same day
        assert ask(walked, replica, gone_after=DAY) == []
    assert "perhaps" in told(walked, repo.id)[UNREACHABLE]
    with walked.write() as connection:  # a day goes by
        connection.execute(
            update(sightings_).values(hidden_at=sightings_.c.hidden_at - 86_400_000_000)
        )
    assert {c.sighting.state for c in ask(walked, replica, gone_after=DAY)} == {GONE}
    assert "deleted or made private" in told(walked, repo.id)[GONE]
    assert states(walked)["account-01/Test"] == {LIVE}
    # And it is taken back when it answers again.
    repo.private = False
    world.add(repo)
    assert {c.sighting.state for c in ask(walked, replica, gone_after=DAY)} == {LIVE}
    assert told(walked, repo.id) == {LIVE: ""}


def test_a_hub_that_refuses_every_stranger_makes_nothing_gone(
    walked: Store, world: World, replica: Replica
) -> None:
    """A proxy that wants a password, or a hub that closed its doors: nothing public answers."""
    for repo in world.repositories.values():
        repo.private = True
    for _ in range(3):
        ask(walked, replica)
    assert set.union(*states(walked).values()) == {UNREACHABLE}
    for repo in world.repositories.values():
        repo.private = False
    ask(walked, replica)
    assert set.union(*states(walked).values()) == {LIVE}


def test_what_a_token_found_is_not_gone_because_a_stranger_does_not_see_it(
    store: Store, world: World, replica: Replica
) -> None:
    fill(store, world)
    repo = world.repositories["model", "account-01/LORA"]
    repo.private, repo.readers = True, {"account-reader"}
    walk_hub(store, replica.endpoint, Target(repos=(repo.id,)), QUIETLY, token=TOKEN)
    assert states(store)[repo.id] == {LIVE}
    for _ in range(3):
        ask(store, replica)
    assert states(store)[repo.id] == {UNREACHABLE}
    ask(store, replica, TOKEN)
    assert states(store)[repo.id] == {LIVE}
    world.remove("model", repo.id)
    ask(store, replica)
    ask(store, replica, TOKEN)
    ask(store, replica, TOKEN)
    assert states(store)[repo.id] == {GONE}


OTHER = "hf_other"
"""Another token: of an account that is shown nothing private."""


@pytest.fixture
def private(store: Store, world: World, replica: Replica) -> Repo:
    """What only the account of one token is shown, and was found with it."""
    fill(store, world)
    world.tokens[OTHER] = "account-other"
    repo = world.repositories["model", "account-01/LORA"]
    repo.private, repo.readers = True, {"account-reader"}
    walk_hub(store, replica.endpoint, Target(repos=(repo.id,)), QUIETLY, token=TOKEN)
    assert states(store)[repo.id] == {LIVE}
    return repo


def test_what_a_token_found_is_not_gone_because_another_does_not_see_it(
    store: Store, world: World, replica: Replica, private: Repo
) -> None:
    for token in (OTHER, None, OTHER, OTHER, None):
        ask(store, replica, token)
        walk_hub(store, replica.endpoint, Target(repos=(private.id,)), QUIETLY, token=token)
        assert states(store)[private.id] == {UNREACHABLE}
    ask(store, replica, TOKEN)
    assert states(store)[private.id] == {LIVE}
    world.remove("model", private.id)
    for token in (TOKEN, OTHER, None):
        ask(store, replica, token)
    assert states(store)[private.id] == {UNREACHABLE}  # one answer that counts
    ask(store, replica, TOKEN)
    assert states(store)[private.id] == {GONE}
    for token in (OTHER, None):  # and that stays
        ask(store, replica, token)
    assert states(store)[private.id] == {GONE}


def test_a_token_that_sees_it_too_can_say_later_that_it_is_gone(
    store: Store, world: World, replica: Replica, private: Repo
) -> None:
    private.readers.add("account-other")
    ask(store, replica, OTHER)
    world.remove("model", private.id)
    for _ in range(2):
        ask(store, replica, TOKEN)
    assert states(store)[private.id] == {UNREACHABLE}  # whom it was shown last is not this one
    for _ in range(2):
        ask(store, replica, OTHER)
    assert states(store)[private.id] == {GONE}


def test_what_was_made_private_after_it_was_found_is_its_readers_to_tell(
    walked: Store, world: World, replica: Replica
) -> None:
    """Found by a stranger; its owner hides it, and one token still sees it."""
    world.tokens[OTHER] = "account-other"
    repo = world.repositories["model", "account-01/LORA"]
    repo.private, repo.readers = True, {"account-reader"}
    ask(walked, replica, TOKEN)
    for token in (OTHER, OTHER, None, None):
        ask(walked, replica, token)
    assert states(walked)[repo.id] == {UNREACHABLE}
    # Open again: everybody's word counts.
    repo.private = False
    ask(walked, replica, OTHER)
    world.remove("model", repo.id)
    for _ in range(2):
        ask(walked, replica, TOKEN)
    assert states(walked)[repo.id] == {GONE}


def test_of_a_private_find_of_before_nobody_knows_whose_word_counts(
    store: Store, world: World, replica: Replica, private: Repo
) -> None:
    """An older release did not keep who saw it: seen again, it is known."""
    with store.write() as connection:
        connection.execute(update(repositories_).values(seen_as=None))
    for token in (OTHER, OTHER, None):
        ask(store, replica, token)
    assert states(store)[private.id] == {UNREACHABLE}
    ask(store, replica, TOKEN)
    world.remove("model", private.id)
    for _ in range(2):
        ask(store, replica, TOKEN)
    assert states(store)[private.id] == {GONE}


def test_no_token_stands_in_the_store(
    store: Store, world: World, replica: Replica, private: Repo
) -> None:
    with store.read() as connection:
        (kept,) = connection.scalars(
            select(repositories_.c.seen_as).where(repositories_.c.seen_as.is_not(None))
        )
    assert len(kept) == 16
    assert kept not in TOKEN.encode()


@pytest.mark.parametrize("first", ["recheck", "scan"])
@pytest.mark.parametrize("new", ["account-01/Other", "account-90/moved"])
def test_a_renamed_repository_is_one_sighting_that_moved(
    walked: Store, world: World, replica: Replica, first: str, new: str
) -> None:
    """Nested files too, and whatever comes first: asking after it, or a scan of the new name."""
    before = {id for id, s in by_id(walked).items() if s.repo == "account-01/Test"}
    assert any("/" in by_id(walked)[id].path for id in before)
    world.rename("model", "account-01/Test", new)
    if first == "recheck":
        assert ask(walked, replica) == []
    walk_hub(walked, replica.endpoint, Target(repos=(new,)), QUIETLY)
    assert ask(walked, replica) == []
    assert ask(walked, replica) == []
    found = by_id(walked)
    assert {id for id, s in found.items() if s.repo == new} == before
    assert {found[id].state for id in before} == {LIVE}
    assert not [s for s in found.values() if s.repo == "account-01/Test"]
    # Somebody else takes the old name, with the same file.
    again = world.add(Repo("account-01/Test", made_as="another"))
    del world.moved["model", "account-01/Test"]
    again.commit(dict(world.repositories["model", new].at("main").files))  # type: ignore[union-attr]
    walk_hub(walked, replica.endpoint, Target(repos=(again.id,)), QUIETLY)
    taken = [s for s in by_id(walked).values() if s.repo == again.id]
    assert {s.state for s in taken} == {LIVE}
    assert not before & {s.id for s in taken}


def test_a_name_that_leads_to_another_repository_is_not_the_one_that_was_seen(
    walked: Store, world: World, replica: Replica
) -> None:
    files = dict(world.repositories["model", "account-01/LORA"].at("main").files)  # type: ignore[union-attr]
    world.remove("model", "account-01/LORA")
    world.add(Repo("account-90/LORA", made_as="another")).commit(files)
    world.moved["model", "account-01/LORA"] = "account-90/LORA"
    ask(walked, replica)
    ask(walked, replica)
    assert states(walked)["account-01/LORA"] == {GONE}


def test_two_rows_of_one_repository_that_moved_are_one_live_sighting(
    walked: Store, world: World, replica: Replica
) -> None:
    """A store from before hubs' own ids were kept: the new name was scanned as another."""
    with walked.write() as connection:
        connection.execute(update(repositories_).values(own_id=None))
    repo = world.rename("model", "account-01/LORA", "account-90/LORA")
    walk_hub(walked, replica.endpoint, Target(repos=(repo.id,)), QUIETLY)
    ask(walked, replica)
    ask(walked, replica)
    live = [s for s in by_id(walked).values() if "LORA" in s.repo and s.state is LIVE]
    assert {s.repo for s in live} == {repo.id}


def by_id(store: Store) -> dict[str, Sighting]:
    with store.read() as connection:
        return {each.id: each for each in sightings.every(connection)}


def test_disabled_and_still_answering_is_not_live(
    walked: Store, world: World, replica: Replica
) -> None:
    world.repositories["model", "account-01/LORA"].disabled = True
    ask(walked, replica, TOKEN)
    assert states(walked)["account-01/LORA"] == {SightingState.DISABLED}
