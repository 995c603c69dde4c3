"""A hub in memory: dicts behind the `Hub` interface, with ways to lie and to break."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from reseen.errors import HubBusy, HubError, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.fingerprints.git import blob_sha1, pointer_oid
from reseen.hubs.hub import (
    Abilities,
    FilesPage,
    RepositoryPage,
    Revision,
    Revisions,
    Usage,
    WantedRepositories,
)
from reseen.records import Artifact, DigestKind, Problem, Repository, RepoType

NAME = "hub.example"
COMMIT = "c" * 40
ALL = Abilities(
    lists=True,
    refs=True,
    history=True,
    ranges=True,
    sizes=True,
    digests=frozenset({DigestKind.SHA256, DigestKind.GIT_BLOB}),
)


@dataclass(slots=True)
class FakeHub:
    """One repository's files by commit and path."""

    files: dict[str, bytes]
    name: str = NAME
    usage: Usage = field(default_factory=Usage)
    abilities: Abilities = ALL
    declares: dict[str, bytes] = field(default_factory=dict)
    """Path -> the bytes whose hash and size the hub states for it: a lie."""
    changes: dict[str, dict[str, object]] = field(default_factory=dict)
    """Path -> fields of its artifact."""
    fails: dict[str, HubError] = field(default_factory=dict)
    """Path -> what reading it raises."""
    plain: frozenset[str] = frozenset()
    """Paths that stand in plain git."""
    page: int = 1000
    breaks_after: int | None = None
    """Pages of the listing that come before it breaks off."""
    empty_page: bool = False
    """The listing is one page without artifacts."""
    problems: tuple[Problem, ...] = ()
    reads: list[str] = field(default_factory=list)
    """Paths read by range, in order."""
    streams: list[str] = field(default_factory=list)
    cut: int | None = None
    """Streams end after so many bytes."""
    hangs: bool = False

    @property
    def listed(self) -> Repository:
        return Repository(self.name, RepoType.MODEL, "someone/test", sha=COMMIT)

    def artifact(self, path: str) -> Artifact:
        said = self.declares.get(path, self.files[path])
        sha = hashlib.sha256(said).digest()
        lfs = path not in self.plain
        plain = Artifact(
            self.name,
            RepoType.MODEL,
            "someone/test",
            COMMIT,
            "main",
            path,
            len(said),
            sha256=sha if lfs else None,
            git_oid=pointer_oid(sha, len(said)) if lfs else blob_sha1(said),
            lfs=lfs,
        )
        return replace(plain, **self.changes.get(path, {}))  # type: ignore[arg-type]

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        return RepositoryPage((self.listed,), None)

    async def repository(self, type: RepoType, repo: str) -> Repository:
        return self.listed

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        if revision != COMMIT:
            raise HubMissing("no such revision")
        if self.empty_page:
            yield FilesPage((), self.problems)
        paths = list(self.files)
        for number, at in enumerate(range(0, len(paths), self.page)):
            if number == self.breaks_after:
                raise HubGarbage("the answer breaks off")
            await asyncio.sleep(0)
            some = paths[at : at + self.page]
            yield FilesPage(tuple(map(self.artifact, some)), self.problems if not number else ())

    async def refs(self, type: RepoType, repo: str) -> Revisions:
        every = await self.revisions(type, repo)
        return Revisions(tuple(each for each in every.revisions if each.ref is not None))

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        return Revisions((Revision("main", COMMIT),))

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        self.reads.append(artifact.path)
        await self._answer(artifact)
        return self.files[artifact.path][wanted.start : wanted.start + wanted.length]

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        self.streams.append(artifact.path)
        await self._answer(artifact)
        data = self.files[artifact.path][: self.cut]
        for at in range(0, len(data), 1000):
            if at + 1000 > limit + 1000:
                raise HubGarbage("more bytes than the hub states")
            yield data[at : at + 1000]

    async def close(self) -> None:
        pass

    async def _answer(self, artifact: Artifact) -> None:
        await asyncio.sleep(3600 if self.hangs else 0)
        if artifact.path in self.fails:
            raise self.fails[artifact.path]
        if artifact.path not in self.files:
            raise HubMissing("no such file")


BUSY = HubBusy("the hub is busy")
