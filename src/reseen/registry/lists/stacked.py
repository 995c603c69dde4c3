"""Finds the tables in the rows of a text or of one sheet: they may stand one below the other.

What comes in: numbered rows. What goes out: the first `ListTable`; the next one is known when the
rows of the one before it were walked (`ListTable.below`). Each has columns of its own. A header
that stands there again, as where files were put together, is set aside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from reseen.registry.lists.columns import Meaning
from reseen.registry.lists.list_fields import KNOWING, ListField, plain_heading, spelled_as
from reseen.registry.lists.looks import (
    HEADER_WITHIN,
    SAMPLE,
    Row,
    find,
    holds_values,
    look_of,
    names_of,
    no_header,
)
from reseen.registry.lists.not_removed import TitleSays, title_stands
from reseen.registry.lists.table import HEADING, MAX_COLUMNS, Cell, ListTable, StandingRow, first_of
from reseen.registry.lists.turned import is_turned, turned_table


def table_of(
    rows: Iterator[Row],
    given: Mapping[str, ListField] | None,
    sheet: str = "",
    notes: tuple[str, ...] = (),
) -> ListTable | None:
    """The rows as a table, whose header is found; None where no column is usable. What columns are
    said to mean (`given`) is said of all rows: they are one table then."""
    return _table(rows, given, sheet, notes)


def _table(
    rows: Iterator[Row],
    given: Mapping[str, ListField] | None,
    sheet: str,
    notes: tuple[str, ...] = (),
    above: int = 0,
    *,
    not_removed: TitleSays = TitleSays.NO,
) -> ListTable | None:
    """As `table_of`. `above`: the row of the header, of a table that stands below another.
    `not_removed`: the title above it says that its models were not removed."""
    head = list(first_of(rows, HEADER_WITHIN + SAMPLE, lambda row: row[1]))
    found = find(_up_to_the_next(head), given)
    at = None if found is None else found.position
    names = () if at is None else names_of(head[at][1])
    usual = [name for name in names if spelled_as(name) is not None]
    if len(usual) < 2 and is_turned(head):
        return turned_table(chain(head, rows), given, sheet, notes)
    if found is None:
        return None
    place = ", ".join(filter(None, (sheet, f"from row {above}" if above else "")))
    if found.position is None:
        notes += ("There is no header: columns are taken for what their values are.",)
        return ListTable(found.names, chain(head, rows), place, notes, found.meaning)
    number = head[found.position][0]
    if number > 1 and not above:
        notes += (f"The header was found in row {number}.",)
    below = chain(head[found.position + 1 :], rows)
    if given:
        return ListTable(found.names, below, place, notes, found.meaning)
    titles = [row[1] for row in head[: found.position] if _is_title(row[1])]
    not_removed = not_removed or _of_not_removed(titles[-1:])
    stack = _Stack(below, found.names, sheet, min(_knowing(found.meaning)), not_removed)
    return ListTable(
        found.names,
        stack.rows(),
        place,
        notes,
        found.meaning,
        stack.set_aside,
        below=stack.below,
    )


@dataclass(slots=True)
class _Stack:
    """The rows of one table, and what stands below it."""

    left: Iterator[Row]
    header: tuple[str, ...]
    sheet: str
    telling: int
    """The position of a column by which models are known: its values are longer than headings."""
    not_removed: TitleSays = TitleSays.NO
    """The last title says that what stands below it was not removed."""
    set_aside: Counter[str] = field(default_factory=Counter)
    next_header: Row | None = None

    def rows(self) -> Iterator[Row]:
        """The rows of this table alone."""
        telling, title = self.telling, None
        for row in self.left:
            cells = row[1]
            value = cells[telling] if telling < len(cells) else None
            plain = type(value) is str and len(value) > _LONGEST_HEADING
            if not plain and is_header(cells):
                self.set_aside[HEADING] += title is not None
                self.not_removed = _of_not_removed([title[1]] if title is not None else [])
                title = None
                if _same(names_of(cells), self.header):
                    self.set_aside[HEADING] += 1
                    continue
                self.next_header = row
                return
            if title is not None:
                yield from self._title(title)
                title = None
            if not plain and _is_title(cells):  # of a table that may begin below it
                title = row
            elif self.not_removed:
                yield row[0], StandingRow(cells, heeded=self.not_removed is TitleSays.YES)
            else:
                yield row
        if title is not None:
            yield from self._title(title)

    def _title(self, title: Row) -> Iterator[Row]:
        """What a lone text among rows is: a title of those that were not removed, or a row."""
        self.not_removed = _of_not_removed([title[1]])
        if self.not_removed:
            self.set_aside[HEADING] += 1
        else:
            yield title

    def below(self) -> ListTable | None:
        """The next table, once the rows of this one were walked. Raises ListError where what stands
        below its headings is something else."""
        if self.next_header is None:
            return None
        rows = chain([self.next_header], self.left)
        table = _table(
            rows, None, self.sheet, above=self.next_header[0], not_removed=self.not_removed
        )
        if table is None:
            raise no_header([self.next_header])
        return table


def is_header(cells: Sequence[Cell]) -> bool:
    """Whether a row that stands among others can only be a header: short words, of which two or
    more, and at least half, are usual headings, and one is of what models are known by."""
    words = [cell for cell in cells if look_of(cell) is not None]
    if not 2 <= len(words) <= MAX_COLUMNS or not all(map(_may_be_heading, words)):
        return False
    fields = {spelled for word in words if (spelled := spelled_as(str(word))) is not None}
    return len(fields) >= max(2, len(words) / 2) and not KNOWING.isdisjoint(fields)


def _may_be_heading(cell: Cell) -> bool:
    return type(cell) is str and len(cell) <= _LONGEST_HEADING and look_of(cell) == "text"


def _is_title(cells: Sequence[Cell]) -> bool:
    words = [cell for cell in cells if look_of(cell) is not None]
    return len(words) == 1 and look_of(words[0]) == "text" and any(map(str.isalpha, str(words[0])))


def _of_not_removed(titles: Sequence[Sequence[Cell]]) -> TitleSays:
    said = (title_stands(str(cell)) for row in titles for cell in row if look_of(cell))
    return max(said, default=TitleSays.NO)


def _same(names: Sequence[str], header: Sequence[str]) -> bool:
    return [*map(plain_heading, names)] == [*map(plain_heading, header)]


def _knowing(meaning: Meaning) -> list[int]:
    return [position for each, position in meaning.fields.items() if each in KNOWING]


def _up_to_the_next(head: list[Row]) -> list[Row]:
    """The first rows, without those of a table that stands below."""
    first_values = next((at for at, row in enumerate(head) if holds_values(row[1])), len(head))
    for at in range(first_values + 1, len(head)):
        if is_header(head[at][1]):
            return head[:at]
    return head


_LONGEST_HEADING = 40
