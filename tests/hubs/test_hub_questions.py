"""Servers that answer a question they do not know as if nothing were there, or break: each is asked
more simply, and what stays so in the simplest form is believed."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from fake_hub import Recorder, hub
from virtual_time import run

from reseen.errors import HubAuth, HubBusy, HubError, HubLacks, HubMissing
from reseen.hubs.hub import WantedRepositories
from reseen.hubs.huggingface import HuggingFace
from reseen.records import RepoType

C = [f"{number:040x}" for number in range(10)]
STATUSES = [400, 403, 404, 422, 431, 500, 502, 504]
TREE = [{"type": "file", "path": "a.bin", "size": 5000, "oid": "ab" * 20}]


def answer(request: httpx2.Request) -> httpx2.Response:
    """All that a small hub knows of one repository."""
    path = request.url.path
    if path == "/api/models":
        return httpx2.Response(200, json=[{"id": "a/b", "sha": C[1]}])
    if path.endswith("/refs"):
        branches = [{"name": "dev", "targetCommit": C[2]}]
        return httpx2.Response(200, json={"branches": branches})
    if "/commits/" in path:
        return httpx2.Response(200, json=[{"id": C[2]}, {"id": C[3]}])
    if "/tree/" in path:
        return httpx2.Response(200, json=TREE)
    return httpx2.Response(200, json={"id": "a/b", "sha": C[1]})


async def listed(there: HuggingFace) -> object:
    page = await there.list_repositories(WantedRepositories(), None)
    return [each.sha for each in page.repositories]


async def looked_up(there: HuggingFace) -> object:
    return (await there.repository(RepoType.MODEL, "a/b")).sha


async def files(there: HuggingFace) -> object:
    pages = there.list_files(RepoType.MODEL, "a/b", C[1], None)
    return [each.path async for page in pages for each in page.artifacts]


async def revisions(there: HuggingFace) -> object:
    found = await there.revisions(RepoType.MODEL, "a/b")
    return [each.commit for each in found.revisions]


CALLS = [(listed, [C[1]]), (looked_up, C[1]), (files, ["a.bin"]), (revisions, [C[2], C[3]])]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("unknown", ["sort", "expand", "limit", "recursive", "include_prs"])
@pytest.mark.parametrize(("call", "found"), CALLS)
def test_what_a_server_does_not_know_is_left_out(
    call: object, found: object, unknown: str, status: int
) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status) if unknown in request.url.params else answer(request)

    asked = Recorder(handler)

    async def main() -> None:
        async with hub(asked) as there:
            assert await call(there) == found  # type: ignore[operator]
            asked.requests.clear()
            assert await call(there) == found  # type: ignore[operator]
            # What was refused is not asked for again.
            assert not [each for each in asked.requests if unknown in each.url.params]

    run(main())


@pytest.mark.parametrize("call", [listed, looked_up, files])
@pytest.mark.parametrize("unknown", ["sort", "expand", "recursive"])
def test_a_refusal_in_words_with_status_200_is_one(call: object, unknown: str) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if unknown in request.url.params:
            return httpx2.Response(200, json={"error": f"{unknown} is not known here"})
        return answer(request)

    async def main() -> None:
        async with hub(handler) as there:
            assert await call(there) == dict(CALLS)[call]  # type: ignore[operator,index]

    run(main())


@pytest.mark.parametrize("status", [403, 404])
def test_a_code_that_is_none_of_the_hubs_does_not_say_why(status: int) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if "expand" in request.url.params:
            return httpx2.Response(status, headers={"X-Error-Code": "InvalidParameter"})
        return answer(request)

    async def main() -> None:
        async with hub(handler) as there:
            assert await looked_up(there) == C[1]
            assert await listed(there) == [C[1]]

    run(main())


@pytest.mark.parametrize("status", [403, 404, 500])
def test_long_pages_that_a_server_does_not_give_are_asked_for_shorter(status: int) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        long = int(request.url.params.get("limit", "0")) > 100
        return httpx2.Response(status) if long else answer(request)

    async def main() -> None:
        async with hub(handler) as there:
            assert await listed(there) == [C[1]]
            assert await revisions(there) == [C[2], C[3]]

    run(main())


@pytest.mark.parametrize(
    ("status", "error"), [(403, HubAuth), (404, HubMissing), (500, HubBusy), (502, HubBusy)]
)
@pytest.mark.parametrize(("call", "found"), CALLS[:3])
def test_what_stays_so_in_the_simplest_form_is_believed(
    call: object, found: object, status: int, error: type[HubError]
) -> None:
    asked = Recorder(lambda request: httpx2.Response(status))

    async def main() -> None:
        async with hub(asked) as there:
            with pytest.raises(error) as caught:
                await call(there)  # type: ignore[operator]
            assert status != 500 or "status 500" in str(caught.value)

    run(main())
    assert len(asked.requests) <= 8


@pytest.mark.parametrize("status", [500, 502, 504])
@pytest.mark.parametrize("bad", range(1, 6))
def test_a_trouble_that_passes_leaves_the_question_as_it_was(status: int, bad: int) -> None:
    """Also where the simplest form is the first that is answered."""

    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status) if len(asked.requests) <= bad else answer(request)

    asked = Recorder(handler)

    async def main() -> None:
        async with hub(asked) as there:
            for _ in range(2):
                await looked_up(there)
                assert "expand" in asked.requests[-1].url.params

    run(main())


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (404, {"X-Error-Code": "RepoNotFound"}),
        (403, {"X-Error-Code": "GatedRepo"}),
        (404, {"X-Error-Code": "RevisionNotFound"}),
        (401, {}),
        (410, {}),
        (451, {}),
    ],
)
def test_a_refusal_that_says_why_is_asked_about_once(status: int, headers: dict[str, str]) -> None:
    asked = Recorder(lambda request: httpx2.Response(status, headers=headers))

    async def main() -> None:
        async with hub(asked) as there:
            with pytest.raises(HubError):
                await files(there)
            assert len(asked.requests) == 1

    run(main())


@pytest.mark.parametrize("status", [403, 404])
def test_of_a_hub_that_took_the_question_once_a_refusal_is_about_the_repository(
    status: int,
) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status) if "/a/gone" in request.url.path else answer(request)

    asked = Recorder(handler)

    async def main() -> None:
        async with hub(asked) as there:
            await looked_up(there)
            await files(there)
            asked.requests.clear()
            with pytest.raises(HubError):
                async for _ in there.list_files(RepoType.MODEL, "a/gone", C[1], None):
                    pass
            assert len(asked.requests) == 1
            await looked_up(there)
            assert "expand" in asked.requests[-1].url.params

    run(main())


def test_the_troubles_of_a_hub_that_took_the_question_are_an_outage() -> None:
    asked = Recorder(lambda r: httpx2.Response(500) if len(asked.requests) > 1 else answer(r))

    async def main() -> None:
        async with hub(asked, attempts=5) as there:
            await looked_up(there)
            with pytest.raises(HubBusy):
                await looked_up(there)

    run(main())
    assert len(asked.requests) == 6
    assert all("expand" in each.url.params for each in asked.requests)


def test_many_at_once_learn_the_same() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(500) if "expand" in request.url.params else answer(request)

    async def main() -> None:
        async with hub(handler) as there:
            assert await asyncio.gather(*(looked_up(there) for _ in range(20))) == [C[1]] * 20

    run(main())


@pytest.mark.parametrize("author", [None, "a"])
def test_a_type_that_the_hub_does_not_have_is_said(author: str | None) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(404) if "spaces" in request.url.path else answer(request)

    async def main() -> None:
        async with hub(handler) as there:
            with pytest.raises(HubLacks, match="no spaces"):
                await there.list_repositories(WantedRepositories(RepoType.SPACE, author), None)

    run(main())


def test_an_account_that_is_not_there_is_no_missing_type() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(404) if "author" in request.url.params else answer(request)

    async def main() -> None:
        async with hub(handler) as there:
            with pytest.raises(HubMissing) as caught:
                await there.list_repositories(WantedRepositories(author="a"), None)
            assert not isinstance(caught.value, HubLacks)

    run(main())
