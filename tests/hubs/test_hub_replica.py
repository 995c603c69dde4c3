"""The same client against servers that answer over real sockets: our replica, and olah."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from replica.faults import Fault, Kind
from replica.quota import Quota
from replica.sample import sample_world
from replica.server import Replica
from replica.world import Repo, World
from tests.replica.olah_hub import OlahHub

from reseen.errors import HubBusy, HubDisabled, HubError, HubGarbage
from reseen.files.source import Range
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.hub import WantedRepositories
from reseen.hubs.huggingface import HuggingFace
from reseen.records import Artifact, RepoType

T = TypeVar("T")
TOKEN = "hf_sample"


class Clock:
    """Passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def use(endpoint: str, work: Callable[[HuggingFace], Awaitable[T]], token: str | None = None) -> T:
    clock = Clock()

    async def main() -> T:
        async with HuggingFace(
            endpoint, token, ClientOptions(clock=clock, sleep=clock.sleep)
        ) as hub:
            return await work(hub)

    return asyncio.run(main())


async def artifacts(hub: HuggingFace, repo: str, revision: str = "main") -> list[Artifact]:
    pages = hub.list_files(RepoType.MODEL, repo, revision, revision)
    return [artifact async for page in pages for artifact in page.artifacts]


async def first(hub: HuggingFace, repo: str = "account-01/Test") -> Artifact:
    return next(a for a in await artifacts(hub, repo) if a.lfs)


def repo_of(world: World, repo: str = "account-01/Test") -> Repo:
    return world.repositories["model", repo]


def bytes_of(world: World, artifact: Artifact) -> bytes:
    commit = repo_of(world, artifact.repo).at("main")
    assert commit is not None
    blob = commit.files[artifact.path]
    return blob.read(0, blob.size)


def test_every_repository_is_listed_and_every_oid_is_read(replica: Replica, world: World) -> None:
    async def work(hub: HuggingFace) -> None:
        for type in RepoType:
            page = await hub.list_repositories(WantedRepositories(type), None)
            assert page.cursor is None
            assert page.problems == ()
            listed = {repository.id: repository for repository in page.repositories}
            ours = {id: r for (t, id), r in world.repositories.items() if t == type.value}
            assert set(listed) <= set(ours)
            for id, repository in listed.items():
                assert repository.sha == ours[id].sha
                if repository.sha is None or repository.disabled:
                    continue
                async for files in hub.list_files(type, id, repository.sha, "main"):
                    assert files.problems == ()
                    commit = ours[id].at("main")
                    assert commit is not None
                    for artifact in files.artifacts:
                        blob = commit.files[artifact.path]
                        assert artifact.git_oid == bytes.fromhex(blob.git_oid)
                        assert artifact.size == blob.size
                        assert artifact.masked == (artifact.lfs and artifact.sha256 is None)

    use(replica.endpoint, work)


def test_a_file_on_another_host_is_read_without_the_token(replica: Replica, world: World) -> None:
    async def work(hub: HuggingFace) -> None:
        artifact = await first(hub)
        data = bytes_of(world, artifact)
        assert await hub.read(artifact, Range(8, 100)) == data[8:108]
        assert await hub.read(artifact, Range(len(data) - 5, 100)) == data[-5:]
        assert await hub.read(artifact, Range(len(data), 100)) == b""
        assert b"".join([piece async for piece in hub.stream(artifact, len(data))]) == data

    use(replica.endpoint, work, TOKEN)
    assert replica.journal.authorizations["hub"] == {f"Bearer {TOKEN}"}
    assert replica.journal.authorizations["cdn"] == set()
    assert "HEAD" not in {entry.method for entry in replica.journal.entries}


@pytest.mark.parametrize(
    "kind",
    [Kind.ERROR, Kind.RESET, Kind.TRUNCATED, Kind.GARBAGE, Kind.BUSY, Kind.HANG, Kind.SHORT_LENGTH],
)
def test_a_tree_that_fails_once_is_asked_for_again(replica: Replica, kind: Kind) -> None:
    async def work(hub: HuggingFace) -> int:
        with replica.faults.during(Fault(kind, route="tree", times=1)):
            return len(await artifacts(hub, "account-01/Test"))

    assert use(replica.endpoint, work) > 0
    assert replica.journal.requests["tree"] == 2


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Kind.ERROR, HubBusy),
        (Kind.RESET, HubBusy),
        (Kind.BUSY, HubBusy),
        (Kind.TRUNCATED, HubError),
        (Kind.GARBAGE, HubGarbage),
        (Kind.ENDLESS, HubGarbage),
        (Kind.INFLATED, HubGarbage),
    ],
)
def test_a_tree_that_fails_for_ever_is_an_error(
    replica: Replica, kind: Kind, error: type[HubError]
) -> None:
    async def work(hub: HuggingFace) -> None:
        with replica.faults.during(Fault(kind, route="tree")), pytest.raises(error):
            await artifacts(hub, "account-01/Test")

    use(replica.endpoint, work)


def test_a_tree_of_wrong_entries_is_all_problems(replica: Replica) -> None:
    async def work(hub: HuggingFace) -> None:
        with replica.faults.during(Fault(Kind.WRONG_TYPE, route="tree")):
            async for page in hub.list_files(RepoType.MODEL, "account-01/Test", "main", "main"):
                assert page.artifacts == ()
                assert len(page.problems) == 3

    use(replica.endpoint, work)


