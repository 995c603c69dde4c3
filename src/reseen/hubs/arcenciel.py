"""Arc en Ciel, walked a thousand models a call: its list gives every file with its SHA-256.

What comes in: what to list. What goes out: values of `reseen.records`. A model is a repository,
with all its versions, each of one file. Facts: the contract (OpenAPI 1.10.0) that its maker
publishes with the client libraries; no answer is recorded. Nothing of it is read: sizes are stated
in whole kilobytes, which say no length. It could be asked by hash, a request each; the list costs
fewer, and tells nobody what is looked for.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from reseen.errors import HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs.answers import (
    UNPRINTABLE,
    from_hex,
    instant,
    version_of,
    whole_count,
    why_unusable,
)
from reseen.hubs.civitai_addresses import NOBODY, number_of
from reseen.hubs.client_options import USUAL, ClientOptions
from reseen.hubs.http import AnswerTooBig
from reseen.hubs.http_hub import HttpHub
from reseen.hubs.hub import (
    CUT,
    Abilities,
    FilesPage,
    RepositoryPage,
    WantedRepositories,
)
from reseen.records import Artifact, DigestKind, Problem, Repository, RepoType
from reseen.settings import ARC_EN_CIEL

LENGTHS = (1_000, 200, 50, 10, 1)
"""Models of a page: fewer where an answer has too many bytes. Each divides the one before."""
MOST_MODELS = 5_000_000
MOST_VERSIONS = 5_000
_SHOWN = 64
"""Models looked up by name that are remembered until their files are asked for."""
_ABILITIES = Abilities(
    lists=True,
    refs=False,
    history=False,
    ranges=False,
    sizes=False,
    digests=frozenset({DigestKind.SHA256}),
)
_NUMBER = re.compile(r"[1-9][0-9]{0,14}")
_ACCOUNT = re.compile(r"[A-Za-z0-9_][\w.-]{0,127}", re.ASCII)
_CURSOR = re.compile(r"([0-9]{1,8})/([0-9]{1,4})")

Model = tuple[Repository, FilesPage]


class ArcEnCiel(HttpHub):
    """A `Hub`. Make it inside a running event loop; to be closed."""

    def __init__(
        self, endpoint: str, token: str | None = None, options: ClientOptions = USUAL
    ) -> None:
        super().__init__(_ABILITIES, endpoint, token, options, kind=ARC_EN_CIEL)
        self._seen: dict[WantedRepositories, set[str]] = {}
        """What each list gave so far, in this life of the process."""
        self._shown: dict[str, Model] = {}

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        """One page, the oldest first: what comes new is at the end. An account's models are those
        of the whole list that are its own: it is asked for by a number that nobody here knows."""
        if wanted.type is not RepoType.MODEL:
            return RepositoryPage((), None)
        start, length = _at(cursor)
        if cursor is None or wanted not in self._seen:
            self._seen[wanted] = set()
        seen = self._seen[wanted]
        value, length = await self._page(start, length)
        entries = value.get("data")
        if not isinstance(entries, list):
            raise HubGarbage("the hub's list of models is not a list")
        read = [self._model(entry, None) for entry in entries]
        problems = [each for each in read if isinstance(each, Problem)]
        found = [each for each in read if not isinstance(each, Problem)]
        end, total = start + len(entries), whole_count(value.get("totalCount"))
        more = len(entries) >= length if total is None else bool(entries) and end < total
        following = f"{start + length}/{length}" if more else None
        new = [each for each in found if each[0].id not in seen]
        seen.update(each[0].id for each in new)
        if why := self._ends_early(following, bool(new), end, total):
            problems.append(Problem(self._name, why, counted=CUT))
            following = None
        new = [one for one in new if wanted.is_by_author(one[0]) and wanted.is_recent(one[0])]
        files = {repository.id: page for repository, page in new}
        return RepositoryPage(tuple(each[0] for each in new), following, tuple(problems), files)

    def _ends_early(
        self, following: str | None, new: bool, end: int, total: int | None
    ) -> str | None:
        """Why there may be more than a list gave."""
        if following is not None and not new:
            return "a list ends early: its pages go on and bring nothing new"
        if following is not None and end >= MOST_MODELS:
            return f"a list ends early: after {MOST_MODELS:,} models"
        if following is None and total is not None and end < total:
            return f"a list ends early: {end:,} of {total:,} that are there by its word"
        return None

    async def _page(self, start: int, length: int) -> tuple[Mapping[str, object], int]:
        """A page from an entry on, and how long it was asked to be."""
        for fewer in (each for each in LENGTHS if each <= length):
            asked = {"sort": "oldest", "status": "all", "page": start // fewer + 1, "limit": fewer}
            try:
                answer = await self._http.json("/api/models/search", urlencode(asked))
            except AnswerTooBig:
                if fewer == LENGTHS[-1]:
                    raise
                continue
            if not isinstance(answer.value, dict):
                raise HubGarbage("the hub's list of models is not an object")
            return answer.value, fewer
        raise HubGarbage("the hub's list cannot be asked for in shorter pages")

    async def repository(self, type: RepoType, repo: str) -> Repository:
        """One model as it stands now. Its id can differ from `repo`: its account was renamed."""
        model = await self._looked_up(type, repo)
        while len(self._shown) >= _SHOWN:
            del self._shown[next(iter(self._shown))]
        self._shown[number_of(repo)] = model
        return model[0]

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        """All files of all versions, as they stand now."""
        shown = self._shown.pop(number_of(repo), None)
        repository, files = shown or await self._looked_up(type, repo)
        yield replace(files, certain=repository.sha == revision)

    async def _looked_up(self, type: RepoType, repo: str) -> Model:
        number = number_of(repo)
        if type is not RepoType.MODEL or not _NUMBER.fullmatch(number):
            raise HubMissing("this hub has models alone", remedy="Write ACCOUNT/NUMBER.")
        told = (await self._http.json(f"/api/models/{number}")).value
        versions = (await self._http.json(f"/api/models/{number}/versions")).value
        of_it = versions.get("versions") if isinstance(versions, dict) else None
        found = self._model(told, of_it if isinstance(of_it, list) else [])
        if isinstance(found, Problem) or number_of(found[0].id) != number:
            raise HubGarbage("the hub's answer for one model cannot be read")
        return found

    def _model(self, value: object, versions: list[object] | None) -> Model | Problem:
        """One entry of the list, or the answer for one model, whose versions are asked for by
        themselves."""
        number = _number(value.get("id")) if isinstance(value, dict) else None
        if not isinstance(value, dict) or number is None:
            return Problem(self._name, "an entry of the list is no model, or says something twice")
        uploader = value.get("uploader")
        account = uploader.get("username") if isinstance(uploader, dict) else uploader
        if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
            account = NOBODY
        repo, given = f"{account}/{number}", value.get("versions") if versions is None else versions
        where = f"{self._name} {repo}"
        problems: list[Problem] = []
        if not isinstance(given, list):
            problems.append(Problem(where, "its versions are no list"))
            given = []
        elif len(given) > MOST_VERSIONS:
            problems.append(Problem(where, f"only {MOST_VERSIONS:,} versions were looked at"))
        files: dict[str, Artifact] = {}
        times: list[datetime] = []
        downloads = 0
        for version in given[:MOST_VERSIONS]:
            if (found := self._file(repo, version, where, problems)) is not None:
                files[found.path] = found
            if isinstance(version, dict):
                times += filter(None, [instant(version.get("publishAt"))])
                downloads += whole_count(version.get("downloadCount")) or 0
        kept, kind = tuple(files.values()), value.get("type")
        repository = Repository(
            hub=self._name,
            type=RepoType.MODEL,
            id=repo,
            sha=version_of(kept),
            modified_at=max(times, default=None),
            downloads=downloads,
            own_id=number,
            tags=(kind.lower(),) if isinstance(kind, str) and not UNPRINTABLE.search(kind) else (),
            paths=tuple(files),
        )
        return repository, FilesPage(kept, tuple(dict.fromkeys(problems)))

    def _file(
        self, repo: str, version: object, where: str, problems: list[Problem]
    ) -> Artifact | None:
        """The file of a version; None where it has none yet, or cannot be read."""
        version = version if isinstance(version, dict) else {}
        number, stated = _number(version.get("id")), version.get("sha256")
        if number is None:
            problems.append(Problem(where, "a version without a number"))
            return None
        if stated is None and version.get("status") not in (None, "PUBLISHED"):
            return None  # it is to come
        sha256 = from_hex(stated, 32)
        if sha256 is None:
            problems.append(Problem(where, "a version states no SHA-256"))
        path = f"{number}/{version.get('originalName') or version.get('fileName') or 'file'}"
        if reason := why_unusable(path):
            problems.append(Problem(where, f"{reason} among its files"))
            path = f"{number}/file"
        return Artifact(self._name, RepoType.MODEL, repo, number, "main", path, None, sha256=sha256)

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        raise HubMissing("nothing of this hub is read: it does not say how long a file is")

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        yield await self.read(artifact, Range(0, limit))


def _at(cursor: str | None) -> tuple[int, int]:
    """From which entry on, and how long pages are."""
    found = _CURSOR.fullmatch(cursor or "")
    if found is None or int(found[2]) not in LENGTHS or int(found[1]) % int(found[2]):
        return 0, LENGTHS[0]
    return int(found[1]), int(found[2])


def _number(value: object) -> str | None:
    return str(value) if type(value) is int and _NUMBER.fullmatch(str(value)) else None
