"""Scans that are asked for again and again, until somebody stops that.

What comes in: a scan, and how often. What goes out: jobs, when they are due. A schedule is a row
among the jobs (`JobKind.SCHEDULE`) that is never worked on itself. It promises that one is due
once, however many processes look, for it is asked for and said so in one transaction; that times
which were missed are made up for once and not each; that nothing is asked for while the last of it
has not ended; and that a stopped one asks for nothing any more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, update

from reseen.errors import Conflict, InputError, NotFound
from reseen.operations import jobs
from reseen.operations.jobs import Job, JobKind, JobState
from reseen.review.roles import Who
from reseen.store.database import Store, now
from reseen.store.lease import SECOND
from reseen.store.service_schema import jobs as table

LEAST, LONGEST = 3_600, 365 * 86_400
"""Seconds between two times."""
MOST = 100
"""Schedules in force."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One that is in force."""

    id: str
    kind: JobKind
    """Of the work: a scan, or a look at what is new."""
    what: Mapping[str, Any]
    every: int
    """Seconds."""
    set_at: int
    set_by: str | None
    due_at: int
    last: Job | None
    """What was asked for last; None where nothing was, or it is forgotten."""


def set_up(
    store: Store, kind: JobKind, what: Mapping[str, Any], every: int, who: Who
) -> tuple[str, bool]:
    """Ask for this work every so many seconds, for the first time now: the schedule's id, and
    whether it is new. Raises AccessError, InputError, and Conflict when there are too many."""
    check_every(every)
    with store.write() as connection:
        if len(jobs.waiting(connection, JobKind.SCHEDULE)) >= MOST:
            raise Conflict(f"there are {MOST} schedules", remedy="Stop one that is not needed.")
        said = {"kind": kind.value, "what": dict(what), "every": every}
        id, new = jobs.ask(connection, JobKind.SCHEDULE, said, who)
        if new:
            _note(connection, id, {"due_at": now()})
    return id, new


def check_every(seconds: int) -> int:
    """How often, where that can be. Raises InputError."""
    if not LEAST <= seconds <= LONGEST:
        raise InputError(
            "a scan is repeated every hour at most, and every year at least",
            remedy="Give a number of hours or days.",
        )
    return seconds


def stop(store: Store, id: str, who: Who) -> None:
    """It asks for nothing any more; what it asked for last ends in order, where it has not ended.
    Raises NotFound, AccessError, and Conflict when it was stopped already."""
    with store.write() as connection:
        schedule = _by_id(connection, id)
        jobs.stop(connection, schedule.id, who)
        last = schedule.last
        if last is not None and last.state in (JobState.WAITING, JobState.RUNNING):
            jobs.stop(connection, last.id, who)


def in_force(connection: Connection) -> list[Schedule]:
    """All of them, the next one that is due first."""
    found = _schedules(connection, jobs.waiting(connection, JobKind.SCHEDULE))
    return sorted(found, key=lambda one: one.due_at)


def make_due(store: Store) -> None:
    """Ask for whatever is due."""
    with store.read() as connection:  # nothing to do is no reason to write
        if not _due(connection):
            return
    with store.write() as connection:
        at = now()
        for schedule in _due(connection):
            actor = f"schedule:{schedule.id}"
            try:
                job, _ = jobs.ask(connection, schedule.kind, schedule.what, None, actor=actor)
            except Conflict:  # the queue is full: it stays due
                return
            step = schedule.every * SECOND
            missed = (at - schedule.due_at) // step
            due_at = schedule.due_at + (missed + 1) * step
            _note(connection, schedule.id, {"due_at": due_at, "last": job})


def _due(connection: Connection) -> list[Schedule]:
    at = now()
    return [
        one
        for one in in_force(connection)
        if one.due_at <= at and (one.last is None or one.last.ended_at is not None)
    ]


def _by_id(connection: Connection, id: str) -> Schedule:
    job = jobs.by_id(connection, id)
    if job.kind is not JobKind.SCHEDULE:
        raise NotFound.of("schedule", id, "The page of scans shows them.")
    return _schedules(connection, [job])[0]


def _schedules(connection: Connection, found: Sequence[Job]) -> list[Schedule]:
    lasts = jobs.by_ids(connection, {str(job.progress.get("last")) for job in found})
    return [
        Schedule(
            id=job.id,
            kind=JobKind(job.what["kind"]),
            what=job.what["what"],
            every=int(job.what["every"]),
            set_at=job.asked_at,
            set_by=job.asked_by,
            due_at=int(job.progress.get("due_at") or job.asked_at),
            last=lasts.get(str(job.progress.get("last"))),
        )
        for job in found
    ]


def _note(connection: Connection, id: str, progress: Mapping[str, Any]) -> None:
    values = {"progress": json.dumps(progress)}
    connection.execute(update(table).where(table.c.id == id).values(values))
