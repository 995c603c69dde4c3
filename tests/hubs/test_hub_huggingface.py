from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx2
import pytest
from fake_hub import Recorder, artifact, hub
from virtual_time import run

from reseen.errors import HubError, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs.hub import CUT, NOT_ALL_REFS, RepositoryPage, Revisions, WantedRepositories
from reseen.records import Artifact, RepoType

C = [f"{number:040x}" for number in range(200)]


def page(asked: Recorder, wanted: WantedRepositories, cursor: str | None = None) -> RepositoryPage:
    async def main() -> RepositoryPage:
        async with hub(asked) as there:
            return await there.list_repositories(wanted, cursor)

    return run(main())


def listed(*days: int) -> list[object]:
    return [
        {"id": f"account-01/copy-{day}", "lastModified": f"2026-01-{day:02}T00:00:00.000Z"}
        for day in days
    ]


def test_a_listing_is_asked_for_in_order_of_creation_with_all_that_is_needed() -> None:
    link = {"Link": '<https://hub.example/api/datasets?a=1&cursor=next>; rel="next"'}
    asked = Recorder(lambda r: httpx2.Response(200, json=[*listed(1, 2), 7], headers=link))
    found = page(asked, WantedRepositories(RepoType.DATASET, author="account-01"))
    assert [r.id for r in found.repositories] == ["account-01/copy-1", "account-01/copy-2"]
    assert found.repositories[0].hub == "hub.example"
    assert found.cursor == "?a=1&cursor=next"
    assert len(found.problems) == 1
    url = asked.requests[0].url
    assert url.path == "/api/datasets"
    query = url.params
    assert query["sort"] == "createdAt"
    assert query["direction"] == "1"
    assert query["limit"] == "1000"
    assert query["author"] == "account-01"
    assert {"sha", "siblings", "usedStorage", "gated", "disabled"} <= set(query.get_list("expand"))


def test_the_next_page_is_asked_for_by_its_whole_query() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        start = int(request.url.params.get("offset", "0"))
        link = f"</elsewhere?offset={start + 2}&kept=%C3%BC>; rel=next" if start < 4 else ""
        return httpx2.Response(200, json=listed(start + 1, start + 2), headers={"Link": link})

    asked = Recorder(handler)

    async def main() -> list[str]:
        async with hub(asked) as there:
            cursor, found = None, []
            while True:
                page = await there.list_repositories(WantedRepositories(), cursor)
                found += [each.id for each in page.repositories]
                if (cursor := page.cursor) is None:
                    return found

    assert len(run(main())) == 6
    assert {r.url.path for r in asked.requests} == {"/api/models"}
    assert asked.requests[2].url.query == b"offset=4&kept=%C3%BC"


def test_a_list_that_leads_elsewhere_or_in_a_circle_ends_and_says_so() -> None:
    for target in ("https://evil.example/x?cursor=%2F%2Fevil.example%2F&token=1", "{same}"):

        def handler(request: httpx2.Request, target: str = target) -> httpx2.Response:
            link = f'<{target.replace("{same}", str(request.url))}>; rel="next"'
            return httpx2.Response(200, json=listed(1, 2), headers={"Link": link})

        asked = Recorder(handler)
        found = page(asked, WantedRepositories())
        assert len(found.repositories) == 2
        assert found.cursor is None
        assert [problem.counted for problem in found.problems] == [CUT]
        assert {request.url.host for request in asked.requests} == {"hub.example"}


def test_a_cursor_that_an_older_version_kept_is_gone_on_with() -> None:
    asked = Recorder(lambda r: httpx2.Response(200, json=listed(1)))
    page(asked, WantedRepositories(), "kept==")
    assert asked.requests[-1].url.params["cursor"] == "kept=="
    assert asked.requests[-1].url.params["sort"] == "createdAt"


def some(count: int) -> list[object]:
    return [{"id": f"account-01/n{number}"} for number in range(count)]


def test_a_full_page_without_a_link_is_asked_for_once_more_with_more() -> None:
    """As a server does that never says what follows."""

    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=some(1500)[: int(request.url.params["limit"])])

    asked = Recorder(handler)
    found = page(asked, WantedRepositories())
    assert len(found.repositories) == 1500
    assert found.problems == ()
    assert len(asked.requests) == 2


