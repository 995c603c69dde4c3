"""An OCI registry (Docker's, Ollama's, GHCR, Harbor ...): what its manifests state of each file.

What comes in: names of repositories, or the catalogue where the registry has one. What goes out:
values of `reseen.records`. A repository is looked at with all its tags; each layer of a manifest is
a file, with its SHA-256 and size: nothing is downloaded to know them. Only what a layer holds as it
is has the digest of the file; in a packed one (`tar`, `tar+gzip`) it is of the archive. Facts: the
specifications of OCI, and a registry that runs in a test. Its upload route is never asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from urllib.parse import urlencode

from reseen.errors import HubAuth, HubError, HubMissing, HubRefused
from reseen.files.source import Range
from reseen.hubs import oci_answers as answers
from reseen.hubs.client_options import USUAL, ClientOptions
from reseen.hubs.http_hub import HttpHub
from reseen.hubs.hub import (
    Abilities,
    FilesPage,
    RepositoryPage,
    WantedRepositories,
)
from reseen.hubs.list_so_far import ListsSoFar
from reseen.hubs.oci_addresses import is_repository, named_tag
from reseen.hubs.oci_look import OciLooks
from reseen.hubs.oci_requests import OciRequests, each_of, ends_early, following_of
from reseen.hubs.oci_tokens import CATALOG, Tokens, pulling
from reseen.records import Artifact, DigestKind, Problem, Repository, RepoType, account_of
from reseen.settings import OCI

PAGE = 50
"""Repositories of one page of the catalogue: each is looked up with it."""
MOST_HELD = 20_000
"""Files of several repositories that are kept at once; of others they are asked for again."""
MOST_SHOWN = 64
"""Repositories looked up by name that are remembered until their files are asked for."""

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
        self._requests = OciRequests(self._http, self._tokens)
        self._looks = OciLooks(self._requests, self._name)
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
            answer = await self._requests.json("/v2/_catalog", query, CATALOG)
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
        following, problems = following_of(answer, self._name)
        if why := self._lists.of(wanted.author, cursor).why_it_ends(names, cursor, following):
            following = None
            problems.append(ends_early(self._name, why))
        if strangers:
            why = f"entries of the catalogue that are no names: {strangers:,}"
            problems.append(Problem(self._name, why))
        if wanted.author is not None:
            names = [name for name in names if account_of(name) == wanted.author]
        listed: list[Repository] = []
        files: dict[str, FilesPage] = {}
        left = MOST_HELD
        async for name, looked in each_of(self._looks.look, names):
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
        repository, files = await self._looks.look(repo)
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
        repository, files = await self._looks.look(repo) if shown is None else shown
        yield replace(files, certain=repository.sha == revision)

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        """Bytes of an artifact: at most `wanted.length`, fewer where it ends."""
        scope, path = _blob(artifact)

        async def ask() -> bytes:
            return await self._http.range(path, wanted, self._tokens.headers(scope))

        return await self._requests.let_in(scope, ask)

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


def _blob(artifact: Artifact) -> tuple[str, str]:
    """The scope and the path of a file's bytes."""
    name, _ = named_tag(artifact.repo)
    if artifact.sha256 is None or not is_repository(artifact.repo):
        raise HubMissing("this registry has no file like this")
    return pulling(name), f"/v2/{name}/blobs/sha256:{artifact.sha256.hex()}"
