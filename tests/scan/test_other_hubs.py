"""Hubs that speak the Hub's API and are others: what they refuse, and what they call things."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from replica.faults import Fault, Kind
from replica.http import Answer, Request
from replica.server import Answering, Replica
from replica.world import EPOCH, Repo, World, lfs, plain
from tests.replica.olah_hub import OlahHub
from tests.scan.walking import ALL, QUICK, fill, seen_at, walk_hub

from replica import kohaku, routes
from reseen.errors import HubError
from reseen.hubs.hub import CUT, NOT_ALL_REFS
from reseen.observed import sightings
from reseen.records import RepoType, Rung, SightingState
from reseen.scan import priorities
from reseen.scan.left_out import left_out, recorded
from reseen.scan.target import Confirm, Options, Target
from reseen.store.database import Store

QUIETLY = Options(confirm=Confirm.NONE)


@pytest.fixture
def kohakuhub(world: World) -> Iterator[Replica]:
    with Replica(world, answer=kohaku.answer) as replica:
        yield replica


@pytest.mark.parametrize(
    "target",
    [
        ALL,
        Target(authors=("account-01", "account-02")),
        Target(since=EPOCH - timedelta(days=1)),
    ],
)
def test_a_hub_that_refuses_order_and_fields_is_listed_all_the_same(
    store: Store, world: World, kohakuhub: Replica, target: Target
) -> None:
    ids = fill(store, world)
    outcome = walk_hub(store, kohakuhub.endpoint, target, QUIETLY)
    assert outcome.ended
    assert priorities.UNLISTED not in outcome.coverage.skipped
    found = seen_at(store)
    wanted = [
        c
        for c in world.cases
        if c.ref == "main" and c.declared and c.rung == "bytes" and RepoType(c.type) in target.types
        if not target.authors or c.repo.split("/")[0] in target.authors
    ]
    assert wanted
    for case in wanted:
        place = (ids[case.removal], case.type, case.repo, "main", case.path)
        assert place in found, case.what


def test_what_is_older_than_since_is_left_out_where_there_is_no_order(
    store: Store, world: World, kohakuhub: Replica
) -> None:
    fill(store, world)
    late = EPOCH + timedelta(days=400)
    outcome = walk_hub(store, kohakuhub.endpoint, Target(since=late), QUIETLY)
    assert outcome.coverage.walked == 0
    repo = world.repositories["model", "account-01/LORA"]
    repo.commit(dict(repo.at("main").files), date=late)  # type: ignore[union-attr]
    outcome = walk_hub(store, kohakuhub.endpoint, Target(since=late), Options(follow=False))
    assert outcome.coverage.walked == 1


def test_a_commit_with_two_names_is_walked_once(
    store: Store, world: World, kohakuhub: Replica
) -> None:
    """By name it is called by 40 digits, in refs and lists by 64."""
    fill(store, world)
    for target in (
        Target(repos=("account-01/Test", "account-01/LORA")),
        Target(authors=("account-01",)),
    ):
        outcome = walk_hub(store, kohakuhub.endpoint, target, Options(Confirm.NONE, refs=True))
        assert outcome.coverage.walked <= outcome.coverage.listed
    before = kohakuhub.journal.requests["tree"]
    walk_hub(store, kohakuhub.endpoint, Target(authors=("account-01",)), QUIETLY)
    assert kohakuhub.journal.requests["tree"] == before


def test_a_list_of_exactly_as_many_as_were_asked_for_may_be_cut(
    store: Store, world: World, kohakuhub: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reseen.hubs.repository_lists.USUAL_PAGES", (5,))
    monkeypatch.setattr("replica.kohaku.USUAL", 5)
    monkeypatch.setattr("replica.kohaku.LONGEST", 5)
    outcome = walk_hub(store, kohakuhub.endpoint, Target(everything=True), QUIETLY)
    assert outcome.coverage.skipped[CUT] == 1
    with store.read() as connection:
        reasons = [each.reason for each in recorded(connection, outcome.scan)]
    assert "may be cut at 5" in " ".join(reasons)


def test_an_account_that_cannot_be_listed_is_no_entry(
    store: Store, world: World, tmp_path: Path
) -> None:
    """Found by name at a hub whose lists are no JSON; the account is followed, and cannot be."""
    fill(store, world)
    small = World()
    small.repositories = {
        key: repo for key, repo in world.repositories.items() if key[1] == "account-01/LORA"
    }
    with OlahHub(small, tmp_path) as olah:
        target = Target(repos=("account-01/LORA", "account-01/missing"))
        outcome = walk_hub(store, olah.endpoint, target, QUIETLY, attempts=1)
        skipped = outcome.coverage.skipped
        assert priorities.UNLISTED not in skipped
        assert skipped[priorities.NO_ACCOUNT] == 1
        assert skipped[priorities.NO_REPOSITORY] == 1
        with pytest.raises(HubError, match="/api/models") as caught:
            walk_hub(store, olah.endpoint, Target(everything=True), QUIETLY, attempts=1)
        assert caught.value.remedy is not None
        assert "--repos" in caught.value.remedy


def test_a_history_that_cannot_be_had_is_counted(
    store: Store, world: World, replica: Replica
) -> None:
    fill(store, world)
    fault = Fault(Kind.GARBAGE, route="commits", containing="account-01/LORA")
    with replica.faults.during(fault):
        outcome = walk_hub(store, replica.endpoint, Target(repos=("account-01/LORA",)), QUIETLY)
    assert outcome.coverage.skipped == {NOT_ALL_REFS: 1}


def test_a_copy_deep_in_a_long_history_is_found(
    store: Store, world: World, replica: Replica
) -> None:
    ids = fill(store, world)
    repo = world.add(Repo("account-80/long"))
    repo.commit({"README.md": plain(b"first")})
    repo.commit({"a.safetensors": lfs(world.removal(1).data)})
    repo.commit({"a.safetensors": None})
    for number in range(120):
        repo.commit({"README.md": plain(b"%d" % number)})
    walk_hub(store, replica.endpoint, Target(repos=(repo.id,)), Options(Confirm.NONE, refs=True))
    assert (ids[1], "model", repo.id, None, "a.safetensors") in seen_at(store)


def test_a_private_repository_there_is_gone_for_nobody_without_a_token(
    store: Store, world: World, kohakuhub: Replica
) -> None:
    from tests.scan.test_recheck import TOKEN, ask

    fill(store, world)
    repo = world.repositories["model", "account-01/LORA"]
    repo.private, repo.readers = True, {"account-reader"}
    walk_hub(store, kohakuhub.endpoint, Target(repos=(repo.id,)), QUIETLY, token=TOKEN)
    for _ in range(2):
        ask(store, kohakuhub)
    assert {s.state for s in _of(store, repo.id)} == {SightingState.UNREACHABLE}
    world.remove("model", repo.id)
    for _ in range(2):
        ask(store, kohakuhub, TOKEN)
    assert {s.state for s in _of(store, repo.id)} == {SightingState.GONE}


def _of(store: Store, repo: str) -> list[sightings.Sighting]:
    with store.read() as connection:
        return list(sightings.every(connection, sightings.SightingFilter(repo=repo)))


def test_paths_with_tabs_and_ends_of_lines_are_looked_at_and_read(
    store: Store, world: World, replica: Replica
) -> None:
    ids = fill(store, world)
    repo = world.add(Repo("account-80/odd"))
    paths = ("a\tb.safetensors", "dir\n/x y.bin", "r\r\n")
    repo.commit({path: lfs(world.removal(n).data) for n, path in enumerate(paths, 1)})
    full = Options(Confirm.FULL, follow=False)
    walk_hub(store, replica.endpoint, Target(repos=(repo.id,)), full)
    found = seen_at(store)
    for n, path in enumerate(paths, 1):
        assert found[ids[n], "model", repo.id, "main", path] == Rung.BYTES


def test_an_old_repository_without_an_owner_is_found_by_its_name(
    store: Store, world: World, replica: Replica
) -> None:
    ids = fill(store, world)
    world.moved["model", "old-name"] = "account-01/LORA"
    walk_hub(store, replica.endpoint, Target(repos=("old-name",)), Options(follow=False))
    assert {(r, repo) for r, _, repo, _, _ in seen_at(store)} == {(ids[1], "account-01/LORA")}


FEW = Target(authors=("account-01",))


def answering(change: Callable[[str, Request, Answer], Answer]) -> Answering:
    """The Hub's answers, changed: by route."""

    def answer(
        world: World, request: Request, route: str, parts: Mapping[str, str], own: str, cdn: str
    ) -> Answer:
        return change(route, request, routes.answer(world, request, route, parts, own, cdn))

    return answer


