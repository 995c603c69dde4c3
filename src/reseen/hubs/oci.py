"""An OCI registry (Docker's, Ollama's, GHCR, Harbor ...): what its manifests state of each file.

What comes in: names of repositories, or the catalogue where the registry has one. What goes out:
values of `reseen.records`. A repository is looked at with all its tags; each layer of a manifest is
a file, with its SHA-256 and size: nothing is downloaded to know them. Only what a layer holds as it
is has the digest of the file; in a packed one (`tar`, `tar+gzip`) it is of the archive. Facts: the
specifications of OCI, and a registry that runs in a test. Its upload route is never asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TypeVar
from urllib.parse import urlencode

from reseen.errors import HubAuth, HubBusy, HubError, HubGarbage, HubMissing, HubRefused
from reseen.files.source import Range
from reseen.hubs import oci_answers as answers
from reseen.hubs.answers import version_of
from reseen.hubs.http import USUAL, ClientOptions, Http, HubResponse
from reseen.hubs.hub import (
    CUT,
    NOT_ALL_REFS,
    Abilities,
    FilesPage,
    RepositoryPage,
    Revisions,
    Usage,
    WantedRepositories,
)
from reseen.hubs.oci_addresses import is_repository, named_tag
from reseen.hubs.oci_tokens import CATALOG, Tokens, pulling
from reseen.records import Artifact, DigestKind, Problem, Repository, RepoType, account_of
from reseen.settings import OCI, USUAL_QUOTAS, host_of

T = TypeVar("T")
R = TypeVar("R")

PAGE = 50
"""Repositories of one page of the catalogue: each is looked up with it."""
TAGS_PAGE = 1_000
MOST_TAGS = 1_000
"""Tags of a repository that are looked at."""
MOST_MANIFESTS = 3_000
"""Manifests of a repository that are asked for."""
DEPTH = 3
"""A tag's manifest, what it names where it is an index, and what an index in that one does."""
AT_ONCE = 8
LATEST = "latest"
"""The tag that is meant where none is named."""

_ABILITIES = Abilities(
    lists=True,
    refs=False,
    history=False,
    ranges=True,
    sizes=True,
    digests=frozenset({DigestKind.SHA256}),
)


