"""Civitai's API as a hub: asked by hash, walked, read; and what it makes of lies and storms."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from civitai_site import asked, done, every, listed, served
from replica.civitai import FIRST, CivitaiSite
from replica.faults import Fault, Kind

from reseen.errors import HubBusy, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs.civitai import Civitai
from reseen.hubs.civitai_addresses import CivitaiAddresses
from reseen.hubs.hub import CUT, ByHash, WantedRepositories
from reseen.records import Artifact, Problem, RepoType

DATA = bytes(range(256)) * 40


def digest_of(number: int) -> bytes:
    return hashlib.sha256(b"sample %d" % number).digest()


def many(count: int) -> CivitaiSite:
    """So many models of one file each, that nobody made."""
    site = CivitaiSite()
    for number in range(count):
        named = {"a.safetensors": (digest_of(number).hex(), 4096 + number)}
        site.put(1000 + number, f"account-{number % 7}", {5000 + number: named})
    return site


def artifacts(parts: list[ByHash]) -> list[Artifact]:
    return [each for part in parts for _, files in part.found for each in files.artifacts]


def problems(parts: list[ByHash]) -> list[Problem]:
    return [each for part in parts for each in part.problems]


def test_what_is_there_is_found_and_what_is_not_is_said() -> None:
    site = many(3)
    with served(site) as replica:
        wanted = [digest_of(number) for number in (0, 2, 77)]
        parts = asked(replica, wanted)
        assert {a.sha256 for a in artifacts(parts)} == {digest_of(0), digest_of(2)}
        assert [part.absent for part in parts if part.absent] == [{digest_of(77)}]
        (one,) = (a for a in artifacts(parts) if a.sha256 == digest_of(0))
        assert (one.repo, one.size, one.ref) == ("account-0/1000", 4096, "main")
        assert one.path == "5000/100001/a.safetensors"
        assert not problems(parts)


def test_ten_thousand_are_one_question_and_each_hundred_models_one_more() -> None:
    site = many(150)
    with served(site) as replica:
        parts = asked(replica, [digest_of(number) for number in range(10_000)])
        assert len(artifacts(parts)) == 150
        assert replica.journal.requests == {"by-hash-ids": 1, "models": 2}


def test_no_request_holds_anything_but_digests_and_the_hubs_own_numbers() -> None:
    with served(many(3)) as replica:
        asked(replica, [digest_of(1)], contact="reports@example.org")
        question, models = replica.journal.entries
        assert question.body == b'["%s"]' % digest_of(1).hex().upper().encode()
        assert question.path == "/api/v1/model-versions/by-hash/ids"
        assert models.path == "/api/v1/models?ids=1001&limit=100&nsfw=true"
        assert {e.user_agent for e in (question, models)} == {"reseen (reports@example.org)"}
        assert replica.journal.authorizations == {"hub": set(), "cdn": set()}


def test_two_requests_a_second_are_the_most_that_is_asked() -> None:
    with served(many(700)) as replica:

        async def work(hub: Civitai) -> float:
            cursor: str | None = None
            for _ in range(7):
                cursor = (await hub.list_repositories(WantedRepositories(), cursor)).cursor
            return hub.usage.waits

        assert done(replica, work) > 2.0  # seven requests: 2, 2, 2, and one in the fourth second


def test_a_model_that_the_list_does_not_show_is_looked_up() -> None:
    site = many(3)
    site.models[1001].unlisted = True
    with served(site) as replica:
        parts = asked(replica, [digest_of(1)])
        assert [a.repo for a in artifacts(parts)] == ["account-1/1001"]
        assert not problems(parts)


def test_answers_that_are_too_long_are_asked_for_in_pieces() -> None:
    site = many(120)

    def spoil(route: str, value: Any) -> Any:
        for model in value["items"] if route == "models" else ():
            model["description"] = "x" * 250_000
        return value

    site.spoil = spoil
    with served(site) as replica:
        parts = asked(replica, [digest_of(number) for number in range(120)])
        assert {a.sha256 for a in artifacts(parts)} == {digest_of(n) for n in range(120)}
        # A hundred are too many, two halves are not; and the last twenty.
        assert replica.journal.requests == {"by-hash-ids": 1, "models": 4}
        pages = listed(replica)
    assert sum(len(page.repositories) for page in pages) == 120
    assert not [problem for page in pages for problem in page.problems]


def test_lies_are_told_and_nothing_of_them_is_taken() -> None:
    site = many(3)

    def spoil(route: str, value: Any) -> Any:
        if route == "by-hash-ids":
            strange = {"modelVersionId": 1, "modelId": 1000, "hash": digest_of(99).hex()}
            there = {"modelVersionId": 1, "modelId": 1002, "hash": digest_of(55).hex()}
            nowhere = {"modelVersionId": 1, "modelId": 4, "hash": digest_of(56).hex()}
            return [*value, strange, there, nowhere, {"hash": 7}, None]
        return value

    site.spoil = spoil
    with served(site) as replica:
        parts = asked(replica, [digest_of(0), digest_of(55), digest_of(56)])
    assert {a.repo for a in artifacts(parts)} == {"account-0/1000", "account-2/1002"}
    assert [each.reason for each in problems(parts)] == [
        "models that are there by its word, and that it does not show: 1",
        "entries of its answer that are none of what was asked for: 3",
        "digests that are there by its word, and no file of it has them: 2",
    ]


def test_a_hub_that_names_models_without_end_is_not_followed() -> None:
    site = many(1)

    def spoil(route: str, value: Any) -> Any:
        if route == "by-hash-ids":
            hash = digest_of(0).hex()
            return [{"modelVersionId": 1, "modelId": n, "hash": hash} for n in range(900, 30_000)]
        return value

    site.spoil = spoil
    with served(site) as replica:
        parts = asked(replica, [digest_of(0)])
        assert replica.journal.requests == {"by-hash-ids": 1, "models": 200, "model": 200}
    assert [a.repo for a in artifacts(parts)] == ["account-0/1000"]
    told = [problem.reason for problem in problems(parts)]
    assert "models of its answer that were not looked at, for they are too many: 9,100" in told


@pytest.mark.parametrize("kind", [Kind.GARBAGE, Kind.ERROR, Kind.INFLATED, Kind.TRUNCATED])
def test_what_is_no_answer_is_one_error(kind: Kind) -> None:
    with served(many(1)) as replica, replica.faults.during(Fault(kind, route="by-hash-ids")):
        with pytest.raises((HubGarbage, HubBusy)) as told:
            asked(replica, [digest_of(0)])
        assert digest_of(0).hex() not in str(told.value).lower()


def test_a_question_is_not_led_elsewhere() -> None:
    with (
        served(many(1)) as replica,
        replica.faults.during(Fault(Kind.ELSEWHERE, route="by-hash-ids")),
        pytest.raises(HubGarbage, match="leads a question elsewhere"),
    ):
        asked(replica, [digest_of(0)])
    assert {entry.host for entry in replica.journal.entries} == {"hub"}


def test_a_storm_of_refusals_is_waited_out() -> None:
    with served(many(1)) as replica:
        storm = Fault(Kind.BUSY, route="by-hash-ids", times=5, seconds=30)
        with replica.faults.during(storm):
            parts = asked(replica, [digest_of(0)])
        assert len(artifacts(parts)) == 1
        busy = Fault(Kind.ERROR, status=503, times=3)
        with replica.faults.during(busy):
            assert len(artifacts(asked(replica, [digest_of(0)]))) == 1


def test_a_hub_is_walked_a_hundred_models_a_call_with_all_their_files() -> None:
    site = many(250)
    with served(site) as replica:
        pages = listed(replica)
        assert [len(page.repositories) for page in pages] == [100, 100, 50]
        assert replica.journal.requests == {"models": 3}
        stated = {a.sha256 for p in pages for f in p.files.values() for a in f.artifacts}
        assert stated == {digest_of(number) for number in range(250)}
        assert not any("page=" in path for path in replica.journal.targets("models"))
        for page in pages:
            for repository in page.repositories:
                files = page.files[repository.id]
                # Which version it is, in the hub's own words.
                assert {a.revision for a in files.artifacts} == {
                    artifact.path.partition("/")[0] for artifact in files.artifacts
                }
                assert repository.sha is not None


def test_a_list_of_an_account_and_of_what_is_new() -> None:
    with served(many(30)) as replica:
        mine = listed(replica, WantedRepositories(author="account-3"))
        assert {r.author for page in mine for r in page.repositories} == {"account-3"}
        since = FIRST + timedelta(minutes=25)
        new = listed(replica, WantedRepositories(since=since))
        assert [r.id.rpartition("/")[2] for p in new for r in p.repositories] == [
            str(1000 + number) for number in (29, 28, 27, 26, 25)
        ]
        assert listed(replica, WantedRepositories(type=RepoType.DATASET))[0].repositories == ()


@pytest.mark.parametrize("how", ["endless", "round"])
def test_a_list_without_an_end_ends(how: str) -> None:
    site = many(250)
    setattr(site, how, True)
    with served(site) as replica:
        pages = listed(replica)
    assert len(pages) < 10
    (told,) = [problem for page in pages for problem in page.problems]
    assert told.counted == CUT
    shown = {r.id for page in pages for r in page.repositories}
    assert len(shown) == {"endless": 250, "round": 200}[how]


def test_changed_fields_take_nothing_else_along() -> None:
    site = many(4)

    def spoil(route: str, value: Any) -> Any:
        first, second, third, fourth = value["items"]
        first["id"] = "1003"
        second["modelVersions"][0]["files"][0] |= {"hashes": {"SHA256": "no hash"}, "sizeKB": 4.3}
        third["creator"] = None
        third["modelVersions"].append(7)
        third["modelVersions"][0]["files"][0]["name"] = "../../x\x00y"
        fourth["modelVersions"][0]["files"].append({"id": -1})
        return value

    site.spoil = spoil
    with served(site) as replica:
        (page,) = listed(replica)
    assert [r.id for r in page.repositories] == ["account-2/1002", "-/1001", "account-0/1000"]
    files = {id: found.artifacts for id, found in page.files.items()}
    assert [(a.sha256, a.size) for a in files["account-2/1002"]] == [(None, None)]
    assert [a.path for a in files["-/1001"]] == ["5001/100002/file"]
    assert [a.sha256 for a in files["account-0/1000"]] == [digest_of(0)]
    told = [p.reason for p in page.problems]
    told += [p.reason for found in page.files.values() for p in found.problems]
    assert told == [
        "an entry of the list is no model, or says something twice",
        "a file states a SHA-256 that is none",
        "a file states no usable size",
        "some of its versions cannot be read",
        "a path with control characters among its files",
        "a file without a number",
    ]


def test_a_file_is_read_from_its_storage() -> None:
    site = CivitaiSite()
    site.put(7, "sample-account", {8: {"a.safetensors": DATA}})

    async def work(hub: Civitai) -> tuple[bytes, bytes]:
        repository = await hub.repository(RepoType.MODEL, "sample-account/7")
        pages = hub.list_files(RepoType.MODEL, repository.id, str(repository.sha), "main")
        ((file,),) = [page.artifacts for page in await every(pages)]
        whole = b"".join(await every(hub.stream(file, len(DATA))))
        return await hub.read(file, Range(100, 50)), whole

    with served(site) as replica:
        part, whole = done(replica, work)
        assert (part, whole) == (DATA[100:150], DATA)
        # One look at the model serves the list of its files too.
        assert replica.journal.requests == {"model": 1, "download": 2, "cdn": 2}


def test_what_was_unpublished_is_missing() -> None:
    site = many(1)
    site.models[1000].gone = True

    async def work(hub: Civitai) -> None:
        with pytest.raises(HubMissing):
            await hub.repository(RepoType.MODEL, "account-0/1000")

    with served(site) as replica:
        done(replica, work)
        assert [part.absent for part in asked(replica, [digest_of(0)])] == [{digest_of(0)}]


def test_addresses() -> None:
    pages = CivitaiAddresses("civitai.com")
    assert pages.repository(RepoType.MODEL, "a/12") == "https://civitai.com/models/12"
    assert pages.account("a b") == "https://civitai.com/user/a%20b"
    file = pages.file(RepoType.MODEL, "a/12", "x" * 40, "34/56/a.safetensors")
    assert file == "https://civitai.com/models/12?modelVersionId=34"
    for given in (file, "https://www.civitai.red/models/12/a-slug?x=y&modelVersionId=34#a"):
        named = pages.named(given)
        assert named is not None
        assert (named.repo, named.revision, named.own_id) == ("-/12", "34", "12")
    assert pages.named("https://elsewhere.example/models/12") is None
    assert pages.named("https://civitai.com/user/a") is None
