"""The queue in groups: cases of identical bytes, of one removal, of one account, each one row.

What comes in: a filter and by what it is grouped. What goes out: groups with their strongest case,
strongest first. The first `LOOKED` cases of the filter are put into groups; that there are more is
said: what is decided makes room for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from reseen.review.case_filter import CaseFilter
from reseen.review.queue import COUNTED, walk
from reseen.review.queue_entries import QueueEntry, entries
from reseen.review.roles import Who
from reseen.store.database import now
from reseen.store.service_schema import cases as table

GROUPS = ("bytes", "removal", "account")
LOOKED = COUNTED
"""Cases that are put into groups at most."""
_KEYS: dict[str, tuple[Any, ...]] = {
    "bytes": (table.c.sha256,),
    "removal": (table.c.removal_pk,),
    "account": (table.c.hub, table.c.account),
}


@dataclass(frozen=True, slots=True)
class CaseGroup:
    """Cases that belong together."""

    first: QueueEntry
    """The strongest of them."""
    cases: int
    """How many, of those that were looked at."""
    reach: int
    """Of all of them."""
    opens: CaseFilter
    """The filter that shows them one by one."""


@dataclass(frozen=True, slots=True)
class GroupPage:
    """A part of the groups."""

    groups: tuple[CaseGroup, ...]
    total: int
    """Groups, of the cases that were looked at."""
    looked: int
    """Cases that were put into groups."""
    more: bool
    """There are cases that were not looked at."""
    unknown: int
    """Cases that are in no group: what bytes they are of is not known."""
    offset: int


def grouped(by: str) -> str | None:
    """One of `GROUPS`; None for anything else."""
    return by if by in GROUPS else None


def groups(
    connection: Connection,
    which: CaseFilter,
    by: str,
    who: Who | None = None,
    *,
    offset: int = 0,
    most: int = 50,
    at: int | None = None,
) -> GroupPage:
    """Groups from `offset` on: by their strongest case, and at equal strength by their number."""
    at = now() if at is None else at
    rows = walk(connection, which, who, at, LOOKED + 1, columns=(table.c.repository_pk, *_KEYS[by]))
    looked = rows[:LOOKED]
    found: dict[tuple[Any, ...], list[Any]] = {}
    unknown = 0
    for row in looked:
        key = tuple(row[-len(_KEYS[by]) :])
        if None in key:
            unknown += 1
        else:
            found.setdefault(key, []).append(row)
    ordered = sorted(found.values(), key=lambda some: (-some[0].strength, -len(some)))
    shown = ordered[offset : offset + most]
    firsts = entries(connection, [some[0].pk for some in shown], at=at)
    return GroupPage(
        groups=tuple(
            CaseGroup(first, len(some), _reach(some), _opens(which, by, first))
            for first, some in zip(firsts, shown, strict=True)
        ),
        total=len(ordered),
        looked=len(looked),
        more=len(rows) > LOOKED,
        unknown=unknown,
        offset=offset,
    )


def _reach(rows: Sequence[Any]) -> int:
    """Of the repositories of these cases, each once."""
    return sum({row.repository_pk: row.reach for row in rows}.values())


def _opens(which: CaseFilter, by: str, first: QueueEntry) -> CaseFilter:
    if by == "bytes":
        return replace(which, same=first.id)
    if by == "removal":
        return replace(which, removal=first.removal)
    return replace(which, hub=first.hub, account=first.account)
