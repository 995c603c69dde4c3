"""What a scan did not look at, and what stands in its target: for whoever tells how it ended.

What comes in: a connection, the scan's outcome, its target. What goes out: values with names that
only a person who gave them, or who asks for the list of problems, may be shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from reseen.hubs.hub import BY_NAME, GATED_HISTORY, MAY_BE_CUT
from reseen.observed import known_commits, sightings
from reseen.observed.artifacts import instant
from reseen.records import Repository, Rung, SightingState
from reseen.registry import never_read
from reseen.scan import inspect, priorities, unread_copies
from reseen.scan.progress import Outcome
from reseen.scan.read_result import BLIND
from reseen.scan.target import Target
from reseen.store.schema import problems, scans

SOUND = frozenset(
    (
        priorities.DISABLED,
        priorities.NO_COMMIT,
        priorities.NO_FILES,
        priorities.GONE,
        BY_NAME,
        GATED_HISTORY,
        inspect.BY_NAME,
        never_read.SKIPPED,
        BLIND,
        *priorities.LACKED.values(),
    )
)
"""Reasons for which nothing was left out that could have been looked at."""


MOST_SAID = 3
"""Sentences about lists that may be cut."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was not looked at, or not judged."""

    refused: Mapping[str, str] = field(default_factory=dict)
    """Named repositories that could not be looked at -> why."""
    refused_accounts: Mapping[str, str] = field(default_factory=dict)
    """Accounts of the target that could not be listed -> why."""
    empty_accounts: tuple[str, ...] = ()
    """Accounts of the target for which nothing is listed."""
    lacked: tuple[str, ...] = ()
    """Types of the target that the hub does not have, in words."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Why something else was left out, and how often."""
    cut: tuple[str, ...] = ()
    """Where lists may be cut, in words without names."""
    problems: int = 0
    """Recorded for this scan: `recorded` tells them with their places."""
    unread: int = 0
    """Known copies of its target that cannot be read: no access, or too large."""


@dataclass(frozen=True, slots=True)
class RecordedProblem:
    """Something that could not be looked at, as it was recorded."""

    scan: int
    place: str
    """Hub and repository, or a file's place: can hold a name."""
    reason: str
    remedy: str | None
    at: datetime | None
    listed: bool
    """The repository was listed; False: not even that."""


def left_out(connection: Connection, outcome: Outcome, target: Target | None) -> LeftOut:
    """What the scan left out. `target` None: of a folder, which names nothing but itself."""
    told = count(connection, outcome.scan)
    reasons = {why: n for why, n in outcome.coverage.skipped.items() if why not in SOUND}
    if target is None:
        return LeftOut(reasons=reasons, problems=told)
    scan = connection.execute(select(scans).where(scans.c.pk == outcome.scan)).one()
    found = known_commits.listed(connection, scan.hub, target.names, scan.started_at)
    named = {f"{scan.hub}/{repo}": repo for repo in target.names}
    accounts = {f"{scan.hub}/{account}": account for account in target.authors}
    refused: dict[str, str] = {}
    refused_accounts: dict[str, str] = {}
    excused = 0
    if named or accounts:
        for problem in recorded(connection, outcome.scan):
            repo = named.get(problem.place)
            if problem.place in accounts and not problem.listed:
                refused_accounts.setdefault(accounts[problem.place], problem.reason)
            if repo in found and not problem.listed:
                excused += 1  # it was asked for as each type, and is of another
            elif repo is not None:
                refused.setdefault(repo, problem.reason)
    if priorities.NO_REPOSITORY in reasons:
        reasons[priorities.NO_REPOSITORY] -= excused
    empty = () if target.since else target.authors
    return LeftOut(
        refused=refused,
        refused_accounts=refused_accounts,
        empty_accounts=tuple(
            author
            for author in empty
            if author not in refused_accounts
            and not known_commits.is_listed(connection, scan.hub, author, scan.started_at)
        ),
        lacked=tuple(why for why in priorities.LACKED.values() if why in outcome.coverage.skipped),
        reasons={why: n for why, n in reasons.items() if n > 0},
        cut=_cut(connection, outcome.scan),
        problems=told,
        unread=unread_copies.refused(connection, scan.hub, target),
    )


def _cut(connection: Connection, scan: int) -> tuple[str, ...]:
    of_scan = (problems.c.scan_pk == scan) & problems.c.reason.startswith(MAY_BE_CUT)
    query = select(problems.c.reason).where(of_scan).distinct().order_by(problems.c.reason)
    return tuple(connection.scalars(query.limit(MOST_SAID)))


def standing(connection: Connection, outcome: Outcome, target: Target | None) -> int:
    """Sightings of removals in force that are live in the scan's target, by this look or an
    earlier one: an unchanged hub is not read again, and what stands there still stands."""
    scan = connection.execute(select(scans).where(scans.c.pk == outcome.scan)).one()

    every = sightings.SightingFilter(
        hub=scan.hub,
        rung=Rung.COMPONENT,
        states=frozenset((SightingState.LIVE,)),
        withdrawn=False,
    )

    def live(**where: Any) -> int:
        return sightings.count(connection, replace(every, **where))

    new = sum(
        s.rung >= Rung.COMPONENT and s.state is SightingState.LIVE and not s.withdrawn
        for s in outcome.sightings
    )
    if target is None:  # every file was read
        return live(seen_since=scan.started_at)
    if target.everything or target.since is not None:
        return max(new, live())
    parts = [live(repo=repo) for repo in target.names]
    parts += [live(author=author) for author in target.authors]
    return max(new, sum(parts))


def recorded(connection: Connection, scan: int) -> Iterator[RecordedProblem]:
    """A scan's problems, oldest first."""
    query = select(problems).where(problems.c.scan_pk == scan).order_by(problems.c.pk)
    for row in connection.execute(query.execution_options(yield_per=500)):
        yield RecordedProblem(
            row.scan_pk,
            row.place,
            row.reason,
            row.remedy,
            instant(row.at),
            row.repository_pk is not None,
        )


def count(connection: Connection, scan: int) -> int:
    """How many problems a scan has."""
    query = select(func.count()).where(problems.c.scan_pk == scan)
    return int(connection.scalar(query) or 0)


def repositories_with_problems(
    connection: Connection, scan: int, *, most: int
) -> tuple[list[Repository], int]:
    """Repositories that were listed and not looked at, or not judged in full: the first of them, as
    they were last listed, and how many they are."""
    of_scan = (problems.c.scan_pk == scan) & problems.c.repository_pk.is_not(None)
    pks = select(problems.c.repository_pk).where(of_scan).distinct()
    first = connection.scalars(pks.order_by(problems.c.repository_pk).limit(most)).all()
    found = known_commits.repositories_by_pk(connection, first)
    in_all = int(connection.scalar(select(func.count()).select_from(pks.subquery())) or 0)
    return list(found.values()), in_all


def latest(connection: Connection) -> int | None:
    """The number of the last scan; None where there was none."""
    number: int | None = connection.scalar(select(func.max(scans.c.pk)))
    return number


def described(connection: Connection, scan: int) -> str:
    """Which scan that is, for whoever knows its number alone: its hub, and when it began. The
    reading of known copies is one too."""
    row = connection.execute(select(scans).where(scans.c.pk == scan)).one()
    return f"{row.hub}, begun {instant(row.started_at):%Y-%m-%d %H:%M} UTC"


def exists(connection: Connection, scan: int) -> bool:
    return connection.scalar(select(scans.c.pk).where(scans.c.pk == scan)) is not None
