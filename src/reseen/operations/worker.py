"""The worker: does the jobs, puts what scans found before people, and settles notices.

What comes in: a store, the key where there is one, settings. What goes out: nothing; everything is
in the store. One background thread with an event loop of its own; it promises that a failure of one
job is a sentence in that job and never its own end, that it stops in order (a scan goes on where it
was), and that of many processes one at a time works in each lane of `jobs`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import exists, select

from reseen.errors import ReseenError, StoreError
from reseen.hubs import kinds
from reseen.hubs.hub import Hub
from reseen.observed.sightings import Filter
from reseen.operations import consequences, jobs
from reseen.operations.jobs import Job, JobKind, JobState
from reseen.operations.logs import log
from reseen.records import SightingState
from reseen.scan.progress import Progress
from reseen.scan.recheck import revisit
from reseen.scan.walk import USUAL, Pace, walk
from reseen.settings import Settings
from reseen.store import schema, service_schema
from reseen.store.database import Store, now
from reseen.store.lease import Owner
from reseen.store.sealing import Keyring

T = TypeVar("T")
OUR_ERROR = "This is an error of Reseen itself; the log says more."


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often the worker looks. Seconds."""

    look: float = 1.0
    """Between looks for a job."""
    beat: float = 2.0
    """Between two words about a job's progress."""
    housekeeping: float = 5.0
    """Between puttings of cases and settlings of notices."""
    recheck: float = 6 * 3600.0
    """Between rechecks that nobody asked for."""
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
        open_hub: Callable[[], Hub] | None = None,
    ) -> None:
        self._store, self._keyring, self._settings = store, keyring, settings
        self._intervals, self._pace = intervals or Intervals(), pace
        self._open_hub = open_hub or self._hugging_face
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
        with ThreadPoolExecutor(4, thread_name_prefix="reseen-jobs-store") as pool:
            self._loop.set_default_executor(pool)
            lanes = [self._lane(lane) for lane in jobs.LANES]
            await asyncio.gather(self._housekeeping(), *lanes)

    # -- the house ---------------------------------------------------------------------------------

    async def _housekeeping(self) -> None:
        while True:
            await self._patiently(self._round)
            if await self._rest(self._intervals.housekeeping):
                return

    def _round(self) -> None:
        """Do what is left to do, whoever left it; a recheck is due now and then."""
        with self._store.read() as connection:  # nothing to do is no reason to write
            due = consequences.is_due(connection)
        if due:
            consequences.follow(self._store)
        with self._store.read() as connection:
            if not self._recheck_is_due(connection):
                return
        with self._store.write() as connection:
            most = self._intervals.rechecked
            jobs.ask(connection, JobKind.RECHECK, {"account": None, "most": most}, None)
            jobs.forget(connection)

    def _recheck_is_due(self, connection: Any) -> bool:
        last = jobs.last_asked(connection, JobKind.RECHECK)
        if last is not None and now() - last < self._intervals.recheck * 1e6:
            return False
        hub = kinds.stored_name(self._settings.hubs[0])
        s, a, r = schema.sightings.c, schema.artifacts.c, schema.repositories.c
        return bool(
            connection.scalar(
                select(
                    exists().where(
                        a.pk == s.artifact_pk, r.pk == a.repository_pk, r.hub == hub,
                        s.state != SightingState.GONE.value,
                    )
                )
            )
        )  # fmt: skip

    # -- jobs --------------------------------------------------------------------------------------

    async def _lane(self, lane: frozenset[JobKind]) -> None:
        while not self._over:
            job = await self._patiently(lambda: self._take(lane))
            if job is None:
                await self._rest(self._intervals.look)
            else:
                await self._do(job)

    def _take(self, lane: frozenset[JobKind]) -> Job | None:
        kinds = [kind.value for kind in lane]
        open_ = [JobState.WAITING.value, JobState.RUNNING.value, JobState.STOPPED.value]
        table = service_schema.jobs.c
        mine = select(table.pk).where(table.kind.in_(kinds), table.state.in_(open_))
        with self._store.read() as connection:
            if connection.scalar(mine.where(table.ended_at.is_(None)).limit(1)) is None:
                return None
        with self._store.write() as connection:
            return jobs.take(connection, lane, self._owner)

    async def _do(self, job: Job) -> None:
        running = _Running(self, job)
        try:
            state, problem = await running.whole()
        except ReseenError as e:
            state, problem = JobState.FAILED, " ".join(filter(None, (str(e) + ".", e.remedy)))
        except Exception as e:  # noqa: BLE001 - one job's failure is not the worker's
            state, problem = (
                JobState.FAILED,
                "This is an error of Reseen itself; the log says more.",
            )
            log().error("a job failed", job=job.id, error=type(e).__name__)
        if state is JobState.FAILED and self._over:
            state, problem = JobState.WAITING, None

        def ended() -> None:
            with self._store.write() as connection:
                jobs.end(connection, job.pk, self._owner, state, problem=problem)

        await self._patiently(ended)
        await self._patiently(self._round)

    def _hugging_face(self) -> Hub:
        return kinds.open_hub(self._settings.hubs[0])

    # -- waiting -----------------------------------------------------------------------------------

    @property
    def _over(self) -> bool:
        return self._ending is None or self._ending.is_set()

    async def _rest(self, seconds: float) -> bool:
        """Wait; True when the worker ends."""
        assert self._ending is not None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)
        return self._ending.is_set()

    async def _patiently(self, call: Callable[[], T]) -> T | None:
        """In another thread; None while the store is away, or where we are wrong ourselves: the
        next look comes soon enough, and nothing of this ends the worker."""
        try:
            return await asyncio.to_thread(call)
        except StoreError:
            return None
        except Exception as e:  # noqa: BLE001
            log().error("work in the background failed", error=type(e).__name__)
            return None


