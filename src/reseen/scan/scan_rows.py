"""One scan's own rows: that it runs, how far its listing got, what it covered, what went wrong.

What comes in: a connection inside a transaction. What goes out: the scan's number, its listings,
its coverage. A scan is found again by (hub, key of the target) as long as it has not ended, and
every count is stored in the transaction of what it counts: a kill neither loses nor doubles one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from sqlalchemy import Connection, delete, func, insert, select, update

from reseen.records import Coverage, Problem, RepoType
from reseen.store.database import chunks
from reseen.store.lease import Leases, Owner
from reseen.store.schema import frontier, listings, problems, scans


@dataclass(frozen=True, slots=True)
class Part:
    """One listing of a scan: a part of its target, or an account where a match was found."""

    number: int
    subject: tuple[RepoType, str] | None
    """The account; None for a part of the target itself, and for what lists nothing of the hub."""
    cursor: str | None
    """Where to go on. None: from the beginning."""
    owed: bool = False
    """It lists what the store knows and something is owed to, and not what the hub has."""
    orders: bool = False
    """It lists nothing: what was listed is put into order (`order_rows`)."""


LEASES = Leases(listings)


def begin(connection: Connection, hub: str, target: str, options: str, at: int) -> int:
    """The scan of this target that has not ended, or a new one."""
    found = connection.execute(
        select(scans.c.pk)
        .where(scans.c.hub == hub, scans.c.target == target, scans.c.ended_at.is_(None))
        .order_by(scans.c.pk)
        .limit(1)
    ).scalar()
    if found is not None:
        connection.execute(update(scans).where(scans.c.pk == found).values(options=options))
        return int(found)
    done = connection.execute(
        insert(scans)
        .values(hub=hub, target=target, options=options, started_at=at, coverage="{}")
        .returning(scans.c.pk)
    )
    return int(done.scalar_one())


def started_at(connection: Connection, scan: int) -> int:
    """Microseconds since 1970."""
    query = select(scans.c.started_at).where(scans.c.pk == scan)
    return int(connection.execute(query).scalar_one())


def end(connection: Connection, scan: int, at: int) -> None:
    """Close the scan and empty its frontier."""
    connection.execute(
        update(scans).where(scans.c.pk == scan, scans.c.ended_at.is_(None)).values(ended_at=at)
    )
    connection.execute(delete(frontier).where(frontier.c.scan_pk == scan))
    connection.execute(delete(listings).where(listings.c.scan_pk == scan))


def coverage(connection: Connection, scan: int) -> Coverage:
    """What the scan covered so far, over all its lives."""
    text = connection.execute(select(scans.c.coverage).where(scans.c.pk == scan)).scalar()
    values = json.loads(text or "{}")
    known = {field.name for field in fields(Coverage)}
    return Coverage(**{name: value for name, value in values.items() if name in known})


def add_coverage(connection: Connection, scan: int, more: Coverage) -> Coverage:
    """Add to what the scan covered; in the transaction of what was covered, so that a kill
    neither loses nor doubles a count."""
    connection.execute(select(scans.c.pk).where(scans.c.pk == scan).with_for_update()).all()
    total = plus(coverage(connection, scan), more)
    text = json.dumps({field.name: getattr(total, field.name) for field in fields(Coverage)})
    connection.execute(update(scans).where(scans.c.pk == scan).values(coverage=text))
    return total


def plus(one: Coverage, other: Coverage) -> Coverage:
    return Coverage(
        listed=one.listed + other.listed,
        walked=one.walked + other.walked,
        unchanged=one.unchanged + other.unchanged,
        artifacts=one.artifacts + other.artifacts,
        bytes_read=one.bytes_read + other.bytes_read,
        bytes_by=_sum(one.bytes_by, other.bytes_by),
        requests=one.requests + other.requests,
        skipped=_sum(one.skipped, other.skipped),
        blind=_sum(one.blind, other.blind),
    )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    total = dict(one)
    for name, count in other.items():
        total[name] = total.get(name, 0) + count
    return {name: count for name, count in total.items() if count}


def note(
    connection: Connection,
    scan: int,
    repository_pk: int | None,
    what: Iterable[Problem],
    at: int,
    *,
    once: bool = False,
) -> list[Problem]:
    """Keep what could not be looked at, with the reason; returns what was kept. `once`: not what
    this scan has noted already."""
    what = list(what)
    if once and what:
        query = select(problems.c.place, problems.c.reason).where(
            problems.c.scan_pk == scan, problems.c.repository_pk == repository_pk
        )
        known = {(place, reason) for place, reason in connection.execute(query)}
        what = [each for each in what if (each.where, each.reason) not in known]
    rows = [
        {
            "scan_pk": scan,
            "repository_pk": repository_pk,
            "place": problem.where,
            "reason": problem.reason,
            "remedy": problem.remedy,
            "at": at,
        }
        for problem in what
    ]
    if rows:
        connection.execute(insert(problems), rows)
    return what


def forget(connection: Connection, scan: int, places: Iterable[str]) -> None:
    """What was noted of these places is looked at anew."""
    for some in chunks(places):
        theirs = (problems.c.scan_pk == scan) & problems.c.place.in_(some)
        connection.execute(delete(problems).where(theirs))


# -- listings ------------------------------------------------------------------------------------


def add_parts(connection: Connection, scan: int, count: int) -> None:
    """Make sure that the target's own parts 0 .. count-1 are there."""
    query = select(listings.c.part).where(listings.c.scan_pk == scan)
    there = {number for (number,) in connection.execute(query)}
    rows = [
        {"scan_pk": scan, "part": number, "done": 0, "listed": 0}
        for number in range(count)
        if number not in there
    ]
    if rows:
        connection.execute(insert(listings), rows)


