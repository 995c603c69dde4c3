"""A git forge with LFS (GitHub, GitLab, Forgejo, a server of one's own): repositories by name.

What comes in: names of repositories. What goes out: values of `reseen.records`. All refs are looked
at by git's own protocol, which every forge speaks: of each commit the folders come, and what is
small in them. An LFS file is a small text there, which states its SHA-256 and size: no byte of a
model is read to know them. Of other files git's own digest is known. A forge that cannot leave out
the large ones is not asked for any. Facts: git's documentation, and `git http-backend` in a test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from reseen.errors import HubMissing, HubRefused
from reseen.files import lfs_pointer
from reseen.files.source import Range
from reseen.hubs import git_pack, git_wire
from reseen.hubs.answers import is_no_ref, why_unusable
from reseen.hubs.client_options import USUAL, ClientOptions
from reseen.hubs.git_addresses import is_repository
from reseen.hubs.git_lfs import LfsStore
from reseen.hubs.http import NO_HEADERS
from reseen.hubs.http_hub import HttpHub
from reseen.hubs.http_requests import AUTHORIZATION, authorization_of
from reseen.hubs.hub import (
    NOT_ALL_REFS,
    Abilities,
    FilesPage,
    RepositoryPage,
    Revision,
    Revisions,
    WantedRepositories,
)
from reseen.records import Artifact, DigestKind, Problem, Repository, RepoType
from reseen.settings import GIT

MOST_PACK = 64 << 20
"""Bytes of one pack: folders, and files under 1 KiB."""
PACKS = 2
"""Packs that are taken apart at once."""
PAGE = 1_000

_ABILITIES = Abilities(
    lists=False,
    refs=True,
    history=False,
    ranges=True,
    sizes=True,
    digests=frozenset({DigestKind.SHA256, DigestKind.GIT_BLOB}),
)
_ASKS = {
    "Content-Type": "application/x-git-upload-pack-request",
    "Accept": "application/x-git-upload-pack-result",
    **git_wire.VERSION,
}


class GitForge(HttpHub):
    """A `Hub`. Make it inside a running event loop; to be closed."""

    def __init__(
        self, endpoint: str, token: str | None = None, options: ClientOptions = USUAL
    ) -> None:
        """`token`: `user:password`, or what the forge takes as a bearer's token."""
        super().__init__(_ABILITIES, endpoint, token, options, kind=GIT)
        given = authorization_of(token)
        self._own: Mapping[str, str] = {AUTHORIZATION: given} if given else NO_HEADERS
        self._store = LfsStore(endpoint, self._http, self._own, self._usage, options)
        self._at_once = asyncio.Semaphore(PACKS)

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        raise HubMissing(
            "a git forge is not listed: each has another way to", remedy="Name the repositories."
        )

    async def repository(self, type: RepoType, repo: str) -> Repository:
        """One repository as it stands now: at the commit of its HEAD."""
        found, _, _ = await self._refs(type, repo)
        head = next((ref.commit for ref in found if ref.name == "HEAD"), None)
        return Repository(self._name, RepoType.MODEL, repo, sha=head)

    async def refs(self, type: RepoType, repo: str) -> Revisions:
        """Branches, tags, and whatever else the forge names, such as proposals."""
        found, head, unread = await self._refs(type, repo)
        named: dict[str, Revision] = {}
        for ref in found:
            name = _short(ref.name, head)
            if name is None or is_no_ref(name):
                unread += name is not None
            else:
                named.setdefault(name, Revision(name, ref.commit))
        problems: tuple[Problem, ...] = ()
        if unread:
            why = f"refs that cannot be read, or are too many: {unread:,}"
            problems = (Problem(f"{self._name} {repo}", why, counted=NOT_ALL_REFS),)
        first = (named.pop("main"),) if "main" in named else ()
        return Revisions((*first, *named.values()), problems)

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        """The same: a forge need not hand out a commit that no ref leads to."""
        return await self.refs(type, repo)

    async def _refs(self, type: RepoType, repo: str) -> tuple[list[git_wire.Ref], str | None, int]:
        """All refs, the branch that HEAD is, and how many were not read."""
        if type is not RepoType.MODEL:
            raise HubMissing("this hub has models alone")
        return git_wire.refs(await self._ask(repo, git_wire.ask_refs()))

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        """All LFS files of a commit, and its others from 1 KiB."""
        if type is not RepoType.MODEL or is_no_ref(revision) or len(revision) != 40:
            raise HubMissing("this hub has no such version")
        at = f"/{_path(repo)}/info/refs?service=git-upload-pack"
        can = git_wire.capabilities(await self._http.get(at, {**git_wire.VERSION, **self._own}))
        if "filter" not in can.get("fetch", "").split():
            raise HubRefused(
                "this git server cannot leave out large files: its repositories are not looked at",
                remedy="Its setting is uploadpack.allowFilter.",
            )
        async with self._at_once:
            pack = git_wire.pack(await self._ask(repo, git_wire.ask_tree(revision)))
            found = await asyncio.to_thread(_files, pack, revision)
        like = Artifact(self._name, RepoType.MODEL, repo, revision, ref, "", None)
        where = f"{self._name} {repo}"
        for start in range(0, len(found), PAGE):
            yield _page(like, where, found[start : start + PAGE])

    async def _ask(self, repo: str, question: bytes) -> bytes:
        path = f"/{_path(repo)}/git-upload-pack"
        return await self._http.post(path, question, {**_ASKS, **self._own}, MOST_PACK)

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        """Bytes of an LFS file: at most `wanted.length`, fewer where it ends."""
        return await self._store.read(_path(artifact.repo), artifact, wanted)

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        """The whole LFS file in order. Raises HubGarbage past `limit` bytes."""
        async for chunk in self._store.stream(_path(artifact.repo), artifact, limit):
            yield chunk

    async def close(self) -> None:
        await self._store.close()
        await super().close()


def _files(pack: bytes, commit: str) -> list[git_pack.GitFile]:
    return list(git_pack.files(git_pack.objects(pack), commit))


def _page(like: Artifact, where: str, found: list[git_pack.GitFile]) -> FilesPage:
    artifacts: list[Artifact] = []
    problems: list[Problem] = []
    for file in found:
        pointer = None if file.data is None else lfs_pointer.parse(file.data)
        if file.data is not None and pointer is None:
            continue  # small, and no pointer: it holds no model
        if reason := why_unusable(file.path):
            problems.append(Problem(where, f"{reason} in the tree"))
        elif pointer is None:
            artifacts.append(replace(like, path=file.path, git_oid=file.oid))
        else:
            size, sha256 = pointer.size, pointer.sha256
            artifacts.append(
                replace(like, path=file.path, size=size, sha256=sha256, git_oid=file.oid, lfs=True)
            )
    return FilesPage(tuple(artifacts), tuple(dict.fromkeys(problems)))


def _short(name: str, head: str | None) -> str | None:
    """How a ref is called here; None for the branch that HEAD is. What everybody sees is called
    "main": a branch of that name beside it says what it is."""
    if name == "HEAD":
        return "main"
    if name == head:
        return None
    short = name.removeprefix("refs/heads/").removeprefix("refs/tags/")
    return name if short == "main" else short


def _path(repo: str) -> str:
    """A repository's part of a path."""
    if not is_repository(repo):
        raise HubMissing("this is no repository's name", remedy="Write OWNER/NAME.")
    return f"{repo}.git"
