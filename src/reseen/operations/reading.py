"""What is known and not yet read: read, and queued for the service's worker.

What is owed to a repository is said by `scan.owed`: everything that any scan asked of it and that
is not done as of the registry's last change. The worker reads that by itself, soon after a change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from reseen.hubs.hub import Hub
from reseen.hubs.kinds import stored_name
from reseen.observed import readings, walks
from reseen.operations import jobs, scans
from reseen.operations.jobs import Job, JobKind
from reseen.records import Rung
from reseen.review.roles import Role, Who
from reseen.scan.owed import AS_ASKED, EVERYTHING, is_owed
from reseen.scan.progress import Found, Outcome, Report
from reseen.scan.target import Options, Target
from reseen.settings import HubSettings
from reseen.store import change_log
from reseen.store.database import Store, now
from reseen.store.lease import SECOND
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class HubPath:
    """A repository at a hub."""

    hub: str
    """As the store calls it."""
    repo: str


def read_known(
    store: Store,
    keyring: Keyring | None,
    open_hub: Callable[[], Hub],
    target: Target = EVERYTHING,
    options: Options = AS_ASKED,
    *,
    report: Report | None = None,
    found: Found | None = None,
) -> Outcome:
    """Read known copies, and what follows from them, without walking the hub. `target` narrows it
    to repositories, accounts or a removal; `options` can ask for more than was asked before."""
    wanted = replace(target, owed=True)
    outcome = last = scans.scan_hub(
        store, keyring, open_hub, wanted, options, report=report, found=found
    )
    # What is inside files is asked when all are read, and leads further.
    while last.ended and any(one.rung is Rung.COMPONENT for one in last.sightings):
        last = scans.scan_hub(store, keyring, open_hub, wanted, options, report=report, found=found)
        outcome = outcome | last
    return outcome


def queue(store: Store, hubs: Sequence[HubSettings], who: Who) -> list[str]:
    """Queue the reading of what is owed at these hubs, in a person's name; the jobs' ids. Nothing
    is queued where nothing is owed. Raises AccessError."""
    who.must_be(Role.LEAD)
    with store.read() as connection:  # nothing to do is no reason to wait for the writer
        wanted = [hub for hub in hubs if is_owed(connection, stored_name(hub))]
    if not wanted:
        return []
    with store.write() as connection:
        return [_ask(connection, hub, who) for hub in wanted]


def queue_repository(
    store: Store, hubs: Sequence[HubSettings], place: HubPath, who: Who
) -> str | None:
    """Queue the reading of every byte of what is known in a repository, though nobody asked for
    that before, and once more of what reading refuted; the job's id, or None where no setting names
    the hub. Raises AccessError."""
    for hub in hubs:
        if stored_name(hub) == place.hub:
            with store.write() as connection:
                id = _ask(connection, hub, who, place.repo)
                readings.set_aside(connection, place.hub, place.repo)
                return id
    return None


def queue_if_due(store: Store, hub: HubSettings, every: float) -> None:
    """Queue the reading of what is owed at a hub, where the registry changed since that was last
    done; or where so many seconds went by since, and something could not be had then."""
    with store.read() as connection:
        last = last_read(connection, hub.name)
        latest = _version(connection)
        if last is not None:
            if last.ended_at is None:  # what it leaves is looked at when it has ended
                return
            done = last.what.get("version") == latest
            if done and now() - last.asked_at < every * SECOND:
                return
        if not is_owed(connection, stored_name(hub)):
            return
    with store.write() as connection:
        _ask(connection, hub, None)


def last_read(connection: Connection, hub: str) -> Job | None:
    """The last reading of all that was owed at a hub (by its name in the settings)."""
    return jobs.last_of(connection, JobKind.READ, _key(hub))


def last_read_of(connection: Connection, hubs: Sequence[HubSettings], place: HubPath) -> Job | None:
    """The last reading of a repository that a person asked for."""
    names = [hub.name for hub in hubs if stored_name(hub) == place.hub]
    return jobs.last_of(connection, JobKind.READ, _key(names[0], place.repo)) if names else None


def _ask(connection: Connection, hub: HubSettings, who: Who | None, repo: str | None = None) -> str:
    what = jobs.reading_of(hub.name, _version(connection), repo)
    return jobs.ask(connection, JobKind.READ, what, who, key=_key(hub.name, repo))[0]


def _version(connection: Connection) -> int:
    """Another number whenever something more may be owed."""
    return change_log.latest(connection) + walks.reopened(connection)


def _key(hub: str, repo: str | None = None) -> str:
    return jobs.key_of(JobKind.READ, {"hub": hub, "repo": repo})
