"""Servers that list no files of a commit, but what a branch's name leads to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx2
import pytest
from fake_hub import Recorder, artifact, hub
from virtual_time import run

from reseen.errors import HubMissing
from reseen.files.source import Range
from reseen.hubs.hub import BY_NAME, NOT_ALL_REFS, FilesPage, Revisions
from reseen.hubs.huggingface import HuggingFace
from reseen.records import Artifact, RepoType

C = [f"{number:040x}" for number in range(9)]
TREE = [{"type": "file", "path": "a.bin", "size": 5000, "oid": "ab" * 20}]


class ByName:
    """Branches and where they lead; listed by name only."""

    def __init__(self, **branches: str) -> None:
        self.branches = branches
        self.moves = False
        """main goes on whenever it is listed."""
        self.headers: dict[str, str] = {}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.endswith("/refs"):
            listed = [{"name": n, "targetCommit": c} for n, c in self.branches.items()]
            return httpx2.Response(200, json={"branches": listed})
        if "/tree/" in path:
            name = path.rpartition("/")[2]
            if name not in self.branches:
                return httpx2.Response(404, headers=self.headers)
            if self.moves:
                self.branches[name] = C[8]
            return httpx2.Response(200, json=TREE)
        return httpx2.Response(200, json={"id": "a/b", "sha": self.branches.get("main")})


def pages(asked: Recorder, *wanted: tuple[str, str | None]) -> list[list[FilesPage]]:
    async def main() -> list[list[FilesPage]]:
        async with hub(asked) as there:
            return [
                [page async for page in there.list_files(RepoType.MODEL, "a/b", revision, ref)]
                for revision, ref in wanted
            ]

    return run(main())


@pytest.mark.parametrize("code", ["", "RevisionNotFound"])
@pytest.mark.parametrize("ref", ["main", "dev"])
def test_files_are_listed_by_the_name_and_said_to_be(ref: str, code: str) -> None:
    server = ByName(main=C[1], dev=C[2])
    server.headers = {"X-Error-Code": code} if code else {}
    first, second = pages(Recorder(server), *[(server.branches[ref], ref)] * 2)
    for found in (first, second):
        artifacts = [each for page in found for each in page.artifacts]
        assert [(a.path, a.revision, a.ref) for a in artifacts] == [("a.bin", ref, ref)]
        assert all(page.certain for page in found)
    assert [p.counted for page in first for p in page.problems] == [BY_NAME]
    assert [p.counted for page in second for p in page.problems] == []  # once


def test_the_main_line_may_have_another_name() -> None:
    class Master(ByName):
        def __call__(self, request: httpx2.Request) -> httpx2.Response:
            if "/tree/" in request.url.path or request.url.path.endswith("/refs"):
                return super().__call__(request)
            return httpx2.Response(200, json={"id": "a/b", "sha": C[1]})

    (found,) = pages(Recorder(Master(old=C[2], master=C[1])), (C[1], "main"))
    artifacts = [each for page in found for each in page.artifacts]
    assert [(a.revision, a.ref) for a in artifacts] == [("master", "main")]
    assert all(page.certain for page in found)


@pytest.mark.parametrize("before", [True, False])
def test_where_the_branch_moved_the_commit_is_not_known(before: bool) -> None:
    server = ByName(main=C[1])
    server.moves = not before
    (found,) = pages(Recorder(server), (C[3] if before else C[1], "main"))
    assert [a.revision for page in found for a in page.artifacts] == ["main"]
    assert not all(page.certain for page in found)
    assert [p.counted for page in found for p in page.problems] == [BY_NAME]


def test_history_that_such_a_hub_does_not_list_is_said_to_be_left_out() -> None:
    server = ByName(main=C[1])
    _, past = pages(Recorder(server), (C[1], "main"), (C[4], None))
    assert [p.counted for page in past for p in page.problems] == [NOT_ALL_REFS]
    assert not all(page.certain for page in past)


def test_a_version_that_is_gone_is_gone() -> None:
    for revision, ref in ((C[1], None), (C[5], "old"), ("old", "old")):
        with pytest.raises(HubMissing):
            pages(Recorder(ByName(main=C[1])), (revision, ref))


def test_a_repository_that_is_gone_is_not_asked_for_by_name() -> None:
    answer = httpx2.Response(404, headers={"X-Error-Code": "RepoNotFound"})
    asked = Recorder(lambda request: answer)
    with pytest.raises(HubMissing):
        pages(asked, (C[1], "main"))
    assert len(asked.requests) == 1


def test_a_commit_that_is_listed_costs_what_it_did() -> None:
    asked = Recorder(lambda request: httpx2.Response(200, json=TREE))
    (found,) = pages(asked, (C[1], "main"))
    assert len(asked.requests) == 1
    assert [a.revision for page in found for a in page.artifacts] == [C[1]]


def test_refs_alone_are_asked_for_without_the_history() -> None:
    asked = Recorder(ByName(main=C[1], dev=C[2]))

    async def main() -> Revisions:
        async with hub(asked) as there:
            return await there.refs(RepoType.MODEL, "a/b")

    found = run(main())
    assert [(r.ref, r.commit) for r in found.revisions] == [("main", C[1]), ("dev", C[2])]
    assert len(asked.requests) == 1


DATA = bytes(range(200)) * 3


def serving(*, moved: bool = False, code: str = "", asked_before: int = 1) -> Recorder:
    """A hub that hands out what main leads to, and nothing of a commit. `moved`: main leads
    elsewhere from its answer of this number on."""
    told = 0

    def handler(request: httpx2.Request) -> httpx2.Response:
        nonlocal told
        if "/resolve/main/" in request.url.path:
            return httpx2.Response(200, content=DATA)
        if "/resolve/" in request.url.path:
            return httpx2.Response(404, headers={"X-Error-Code": code} if code else {})
        told += 1
        return httpx2.Response(
            200, json={"id": "a/b", "sha": C[2] if moved and told >= asked_before else C[1]}
        )

    return Recorder(handler)


async def part(there: HuggingFace, file: Artifact) -> bytes:
    return await there.read(file, Range(0, len(DATA)))


async def whole(there: HuggingFace, file: Artifact) -> bytes:
    return b"".join([chunk async for chunk in there.stream(file, 10_000)])


Reads = Callable[[HuggingFace, Artifact], Awaitable[bytes]]


def read_by(asked: Recorder, reads: Reads, ref: str | None = "main") -> bytes:
    file = replace(artifact(repo="a/b", revision=C[1], size=len(DATA)), ref=ref)

    async def main() -> bytes:
        async with hub(asked) as there:
            return await reads(there, file)

    return run(main())


@pytest.mark.parametrize("code", ["", "RevisionNotFound"])
@pytest.mark.parametrize("reads", [part, whole])
def test_bytes_of_a_commit_are_read_by_the_name_that_leads_to_it(reads: Reads, code: str) -> None:
    assert read_by(serving(code=code), reads) == DATA


@pytest.mark.parametrize("asked_before", [1, 2])
@pytest.mark.parametrize("reads", [part, whole])
def test_what_a_name_leads_to_that_moved_is_not_taken_for_the_file(
    reads: Reads, asked_before: int
) -> None:
    with pytest.raises(HubMissing):
        read_by(serving(moved=True, asked_before=asked_before), reads)


@pytest.mark.parametrize("reads", [part, whole])
def test_what_is_missing_is_asked_for_once(reads: Reads) -> None:
    for asked, ref in (
        (serving(code="EntryNotFound"), "main"),
        (serving(code="RepoNotFound"), "main"),
        (serving(), None),
    ):
        with pytest.raises(HubMissing):
            read_by(asked, reads, ref)
        assert len(asked.requests) == 1
