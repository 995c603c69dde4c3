"""The walk: lists a hub and looks at what is listed, until nothing is left or it is stopped.

What comes in: a store, a hub, a target, options. What goes out: sightings in the store, and an
`Outcome`. It promises to keep the requests under way bounded, to go on where a killed walk was, to
wait while the hub is away, and to stop in order when it is asked to: what was done is stored.

One event loop: a lister, `workers` that visit, and the writer, which is the only one to touch the
store (in a thread of its own, a few transactions a second).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from reseen.errors import (
    HubAuth,
    HubBusy,
    HubDisabled,
    HubError,
    HubHidden,
    HubMissing,
    ReseenError,
    Unforeseen,
    bulkhead,
)
from reseen.files.system_limits import memory_for_threads
from reseen.hubs.hub import Hub, Revision, WantedRepositories
from reseen.records import Problem, account_of
from reseen.scan import priorities
from reseen.scan.commit_files import CommitFiles
from reseen.scan.context import ReadContext, ScanContext
from reseen.scan.context import reading as reading_context
from reseen.scan.frontier import MAX_ATTEMPTS, Lease, Task
from reseen.scan.outage import STORAGE_AWAY, UNANSWERED, HubAway, HubOutage, StorageOutage
from reseen.scan.outcomes import (
    Batch,
    Failed,
    Index,
    Listed,
    Noticed,
    Ordering,
    Owing,
    Passed,
    Ready,
    Referred,
    Untouched,
    Visited,
    Wanted,
    settles,
)
from reseen.scan.outcomes import Outcome as Came
from reseen.scan.pace import USUAL, Pace
from reseen.scan.pages import Pages
from reseen.scan.progress import NOBODY, Listener, Outcome, Progress
from reseen.scan.session import ScanSession
from reseen.scan.stopping import on_signals
from reseen.scan.target import Options, Target
from reseen.scan.visit import (
    declared,
    examine,
    list_commit,
    reinspect,
    without,
)
from reseen.store.database import Store
from reseen.store.sealing import Keyring

T = TypeVar("T")

GO_ON = "Run the same command again: it goes on where it was."
STOPPED = "It was stopped."
READ_LATER = "Run the same command again, or `reseen read`, when it answers."
_READING = 8
"""Leases of readings, over those of listings, before listings wait for readings."""


def scan(
    store: Store,
    keyring: Keyring | None,
    open_hub: Callable[[], Hub],
    target: Target,
    options: Options,
    *,
    pace: Pace = USUAL,
    listener: Listener = NOBODY,
) -> Outcome:
    """Walk in an event loop of its own, to the end or to the first Ctrl-C (SIGTERM likewise).
    Raises HubError when the target itself cannot be listed, and StoreError.
    """

    async def whole() -> Outcome:
        hub = open_hub()
        context = ScanContext(store, keyring, hub, target, options, pace, listener)
        try:
            with on_signals(context.stop):
                return await walk(context)
        finally:
            await hub.close()

    with memory_for_threads():
        return asyncio.run(whole())


async def walk(context: ScanContext) -> Outcome:
    """As `scan`, inside a running loop. Set `context.stop` to stop it in order."""
    return await _Walk(context).run()


@dataclass(frozen=True, slots=True, order=True)
class _Reading:
    """Files of a repository that wait to be read."""

    priority: int
    number: int
    ready: Ready = field(compare=False)
    files: CommitFiles | None = field(compare=False, default=None)
    """As listed a moment ago, and what they were matched with."""
    index: Index | None = field(compare=False, default=None)


class _Walk:
    """One process's walk of one scan."""

    def __init__(self, context: ScanContext) -> None:
        self._hub, self._pace = context.hub, context.pace
        self._listener, self._stop = context.listener, context.stop
        self._stopped: str | None = None
        self._failure: BaseException | None = None
        self._parts = priorities.listings(context.target)
        self._outage = HubOutage(self._pace.patience, self._pace.backoff)
        self._storage = StorageOutage()
        self._pages = Pages(self._hub, self._parts, self._outage, self._pace.backoff)
        self._session = ScanSession(context)
        self._full = self._pace.workers * self._pace.ahead
        """Leases of one kind that are held at once."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reseen-store")
        self._work: asyncio.PriorityQueue[tuple[int, int, Ready]] = asyncio.PriorityQueue()
        self._readings: asyncio.PriorityQueue[_Reading] = asyncio.PriorityQueue()
        self._came: asyncio.Queue[Came] = asyncio.Queue(self._pace.workers * 4)
        self._wake = asyncio.Event()
        self._more_parts = asyncio.Event()
        self._page_stored = asyncio.Event()
        self._listing = True
        self._held = 0
        """Leases that are ours and whose outcome is not stored."""
        self._reading = 0
        """Those among them whose files are read, or wait for it."""
        self._refused: set[int] = set()
        """Repositories, by pk, whose files may not be read."""
        self._new = self._visits = 0
        self._began = time.monotonic()

    async def run(self) -> Outcome:
        try:
            parts = len(self._parts)
            await self._in_store(lambda: self._session.begin(parts))
            tasks = [
                asyncio.create_task(each)
                for each in (
                    self._list(),
                    asyncio.to_thread(self._session.survey),
                    self._tell(),
                    self._wait_for_stop(),
                    *(self._visits_on() for _ in range(self._pace.workers)),
                    *(self._reads_on() for _ in range(self._pace.workers)),
                )
            ]
            for task in tasks:
                task.add_done_callback(self._task_ended)
            try:
                ended = await self._write_on()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            came = self._drain()
            self._after(await self._in_store(lambda: self._session.commit(came, Wanted())))
            stopped = self._stopped
            outcome = await self._in_store(lambda: self._session.finish(ended, stopped))
        finally:
            self._thread.shutdown(wait=True)
        if self._failure is not None:
            raise self._failure
        if self._listener.report:
            self._listener.report(self._progress())
        return outcome

    async def _in_store(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    # -- the writer ------------------------------------------------------------------------------

    async def _write_on(self) -> bool:
        """Until nothing is left (True) or we are stopped (False)."""
        while True:
            if self._failure is not None:
                return False
            if self._stop.is_set():
                self._stopped = self._stopped or STOPPED
            if self._stopped:
                return False
            came = self._drain()
            settled = sum(map(settles, came))
            want = self._room(settled)
            # A full house needs no transaction; neither do a few free seats.
            if came or max(want.looks, want.reads) > self._full // 4:
                batch = await self._in_store(partial(self._session.commit, came, want))
                self._held += len(batch.ready) - settled
                self._after(batch)
                for ready in batch.ready:
                    self._hand_out(ready)
                if any(isinstance(each, Listed | Owing | Ordering) for each in came):
                    self._page_stored.set()
                if not came and not self._held and not self._listing:
                    last = await self._in_store(self._session.end_if_empty)
                    self._after(last)
                    if last.ended:
                        return True
            await self._pause()

    def _room(self, settled: int) -> Wanted:
        """How much more to lease. Reading has room of its own: where it is slow, or the files'
        host is away, listings go on."""
        looks = self._full - (self._held - settled - self._reading)
        if self._reading > self._full * _READING:
            looks = 0
        return Wanted(max(0, looks), max(0, self._full - self._reading))

    def _hand_out(self, ready: Ready) -> None:
        priority, number = ready.lease.priority, ready.lease.pk
        if ready.lease.task is Task.REINSPECT:
            self._reading += 1
            self._readings.put_nowait(_Reading(priority, number, ready))
        else:
            self._work.put_nowait((priority, number, ready))

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self._pace.idle)
        self._wake.clear()
        full = self._work.qsize() > self._pace.workers
        await asyncio.sleep(self._pace.turn if full else self._pace.turn / 10)

    def _drain(self) -> list[Came]:
        came: list[Came] = []
        while not self._came.empty():
            came.append(self._came.get_nowait())
        return came

    def _after(self, batch: Batch) -> None:
        self._new += len(batch.found)
        if batch.new_parts:
            self._listing = True
            self._more_parts.set()
        if self._listener.found:
            for sighting in batch.found:
                self._listener.found(sighting)

    async def _put(self, result: Came) -> None:
        await self._came.put(result)
        self._wake.set()

    # -- the lister ------------------------------------------------------------------------------

    async def _list(self) -> None:
        while True:
            self._more_parts.clear()
            part, left = await self._in_store(self._session.lease_part)
            if part is None:
                self._listing = left > 0
                self._wake.set()
                with contextlib.suppress(TimeoutError):
                    patience = self._pace.idle if left else None
                    await asyncio.wait_for(self._more_parts.wait(), patience)
                continue
            self._listing = True
            page: Came
            if part.owed:
                page = await self._in_store(partial(self._session.owing, part))
            elif part.orders:
                page = await asyncio.to_thread(self._session.ordering, part)
            else:
                page = await self._pages.page(part)
            self._page_stored.clear()
            await self._put(page)
            await self._page_stored.wait()

    # -- the workers -----------------------------------------------------------------------------

    async def _visits_on(self) -> None:
        """Ask for listings."""
        while True:
            _, _, ready = await self._work.get()
            came = await self._answer(ready, self._look(ready))
            if came is not None:
                await self._put(came)
                self._visits += 1

    async def _reads_on(self) -> None:
        """Read what is to be read of files that are listed."""
        while True:
            reading = await self._readings.get()
            came = await self._answer(reading.ready, self._read(reading))
            self._reading -= 1
            assert came is not None
            await self._put(came)
            self._visits += 1

    async def _answer(self, ready: Ready, asking: Awaitable[Came | None]) -> Came | None:
        """What came of asking, whatever came; None when it goes on as a reading."""
        started = time.monotonic()
        lease = ready.lease
        try:
            with bulkhead():
                came = await asking
        except HubMissing:
            came = Passed(lease, priorities.GONE)
        except HubDisabled:
            came = Passed(lease, priorities.DISABLED)
        except HubHidden:
            came = Passed(lease, priorities.HIDDEN)
        except HubAuth:
            came = Passed(lease, priorities.NO_ACCESS)
        except HubBusy as e:
            return await self._unanswered(lease, started, e)
        except (HubError, Unforeseen) as e:
            came = self._failed(lease, e)
        if isinstance(came, Visited) and not came.visit.complete:
            return await self._broken_off(came, started)
        self._outage.answered()
        return came

    async def _look(self, ready: Ready) -> Came | None:
        """Ask for a repository's refs, or for a commit's files. Where some of these are to be read,
        what is known of them by then is stored first."""
        lease = ready.lease
        if lease.task is Task.REFS:
            return Referred(lease, await self._hub.revisions(lease.type, lease.repo))
        index = self._session.index
        context = self._context(ready, index)
        revision = Revision(lease.ref, lease.commit)
        files = await list_commit(context, ready.repository, revision)
        if not files.wanted:
            return Visited(ready, await examine(context, files), index.version)
        if files.matched:
            await self._put(Visited(ready, declared(context, files), index.version))
        self._reading += 1
        self._readings.put_nowait(_Reading(lease.priority, lease.pk, ready, files, index))
        return None

    async def _read(self, reading: _Reading) -> Came:
        ready = reading.ready
        index = reading.index or self._session.index
        context = self._context(ready, index)
        if reading.files is not None:
            found = await examine(context, reading.files)
        else:
            owing = (ready.artifacts, ready.sets, ready.beside)
            found = await reinspect(context, ready.repository, *owing)
        if found.refused:
            self._refused.add(ready.lease.repository_pk)
        return Visited(ready, found, index.version)

    def _context(self, ready: Ready, index: Index) -> ReadContext:
        options, allowance = ready.options, self._session.allowance
        context = reading_context(
            self._hub, index.known, options, allowance, ready.before, self._storage
        )
        context = replace(context, bases=self._session.bases)
        context.budget.refused = ready.lease.repository_pk in self._refused
        return context

    async def _broken_off(self, broken: Visited, started: float) -> Came:
        """A visit in which something was not answered: stored as far as it got, and tried again;
        but not its files, once it is clear that their host is away."""
        why = HubBusy("the hub broke off", remedy=GO_ON)
        lease, visited = broken.lease, broken.visit
        if await self._outage.since(started, lambda: self._probe(lease)):
            await self._put(broken)
            return Untouched(lease)
        if visited.unanswered and visited.listing_complete:
            self._storage.failed((lease.repository_pk, path) for path in visited.unanswered)
            reason = STORAGE_AWAY if self._storage.now else None
            if reason and not self._storage.told:
                self._storage.told = True
                await self._put(Noticed(Problem(self._hub.name, reason, READ_LATER)))
            if reason is None and lease.attempts + 1 >= MAX_ATTEMPTS:
                reason = UNANSWERED
            if reason is not None:
                return Visited(broken.ready, without(visited, reason), broken.version)
        await self._put(broken)
        return self._failed(lease, why)

    async def _unanswered(self, lease: Lease, started: float, error: HubError) -> Came:
        if await self._outage.since(started, lambda: self._probe(lease)):
            return Untouched(lease)
        return self._failed(lease, error)

    def _failed(self, lease: Lease, error: ReseenError) -> Failed:
        return Failed(lease, Problem(f"{self._hub.name}/{lease.repo}", str(error), error.remedy))

    async def _probe(self, lease: Lease) -> None:
        """Something that a hub which is there answers, and that costs little."""
        if not self._hub.abilities.lists:
            await self._hub.repository(lease.type, lease.repo)
            return
        wanted = WantedRepositories(lease.type, account_of(lease.repo))
        await self._hub.list_repositories(wanted, None)

    # -- what is said, and stopping --------------------------------------------------------------

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        if isinstance(task.exception(), HubAway):
            how = f" as needed: {away}" if (away := str(task.exception())) else ""
            self._stopped = f"The hub {self._hub.name} does not answer{how}."
        else:
            self._failure = self._failure or task.exception()
        self._wake.set()

    async def _wait_for_stop(self) -> None:
        await self._stop.wait()
        self._wake.set()

    async def _tell(self) -> None:
        while self._listener.report is not None:
            self._listener.report(self._progress())
            await asyncio.sleep(self._pace.every)

    def _progress(self) -> Progress:
        usage, coverage = self._hub.usage, self._session.coverage
        waiting = self._session.waiting + self._held
        eta = None
        if not self._listing and self._visits:
            eta = waiting * (time.monotonic() - self._began) / self._visits
        return Progress(
            listed=coverage.listed,
            listing=self._listing,
            waiting=waiting,
            walked=coverage.walked,
            unchanged=coverage.unchanged,
            sightings=self._session.sightings + self._new,
            requests=usage.requests,
            quota_left=dict(usage.quota_left),
            remarks=tuple(usage.remarks),
            bytes_read=usage.bytes_read,
            away=self._outage.now,
            eta=eta,
        )