@pytest.mark.parametrize("most", [50, 1000, 10_000])
def test_a_list_that_may_be_cut_says_so(most: int) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if most == 50 and "limit" in request.url.params:
            return httpx2.Response(422)
        limit = int(request.url.params.get("limit", "50"))
        return httpx2.Response(200, json=some(min(most, limit)))

    found = page(Recorder(handler), WantedRepositories())
    assert len(found.repositories) == most
    (problem,) = found.problems
    assert problem.counted == CUT
    assert f"may be cut at {most:,}" in problem.reason


@pytest.mark.parametrize("key", ["repos", "models", "items", "data", "results"])
def test_a_list_may_stand_in_an_object(key: str) -> None:
    asked = Recorder(lambda r: httpx2.Response(200, json={key: some(3), "total": 3, "next": None}))
    found = page(asked, WantedRepositories())
    assert [repository.id for repository in found.repositories] == [
        "account-01/n0", "account-01/n1", "account-01/n2",
    ]  # fmt: skip
    assert found.problems == ()
    assert len(asked.requests) == 1


@pytest.mark.parametrize("more", [{"total": 9}, {"next": "x"}, {"hasMore": True}, {"cursor": "c"}])
def test_an_object_that_says_that_there_is_more_is_a_list_that_may_be_cut(
    more: dict[str, object],
) -> None:
    found = page(
        Recorder(lambda r: httpx2.Response(200, json={"repos": some(3), **more})),
        WantedRepositories(),
    )
    assert len(found.repositories) == 3
    assert [problem.counted for problem in found.problems] == [CUT]


@pytest.mark.parametrize("answer", [{}, {"repos": {}}, {"models": [], "data": []}, {"x": []}, "x"])
def test_an_object_of_which_nobody_knows_which_list_is_meant_is_garbage(answer: object) -> None:
    with pytest.raises(HubGarbage, match="cannot be listed"):
        page(Recorder(lambda r: httpx2.Response(200, json=answer)), WantedRepositories())


def test_a_full_last_page_of_a_hub_that_links_is_the_last() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        link = "" if "p" in request.url.params else "<?p=1&limit=1000>; rel=next"
        return httpx2.Response(200, json=some(1000), headers={"Link": link})

    asked = Recorder(handler)

    async def main() -> None:
        async with hub(asked) as there:
            first = await there.list_repositories(WantedRepositories(), None)
            last = await there.list_repositories(WantedRepositories(), first.cursor)
            assert last.cursor is None
            assert last.problems == ()

    run(main())
    assert len(asked.requests) == 2


@pytest.mark.parametrize("refused", ["sort", "expand", "direction", "limit"])
@pytest.mark.parametrize("status", [400, 422])
def test_a_hub_that_refuses_a_parameter_is_listed_without_it(refused: str, status: int) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if refused in request.url.params:
            return httpx2.Response(status, json={"detail": [{"loc": ["query", refused]}]})
        return httpx2.Response(200, json=[*listed(9, 2, 8), {"id": "other/x"}])

    asked = Recorder(handler)

    async def main() -> None:
        async with hub(asked) as there:
            wanted = WantedRepositories(author="Account-01", since=datetime(2026, 1, 5, tzinfo=UTC))
            found = await there.list_repositories(wanted, None)
            # Not newest first: what is older does not end the list.
            assert [r.id[-1] for r in found.repositories] == ["9", "8"]
            before = len(asked.requests)
            await there.list_repositories(wanted, None)
            assert len(asked.requests) - before <= 3  # what was refused is not asked for again

    run(main())


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, text="<html></html>"),
        httpx2.Response(200, text=""),
        httpx2.Response(200, json={"models": []}),
        httpx2.Response(422),
        httpx2.Response(401),
    ],
)
def test_a_hub_that_lists_nothing_names_the_call_and_what_to_do(answer: httpx2.Response) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(answer.status_code, content=answer.content)

    async def main() -> HubError:
        async with hub(handler, attempts=1, token=None) as there:
            with pytest.raises(HubError) as caught:
                await there.list_repositories(WantedRepositories(RepoType.SPACE), None)
            return caught.value

    error = run(main())
    assert "https://hub.example/api/spaces" in str(error)
    assert error.remedy


