"""ModelScope's API as a hub: slices of its lists, trees that it cuts, branches, ranges; and what
becomes of lies and storms. Its own client judges the replica."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from replica.modelscope import FIRST, ModelScopeSite
from replica.server import Replica
from replica.world import World, claimed, lfs, plain
from tests.hubs.civitai_site import every
from tests.scan.walking import Hasty

from reseen.errors import HubAuth, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs import kinds, meant
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.hub import BY_NAME, CUT, FilesPage, RepositoryPage, WantedRepositories
from reseen.hubs.modelscope import ModelScope
from reseen.hubs.modelscope_addresses import ModelScopeAddresses
from reseen.records import Artifact, RepoType
from reseen.settings import RateLimit, Settings

T = TypeVar("T")
DATA = bytes(range(256)) * 40
MODEL, DATASET = RepoType.MODEL, RepoType.DATASET


def sha(number: int) -> str:
    return hashlib.sha256(b"sample %d" % number).hexdigest()


def done(replica: Replica, work: Callable[[ModelScope], Awaitable[T]]) -> T:
    """What comes of work with a hub of its own that never waits."""

    async def main() -> T:
        clock = Hasty()
        options = ClientOptions(attempts=3, clock=clock, sleep=clock.sleep)
        hub = ModelScope(replica.endpoint, None, options)
        try:
            return await work(hub)
        finally:
            await hub.close()

    return asyncio.run(main())


def listed(
    replica: Replica, wanted: WantedRepositories | None = None, cursor: str | None = None
) -> list[RepositoryPage]:
    async def work(hub: ModelScope) -> list[RepositoryPage]:
        asked = wanted or WantedRepositories()
        pages = [await hub.list_repositories(asked, cursor)]
        while (more := pages[-1].cursor) is not None:
            pages.append(await hub.list_repositories(asked, more))
        return pages

    return done(replica, work)


def ids(pages: list[RepositoryPage]) -> list[str]:
    return [repository.id for page in pages for repository in page.repositories]


def said(pages: list[RepositoryPage] | list[FilesPage]) -> list[str]:
    return [problem.reason for page in pages for problem in page.problems]


def files(
    replica: Replica,
    repo: str = "account-1/LORA",
    type: RepoType = MODEL,
    revision: str = "x",
    ref: str | None = "main",
) -> list[FilesPage]:
    async def work(hub: ModelScope) -> list[FilesPage]:
        return await every(hub.list_files(type, repo, revision, ref))

    return done(replica, work)


def artifacts(pages: list[FilesPage]) -> list[Artifact]:
    return [each for page in pages for each in page.artifacts]


def served(site: ModelScopeSite) -> Replica:
    return Replica(World(), site=site)


def many(count: int, **more: Any) -> ModelScopeSite:
    """So many models of few accounts, with tasks and tags by turns."""
    site = ModelScopeSite(**more)
    for number in range(count):
        site.put(
            f"account-{number % 7}/model-{number:05}",
            {"a.safetensors": claimed(sha(number), 4096 + number)},
            tasks=(f"task-{number % 3}",),
            labels=(f"tag-{number % 5}",),
        )
    return site


def test_a_list_that_shows_all_is_asked_for_once() -> None:
    with served(many(250)) as replica:
        pages = listed(replica)
        assert replica.journal.requests == {"list": 3}
    assert len(set(ids(pages))) == 250
    assert not said(pages)
    one = pages[0].repositories[0]
    assert one.sha is not None
    assert (one.author, one.modified_at, one.used_storage) == ("account-0", FIRST, 4096)


@pytest.mark.parametrize("filters", [("filter.task", "filter.custom_tag"), ()])
def test_a_list_of_which_a_part_is_shown_is_asked_for_in_slices(filters: tuple[str, ...]) -> None:
    site = many(450, bound=300, longest_page=30, filters=filters)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reseen.hubs.modelscope_slices.BOUND", 300)
        with served(site) as replica:
            pages = listed(replica)
            asked = replica.journal.targets("list")
    found = ids(pages)
    assert len(found) == len(set(found)) == 450
    assert not said(pages)
    if filters:
        assert any("filter.custom_tag=tag-3" in each for each in asked)
    else:
        # What it does not listen to is asked once by each filter; then account by account.
        assert sum("filter." in each for each in asked) == 3
        assert any("owner=account-6" in each for each in asked)


def test_what_no_slice_shows_is_said() -> None:
    site = many(20, bound=300)
    for number in range(400):
        site.put(f"account-lonely/model-{number}", {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reseen.hubs.modelscope_slices.BOUND", 300)
        with served(site) as replica:
            pages = listed(replica)
    assert len(set(ids(pages))) == 320
    told = [problem for page in pages for problem in page.problems]
    assert {each.counted for each in told} == {CUT}
    assert [each.reason for each in told] == [
        "an account of which 300 repositories are shown and no more",
        "a list shows 300 repositories and no more: of 420 that are there by its word, 320 were "
        "found by tasks, licences, tags and accounts",
    ]


def test_another_life_of_the_process_begins_anew_without_the_accounts_that_were_listed() -> None:
    site = many(450, bound=300, filters=())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reseen.hubs.modelscope_slices.BOUND", 300)
        with served(site) as replica:
            pages = listed(replica)
            cursors = [page.cursor or "" for page in pages]
            at = next(number for number, each in enumerate(cursors) if "value=account-4" in each)
            replica.journal.entries.clear()
            again = listed(replica, cursor=cursors[at])
            asked = " ".join(replica.journal.targets("list"))
    assert set(ids(pages[: at + 1])) | set(ids(again)) == set(ids(pages))
    assert "owner=account-4" in asked
    assert "owner=account-3" not in asked
    assert said(again) == [
        "a list shows 300 repositories and no more: how many were not found by its slices is not "
        "known"
    ]


def test_a_list_that_goes_round_ends() -> None:
    with served(many(250, same_page=True)) as replica:
        pages = listed(replica)
        assert replica.journal.requests["list"] < 40
    assert len(ids(pages)) == 250  # by its slices
    assert "a list goes on and brings nothing new" in said(pages)


def spoiled(change: Callable[[dict[str, Any]], object]) -> Callable[[str, Any], Any]:
    """What a page of a list says is changed in its place."""

    def spoil(route: str, value: Any) -> Any:
        if route == "list":
            change(value["data"])
        return value

    return spoil


@pytest.mark.parametrize(
    "lie",
    [
        {"total_count": 7},
        {"total_count": 0},
        {"page_size": 1},
        {"total_count": 7, "page_size": 1},
    ],
)
def test_figures_that_are_smaller_than_what_a_page_shows_say_nothing(lie: dict[str, int]) -> None:
    site = many(250)
    site.spoil = spoiled(lambda data: data.update(lie))
    with served(site) as replica:
        pages = listed(replica)
        assert replica.journal.requests == {"list": 3}
    assert (len(set(ids(pages))), said(pages)) == (250, [])


def test_pages_of_one_that_bring_ever_new_names_are_bounded_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reseen.hubs.modelscope_slices.MOST_PAGES", 40)
    site, count = many(1), iter(range(100_000))

    def one_more(data: dict[str, Any]) -> None:
        data["models"] = [{**data["models"][0], "id": f"account-{next(count)}/LORA"}]
        data |= {"total_count": 1_000_000, "page_size": 1}

    first = site.repos["model", "account-0/model-00000"]
    for number in range(2_000):  # so that every page has one
        site.repos["model", str(number)] = first
    site.spoil = spoiled(one_more)
    with served(site) as replica:
        pages = listed(replica)
        assert replica.journal.requests == {"list": 40}
    assert len(set(ids(pages))) == 40
    told = [problem for page in pages for problem in page.problems]
    assert [(each.counted, each.reason) for each in told] == [
        (CUT, "only the first 40 pages of its lists were asked for")
    ]


def test_a_page_of_which_nothing_can_be_read_does_not_end_a_list() -> None:
    site, pages_came = many(250), iter(range(100))

    def unreadable(data: dict[str, Any]) -> None:
        if next(pages_came) == 0:
            data["models"] = [7] * len(data["models"])

    site.spoil = spoiled(unreadable)
    with served(site) as replica:
        pages = listed(replica)
    assert len(ids(pages)) == 150
    assert set(said(pages)) == {"an entry of the list is not an object, or says something twice"}


def test_a_page_of_a_tree_of_which_nothing_can_be_read_does_not_end_it() -> None:
    site, pages_came = ModelScopeSite(), iter(range(100))
    some = {f"{n:03}.bin": claimed(sha(n), 2000) for n in range(450)}
    site.put("account-1/pictures", some, type="dataset")

    def unreadable(route: str, value: Any) -> Any:
        if next(pages_came) == 0:
            value["Data"]["Files"] = [7] * len(value["Data"]["Files"])
        return value

    site.spoil = unreadable
    with served(site) as replica:
        pages = files(replica, "account-1/pictures", DATASET)
    assert len(artifacts(pages)) == 250
    assert said(pages) == ["an entry of the tree is not an object"]


@pytest.mark.parametrize("sorts", [("last_modified",), ()])
def test_what_is_new_is_listed_in_any_order(sorts: tuple[str, ...]) -> None:
    since = FIRST + timedelta(minutes=240)
    with served(many(250, sorts=sorts)) as replica:
        pages = listed(replica, WantedRepositories(since=since))
        assert replica.journal.requests == {"list": 1 if sorts else 4}
    assert sorted(ids(pages)) == sorted(f"account-{n % 7}/model-{n:05}" for n in range(240, 250))


def test_an_account_and_a_type() -> None:
    site = many(30)
    site.put("account-3/pictures", {"a.safetensors": claimed(sha(1), 5000)}, type="dataset")
    with served(site) as replica:
        mine = listed(replica, WantedRepositories(author="Account-3"))
        assert mine[0].repositories == ()  # the hub tells them apart, and no other's are taken
        mine = listed(replica, WantedRepositories(author="account-3"))
        assert {id.partition("/")[0] for id in ids(mine)} == {"account-3"}
        assert ids(listed(replica, WantedRepositories(DATASET))) == ["account-3/pictures"]
        assert listed(replica, WantedRepositories(RepoType.SPACE))[0].repositories == ()


# -- trees ---------------------------------------------------------------------------------------


def test_every_file_is_found_in_a_repository_of_ten_thousand() -> None:
    site = ModelScopeSite()
    inside = {f"{n % 4}/{n % 9}/file-{n}.bin": claimed(sha(n), 2000 + n) for n in range(10_000)}
    site.put("account-1/LORA", {**inside, "README.md": plain(b"x"), "top.bin": lfs(DATA)})
    with served(site) as replica:
        pages = files(replica)
        assert replica.journal.requests["tree"] < 60
    found = artifacts(pages)
    assert len(found) == len({each.path for each in found}) == 10_001
    assert {each.sha256 for each in found} >= {bytes.fromhex(sha(n)) for n in range(10_000)}
    assert not said(pages)
    assert all(page.certain for page in pages)


def test_a_folder_that_is_cut_and_cannot_be_asked_for_in_parts_is_said() -> None:
    site = ModelScopeSite()
    flat = {f"file-{n:04}.bin": claimed(sha(n), 2000) for n in range(3_100)}
    site.put("account-1/LORA", {**flat, "z/last.bin": lfs(DATA)})
    with served(site) as replica:
        pages = files(replica)
    assert len(artifacts(pages)) == 3_000
    assert said(pages) == ["a folder of which the hub shows 3,000 entries alone"]
    assert [p.counted for page in pages for p in page.problems] == [CUT]


def test_folders_of_which_nothing_is_shown_are_asked_for() -> None:
    site = ModelScopeSite(shallow=True)
    site.put("account-1/LORA", {"a/b/one.bin": lfs(DATA), "c/two.bin": lfs(DATA[:5000])})
    with served(site) as replica:
        pages = files(replica)
        assert replica.journal.requests == {"tree": 4}
    assert {each.path for each in artifacts(pages)} == {"a/b/one.bin", "c/two.bin"}
    assert not said(pages)


def test_a_tree_of_a_dataset_has_pages() -> None:
    site = ModelScopeSite()
    some = {f"{n:03}.bin": claimed(sha(n), 2000) for n in range(450)}
    site.put("account-1/pictures", some, type="dataset")
    with served(site) as replica:
        pages = files(replica, "account-1/pictures", DATASET)
        assert len(artifacts(pages)) == 450
        assert replica.journal.requests == {"tree": 3}
        site.spoil = lambda route, value: first_page
        first_page = {"Data": {"Files": [{"Path": f"{n}", "Type": "blob"} for n in range(200)]}}
        pages = files(replica, "account-1/pictures", DATASET)
    assert said(pages)[-1] == "its pages go on and bring nothing new"


def test_denials_now_and_then_are_asked_again_and_the_first_is_believed() -> None:
    site = ModelScopeSite(shallow=True)
    site.put("account-1/LORA", {"a/b/one.bin": lfs(DATA)})
    with served(site) as replica:
        site.denies = 1
        with pytest.raises(HubAuth):
            files(replica)

        def deny_next(route: str, value: Any) -> Any:
            site.denies, site.spoil = 2, lambda route, value: value
            return value

        site.spoil = deny_next
        assert [each.path for each in artifacts(files(replica))] == ["a/b/one.bin"]

        def deny_all(route: str, value: Any) -> Any:
            site.denies = 99
            return value

        site.spoil = deny_all
        with pytest.raises(HubGarbage, match="denies a part of what it showed"):
            files(replica)


def test_branches_and_tags_are_looked_at_by_their_names() -> None:
    site = ModelScopeSite()
    repo = site.put("account-1/LORA", {"a.bin": plain(b"x" * 2000)})
    repo.branches |= {"dev": {"b.bin": lfs(DATA)}, "main": {"c.bin": lfs(DATA[:3000])}}
    repo.tags["v1"] = {"d.bin": lfs(DATA[:4000])}
    with served(site) as replica:
        found = done(replica, lambda hub: hub.revisions(MODEL, "account-1/LORA"))
        at = {each.ref: each.commit for each in found.revisions}
        there = done(replica, lambda hub: hub.repository(MODEL, "account-1/LORA"))
        assert at == {"main": there.sha, "dev": "dev", "refs/heads/main": "main", "v1": "v1"}
        paths = {
            ref: [a.path for a in artifacts(files(replica, revision=commit, ref=ref))]
            for ref, commit in at.items()
        }
    assert paths == {
        "main": ["a.bin"],
        "dev": ["b.bin"],
        "refs/heads/main": ["c.bin"],
        "v1": ["d.bin"],
    }
    assert found.problems == ()


def test_a_change_is_another_version_and_where_none_is_said_nothing_is_remembered() -> None:
    site = ModelScopeSite()
    repo = site.put("account-1/LORA", {"a.bin": lfs(DATA)})

    def version(hub: ModelScope) -> Awaitable[Any]:
        return hub.repository(MODEL, "account-1/LORA")

    with served(site) as replica:
        before = done(replica, version).sha
        assert done(replica, version).sha == before
        repo.modified += timedelta(seconds=1)
        assert done(replica, version).sha != before

        def unsaid(route: str, value: Any) -> Any:
            value.get("data", {}).pop("last_modified", None)
            return value

        site.spoil = unsaid
        now = str(done(replica, version).sha)
        pages = files(replica, revision=now)
    assert not any(page.certain for page in pages)
    assert [p.counted for page in pages for p in page.problems] == [BY_NAME]


def test_a_file_is_read_from_its_storage_and_a_small_one_as_it_comes() -> None:
    site = ModelScopeSite()
    site.put("account-1/LORA", {"big one.bin": lfs(DATA), "small.bin": plain(DATA[:2000])})

    async def work(hub: ModelScope) -> list[bytes]:
        big, small = artifacts(await every(hub.list_files(MODEL, "account-1/LORA", "x", "main")))
        whole = b"".join(await every(hub.stream(big, len(DATA))))
        return [await hub.read(each, Range(100, 50)) for each in (big, small)] + [whole]

    with served(site) as replica:
        assert done(replica, work) == [DATA[100:150], DATA[100:150], DATA]
        assert replica.journal.requests == {"tree": 1, "file": 3, "cdn": 2}


def test_changed_fields_take_nothing_else_along() -> None:
    site = many(4)
    site.put("account-1/LORA", {f"{n}.bin": claimed(sha(n), 2000) for n in range(4)})

    def spoil(route: str, value: Any) -> Any:
        if route == "list":
            first, second, third, *_ = value["data"]["models"]
            first["id"] = "../../etc"
            second |= {"tags": 7, "tasks": [None, "a b&c"], "last_modified": [], "license": 3}
            third.clear()
        if route == "tree":
            one, two, three, _ = value["Data"]["Files"]
            one["Path"] = "../../x"
            two["Sha256"] = "no hash"
            three["Size"] = "many"
            value["Data"]["Files"] += [7, None]
        return value

    site.spoil = spoil
    with served(site) as replica:
        pages, found = listed(replica), files(replica)
    assert [page.cursor for page in pages] == [None]
    assert ids(pages) == ["account-1/model-00001", "account-3/model-00003", "account-1/LORA"]
    assert said(pages) == ["an entry of the list has no usable repository id"] * 2
    assert [(a.path, a.size, a.sha256 is None) for a in artifacts(found)] == [
        ("1.bin", 2000, True),
        ("2.bin", None, False),
        ("3.bin", 2000, False),
    ]
    assert said(found) == [
        "a path that leads out of its folder in the tree",
        "a file of the tree states no SHA-256",
        "a file of the tree has no usable size",
        "an entry of the tree is not an object",
    ]


def test_a_refusal_in_words_is_no_answer() -> None:
    site = many(1)
    site.spoil = lambda route, value: {"success": False, "Success": False, "data": {}, "Data": {}}
    with served(site) as replica:
        for ask in (lambda: listed(replica), lambda: files(replica, "account-0/model-00000")):
            with pytest.raises(HubGarbage, match="something else than was asked for"):
                ask()
        with pytest.raises(HubMissing):
            done(replica, lambda hub: hub.repository(RepoType.SPACE, "account-1/LORA"))


def test_it_is_there_only_where_somebody_sets_it() -> None:
    assert "modelscope" not in [hub.kind for hub in Settings.from_environment({}).hubs]
    at = {
        "RESEEN_HUB_MODELSCOPE_ENDPOINT": "https://modelscope.cn",
        "RESEEN_HUB_MODELSCOPE_KIND": "modelscope",
    }
    hub = meant.hub_named("modelscope", Settings.from_environment(at))
    assert (hub.quota, kinds.stored_name(hub)) == (RateLimit(2, 1.0), "modelscope+modelscope.cn")


def test_addresses() -> None:
    pages = ModelScopeAddresses("modelscope.cn")
    file = pages.file(DATASET, "a/b", "master", "x/y z.bin")
    assert file == "https://modelscope.cn/datasets/a/b/file/view/master/x/y%20z.bin"
    assert pages.account("a") == "https://modelscope.cn/profile/a"
    for given in (
        file,
        "https://www.modelscope.cn/datasets/a/b?x=1",
        pages.repository(DATASET, "a/b"),
    ):
        named = pages.named(given)
        assert named is not None
        assert (named.repo, named.type) == ("a/b", DATASET)
    assert pages.named("https://elsewhere.example/models/a/b") is None
    assert pages.named("https://modelscope.cn/models/..%2F/b") is None


# -- its own client --------------------------------------------------------------------------------


def test_its_own_client_takes_the_replica_for_the_hub(tmp_path: Path) -> None:
    hub = pytest.importorskip("modelscope_hub", reason="modelscope-hub is not installed")
    site = many(120)
    inside = {f"{n % 3}/file-{n}.bin": claimed(sha(n), 2000) for n in range(4_000)}
    repo = site.put("account-1/LORA", {**inside, "top.bin": lfs(DATA)})
    repo.tags["v1"] = {"d.bin": plain(b"x")}
    with served(site) as replica:
        api = hub.HubApi(endpoint=replica.endpoint)
        page = api.list_repos("model", page_size=50)
        assert (page.total_count, len(page.items), page.has_next) == (121, 50, True)
        assert page.items[0].repo_id == "account-0/model-00000"
        assert api.get_repo("account-1/LORA", "model").file_size == 4_000 * 2000 + len(DATA)
        listed = api.list_repo_files("account-1/LORA", "model")
        theirs = {(f.path, f.size, f.sha256) for f in listed if f.type == "blob"}
        ours = artifacts(files(replica))
        assert {(a.path, a.size, (a.sha256 or b"").hex()) for a in ours} == theirs
        branches, tags = api.legacy.list_revisions_detail("account-1/LORA", "model")
        assert [each["Revision"] for each in (*branches, *tags)] == ["master", "v1"]
        got = api.download_file("account-1/LORA", "model", "top.bin", local_dir=tmp_path)
        assert Path(got).read_bytes() == DATA
