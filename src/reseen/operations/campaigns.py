"""Campaigns are found anew, and people say what they know of them.

What is found follows from what was seen, decided and said, so doing it twice changes nothing. An
account that a person took out leaves at once, and stays out when they are found anew.
"""

from __future__ import annotations

import threading

from sqlalchemy import Connection

from reseen.errors import ReseenError
from reseen.operations import jobs
from reseen.operations.jobs import JobKind
from reseen.operations.own_process import in_own_process
from reseen.review import campaign_groups, campaign_rows, campaigns
from reseen.review.campaign_following import Place
from reseen.review.roles import Who
from reseen.settings import Settings
from reseen.store import meta
from reseen.store.database import Store, now
from reseen.store.lease import SECOND

FOUND = "campaigns found"
"""The name under which the store keeps what campaigns were found in last."""
NICE = 10
"""Nobody waits for it."""


def is_due(connection: Connection) -> bool:
    """Whether anything changed since they were found: asked within a reading transaction."""
    return meta.value(connection, FOUND) != campaign_rows.state(connection)


def find(store: Store) -> int:
    """Find them anew, in all that is known; how many stand. It is computed while nobody waits."""
    with store.read() as connection:
        state = campaign_rows.state(connection)
        there = campaign_rows.population(connection, store.secret)
    groups = campaign_groups.groups(there)
    found = [
        {
            (there.accounts[number].hub, there.accounts[number].name): score
            for number, score in group.scores.items()
        }
        for group in groups
    ]
    with store.write() as connection:
        count = campaigns.keep(connection, found)
        meta.keep(connection, FOUND, state)
    return count


def queue_if_due(store: Store, every: float, again: float) -> None:
    """Ask for a look where something changed, `every` so many seconds at most; where nothing is
    known to have changed, `again` after so many. However many processes ask, one is queued."""
    with store.read() as connection:  # nothing to do is no reason to write
        if not _is_to_be_queued(connection, every, again):
            return
    with store.write() as connection:
        if not _is_to_be_queued(connection, every, again):  # somebody else may have been first
            return
        jobs.forget_ended(connection, JobKind.CAMPAIGNS)
        jobs.ask(connection, JobKind.CAMPAIGNS, {}, None)


def find_in_own_process(settings: Settings, stop: threading.Event) -> int:
    """As `find`, while whoever asks answers others. Raises StoreError, and ReseenError where the
    process was ended, for which `stop` sees too."""
    died = ReseenError("the process that looked for campaigns was ended")
    return in_own_process(_find_at, settings, nice=NICE, died=died, stop=stop)


def _find_at(settings: Settings) -> int:
    with Store(settings.db) as store:
        return find(store)


def _is_to_be_queued(connection: Connection, every: float, again: float) -> bool:
    last = jobs.last_of(connection, JobKind.CAMPAIGNS, jobs.key_of(JobKind.CAMPAIGNS, {}))
    if last is None:
        return True
    since = (now() - last.asked_at) / SECOND
    if last.ended_at is None or since < every:
        return False
    return since >= again or is_due(connection)


def take_out(store: Store, id: str, place: Place, *, by: Who) -> None:
    """An account does not belong to a campaign: it leaves and stays out. Raises AccessError,
    NotFound, Conflict."""
    with store.write() as connection:
        campaigns.take_out(connection, id, place, by)


def put_back(store: Store, id: str, place: Place, *, by: Who) -> None:
    """Undo that: it belongs to it again when it is found again. Raises AccessError, NotFound."""
    with store.write() as connection:
        campaigns.put_back(connection, id, place, by)


def watch(store: Store, id: str, *, on: bool, by: Who) -> None:
    """The team watches a campaign, or does not any more. Raises AccessError, NotFound."""
    with store.write() as connection:
        campaigns.watch(connection, id, by, on=on)