def test_since_stops_where_the_changes_are_older() -> None:
    link = {"Link": '<https://hub.example/api/models?cursor=next>; rel="next"'}
    asked = Recorder(lambda r: httpx2.Response(200, json=listed(9, 8, 7, 6), headers=link))
    found = page(asked, WantedRepositories(since=datetime(2026, 1, 7, tzinfo=UTC)))
    assert [r.id[-1] for r in found.repositories] == ["9", "8", "7"]
    assert found.cursor is None
    assert asked.requests[0].url.params["sort"] == "lastModified"
    assert asked.requests[0].url.params["direction"] == "-1"
    found = page(asked, WantedRepositories(since=datetime(2026, 1, 1, tzinfo=UTC)))
    assert found.cursor == "?cursor=next"
    assert len(found.repositories) == 4


def test_a_space_is_not_asked_for_what_it_has_not() -> None:
    asked = Recorder(lambda r: httpx2.Response(200, json=[]))
    page(asked, WantedRepositories(RepoType.SPACE))
    assert "downloads" not in asked.requests[0].url.params.get_list("expand")


@pytest.mark.parametrize(
    ("type", "tree", "resolve"),
    [
        (RepoType.MODEL, b"/api/models/a/b/tree/", b"/a/b/resolve/"),
        (RepoType.DATASET, b"/api/datasets/a/b/tree/", b"/datasets/a/b/resolve/"),
        (RepoType.SPACE, b"/api/spaces/a/b/tree/", b"/spaces/a/b/resolve/"),
    ],
)
def test_pull_requests_and_odd_paths_are_quoted(
    type: RepoType, tree: bytes, resolve: bytes
) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=[])

    asked = Recorder(handler)

    async def main() -> None:
        async with hub(asked) as there:
            async for _ in there.list_files(type, "a/b", "refs/pr/1", "refs/pr/1"):
                pass
            odd = "sub dir/100%2F#?ü.bin"
            there_it_is = artifact(odd, type=type, repo="a/b", revision="refs/pr/1")
            await there.read(there_it_is, Range(0, 10))

    run(main())
    assert asked.requests[0].url.raw_path == tree + b"refs%2Fpr%2F1?recursive=true&expand=false"
    assert asked.requests[1].url.raw_path == (
        resolve + b"refs%2Fpr%2F1/sub%20dir/100%252F%23%3F%C3%BC.bin"
    )
    assert {request.method for request in asked.requests} == {"GET"}


def test_a_tree_is_read_page_by_page() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        number = int(request.url.params.get("cursor", "0"))
        entry = {"type": "file", "oid": C[1], "size": 2000, "path": f"{number}.bin"}
        link = f'<https://hub.example/x?cursor={number + 1}>; rel="next"' if number < 4 else ""
        return httpx2.Response(200, json=[entry], headers={"Link": link})

    async def main() -> list[str]:
        async with hub(handler) as there:
            pages = there.list_files(RepoType.MODEL, "a/b", C[0], "main")
            return [found.path async for files in pages for found in files.artifacts]

    assert run(main()) == [f"{number}.bin" for number in range(5)]


@pytest.mark.parametrize("most", [1000, 5000])
def test_a_tree_of_a_full_page_and_no_link_is_asked_for_once_more(most: int) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        limit = min(int(request.url.params.get("limit", "1000")), most)
        entries = [
            {"type": "file", "oid": C[1], "size": 2000, "path": f"{n}.bin"} for n in range(1500)
        ]
        return httpx2.Response(200, json=entries[:limit])

    async def main() -> tuple[int, list[str | None]]:
        async with hub(handler) as there:
            pages = [p async for p in there.list_files(RepoType.MODEL, "a/b", C[0], "main")]
            artifacts = sum(len(each.artifacts) for each in pages)
            return artifacts, [p.counted for each in pages for p in each.problems]

    assert run(main()) == ((1000, [CUT]) if most == 1000 else (1500, []))


def test_an_endless_tree_ends_with_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reseen.hubs.trees.MOST_PAGES", 3)

    def handler(request: httpx2.Request) -> httpx2.Response:
        number = int(request.url.params.get("cursor", "0")) + 1
        link = f'<https://hub.example/x?cursor={number}>; rel="next"'
        return httpx2.Response(200, json=[], headers={"Link": link})

    async def main() -> list[str]:
        async with hub(handler) as there:
            pages = there.list_files(RepoType.MODEL, "a/b", C[0], "main")
            return [problem.reason async for files in pages for problem in files.problems]

    assert run(main()) == ["too many files: the rest was not listed"]


