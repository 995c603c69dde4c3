"""The order of a scan's queue, written into the store once its listing has ended, and again later.

What comes in: a connection, and what the store knows of a listing. What goes out: priorities of
what waits in the frontier. It promises that nothing is left out and nothing is looked at twice
because of it: it only rewrites how soon. What it holds in memory grows with the registry and with
what was found, not with the hub: accounts are read one after another, a large one in slices.

An order is written from a survey of the whole listing (`signs`), account by account (`ordering`), a
page a transaction, so that another process goes on where a killed one was. When something is found
its account is ordered anew; when something was found in four, sixteen, ... accounts, all are.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select, tuple_

from reseen.observed import known_commits
from reseen.records import RepoType, Rung, Sighting, account_of
from reseen.scan import ordering, scan_rows
from reseen.scan.frontier import NO_WORK, State, Task
from reseen.scan.priorities import Priority
from reseen.scan.signs import DAY, ListingRow, Sizes, Survey, Weigher
from reseen.store.database import chunks, update_many
from reseen.store.schema import artifacts, claims, frontier, repositories, sightings

PAGE = 5_000
"""Rows that are ordered in one transaction."""
LONGEST = 20_000
"""Rows of one account that are held at once; the rest is ordered as if it were another's."""
SAMPLE = 200_000
"""Repositories, about, whose names and dates stand for those of all."""
AGAIN = 4
"""All is ordered anew when so many accounts have a sighting; then at so many times as many."""
_LATER = 2 * ordering.UNIT
"""What is asked beside a repository's main line: refs, other commits."""


class _ListedPlace(NamedTuple):
    """A repository of the listing, and what waits there."""

    pk: int
    row: ListingRow
    listed: bool
    """This scan was to look at it."""
    looked_at: bool
    waiting: tuple[tuple[int, bool, int], ...]
    """(pk in the frontier, is it the main line's, its priority)."""


class _Page(NamedTuple):
    """Some accounts, one after another."""

    accounts: list[tuple[RepoType, str, list[_ListedPlace]]]
    cursor: str | None
    """The last repository of them; None when no more follow."""


