"""Pages of a Hub's list of repositories, asked for in the way that the server takes.

What comes in: what to list, where to go on. What goes out: a page of JSON entries, the query of the
next one, and whether the list may be cut. Servers that speak the Hub's API know less of it: some
refuse `sort` or `expand`, some ignore them, some never say that there is more. Each form of the
question is simpler than the one before; the first that is answered is used.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from urllib.parse import urlencode

from reseen.errors import (
    HubError,
    HubGarbage,
    HubHidden,
    HubLacks,
    HubMissing,
    HubRefused,
)
from reseen.hubs.http import Http, HubResponse
from reseen.hubs.hub import WantedRepositories
from reseen.hubs.paging import number_in
from reseen.hubs.questions import Questions

MOST = 100_000
"""Entries of one page, where a server never says that there is more."""
USUAL_PAGES = (10, 20, 25, 50, 100, 200, 250, 500, 1000)
"""How long a page may be where we did not say."""
LACKS = "Leave them out of --types; or check the hub's address."
NAME_THEM = "Name the repositories (OWNER/NAME or --repos), if this hub lists none."


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page."""

    entries: list[object]
    following: str | None
    """The next page's query."""
    newest_first: bool
    """What follows was modified earlier."""
    cut_at: int | None = None
    """There may be more than these, and nothing says how to ask for it."""
    broken: HubGarbage | None = None
    """The link to the next page cannot be used: the list ends here."""


@dataclass(frozen=True, slots=True)
class _Question:
    """One way to ask."""

    limit: int | None
    fields: tuple[str, ...] | None = None
    """With `sort`, `direction` and these in `expand`; None: none of them."""

    def query(self, wanted: WantedRepositories) -> str:
        given: list[tuple[str, str]] = []
        if self.fields is not None:
            by, way = ("createdAt", "1") if wanted.since is None else ("lastModified", "-1")
            given += [("sort", by), ("direction", way)]
        if wanted.author is not None:
            given.append(("author", wanted.author))
        if self.limit is not None:
            given.append(("limit", str(self.limit)))
        given += [("expand", field) for field in self.fields or ()]
        return urlencode(given)


