"""The history of a repository at a server that speaks the Hub's API: which commits led to which.

What comes in: a repository's path in the API, and the commits that its branches and tags lead to.
What goes out: all commits before them, newest first, with what is said of them; and in words why
they are not all, if so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reseen.errors import HubAuth, HubBusy, HubError, HubGarbage
from reseen.hubs import ref_answers
from reseen.hubs.http import Http, HubResponse
from reseen.hubs.questions import Questions
from reseen.hubs.repository_lists import USUAL_PAGES
from reseen.hubs.trees import cut_at, may_be_cut
from reseen.records import HistoryCommit

MOST_PAGES = 40
"""Pages of history of one repository, all its branches together."""
PAGE = 1_000

CLOSED = "the history may not be looked at"
"""How the reason begins where that is so."""


@dataclass(frozen=True, slots=True)
class History:
    """What led to some commits."""

    commits: list[str]
    """Newest first."""
    left: list[str]
    """Why they are not all, if so."""
    told: list[HistoryCommit]
    """What is said of them, in no order; one where branches meet may be there twice."""


class Histories:
    """How one server is asked for them."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._questions = Questions(http)
        self._links = False
        """This server says where a history goes on."""

    async def of(self, api: str, heads: Sequence[str]) -> History:
        """The commits that lead to these."""
        found: dict[str, None] = {}
        told: list[HistoryCommit] = []
        left: list[str] = []
        pages = 0
        for head in heads:
            at, query, more = head, None, head not in found
            while more:
                if pages == MOST_PAGES:
                    left.append("a long history: its oldest part was not looked at")
                    return History(list(found), left, told)
                pages += 1
                try:
                    answer = await self._commits(api, at, query)
                    commits = ref_answers.commits(answer.value)
                except HubAuth as e:
                    left.append(f"{CLOSED}: {e}")
                    break
                except HubError as e:
                    left.append(f"the history was not looked at{' further' * (at in found)}: {e}")
                    if isinstance(e, HubBusy):  # it would be asked in vain for each branch
                        return History(list(found), left, told)
                    break
                if at is not head and query is None and at not in commits[:1]:
                    left.append(cut_at(len(found)))  # it does not go on from its last commit
                    break
                # A branch joins what is known already with its first page that brings nothing new.
                news = not found.keys() >= set(commits)
                if news:
                    told += ref_answers.told_of_commits(answer.value)
                found.update(dict.fromkeys(commits))
                try:
                    query = answer.following()
                except HubGarbage as e:
                    left.append(f"the rest of the history was not looked at: {e}")
                    break
                if query is not None:
                    self._links = True
                more = news and query is not None
                lengths = USUAL_PAGES if self._questions.refused else (50, 100, PAGE)
                if news and may_be_cut(answer, self._links, *lengths):
                    at, more = commits[-1], len(commits) > 1
        return History(list(found), left, told)

    async def _commits(self, api: str, head: str, query: str | None) -> HubResponse:
        """A page of history: as long as the server gives them, or behind another."""
        path = f"{api}/commits/{head}"
        if query is not None:
            return await self._http.json(path, query)
        _, answer = await self._questions.ask(path, [f"limit={PAGE}", ""])
        return answer
