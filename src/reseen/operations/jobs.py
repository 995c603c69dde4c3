"""Work that the service does on request, in a table: scans, what a hub told of, rechecks.

What comes in: what somebody asks for. What goes out: jobs, with leases and progress. It promises
that the same work is not queued twice, that a lane holds one running job among all processes, that
what a dead process left is taken over, and that what kills the process again and again is given up.
`worker` does the work.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from reseen.errors import Conflict, InputError, NotFound
from reseen.hubs.kinds import stored_name
from reseen.records import RepoType
from reseen.review.roles import Role, Who
from reseen.review.sealed_text import new_id
from reseen.scan.target import Confirm, Options, Target
from reseen.settings import HubSettings
from reseen.store import audit, ids
from reseen.store.database import now
from reseen.store.lease import Leases, Owner
from reseen.store.service_schema import jobs, users

LEASES = Leases(jobs)
LIVES = 3
"""Processes that may die over one job before it is given up."""
MOST_WAITING = 20_000
"""Jobs in the queue; whoever asks for more is told to come back."""
KEPT = 90 * 86_400 * 1_000_000
"""How long ended jobs that no person asked for are remembered, in microseconds."""


class JobKind(StrEnum):
    """What there is to do. The store keeps the word."""

    SCAN = "scan"
    """Accounts, repositories, what is new: what a person asks for."""
    WATCH = "watch"
    """What is new since the last time, from a mark on."""
    REPOSITORY = "repository"
    """One repository that a hub says has changed."""
    RECHECK = "recheck"
    """Do known sightings still stand?"""
    READ = "read"
    """Known copies that nobody has read, as far as was asked."""
    ASK = "ask"
    """A hub is asked by hash."""
    NOTIFY = "notify"
    """People are told that there is something to do."""
    CAMPAIGNS = "campaigns"
    """Which accounts re-upload together?"""
    SCHEDULE = "schedule"
    """No work itself: while it waits, `schedules` asks for its work again and again."""


LANES = (
    frozenset({JobKind.SCAN}),
    frozenset({JobKind.WATCH}),
    frozenset({JobKind.READ}),
    frozenset({JobKind.ASK}),
    frozenset({JobKind.REPOSITORY, JobKind.RECHECK}),
    frozenset({JobKind.NOTIFY}),
    frozenset({JobKind.CAMPAIGNS}),
)
"""Jobs of one lane are done one after the other: a scan of days keeps no hook waiting, and no look
at what is new."""
_OF_LEADS = frozenset({JobKind.SCAN, JobKind.WATCH, JobKind.ASK, JobKind.NOTIFY, JobKind.SCHEDULE})
_NO_LOOKS = (JobKind.NOTIFY.value, JobKind.CAMPAIGNS.value, JobKind.SCHEDULE.value)
"""No hub is looked at by these: they are no scans."""


class JobState(StrEnum):
    """Where a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    """A person pressed stop. It can still be ending, while `ended_at` is none."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work."""

    pk: int
    id: str
    kind: JobKind
    what: Mapping[str, Any]
    state: JobState
    asked_at: int
    asked_by: str | None
    """The user's name; None: a hub, or the service itself."""
    started_at: int | None
    ended_at: int | None
    scan_pk: int | None
    progress: Mapping[str, Any]
    problem: str | None
    lives: int = 0
    """Processes that have begun it."""
    leased_until: int | None = None
    """Until when a process that works on it has said so."""

    @property
    def under_way(self) -> bool:
        return self.state is JobState.RUNNING or (
            self.state is JobState.STOPPED and self.started_at is not None and self.ended_at is None
        )


def ask(
    connection: Connection,
    kind: JobKind,
    what: Mapping[str, Any],
    who: Who | None,
    *,
    key: str | None = None,
    actor: str | None = None,
) -> tuple[str, bool]:
    """Queue it; (its id, whether it is new). What waits under the same key is not queued again; for
    a person, what runs neither. Raises AccessError, and Conflict when the queue is full."""
    if who is not None:
        who.must_be(Role.LEAD if kind in _OF_LEADS else Role.REVIEWER)
        actor = who.actor
    key = key or key_of(kind, what)
    same = [JobState.WAITING.value]
    if who is not None and kind is not JobKind.READ:  # what runs may be past what is new
        same.append(JobState.RUNNING.value)
    there = connection.scalar(
        select(jobs.c.id).where(jobs.c.key == key, jobs.c.state.in_(same)).limit(1)
    )
    if there is not None:
        return str(there), False
    waiting = select(func.count()).where(jobs.c.state == JobState.WAITING.value)
    if int(connection.scalar(waiting) or 0) >= MOST_WAITING:
        raise Conflict("too much work waits already", remedy="Come back later.")
    id = new_id("jb")
    connection.execute(
        jobs.insert(),
        [
            {
                "id": id,
                "kind": kind.value,
                "what": json.dumps(what, sort_keys=True),
                "key": key,
                "state": JobState.WAITING.value,
                "asked_at": now(),
                "asked_by": None if who is None else who.pk,
            }
        ],
    )
    if actor is not None:
        audit.write(connection, "scan-asked", id, actor=actor, kind=kind.value)
    return id, True