class RepositoryLists:
    """The lists of one server."""

    def __init__(self, http: Http, endpoint: str) -> None:
        self._http, self._endpoint = http, endpoint
        self._questions: dict[str, Questions] = {}
        """By type."""
        self._listed = False
        """It has listed something in the full form, ever."""
        self._links = False
        """It says where a list goes on: where it does not, the list has ended."""

    async def page(
        self, wanted: WantedRepositories, fields: tuple[str, ...], cursor: str | None
    ) -> ListPage:
        """Raises HubError; it names the call."""
        call = f"{self._endpoint}/api/{wanted.type}s"
        try:
            return await self._page(wanted, fields, cursor)
        except HubHidden as e:
            raise HubMissing(f"{call} lists nothing to this caller", remedy=e.remedy) from None
        except HubMissing as e:
            if await self._lacks(wanted, e):
                raise HubLacks(f"{call}: this hub has no {wanted.type}s", remedy=LACKS) from None
            raise
        except HubRefused as e:
            raise HubRefused(f"{call} cannot be listed: {e}", remedy=NAME_THEM) from None
        except HubGarbage as e:
            raise HubGarbage(f"{call} cannot be listed: {e}", remedy=NAME_THEM) from None

    async def _lacks(self, wanted: WantedRepositories, missing: HubMissing) -> bool:
        """Does the hub list nothing of this type, whoever's it is? Where it answers so of an
        account, it is asked without one."""
        questions = self._questions.get(wanted.type)
        if not missing.unexplained or (questions is not None and questions.taken):
            return False
        if wanted.author is None:
            return True
        try:
            await self._http.json(f"/api/{wanted.type}s", "limit=1")
        except HubMissing as e:
            return e.unexplained
        except HubError:
            pass
        return False

    async def _page(
        self, wanted: WantedRepositories, fields: tuple[str, ...], cursor: str | None
    ) -> ListPage:
        path = f"/api/{wanted.type}s"
        if cursor is not None and cursor.startswith("?"):
            query = cursor[1:]
            answer = await self._http.json(path, query)
        else:
            query, answer = await self._first(path, wanted, fields)
            if cursor is not None:  # of an older Reseen: a bare cursor
                query += "&" + urlencode({"cursor": cursor})
                answer = await self._http.json(path, query)
        entries = _entries(answer, wanted.type)
        newest_first = wanted.since is not None and "sort=lastModified" in query.split("&")
        try:
            following = answer.following()
        except HubGarbage as e:
            return ListPage(entries, None, newest_first, broken=e)
        if following is not None:
            self._links = True
            return ListPage(entries, f"?{following}", newest_first)
        limit = number_in(query, "limit")
        full = len(entries) == limit if limit else len(entries) in USUAL_PAGES
        if answer.total is not None and answer.total <= len(entries):
            full = False
        full = full or _says_more(answer.value, len(entries))
        if not full or self._links or not entries:
            return ListPage(entries, None, newest_first)
        return await self._once_more(wanted.type, query, ListPage(entries, None, newest_first))

    async def _first(
        self, path: str, wanted: WantedRepositories, fields: tuple[str, ...]
    ) -> tuple[str, HubResponse]:
        """The first page, by the first form of the question that is answered."""
        # Some repositories have very many files; their names are a help, not a need.
        without = tuple(field for field in fields if field != "siblings")
        full = [
            _Question(1000, fields),
            _Question(100, fields),
            _Question(100, without),
            _Question(None, without),
        ]
        forms = [*full, _Question(1000), _Question(100), _Question(None)]
        queries = [form.query(wanted) for form in forms]
        questions = self._questions.setdefault(wanted.type, Questions(self._http))
        number, answer = await questions.ask(
            path, queries, fits=lambda value: _listed(value, wanted.type) is not None
        )
        if _listed(answer.value, wanted.type) or self._listed or forms[number].fields is None:
            self._listed |= (
                bool(_listed(answer.value, wanted.type)) and forms[number].fields is not None
            )
            return queries[number], answer
        # Some list nothing where they do not know the order, and do not say so.
        with contextlib.suppress(HubRefused, HubGarbage):
            other = await self._http.json(path, queries[len(full)])
            if _listed(other.value, wanted.type):
                questions.refused = len(full)
                return queries[len(full)], other
        return queries[number], answer

    async def _once_more(self, type: str, query: str, page: ListPage) -> ListPage:
        """A full page, and no word of another: a server that has more gives more when more is asked
        for, and one that gives no more than before may have more."""
        limit = len(page.entries)
        while limit < MOST:
            limit *= 10
            given = [q for q in query.split("&") if not q.startswith("limit=")]
            asked = "&".join([*(q for q in given if "siblings" not in q), f"limit={limit}"])
            try:
                answer = await self._http.json(f"/api/{type}s", asked)
                entries = _entries(answer, type)
            except HubError as e:
                if not isinstance(e, HubGarbage) and not e.unexplained:
                    raise
                break
            if len(entries) <= len(page.entries):
                break
            page = ListPage(entries, None, page.newest_first)
            if len(entries) < limit and not _says_more(answer.value, len(entries)):
                return page
        return ListPage(page.entries, None, page.newest_first, cut_at=len(page.entries))


def _entries(answer: HubResponse, type: str) -> list[object]:
    found = _listed(answer.value, type)
    if found is None:
        raise HubGarbage("the hub's list of repositories is not a list")
    return found


def _listed(value: object, type: str) -> list[object] | None:
    """The list that an answer is, or that stands in it under a usual key ({"repos": [...]})."""
    if isinstance(value, dict):
        there = [value[key] for key in (*_WITHIN, f"{type}s") if isinstance(value.get(key), list)]
        value = there[0] if len(there) == 1 else None
    return value if isinstance(value, list) else None


_WITHIN = (*("repos", "repositories", "items", "results", "data", "rows"),)
_MORE = ("next", "nextCursor", "next_cursor", "cursor", "hasMore", "has_more", "nextPage")


def _says_more(value: object, entries: int) -> bool:
    """Whether an object says beside its list that there is more than this."""
    if not isinstance(value, dict):
        return False
    totals = [value.get(key) for key in ("total", "count", "totalCount", "numTotalItems")]
    return any(type(total) is int and total > entries for total in totals) or any(
        value.get(key) not in (None, False, "", [], {}) for key in _MORE
    )
