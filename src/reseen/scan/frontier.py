"""The frontier: what is left to look at, in order, with leases.

What comes in: a connection inside a transaction. What goes out: leases, which are work that is
ours for a while. It promises that what is committed is enough to go on after a kill at any moment,
that nothing is handed to two processes while a lease holds, and that nothing is tried for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from reseen.records import Problem, RepoType, commit_key
from reseen.scan.scan_rows import note
from reseen.store.database import chunks
from reseen.store.lease import SECOND, Leases, Owner
from reseen.store.schema import frontier, repositories

MAX_ATTEMPTS = 4
"""Answers that are no answer, from one place, while the hub otherwise works."""
RETRY = (1, 5, 30)
"""Seconds before the second, third, fourth attempt."""


class Task(IntEnum):
    FILES = 1
    """List one commit's files and look at them."""
    REFS = 2
    """Ask for branches, tags, pull-request refs and history; each new commit becomes work."""
    REINSPECT = 3
    """Read, of files that are known, what is owed to them (`scan.owed`)."""
    LISTED = 4
    """Nothing to do: the scan listed it (`scan.own`)."""
    LED = 5
    """Nothing to do: a sighting of the scan leads to it, which was listed before."""


NO_WORK = (Task.LISTED, Task.LED)
"""Rows that only say what is a scan's own."""


LOOKS = (Task.FILES, Task.REFS)
"""What asks a hub for listings."""
READS = (Task.REINSPECT,)
"""What reads files, and nothing else."""


class State(IntEnum):
    WAITING = 0
    LEASED = 1
    DONE = 2
    GIVEN_UP = 3


LEASES = Leases(frontier)
_FREE = {"state": int(State.WAITING), **LEASES.free()}


@dataclass(frozen=True, slots=True)
class Work:
    """Something to do at a repository."""

    repository_pk: int
    task: Task
    priority: int
    """Lower is sooner."""
    commit: str = ""
    """For FILES."""
    ref: str | None = None
    version: int = 0
    """For REINSPECT: the registry's, which owes it. A newer one may owe it again."""
    signs: int = 0
    """What the listing told, as `signs.signs_of`."""
    level: int = 0
    """For REINSPECT: how far it was asked to go. If more is asked, that is owed again."""

    @property
    def subject(self) -> str:
        if self.task is Task.REINSPECT:
            return f"{self.version} {self.level}"
        return f"{self.commit} {self.ref or ''}".strip()


@dataclass(frozen=True, slots=True)
class Lease:
    """Work that is ours for a while."""

    pk: int
    repository_pk: int
    type: RepoType
    repo: str
    task: Task
    commit: str
    ref: str | None
    priority: int
    attempts: int


def add(
    connection: Connection, scan: int, work: Iterable[Work], state: State = State.WAITING
) -> None:
    """Put work into the queue, once each: what is there already only moves up, while it waits.
    `state`: GIVEN_UP for what was tried, and left for a reason that passes: not again in this
    scan."""
    rows = [
        {
            "scan_pk": scan,
            "repository_pk": each.repository_pk,
            "task": int(each.task),
            "subject": each.subject,
            "priority": int(each.priority),
            "signs": each.signs,
            "state": int(state),
            "attempts": 0,
        }
        for each in work
    ]
    if not rows:
        return
    dialect = sqlite_insert if connection.dialect.name == "sqlite" else postgresql_insert
    made = dialect(frontier)
    sooner = and_(
        frontier.c.state == int(State.WAITING), frontier.c.priority > made.excluded.priority
    )
    connection.execute(
        made.on_conflict_do_update(
            index_elements=["scan_pk", "repository_pk", "task", "subject"],
            set_={"priority": made.excluded.priority},
            where=sooner,
        ),
        rows,
    )


def commits(connection: Connection, scan: int, repository_pk: int) -> set[str]:
    """Commits of a repository that are in the queue, in whatever state, as `commit_key` names
    them."""
    return {key for _, key in spelled(connection, scan, [repository_pk])}


def spelled(
    connection: Connection, scan: int, repository_pks: Iterable[int]
) -> dict[tuple[int, str], str]:
    """Commits in the queue, by repository and `commit_key`, as they were named."""
    found: dict[tuple[int, str], str] = {}
    for some in chunks(repository_pks):
        query = select(frontier.c.repository_pk, frontier.c.subject).where(
            frontier.c.scan_pk == scan,
            frontier.c.repository_pk.in_(some),
            frontier.c.task == int(Task.FILES),
        )
        for pk, subject in connection.execute(query):
            commit = subject.partition(" ")[0]
            found.setdefault((pk, commit_key(commit)), commit)
    return found


def listed(connection: Connection, scan: int, repository_pks: Iterable[int]) -> set[int]:
    """Which of these repositories are noted as LISTED."""
    found: set[int] = set()
    for some in chunks(repository_pks):
        query = select(frontier.c.repository_pk).where(
            frontier.c.scan_pk == scan,
            frontier.c.repository_pk.in_(some),
            frontier.c.task == int(Task.LISTED),
        )
        found.update(connection.scalars(query))
    return found


