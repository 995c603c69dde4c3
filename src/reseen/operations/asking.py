"""A hub is asked by hash where copies of removals stand, and what follows from its answers.

A question tells a hub what is hunted. Of a row whose former link is at the hub itself it learns
nothing by that, and is asked unless somebody switched that off; for all else an administrator
switches it on. What the audit log said last of a hub is the switch: nothing else keeps it. Each
question has its line before it is put: what could not be recorded is not asked.

A locator (`Askable.locates`) holds nothing itself: it is asked for nothing until an administrator
says so, and for no removal on the day that it came.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from sqlalchemy import Connection

from reseen.errors import Conflict
from reseen.hubs.hub import Hub
from reseen.hubs.kinds import askable_of, is_locator, stored_name
from reseen.operations import scans
from reseen.operations.consequences import Followed
from reseen.registry import to_ask
from reseen.registry.to_ask import ToAsk
from reseen.scan import by_hash
from reseen.scan.by_hash import AskedByHash, Report
from reseen.settings import HubSettings
from reseen.store import audit, links
from reseen.store.audit import Act
from reseen.store.database import Store, now
from reseen.store.lease import SECOND
from reseen.store.sealing import Keyring

LISTED, ASKED = "asking-list", "asked"
"""What it calls the removals that a switch is of, and a question."""
_IDS = 400
"""Ids of removals in one line of the log."""
_LISTS = 50
"""Lists that a line names."""
_DAY = 24 * 3_600 * SECOND


class Asks(StrEnum):
    """What a hub is asked for."""

    ORIGIN = "origin"
    """Rows whose former link is there: as long as nobody said otherwise, but of a locator."""
    ALL = "all"
    """All removals in force."""
    NOTHING = "nothing"
    """Of a locator: as long as nobody said otherwise."""


@dataclass(frozen=True, slots=True)
class Switched:
    """How asking a hub was switched."""

    asks: Asks
    digests: int
    removals: int


@dataclass(frozen=True, slots=True)
class AboutToAsk:
    """What would go to a hub."""

    asks: Asks
    digests: int
    removals: int
    lists: tuple[tuple[str, int], ...]
    """How many of the digests each list gives, most first."""
    never_sent: int
    """Digests that would be among them, were they not of the class that is never read."""
    too_new: int = 0
    """Digests that would be among them, had their removals been here for a day."""


@dataclass(frozen=True, slots=True)
class HubAsked:
    """What came of asking a hub."""

    asks: Asks
    digests: int
    """That were to be asked for."""
    never_sent: int
    """Digests that would be among them, were they not of the class that is never read."""
    came: AskedByHash
    followed: Followed


@dataclass(frozen=True, slots=True)
class AskListener:
    """Who is told while it goes on, and may end it."""

    begins: Callable[[AboutToAsk], None] = lambda about: None
    """Of what would go out, before the first question."""
    report: Report | None = None
    """After each part of an answer."""
    ending: threading.Event | None = None
    """As in `by_hash.ask`."""


def switch(store: Store, hub: HubSettings, asks: Asks, *, actor: str | None = None) -> Switched:
    """An administrator says what a hub is asked for from now on. The log says how many removals
    that is of today, and which. Raises HubMissing where the hub cannot be asked."""
    askable_of(hub)
    name = stored_name(hub)
    with store.write() as connection:
        wanted = _wanted(connection, hub, asks)
        ids = wanted.ids(connection)
        told: dict[str, str | int | None] = {
            "digests": len(wanted.removals),
            "removals": len(ids),
            "lists": _lists(wanted),
        }
        acts = [Act(f"asking-{asks}", name, actor, told)]
        for start in range(0, len(ids), _IDS):
            some = ids[start : start + _IDS]
            acts.append(Act(LISTED, name, actor, {"from": start + 1, "removals": " ".join(some)}))
        audit.append(connection, acts)
    return Switched(asks, len(wanted.removals), len(ids))


def asks_of(connection: Connection, hub: str) -> Asks:
    """What a hub (as the store calls it) is asked for: what was said last."""
    return asks_by(switch_line(connection, hub), hub)


def asks_by(switched: audit.AuditLine | None, hub: str) -> Asks:
    """The same, where it is known how it was switched last."""
    return usual_asks(hub) if switched is None else Asks(switched.action.removeprefix("asking-"))


def asked_lines(connection: Connection, hub: str, *, most: int) -> list[audit.AuditLine]:
    """The last questions that were put to a hub (as the store calls it), the newest first."""
    return audit.latest(connection, {"action": ASKED, "subject": hub}, most=most)


def switch_line(connection: Connection, hub: str) -> audit.AuditLine | None:
    """How asking a hub (as the store calls it) was switched last; None: nobody ever did."""
    said = [
        line
        for asks in Asks
        for line in audit.latest(connection, {"action": f"asking-{asks}", "subject": hub}, most=1)
    ]
    return max(said, key=lambda line: line.number, default=None)


def usual_asks(hub: str) -> Asks:
    """What a hub is asked for as long as nobody said anything."""
    return Asks.NOTHING if is_locator(hub) else Asks.ORIGIN


def preview(store: Store, hub: HubSettings, asks: Asks | None = None) -> AboutToAsk:
    """What a hub would be asked for now, or were it switched to `asks`: nothing is asked. Raises
    HubMissing where the hub cannot be asked."""
    askable_of(hub)
    with store.read() as connection:
        asks = asks or asks_of(connection, stored_name(hub))
        return _about(connection, asks, _wanted(connection, hub, asks))


def ask(
    store: Store,
    keyring: Keyring | None,
    hub: HubSettings,
    open_hub: Callable[[], Hub],
    *,
    listener: AskListener | None = None,
    actor: str | None = None,
) -> HubAsked:
    """Ask a hub for what it may be asked for. Raises Conflict where that was switched off, and
    HubMissing where it cannot be asked."""
    listener = listener or AskListener()
    askable_of(hub)
    with store.read() as connection:
        asks = asks_of(connection, stored_name(hub))
        wanted = _wanted(connection, hub, asks)
        about = _about(connection, asks, wanted)
    if asks is Asks.NOTHING:
        at = f" --endpoint {hub.endpoint}" if hub.said_by == "--endpoint" else ""
        raise Conflict(
            f"asking {hub.name} is switched off",
            remedy=f"An administrator switches it on: reseen ask {hub.name}{at} --allow",
        )
    listener.begins(about)
    since = scans.begin(store, keyring)
    try:
        questions = _questions(store, hub, asks, wanted, actor)
        came = by_hash.ask(store, keyring, open_hub, questions, listener.report, listener.ending)
    finally:
        followed = scans.end(store, keyring, since)
    return HubAsked(asks, len(wanted.removals), wanted.never_sent, came, followed)


def _questions(
    store: Store, hub: HubSettings, asks: Asks, wanted: ToAsk, actor: str | None
) -> Iterator[list[bytes]]:
    """The digests of each question, once its line is written. A class that was said since the last
    one counts; so does a switch."""
    name, most = stored_name(hub), askable_of(hub).most
    left = sorted(wanted.removals)  # by value: the order tells nothing
    for start in range(0, len(left), most):
        with store.write() as connection:
            if asks_of(connection, name) is not asks:
                return
            some = left[start : start + most]
            refused = to_ask.refused(connection, wanted.kind, some)
            some = [digest for digest in some if digest not in refused]
            if some:
                count = len(wanted.ids(connection, some))
                audit.write(connection, ASKED, name, actor=actor, digests=len(some), removals=count)
        yield some


def _wanted(connection: Connection, hub: HubSettings, asks: Asks) -> ToAsk:
    able = askable_of(hub)
    if asks is Asks.NOTHING:
        return ToAsk(able.digest)
    # Who sees what is asked for on one day must not learn what was removed on it.
    before = now() - _DAY if able.locates else None
    site = _site(hub) if asks is Asks.ORIGIN else None
    return to_ask.to_ask(connection, able.digest, site, before=before)


def _about(connection: Connection, asks: Asks, wanted: ToAsk) -> AboutToAsk:
    removals = len(wanted.ids(connection))
    sent, never = len(wanted.removals), wanted.never_sent
    return AboutToAsk(asks, sent, removals, _most(wanted), never, wanted.too_new)


def _site(hub: HubSettings) -> str:
    """What a former link at this hub has for its site."""
    return links.normal_site(urlsplit(hub.endpoint).hostname or "")


def _most(wanted: ToAsk) -> tuple[tuple[str, int], ...]:
    """The lists, with how many of the digests each gives, most first."""
    return tuple(sorted(wanted.lists.items(), key=lambda each: -each[1]))


def _lists(wanted: ToAsk) -> str:
    most = _most(wanted)
    told = [f"{name} ({count:,})" for name, count in most[:_LISTS]]
    return ", ".join([*told, *["and others"] * (len(most) > _LISTS)])