class OciRegistry:
    """A `Hub`. Make it inside a running event loop; to be closed."""

    def __init__(
        self, endpoint: str, token: str | None = None, options: ClientOptions = USUAL
    ) -> None:
        """`token`: `user:password`, or what the registry takes as a bearer's token."""
        self._name = f"{OCI}+{host_of(endpoint)}"
        self._usage = Usage()
        options = replace(options, quota=options.quota or USUAL_QUOTAS[OCI])
        self._http = Http(endpoint, token, self._usage, options)
        self._tokens = Tokens(endpoint, token, self._usage, options)
        self._shown: dict[str, tuple[Repository, FilesPage]] = {}

    @property
    def name(self) -> str:
        return self._name

    @property
    def abilities(self) -> Abilities:
        return replace(_ABILITIES, access=self._http.access)

    @property
    def usage(self) -> Usage:
        return self._usage

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        """One page of the catalogue, each repository with its files. Many registries have none:
        HubMissing then."""
        if wanted.type is not RepoType.MODEL:
            return RepositoryPage((), None)
        query = cursor or urlencode({"n": PAGE})
        try:
            answer = await self._json("/v2/_catalog", query, CATALOG)
        except (HubAuth, HubMissing, HubRefused):
            raise HubMissing(
                "this registry does not list its repositories", remedy="Name those to look at."
            ) from None
        names, strangers = answers.names(answer.value)
        following, problems = _following(answer, self._name)
        if strangers:
            why = f"entries of the catalogue that are no names: {strangers:,}"
            problems.append(Problem(self._name, why))
        if wanted.author is not None:
            names = [name for name in names if account_of(name) == wanted.author]
        found: list[tuple[Repository, FilesPage]] = []
        for name, looked in zip(names, await _each(self._look, names), strict=True):
            if isinstance(looked, HubError):
                problems.append(Problem(f"{self._name} {name}", str(looked), looked.remedy))
            else:
                found.append(looked)
        files = {repository.id: page for repository, page in found}
        listed = tuple(repository for repository, _ in found)
        return RepositoryPage(listed, following, tuple(problems), files)

    async def repository(self, type: RepoType, repo: str) -> Repository:
        """One repository as it stands now: its version is of all that its tags lead to."""
        if type is not RepoType.MODEL:
            raise HubMissing("this hub has models alone")
        repository, files = await self._look(repo)
        self._shown = {repo: (repository, files), **dict(list(self._shown.items())[: AT_ONCE * 8])}
        return repository

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        """All files of all tags, as they stand now."""
        if type is not RepoType.MODEL:
            raise HubMissing("this hub has models alone")
        shown = self._shown.pop(repo, None)
        repository, files = await self._look(repo) if shown is None else shown
        yield replace(files, certain=repository.sha == revision)

    async def _look(self, repo: str) -> tuple[Repository, FilesPage]:
        """A repository, and all files of its tags."""
        if not is_repository(repo):
            raise HubMissing("this is no repository's name", remedy="Write NAME or NAME:TAG.")
        name, tag = named_tag(repo)
        where, problems = f"{self._name} {repo}", list[Problem]()
        tags = [tag] if tag is not None else await self._tags(name, where, problems)
        artifacts: list[Artifact] = []
        wanted, asked = [(tag, tag) for tag in tags], 0
        for _ in range(DEPTH):
            some, wanted = wanted[: MOST_MANIFESTS - asked], wanted[MOST_MANIFESTS - asked :]
            if wanted:
                why = "too many manifests: the rest was not looked at"
                problems.append(Problem(where, why, counted=CUT))
            asked, wanted = asked + len(some), []
            came = await _each(partial(self._manifest, repo), some)
            for (tag, _), found in zip(some, came, strict=True):
                if isinstance(found, HubError):
                    if isinstance(found, HubMissing | HubAuth) and len(tags) == 1:
                        raise found
                    why = f"a tag could not be looked at: {found}"
                    problems.append(Problem(where, why, counted=CUT))
                    continue
                artifacts += found.artifacts
                problems += found.problems
                wanted += [(tag, digest) for digest in found.others]
        if wanted:
            why = "a manifest names others that name others, and so on"
            problems.append(Problem(where, why, counted=CUT))
        kept = tuple({artifact.path: artifact for artifact in artifacts}.values())
        repository = Repository(
            self._name,
            RepoType.MODEL,
            repo,
            sha=version_of(kept),
            used_storage=sum(each.size or 0 for each in kept) or None,
            paths=tuple(each.path for each in kept),
        )
        return repository, FilesPage(kept, tuple(dict.fromkeys(problems)))

    async def _tags(self, name: str, where: str, problems: list[Problem]) -> list[str]:
        """The tags of a repository; the usual one alone where the registry does not say them."""
        found: dict[str, None] = {}
        query: str | None = urlencode({"n": TAGS_PAGE})
        while query is not None and len(found) <= MOST_TAGS:
            try:
                answer = await self._json(f"/v2/{name}/tags/list", query, pulling(name))
            except (HubMissing, HubRefused) as e:
                why = f"the registry does not say its tags: `{LATEST}` alone was looked at: {e}"
                problems.append(Problem(where, why, counted=NOT_ALL_REFS))
                return [LATEST]
            tags, strangers = answers.tags(answer.value)
            if strangers:
                problems.append(Problem(where, "some of its tags cannot be read"))
            if not set(tags) - found.keys():
                break
            found.update(dict.fromkeys(tags))
            query, more = _following(answer, where)
            problems += more
        if len(found) > MOST_TAGS:
            why = f"only {MOST_TAGS:,} of its tags were looked at"
            problems.append(Problem(where, why, counted=CUT))
        return list(found)[:MOST_TAGS]

    async def _manifest(self, repo: str, one: tuple[str, str]) -> answers.OciManifest:
        """Of a tag: its own manifest, or one that this names by its digest."""
        (tag, which), (name, _) = one, named_tag(repo)
        path = tag if which == tag else f"{tag}/{which.removeprefix('sha256:')[:12]}"
        like = Artifact(self._name, RepoType.MODEL, repo, tag, "main", path, None)
        at = f"/v2/{name}/manifests/{which}"
        answer = await self._json(at, "", pulling(name), {"Accept": answers.ACCEPT})
        return answers.manifest(like, f"{self._name} {repo}", answer.value)

    async def _json(
        self, path: str, query: str, scope: str, headers: Mapping[str, str] | None = None
    ) -> HubResponse:
        """An answer of the API; once more with a token where the registry wants one for that."""

        async def ask() -> HubResponse:
            told = {**(headers or {}), **self._tokens.headers(scope)}
            return await self._http.json(path, query, headers=told)

        return await self._let_in(scope, ask)

    async def _let_in(self, scope: str, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            return await ask()
        except HubAuth as e:
            await self._tokens.answered(scope, e)
        return await ask()

    async def refs(self, type: RepoType, repo: str) -> Revisions:
        """Nothing stands beside: all tags are looked at together."""
        return Revisions(())

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        return Revisions(())

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        """Bytes of an artifact: at most `wanted.length`, fewer where it ends."""
        scope, path = _blob(artifact)

        async def ask() -> bytes:
            return await self._http.range(path, wanted, self._tokens.headers(scope))

        return await self._let_in(scope, ask)

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        """The whole artifact in order. Raises HubGarbage past `limit` bytes."""
        scope, path = _blob(artifact)
        await self.read(artifact, Range(0, 1))  # has a token handed out where one is wanted
        told = self._tokens.headers(scope)
        async with aclosing(self._http.whole(path, artifact.size, limit, told)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def close(self) -> None:
        await self._tokens.close()
        await self._http.close()


async def _each(work: Callable[[T], Awaitable[R]], given: Sequence[T]) -> list[R | HubError]:
    """What comes of work on each of these, a few at a time: an error is what comes of that one, but
    for a busy hub, of which it is raised."""

    async def one(each: T) -> R | HubError:
        try:
            return await work(each)
        except HubBusy:
            raise
        except HubError as e:
            return e

    came: list[R | HubError] = []
    for start in range(0, len(given), AT_ONCE):
        came += await asyncio.gather(*map(one, given[start : start + AT_ONCE]))
    return came


def _following(answer: HubResponse, where: str) -> tuple[str | None, list[Problem]]:
    """The query of the next page. A link that leads nowhere ends the list, and is said."""
    try:
        return answer.following(), []
    except HubGarbage as e:
        return None, [Problem(where, f"a list ends early: {e}", counted=CUT)]


def _blob(artifact: Artifact) -> tuple[str, str]:
    """The scope and the path of a file's bytes."""
    name, _ = named_tag(artifact.repo)
    if artifact.sha256 is None or not is_repository(artifact.repo):
        raise HubMissing("this registry has no file like this")
    return pulling(name), f"/v2/{name}/blobs/sha256:{artifact.sha256.hex()}"
