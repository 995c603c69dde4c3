"""Known sightings are looked at again, and what follows: cases and notices say how they stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from reseen.hubs.hub import Hub
from reseen.hubs.kinds import stored_name
from reseen.observed import sightings
from reseen.observed.sightings import SightingFilter
from reseen.operations import consequences, jobs
from reseen.operations.jobs import JobKind
from reseen.review.notice_updates import NoticeMoved
from reseen.scan import recheck as rechecking
from reseen.scan.recheck import Change, Rechecked
from reseen.settings import HubSettings
from reseen.store.database import Store, now
from reseen.store.lease import SECOND


@dataclass(frozen=True, slots=True)
class RecheckEnded:
    """What came of a recheck."""

    rechecked: Rechecked
    notices: tuple[NoticeMoved, ...]
    """Notices that moved by themselves."""


def recheck(
    store: Store,
    open_hub: Callable[[], Hub],
    which: SightingFilter | None = None,
    *,
    on_change: Callable[[Change], None] | None = None,
    gone_after: timedelta = rechecking.GONE_AFTER,
) -> RecheckEnded:
    """Ask the hub whether these sightings still stand; `on_change` is called with each change."""
    came = rechecking.recheck(store, open_hub, which, on_change=on_change, gone_after=gone_after)
    return RecheckEnded(came, consequences.follow(store).notices)


def queue_if_due(store: Store, hub: HubSettings, every: float, most: int) -> None:
    """Queue a recheck of at most `most` sightings of a hub, the longest unseen first, where none
    was asked for in so many seconds and there is something to ask about."""
    with store.read() as connection:
        what = {"hub": hub.name, "account": None, "most": most}
        last = jobs.last_asked(connection, JobKind.RECHECK, what)
        if last is not None and now() - last < every * SECOND:
            return
        if not sightings.any_standing(connection, stored_name(hub)):
            return
    with store.write() as connection:
        jobs.ask(connection, JobKind.RECHECK, what, None)
        jobs.forget(connection)