class _Running:
    """One job under way."""

    def __init__(self, worker: Worker, job: Job) -> None:
        self._worker, self._job = worker, job
        self._stop = asyncio.Event()
        self._progress: dict[str, Any] | None = None
        self._changed = 0

    async def whole(self) -> tuple[JobState, str | None]:
        """To its end; its state and, where it failed, why."""
        beating = asyncio.create_task(self._beat())
        hub = self._worker._open_hub()
        try:
            if self._job.kind is JobKind.RECHECK:
                return await self._recheck(hub)
            return await self._scan(hub)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await hub.close()
            await self._worker._patiently(self._tell)

    async def _scan(self, hub: Hub) -> tuple[JobState, str | None]:
        target, options = jobs.target_of(self._job.what)
        outcome = await walk(
            self._worker._store,
            self._worker._keyring,
            hub,
            target,
            options,
            pace=self._worker._pace,
            report=self._report,
            stop=self._stop,
        )
        self._scan_pk = outcome.scan
        if outcome.ended:
            return JobState.DONE, None
        if self._worker._over:
            return JobState.WAITING, None
        return (
            JobState.FAILED,
            f"{outcome.stopped or ''} Ask for it again: it goes on where it was.",
        )

    async def _recheck(self, hub: Hub) -> tuple[JobState, str | None]:
        what = self._job.what
        which = Filter(author=what.get("account"), withdrawn=False)
        self._progress = {"asked": 0, "changed": 0}
        came = await revisit(
            self._worker._store,
            hub,
            which,
            most=what.get("most"),
            told=lambda change: self._count(),
            stop=self._stop,
        )
        states = {state.value: count for state, count in came.states.items()}
        self._progress = {"asked": came.asked, "changed": len(came.changes), "states": states}
        if came.stopped and self._worker._over:
            return JobState.WAITING, None
        return JobState.DONE, None

    _scan_pk: int | None = None

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
            "away": progress.away,
            "eta": progress.eta,
        }

    async def _beat(self) -> None:
        """Say how far it is, keep the lease, and hear whether to stop."""
        while True:
            assert self._worker._ending is not None
            with suppress(TimeoutError):
                await asyncio.wait_for(self._worker._ending.wait(), self._worker._intervals.beat)
            goes_on = await self._worker._patiently(self._tell)
            if self._worker._over or goes_on is False:
                self._stop.set()
                return

    def _tell(self) -> bool:
        worker = self._worker
        with worker._store.write() as connection:
            return jobs.beat(connection, self._job, worker._owner, self._progress, self._scan_pk)
