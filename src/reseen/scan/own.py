"""Which repositories are a scan's own: those that it listed itself, or that what it found leads to.

What comes in: a scan, repositories. What goes out: which of them are its own. What others list
beside it is not. A scan asks of its own what it was asked; of any other, nothing. A scan of the
whole hub comes to everything there: its own are all that were listed since it began, and it keeps
no row of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, exists, select

from reseen.observed.known_commits import Remembered
from reseen.scan import frontier
from reseen.scan.frontier import State, Task, Work
from reseen.scan.target import Target
from reseen.store import schema
from reseen.store.database import chunks
from reseen.store.schema import repositories


@dataclass(frozen=True, slots=True)
class Own:
    """Of one scan."""

    scan: int
    started_at: int
    """In microseconds."""
    target: Target

    def condition(self) -> ColumnElement[bool]:
        """Of a repository: is it the scan's own?"""
        if self.target.is_whole_hub:
            types = [type.value for type in self.target.types]
            since = repositories.c.last_listed >= self.started_at
            return and_(since, repositories.c.type.in_(types))
        rows = schema.frontier.c
        return exists().where(
            rows.scan_pk == self.scan,
            rows.repository_pk == repositories.c.pk,
            rows.task != int(Task.REINSPECT),
        )

    def among(self, connection: Connection, pks: Iterable[int]) -> set[int]:
        """Which of these repositories are the scan's own?"""
        found: set[int] = set()
        for some in chunks(sorted(set(pks))):
            query = select(repositories.c.pk).where(repositories.c.pk.in_(some), self.condition())
            found.update(connection.scalars(query))
        return found

    def lead_to(self, connection: Connection, pks: Iterable[int]) -> None:
        """What the scan found leads to these, which were listed before: they are its own now."""
        if not self.target.is_whole_hub:
            self._note(connection, pks, Task.LED)

    def take(self, connection: Connection, page: Sequence[Remembered]) -> set[int]:
        """A page was listed; the pks of those that the scan had not listed before."""
        if self.target.is_whole_hub:
            return {each.pk for each in page if each.last_listed < self.started_at}
        pks = {each.pk for each in page}
        fresh = pks - frontier.listed(connection, self.scan, pks)
        self._note(connection, fresh, Task.LISTED)
        return fresh

    def _note(self, connection: Connection, pks: Iterable[int], task: Task) -> None:
        rows = [Work(pk, task, priority=0) for pk in sorted(pks)]
        frontier.add(connection, self.scan, rows, State.DONE)
