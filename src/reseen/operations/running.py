"""One job under way: it is done, says how far it is, keeps its lease, and hears whether to stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from reseen.errors import ReseenError, StoreError
from reseen.hubs.hub import Hub
from reseen.observed.sightings import SightingFilter
from reseen.operations import campaigns, jobs, notifications, scans
from reseen.operations.asking_jobs import AskingJob
from reseen.operations.jobs import Job, JobKind, JobState
from reseen.operations.logs import log, where
from reseen.scan.context import ScanContext
from reseen.scan.pace import Pace
from reseen.scan.progress import Listener, Outcome, Progress
from reseen.scan.recheck import revisit
from reseen.scan.walk import walk
from reseen.scan.watch import WatchContext, one_round
from reseen.settings import HubSettings, Settings
from reseen.store.database import Store
from reseen.store.lease import Owner
from reseen.store.sealing import Keyring

T = TypeVar("T")
OUR_ERROR = "This is an error of Reseen itself; the log says more."


@dataclass(frozen=True, slots=True)
class Workplace:
    """What the jobs of one worker work with."""

    store: Store
    keyring: Keyring | None
    open_hub: Callable[[HubSettings], Hub]
    owner: Owner
    pace: Pace
    beat: float
    """Seconds between two words about a job's progress."""
    settings: Settings
    ending: asyncio.Event
    """Set when the worker ends: what is under way stops in order."""


async def patiently(call: Callable[[], T]) -> T | None:
    """In another thread; None while the store is away, or where we are wrong ourselves: the next
    look comes soon enough, and nothing of this ends the worker."""
    try:
        return await asyncio.to_thread(call)
    except StoreError:
        return None
    except Exception as e:  # noqa: BLE001
        log().error("work in the background failed", error=type(e).__name__, where=where(e))
        return None


async def run(workplace: Workplace, job: Job) -> tuple[JobState, str | None]:
    """To its end; its state and, where it failed, why. Raises nothing of the job's."""
    try:
        state, problem = await _RunningJob(workplace, job).whole()
    except ReseenError as e:
        state, problem = JobState.FAILED, " ".join(filter(None, (str(e) + ".", e.remedy)))
    except Exception as e:  # noqa: BLE001 - one job's failure is not the worker's
        state, problem = JobState.FAILED, OUR_ERROR
        log().error("a job failed", job=job.id, error=type(e).__name__, where=where(e))
    if state is JobState.FAILED and workplace.ending.is_set():
        return JobState.WAITING, None
    return state, problem


