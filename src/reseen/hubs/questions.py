"""One thing asked of a server in the way that it takes: the fullest first, then simpler ones.

What comes in: a path, and queries that each ask for less than the one before. What goes out: the
first answer, and which query it is to. Servers that speak the Hub's API know less of it. A query
that one does not know it refuses as such (400, 422), or as if nothing were there (404), or as if
nobody may have it (403), or it breaks (500). Only the first says what is meant; of the others it is
known only by asking the simplest query too: where that is answered, it was the query, and where it
is not, what it came to is the answer: a 404 of something missing, the 500 of a hub in trouble. No
more is asked of a hub that has taken the query once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reseen.errors import HubBusy, HubError, HubRefused
from reseen.hubs.http import AnswerTooBig, Http, HubResponse


class Questions:
    """How one server is asked for one kind of thing."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self.refused = 0
        """How many of the queries it refuses, the first ones."""
        self.why: HubError | None = None
        """How it refuses them."""
        self.taken = False
        """It has answered the next one, ever: a refusal of that is about what was asked for."""

    async def ask(
        self,
        path: str,
        queries: Sequence[str],
        *,
        shorter: bool = True,
        fits: Callable[[object], bool] = lambda value: True,
    ) -> tuple[int, HubResponse]:
        """The number of the first of these queries that is answered, and the answer. Raises
        HubError when none is. `shorter`: the answer to a simpler one has fewer bytes. `fits`: what
        does not is no answer: some refuse in words, with status 200."""
        last, start = len(queries) - 1, self.refused
        simplest: HubResponse | None = None
        """Its answer to the simplest, where that had to be asked."""
        why: HubError | None = None
        too_big = False
        for number in range(start, last):
            sure = self.taken and number == self.refused
            try:
                answer = await self._once(path, queries[number], queries[last], sure, simplest)
                if answer.query != queries[number]:
                    # Two troubles, then the simplest was answered: it is the query, or they passed.
                    simplest = answer
                    answer = await self._http.json(path, queries[number], attempts=1)
                if not fits(answer.value):
                    raise HubRefused("the hub answers with something else than was asked for")
            except (AnswerTooBig, HubRefused) as e:
                if isinstance(e, AnswerTooBig):
                    if not shorter:
                        raise
                    too_big = True
                why = e
            except HubError as e:
                # With troubles, the simplest was asked among others, and was not answered.
                if sure or not e.unexplained or (isinstance(e, HubBusy) and simplest is None):
                    raise
                if simplest is None:
                    simplest = await self._http.json(path, queries[last])
                why = e
            else:
                if not too_big:
                    self._learn(number, start, why)
                return number, answer
        answer = simplest or await self._http.json(path, queries[last])
        if not too_big:
            self._learn(last, start, why)
        return last, answer

    async def _once(
        self, path: str, query: str, simplest: str, sure: bool, known: HubResponse | None
    ) -> HubResponse:
        """As patiently as it deserves: not for long where the simplest was answered just now."""
        if sure:
            return await self._http.json(path, query)
        if known is not None:
            return await self._http.json(path, query, attempts=1)
        return await self._http.json(path, query, simpler=simplest)

    def _learn(self, number: int, start: int, why: HubError | None) -> None:
        """This query was answered, and those from `start` on before it were not. What it has taken
        once it takes: then that was about this path. An answer that is too big is so, too."""
        if number == self.refused:
            self.taken = True
        elif start == self.refused and not self.taken:
            self.refused, self.why, self.taken = number, why, True
