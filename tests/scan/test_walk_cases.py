"""Every way a removal comes back, seen by one walk over the whole hub."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from replica.faults import Fault, Kind
from replica.sample import sample_world
from replica.server import Replica
from replica.world import Case, World
from sqlalchemy import select
from tests import removals_made
from tests.fresh_store import fresh_store
from tests.scan.walking import KEYRING, fill, seen_at, walk_hub

from reseen.hubs.hub import WantedRepositories
from reseen.hubs.huggingface import HuggingFace
from reseen.observed import commit_habits, commit_messages, sightings
from reseen.records import Confirmed, Coverage, Digest, DigestKind, Names, RemovedFile, Rung
from reseen.scan.target import Confirm, Options, Target
from reseen.store.database import Store
from reseen.store.schema import artifacts, repositories

FULL = Options(confirm=Confirm.FULL, refs=True)
CASES = sample_world().cases
Found = dict[tuple[str, str, str, str | None, str], Rung]


class Walked:
    """A world that was walked to its end."""

    def __init__(self, world: World, folder: Path, name: str) -> None:
        self.store = Store(fresh_store(folder / f"{name}.db"))
        self.ids = fill(self.store, world)

    def walk(self, endpoint: str, options: Options) -> Coverage:
        outcome = walk_hub(self.store, endpoint, options=options)
        assert outcome.ended
        self.found = seen_at(self.store)
        return outcome.coverage

    def rung(self, case: Case) -> Rung | None:
        place = (self.ids[case.removal], case.type, case.repo, case.ref, case.path)
        return self.found.get(place)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    world = sample_world()
    walked = Walked(world, tmp_path_factory.mktemp("full"), "full")
    with Replica(world) as hub:
        walked.walk(hub.endpoint, FULL)
    yield walked
    walked.store.close()


def test_shapes_of_messages_are_kept_where_a_history_was_asked_for(full: Walked) -> None:
    with full.store.read() as connection:
        query = select(repositories.c.pk).where(repositories.c.repo == "account-07/cleaned-up")
        (pk,) = connection.scalars(query)
        told = commit_habits.of_repositories(connection, [pk])[pk]
    titles = ("initial", "Upload old", "Delete old")
    assert {one.message for one in told} == {
        commit_messages.kept(full.store.secret, title) for title in titles
    }
    assert all(one.at % commit_habits.HOUR == 0 for one in told)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.what}, {c.repo}")
def test_a_full_walk_sees(full: Walked, case: Case) -> None:
    expected = None if case.rung == "hint" else Rung.of(case.rung)
    if case.what.startswith("hash lied about"):
        expected = Rung.REFUTED  # every byte was read: the claim leaves the ladder
    assert full.rung(case) == expected


def test_a_full_walk_sees_nothing_else(full: Walked) -> None:
    places = {(full.ids[c.removal], c.type, c.repo, c.ref, c.path) for c in CASES}
    assert set(full.found) <= places


def test_a_lie_about_a_hash_is_told_as_one(full: Walked) -> None:
    liars = {c.repo for c in CASES if c.what.startswith("hash lied about")}
    with full.store.read() as connection:
        told = {s.repo: s.confirmed for s in sightings.every(connection) if s.repo in liars}
    assert told == dict.fromkeys(liars, Confirmed.CONTRADICTED)


def test_a_header_walk_of_main_sees_what_is_declared_there(tmp_path: Path) -> None:
    world = sample_world()
    walked = Walked(world, tmp_path, "header")
    with Replica(world) as hub:
        walked.walk(hub.endpoint, Options(follow=False))
    for case in CASES:
        visible = case.declared and case.ref == "main"
        rung = walked.rung(case)
        if not visible:
            assert rung is None, case.what
        else:
            # Reading a header never lifts a match.
            assert rung == (Rung.POINTER if case.rung == "pointer" else Rung.DECLARED), case.what
    walked.store.close()


STORMS = {
    "429": (Fault(Kind.BUSY, chance=0.2, seconds=0.02),),
    "errors": (Fault(Kind.ERROR, chance=0.1), Fault(Kind.ERROR, chance=0.1, status=503)),
    "broken off": (Fault(Kind.TRUNCATED, chance=0.1), Fault(Kind.RESET, chance=0.1)),
    "garbage": (Fault(Kind.GARBAGE, chance=0.1), Fault(Kind.WRONG_TYPE, route="tree", times=3)),
    "range ignored": (Fault(Kind.NO_RANGE),),
}


@pytest.mark.parametrize("storm", STORMS)
def test_a_storm_changes_nothing_that_is_found(tmp_path: Path, storm: str) -> None:
    world = sample_world()
    walked = Walked(world, tmp_path, "storm")
    with Replica(world) as hub, hub.faults.during(*STORMS[storm]):
        walked.walk(hub.endpoint, Options(refs=True, confirm=Confirm.NONE))
    for case in CASES:
        if case.declared and case.rung != "hint":
            assert walked.rung(case) is not None, case.what
    walked.store.close()


def test_one_among_five_thousand_files(tmp_path: Path) -> None:
    world = sample_world(crowd=5000)
    walked = Walked(world, tmp_path, "crowd")
    target = Target(repos=("account-30/many-files",))
    with Replica(world) as hub:
        outcome = walk_hub(walked.store, hub.endpoint, target, Options(follow=False))
    assert outcome.coverage.artifacts == 5000
    (found,) = outcome.sightings
    assert found.path == "part-z/last.bin"
    walked.store.close()


def test_no_token_follows_to_another_host(tmp_path: Path) -> None:
    world = sample_world()
    walked = Walked(world, tmp_path, "token")
    with Replica(world) as hub:
        outcome = walk_hub(walked.store, hub.endpoint, token="hf_sample")
        assert outcome.ended
        assert hub.journal.requests["cdn"]
        assert hub.journal.authorizations == {"hub": {"Bearer hf_sample"}, "cdn": set()}
    walked.store.close()


def test_what_is_walked_is_not_asked_for_again(tmp_path: Path) -> None:
    world = sample_world()
    walked = Walked(world, tmp_path, "again")
    with Replica(world) as hub:
        first = walked.walk(hub.endpoint, Options(follow=False))
        found = walked.found
        hub.journal.clear()
        second = walked.walk(hub.endpoint, Options(follow=False))
        assert hub.journal.requests["tree"] == 0
    assert first.walked > 0
    assert (second.walked, second.unchanged) == (0, first.walked)
    assert walked.found == found
    walked.store.close()


def test_the_same_walk_sees_itself_at_a_hub_from_the_environment(
    live: tuple[str, str | None], tmp_path: Path
) -> None:
    """Takes a file that the hub lists, calls it removed, and finds it."""
    find_itself(*live, tmp_path)


def test_the_same_walk_sees_itself_at_the_replica(tmp_path: Path) -> None:
    with Replica(sample_world()) as hub:
        find_itself(hub.endpoint, None, tmp_path)


def find_itself(endpoint: str, token: str | None, folder: Path) -> None:
    with Store(fresh_store(folder / "first.db")) as store:
        repos = asyncio.run(some_repositories(endpoint, token))
        unread = Options(confirm=Confirm.NONE)
        walk_hub(store, endpoint, Target(repos=repos), unread, token=token)
        query = (
            select(artifacts.c.sha256, artifacts.c.size, artifacts.c.path, repositories.c.repo)
            .join(repositories, repositories.c.pk == artifacts.c.repository_pk)
            .where(artifacts.c.sha256.is_not(None), artifacts.c.size > 0)
        )
        with store.read() as connection:
            sha256, size, path, repo = connection.execute(query.limit(1)).one()
    removed = RemovedFile((Digest(DigestKind.SHA256, sha256),), size=size)
    with Store(fresh_store(folder / "second.db")) as store:
        with store.write() as connection:
            removals_made.insert(
                connection,
                KEYRING,
                [removals_made.NewRemoval("sample", None, None, Names(), (removed,))],
            )
        once = Options(follow=False)
        outcome = walk_hub(store, endpoint, Target(repos=(repo,)), once, token=token)
        assert path in {each.path for each in outcome.sightings}
        assert {each.rung for each in outcome.sightings} == {Rung.DECLARED}


async def some_repositories(endpoint: str, token: str | None) -> tuple[str, ...]:
    async with HuggingFace(endpoint, token) as hub:
        listed = await hub.list_repositories(WantedRepositories(), None)
        return tuple(r.id for r in listed.repositories if r.sha and r.paths)[:10]
