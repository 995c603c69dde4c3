"""The files of a version, page by page, asked for in the way that the server takes.

What comes in: the path of a tree. What goes out: pages of JSON, and where the list may not be all.
Servers that speak the Hub's API know less of it: some refuse to be told that folders are wanted
with all that is in them, some do not listen. Then each folder is listed by itself: a folder in
which nothing is shown is no folder of git's.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncIterator
from urllib.parse import quote

from reseen.errors import HubError, HubMissing
from reseen.hubs import answers
from reseen.hubs.http import Http, HubResponse
from reseen.hubs.hub import MAY_BE_CUT
from reseen.hubs.questions import Questions

MOST_PAGES = 2_000
"""Pages of 1,000 files, or folders: no more of one commit is listed."""
PAGE = 1_000
LONGEST = 100_000
"""Entries of one page, where a server never says that there is more."""
_QUERIES = ("recursive=true&expand=false", "recursive=true", "")
"""Each asks for less than the one before; the first that is not refused is used."""


class Trees:
    """The trees of one server."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._questions = Questions(http)
        self._links = False
        """It says where a list goes on: where it does not, the list has ended."""

    async def pages(self, path: str) -> AsyncIterator[tuple[object, str | None]]:
        """Each page, and in words why there may be more than these where nothing says how to ask
        for it."""
        left, known, count = deque([""]), {""}, 0
        while left:
            folder = left.popleft()
            named: list[str] = []
            shown: set[str] = set()
            try:
                at = f"{path}/{quote(folder)}" if folder else path
                async for value, cut in self._of_folder(at):
                    if count == MOST_PAGES:
                        yield [], "too many files: the rest was not listed"
                        return
                    count += 1
                    yield value, cut
                    some, within = answers.folders(value)
                    named += some
                    shown |= within
            except HubMissing:
                if not folder:
                    raise
                continue  # another repository is linked there
            empty = [each for each in named if each not in shown and each not in known]
            known.update(empty)
            left.extend(empty)

    async def _of_folder(self, path: str) -> AsyncIterator[tuple[object, str | None]]:
        query: str | None = None
        while True:
            if query is None:
                _, answer = await self._questions.ask(path, _QUERIES, fits=answers.is_list)
            else:
                answer = await self._http.json(path, query)
            value, cut = answer.value, None
            if may_be_cut(answer, self._links, PAGE):
                value, cut = await self._longer(path, answer)
            yield value, cut
            query = answer.following()
            if query is None:
                return
            self._links = True

    async def _longer(self, path: str, answer: HubResponse) -> tuple[object, str | None]:
        """A page of the usual length, and no word of another: what the server gives when it is
        asked for more; and why that may not be all."""
        value = answer.value
        assert isinstance(value, list)
        with contextlib.suppress(HubError):
            query = f"{_QUERIES[self._questions.refused]}&limit={LONGEST}".lstrip("&")
            longer = (await self._http.json(path, query)).value
            if isinstance(longer, list) and len(longer) > len(value):
                value = longer
        if PAGE < len(value) < LONGEST:
            return value, None
        return value, cut_at(len(value))


def may_be_cut(answer: HubResponse, links: bool, *lengths: int) -> bool:
    """Has the page one of these lengths, and is not known to be the last? `links`: the server once
    said that such a list goes on, so it says so whenever one does."""
    entries = answer.value if isinstance(answer.value, list) else []
    if (answer.link and "next" in answer.link) or links:
        return False
    if answer.total is not None and answer.total <= len(entries):
        return False
    return len(entries) in lengths


def cut_at(count: int) -> str:
    """How it is said that a list may have more."""
    return f"{MAY_BE_CUT} {count:,}: this hub never says what follows"
