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
from reseen.hubs.answers import MOST_PATHS, version_of
from reseen.hubs.client_options import USUAL, ClientOptions
from reseen.hubs.http import HubResponse
from reseen.hubs.http_hub import HttpHub
from reseen.hubs.hub import (
    CUT,
    NOT_ALL_REFS,
    Abilities,
    FilesPage,
    RepositoryPage,
    WantedRepositories,
)
from reseen.hubs.list_so_far import ListSoFar, ListsSoFar
from reseen.hubs.oci_addresses import is_repository, named_tag
from reseen.hubs.oci_tokens import CATALOG, Tokens, pulling
from reseen.records import Artifact, DigestKind, Problem, Repository, RepoType, account_of
from reseen.settings import OCI

T = TypeVar("T")
R = TypeVar("R")

PAGE = 50
"""Repositories of one page of the catalogue: each is looked up with it."""
TAGS_PAGE = 1_000
MOST_TAGS = 1_000
"""Tags of a repository that are looked at."""
MOST_TAG_PAGES = 100
MOST_MANIFESTS = 3_000
"""Manifests of a repository that are asked for."""
MOST_FILES = MOST_PATHS
"""Files of a repository that are kept."""
MOST_HELD = 20_000
"""Files of several repositories that are kept at once; of others they are asked for again."""
MOST_SHOWN = 64
"""Repositories looked up by name that are remembered until their files are asked for."""
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


class OciRegistry(HttpHub):
    """A `Hub`. Make it inside a running event loop; to be closed."""

    def __init__(
        self, endpoint: str, token: str | None = None, options: ClientOptions = USUAL
    ) -> None:
        """`token`: `user:password`, or what the registry takes as a bearer's token."""
        super().__init__(_ABILITIES, endpoint, token, options, kind=OCI)
        self._tokens = Tokens(endpoint, token, self._usage, options)
        self._access_in = options.access_in
        self._lists = ListsSoFar()
        self._shown: dict[str, tuple[Repository, FilesPage]] = {}

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        """One page of the catalogue, each repository with its files, unless these are too many to
        be kept at once. Many registries have no catalogue: HubMissing then, or HubAuth."""
        if wanted.type is not RepoType.MODEL:
            return RepositoryPage((), None)
        query = cursor or urlencode({"n": PAGE})
        try:
            answer = await self._json("/v2/_catalog", query, CATALOG)
        except HubAuth:
            raise HubAuth(
                "this registry does not list its repositories to whoever asks like this",
                remedy=f"Check what {self._access_in} gives, or name the repositories to look at.",
            ) from None
        except (HubMissing, HubRefused):
            raise HubMissing(
                "this registry does not list its repositories", remedy="Name those to look at."
            ) from None
        names, strangers = answers.names(answer.value)
        following, problems = _following(answer, self._name)
        if why := self._lists.of(wanted.author, cursor).why_it_ends(names, cursor, following):
            following = None
            problems.append(_ends_early(self._name, why))
        if strangers:
            why = f"entries of the catalogue that are no names: {strangers:,}"
            problems.append(Problem(self._name, why))
        if wanted.author is not None:
            names = [name for name in names if account_of(name) == wanted.author]
        listed: list[Repository] = []
        files: dict[str, FilesPage] = {}
        left = MOST_HELD
        async for name, looked in _each(self._look, names):
            if isinstance(looked, HubError):
                problems.append(Problem(f"{self._name} {name}", str(looked), looked.remedy))
                continue
            repository, page = looked
            listed.append(repository)
            if len(page.artifacts) <= left:
                left -= len(page.artifacts)
                files[repository.id] = page
        return RepositoryPage(tuple(listed), following, tuple(problems), files)

    async def repository(self, type: RepoType, repo: str) -> Repository:
        """One repository as it stands now: its version is of all that its tags lead to."""
        if type is not RepoType.MODEL:
            raise HubMissing("this hub has models alone")
        repository, files = await self._look(repo)
        self._shown.pop(repo, None)
        self._shown[repo] = repository, files
        held = sum(len(page.artifacts) for _, page in self._shown.values())
        while len(self._shown) > MOST_SHOWN or held > MOST_HELD:
            _, oldest = self._shown.pop(next(iter(self._shown)))
            held -= len(oldest.artifacts)
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
        # Of a list of tags that was cut one tag is not all, even if it is the only one that came.
        is_all = len(tags) == 1 and all(each.counted != CUT for each in problems)
        files = answers.Apart(MOST_FILES)
        wanted = [(tag, tag) for tag in tags]
        known, said = set(wanted), set[str]()
        for depth in range(DEPTH):
            named: list[tuple[str, str]] = []
            async for (tag, _), found in _each(partial(self._manifest, repo), wanted):
                if isinstance(found, HubError):
                    # What the one tag leads to itself, and not what that names in turn.
                    if is_all and depth == 0 and isinstance(found, HubMissing | HubAuth | HubBusy):
                        raise found
                    said.add(f"a tag could not be looked at: {found}")
                    continue
                for artifact in found.artifacts:
                    files.add(artifact)
                problems += found.problems
                for one in ((tag, digest) for digest in found.others):
                    if one not in known and len(known) >= MOST_MANIFESTS:
                        said.add("too many manifests: the rest was not looked at")
                    elif one not in known:
                        known.add(one)
                        named.append(one)
            wanted = named
        if wanted:
            said.add("a manifest names others that name others, and so on")
        if files.more:
            said.add(f"only the first {MOST_FILES:,} files were looked at")
        problems += [Problem(where, why, counted=CUT) for why in sorted(said)]
        kept = tuple(files.by_path.values())
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
        so_far, query = ListSoFar(), urlencode({"n": TAGS_PAGE})
        following: str | None = query
        while following is not None and len(found) <= MOST_TAGS:
            query = following
            try:
                answer = await self._json(f"/v2/{name}/tags/list", query, pulling(name))
                tags, strangers = answers.tags(answer.value)
            except (HubMissing, HubRefused) as e:
                if so_far.pages:
                    problems.append(_ends_early(where, e))
                    break
                why = f"the registry does not say its tags: `{LATEST}` alone was looked at: {e}"
                problems.append(Problem(where, why, counted=NOT_ALL_REFS))
                return [LATEST]
            except (HubAuth, HubGarbage) as e:
                if not so_far.pages:
                    raise
                problems.append(_ends_early(where, e))
                break
            if strangers:
                problems.append(Problem(where, "some of its tags cannot be read", counted=CUT))
            found.update(dict.fromkeys(tags))
            following, more = _following(answer, where)
            problems += more
            ends = so_far.why_it_ends(tags, query, following)
            if following is not None and so_far.pages >= MOST_TAG_PAGES:
                ends = f"it has more than {MOST_TAG_PAGES} pages"
            if ends is not None:
                problems.append(_ends_early(where, ends))
                break
        if len(found) > MOST_TAGS:
            why = f"only {MOST_TAGS:,} of its tags were looked at"
            problems.append(Problem(where, why, counted=CUT))
        return list(found)[:MOST_TAGS]

    async def _manifest(self, repo: str, one: tuple[str, str]) -> answers.OciManifest:
        """Of a tag: its own manifest, or one that this names by its digest."""
        (tag, which), (name, _) = one, named_tag(repo)
        path = tag if which == tag else f"{tag}/{which.removeprefix('sha256:')}"
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
        await super().close()


