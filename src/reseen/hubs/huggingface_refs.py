"""What leads to a version of a repository, at a server that speaks the Hub's API.

What comes in: a repository. What goes out: its branches, tags, conversions and pull requests, and
in words what could not be had of them (where a server does not say them: main alone); which names
lead to a commit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reseen.errors import HubAuth, HubGarbage, HubMissing, HubRefused
from reseen.hubs import ref_answers
from reseen.hubs.http import Http
from reseen.hubs.hub import NOT_ALL_REFS, Revision, Revisions
from reseen.hubs.huggingface_paths import api_path
from reseen.hubs.questions import Questions
from reseen.records import Problem, Repository, RepoType, commit_key

MOST_REFS = 2_000

LookUp = Callable[[RepoType, str], Awaitable[Repository]]
"""How one repository is looked up as it stands now."""


class Refs:
    """How one server is asked for them. `hub`: its name in problems."""

    def __init__(self, http: Http, hub: str, look_up: LookUp) -> None:
        self._hub, self._look_up = hub, look_up
        self._questions = Questions(http)

    async def of(self, type: RepoType, repo: str) -> Revisions:
        """Those of one repository; what cannot be read becomes a problem."""
        where = f"{self._hub} {repo}"
        try:
            found, problems = await self._said(type, repo, where)
        except (HubMissing, HubRefused) as e:
            there = await self._look_up(type, repo)  # or it is missing itself
            found = [] if there.sha is None else [Revision("main", there.sha)]
            problems = [_problem(where, f"no branches, tags and pull requests: {e}")]
        if len(found) > MOST_REFS:
            problems.append(_problem(where, "too many refs: the rest was not looked at"))
        return Revisions(tuple(found[:MOST_REFS]), tuple(problems))

    async def leads_to(self, type: RepoType, repo: str, ref: str, commit: str) -> bool:
        """Does a name lead to this commit now, by all that the hub says?"""
        try:
            if ref == "main" and (sha := (await self._look_up(type, repo)).sha) is not None:
                return commit_key(sha) == commit_key(commit)
            found = (await self.of(type, repo)).revisions
        except (HubAuth, HubMissing, HubGarbage):
            return False
        return any(r.ref == ref and commit_key(r.commit) == commit_key(commit) for r in found)

    async def other_name(self, type: RepoType, repo: str, ref: str, commit: str) -> str | None:
        """Another name that leads to a commit: what every visitor sees need not be called main."""
        try:
            found = (await self.of(type, repo)).revisions
        except (HubAuth, HubMissing, HubGarbage):
            return None
        same = (r.ref for r in found if commit_key(r.commit) == commit_key(commit))
        return next((name for name in same if name not in (None, ref)), None)

    async def _said(
        self, type: RepoType, repo: str, where: str
    ) -> tuple[list[Revision], list[Problem]]:
        path = f"{api_path(type, repo)}/refs"
        number, answer = await self._questions.ask(path, ["include_prs=1", ""], shorter=False)
        found, strange = ref_answers.refs(where, answer.value)
        problems = [_problem(where, each.reason) for each in strange]
        if number:
            problems.append(_problem(where, f"no pull requests: {self._questions.why}"))
        return found, problems


def _problem(where: str, reason: str) -> Problem:
    return Problem(where, reason, counted=NOT_ALL_REFS)
