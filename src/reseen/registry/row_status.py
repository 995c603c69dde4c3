"""Judges by a row's own words whether its model was removed.

What comes in: the cells of a row, and which columns say what became of models. What goes out: why
the row is no removal, or that it may be one.
"""

from __future__ import annotations

from collections.abc import Sequence

from reseen.registry.lists.columns import StatusColumns
from reseen.registry.lists.not_removed import (
    is_undecided,
    is_unsettled,
    says_no,
    says_not_removed,
    status_stands,
)
from reseen.registry.lists.table import Cell
from reseen.registry.lists.values import text_of, value_of

STANDS = "the list says that this model was not removed, or stands again"
UNDECIDED = (
    "the list says that other models were removed, and of this one something that is not "
    "understood (if it was, leave the column out: --map COLUMN=ignore)"
)
NOT_DATED = "the list says when other models were removed, and of this one nothing"


def why_not_removed(cells: Sequence[Cell], columns: StatusColumns) -> str | None:
    """Why a row is of no removed model, by what it says itself; None where it may be."""
    if _stands(cells, columns):
        return STANDS
    if any(is_undecided(value_of(cells[at])) for at in columns.decided):
        return UNDECIDED
    if columns.dated is not None and value_of(cells[columns.dated]) is None:
        return NOT_DATED
    return None


def _stands(cells: Sequence[Cell], columns: StatusColumns) -> bool:
    for at in columns.every:
        status = text_of(cells[at])
        if status_stands(status) or says_no(cells[at]):
            return True
        if at in columns.appeals and status and says_not_removed(f"appeal {status}"):
            return True
    for at in columns.again:
        said = (value_of(cells[at]) or "").strip("-–— ")
        if cells[at] is True or (said and not says_no(said)):
            return True
    return columns.removed_on is not None and says_no(cells[columns.removed_on])


def is_settled(cells: Sequence[Cell], columns: StatusColumns) -> bool:
    """Whether what says that the model of a row stands tells of the model, and not of a case."""
    said = [text for at in columns.every if status_stands(text := text_of(cells[at]))]
    return not said or not all(map(is_unsettled, said))