class Order:
    """One process's share in the order of one scan."""

    def __init__(
        self, scan: int, hub: str, started_at: int, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """`stopped`: asked during a survey, which is broken off then."""
        self._scan, self._hub, self._started_at = scan, hub, started_at
        self._stop_asked, self._closed = stopped, False
        self._weigher: Weigher | None = None
        self._finds: Counter[tuple[RepoType, str]] = Counter()
        self._missed: set[tuple[RepoType, str]] = set()
        """Accounts of finds that could not be ordered yet."""

    def close(self) -> None:
        """No survey is needed any more."""
        self._closed = True

    def _stopped(self) -> bool:
        return self._closed or self._stop_asked()

    @property
    def surveyed(self) -> bool:
        """The listing was counted in this process: accounts can be ordered."""
        return self._weigher is not None

    def survey(self, connection: Connection) -> None:
        """Count the listing as it is now: what follows is ordered by that. It takes a while at a
        large hub; other threads may use the order meanwhile."""
        removed, removals, dates = _registry(connection, self._hub)
        survey = Survey(Sizes(removed, removals), dates)
        every = max(1, self._count(connection) // SAMPLE)
        for _, author, places in self._accounts(connection):
            if self._stopped():
                return
            rows = [place.row for place in places if place.listed]
            survey.first(rows, sample=_in_sample(author, every))
        for _, author, places in self._accounts(connection):
            if self._stopped():
                return
            here = [place for place in places if place.listed]
            found = self._found(connection, here)
            if found or _in_sample(author, every):
                survey.add([place.row for place in here], [place.pk in found for place in here])
        self._weigher = survey.weights()

    def rewrite(self, connection: Connection, cursor: str | None) -> str | None:
        """Order the next accounts behind the cursor; where to go on, or None at the end."""
        page = self._page(connection, cursor, PAGE)
        assert self._weigher is not None
        for type, author, places in page.accounts:
            self._write(connection, type, author, places)
        return page.cursor

    def found(self, connection: Connection, new: Collection[Sighting]) -> bool:
        """Something was found: the accounts come up. True when all is to be ordered anew."""
        anew = False
        if self.surveyed and self._missed:
            for type, author in sorted(self._missed):
                self.account(connection, type, author)
            self._missed.clear()
        for type, author in {(s.type, account_of(s.repo)) for s in new if s.hub == self._hub}:
            self._finds[type, author] += 1
            if _is_power(self._finds[type, author], 2):
                self.account(connection, type, author)
            if self._finds[type, author] == 1 and _is_power(len(self._finds), AGAIN):
                count = f"{len(self._finds)}"
                anew |= len(self._finds) > 1 and scan_rows.add_order(connection, self._scan, count)
        return anew

    def account(self, connection: Connection, type: RepoType, author: str) -> None:
        """Order one account anew; not before the whole was ordered."""
        if not scan_rows.is_ordered(connection, self._scan):
            return
        if not self.surveyed:
            self._missed.add((type, author))
            return
        prefix = f"{author}/"
        mine = func.substr(repositories.c.repo, 1, len(prefix)) == prefix
        if connection.dialect.name == "sqlite":  # compares bytes: the index serves
            mine = and_(repositories.c.repo >= prefix, repositories.c.repo < f"{author}0")
        query = self._query().where(repositories.c.type == type.value, mine).limit(LONGEST)
        self._write(connection, type, author, _places(connection.execute(query).all()))

    # -- reading ---------------------------------------------------------------------------------

    def _count(self, connection: Connection) -> int:
        query = select(func.count()).where(self._work())
        return int(connection.execute(query).scalar_one())

    def _work(self) -> ColumnElement[bool]:
        return and_(frontier.c.scan_pk == self._scan, frontier.c.task.not_in(NO_WORK))

    def _query(self) -> Select[Any]:
        """Rows of the hub's repositories in this scan, in order."""
        mine = and_(self._work(), frontier.c.repository_pk == repositories.c.pk)
        return (
            select(
                repositories.c.pk,
                repositories.c.type,
                repositories.c.repo,
                repositories.c.used_storage,
                repositories.c.created_at,
                frontier.c.pk.label("work"),
                frontier.c.task,
                frontier.c.subject,
                frontier.c.state,
                frontier.c.signs,
                frontier.c.priority,
            )
            .select_from(repositories.outerjoin(frontier, mine))
            .where(repositories.c.hub == self._hub, repositories.c.last_listed >= self._started_at)
            .order_by(repositories.c.type, repositories.c.repo)
        )

    def _all(self, connection: Connection) -> list[Row[Any]]:
        """All rows of a scan that is small: the hub's other repositories are not gone through."""
        work = select(frontier.c.repository_pk).where(self._work())
        pks = sorted(set(connection.scalars(work)))
        rows: list[Row[Any]] = []
        for some in chunks(pks):
            rows += connection.execute(self._query().where(repositories.c.pk.in_(some)))
        return sorted(rows, key=lambda row: (row.type, row.repo))

    def _page(self, connection: Connection, cursor: str | None, most: int) -> _Page:
        """The accounts behind a repository, in about so many rows."""
        rows: Sequence[Row[Any]]
        if cursor is None and self._count(connection) < PAGE:
            rows = self._all(connection)
        else:
            query = self._query()
            if cursor is not None:
                type, _, repo = cursor.partition(" ")
                query = query.where(_behind(type, repo))
            rows = connection.execute(query.limit(most)).all()
        accounts = [
            (RepoType(type), author, list(some))
            for (type, author), some in groupby(rows, lambda r: (r.type, account_of(r.repo)))
        ]
        last = None
        if len(rows) == most:
            if len(accounts) > 1:
                accounts.pop()  # its rest is on the next page
            elif most < LONGEST:
                return self._page(connection, cursor, LONGEST)
            last = accounts[-1][2][-1]
        return _Page(
            [(type, author, _places(some)) for type, author, some in accounts],
            None if last is None else f"{last.type} {last.repo}",
        )

    def _accounts(
        self, connection: Connection
    ) -> Iterator[tuple[RepoType, str, list[_ListedPlace]]]:
        cursor: str | None = None
        while True:
            page = self._page(connection, cursor, LONGEST)
            yield from page.accounts
            cursor = page.cursor
            if cursor is None:
                return

    def _found(self, connection: Connection, places: Sequence[_ListedPlace]) -> set[int]:
        """In which of these something was found."""
        looked_at = [place.pk for place in places if place.looked_at or not place.listed]
        return known_commits.with_sightings(connection, looked_at) if looked_at else set()

    # -- writing ---------------------------------------------------------------------------------

    def _write(
        self, connection: Connection, type: RepoType, author: str, places: Sequence[_ListedPlace]
    ) -> None:
        assert self._weigher is not None
        waiting = [place for place in places if place.waiting and not place.looked_at]
        if not waiting:
            return
        found = self._found(connection, places)
        looked_at = sum(place.looked_at or place.pk in found for place in places)
        weights = dict(
            zip(
                (place.pk for place in places),
                self._weigher.weigh([place.row for place in places]),
                strict=True,
            )
        )
        order = ordering.ordered([weights[p.pk] for p in waiting], looked_at, len(found))
        changed = [
            (work, priority + (0 if is_main else _LATER))
            for place, priority in zip(waiting, order, strict=True)
            for work, is_main, before in place.waiting
            if before > Priority.NOW and before != priority + (0 if is_main else _LATER)
        ]
        update_many(connection, frontier, "pk", ("priority",), changed)


def _registry(connection: Connection, hub: str) -> tuple[dict[int, int], int, list[int]]:
    """Sizes of removed files with the removals that have them, those of which a copy stands here
    among them; the number of removals; when they were removed."""
    in_force = claims.c.in_force == 1
    of_each = func.count(claims.c.removal_pk.distinct())
    query = select(claims.c.size, of_each).where(in_force, claims.c.size > 0)
    rows = connection.execute(query.group_by(claims.c.size))
    sizes = {int(size): int(count) for size, count in rows}
    learned = (
        select(artifacts.c.size)
        .join(sightings, sightings.c.artifact_pk == artifacts.c.pk)
        .join(repositories, repositories.c.pk == artifacts.c.repository_pk)
        .where(repositories.c.hub == hub, artifacts.c.size > 0, sightings.c.rung > int(Rung.HINT))
        .distinct()
    )
    for size in connection.scalars(learned):
        sizes.setdefault(size, 1)
    removals = connection.execute(select(of_each).where(in_force)).scalar_one()
    dated = select(claims.c.removed_on).where(in_force, claims.c.removed_on.is_not(None))
    dates = [day * DAY for day in connection.scalars(dated.order_by(claims.c.removed_on))]
    return sizes, int(removals), dates


def _places(rows: Sequence[Row[Any]]) -> list[_ListedPlace]:
    """Rows of one account, those of one repository together."""
    return [_place(list(some)) for _, some in groupby(rows, lambda row: row.pk)]


def _place(rows: Sequence[Row[Any]]) -> _ListedPlace:
    first = rows[0]
    signs, looked_at = 0, False
    waiting: list[tuple[int, bool, int]] = []
    for row in rows:
        if row.work is None or row.task == Task.REINSPECT:
            continue
        is_main = row.task == Task.FILES and row.subject.endswith(" main")
        signs |= row.signs
        if is_main and row.state >= State.LEASED:
            looked_at = True
        if row.state == State.WAITING:
            waiting.append((row.work, is_main, row.priority))
    name = first.repo.partition("/")[2] or first.repo
    listed = ListingRow(name, first.used_storage, first.created_at, signs)
    return _ListedPlace(first.pk, listed, first.work is not None, looked_at, tuple(waiting))


def _behind(type: str, repo: str) -> ColumnElement[bool]:
    return tuple_(repositories.c.type, repositories.c.repo) > tuple_(type, repo)


def _in_sample(author: str, every: int) -> bool:
    return zlib.crc32(author.encode()) % every == 0


def _is_power(count: int, of: int) -> bool:
    while count > 1 and count % of == 0:
        count //= of
    return count == 1