def revisions(asked: Recorder) -> Revisions:
    async def main() -> Revisions:
        async with hub(asked, attempts=2) as there:
            return await there.revisions(RepoType.MODEL, "a/b")

    return run(main())


def history(request: httpx2.Request) -> httpx2.Response:
    """main: 9 8 ... 1, two a page; backup: 20, then 5 4 ... 1; a pull request at 30."""
    if request.url.path.endswith("/refs"):
        assert request.url.params["include_prs"] == "1"
        return httpx2.Response(
            200,
            json={
                "branches": [
                    {"name": "backup", "ref": "refs/heads/backup", "targetCommit": C[20]},
                    {"name": "main", "ref": "refs/heads/main", "targetCommit": C[9]},
                ],
                "tags": [{"name": "v1", "ref": "refs/tags/v1", "targetCommit": C[3]}],
                "pullRequests": [{"name": "1", "ref": "refs/pr/1", "targetCommit": C[30]}],
            },
        )
    head = request.url.path.rpartition("/")[2]
    line = {
        C[9]: [9, 8, 7, 6, 5, 4, 3, 2, 1],
        C[20]: [20, 5, 4, 3, 2, 1],
        C[30]: [30],
    }[head]
    start = int(request.url.params.get("p", "0"))
    link = f'<https://hub.example/?p={start + 2}>; rel="next"' if start + 2 < len(line) else ""
    found = [{"id": C[number], "title": "x"} for number in line[start : start + 2]]
    return httpx2.Response(200, json=found, headers={"Link": link})


def test_every_ref_and_every_older_commit_is_named_once() -> None:
    asked = Recorder(history)
    found = revisions(asked)
    assert [(r.ref, r.commit) for r in found.revisions[:4]] == [
        ("main", C[9]),
        ("backup", C[20]),
        ("v1", C[3]),
        ("refs/pr/1", C[30]),
    ]
    assert [r.ref for r in found.revisions[4:]] == [None] * 7
    assert {r.commit for r in found.revisions[4:]} == {C[n] for n in (8, 7, 6, 5, 4, 2, 1)}
    assert found.problems == ()
    assert len(asked.requests) == 1 + 5 + 2


def test_what_history_gave_before_an_error_is_kept_and_other_branches_are_looked_at() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith(C[9]) and request.url.params.get("p") == "4":
            return httpx2.Response(404)
        return history(request)

    found = revisions(Recorder(handler))
    commits = {r.commit for r in found.revisions}
    assert {C[n] for n in (8, 7, 6)} <= commits
    assert {C[n] for n in (20, 5, 4)} <= commits
    assert len(found.problems) == 1
    assert found.problems[0].counted == NOT_ALL_REFS


@pytest.mark.parametrize("longest", [None, 1000, 100, 50])
@pytest.mark.parametrize("linked", [True, False])
def test_all_of_a_long_history_is_named(linked: bool, longest: int | None) -> None:
    """A link or none, and whatever the server takes for `limit`."""
    line = [f"{n:040x}" for n in range(1, 2101)]
    heads = {commit: place for place, commit in enumerate(line)}

    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/refs"):
            branch = {"name": "main", "ref": "refs/heads/main", "targetCommit": line[0]}
            return httpx2.Response(200, json={"branches": [branch]})
        asked = request.url.params.get("limit")
        if longest is None and asked:
            return httpx2.Response(400)
        size = min(int(asked or 50), longest or 50)
        start = heads[request.url.path.rpartition("/")[2]]
        start += size * int(request.url.params.get("p", "0"))
        page = int(request.url.params.get("p", "0")) + 1
        link = f"<{request.url.path}?p={page}&limit={size}>; rel=next" if linked else ""
        if longest is None:
            link = link.replace("&limit=50", "")
        found = [{"id": commit} for commit in line[start : start + size]]
        headers = {"Link": link if start + size < len(line) else ""}
        return httpx2.Response(200, json=found, headers=headers)

    found = revisions(Recorder(handler))
    if longest in (None, 50) and len(found.revisions) < 2100:
        assert "long history" in found.problems[0].reason
        assert len(found.revisions) >= 40 * 49
    else:
        assert {r.commit for r in found.revisions} == set(line)
        assert found.problems == ()