def without(answer: Answer, *names: str) -> Answer:
    value = json.loads(answer.body)
    for entry in value if isinstance(value, list) else [value]:
        for name in names:
            entry.pop(name, None)
    return Answer(answer.status, answer.headers, json.dumps(value).encode())


@pytest.mark.parametrize("refuses", [True, False])
def test_a_list_that_names_no_commits_hides_nothing(
    store: Store, world: World, refuses: bool
) -> None:
    """As the Hub's own list is where no fields are asked for: each is looked up."""

    def change(route: str, request: Request, answer: Answer) -> Answer:
        if route != "list":
            return answer
        if refuses and request.many("expand"):
            return Answer(400)
        return without(answer, "sha", "author", "lastModified", "siblings", "usedStorage")

    ids = fill(store, world)
    with Replica(world, answer=answering(change)) as plain_lists:
        outcome = walk_hub(store, plain_lists.endpoint, FEW, QUIETLY)
    assert outcome.coverage.walked == outcome.coverage.listed
    assert (ids[1], "model", "account-01/LORA") in {place[:3] for place in seen_at(store)}


def test_a_repository_whose_commit_only_its_refs_say_is_looked_at_and_stays_live(
    store: Store, world: World
) -> None:
    from tests.scan.test_recheck import ask

    no_refs = no_trees = False

    def change(route: str, request: Request, answer: Answer) -> Answer:
        if (route == "refs" and no_refs) or (route == "tree" and no_trees):
            return Answer(404)
        return without(answer, "sha") if route in ("info", "list") else answer

    fill(store, world)
    repo = "account-01/LORA"
    with Replica(world, answer=answering(change)) as hub:
        walk_hub(store, hub.endpoint, Target(repos=(repo,)), Options(Confirm.NONE, follow=False))
        assert {s.state for s in _of(store, repo)} == {SightingState.LIVE}
        paths = {s.path for s in _of(store, repo)}
        for _ in range(2):
            ask(store, hub)
        assert {s.state for s in _of(store, repo)} == {SightingState.LIVE}
        no_refs = True
        for _ in range(2):
            ask(store, hub)
        # It says no commit, and lists what main leads to.
        assert {s.state for s in _of(store, repo)} == {SightingState.LIVE}
        no_trees = True
        for _ in range(2):
            ask(store, hub)
        # It is there: what its main line holds is not known.
        assert {s.state for s in _of(store, repo)} == {SightingState.UNREACHABLE}
        no_trees = False
        world.repositories["model", repo].commit({"a.txt": plain(b"x"), **dict.fromkeys(paths)})
        for _ in range(2):
            ask(store, hub)
    assert {s.state for s in _of(store, repo)} == {SightingState.GONE}