def key_of(kind: JobKind, what: Mapping[str, Any]) -> str:
    """The same for the same work; tells nothing of it."""
    text = json.dumps([kind.value, what], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def stop(connection: Connection, id: str, who: Who) -> None:
    """Waiting work is not begun; running work ends in order, and the same scan asked for again goes
    on where it was. Raises NotFound, AccessError, and Conflict when it has ended."""
    who.must_be(Role.LEAD)
    job = by_id(connection, id)
    if job.state not in (JobState.WAITING, JobState.RUNNING):
        raise Conflict("this has ended already")
    values: dict[str, Any] = {"state": JobState.STOPPED.value}
    if job.state is JobState.WAITING:
        values["ended_at"] = now()
    connection.execute(update(jobs).where(jobs.c.pk == job.pk).values(values))
    audit.write(connection, "scan-stopped", job.id, actor=who.actor)


def by_id(connection: Connection, id: str) -> Job:
    """Raises NotFound."""
    query = _query().where(jobs.c.id == ids.given(id))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound.of("scan", id, "The page of scans shows them.")
    return _job(row)


def look_by_id(connection: Connection, id: str) -> Job:
    """By the id of a look at a hub; of other work there is none. Raises NotFound."""
    job = by_id(connection, id)
    if job.kind.value in _NO_LOOKS:
        raise NotFound.of("scan", id, "The page of scans shows them.")
    return job


def every(connection: Connection, *, most: int = 100, skip: int = 0) -> list[Job]:
    """What is under way and waiting first, then the last asked for: looks at hubs alone."""
    ended = jobs.c.state.not_in([JobState.WAITING.value, JobState.RUNNING.value])
    work = jobs.c.kind.not_in(_NO_LOOKS)
    query = _query().where(work).order_by(ended, jobs.c.pk.desc()).limit(most).offset(skip)
    return [_job(row) for row in connection.execute(query)]


def ahead_of(connection: Connection, job: Job) -> int:
    """How many jobs are done before one that waits: those of its lane under way, and those that
    `take` takes first."""
    if job.state is not JobState.WAITING:
        return 0
    lane = next((lane for lane in LANES if job.kind in lane), frozenset())
    of_persons, earlier = jobs.c.asked_by.is_not(None), jobs.c.pk < job.pk
    first = of_persons | earlier if job.asked_by is None else of_persons & earlier
    under_way = jobs.c.state.in_([JobState.RUNNING.value, JobState.STOPPED.value])
    query = select(func.count()).where(
        jobs.c.kind.in_([kind.value for kind in lane]),
        jobs.c.ended_at.is_(None),
        under_way | ((jobs.c.state == JobState.WAITING.value) & first),
    )
    return int(connection.scalar(query) or 0)


def by_ids(connection: Connection, ids: Collection[str]) -> dict[str, Job]:
    """By their ids, of those that are there."""
    query = _query().where(jobs.c.id.in_(ids))
    return {row.id: _job(row) for row in connection.execute(query)}


def waiting(connection: Connection, kind: JobKind) -> list[Job]:
    """All of this kind that wait, the first asked for first."""
    waits = (jobs.c.kind == kind.value) & (jobs.c.state == JobState.WAITING.value)
    return [_job(row) for row in connection.execute(_query().where(waits).order_by(jobs.c.pk))]


def last_of(connection: Connection, kind: JobKind, key: str) -> Job | None:
    """The last job with this key."""
    query = _query().where(jobs.c.kind == kind.value, jobs.c.key == key)
    row = connection.execute(query.order_by(jobs.c.pk.desc()).limit(1)).one_or_none()
    return None if row is None else _job(row)


def of_kind(connection: Connection, kind: JobKind, *, most: int) -> list[Job]:
    """The last of this kind, the newest first."""
    query = _query().where(jobs.c.kind == kind.value).order_by(jobs.c.pk.desc()).limit(most)
    return [_job(row) for row in connection.execute(query)]


def failed(connection: Connection, since: int, until: int) -> int:
    """How many looks at hubs failed in this time."""
    query = select(func.count()).where(
        jobs.c.kind.not_in(_NO_LOOKS),
        jobs.c.state == JobState.FAILED.value,
        jobs.c.ended_at > since,
        jobs.c.ended_at <= until,
    )
    return int(connection.scalar(query) or 0)


def last_asked(connection: Connection, kind: JobKind, what: Mapping[str, Any]) -> int | None:
    """When this work was last asked for."""
    query = select(func.max(jobs.c.asked_at)).where(jobs.c.key == key_of(kind, what))
    found = connection.scalar(query)
    return None if found is None else int(found)


def by_state(connection: Connection) -> dict[str, int]:
    """How many jobs are in each state."""
    work = jobs.c.kind.not_in(_NO_LOOKS)
    query = select(jobs.c.state, func.count()).where(work).group_by(jobs.c.state)
    return {str(state): int(count) for state, count in connection.execute(query)}


# -- what the worker does with them --------------------------------------------------------------


def is_any(connection: Connection, lane: frozenset[JobKind]) -> bool:
    """Whether a lane has a job that has not ended."""
    kinds = [kind.value for kind in lane]
    open_ = [JobState.WAITING.value, JobState.RUNNING.value, JobState.STOPPED.value]
    query = select(jobs.c.pk).where(
        jobs.c.kind.in_(kinds), jobs.c.state.in_(open_), jobs.c.ended_at.is_(None)
    )
    return connection.scalar(query.limit(1)) is not None


def take(connection: Connection, lane: frozenset[JobKind], owner: Owner) -> Job | None:
    """The next job of a lane, ours for a lease; None while another process has one of it. What a
    dead process left comes first."""
    kinds = [kind.value for kind in lane]
    here = jobs.c.kind.in_(kinds)
    at = now()
    under_way = connection.execute(
        select(jobs)
        .where(here, jobs.c.ended_at.is_(None), jobs.c.leased_by.is_not(None))
        .where(jobs.c.state.in_([JobState.RUNNING.value, JobState.STOPPED.value]))
        .order_by(jobs.c.pk)
    ).all()
    for row in under_way:
        if not LEASES.may_take(row, owner, at):
            return None
        if row.state == JobState.STOPPED:
            _set(connection, row.pk, ended_at=at, **LEASES.free())
            continue
        if row.lives >= LIVES:
            problem = f"The service ended {row.lives} times over this, and does not try again."
            end(connection, row.pk, owner, JobState.FAILED, problem=problem, force=True)
            continue
        return _lease(connection, row.pk, owner, at, row.lives + 1, row.started_at)
    query = select(jobs.c.pk).where(here, jobs.c.state == JobState.WAITING.value)
    pk = connection.scalar(query.order_by(jobs.c.asked_by.is_(None), jobs.c.pk).limit(1))
    return None if pk is None else _lease(connection, pk, owner, at, 1, None)


def beat(
    connection: Connection,
    job: Job,
    owner: Owner,
    progress: Mapping[str, Any] | None,
    scan_pk: int | None = None,
) -> bool:
    """It goes on: a new lease, and how far it is. False when it must stop: somebody pressed stop,
    or another process has it."""
    row = connection.execute(select(jobs).where(jobs.c.pk == job.pk)).one_or_none()
    if row is None or not LEASES.holds(row, owner):
        return False
    values = LEASES.taken(owner, now())
    if progress is not None:
        values["progress"] = json.dumps(progress)
    if scan_pk is not None:
        values["scan_pk"] = scan_pk
    _set(connection, job.pk, **values)
    return bool(row.state == JobState.RUNNING)


def end(
    connection: Connection,
    pk: int,
    owner: Owner,
    state: JobState,
    *,
    problem: str | None = None,
    scan_pk: int | None = None,
    force: bool = False,
) -> None:
    """It is over; a job that was stopped stays stopped."""
    row = connection.execute(select(jobs).where(jobs.c.pk == pk)).one_or_none()
    if row is None or not (force or LEASES.holds(row, owner)):
        return
    if row.state == JobState.STOPPED:
        state, problem = JobState.STOPPED, None
    values: dict[str, Any] = {"state": state.value, "problem": problem}
    if state is JobState.WAITING:  # the service ends in order: the next one begins it
        values["ended_at"] = None
    else:
        values["ended_at"] = now()
    if scan_pk is not None:
        values["scan_pk"] = scan_pk
    _set(connection, pk, **LEASES.free(), **values)


def forget(connection: Connection) -> None:
    """Ended jobs that no person asked for, and that are old; of notifications the last by each way
    stays, for the next one tells what came since."""
    old = (jobs.c.ended_at < now() - KEPT) & jobs.c.asked_by.is_(None)
    told = jobs.c.kind == JobKind.NOTIFY.value
    lasts = select(func.max(jobs.c.pk)).where(told).group_by(jobs.c.key)
    connection.execute(delete(jobs).where(old, jobs.c.pk.not_in(lasts)))


def forget_ended(connection: Connection, kind: JobKind) -> None:
    """All ended jobs of a kind of which the last alone is asked for, before the next is queued."""
    ended = (jobs.c.kind == kind.value) & jobs.c.ended_at.is_not(None)
    connection.execute(delete(jobs).where(ended))


def _lease(
    connection: Connection, pk: int, owner: Owner, at: int, lives: int, started_at: int | None
) -> Job:
    _set(
        connection,
        pk,
        state=JobState.RUNNING.value,
        started_at=started_at or at,
        **LEASES.taken(owner, at),
        lives=lives,
    )
    return _job(connection.execute(_query().where(jobs.c.pk == pk)).one())


def _set(connection: Connection, pk: int, **values: object) -> None:
    connection.execute(update(jobs).where(jobs.c.pk == pk).values(**values))


def _query() -> Any:
    return select(jobs, users.c.name).outerjoin(users, users.c.pk == jobs.c.asked_by)


def _progress(text: str | None) -> dict[str, Any]:
    return dict(json.loads(text)) if text else {}


def _job(row: Row[Any]) -> Job:
    return Job(
        pk=row.pk,
        id=row.id,
        kind=JobKind(row.kind),
        what=json.loads(row.what),
        state=JobState(row.state),
        asked_at=row.asked_at,
        asked_by=row.name,
        started_at=row.started_at,
        ended_at=row.ended_at,
        scan_pk=row.scan_pk,
        progress=_progress(row.progress),
        problem=row.problem,
        lives=row.lives,
        leased_until=row.leased_until,
    )


# -- what is asked for, as JSON ------------------------------------------------------------------


USUAL = Options()


def scan_of(target: Target, options: Options = USUAL, *, hub: str | None = None) -> dict[str, Any]:
    """What a scan looks at. `hub`: its name in the settings (None: the first): never an address."""
    return {
        **({} if hub is None else {"hub": hub}),
        "repos": list(target.repos),
        **({"typed": [list(each) for each in target.typed]} if target.typed else {}),
        "accounts": list(target.authors),
        **({"everything": True} if target.everything else {}),
        "since": None if target.since is None else target.since.isoformat(),
        "types": [kind.value for kind in target.types],
        "confirm": options.confirm.value,
        "refs": options.refs,
        "follow": options.follow,
    }


def reading_of(hub: str, version: int, repo: str | None = None) -> dict[str, Any]:
    """What a reading looks at: what is owed at a hub as of this change of the registry; or, for one
    repository, every byte of what is known there."""
    target = Target(types=tuple(RepoType), repos=(repo,) if repo else ())
    options = Options(confirm=Confirm.FULL if repo else Confirm.NONE)
    return {**scan_of(target, options, hub=hub), "read": True, "version": version}


def hub_of(what: Mapping[str, Any], hubs: Sequence[HubSettings]) -> HubSettings:
    """The hub that a job is about. Raises InputError where the settings no longer name it."""
    name = what.get("hub")
    for hub in hubs:
        if name in (None, hub.name, stored_name(hub)):
            return hub
    raise InputError(
        "the settings no longer name the hub that was asked for",
        remedy="Set its RESEEN_HUB_..._ENDPOINT again, or ask for another hub.",
    )


def target_of(what: Mapping[str, Any]) -> tuple[Target, Options]:
    """And back. Raises InputError for what no version of this wrote."""
    try:
        target = Target(
            types=tuple(RepoType(kind) for kind in what["types"]),
            repos=tuple(what["repos"]),
            typed=tuple((RepoType(kind), repo) for kind, repo in what.get("typed", ())),
            authors=tuple(what["accounts"]),
            everything=bool(what.get("everything")),
            since=None if what["since"] is None else datetime.fromisoformat(what["since"]),
        )
        options = Options(
            confirm=Confirm(what["confirm"]), refs=bool(what["refs"]), follow=bool(what["follow"])
        )
        if what.get("read"):
            edited = options.confirm is not Confirm.NONE
            return replace(target, owed=True), replace(options, edited=edited, background=0)
    except (KeyError, TypeError, ValueError):
        raise InputError("this scan was asked for by another version of Reseen") from None
    if not (target.names or target.authors or target.since or target.everything):
        raise InputError("nothing to scan was named")
    return target, options
