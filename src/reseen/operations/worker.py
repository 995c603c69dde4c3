"""The worker of the service: does the jobs, and what is left to do, whoever left it.

One background thread with an event loop of its own; everything that comes of it is in the store.
A failure of one job is a sentence in that job and never the worker's end. It stops in order (a scan
goes on where it was), and of many processes one at a time works in each lane of `jobs`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from reseen.hubs import kinds
from reseen.hubs.hub import Hub
from reseen.operations import (
    campaigns,
    consequences,
    jobs,
    notifications,
    reading,
    rechecks,
    schedules,
)
from reseen.operations.jobs import Job, JobKind
from reseen.operations.logs import log
from reseen.operations.running import Workplace, patiently, run
from reseen.scan.pace import USUAL, Pace
from reseen.scan.shared_windows import StoreWindows
from reseen.settings import HubSettings, Settings
from reseen.store.database import Store
from reseen.store.lease import Owner
from reseen.store.sealing import Keyring


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often the worker looks. Seconds."""

    look: float = 1.0
    """Between looks for a job."""
    beat: float = 2.0
    """Between two words about a job's progress."""
    housekeeping: float = 5.0
    """Between looks for what is left to do."""
    recheck: float = 6 * 3600.0
    """Between rechecks that nobody asked for."""
    reread: float = 3600.0
    """Between tries at what could not be read."""
    campaigns: float = 300.0
    """Between two looks for campaigns, where anything changed."""
    campaigns_again: float = 6 * 3600.0
    """Between two where nothing is known to have changed."""
    rechecked: int = 5_000
    """Sightings of one such recheck, the longest unseen first."""


class Worker:
    """`start()` it once; `stop()` ends what is under way in order and waits for that."""

    def __init__(
        self,
        store: Store,
        keyring: Keyring | None,
        settings: Settings,
        *,
        intervals: Intervals | None = None,
        pace: Pace = USUAL,
        open_hub: Callable[[HubSettings], Hub] | None = None,
    ) -> None:
        self._store, self._keyring, self._settings = store, keyring, settings
        self._intervals, self._pace = intervals or Intervals(), pace
        self._open_hub = open_hub or self._opened
        self._owner = Owner.this()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._told = threading.Event()

    def start(self) -> None:
        """In a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="reseen-jobs", daemon=True)
        self._thread.start()

    def stop(self, patience: float = 30.0) -> None:
        """End in order; what is under way is given back and goes on at the next start."""
        self._told.set()
        loop, ending = self._loop, self._ending
        if loop is not None and ending is not None:
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(ending.set)
        if self._thread is not None:
            self._thread.join(patience)

    close = stop

    def round(self) -> None:
        """Do what is left to do, whoever left it; what is due by itself is queued."""
        with self._store.read() as connection:  # nothing to do is no reason to write
            due = consequences.is_due(connection, self._keyring)
        if due:
            consequences.follow(self._store, self._keyring)
        for hub in self._settings.hubs:
            reading.queue_if_due(self._store, hub, self._intervals.reread)
            every, most = self._intervals.recheck, self._intervals.rechecked
            rechecks.queue_if_due(self._store, hub, every, most)
        schedules.make_due(self._store)
        notifications.queue_if_due(self._store, self._settings)

    def _opened(self, hub: HubSettings) -> Hub:
        """Its quota is shared with all who use this store."""
        return kinds.open_hub(hub, StoreWindows(self._store, kinds.stored_name(hub)))

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except Exception:  # noqa: BLE001 - the thread's last word; the service goes on without
            log().error("the worker ended")

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        ending = self._ending = asyncio.Event()
        if self._told.is_set():
            ending.set()
        workplace = Workplace(
            self._store,
            self._keyring,
            self._open_hub,
            self._owner,
            self._pace,
            self._intervals.beat,
            self._settings,
            ending,
        )
        # A lane's work can hold one; others say meanwhile that it goes on, and ask for its quota.
        threads = 3 * len(jobs.LANES) + 2
        with ThreadPoolExecutor(threads, thread_name_prefix="reseen-jobs-store") as pool:
            self._loop.set_default_executor(pool)
            lanes = [self._lane(workplace, lane) for lane in jobs.LANES]
            await asyncio.gather(self._housekeeping(ending), self._campaigns(ending), *lanes)

    async def _housekeeping(self, ending: asyncio.Event) -> None:
        while True:
            await patiently(self.round)
            if await _ends(ending, self._intervals.housekeeping):
                return

    async def _campaigns(self, ending: asyncio.Event) -> None:
        """A look is asked for where it is due; the first one not at once, whoever starts."""
        every, again = self._intervals.campaigns, self._intervals.campaigns_again
        while not await _ends(ending, every):
            await patiently(lambda: campaigns.queue_if_due(self._store, every, again))

    async def _lane(self, workplace: Workplace, lane: frozenset[JobKind]) -> None:
        """The jobs of one lane, one after the other."""
        while not workplace.ending.is_set():
            job = await patiently(lambda: self._take(lane))
            if job is None:
                await _ends(workplace.ending, self._intervals.look)
            else:
                await self._do(workplace, job)

    def _take(self, lane: frozenset[JobKind]) -> Job | None:
        with self._store.read() as connection:  # nothing to do is no reason to write
            if not jobs.is_any(connection, lane):
                return None
        with self._store.write() as connection:
            return jobs.take(connection, lane, self._owner)

    async def _do(self, workplace: Workplace, job: Job) -> None:
        state, problem = await run(workplace, job)

        def ended() -> None:
            with self._store.write() as connection:
                jobs.end(connection, job.pk, self._owner, state, problem=problem)

        await patiently(ended)
        await patiently(self.round)


async def _ends(ending: asyncio.Event, seconds: float) -> bool:
    """Wait; True when the worker ends."""
    with suppress(TimeoutError):
        await asyncio.wait_for(ending.wait(), seconds)
    return ending.is_set()