def test_a_history_that_cannot_be_gone_on_with_may_be_cut() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/refs"):
            branch = {"name": "main", "ref": "refs/heads/main", "targetCommit": C[0]}
            return httpx2.Response(200, json={"branches": [branch]})
        if not request.url.path.endswith(C[0]):
            return httpx2.Response(404, headers={"X-Error-Code": "RevisionNotFound"})
        return httpx2.Response(200, json=[{"id": commit} for commit in C[:50]])

    found = revisions(Recorder(handler))
    assert len(found.revisions) == 50
    assert len(found.problems) == 1


def test_a_commit_of_64_digits_and_its_first_40_are_one() -> None:
    long = [f"{n:064x}"[::-1] for n in range(1, 4)]

    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/refs"):
            branch = {"name": "main", "ref": "refs/heads/main", "targetCommit": long[0][:40]}
            return httpx2.Response(200, json={"branches": [branch]})
        return httpx2.Response(200, json=[{"id": commit} for commit in long])

    assert [r.commit for r in revisions(Recorder(handler)).revisions] == [long[0][:40], *long[1:]]


def test_a_long_history_is_cut_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reseen.hubs.huggingface_history.MOST_PAGES", 2)
    found = revisions(Recorder(history))
    assert [problem.reason[:14] for problem in found.problems] == ["a long history"]
    assert {C[8], C[7], C[6]} <= {r.commit for r in found.revisions}


def test_a_history_that_cannot_be_read_leaves_the_refs() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if "/commits/" in request.url.path:
            return httpx2.Response(500, text="KeyError: 'user'")
        return history(request)

    found = revisions(Recorder(handler))
    assert [r.ref for r in found.revisions] == ["main", "backup", "v1", "refs/pr/1"]
    assert len(found.problems) == 1


@pytest.mark.parametrize("repo", ["../../x", "a/b/c", "a/b?x=1", "a/b#x", "", "a/..", "http://x/y"])
def test_a_hostile_repository_name_is_asked_of_nobody(repo: str) -> None:
    asked = Recorder(lambda r: httpx2.Response(200, json=[]))

    async def main() -> None:
        async with hub(asked) as there:
            with pytest.raises(HubMissing):
                await there.repository(RepoType.MODEL, repo)
            with pytest.raises(HubMissing):
                await there.read(artifact(repo=repo), Range(0, 1))
            with pytest.raises(HubMissing):
                await anext(there.stream(artifact(path="../x"), 10))
            with pytest.raises(HubMissing):
                await anext(there.list_files(RepoType.MODEL, "a/b", "../../x", None))

    run(main())
    assert asked.requests == []


def test_a_mirror_that_knows_revisions_only_is_asked_for_main() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.endswith("/revision/main"):
            return httpx2.Response(401)
        return httpx2.Response(200, json={"id": "a/b", "sha": C[1]})

    async def main() -> str | None:
        async with hub(handler) as there:
            return (await there.repository(RepoType.MODEL, "a/b")).sha

    assert run(main()) == C[1]