def lacking(*types: str, status: int = 404) -> Answering:
    """A hub whose lists of these types are not there."""

    def change(route: str, request: Request, answer: Answer) -> Answer:
        lacked = any(request.path.startswith(f"/api/{type}") for type in types)
        return Answer(status) if route == "list" and lacked else answer

    return answering(change)


@pytest.mark.parametrize("target", [ALL, dataclasses.replace(FEW, types=tuple(RepoType))])
def test_the_types_that_are_there_are_looked_at_and_the_others_are_named(
    store: Store, world: World, target: Target
) -> None:
    ids = fill(store, world)
    with Replica(world, answer=lacking("spaces", "datasets")) as hub:
        outcome = walk_hub(store, hub.endpoint, target, QUIETLY)
        again = walk_hub(store, hub.endpoint, target, QUIETLY)
    assert (ids[1], "model", "account-01/LORA") in {place[:3] for place in seen_at(store)}
    for each in (outcome, again):
        assert each.ended
        assert priorities.NO_ACCOUNT not in each.coverage.skipped
        with store.read() as connection:
            left = left_out(connection, each, target)
        assert left.lacked == tuple(
            priorities.LACKED[type] for type in (RepoType.DATASET, RepoType.SPACE)
        )
        assert left.reasons == left.refused_accounts == {}


