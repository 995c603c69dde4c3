"""The history of a repository at a server that speaks the Hub's API: which commits led to which.

What comes in: a repository's path in the API, and the commits that its branches and tags lead to.
What goes out: all commits before them, newest first; and in words why they are not all, if so.
"""

from __future__ import annotations

from collections.abc import Sequence

from reseen.errors import HubAuth, HubBusy, HubError, HubGarbage
from reseen.hubs import ref_answers
from reseen.hubs.http import Http, HubResponse
from reseen.hubs.questions import Questions
from reseen.hubs.repository_lists import USUAL_PAGES
from reseen.hubs.trees import cut_at, may_be_cut

MOST_PAGES = 40
"""Pages of history of one repository, all its branches together."""
PAGE = 1_000

CLOSED = "the history may not be looked at"
"""How the reason begins where that is so."""


class Histories:
    """How one server is asked for them."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._questions = Questions(http)
        self._links = False
        """This server says where a history goes on."""

    async def of(self, api: str, heads: Sequence[str]) -> tuple[list[str], list[str]]:
        """The commits that lead to these, newest first; and why they are not all, if so."""
        found: dict[str, None] = {}
        left: list[str] = []
        pages = 0
        for head in heads:
            at, query, more = head, None, head not in found
            while more:
                if pages == MOST_PAGES:
                    left.append("a long history: its oldest part was not looked at")
                    return list(found), left
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
                        return list(found), left
                    break
                if at is not head and query is None and at not in commits[:1]:
                    left.append(cut_at(len(found)))  # it does not go on from its last commit
                    break
                # A branch joins what is known already with its first page that brings nothing new.
                news = not found.keys() >= set(commits)
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
        return list(found), left

    async def _commits(self, api: str, head: str, query: str | None) -> HubResponse:
        """A page of history: as long as the server gives them, or behind another."""
        path = f"{api}/commits/{head}"
        if query is not None:
            return await self._http.json(path, query)
        _, answer = await self._questions.ask(path, [f"limit={PAGE}", ""])
        return answer