def test_many_at_once_share_the_connections_and_all_end_when_cancelled() -> None:
    async def handler(request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(1)
        return httpx2.Response(200, json={"id": "a/b"})

    async def main() -> None:
        async with hub(handler) as there:
            tasks = [
                asyncio.create_task(there.repository(RepoType.MODEL, "a/b")) for _ in range(50)
            ]
            await asyncio.sleep(1.5)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert not [e for e in ended if isinstance(e, HubError)]
            assert len(asyncio.all_tasks()) == 1

    run(main())


@pytest.mark.parametrize("longest", [100, 20, 0])
def test_a_hub_that_refuses_long_pages_is_asked_for_all_that_is_needed(longest: int) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        given = request.url.params
        if int(given.get("limit", "0")) > longest:
            return httpx2.Response(400)
        told = {"id": "a/b", "sha": C[1]} if "sha" in given.get_list("expand") else {"id": "a/b"}
        return httpx2.Response(200, json=[told])

    asked = Recorder(handler)
    assert [r.sha for r in page(asked, WantedRepositories()).repositories] == [C[1]]
    assert len(asked.requests) <= 4


@pytest.mark.parametrize("unknown", ["sort", "expand", "direction"])
def test_a_hub_that_lists_nothing_in_an_order_it_does_not_know_is_asked_without(
    unknown: str,
) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        nothing = unknown in request.url.params or "nobody" in request.url.params.values()
        return httpx2.Response(200, json=[] if nothing else some(3))

    asked = Recorder(handler)

    async def main() -> None:
        async with hub(asked) as there:
            for type in RepoType:
                found = await there.list_repositories(WantedRepositories(type), None)
                assert len(found.repositories) == 3
            before = len(asked.requests)
            nothing = WantedRepositories(author="nobody")
            assert (await there.list_repositories(nothing, None)).repositories == ()
            assert len(asked.requests) == before + 1

    run(main())


@pytest.mark.parametrize("status", [400, 422, 501])
def test_a_repository_is_looked_up_where_fields_are_refused(status: int) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if "expand" in request.url.params:
            return httpx2.Response(status)
        return httpx2.Response(200, json={"id": "a/b", "sha": C[1].upper()})

    asked = Recorder(handler)

    async def main() -> None:
        async with hub(asked) as there:
            for _ in range(3):
                assert (await there.repository(RepoType.MODEL, "a/b")).sha == C[1]

    run(main())
    assert len(asked.requests) == 4  # what was refused is not asked for again


FILES = ("a.bin", "one/b.bin", "one/two/c.bin", "other/small.txt")


def entries(within: str, *, deep: bool) -> list[object]:
    """What git's server shows of a folder: its folders too."""
    start = f"{within}/" if within else ""
    found: list[object] = []
    for folder in ("one", "one/two", "other", "linked"):
        if folder.startswith(start) and (deep or "/" not in folder.removeprefix(start)):
            found.append({"type": "directory", "path": folder})
    for path in FILES:
        if path.startswith(start) and (deep or "/" not in path.removeprefix(start)):
            size = 10 if path.endswith("txt") else 5000
            found.append({"type": "file", "path": path, "size": size, "oid": "ab" * 20})
    return found


@pytest.mark.parametrize("refused", ["", "expand", "recursive"])
@pytest.mark.parametrize("deep", [True, False])
def test_all_folders_are_listed_whatever_the_hub_knows_of_recursion(
    refused: str, deep: bool
) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if refused in request.url.params:
            return httpx2.Response(400)
        within = request.url.path.partition(f"/tree/{C[0]}")[2].strip("/")
        if within == "linked":  # another repository
            return httpx2.Response(404)
        listens = deep and "recursive" in request.url.params
        return httpx2.Response(200, json=entries(within, deep=listens))

    asked = Recorder(handler)

    async def main() -> list[str]:
        async with hub(asked) as there:
            pages = there.list_files(RepoType.MODEL, "a/b", C[0], "main")
            found = [file async for files in pages for file in (*files.artifacts, *files.problems)]
            return [each.path if isinstance(each, Artifact) else each.reason for each in found]

    assert run(main()) == ["a.bin", "one/b.bin", "one/two/c.bin"]
    if deep and not refused:  # a folder whose files are small is not empty
        assert len(asked.requests) == 2


@pytest.mark.parametrize("status", [404, 400, 501])
def test_where_a_hub_knows_no_refs_the_main_line_is_looked_at_and_it_is_said(status: int) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.endswith("/refs"):
            return httpx2.Response(status)
        if "/commits/" in path:
            return httpx2.Response(200, json=[{"id": each} for each in C[1:4]])
        return httpx2.Response(200, json={"id": "a/b", "sha": C[1]})

    found = revisions(Recorder(handler))
    assert [(r.ref, r.commit) for r in found.revisions] == [
        ("main", C[1]),
        (None, C[2]),
        (None, C[3]),
    ]
    assert {problem.counted for problem in found.problems} == {NOT_ALL_REFS}


def test_a_hub_that_knows_no_pull_requests_is_asked_for_branches() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if "include_prs" in request.url.params:
            return httpx2.Response(422)
        if request.url.path.endswith("/refs"):
            branches = [{"name": "dev", "targetCommit": C[2]}]
            return httpx2.Response(200, json={"branches": branches})
        return httpx2.Response(200, json=[])

    found = revisions(Recorder(handler))
    assert [(r.ref, r.commit) for r in found.revisions] == [("dev", C[2])]
    assert len(found.problems) == 1


def test_refs_of_a_repository_that_is_gone_are_no_main_line() -> None:
    async def main() -> None:
        async with hub(lambda r: httpx2.Response(404)) as there:
            with pytest.raises(HubMissing):
                await there.revisions(RepoType.MODEL, "a/b")

    run(main())
