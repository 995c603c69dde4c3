"""The Hugging Face Hub, or any server that speaks its API.

What comes in: what to list or read. What goes out: values of `reseen.records`. Facts of the API:
https://huggingface.co/docs/hub/api and the source of `huggingface_hub`. Only GET of the API and of
the bytes that are wanted: HEAD would count as a download.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from urllib.parse import quote

from reseen.errors import HubAuth, HubError, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs import answers
from reseen.hubs.http import USUAL, AnswerTooBig, ClientOptions, Http
from reseen.hubs.hub import (
    Abilities,
    FilesPage,
    RepositoryPage,
    Revision,
    Revisions,
    Usage,
    WantedRepositories,
)
from reseen.hubs.huggingface_addresses import PREFIX
from reseen.records import Artifact, DigestKind, Problem, Repository, RepoType
from reseen.settings import DEFAULT_ENDPOINT, host_of

MOST_TREE_PAGES = 2_000
"""Pages of 1,000 files: no more of one commit is listed."""
MOST_HISTORY_PAGES = 40
"""Pages of history of one repository, all its branches together."""
MOST_REFS = 2_000

_EVERYWHERE = (
    "author",
    "createdAt",
    "disabled",
    "lastModified",
    "likes",
    "private",
    "sha",
    "siblings",
    "tags",
    "usedStorage",
)
_FIELDS = {
    RepoType.MODEL: (*_EVERYWHERE, "downloads", "gated"),
    RepoType.DATASET: (*_EVERYWHERE, "downloads", "gated"),
    RepoType.SPACE: _EVERYWHERE,
}
"""What is asked for with `expand`: the Hub refuses fields that a type does not have."""

_ABILITIES = Abilities(
    lists=True,
    refs=True,
    history=True,
    ranges=True,
    sizes=True,
    digests=frozenset({DigestKind.SHA256, DigestKind.XET, DigestKind.GIT_BLOB}),
)


class HuggingFace:
    """A `Hub`. Make it inside a running event loop; `close()` it, or use `async with`.

    `name` is the endpoint's host, with the port where it is not the usual one.
    The token goes to the endpoint's own origin only, and never over clear text to another machine.
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        token: str | None = None,
        options: ClientOptions = USUAL,
    ) -> None:
        self._name = host_of(endpoint)
        self._usage = Usage()
        self._http = Http(endpoint, token, self._usage, options)

    @property
    def name(self) -> str:
        return self._name

    @property
    def abilities(self) -> Abilities:
        return _ABILITIES

    @property
    def usage(self) -> Usage:
        return self._usage

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        """One page, in order of creation; with `since`, newest change first, until that instant.

        The order of creation never changes, so a cursor is good for as long as the Hub knows it.
        """
        order = ("createdAt", "1") if wanted.since is None else ("lastModified", "-1")
        parameters = [("sort", order[0]), ("direction", order[1])]
        if wanted.author is not None:
            parameters.append(("author", wanted.author))
        if cursor is not None:
            parameters.append(("cursor", cursor))
        fields = _FIELDS[wanted.type]
        path = f"/api/{wanted.type}s"
        # Some repositories have very many files; their names are a help, not a need.
        without = tuple(field for field in fields if field != "siblings")
        for limit, expand in ((1000, fields), (100, fields), (100, without)):
            asked = [*parameters, ("limit", str(limit)), *(("expand", field) for field in expand)]
            try:
                answer = await self._http.json(path, asked)
                break
            except AnswerTooBig:
                if expand is without:
                    raise
        if not isinstance(answer.value, list):
            raise HubGarbage("the hub's list of repositories is not a list")
        read = [answers.repository(self._name, wanted.type, entry) for entry in answer.value]
        problems = tuple(entry for entry in read if isinstance(entry, Problem))
        found = [entry for entry in read if isinstance(entry, Repository)]
        following = answers.cursor(answer.link, cursor)
        if wanted.since is not None:
            since = wanted.since
            recent = [r for r in found if r.modified_at is None or r.modified_at >= since]
            if len(recent) < len(found):  # what follows is older still
                following = None
            found = recent
        return RepositoryPage(tuple(found), following, problems)

    async def repository(self, type: RepoType, repo: str) -> Repository:
        """One repository as it stands now. Its id can differ from `repo`: it was renamed."""
        path = self._api(type, repo)
        fields = [("expand", field) for field in _FIELDS[type]]
        try:
            answer = await self._http.json(path, fields)
        except (HubAuth, HubMissing):
            # Mirrors that are cut off from the Hub know a repository by its revisions only.
            with contextlib.suppress(HubAuth, HubMissing):
                answer = await self._http.json(f"{path}/revision/main", fields)
                return self._one(type, answer.value)
            raise
        return self._one(type, answer.value)

    def _one(self, type: RepoType, value: object) -> Repository:
        found = answers.repository(self._name, type, value)
        if isinstance(found, Problem):
            raise HubGarbage("the hub's answer for one repository cannot be read")
        return found

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        """All LFS and Xet files of a commit and its plain git files from 1 KiB, page by page."""
        path = f"{self._api(type, repo)}/tree/{_quoted(revision)}"
        cursor: str | None = None
        for _ in range(MOST_TREE_PAGES):
            parameters = [("recursive", "true"), ("expand", "false")]
            if cursor is not None:
                parameters.append(("cursor", cursor))
            answer = await self._http.json(path, parameters)
            yield answers.files(self._name, type, repo, revision, ref, answer.value)
            cursor = answers.cursor(answer.link, cursor)
            if cursor is None:
                return
        yield FilesPage((), (self._problem(repo, "too many files: the rest was not listed"),))

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        """Branches, tags, conversions, pull requests; then the history of branches and tags.

        Of a pull request only its last commit is named. A commit of the history that a ref names
        is not named again; what cannot be read becomes a problem.
        """
        api = self._api(type, repo)
        answer = await self._http.json(f"{api}/refs", [("include_prs", "1")])
        found, problems = answers.refs(f"{self._name} {repo}", answer.value)
        if len(found) > MOST_REFS:
            problems.append(self._problem(repo, "too many refs: the rest was not looked at"))
            found = found[:MOST_REFS]
        heads = [r.commit for r in found if r.ref is not None and not r.ref.startswith("refs/")]
        history, why_not_all = await self._history(api, heads)
        if why_not_all:
            problems.append(self._problem(repo, why_not_all))
        named = {revision.commit for revision in found}
        found.extend(Revision(None, commit) for commit in history if commit not in named)
        return Revisions(tuple(found), tuple(problems))

    async def _history(self, api: str, heads: Sequence[str]) -> tuple[list[str], str | None]:
        """The commits that lead to these, newest first; and why they are not all, if so."""
        found: dict[str, None] = {}
        pages = 0
        for head in heads:
            cursor: str | None = None
            more = head not in found
            while more:
                if pages == MOST_HISTORY_PAGES:
                    return list(found), "a long history: its oldest part was not looked at"
                pages += 1
                parameters = [] if cursor is None else [("cursor", cursor)]
                try:
                    answer = await self._http.json(f"{api}/commits/{head}", parameters)
                    commits = answers.commits(answer.value)
                    cursor = answers.cursor(answer.link, cursor)
                except HubError as e:
                    return list(found), f"the history was not looked at: {e}"
                # A branch joins what is known already with its first page that brings nothing new.
                more = cursor is not None and not found.keys() >= set(commits)
                found.update(dict.fromkeys(commits))
        return list(found), None

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        """Bytes of an artifact: at most `wanted.length`, fewer where it ends."""
        return await self._http.range(self._file(artifact), wanted)

    def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        """The whole artifact in order. Raises HubGarbage past `limit` bytes."""
        return self._http.whole(self._file(artifact), artifact.size, limit)

    async def close(self) -> None:
        await self._http.close()

    async def __aenter__(self) -> HuggingFace:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _problem(self, repo: str, reason: str) -> Problem:
        return Problem(f"{self._name} {repo}", reason)

    def _api(self, type: RepoType, repo: str) -> str:
        _check_repo(repo)
        return f"/api/{type}s/{repo}"

    def _file(self, artifact: Artifact) -> str:
        _check_repo(artifact.repo)
        if answers.why_unusable(artifact.path):
            raise HubMissing("no hub has a path like this")
        revision, path = _quoted(artifact.revision), quote(artifact.path)
        return f"/{PREFIX[artifact.type]}{artifact.repo}/resolve/{revision}/{path}"


def _check_repo(repo: str) -> None:
    """Before it becomes part of a URL."""
    if not answers.is_repo_id(repo):
        raise HubMissing("this is no repository's name", remedy='It looks like "owner/name".')


def _quoted(revision: str) -> str:
    """A ref has slashes, and is one part of the path: "refs/pr/1" -> "refs%2Fpr%2F1"."""
    if answers.why_unusable(revision):
        raise HubMissing("this is no revision's name")
    return quote(revision, safe="")
