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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from reseen.errors import HubAuth, HubBusy, HubDisabled, HubError, HubMissing
from reseen.hubs.hub import Hub, Revision, Wanted
from reseen.records import Problem, account_of
from reseen.scan import agenda
from reseen.scan.away import Away, HubAway
from reseen.scan.desk import Desk
from reseen.scan.frontier import Lease, Task
from reseen.scan.pages import Pages
from reseen.scan.progress import Found, Outcome, Progress, Report
from reseen.scan.stopping import on_signals
from reseen.scan.target import Options, Target
from reseen.scan.turn import (
    Failed,
    Listed,
    Passed,
    Ready,
    Referred,
    Turn,
    Untouched,
    Visited,
    settles,
)
from reseen.scan.turn import Outcome as Came
from reseen.scan.visit import Visit, look, visit
from reseen.store.database import Store
from reseen.store.sealing import Keyring

T = TypeVar("T")

GO_ON = "Run the same command again: it goes on where it was."
STOPPED = "It was stopped."


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard to walk."""

    workers: int = 32
    """Visits at the same time."""
    ahead: int = 6
    """Leases held for each worker, so that none waits for the store."""
    turn: float = 0.2
    """Seconds between transactions, at least, while the workers have work."""
    idle: float = 0.5
    """Seconds between looks at the store when all that is left is held by others."""
    patience: float = 900.0
    """Seconds that a hub may stay away before we stop."""
    backoff: float = 2.0
    """Seconds before the first attempt to find it back; doubles up to a minute."""
    every: float = 0.5
    """Seconds between reports."""


USUAL = Pace()


def scan(
    store: Store,
    keyring: Keyring | None,
    open_hub: Callable[[], Hub],
    target: Target,
    options: Options,
    *,
    pace: Pace = USUAL,
    report: Report | None = None,
    found: Found | None = None,
) -> Outcome:
    """Walk in an event loop of its own, to the end or to the first Ctrl-C (SIGTERM likewise).

    `report` is called about twice a second; `found` with every new sighting, once it is stored.
    Raises HubError when the target itself cannot be listed, and StoreError.
    """

    async def whole() -> Outcome:
        stop = asyncio.Event()
        hub = open_hub()
        try:
            with on_signals(stop):
                return await walk(
                    store,
                    keyring,
                    hub,
                    target,
                    options,
                    pace=pace,
                    report=report,
                    found=found,
                    stop=stop,
                )
        finally:
            await hub.close()

    return asyncio.run(whole())


async def walk(
    store: Store,
    keyring: Keyring | None,
    hub: Hub,
    target: Target,
    options: Options,
    *,
    pace: Pace = USUAL,
    report: Report | None = None,
    found: Found | None = None,
    stop: asyncio.Event | None = None,
) -> Outcome:
    """As `scan`, inside a running loop. Set `stop` to stop it in order."""
    state = _Walk(store, keyring, hub, target, options, pace, report, found, stop)
    return await state.run()


class _Walk:
    """One process's walk of one scan."""

    def __init__(
        self,
        store: Store,
        keyring: Keyring | None,
        hub: Hub,
        target: Target,
        options: Options,
        pace: Pace,
        report: Report | None,
        found: Found | None,
        stop: asyncio.Event | None,
    ) -> None:
        self._hub, self._target, self._options, self._pace = hub, target, options, pace
        self._report, self._found = report, found
        self._stop = stop or asyncio.Event()
        self._stopped: str | None = None
        self._failure: BaseException | None = None
        self._parts = agenda.listings(target)
        self._away = Away(pace.patience, pace.backoff)
        self._pages = Pages(hub, self._parts, self._away, pace.backoff)
        self._desk = Desk(store, keyring, hub)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reseen-store")
        self._work: asyncio.PriorityQueue[tuple[int, int, Ready]] = asyncio.PriorityQueue()
        self._came: asyncio.Queue[Came] = asyncio.Queue(pace.workers * 4)
        self._wake = asyncio.Event()
        self._more_parts = asyncio.Event()
        self._page_stored = asyncio.Event()
        self._listing = True
        self._held = 0
        """Leases that are ours and whose outcome is not stored."""
        self._new = self._visits = 0
        self._began = time.monotonic()

    async def run(self) -> Outcome:
        try:
            parts = len(self._parts)
            await self._in_store(lambda: self._desk.begin(self._target, self._options, parts))
            tasks = [
                asyncio.create_task(each)
                for each in (
                    self._list(),
                    self._tell(),
                    self._wait_for_stop(),
                    *(self._visits_on() for _ in range(self._pace.workers)),
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
            self._after(await self._in_store(lambda: self._desk.take(came, 0)))
            stopped = self._stopped
            outcome = await self._in_store(lambda: self._desk.finish(ended, stopped))
        finally:
            self._thread.shutdown(wait=True)
        if self._failure is not None:
            raise self._failure
        if self._report:
            self._report(self._progress())
        return outcome

    async def _in_store(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    # -- the writer ------------------------------------------------------------------------------

    async def _write_on(self) -> bool:
        """Until nothing is left (True) or we are stopped (False)."""
        room = self._pace.workers * self._pace.ahead
        while True:
            if self._failure is not None:
                return False
            if self._stop.is_set():
                self._stopped = self._stopped or STOPPED
            if self._stopped:
                return False
            came = self._drain()
            settled = sum(map(settles, came))
            want = room - (self._held - settled)
            # A full house needs no transaction; neither do a few free seats.
            if came or want > room // 4:
                turn = await self._in_store(partial(self._desk.take, came, want))
                self._held += len(turn.ready) - settled
                self._after(turn)
                for ready in turn.ready:
                    self._work.put_nowait((ready.lease.priority, ready.lease.pk, ready))
                if any(isinstance(each, Listed) for each in came):
                    self._page_stored.set()
                if not came and not self._held and not self._listing:
                    last = await self._in_store(self._desk.end_if_empty)
                    self._after(last)
                    if last.ended:
                        return True
            await self._pause()

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

    def _after(self, turn: Turn) -> None:
        self._new += len(turn.found)
        for learned in turn.learned:
            self._desk.known.learn(learned.removal, learned.fingerprint)
        if turn.new_parts:
            self._listing = True
            self._more_parts.set()
        if self._found:
            for sighting in turn.found:
                self._found(sighting)

    async def _put(self, came: Came) -> None:
        await self._came.put(came)
        self._wake.set()

    # -- the lister ------------------------------------------------------------------------------

    async def _list(self) -> None:
        while True:
            self._more_parts.clear()
            part, left = await self._in_store(self._desk.lease_part)
            if part is None:
                self._listing = left > 0
                self._wake.set()
                with contextlib.suppress(TimeoutError):
                    patience = self._pace.idle if left else None
                    await asyncio.wait_for(self._more_parts.wait(), patience)
                continue
            self._listing = True
            listed = await self._pages.page(part)
            self._page_stored.clear()
            await self._put(listed)
            await self._page_stored.wait()

    # -- the workers -----------------------------------------------------------------------------

    async def _visits_on(self) -> None:
        while True:
            _, _, ready = await self._work.get()
            for came in await self._visit(ready):
                await self._put(came)
            self._visits += 1

    async def _visit(self, ready: Ready) -> tuple[Came, ...]:
        started = time.monotonic()
        lease = ready.lease
        came: Came
        try:
            if lease.task is Task.REFS:
                came = Referred(lease, await self._hub.revisions(lease.type, lease.repo))
            else:
                seen = await self._look(ready)
                came = Visited(lease, seen)
                if not seen.complete:
                    why = HubBusy("the hub broke off", remedy=GO_ON)
                    return came, await self._unanswered(lease, started, why)
        except HubMissing:
            came = Passed(lease, agenda.GONE)
        except HubDisabled:
            came = Passed(lease, agenda.DISABLED)
        except HubAuth:
            came = Passed(lease, agenda.NO_ACCESS)
        except HubBusy as e:
            return (await self._unanswered(lease, started, e),)
        except HubError as e:
            came = self._failed(lease, e)
        self._away.answered()
        return (came,)

    async def _look(self, ready: Ready) -> Visit:
        hub, repository, options = self._hub, ready.repository, self._options
        known, allowance = self._desk.known, self._desk.allowance
        if ready.artifact is not None:
            return await look(hub, repository, ready.artifact, known, options, allowance)
        revision = Revision(ready.lease.ref, ready.lease.commit)
        return await visit(
            hub,
            repository,
            revision,
            known,
            options,
            read_before=ready.read_before,
            weighed=ready.weighed,
            allowance=allowance,
        )

    async def _unanswered(self, lease: Lease, started: float, error: HubError) -> Came:
        if await self._away.since(started, lambda: self._probe(lease)):
            return Untouched(lease)
        return self._failed(lease, error)

    def _failed(self, lease: Lease, error: HubError) -> Failed:
        return Failed(lease, Problem(f"{self._hub.name}/{lease.repo}", str(error), error.remedy))

    async def _probe(self, lease: Lease) -> None:
        """Something that a hub which is there answers, and that costs little."""
        if not self._hub.abilities.lists:
            await self._hub.repository(lease.type, lease.repo)
            return
        await self._hub.list_repositories(Wanted(lease.type, account_of(lease.repo)), None)

    # -- what is said, and stopping --------------------------------------------------------------

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        if isinstance(task.exception(), HubAway):
            self._stopped = f"The hub {self._hub.name} does not answer."
        else:
            self._failure = self._failure or task.exception()
        self._wake.set()

    async def _wait_for_stop(self) -> None:
        await self._stop.wait()
        self._wake.set()

    async def _tell(self) -> None:
        while self._report is not None:
            self._report(self._progress())
            await asyncio.sleep(self._pace.every)

    def _progress(self) -> Progress:
        usage, coverage = self._hub.usage, self._desk.coverage
        waiting = self._desk.waiting + self._held
        eta = None
        if not self._listing and self._visits:
            eta = waiting * (time.monotonic() - self._began) / self._visits
        return Progress(
            listed=coverage.listed,
            listing=self._listing,
            waiting=waiting,
            walked=coverage.walked,
            unchanged=coverage.unchanged,
            sightings=self._desk.sightings + self._new,
            requests=usage.requests,
            quota_left=dict(usage.quota_left),
            bytes_read=usage.bytes_read,
            away=self._away.now,
            eta=eta,
        )
