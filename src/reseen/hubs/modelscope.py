"""ModelScope, or a server that speaks its API: walked by slices of its lists, and read.

What comes in: what to list, or to read. What goes out: values of `reseen.records`. Lists are of the
OpenAPI, trees and files of the older API (v1), as ModelScope's own client asks for them
(modelscope-hub 0.5.1, Apache-2.0): facts are from its source, not recorded answers. Of every file
the hub states a SHA-256. Two bounds of 3,000 are the hub's: of a list (`modelscope_slices`), and of
the files of a folder, which it cuts without a word: such a folder is listed again, one by one. Its
upload route, which knows of every digest whether it is there, is not asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode

from reseen.errors import HubAuth, HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs import modelscope_answers as answers
from reseen.hubs.answers import is_no_ref, is_repo_id, why_unusable
from reseen.hubs.client_options import USUAL, ClientOptions
from reseen.hubs.http_hub import HttpHub
from reseen.hubs.hub import (
    BY_NAME,
    CUT,
    NOT_ALL_REFS,
    Abilities,
    FilesPage,
    RepositoryPage,
    Revision,
    Revisions,
    WantedRepositories,
)
from reseen.hubs.modelscope_answers import MASTER, ListedPage
from reseen.hubs.modelscope_slices import Slices, first
from reseen.hubs.questions import Questions
from reseen.records import Artifact, DigestKind, Problem, Repository, RepoType
from reseen.settings import MODELSCOPE

MOST_FILES = 3_000
"""Files and folders that are shown of one folder, with all that is in it."""
DATASET_PAGE = 200
MOST_LISTINGS = 2_000
"""Listings of one version of a repository: no more are asked for."""
MOST_REFS = 1_000
DENIALS = 3
"""How often in a row a folder is denied of a repository that was shown, before that is believed."""

_NEWEST = "last_modified"
_NO_CHANGE = "this hub does not say when it changed last: its files are listed again next time"
_TYPES = (RepoType.MODEL, RepoType.DATASET)
_ABILITIES = Abilities(
    lists=True,
    refs=True,
    history=False,
    ranges=True,
    sizes=True,
    digests=frozenset({DigestKind.SHA256}),
)


class ModelScope(HttpHub):
    """A `Hub`. Make it inside a running event loop; to be closed."""

    def __init__(
        self, endpoint: str, token: str | None = None, options: ClientOptions = USUAL
    ) -> None:
        super().__init__(_ABILITIES, endpoint, token, options, kind=MODELSCOPE)
        self._lists: dict[WantedRepositories, Slices] = {}
        self._orders = {type: Questions(self._http) for type in _TYPES}

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        """One page; what pages before it gave is not given again. A cursor of another life of the
        process begins the list anew, without the accounts that were listed by then."""
        if wanted.type not in _TYPES:
            return RepositoryPage((), None)
        slices = self._lists.get(wanted)
        if slices is None or slices.at is None or cursor != slices.at.cursor:
            slices = self._lists[wanted] = Slices(wanted.author, first(cursor))
        asked = await self._page(wanted, slices)
        found = [each.repository for each in asked.entries if each.repository.id not in slices.seen]
        said = slices.took(asked, enough=_is_enough(wanted, asked))
        following = slices.at.cursor if slices.at is not None else None
        if following is None:
            del self._lists[wanted]
        problems = [*asked.problems, *(Problem(self._name, why, counted=CUT) for why in said)]
        found = [one for one in found if wanted.is_by_author(one) and wanted.is_recent(one)]
        return RepositoryPage(tuple(found), following, tuple(problems))

    async def _page(self, wanted: WantedRepositories, slices: Slices) -> ListedPage:
        """The next page: newest change first where that is of use, and the hub takes it."""
        assert slices.at is not None
        path = f"/openapi/v1/{wanted.type}s"
        orders: tuple[str | None, ...] = (None,) if wanted.since is None else (_NEWEST, None)
        queries = [slices.at.query(wanted.author, order) for order in orders]
        _, answer = await self._orders[wanted.type].ask(path, queries, shorter=False)
        return answers.page(self._name, wanted.type, answer.value, self._http.access)

    async def repository(self, type: RepoType, repo: str) -> Repository:
        """One repository as it stands now."""
        answer = await self._http.json(f"/openapi/v1/{_of(type, repo)}")
        data = answers.open_data(answer.value)
        found = answers.listed(self._name, type, data, self._http.access)
        if isinstance(found, Problem):
            raise HubGarbage("the hub's answer for one repository cannot be read")
        return found.repository

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        """All files from 1 KiB of a branch or a tag, as it stands now: the hub knows no commits."""
        named = self._like(type, repo, revision, ref)
        pages = self._pages(named) if type is RepoType.DATASET else self._folders(named)
        certain = ref == "main" and revision != MASTER
        shown: set[str] = set()
        where = f"{self._name} {repo}"
        if ref == "main" and not certain:
            yield FilesPage((), (Problem(where, _NO_CHANGE, counted=BY_NAME),), certain)
        async for entries, cut in pages:
            page = answers.files(named, where, [e for e in entries if _is_new(e, shown)])
            problems = (*page.problems, *(Problem(where, why, counted=CUT) for why in cut))
            yield FilesPage(page.artifacts, problems, certain)

    async def _folders(self, of: Artifact) -> AsyncIterator[tuple[list[object], list[str]]]:
        """The entries of a tree, and in words what may be missing. The tree with all that is in it;
        where that is as long as the hub shows, its folders one by one. So is a folder of which
        nothing was shown: git has none."""
        left, known, count = deque([""]), {""}, 0
        while left:
            folder = left.popleft()
            if (count := count + 2) > MOST_LISTINGS:
                yield [], ["too many folders: the rest was not listed"]
                return
            try:
                entries = await self._tree(of, {"Recursive": "True", "Root": folder}, count > 2)
            except HubMissing:
                if not folder:
                    raise
                yield [], ["a folder that the hub named is not there"]
                continue
            cut = list[str]()
            named, within = answers.folders(entries)
            named = [each for each in named if each not in within]
            if len(entries) >= MOST_FILES:
                beside = await self._tree(of, {"Recursive": "False", "Root": folder}, True)
                named, _ = answers.folders(beside)
                if len(beside) >= MOST_FILES or not named:
                    cut.append(f"a folder of which the hub shows {MOST_FILES:,} entries alone")
                entries = [*entries, *beside]
            yield entries, cut
            left.extend(dict.fromkeys(each for each in named if each not in known))
            known.update(named)

    async def _pages(self, of: Artifact) -> AsyncIterator[tuple[list[object], list[str]]]:
        """The same of a dataset, whose tree has pages."""
        known: set[str] = set()
        for number in range(1, MOST_LISTINGS + 1):
            asked = {"Recursive": "True", "PageNumber": str(number), "PageSize": str(DATASET_PAGE)}
            entries = await self._tree(of, asked, number > 1)
            paths = set(filter(None, map(answers.path_of, entries)))
            ends = len(entries) < DATASET_PAGE
            # What cannot be read may be new: nobody knows.
            stale = not ends and bool(paths) and paths <= known
            known |= paths
            yield entries, ["its pages go on and bring nothing new"] if stale else []
            if ends or stale:
                return
        yield [], ["too many files: the rest was not listed"]

    async def _tree(self, of: Artifact, asked: Mapping[str, str], shown: bool) -> list[object]:
        """One listing. `shown`: others of this repository were, so that we may see it: the hub
        denies some of them now and then all the same."""
        what = "tree" if of.type is RepoType.DATASET else "files"
        path = f"/api/v1/{_of(of.type, of.repo)}/repo/{what}"
        query = {"Revision": of.revision, **{k: v for k, v in asked.items() if v}}
        for _ in range(DENIALS if shown else 1):
            try:
                answer = await self._http.json(path, urlencode(query, quote_via=quote))
                return answers.entries(answer.value)
            except HubAuth:
                if not shown:
                    raise
        raise HubGarbage("the hub denies a part of what it showed a moment ago")

    async def refs(self, type: RepoType, repo: str) -> Revisions:
        """Branches and tags, each by its name."""
        there = await self.repository(type, repo)
        answer = await self._http.json(f"/api/v1/{_of(type, repo)}/revisions")
        found, problems = answers.revisions(f"{self._name} {repo}", answer.value)
        if len(found) > MOST_REFS:
            why = "too many branches and tags: the rest was not looked at"
            problems.append(Problem(f"{self._name} {repo}", why))
        main = Revision("main", there.sha or MASTER)
        counted = tuple(replace(each, counted=NOT_ALL_REFS) for each in problems)
        return Revisions((main, *found[:MOST_REFS]), counted)

    async def revisions(self, type: RepoType, repo: str) -> Revisions:
        """The same: of the history the hub says nothing."""
        return await self.refs(type, repo)

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        """Bytes of an artifact: at most `wanted.length`, fewer where it ends."""
        return await self._http.range(_file(artifact), wanted)

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        """The whole artifact in order. Raises HubGarbage past `limit` bytes."""
        async for chunk in self._http.whole(_file(artifact), artifact.size, limit):
            yield chunk

    def _like(self, type: RepoType, repo: str, revision: str, ref: str | None) -> Artifact:
        """A file of this version, whichever: its `revision` is what the hub calls the version."""
        name = MASTER if ref == "main" else "main" if ref == "refs/heads/main" else ref or revision
        if is_no_ref(name):
            raise HubMissing("this is no revision's name")
        return Artifact(self._name, type, repo, name, ref, "", None)


def _is_new(entry: object, shown: set[str]) -> bool:
    """Does an entry of a tree name what was not shown yet? What names nothing does."""
    path = answers.path_of(entry)
    new = path is None or path not in shown
    shown.update(filter(None, [path]))
    return new


def _is_enough(wanted: WantedRepositories, page: ListedPage) -> bool:
    """Is what follows older than what is wanted? By the hub's word alone, where its page has that
    order."""
    times = [each.repository.modified_at for each in page.entries]
    known = [time for time in times if time is not None]
    if wanted.since is None or not known or len(known) < len(times):
        return False
    return known == sorted(known, reverse=True) and known[-1] < wanted.since


def _of(type: RepoType, repo: str) -> str:
    """A repository's part of a path."""
    if type not in _TYPES or not is_repo_id(repo) or "/" not in repo:
        raise HubMissing("this is no repository of this hub", remedy="Write OWNER/NAME.")
    return f"{type}s/{repo}"


def _file(artifact: Artifact) -> str:
    if why_unusable(artifact.path) or is_no_ref(artifact.revision):
        raise HubMissing("no hub has a path like this")
    query = {"Revision": artifact.revision, "FilePath": artifact.path}
    return f"/api/v1/{_of(artifact.type, artifact.repo)}/repo?{urlencode(query, quote_via=quote)}"
