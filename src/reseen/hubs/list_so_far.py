"""When a list that goes on from page to page is taken for one without an end.

What comes in: what each page names, and where it leads. What goes out: why the list is not gone on
with, in words. A hub decides how long its lists are: one that goes round, or brings nothing new, is
asked for a few pages more and not for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

STALE_PAGES = 3
"""Pages in a row with nothing new, after which a list is taken for one without an end."""
MOST_PAGES = 200_000
"""Pages of one list: no more are asked for."""
MOST_REMEMBERED = 200_000
"""Entries of a list that are remembered, to know what is new."""


@dataclass(slots=True)
class ListSoFar:
    """How far one list got, in this life of the process."""

    seen: set[str] = field(default_factory=set)
    pages: int = 0
    stale: int = 0

    def why_it_ends(
        self, names: Iterable[str], asked: str | None, following: str | None
    ) -> str | None:
        """A page came that names these: why the list is not gone on with. None where it is, or
        where it ended by itself. `asked`, `following`: where that page and the next one are."""
        here = set(names)
        self.stale = 0 if here - self.seen else self.stale + 1
        if len(self.seen) > MOST_REMEMBERED:
            self.seen.clear()
        self.seen |= here
        self.pages += 1
        if following is None:
            return None
        if following == asked:
            return "the hub's list goes round in a circle"
        if self.stale >= STALE_PAGES:
            return "its pages go on and bring nothing new"
        if self.pages >= MOST_PAGES:
            return f"it has more than {MOST_PAGES:,} pages"
        return None


@dataclass(slots=True)
class ListsSoFar:
    """Those of one hub: of each account, and of all together (None)."""

    _of: dict[str | None, ListSoFar] = field(default_factory=dict)

    def of(self, account: str | None, asked: str | None) -> ListSoFar:
        """How far this list got; it begins anew where its first page is `asked` for (None)."""
        if asked is None or account not in self._of:
            self._of[account] = ListSoFar()
        return self._of[account]