class _RunningJob:
    def __init__(self, workplace: Workplace, job: Job) -> None:
        self._at, self._job = workplace, job
        self._stop = asyncio.Event()
        self._progress: dict[str, Any] | None = None
        self._changed = 0
        self._scan_pk: int | None = None

    async def whole(self) -> tuple[JobState, str | None]:
        if self._job.kind is JobKind.NOTIFY:
            async with self._beating():
                return await self._notify()
        if self._job.kind is JobKind.CAMPAIGNS:
            async with self._beating():
                return await self._find_campaigns()
        asked = jobs.hub_of(self._job.what, self._at.settings.hubs)
        if self._job.kind is JobKind.ASK:
            try:
                async with self._beating():
                    return await self._ask(asked)
            finally:
                await patiently(self._tell)
        hub = self._at.open_hub(asked)
        try:
            async with self._beating():
                if self._job.kind is JobKind.RECHECK:
                    return await self._recheck(hub, asked)
                return await self._scan(hub)
        finally:
            await hub.close()
            await patiently(self._tell)

    async def _notify(self) -> tuple[JobState, str | None]:
        """Try, and try again after a while, until it was taken."""
        for pause in (*notifications.PAUSES, None):
            try:
                await asyncio.to_thread(notifications.deliver, self._at.settings, self._job)
                return JobState.DONE, None
            except ReseenError as error:
                if pause is None or not notifications.may_be_tried_again(error):
                    raise
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            if self._stop.is_set():
                return JobState.WAITING, None
        raise AssertionError  # the last try returns or raises

    async def _find_campaigns(self) -> tuple[JobState, str | None]:
        settings = self._at.settings
        await self._in_thread(lambda ending: campaigns.find_in_own_process(settings, ending))
        return JobState.DONE, None

    async def _ask(self, asked: HubSettings) -> tuple[JobState, str | None]:
        at = self._at
        asker = AskingJob(at.store, at.keyring, at.settings, self._job, self._said)
        problem = await self._in_thread(
            lambda ending: asker.whole(asked, lambda: at.open_hub(asked), ending)
        )
        if self._stop.is_set() and at.ending.is_set():
            return JobState.WAITING, None
        return JobState.DONE if problem is None else JobState.FAILED, problem

    async def _in_thread(self, work: Callable[[threading.Event], T]) -> T:
        """Work in a thread of its own, which is told when it is to end."""
        ending = threading.Event()
        working = asyncio.create_task(asyncio.to_thread(work, ending))
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        ending.set()
        stopping.cancel()
        return await working

    def _said(self, progress: dict[str, Any]) -> None:
        self._progress = progress

    async def _scan(self, hub: Hub) -> tuple[JobState, str | None]:
        # What is left from before, and cannot be done now, is no reason not to scan.
        since = await patiently(lambda: scans.begin(self._at.store, self._at.keyring)) or 0
        try:
            outcome = await self._walk(hub)
        finally:
            await patiently(lambda: scans.end(self._at.store, self._at.keyring, since))
        self._scan_pk = outcome.scan
        if outcome.ended:
            return JobState.DONE, None
        if self._at.ending.is_set():
            return JobState.WAITING, None
        why = f"{outcome.stopped or ''} Ask for it again: it goes on where it was."
        return JobState.FAILED, why

    async def _walk(self, hub: Hub) -> Outcome:
        at, (target, options) = self._at, jobs.target_of(self._job.what)
        listener = Listener(self._report)
        if self._job.kind is JobKind.WATCH:
            watched = WatchContext(
                at.store, at.keyring, target, options, lambda found: None, pace=at.pace
            )
            return await one_round(watched, hub, self._stop, listener)
        context = ScanContext(
            at.store,
            at.keyring,
            hub,
            target,
            options,
            pace=at.pace,
            listener=listener,
            stop=self._stop,
        )
        return await walk(context)

    async def _recheck(self, hub: Hub, asked: HubSettings) -> tuple[JobState, str | None]:
        what = self._job.what
        self._progress = {"asked": 0, "changed": 0}
        came = await revisit(
            self._at.store,
            hub,
            SightingFilter(author=what.get("account"), withdrawn=False),
            most=what.get("most"),
            on_change=lambda change: self._count(),
            stop=self._stop,
            gone_after=asked.gone_after,
        )
        states = {state.value: count for state, count in came.states.items()}
        self._progress = {"asked": came.asked, "changed": len(came.changes), "states": states}
        if came.stopped and self._at.ending.is_set():
            return JobState.WAITING, None
        return JobState.DONE, None

    def _count(self) -> None:
        self._changed += 1
        self._progress = {"asked": None, "changed": self._changed}

    def _report(self, progress: Progress) -> None:
        self._progress = {
            "listed": progress.listed,
            "listing": progress.listing,
            "waiting": progress.waiting,
            "walked": progress.walked,
            "unchanged": progress.unchanged,
            "sightings": progress.sightings,
            "requests": progress.requests,
            "bytes_read": progress.bytes_read,
            "quota_left": dict(progress.quota_left),
            "remarks": list(progress.remarks),
            "away": progress.away,
            "eta": progress.eta,
        }

    @asynccontextmanager
    async def _beating(self) -> AsyncIterator[None]:
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._at.ending.wait(), self._at.beat)
            goes_on = await patiently(self._tell)
            if self._at.ending.is_set() or goes_on is False:
                self._stop.set()
                return

    def _tell(self) -> bool:
        with self._at.store.write() as connection:
            return jobs.beat(connection, self._job, self._at.owner, self._progress, self._scan_pk)
