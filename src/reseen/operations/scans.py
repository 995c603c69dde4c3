"""A scan of a hub or of a folder, from its beginning to what follows from its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from reseen.errors import Conflict
from reseen.hubs.hub import Hub
from reseen.observed import sightings
from reseen.operations import consequences, jobs
from reseen.operations.jobs import JobKind
from reseen.registry import digests_asked
from reseen.review.roles import Who
from reseen.scan import folder, left_out, walk
from reseen.scan.progress import Found, Listener, Outcome, Report
from reseen.scan.target import Options, Target, target_naming
from reseen.store import change_log
from reseen.store.database import Store
from reseen.store.sealing import Keyring

AGAIN = (JobKind.SCAN, JobKind.WATCH)
"""What can be looked at again in part: the others are asked for again as they are."""
MOST_AGAIN = 1_000
"""Repositories that are looked at again at once."""


def scan_hub(
    store: Store,
    keyring: Keyring | None,
    open_hub: Callable[[], Hub],
    target: Target,
    options: Options,
    *,
    report: Report | None = None,
    found: Found | None = None,
) -> Outcome:
    """Walk a hub, to the end or to Ctrl-C; `found` is told of every new sighting. Raises HubError
    when the target itself cannot be listed, and StoreError."""
    with store.read() as connection:
        options = replace(options, also=digests_asked.asked(connection))
    since = begin(store, keyring)
    listener = Listener(report, found)
    try:
        outcome = walk.scan(store, keyring, open_hub, target, options, listener=listener)
    finally:
        followed = end(store, keyring, since)
    return _with_parts(store, outcome, followed, found)


def scan_folder(
    store: Store,
    keyring: Keyring | None,
    path: Path,
    *,
    jobs: int | None = None,
    report: Report | None = None,
    found: Found | None = None,
) -> Outcome:
    """Scan a folder. `jobs`: processes (default: one a core). Raises InputError when there is
    nothing at `path`."""
    since = begin(store, keyring)
    try:
        outcome = folder.scan_folder(store, keyring, path, jobs=jobs, report=report, found=found)
    finally:
        followed = end(store, keyring, since)
    return _with_parts(store, outcome, followed, found)


def _with_parts(
    store: Store, outcome: Outcome, followed: consequences.Followed, found: Found | None
) -> Outcome:
    """Also what was found inside merges, and of two files together, which is asked when all are
    read."""
    moved = tuple(one.why for one in followed.innocents)
    outcome = replace(outcome, not_put_together=followed.left_out, innocents=moved)
    if not followed.parts:
        return outcome
    with store.read() as connection:
        parts = tuple(sightings.by_id(connection, id) for id in followed.parts)
    for each in parts:
        if found is not None:
            found(each)
    return replace(outcome, sightings=(*outcome.sightings, *parts))


def queue(store: Store, what: Mapping[str, Any], who: Who) -> tuple[str, bool]:
    """Queue a scan (`jobs.scan_of`) for the service's worker: the job's id, and whether it is new.
    Raises AccessError, and Conflict when the queue is full."""
    with store.write() as connection:
        return jobs.ask(connection, JobKind.SCAN, what, who)


def look_again(store: Store, id: str, who: Who) -> tuple[str, bool]:
    """Queue a scan of the repositories that a scan could not look at, or not judge in full, at most
    `MOST_AGAIN`, as far as that scan was asked to look: the new job's id, and whether it is new.
    Raises NotFound, AccessError, InputError for what another version asked for, and Conflict when
    there are none, when the scan has not ended, or when the queue is full."""
    with store.write() as connection:
        job = jobs.look_by_id(connection, id)
        if job.kind not in AGAIN or job.scan_pk is None or job.ended_at is None:
            raise Conflict("this is no scan that has ended", remedy="Wait for its end.")
        found, _ = left_out.repositories_with_problems(connection, job.scan_pk, most=MOST_AGAIN)
        if not found:
            raise Conflict("no repository of this scan is left to look at again")
        _, options = jobs.target_of(job.what)
        target = target_naming([(each.id, each.type) for each in found], (), more=False)
        what = jobs.scan_of(target, options, hub=job.what.get("hub"))
        return jobs.ask(connection, JobKind.SCAN, what, who)


def stop(store: Store, id: str, who: Who) -> str:
    """Work that waits is not begun, and what runs ends in order; the job's id. Raises NotFound,
    AccessError, and Conflict when it has ended."""
    with store.write() as connection:
        job = jobs.look_by_id(connection, id)
        jobs.stop(connection, job.id, who)
        return job.id


def begin(store: Store, keyring: Keyring | None) -> int:
    """Before a scan: what is left to do from before is done. The last change that it knows."""
    consequences.follow(store, keyring)
    with store.read() as connection:
        return change_log.latest(connection)


def end(store: Store, keyring: Keyring | None, since: int) -> consequences.Followed:
    """After a scan, also one that was stopped. What changed after `since` is matched once more: a
    file that was under way meanwhile was matched without it."""
    return consequences.follow(store, keyring, since=since)