async def _each(
    work: Callable[[T], Awaitable[R]], given: Sequence[T]
) -> AsyncIterator[tuple[T, R | HubError]]:
    """What comes of work on each of these, a few at a time. An error is what comes of that one:
    that the hub has troubles with it, too (500). Raises HubBusy where the hub itself is busy, or
    does not answer."""

    async def one(each: T) -> R | HubError:
        try:
            return await work(each)
        except HubBusy as e:
            if e.answered and e.unexplained:
                return e
            raise
        except HubError as e:
            return e

    for start in range(0, len(given), AT_ONCE):
        some = given[start : start + AT_ONCE]
        for each, came in zip(some, await asyncio.gather(*map(one, some)), strict=True):
            yield each, came


def _following(answer: HubResponse, where: str) -> tuple[str | None, list[Problem]]:
    """The query of the next page. A link that leads nowhere ends the list, and is said."""
    try:
        return answer.following(), []
    except HubGarbage as e:
        return None, [_ends_early(where, e)]


def _ends_early(where: str, why: object) -> Problem:
    return Problem(where, f"a list ends early: {why}", counted=CUT)


def _blob(artifact: Artifact) -> tuple[str, str]:
    """The scope and the path of a file's bytes."""
    name, _ = named_tag(artifact.repo)
    if artifact.sha256 is None or not is_repository(artifact.repo):
        raise HubMissing("this registry has no file like this")
    return pulling(name), f"/v2/{name}/blobs/sha256:{artifact.sha256.hex()}"
