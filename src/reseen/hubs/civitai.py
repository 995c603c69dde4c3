"""Civitai, or a server that speaks its API (v1): asked by hash, and walked a hundred models a call.

What comes in: digests, or what to list or read. What goes out: values of `reseen.records`. A model
is a repository, with all its versions; the list gives every file with its SHA-256. Facts: the
site's own source (Apache-2.0), not recorded answers. Reading leads to the storage by the download
route; nothing else counts as a download. `page` is never asked for: cursors alone go on to the end.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlencode

from reseen.errors import HubGarbage, HubMissing
from reseen.files.source import Range
from reseen.hubs import civitai_answers as answers
from reseen.hubs.civitai_addresses import number_of
from reseen.hubs.civitai_answers import Model
from reseen.hubs.client_options import USUAL, ClientOptions
from reseen.hubs.http import AnswerTooBig
from reseen.hubs.http_hub import HttpHub
from reseen.hubs.hub import (
    CUT,
    Abilities,
    Askable,
    ByHash,
    FilesPage,
    RepositoryPage,
    WantedRepositories,
)
from reseen.hubs.list_so_far import ListsSoFar
from reseen.records import Artifact, DigestKind, Problem, Repository, RepoType
from reseen.settings import CIVITAI, CIVITAI_ENDPOINT

MODELS = 100
"""Models in one answer, at most."""
_FEWER = (MODELS, 25, 5, 1)
"""How many are asked for where an answer has too many bytes."""
MOST_ASKED = 10_000
MOST_MODELS = 20_000
"""Models that are looked at for one question, whatever the hub says ..."""
MOST_SINGLE = 200
"""... and of these, one by one."""
_SHOWN = 64
"""Models looked up by name that are remembered until their files are asked for."""

ASKABLE = Askable(DigestKind.SHA256, MOST_ASKED, documented=True)
_ABILITIES = Abilities(
    lists=True,
    refs=False,
    history=False,
    ranges=True,
    sizes=True,
    digests=frozenset({DigestKind.SHA256}),
    askable=ASKABLE,
)


class Civitai(HttpHub):
    """An `AskableHub`. Make it inside a running event loop; to be closed."""

    def __init__(
        self,
        endpoint: str = CIVITAI_ENDPOINT,
        token: str | None = None,
        options: ClientOptions = USUAL,
    ) -> None:
        super().__init__(_ABILITIES, endpoint, token, options, kind=CIVITAI)
        self._lists = ListsSoFar()
        self._shown: dict[str, Model] = {}
        self._single = 0
        """How many models may still be looked up by themselves for this question."""

    async def list_repositories(
        self, wanted: WantedRepositories, cursor: str | None
    ) -> RepositoryPage:
        """One page, newest first; with `since`, until that instant."""
        if wanted.type is not RepoType.MODEL:
            return RepositoryPage((), None)
        query = {"nsfw": "true", "sort": "Newest"}
        if wanted.author is not None:
            query["username"] = wanted.author
        if cursor is not None:
            query["cursor"] = cursor
        value = await self._fewer_at_once(query)
        models, problems = self._models_in(value)
        following = answers.next_cursor(value)
        so_far = self._lists.of(wanted.author, cursor)
        numbers = [number_of(model.repository.id) for model in models]
        if why := so_far.why_it_ends(numbers, cursor, following):
            following = None
            problems.append(Problem(self._name, f"a list ends early: {why}", counted=CUT))
        models = [model for model in models if wanted.is_by_author(model.repository)]
        recent = [model for model in models if wanted.is_recent(model.repository)]
        if models and not recent:  # what follows is older still
            following = None
        models = recent
        files = {m.repository.id: m.files for m in models}
        listed = tuple(model.repository for model in models)
        return RepositoryPage(listed, following, tuple(problems), files)

    async def repository(self, type: RepoType, repo: str) -> Repository:
        """One model as it stands now. Its id can differ from `repo`: its account was renamed."""
        model = await self._model(type, repo)
        while len(self._shown) >= _SHOWN:
            del self._shown[next(iter(self._shown))]
        self._shown[number_of(repo)] = model
        return model.repository

    async def list_files(
        self, type: RepoType, repo: str, revision: str, ref: str | None
    ) -> AsyncIterator[FilesPage]:
        """All files of all versions, as they stand now."""
        model = self._shown.pop(number_of(repo), None) or await self._model(type, repo)
        yield replace(model.files, certain=model.repository.sha == revision)

    async def _model(self, type: RepoType, repo: str) -> Model:
        number = number_of(repo)
        if type is not RepoType.MODEL or not answers.is_number(number):
            raise HubMissing("this hub has models alone", remedy="Write ACCOUNT/NUMBER.")
        answer = await self._http.json(f"/api/v1/models/{number}")
        found = answers.model(self._name, answer.value)
        if isinstance(found, Problem) or number_of(found.repository.id) != number:
            raise HubGarbage("the hub's answer for one model cannot be read")
        return found

    async def ask(self, digests: Sequence[bytes]) -> AsyncIterator[ByHash]:
        """Which files with these SHA-256s are published: one question, and one more for each 100
        models that have any. Sends the digests and the hub's own numbers, nothing else."""
        wanted = sorted(set(digests))
        if not wanted or len(wanted) > MOST_ASKED:
            raise HubGarbage(f"{len(wanted):,} digests are no question for this hub")
        answer = await self._http.json(
            "/api/v1/model-versions/by-hash/ids", body=json.dumps(_written(wanted)).encode()
        )
        there, strangers = answers.present(answer.value, frozenset(wanted))
        problems: list[Problem] = []
        if strangers:
            why = f"entries of its answer that are none of what was asked for: {strangers:,}"
            problems.append(Problem(self._name, why))
        numbers = sorted({number for those in there.values() for number in those}, key=int)
        if beyond := len(numbers[MOST_MODELS:]):
            why = f"models of its answer that were not looked at, for they are too many: {beyond:,}"
            problems.append(Problem(self._name, why))
            del numbers[MOST_MODELS:]
        shown: set[bytes] = set()
        self._single = MOST_SINGLE
        for start in range(0, len(numbers), MODELS):
            models, more = await self._of_numbers(numbers[start : start + MODELS])
            shown.update(a.sha256 for m in models for a in m.files.artifacts if a.sha256)
            yield ByHash(tuple((m.repository, m.files) for m in models), problems=tuple(more))
        if unseen := len(there.keys() - shown):
            why = f"digests that are there by its word, and no file of it has them: {unseen:,}"
            problems.append(Problem(self._name, why))
        yield ByHash(absent=frozenset(wanted) - there.keys(), problems=tuple(problems))

    async def _of_numbers(self, numbers: Sequence[str]) -> tuple[list[Model], list[Problem]]:
        """These models; those that the list does not show are looked up one by one."""
        found: dict[str, Model] = {}
        problems: list[Problem] = []
        asked = urlencode({"ids": ",".join(numbers), "limit": MODELS, "nsfw": "true"})
        try:
            answer = await self._http.json("/api/v1/models", asked)
        except AnswerTooBig:
            if len(numbers) == 1:
                raise
            middle = len(numbers) // 2
            one, of_one = await self._of_numbers(numbers[:middle])
            two, of_two = await self._of_numbers(numbers[middle:])
            return [*one, *two], [*of_one, *of_two]
        models, problems = self._models_in(answer.value)
        for model in models:
            if (number := number_of(model.repository.id)) in numbers:
                found[number] = model
        hidden = 0
        for number in numbers:
            if number in found:
                continue
            hidden += 1
            if self._single > 0:
                self._single -= 1
                with suppress(HubMissing, HubGarbage):
                    found[number] = await self._model(RepoType.MODEL, number)
                    hidden -= 1
        if hidden:
            why = f"models that are there by its word, and that it does not show: {hidden:,}"
            problems.append(Problem(self._name, why))
        return list(found.values()), problems

    async def _fewer_at_once(self, query: Mapping[str, str]) -> object:
        """A page of the list; a shorter one where that has too many bytes."""
        for limit in _FEWER:
            try:
                asked = urlencode({"limit": limit, **query})
                return (await self._http.json("/api/v1/models", asked)).value
            except AnswerTooBig:
                if limit == _FEWER[-1]:
                    raise
        raise AssertionError

    def _models_in(self, value: object) -> tuple[list[Model], list[Problem]]:
        read = [answers.model(self._name, entry) for entry in answers.items(value)]
        problems = [each for each in read if isinstance(each, Problem)]
        return [each for each in read if isinstance(each, Model)], problems

    async def read(self, artifact: Artifact, wanted: Range) -> bytes:
        """Bytes of an artifact: at most `wanted.length`, fewer where it ends."""
        return await self._http.range(_download(artifact), wanted)

    async def stream(self, artifact: Artifact, limit: int) -> AsyncIterator[bytes]:
        """The whole artifact in order. Raises HubGarbage past `limit` bytes."""
        async for chunk in self._http.whole(_download(artifact), artifact.size, limit):
            yield chunk


def _written(digests: Sequence[bytes]) -> list[str]:
    """As the hub keeps them."""
    return [digest.hex().upper() for digest in digests]


def _download(artifact: Artifact) -> str:
    version, file = _numbers(artifact.path.split("/"))
    return f"/api/download/models/{version}?fileId={file}"


def _numbers(steps: Sequence[str]) -> Iterator[str]:
    if len(steps) < 2 or not all(map(answers.is_number, steps[:2])):
        raise HubMissing("this hub has no path like this")
    yield from steps[:2]
