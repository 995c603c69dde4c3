"""Reads tables that are turned on their side: each row begins with what it tells.

What comes in: numbered rows, of which the first cell is a heading ("Name", "SHA256"). What goes
out: a `ListTable` with a row for each model: models stand side by side, one a column, or one below
the other as records of two cells. A record ends where a heading comes again, or at a blank row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise

from reseen.registry.lists.columns import recognise
from reseen.registry.lists.list_fields import KNOWING, ListField, plain_heading, spelled_as
from reseen.registry.lists.looks import SAMPLE, Row, holds_values, look_of, values_of
from reseen.registry.lists.not_removed import TitleSays, still_standing, title_stands
from reseen.registry.lists.table import HEADING, Cell, ListTable, StandingRow, first_of

_ROWS = 200
"""Headings of one model; what follows belongs to none."""
_LABEL = re.compile(
    r"[\s|*>-]{0,8}([^\W\d_][\w .()/'’-]{0,38}?)[\s*]{0,4}[:=|\t][\s*]{0,4}(\S.*)\Z"
)
"""A line "Name: value", also as a list in Markdown writes it."""
_AROUND = "#/;-*=_:|>[]() \t"
_MARKED = re.compile(r"(?:#{1,6}|\d{1,6}[.)]|[-*+•])\s{1,8}")
"""How a line begins that is a heading, or of a list."""
_TITLE = "the title above"
"""Stands for a column that no heading can be called as."""
_LATER = "a value under a heading that the first rows do not have"


def labelled(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of lines that are headings with their values ("Name: ..."); blank ones are empty."""
    for number, line in enumerate(lines, 1):
        found = _LABEL.match(line.strip("\ufeff \t\r\n"))
        if found is not None:
            yield number, [found[1], found[2].strip("| \t")]
        else:
            yield number, [line.strip()] if line.strip() else []


def is_turned(rows: Sequence[Row]) -> bool:
    """Whether the first rows are of a table that is turned: most begin with a usual heading, and
    behind one by which models are known stand hashes or links."""
    cells = [_held(row) for _, row in rows]
    cells = [row for row in cells if len(row) > 1]
    called = [spelled_as(str(row[0])) if look_of(row[0]) == "text" else None for row in cells]
    fields = {field for field in called if field is not None}
    if len(fields) < 2 or 2 * sum(field is not None for field in called) < len(called):
        return False
    if 3 * len(cells) < sum(any(look_of(cell) for cell in row) for _, row in rows):
        return False
    telling = [row for row, field in zip(cells, called, strict=True) if field in KNOWING]
    return 2 * sum(holds_values(row[1:]) for row in telling) > len(telling) > 0


def turned_table(
    rows: Iterator[Row],
    given: Mapping[str, ListField] | None,
    place: str = "",
    notes: tuple[str, ...] = (),
) -> ListTable | None:
    """The table in rows for which `is_turned` holds; None where no heading in it is usable."""
    head = list(first_of(rows, SAMPLE, lambda row: row[1]))
    columns: dict[str, str] = {}
    for _, row in head:
        held = _held(row)
        if len(held) > 1:
            columns.setdefault(plain_heading(str(held[0])), str(held[0]))
    if _are_titled(head, columns):
        columns[_TITLE] = ListField.NAME.value
    names = [*columns]
    sample = [
        cells for _, cells in _models(head, names, Counter()) if not isinstance(cells, StandingRow)
    ]
    values = [values_of(cells[at] for cells in sample) for at in range(len(names))]
    meaning = recognise([*columns.values()], given, values)
    if not meaning.usable:
        return None
    set_aside: Counter[str] = Counter()
    return ListTable(
        tuple(columns.values()),
        _models(chain(head, rows), names, set_aside),
        place,
        (*notes, "Each row begins with its heading: models are numbered by their first row, or by "
        "their column where several stand side by side."),
        meaning,
        set_aside,
        of_one_file=len(sample) == 1,
    )  # fmt: skip


def _are_titled(head: Sequence[Row], columns: Mapping[str, str]) -> bool:
    """Whether records that do not name their models stand each below a line of its own that does:
    a heading, or a numbered line."""
    if any(spelled_as(heading) is ListField.NAME for heading in columns.values()):
        return False
    rows = [held for _, row in head if (held := _held(row))]
    above = [
        _titled(str(one[0]))
        for one, below in pairwise(rows)
        if len(one) == 1 and len(below) > 1 and _MARKED.match(str(one[0]))
    ]
    first = plain_heading(str(next((row[0] for row in rows if len(row) > 1), "")))
    records = sum(len(row) > 1 and plain_heading(str(row[0])) == first for row in rows)
    return len(above) > 1 and len({*above}) == len(above) and 2 * len(above) > records


def _titled(line: str) -> str:
    """What a title says, without its marks and its number."""
    mark = _MARKED.match(line)
    return (line[mark.end() :] if mark else line).strip(_AROUND)


def _models(
    rows: Iterable[Row], names: Sequence[str], set_aside: Counter[str]
) -> Iterator[tuple[int, Sequence[Cell]]]:
    """A row for each model, with the cells in the order of `names`."""
    at = {name: position for position, name in enumerate(names)}
    block: dict[int, tuple[int, Sequence[Cell]]] = {}
    standing = TitleSays.NO
    level = 0  # of the heading above models that stand
    title: str | None = None
    for number, row in rows:
        held = _held(row)
        position = at.get(plain_heading(str(held[0]))) if len(held) > 1 else None
        if position is None or position in block or len(block) >= _ROWS:
            yield from _ended(block, len(names), standing=standing)
            block = {}
        if position is not None:
            block[position] = (number, held[1:])
            if title is not None and _TITLE in at:
                block[at[_TITLE]] = (number, [title])
                title = None
        elif len(held) == 1:
            text = str(held[0])
            own, title = len(text) - len(text.lstrip("#")), _titled(text)
            if said := title_stands(title):
                standing, level = said, own
            elif 0 < own <= level:
                standing = TitleSays.NO  # another section begins
            else:
                standing = still_standing(title, standing)
            set_aside[HEADING] += 1
        elif held:
            set_aside[_LATER] += 1
    yield from _ended(block, len(names), standing=standing)


def _ended(
    block: Mapping[int, tuple[int, Sequence[Cell]]],
    width: int,
    *,
    standing: TitleSays,
) -> Iterator[tuple[int, Sequence[Cell]]]:
    models = max((len(cells) for _, cells in block.values()), default=0)
    first = min((number for number, _ in block.values()), default=0)
    for model in range(models):
        cells: list[Cell] = [None] * width
        for position, (_, said) in block.items():
            cells[position] = said[model] if model < len(said) else None
        kept = StandingRow(cells, heeded=standing is TitleSays.YES) if standing else cells
        yield (first if models == 1 else model + 2), kept


def _held(row: Sequence[Cell]) -> Sequence[Cell]:
    """The cells up to the last that holds anything; a heading that stands behind a blank counts."""
    cells = list(row)
    while cells and look_of(cells[-1]) is None:
        cells.pop()
    while cells and look_of(cells[0]) is None:
        cells.pop(0)
    return cells