def reinspections(
    connection: Connection, scan: int, repository_pks: Iterable[int]
) -> dict[int, dict[str, State]]:
    """REINSPECT of these repositories, in whatever state: by repository, by `Work.subject`."""
    found: dict[int, dict[str, State]] = {}
    for some in chunks(repository_pks):
        query = select(frontier.c.repository_pk, frontier.c.subject, frontier.c.state).where(
            frontier.c.scan_pk == scan,
            frontier.c.repository_pk.in_(some),
            frontier.c.task == int(Task.REINSPECT),
        )
        for pk, subject, state in connection.execute(query):
            found.setdefault(pk, {})[subject] = State(state)
    return found


def has_given_up(connection: Connection, scan: int, repository_pk: int) -> bool:
    """Was something of a repository's files left for another scan?"""
    query = select(frontier.c.pk).where(
        frontier.c.scan_pk == scan,
        frontier.c.repository_pk == repository_pk,
        frontier.c.task == int(Task.REINSPECT),
        frontier.c.state == int(State.GIVEN_UP),
    )
    return connection.execute(query.limit(1)).first() is not None


def lease(
    connection: Connection,
    scan: int,
    owner: Owner,
    count: int,
    at: int,
    tasks: Collection[Task] = tuple(Task),
    *,
    latest: int | None = None,
) -> tuple[Lease, ...]:
    """Up to `count` pieces of such work, the most urgent first; ours until `LEASE` from now.
    `latest`: none that is less urgent than this."""
    if count <= 0:
        return ()
    rows = connection.execute(
        select(frontier, repositories.c.type, repositories.c.repo)
        .join(repositories, repositories.c.pk == frontier.c.repository_pk)
        .where(
            frontier.c.scan_pk == scan,
            frontier.c.state == int(State.WAITING),
            frontier.c.task.in_([int(task) for task in tasks]),
            or_(frontier.c.leased_until.is_(None), frontier.c.leased_until <= at),
            true() if latest is None else frontier.c.priority <= latest,
        )
        .order_by(frontier.c.priority, frontier.c.pk)
        .limit(count)
        .with_for_update(skip_locked=True, of=frontier)
    ).all()
    leases = []
    for row in rows:
        reads = row.task == int(Task.REINSPECT)
        commit, _, ref = ("" if reads else row.subject).partition(" ")
        leases.append(
            Lease(
                pk=row.pk,
                repository_pk=row.repository_pk,
                type=RepoType(row.type),
                repo=row.repo,
                task=Task(row.task),
                commit=commit,
                ref=ref or None,
                priority=row.priority,
                attempts=row.attempts,
            )
        )
    values = {"state": int(State.LEASED), **LEASES.taken(owner, at)}
    _change(connection, [each.pk for each in leases], values)
    return tuple(leases)


def finish(connection: Connection, pks: Sequence[int]) -> None:
    """Done; in the transaction that stores what came of it."""
    _change(connection, pks, {**_FREE, "state": int(State.DONE)})


def leave(connection: Connection, pks: Sequence[int]) -> None:
    """Done as far as could be: not again in this scan."""
    _change(
        connection, pks, {"state": int(State.GIVEN_UP), "leased_by": None, "leased_until": None}
    )


def give_back(connection: Connection, pks: Sequence[int]) -> None:
    """Not begun, or broken off by us: waits again, and nothing is counted against it."""
    _change(connection, pks, _FREE)


def fail(connection: Connection, scan: int, lease: Lease, why: Problem, at: int) -> bool:
    """An attempt failed while the hub otherwise worked: waits a little, or is given up with the
    reason kept. True when it was given up."""
    attempts = lease.attempts + 1
    values: dict[str, object] = {"attempts": attempts, "leased_by": None}
    if attempts >= MAX_ATTEMPTS:
        _change(connection, [lease.pk], values | {"state": int(State.GIVEN_UP)})
        note(connection, scan, lease.repository_pk, [why], at)
        return True
    wait = RETRY[min(attempts - 1, len(RETRY) - 1)] * SECOND
    _change(
        connection, [lease.pk], values | {"state": int(State.WAITING), "leased_until": at + wait}
    )
    return False


def renew(connection: Connection, scan: int, owner: Owner, at: int) -> None:
    """Say again that what we hold is ours."""
    LEASES.beat(connection, _held(scan), owner, at)


def release(connection: Connection, scan: int, owner: Owner) -> None:
    """Orderly stop: everything that we hold waits again."""
    LEASES.give_back(connection, _held(scan), [owner], state=int(State.WAITING))


def free_dead(connection: Connection, scan: int, owner: Owner, at: int) -> None:
    """Free what a dead process of this machine held, and every lease that ran out."""
    LEASES.free_dead(connection, _held(scan), owner, at, state=int(State.WAITING))


def waiting(connection: Connection, scan: int) -> int:
    """Pieces of work that nobody holds."""
    query = select(func.count()).where(
        frontier.c.scan_pk == scan, frontier.c.state == int(State.WAITING)
    )
    return int(connection.execute(query).scalar_one())


def is_empty(connection: Connection, scan: int) -> bool:
    """Nothing waits and nobody holds anything."""
    query = select(frontier.c.pk).where(
        frontier.c.scan_pk == scan, frontier.c.state < int(State.DONE)
    )
    return connection.execute(query.limit(1)).first() is None


def _held(scan: int) -> ColumnElement[bool]:
    return and_(frontier.c.scan_pk == scan, frontier.c.state == int(State.LEASED))


def _change(connection: Connection, pks: Sequence[int], values: Mapping[str, object]) -> None:
    if pks:
        connection.execute(
            update(frontier).where(frontier.c.pk == bindparam("which")).values(values),
            [{"which": pk} for pk in pks],
        )