@pytest.mark.parametrize("kind", [Kind.RESET, Kind.TRUNCATED, Kind.ERROR])
def test_a_file_that_breaks_off_is_read_all_the_same(
    replica: Replica, world: World, kind: Kind
) -> None:
    async def work(hub: HuggingFace) -> None:
        artifact = await first(hub)
        data = bytes_of(world, artifact)
        with replica.faults.during(Fault(kind, route="cdn", times=2)):
            assert b"".join([piece async for piece in hub.stream(artifact, 1 << 30)]) == data
        with replica.faults.during(Fault(kind, route="cdn", times=2)):
            assert await hub.read(artifact, Range(0, 1000)) == data[:1000]

    use(replica.endpoint, work)


def test_a_range_that_is_ignored_is_read_no_further(replica: Replica, world: World) -> None:
    async def work(hub: HuggingFace) -> int:
        artifact = await first(hub)
        data = bytes_of(world, artifact)
        with replica.faults.during(Fault(Kind.NO_RANGE)):
            assert await hub.read(artifact, Range(10, 100)) == data[10:110]
        with replica.faults.during(Fault(Kind.WRONG_RANGE)), pytest.raises(HubGarbage):
            await hub.read(artifact, Range(10, 100))
        return hub.usage.bytes_read

    assert use(replica.endpoint, work) < 1 << 20


def test_a_redirect_of_the_api_takes_no_token_along(replica: Replica) -> None:
    async def work(hub: HuggingFace) -> None:
        with replica.faults.during(Fault(Kind.ELSEWHERE, route="tree")), pytest.raises(HubError):
            await artifacts(hub, "account-01/Test")

    use(replica.endpoint, work, TOKEN)
    assert replica.journal.authorizations["cdn"] == set()


def test_a_list_that_goes_round_is_left() -> None:
    world = sample_world(crowd=2500)
    crowd = next(id for _, id in world.repositories if len(_files(world, id)) > 2000)
    with Replica(world) as replica:
        assert use(replica.endpoint, lambda hub: _count(hub, crowd)) > 2000
        replica.faults.add(Fault(Kind.LOOP, route="tree"))

        async def loops(hub: HuggingFace) -> None:
            with pytest.raises(HubGarbage):
                await artifacts(hub, crowd)

        use(replica.endpoint, loops)


def _files(world: World, id: str) -> object:
    repo = world.repositories.get(("model", id))
    commit = repo.at("main") if repo else None
    return commit.files if commit else ()


async def _count(hub: HuggingFace, repo: str) -> int:
    return len(await artifacts(hub, repo))


def test_a_disabled_repository_is_said_to_be(replica: Replica, world: World) -> None:
    disabled = [id for (type, id), repo in world.repositories.items() if repo.disabled]
    assert disabled

    async def work(hub: HuggingFace) -> None:
        with pytest.raises(HubDisabled):
            await artifacts(hub, disabled[0])

    use(replica.endpoint, work)


def test_a_small_quota_is_kept(world: World) -> None:
    """The replica counts by a clock that stands still: what is used up stays used up."""
    quota = Quota(limits={"api": 30, "resolvers": 30, "pages": 30}, clock=lambda: 0.0)

    async def work(hub: HuggingFace) -> None:
        asks = [hub.repository(RepoType.MODEL, "account-01/Test") for _ in range(30)]
        await asyncio.gather(*asks)
        assert hub.usage.quota_left["api"] == 0

    with Replica(world, quota=quota) as replica:
        use(replica.endpoint, work)
        assert quota.refused == 0
        assert replica.journal.requests["info"] == 30


def test_pull_requests_and_history_are_found(replica: Replica, world: World) -> None:
    async def work(hub: HuggingFace) -> None:
        for (type, id), repo in world.repositories.items():
            hidden = repo.disabled or repo.gated or repo.private
            if repo.sha is None or hidden or type != "model":
                continue
            found = await hub.revisions(RepoType.MODEL, id)
            assert found.problems == ()
            assert {r.commit for r in found.revisions} >= set(repo.refs.values())
            history = {commit.id for commit in repo.history("main")}
            assert {r.commit for r in found.revisions} >= history
            for revision in found.revisions:
                await artifacts(hub, id, revision.commit)

    use(replica.endpoint, work)


def test_olah_is_read_too(olah: OlahHub) -> None:
    world = sample_world()

    async def work(hub: HuggingFace) -> None:
        artifact = await first(hub)
        data = bytes_of(world, artifact)
        assert await hub.read(artifact, Range(8, 1000)) == data[8:1008]
        assert hub.usage.bytes_read < 1 << 20
        assert b"".join([piece async for piece in hub.stream(artifact, len(data))]) == data
        repository = await hub.repository(RepoType.MODEL, "account-01/Test")
        assert repository.sha == repo_of(world).sha
        found = await hub.revisions(RepoType.MODEL, "account-06/empty")
        assert "refs/pr/1" in {revision.ref for revision in found.revisions}
        for revision in found.revisions:
            await artifacts(hub, "account-06/empty", revision.commit)

    use(olah.endpoint, work)
