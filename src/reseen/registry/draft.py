"""What a row of a list becomes: a draft of a removal, or a refusal; and what was left out of it.

Pure values: nothing is checked here but a list's own name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from reseen.records import Digest, Names, RemovalClass, RemovedFile
from reseen.registry.identity import Key
from reseen.registry.lists.table import Cell
from reseen.registry.lists.values import RefusedValue
from reseen.store import links
from reseen.store.sealing import PlainNames

_NOT_A_LIST_NAME = re.compile(
    r"://|[/\\\x00-\x1f\x7f]|\b(?!\d{1,14}\b)[0-9a-f]{8,}\b", re.IGNORECASE
)
"""A link, a path or a hash; a date without dashes is none."""
MAX_LIST_NAME = 100
MOST_TOLD = 10
"""Rows that a note names by their numbers."""


@dataclass(slots=True)
class Draft:
    """What one row says of a removal. Not frozen, since a list makes millions."""

    row: int
    place: str
    said: Names | PlainNames
    """What is to be sealed; of most rows `PlainNames`, which is less."""
    digests: tuple[Digest, ...]
    size: int | None
    site: str | None
    removed_on: date | None
    list_name: str
    ids: tuple[str, str, str] | None = None
    """(site, model id, version id), where the row says all three. Ids in their normal spelling.
    Left out where they stand in `site` and in `PlainNames`."""
    otherwise: tuple[str, str] | None = None
    """By what the row is known again when it has neither a full digest nor a source: its link
    and site, or everything that it says. In its normal spelling."""
    cls: RemovalClass | None = None
    file: RemovedFile | None = None
    """Of a file that was read here (`registry add`): what its bytes told beside the digests."""

    @property
    def names(self) -> Names:
        said = self.said
        return said if isinstance(said, Names) else Names(said[0], (), said[1], said[2], said[3])

    @property
    def source(self) -> tuple[str, str, str] | None:
        """`ids`, wherever they stand."""
        said, site = self.said, self.site
        if isinstance(said, Names) or site is None:
            return self.ids
        return site, said[2], said[3]

    @property
    def key(self) -> Key | None:
        """By what the row is known beside its full digests."""
        said, site = self.said, self.site
        if isinstance(said, tuple) and site is not None:  # of nearly all rows of a long list
            return site, said[2], said[3]
        return self.ids or self.otherwise

    def __repr__(self) -> str:
        return f"Draft(row {self.row}, sealed)"


@dataclass(slots=True)
class Refusal:
    """A row that is not taken."""

    row: int
    place: str
    reason: str
    cells: Sequence[Cell]
    """The row itself, for the file of rejected rows."""


@dataclass(slots=True)
class StandingModels:
    """By what the models are known of which a list says that they stand: a log tells first that one
    was removed, then that it was put back."""

    _digests: set[Digest] = field(default_factory=set)
    _keys: set[Key] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._digests) + len(self._keys)

    def add(self, digests: Iterable[Digest], key: Key | None) -> None:
        self._digests.update(digest for digest in digests if not digest.kind.is_short)
        if key is not None:
            self._keys.add(key)

    def holds(self, draft: Draft) -> bool:
        """Whether a draft is of one of them."""
        return draft.key in self._keys or not self._digests.isdisjoint(draft.digests)


@dataclass(slots=True)
class Tally:
    """What was left out of rows that were taken, or assumed: how often, and in which rows."""

    place: str = ""
    row: int = 0
    """That which is drafted."""
    standing: StandingModels = field(default_factory=StandingModels)
    _counts: Counter[str] = field(default_factory=Counter)
    _rows: dict[str, list[str]] = field(default_factory=dict)
    """The first `MOST_TOLD` of each."""

    def count(self, what: str) -> None:
        """Once more, in the row that is drafted."""
        self._counts[what] += 1
        rows = self._rows.setdefault(what, [])
        where = f"{self.row} of {self.place}" if self.place else str(self.row)
        if len(rows) < MOST_TOLD and where not in rows:
            rows.append(where)

    def total(self) -> int:
        return self._counts.total()

    def notes(self) -> tuple[str, ...]:
        return tuple(self._note(what, count) for what, count in sorted(self._counts.items()))

    def _note(self, what: str, count: int) -> str:
        rows = self._rows[what]
        more = " and others" if len(rows) == MOST_TOLD and count > MOST_TOLD else ""
        where = f"row{'s' if len(rows) > 1 else ''} {', '.join(rows)}{more}"
        return f"{count} row{'s' if count > 1 else ''}: {what} ({where})."


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for rows that do not say it themselves."""

    list: str
    """A list name that `check_list_name` let pass."""
    site: str | None = None
    force_list: bool = False
    """The rows' own list names do not count."""
    cls: RemovalClass | None = None


def source_of(site: str, model: str, version: str) -> tuple[str, str, str]:
    """The key of a removal that is known by its site and ids."""
    both = model + version
    if both.isdigit() and both.isascii():  # nearly always
        return site, model, version
    return site, links.normal_name(model), links.normal_name(version)


def check_list_name(name: str) -> str:
    """The name as it is kept. Raises RefusedValue when it may hold what has to be sealed: a list's
    name is shown everywhere."""
    name = " ".join(name.split())
    usable = 0 < len(name) <= MAX_LIST_NAME and name.isprintable()  # half a character is not
    if not usable or _NOT_A_LIST_NAME.search(name):
        raise RefusedValue("the list's name is empty, too long, or looks like a link, path or hash")
    return name
