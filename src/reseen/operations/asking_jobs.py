"""Hubs asked by hash from the pages: queued for the service's worker, and done by it.

What a person may ask for and what is recorded of it is `asking`'s. What a locator names is looked
at by scans, which are queued here when it has answered.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from reseen.errors import Conflict
from reseen.hubs.hub import Hub
from reseen.hubs.kinds import askable_of, stored_name
from reseen.operations import asking, jobs
from reseen.operations.asking import AboutToAsk, AskListener, Asks
from reseen.operations.jobs import Job, JobKind
from reseen.operations.locating import places_of
from reseen.review.roles import Who
from reseen.scan.by_hash import AskedByHash
from reseen.scan.target import Options, target_naming
from reseen.settings import HubSettings, Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring

_MOST_REASONS = 5
"""Why something could not be taken, each with how often."""


def queue(store: Store, hub: HubSettings, who: Who) -> tuple[str, bool]:
    """Queue the question for the worker: the job's id, and whether it is new. Raises AccessError,
    HubMissing where the hub cannot be asked, and Conflict where that is switched off."""
    askable_of(hub)
    with store.write() as connection:
        if asking.asks_of(connection, stored_name(hub)) is Asks.NOTHING:
            raise Conflict(
                f"asking {hub.name} is switched off", remedy="An administrator switches it on."
            )
        return jobs.ask(connection, JobKind.ASK, {"hub": hub.name}, who)


def last(connection: Connection, hub: HubSettings) -> Job | None:
    """The last job that asked this hub."""
    key = jobs.key_of(JobKind.ASK, {"hub": hub.name})
    return jobs.last_of(connection, JobKind.ASK, key)


@dataclass(frozen=True, slots=True)
class AskingJob:
    """One such question under way."""

    store: Store
    keyring: Keyring | None
    settings: Settings
    job: Job
    said: Callable[[dict[str, Any]], None]
    """Is told how far it is."""

    def whole(
        self, hub: HubSettings, open_hub: Callable[[], Hub], ending: threading.Event
    ) -> str | None:
        """Ask it, to the end or until `ending` is set; why the rest was not asked, if so. Raises
        what `asking.ask` raises."""
        about: list[AboutToAsk] = []
        asker = None if self.job.asked_by is None else f"user:{self.job.asked_by}"
        ended = asking.ask(
            self.store,
            self.keyring,
            hub,
            open_hub,
            listener=AskListener(
                about.append, lambda came: self.said(_progress(about[0], came)), ending
            ),
            actor=asker,
        )
        progress = _progress(about[0], ended.came)
        if ended.came.elsewhere and not ended.came.stopped:
            progress |= self._look_there(hub, ended.came.elsewhere)
        self.said(progress)
        if ended.came.error is None:
            return None
        error = ended.came.error
        return " ".join(filter(None, (f"{error}.", error.remedy)))

    def _look_there(self, locator: HubSettings, addresses: Iterable[str]) -> dict[str, Any]:
        """Queue scans of what a locator names at hubs of the settings; the rest is counted."""
        places = places_of(addresses, self.settings, locator)
        scans = []
        with self.store.write() as connection:
            for hub, named in places.at_hubs:
                target = target_naming([(each.repo, each.type) for each in named], (), more=False)
                what = jobs.scan_of(target, Options(), hub=hub.name)
                actor = f"ask:{self.job.id}"
                scans.append(jobs.ask(connection, JobKind.SCAN, what, None, actor=actor)[0])
        others = sum(count for _, count in places.at_others)
        return {"scans": scans, "left_out": places.left_out, "elsewhere": others}


def _progress(about: AboutToAsk, answers: AskedByHash) -> dict[str, Any]:
    """As a job keeps it: counts, and no digest, name or place."""
    reasons = Counter(problem.reason for problem in answers.problems)
    return {
        "digests": about.digests,
        "removals": about.removals,
        "never_sent": about.never_sent,
        "too_new": about.too_new,
        "asked": answers.asked,
        "there": answers.there,
        "walked": answers.repositories,
        "sightings": len(answers.found),
        "missed": answers.missed,
        "gone": len(answers.gone),
        "requests": answers.requests,
        "problems": len(answers.problems),
        "reasons": reasons.most_common(_MOST_REASONS),
    }
