"""A hub without git: shelves of files, each with a path and a SHA-256, and nothing else.

No refs, no history, no commits; a repository's version is a count of its changes. It refuses what
it does not say that it can do, so that a test sees who asks for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from reseen.errors import HubMissing
from reseen.files.source import Range
from reseen.hubs.addresses import Named, quoted, quoted_path, root
from reseen.hubs.hub import (
    Abilities,
    FilesPage,
    RepositoryPage,
    Revisions,
    Usage,
    WantedRepositories,
)
from reseen.records import Artifact, DigestKind, Repository, RepoType, account_of

KIND = "shelf"
HOST = "toys.example"
PLAIN = Abilities(
    lists=True,
    refs=False,
    history=False,
    ranges=True,
    sizes=True,
    digests=frozenset({DigestKind.SHA256}),
)


@dataclass(frozen=True, slots=True)
class ShelfAddresses:
    """`https://toys.example/of/owner/what/name/at/path`."""

    host: str

    def account(self, account: str) -> str:
        return f"{root(self.host)}/of/{quoted(account)}"

    def repository(self, type: RepoType, repo: str) -> str:
        owner, _, name = repo.partition("/")
        return f"{self.account(owner)}/what/{quoted(name)}"

    def file(self, type: RepoType, repo: str, revision: str, path: str) -> str:
        return f"{self.repository(type, repo)}/at/{quoted_path(path)}"

    def named(self, address: str) -> Named | None:
        words = address.removeprefix(root(self.host)).split("/")
        return Named(f"{words[2]}/{words[4]}") if len(words) > 4 and words[1] == "of" else None


@dataclass(slots=True)
class Shelf:
    """A `Hub`: repository -> path -> bytes."""

    shelves: dict[str, dict[str, bytes]]
    abilities: Abilities = PLAIN
    changes: dict[str, int] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    calls: list[str] = field(default_factory=list)
    """What was asked, in order."""

    @property
    def name(self) -> str:
        return f"{KIND}+{HOST}"

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        assert self.abilities.lists
        self._called("list")
        if wanted.type is not RepoType.MODEL:
            return RepositoryPage((), None)
        repos = [r for r in self.shelves if wanted.author in (None, account_of(r))]
        return RepositoryPage(tuple(map(self._repository, repos)), None)

    async def repository(self, type: RepoType, repo: str) -> Repository:
        self._called("repository")
        if repo not in self.shelves or type is not RepoType.MODEL:
            raise HubMissing("no such shelf")
        return self._repository(repo)

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        self._called("files")
        if repo not in self.shelves or revision != self._version(repo):
            raise HubMissing("the shelf was changed")
        yield FilesPage(tuple(self._artifact(repo, path) for path in self.shelves[repo]))

    async def refs(self, type: RepoType, repo: str) -> Revisions:
        raise AssertionError("a shelf has no refs")

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        raise AssertionError("a shelf has no revisions")

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        assert self.abilities.ranges
        self._called("read")
        return self._bytes(artifact)[wanted.start : wanted.start + wanted.length]

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        self._called("stream")
        yield self._bytes(artifact)[: limit + 1]

    async def close(self) -> None:
        pass

    def _called(self, what: str) -> None:
        self.calls.append(what)
        self.usage.requests += 1

    def _version(self, repo: str) -> str:
        return f"change {self.changes.get(repo, 0)}".replace(" ", "-")

    def _repository(self, repo: str) -> Repository:
        return Repository(self.name, RepoType.MODEL, repo, sha=self._version(repo))

    def _artifact(self, repo: str, path: str) -> Artifact:
        data = self.shelves[repo][path]
        return Artifact(
            self.name,
            RepoType.MODEL,
            repo,
            self._version(repo),
            "main",
            path,
            len(data) if self.abilities.sizes else None,
            sha256=hashlib.sha256(data).digest(),
        )

    def _bytes(self, artifact: Artifact) -> bytes:
        try:
            return self.shelves[artifact.repo][artifact.path]
        except KeyError:
            raise HubMissing("no such file") from None
