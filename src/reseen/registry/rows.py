"""Walks the rows of a list: a draft of a removal for each, or why it is refused.

What comes in: a `ListTable` and what its columns mean. What goes out: a `Draft` or a `Refusal` for
each row, in order; and, in a `Tally`, what was left out of rows that were taken. Pure: the
registry is not asked here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence

from reseen.errors import FileError, SystemLimit, bulkhead
from reseen.registry.draft import Defaults, Draft, Refusal, Tally
from reseen.registry.lists.columns import Meaning
from reseen.registry.lists.table import HEADING, UNREADABLE, Cell, ListTable, StandingRow
from reseen.registry.lists.values import (
    RefusedValue,
    SeveralValues,
    text_of,
    value_of,
)
from reseen.registry.row_drafter import RowDrafter, plain_drafter

_RULE = re.compile(r"[-=:_+|\s]+\Z")
"""What is drawn between a header and its rows."""
_COUNT = re.compile(r"\(?\d[\d,. ]{0,12} (?:rows?|records?)\b[^|]{0,40}\Z", re.IGNORECASE)
_COMMENT = ("#", "//")


def drafts(
    table: ListTable, meaning: Meaning, defaults: Defaults, tally: Tally
) -> Iterator[Draft | Refusal]:
    """A draft or a refusal for each row that is not blank, in order."""
    unreadable = table.columns.index(UNREADABLE) if UNREADABLE in table.columns else None
    columns = len(table.columns)
    drafter = RowDrafter(meaning, defaults, tally)
    place, width, draft = table.place, drafter.width, drafter.draft
    plain = plain_drafter(meaning, defaults) if unreadable is None else None
    rows = _each_file(table.rows, meaning.further) if meaning.further else table.rows
    for number, cells in rows:
        if type(cells) is StandingRow:
            if cells.why:
                table.set_aside[cells.why] += 1
            if cells.heeded:
                drafter.heed_standing([*cells, *[None] * (width - len(cells))])
            continue
        if plain is not None and len(cells) == columns:
            drafted = plain(number, place, cells)
            if drafted is not None:
                yield drafted
                continue
        if len(cells) < width:
            cells = [*cells, *[None] * (width - len(cells))]
        try:
            if unreadable is not None and len(cells) > unreadable and cells[unreadable]:
                raise RefusedValue("the entry is not a JSON object")
            if len(cells) > columns and any(cells[columns:]):
                raise RefusedValue("the row has more cells than the header has columns")
            with bulkhead(RefusedValue):
                drafted = draft(number, place, cells)
        except SeveralValues as several:
            for value in several.values:
                yield _one_of_several(drafter, number, place, several.put(cells, value))
            continue
        except SystemLimit:
            raise  # the next row would reach it, too: it is the list's trouble
        except (RefusedValue, FileError) as refused:
            first = next((text for cell in cells if (text := text_of(cell))), None)
            if first is None:
                continue
            if first.startswith(_COMMENT) and sum(text_of(cell) is not None for cell in cells) == 1:
                table.set_aside["a comment"] += 1
            elif all(_RULE.match(text_of(cell) or "-") for cell in cells) or _is_count(cells):
                table.set_aside[HEADING] += 1
            else:
                yield Refusal(number, place, sys.intern(str(refused)), cells)
            continue
        yield drafted


def _is_count(cells: Sequence[Cell]) -> bool:
    """Whether a row is what a database writes below its rows ("(3 rows)")."""
    held = [text for cell in cells if (text := text_of(cell)) is not None]
    return len(held) == 1 and _COUNT.match(held[0]) is not None


def _each_file(
    rows: Iterable[tuple[int, Sequence[Cell]]], further: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, Sequence[Cell]]]:
    """The rows, and behind each as many more as it has hashes of further files."""
    for number, cells in rows:
        if isinstance(cells, StandingRow):
            yield number, cells
            continue
        others = {more for _, more in further}
        alone = [None if at in others else cell for at, cell in enumerate(cells)]
        yield number, alone
        for first, more in further:
            if more < len(cells) and value_of(cells[more]) is not None:
                yield number, [*alone[:first], cells[more], *alone[first + 1 :]]


def _one_of_several(
    drafter: RowDrafter, number: int, place: str, cells: Sequence[Cell]
) -> Draft | Refusal:
    """One of the files of which a row's cell holds the hashes."""
    try:
        with bulkhead(RefusedValue):
            return drafter.draft(number, place, cells)
    except SystemLimit:
        raise
    except (RefusedValue, FileError) as refused:
        return Refusal(number, place, str(refused), cells)