@pytest.mark.parametrize("status", [403, 418, 404])
def test_a_hub_of_which_nothing_can_be_listed_is_an_error(
    store: Store, world: World, status: int
) -> None:
    hub = lacking("models", "spaces", "datasets", status=status)
    with Replica(world, answer=hub) as there, pytest.raises(HubError):
        walk_hub(store, there.endpoint, ALL, QUIETLY)


def test_a_type_that_cannot_be_listed_leaves_the_others(store: Store, world: World) -> None:
    ids = fill(store, world)
    with Replica(world, answer=lacking("datasets", status=418)) as hub:
        outcome = walk_hub(store, hub.endpoint, ALL, QUIETLY)
    assert (ids[1], "model", "account-01/LORA") in {place[:3] for place in seen_at(store)}
    with store.read() as connection:
        left = left_out(connection, outcome, ALL)
    assert left.reasons[priorities.NO_TYPE[RepoType.DATASET]] == 1
    assert left.lacked == ()


def test_a_hub_that_stays_in_trouble_is_said_to(store: Store, world: World) -> None:
    broken = answering(lambda route, request, answer: Answer(500))
    with Replica(world, answer=broken) as hub:
        outcome = walk_hub(
            store, hub.endpoint, ALL, QUIETLY, pace=dataclasses.replace(QUICK, patience=0.1)
        )
    assert not outcome.ended
    assert "status 500" in str(outcome.stopped)


def by_name(*, says_commits: bool) -> Answering:
    """A hub that lists and hands out what a branch's name leads to, and no commit."""

    def change(route: str, request: Request, answer: Answer) -> Answer:
        named = "/main" in request.path
        if route in ("tree", "resolve") and not named:
            return Answer(404)
        if says_commits:
            return answer
        if route == "refs":
            return Answer(404)
        return without(answer, "sha") if route in ("info", "list") else answer

    return answering(change)


@pytest.mark.parametrize("says_commits", [True, False])
def test_a_hub_that_lists_by_name_is_read_by_name(
    store: Store, world: World, says_commits: bool
) -> None:
    ids = fill(store, world)
    full = Options(Confirm.FULL, follow=False)
    target = Target(repos=("account-01/LORA",))
    with Replica(world, answer=by_name(says_commits=says_commits)) as hub:
        outcome = walk_hub(store, hub.endpoint, target, full)
        place = next(
            place for place in seen_at(store) if place[:3] == (ids[1], "model", target.repos[0])
        )
        assert seen_at(store)[place] == Rung.BYTES
        assert {s.revision for s in _of(store, "account-01/LORA")} == {"main"}
        with store.read() as connection:
            assert left_out(connection, outcome, target).reasons == {}
            said = [each.reason for each in recorded(connection, outcome.scan)]
        assert any("hub" in each and "commit" in each for each in said)
        trees = hub.journal.requests["tree"]
        walk_hub(store, hub.endpoint, target, full)
        # The commit is remembered where it is known to be that, and not otherwise.
        assert (hub.journal.requests["tree"] == trees) == says_commits


def test_a_repository_that_only_its_refs_know_is_asked_for_those_alone(
    store: Store, world: World
) -> None:
    fill(store, world)
    no_sha = answering(
        lambda route, request, answer: without(answer, "sha") if route == "info" else answer
    )
    with Replica(world, answer=no_sha) as hub:
        target = Target(repos=("account-01/LORA",))
        walk_hub(store, hub.endpoint, target, Options(Confirm.NONE, follow=False))
        assert hub.journal.requests["refs"] == 1
        assert hub.journal.requests["commits"] == 0
