"""Arc en Ciel as a hub: a thousand models a call with every SHA-256; and what other answers come
to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from replica.arcenciel import FIRST, ArcEnCielSite
from replica.server import Replica
from replica.world import World
from tests.hubs.civitai_site import every
from tests.hubs.each_hub import digest_of
from tests.scan.walking import Hasty

from reseen.errors import HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs import kinds, meant
from reseen.hubs.arcenciel import ArcEnCiel
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.hub import CUT, FilesPage, RepositoryPage, WantedRepositories
from reseen.records import Repository, RepoType
from reseen.settings import RateLimit, Settings

T = TypeVar("T")
MODEL = RepoType.MODEL


def many(count: int) -> ArcEnCielSite:
    return ArcEnCielSite(
        {
            n + 1: (f"account-{n % 7}", {9000 + n: ("a.safetensors", digest_of(n).hex())})
            for n in range(count)
        }
    )


def done(site: ArcEnCielSite, work: Callable[[ArcEnCiel], Awaitable[T]]) -> tuple[T, Replica]:
    async def main(replica: Replica) -> T:
        clock = Hasty()
        options = ClientOptions(attempts=3, clock=clock, sleep=clock.sleep)
        hub = ArcEnCiel(replica.endpoint, None, options)
        try:
            return await work(hub)
        finally:
            await hub.close()

    with Replica(World(), site=site) as replica:
        return asyncio.run(main(replica)), replica


def listed(
    site: ArcEnCielSite, wanted: WantedRepositories | None = None
) -> tuple[list[RepositoryPage], Replica]:
    async def work(hub: ArcEnCiel) -> list[RepositoryPage]:
        asked = wanted or WantedRepositories()
        pages = [await hub.list_repositories(asked, None)]
        while (cursor := pages[-1].cursor) is not None:
            pages.append(await hub.list_repositories(asked, cursor))
        return pages

    return done(site, work)


def looked(site: ArcEnCielSite, repo: str) -> tuple[Repository, FilesPage]:
    async def work(hub: ArcEnCiel) -> tuple[Repository, FilesPage]:
        repository = await hub.repository(MODEL, repo)
        (page,) = await every(hub.list_files(MODEL, repo, repository.sha or "", "main"))
        return repository, page

    return done(site, work)[0]


def ids(pages: list[RepositoryPage]) -> list[str]:
    return [repository.id for page in pages for repository in page.repositories]


def test_a_thousand_models_are_one_call_with_every_digest() -> None:
    pages, replica = listed(many(2500))
    assert replica.journal.requests == {"list": 3}
    assert len(set(ids(pages))) == 2500
    stated = {a.sha256 for p in pages for f in p.files.values() for a in f.artifacts}
    assert stated == {digest_of(n) for n in range(2500)}
    assert not any(page.problems for page in pages)


def test_answers_that_are_too_long_are_asked_for_in_shorter_pages() -> None:
    site = many(1100)

    def spoil(route: str, value: Any) -> Any:
        for model in value["data"]:
            model["description"] = "x" * 40_000
        return value

    site.spoil = spoil
    pages, replica = listed(site)
    assert len(set(ids(pages))) == 1100
    assert replica.journal.requests == {"list": 7}  # one that is too long, then 200 at a time
    assert not any(page.problems for page in pages)


def test_one_model_is_the_same_as_in_the_list() -> None:
    site = many(3)
    pages, _ = listed(site)
    repository, page = looked(site, "account-1/2")
    (in_list,) = (r for p in pages for r in p.repositories if r.id == "account-1/2")
    assert (repository.sha, repository.own_id) == (in_list.sha, "2")
    (file,) = page.artifacts
    assert (file.path, file.revision, file.size) == ("9001/a.safetensors", "9001", None)
    assert page.certain
    with pytest.raises(HubMissing):
        looked(site, "account-1/99")


def test_an_account_and_what_is_new() -> None:
    site = many(30)
    mine, _ = listed(site, WantedRepositories(author="Account-3"))
    assert {id.partition("/")[0] for id in ids(mine)} == {"account-3"}
    new, _ = listed(site, WantedRepositories(since=FIRST + timedelta(minutes=28)))
    assert [id.partition("/")[2] for id in ids(new)] == ["28", "29", "30"]
    other, _ = listed(site, WantedRepositories(RepoType.DATASET))
    assert ids(other) == []


def test_lists_that_go_round_or_end_early_are_said() -> None:
    site = many(2500)
    site.same_page = True
    pages, _ = listed(site)
    assert [p.counted for page in pages for p in page.problems] == [CUT]
    assert len(ids(pages)) == 1000

    def fewer(route: str, value: Any) -> Any:
        return {**value, "data": [] if value["page"] > 1 else value["data"]}

    site = many(2500)
    site.spoil = fewer
    pages, _ = listed(site)
    assert [p.reason for page in pages for p in page.problems] == [
        "a list ends early: 1,000 of 2,500 that are there by its word"
    ]


def test_changed_fields_take_nothing_else_along() -> None:
    site = many(6)

    def spoil(route: str, value: Any) -> Any:
        one, two, three, four, five, _ = value["data"]
        one["id"] = "1"
        two["uploader"] = None
        three["versions"][0] |= {"sha256": "none", "originalName": "../../x\0y"}
        four["versions"] = [None, {"id": 5, "status": "SCHEDULED", "sha256": None}]
        five["versions"] = 7
        return value

    site.spoil = spoil
    (page,), _ = listed(site)
    assert ids([page]) == ["-/2", "account-2/3", "account-3/4", "account-4/5", "account-5/6"]
    paths = {id: [a.path for a in files.artifacts] for id, files in page.files.items()}
    assert paths["account-2/3"] == ["9002/file"]
    assert (paths["account-3/4"], paths["account-4/5"]) == ([], [])
    told = [p.reason for p in page.problems]
    told += [p.reason for files in page.files.values() for p in files.problems]
    assert told == [
        "an entry of the list is no model, or says something twice",
        "a version states no SHA-256",
        "a path with control characters among its files",
        "a version without a number",
        "its versions are no list",
    ]


@pytest.mark.parametrize("value", [[], {}, {"data": 7}])
def test_what_is_no_list_is_one_error(value: Any) -> None:
    site = many(1)
    site.spoil = lambda route, _: value
    with pytest.raises(HubGarbage, match="the hub's list of models is not"):
        listed(site)


def test_it_is_there_where_somebody_sets_it_and_nothing_of_it_is_read() -> None:
    at = {
        "RESEEN_HUB_ARCENCIEL_ENDPOINT": "https://arcenciel.io",
        "RESEEN_HUB_ARCENCIEL_KIND": "arcenciel",
    }
    hub = meant.hub_named("arcenciel", Settings.from_environment(at))
    assert (hub.quota, kinds.stored_name(hub)) == (RateLimit(5, 1.0), "arcenciel+arcenciel.io")
    named = meant.repository_named("https://arcenciel.io/models/12?x=y", hub)
    assert (named.repo, named.own_id) == ("-/12", "12")
    with pytest.raises(HubMissing):
        kinds.askable_of(hub)

    async def reads(opened: ArcEnCiel) -> None:
        (page,) = await every(opened.list_files(MODEL, "account-0/1", "x", "main"))
        with pytest.raises(HubMissing, match="nothing of this hub is read"):
            await opened.read(page.artifacts[0], Range(0, 1))

    done(many(1), reads)
