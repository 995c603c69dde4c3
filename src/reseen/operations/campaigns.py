"""Campaigns are found anew, and people say what they know of them.

What is found follows from what was seen, decided and said, so doing it twice changes nothing. An
account that a person took out leaves at once, and stays out when they are found anew.
"""

from __future__ import annotations

from sqlalchemy import Connection

from reseen.review import campaign_groups, campaign_rows, campaigns
from reseen.review.campaign_following import Place
from reseen.review.campaigns import FoundAccount
from reseen.review.roles import Who
from reseen.store import meta
from reseen.store.database import Store

FOUND = "campaigns found"
"""The name under which the store keeps what campaigns were found in last."""


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
        [
            FoundAccount(there.accounts[number].hub, there.accounts[number].name, score)
            for number, score in group.scores.items()
        ]
        for group in groups
    ]
    with store.write() as connection:
        count = campaigns.keep(connection, found)
        meta.keep(connection, FOUND, state)
    return count


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
