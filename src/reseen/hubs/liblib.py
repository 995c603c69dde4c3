"""LiblibAI, asked by hash: nothing else of it is used.

What comes in: digests. What goes out: values of `reseen.records`. Its makers document none of this:
what is known is from two clients of others, and may change any day. One question a digest, and one
a model that has any; what a file is like is said by the model. It is not listed, and nothing of it
is read: that wants a login.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

from reseen.errors import HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs.answers import from_hex, version_of, why_unusable
from reseen.hubs.client_options import USUAL, ClientOptions
from reseen.hubs.http_hub import HttpHub
from reseen.hubs.hub import (
    Abilities,
    Askable,
    ByHash,
    FilesPage,
    RepositoryPage,
    WantedRepositories,
)
from reseen.hubs.liblib_addresses import NOBODY
from reseen.records import Artifact, DigestKind, Problem, Repository, RepoType
from reseen.settings import LIBLIB

MOST_ASKED = 500
_PART = 50
"""Digests after which what is known is handed out."""
ASKABLE = Askable(DigestKind.SHA256, MOST_ASKED, documented=False)
_ABILITIES = Abilities(
    lists=False,
    refs=False,
    history=False,
    ranges=False,
    sizes=False,
    digests=frozenset({DigestKind.SHA256}),
    askable=ASKABLE,
)
_ID = re.compile(r"[0-9a-zA-Z-]{8,64}")


class Liblib(HttpHub):
    """An `AskableHub`. Make it inside a running event loop; to be closed."""

    def __init__(
        self, endpoint: str, token: str | None = None, options: ClientOptions = USUAL
    ) -> None:
        super().__init__(_ABILITIES, endpoint, token, options, kind=LIBLIB)

    async def ask(self, digests: Sequence[bytes]) -> AsyncIterator[ByHash]:
        """Which files with these SHA-256s are there: a request each, and one a model."""
        wanted = sorted(set(digests))
        shown: dict[str, tuple[Repository, FilesPage] | None] = {}
        for start in range(0, len(wanted), _PART):
            absent: set[bytes] = set()
            found: list[tuple[Repository, FilesPage]] = []
            problems: list[Problem] = []
            for digest in wanted[start : start + _PART]:
                told = await self._data(f"/api/www/model-version/hash/{digest.hex()}")
                if told is None:
                    absent.add(digest)
                    continue
                id = told.get("modelUuid")
                if not isinstance(id, str) or not _ID.fullmatch(id):
                    problems.append(Problem(self._name, "it names a model that cannot be one"))
                    continue
                if id not in shown:
                    shown[id] = await self._shown(id)
                    found += filter(None, [shown[id]])
                model = shown[id]
                if model is None or digest not in {a.sha256 for a in model[1].artifacts}:
                    why = "a digest is there by its word, and it shows no file that has it"
                    problems.append(Problem(self._name, why))
            yield ByHash(tuple(found), frozenset(absent), tuple(dict.fromkeys(problems)))

    async def _shown(self, id: str) -> tuple[Repository, FilesPage] | None:
        try:
            return await self._model(id)
        except (HubMissing, HubGarbage):
            return None

    async def _model(self, id: str) -> tuple[Repository, FilesPage]:
        told = await self._data(f"/api/www/model/getByUuid/{id}", b"{}")
        if told is None:
            raise HubMissing("there is no such model")
        repo, problems = f"{NOBODY}/{id}", list[Problem]()
        where = f"{self._name} {repo}"
        versions = told.get("versions")
        if not isinstance(versions, list):
            raise HubGarbage("the hub's versions of a model are not a list")
        artifacts: dict[str, Artifact] = {}
        for version in versions:
            if (found := self._artifact(repo, version, where, problems)) is not None:
                artifacts[found.path] = found
        kept = tuple(artifacts.values())
        sha = version_of(kept)
        repository = Repository(self._name, RepoType.MODEL, repo, sha=sha, own_id=id)
        return repository, FilesPage(kept, tuple(problems))

    def _artifact(
        self, repo: str, version: object, where: str, problems: list[Problem]
    ) -> Artifact | None:
        """The file of a version, of which the hub says no size that is known to be one."""
        version = version if isinstance(version, dict) else {}
        id, attachment = version.get("uuid"), version.get("attachment")
        if not isinstance(id, str) or not _ID.fullmatch(id) or not isinstance(attachment, dict):
            problems.append(Problem(where, "a version that cannot be read"))
            return None
        path = f"{id}/{attachment.get('modelSourceName') or ''}"
        if reason := why_unusable(path):
            problems.append(Problem(where, f"{reason} among its files"))
            path = f"{id}/file"
        sha256 = from_hex(attachment.get("modelSourceHash"), 32)
        if sha256 is None:
            problems.append(Problem(where, "a file without a SHA-256"))
        return Artifact(self._name, RepoType.MODEL, repo, id, "main", path, None, sha256=sha256)

    async def _data(self, path: str, body: bytes | None = None) -> Mapping[str, object] | None:
        """What an answer holds; None where the hub says that there is nothing."""
        value = (await self._http.json(path, body=body)).value
        if not isinstance(value, dict) or value.get("code") != 0:
            raise HubGarbage("the hub answers with something else than was asked for")
        data = value.get("data")
        if data is not None and not isinstance(data, dict):
            raise HubGarbage("the hub answers with something else than was asked for")
        return data

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        raise HubMissing("this hub is not listed", remedy="Ask it by hash: reseen ask.")

    async def repository(self, type: RepoType, repo: str) -> Repository:
        return (await self._named(type, repo))[0]

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        repository, files = await self._named(type, repo)
        yield replace(files, certain=repository.sha == revision)

    async def _named(self, type: RepoType, repo: str) -> tuple[Repository, FilesPage]:
        id = repo.rpartition("/")[2]
        if type is not RepoType.MODEL or not _ID.fullmatch(id):
            raise HubMissing("this hub has models alone")
        return await self._model(id)

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        return _not_read()

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        yield _not_read()


def _not_read() -> bytes:
    raise HubMissing("nothing of this hub is read: it hands out files to who is signed in there")
