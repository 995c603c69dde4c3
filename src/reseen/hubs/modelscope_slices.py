"""Which lists of ModelScope are asked for, so that together they show all that can be shown.

What comes in: what pages gave. What goes out: the next page to ask for, and what is to be said. A
list shows its first 3,000 repositories and no more (`BOUND`). One that has more is asked for in
slices: by the tasks, licences and tags that its pages name, and then account by account. Nothing
here asks anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlencode

from reseen.hubs.list_so_far import MOST_PAGES
from reseen.hubs.modelscope_answers import ListedPage

BOUND = 3_000
"""A page's number times its length is at most this: the hub's own rule, and its client's."""
PAGE = 100
FILTERS = ("filter.task", "filter.license", "filter.custom_tag")
"""By what a list is asked for that has more, before it is asked for by account."""
OWNER = "owner"
MOST_VALUES = 300
"""Values of one filter: uploaders choose them."""
MOST_REMEMBERED = 1_000_000
"""Repositories of a list that are remembered, to tell how many there were, and accounts."""
GOES_ROUND = "a list goes on and brings nothing new"


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of one slice of a list."""

    by: str = ""
    """The filter; empty: the whole list."""
    value: str = ""
    number: int = 1
    size: int = PAGE
    after: str = ""
    """Accounts up to this one were listed before."""

    def query(self, owner: str | None, sort: str | None) -> str:
        given = {"page_number": str(self.number), "page_size": str(self.size)}
        given |= {} if owner is None else {OWNER: owner}
        given |= {} if sort is None else {"sort": sort}
        given |= {self.by: self.value} if self.by else {}
        return urlencode(given)

    @property
    def cursor(self) -> str:
        return urlencode({name: getattr(self, name) for name in self.__slots__})


def first(cursor: str | None) -> Slice:
    """Where a list begins that another life of the process began: at its beginning, without the
    accounts that were listed then."""
    return Slice(after=parse_qs(cursor or "").get("after", [""])[-1])


@dataclass(slots=True)
class Slices:
    """How far one list got, in this life of the process."""

    owner: str | None
    """Whose list it is; None: everybody's."""
    at: Slice | None
    """What is asked for next; None: nothing."""
    seen: set[str] = field(default_factory=set)
    """Repositories that pages gave."""
    total: int = 0
    """Repositories of the whole list, by the hub's word."""
    _pages: int = 0
    """How many came."""
    _here: set[str] = field(default_factory=set)
    """Those of the slice that is asked for."""
    _known: dict[str, dict[str, None]] = field(default_factory=dict)
    """By filter, the values that pages named."""
    _unknown: set[str] = field(default_factory=set)
    """Filters that the hub does not know: it gives the whole list."""
    _resumed: bool = False
    """Another life of the process listed some accounts: these are not asked for again."""
    _is_cut: bool = False
    """The whole list has more than it shows."""
    _left: Iterator[Slice] | None = None
    """What follows the whole list then; None: that is asked for."""

    def took(self, page: ListedPage, *, enough: bool) -> list[str]:
        """A page came: what is to be said of that. `enough`: nothing behind it is wanted."""
        assert self.at is not None
        at, said = self.at, list[str]()
        here = {each.repository.id for each in page.entries}
        # What cannot be read may be new: nobody knows.
        news = not here or not here <= self._here
        self._here |= here
        if len(self.seen) < MOST_REMEMBERED:
            self.seen |= here
        if at.by != OWNER:
            self._learn(page)
        shown = (at.number - 1) * at.size + page.count
        # Figures that are smaller than what the page itself shows say nothing.
        total = page.total if page.total is not None and page.total >= shown else None
        says = page.size is not None and page.count <= page.size < at.size
        size = page.size if says and page.size is not None else at.size
        self._pages += 1
        if not at.by:
            self.total, self._resumed = max(self.total, total or 0), bool(at.after)
        elif at.by in FILTERS and total is not None and total >= self.total > 0:
            self._unknown.add(at.by)
            enough = True
        more = page.count > 0 and (page.count >= size if total is None else shown < total)
        if more and not enough and not news:
            said.append(GOES_ROUND)
        elif more and not enough:
            number = at.number + 1 if size == at.size else shown // size + 1
            if number * size <= BOUND and self._pages < MOST_PAGES:
                self.at = replace(at, number=number, size=size)
                return said
            if at.by == OWNER:
                said.append(f"an account of which {BOUND:,} repositories are shown and no more")
        self._here = set()
        if self._pages >= MOST_PAGES:
            self.at = None
            return [*said, f"only the first {MOST_PAGES:,} pages of its lists were asked for"]
        if self._left is None:
            self._is_cut = not enough and (more or shown >= BOUND)
            self._left = self._slices(at.after) if self._is_cut else iter(())
        self.at = next(self._left, None)
        if self.at is None and self._is_cut:
            said += self._in_the_end()
        return said

    def _in_the_end(self) -> list[str]:
        """What is to be said of a list that shows a part of itself."""
        begins = f"a list shows {BOUND:,} repositories and no more"
        if self._resumed or not self.total or len(self.seen) >= MOST_REMEMBERED:
            return [f"{begins}: how many were not found by its slices is not known"]
        if len(self.seen) >= self.total:
            return []
        found = f"{len(self.seen):,} were found by tasks, licences, tags and accounts"
        return [f"{begins}: of {self.total:,} that are there by its word, {found}"]

    def _learn(self, page: ListedPage) -> None:
        for entry in page.entries:
            for by, value in entry.told:
                known = self._known.setdefault(by, {})
                if len(known) < (MOST_REMEMBERED if by == OWNER else MOST_VALUES):
                    known[value] = None

    def _slices(self, after: str) -> Iterator[Slice]:
        """First pages. What the pages of one name is asked for, too."""
        done: set[tuple[str, str]] = set()
        while True:
            left = (
                (by, value)
                for by in FILTERS
                if by not in self._unknown
                for value in self._known.get(by, ())
                if (by, value) not in done
            )
            if (one := next(left, None)) is None:
                break
            done.add(one)
            yield Slice(*one, after=after)
        for owner in sorted(self._known.get(OWNER, ())) if self.owner is None else ():
            if owner > after:
                yield Slice(OWNER, owner, after=after)
                after = owner
