"""The Hugging Face Hub, or any server that speaks its API.

What comes in: what to list or read. What goes out: values of `reseen.records`. Facts of the API:
https://huggingface.co/docs/hub/api and the source of `huggingface_hub`. Only GET of the API and of
the bytes that are wanted: HEAD would count as a download.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from types import TracebackType
from urllib.parse import urlencode

from reseen.errors import HubAuth, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs import answers
from reseen.hubs.client_options import USUAL, ClientOptions
from reseen.hubs.http import HubResponse
from reseen.hubs.http_hub import HttpHub
from reseen.hubs.hub import (
    BY_NAME,
    CUT,
    GATED_HISTORY,
    NOT_ALL_REFS,
    Abilities,
    FilesPage,
    RepositoryPage,
    Revision,
    Revisions,
    WantedRepositories,
)
from reseen.hubs.huggingface_history import CLOSED, Histories
from reseen.hubs.huggingface_paths import api_path, file_path, quoted_revision
from reseen.hubs.huggingface_refs import Refs
from reseen.hubs.questions import Questions
from reseen.hubs.repository_lists import RepositoryLists
from reseen.hubs.trees import Trees, cut_at
from reseen.records import Artifact, DigestKind, Problem, Repository, RepoType, commit_key
from reseen.settings import DEFAULT_ENDPOINT

_CERTAIN = (
    "this hub lists no files of a commit: those that a branch's name leads to were looked at, and "
    "it said before and after that this is the commit"
)
_UNCERTAIN = (
    "this hub lists no files of a commit: those that the branch's name leads to were looked at; "
    "which commit that is is not known, so they are looked at again next time"
)
_PAST = "this hub lists no files of a commit: what nothing leads to any more was not looked at"

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


class HuggingFace(HttpHub):
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
        super().__init__(_ABILITIES, endpoint, token, options)
        self._lists = RepositoryLists(self._http, endpoint)
        self._trees = Trees(self._http)
        self._lists_by_name = False
        """It listed what a branch's name leads to, and not the commit, ever."""
        self._histories = Histories(self._http)
        self._leading = Refs(self._http, self._name, self.repository)
        self._infos = {type: Questions(self._http) for type in RepoType}

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        """One page, in order of creation; with `since`, newest change first, until that instant.
        Where the server knows no order, in its own, to the end.

        The order of creation never changes, so a cursor is good for as long as the Hub knows it.
        """
        asked = await self._lists.page(wanted, _FIELDS[wanted.type], cursor)
        access = self._http.access
        read = [
            answers.repository(self._name, wanted.type, entry, access) for entry in asked.entries
        ]
        problems = [entry for entry in read if isinstance(entry, Problem)]
        found = [entry for entry in read if isinstance(entry, Repository)]
        following = asked.following
        if asked.broken is not None:
            problems.append(Problem(self._name, f"a list ends early: {asked.broken}", counted=CUT))
        if asked.cut_at is not None:
            problems.append(Problem(self._name, cut_at(asked.cut_at), counted=CUT))
        # There are servers that do not know `author`.
        found = [repository for repository in found if wanted.is_by_author(repository)]
        recent = tuple(filter(wanted.is_recent, found))
        if len(recent) < len(found) and asked.newest_first:  # what follows is older still
            following = None
        return RepositoryPage(recent, following, tuple(problems))

    async def repository(self, type: RepoType, repo: str) -> Repository:
        """One repository as it stands now. Its id can differ from `repo`: it was renamed."""
        path = api_path(type, repo)
        try:
            answer = await self._info(path, type)
        except (HubAuth, HubMissing):
            # Mirrors that are cut off from the Hub know a repository by its revisions only.
            with contextlib.suppress(HubAuth, HubMissing):
                answer = await self._info(f"{path}/revision/main", type)
                return self._one(type, answer.value)
            raise
        return self._one(type, answer.value)

    async def _info(self, path: str, type: RepoType) -> HubResponse:
        """With all that is needed; from a server that refuses to be asked so, what it gives."""
        fields = urlencode([("expand", field) for field in _FIELDS[type]])
        _, answer = await self._infos[type].ask(
            path, [fields, ""], shorter=False, fits=answers.is_repository
        )
        return answer

    def _one(self, type: RepoType, value: object) -> Repository:
        found = answers.repository(self._name, type, value, self._http.access)
        if isinstance(found, Problem):
            raise HubGarbage("the hub's answer for one repository cannot be read")
        return found

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        """All LFS and Xet files of a commit and its plain git files from 1 KiB, page by page.

        Some servers list no commit, but what a branch's name leads to: then that is listed, and has
        the name for its version, by which it is read too.
        """
        started = False
        try:
            async for page in self._files_at(type, repo, revision, ref):
                started = True
                yield page
            return
        except HubMissing as e:
            if started or not (e.unexplained or e.code == "RevisionNotFound"):
                raise
            if ref is None and self._lists_by_name:
                yield FilesPage((), (self._problem(repo, _PAST, NOT_ALL_REFS),), certain=False)
                return
            if ref in (None, revision):
                raise
        assert ref is not None
        name, certain = ref, await self._leading.leads_to(type, repo, ref, revision)
        try:
            async for page in self._files_at(type, repo, name, ref):
                started = True
                yield page
        except HubMissing:
            other = None if started else await self._leading.other_name(type, repo, ref, revision)
            if other is None:
                raise
            name, certain = other, True
            async for page in self._files_at(type, repo, name, ref):
                yield page
        certain = certain and await self._leading.leads_to(type, repo, name, revision)
        problems: tuple[Problem, ...] = ()
        if not certain:
            problems = (self._problem(repo, _UNCERTAIN, BY_NAME),)
        elif not self._lists_by_name:
            problems = (Problem(self._name, _CERTAIN, counted=BY_NAME),)
        self._lists_by_name = True
        yield FilesPage((), problems, certain)

    async def _files_at(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        path = f"{api_path(type, repo)}/tree/{quoted_revision(revision)}"
        async for value, cut in self._trees.pages(path):
            yield answers.files(self._name, type, repo, revision, ref, value)
            if cut is not None:
                yield FilesPage((), (self._problem(repo, cut, CUT),))

    async def refs(self, type: RepoType, repo: str) -> Revisions:
        """Branches, tags, conversions, pull requests; what cannot be read becomes a problem."""
        return await self._leading.of(type, repo)

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        """Branches, tags, conversions, pull requests; then the history of branches and tags.

        Of a pull request only its last commit is named. A commit of the history that a ref names
        is not named again; what cannot be read becomes a problem.
        """
        leading = await self.refs(type, repo)
        found, problems = list(leading.revisions), list(leading.problems)
        heads = [r.commit for r in found if r.ref is not None and not r.ref.startswith("refs/")]
        history = await self._histories.of(api_path(type, repo), heads)
        for why in dict.fromkeys(history.left):
            counted = GATED_HISTORY if why.startswith(CLOSED) else NOT_ALL_REFS
            problems.append(self._problem(repo, why, counted))
        named = {commit_key(revision.commit) for revision in found}
        found.extend(Revision(None, c) for c in history.commits if commit_key(c) not in named)
        return Revisions(tuple(found), tuple(problems), tuple(history.told))

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        """Bytes of an artifact: at most `wanted.length`, fewer where it ends."""
        try:
            return await self._http.range(file_path(artifact), wanted)
        except HubMissing as missing:
            named = await self._by_its_name(artifact, missing)
            data = await self._http.range(file_path(named), wanted)
            await self._by_its_name(artifact, missing)
            return data

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        """The whole artifact in order. Raises HubGarbage past `limit` bytes."""
        started = False
        try:
            whole = self._http.whole(file_path(artifact), artifact.size, limit)
            async with contextlib.aclosing(whole) as chunks:
                async for chunk in chunks:
                    started = True
                    yield chunk
            return
        except HubMissing as e:
            if started:
                raise
            missing = e
        named = await self._by_its_name(artifact, missing)
        whole = self._http.whole(file_path(named), artifact.size, limit)
        async with contextlib.aclosing(whole) as chunks:
            async for chunk in chunks:
                yield chunk
        await self._by_its_name(artifact, missing)

    async def _by_its_name(self, artifact: Artifact, missing: HubMissing) -> Artifact:
        """The same file, by the name that leads to its commit: some servers hand out nothing of a
        commit. Raises the error where the name leads elsewhere: those would be other bytes."""
        ref, commit = artifact.ref, artifact.revision
        of_the_version = missing.unexplained or missing.code == "RevisionNotFound"
        if ref is None or ref == commit or not of_the_version:
            raise missing
        if not await self._leading.leads_to(artifact.type, artifact.repo, ref, commit):
            raise missing
        return replace(artifact, revision=ref)

    async def __aenter__(self) -> HuggingFace:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _problem(self, repo: str, reason: str, counted: str | None = None) -> Problem:
        return Problem(f"{self._name} {repo}", reason, counted=counted)