def add_account(connection: Connection, scan: int, type: RepoType, author: str) -> bool:
    """List this account too, once a scan. False when that is already so."""
    return _add_part(connection, scan, f"{type.value} {author}")


def account_listed(connection: Connection, scan: int, type: RepoType, author: str) -> bool | None:
    """Was this account listed to its end in this scan? None: it is not to be."""
    done = connection.scalar(
        select(listings.c.done).where(
            listings.c.scan_pk == scan, listings.c.subject == f"{type.value} {author}"
        )
    )
    return None if done is None else bool(done)


def add_owed(connection: Connection, scan: int, version: int) -> bool:
    """Go through all to which something is owed, as of this version of the registry. False when
    that was done, and nothing was done since."""
    return _add_part(connection, scan, f"{_OWED} {version} {size(connection, scan)}")


def add_order(connection: Connection, scan: int, name: str) -> bool:
    """Put all that waits into order, once for each such name. False when that was asked before."""
    return _add_part(connection, scan, f"{_ORDER} {name}")


def order_if_listed(connection: Connection, scan: int) -> bool:
    """Have all put into order, once what the target lists was listed. True when it is time now."""
    return not _is_listing(connection, scan) and add_order(connection, scan, _FIRST)


def is_ordered(connection: Connection, scan: int) -> bool:
    """Was an order written after the target's listing had ended?"""
    return _orders(connection, scan).get(_FIRST, False)


def is_order_final(connection: Connection, scan: int) -> bool:
    """Was it, and is none being written?"""
    orders = _orders(connection, scan)
    return _FIRST in orders and all(orders.values())


def _orders(connection: Connection, scan: int) -> dict[str, bool]:
    """Those that were asked for, and whether they are written."""
    query = select(listings.c.subject, listings.c.done).where(
        listings.c.scan_pk == scan, listings.c.subject.startswith(f"{_ORDER} ")
    )
    return {subject.partition(" ")[2]: bool(done) for subject, done in connection.execute(query)}


def _is_listing(connection: Connection, scan: int) -> bool:
    """Is something of the target itself not listed to its end?"""
    query = select(listings.c.part).where(
        listings.c.scan_pk == scan, listings.c.subject.is_(None), listings.c.done == 0
    )
    return connection.execute(query.limit(1)).first() is not None


_OWED = "owed"
_ORDER, _FIRST = "order", "first"


def _add_part(connection: Connection, scan: int, subject: str) -> bool:
    here = listings.c.scan_pk == scan
    there = select(listings.c.part).where(here, listings.c.subject == subject)
    if connection.execute(there).first():
        return False
    last = connection.execute(select(func.max(listings.c.part)).where(here)).scalar()
    connection.execute(
        insert(listings).values(
            scan_pk=scan, part=(-1 if last is None else last) + 1, subject=subject, done=0, listed=0
        )
    )
    return True


def lease_part(connection: Connection, scan: int, owner: Owner, at: int) -> Part | None:
    """The next listing to go on with: accounts of matches first, then the target's parts.
    Ours until its next page is stored, or for `LEASE`."""
    rows = connection.execute(
        select(listings)
        .where(listings.c.scan_pk == scan, listings.c.done == 0)
        .order_by(listings.c.subject.is_(None), listings.c.part)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        if not LEASES.may_take(row, owner, at):
            continue
        connection.execute(
            update(listings)
            .where(listings.c.scan_pk == scan, listings.c.part == row.part)
            .values(LEASES.taken(owner, at))
        )
        kind, _, author = (row.subject or "").partition(" ")
        if kind == _OWED:
            return Part(row.part, None, row.cursor, owed=True)
        if kind == _ORDER:
            return Part(row.part, None, row.cursor, orders=True)
        return Part(row.part, (RepoType(kind), author) if kind else None, row.cursor)
    return None


def give_back_parts(connection: Connection, scan: int, owner: Owner) -> None:
    """Orderly stop: another process may go on with our listings."""
    LEASES.give_back(connection, listings.c.scan_pk == scan, [owner])


def turn_page(
    connection: Connection, scan: int, part: Part, cursor: str | None, listed: int
) -> bool:
    """A page behind `part.cursor` is being stored: go on at `cursor` next time; None ends the
    part. False when another process stored that page already: leave it alone then."""
    done = connection.execute(
        update(listings)
        .where(
            listings.c.scan_pk == scan,
            listings.c.part == part.number,
            listings.c.done == 0,
            listings.c.cursor.is_not_distinct_from(part.cursor),
        )
        .values(
            cursor=cursor,
            done=1 if cursor is None else 0,
            listed=listings.c.listed + listed,
            **LEASES.free(),
        )
    )
    return done.rowcount == 1


def size(connection: Connection, scan: int) -> int:
    """Grows with all that was added to the scan: work, accounts, what it listed."""
    work = select(func.count()).where(frontier.c.scan_pk == scan).scalar_subquery()
    parts = (
        select(func.count())
        .where(
            listings.c.scan_pk == scan,
            ~listings.c.subject.startswith(f"{_OWED} "),
            ~listings.c.subject.startswith(f"{_ORDER} "),
        )
        .scalar_subquery()
    )
    return int(connection.execute(select(work + parts)).scalar_one())


def parts_left(connection: Connection, scan: int) -> int:
    """Listings of the scan that are not done."""
    query = select(func.count()).where(listings.c.scan_pk == scan, listings.c.done == 0)
    return int(connection.execute(query).scalar_one())
