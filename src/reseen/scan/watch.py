"""Keeps going: what is new or changed since the last mark, and whether known sightings still stand.

What comes in: a store, a hub, what to watch. What goes out: findings, one by one, until stopped.
A round is a scan of what changed since the mark; the mark moves when the round has ended, to the
newest change that the hub told of, so that a killed watch misses nothing. Each round lists a little
that is older than its mark: a hub's listing lags, and what is known costs no more than its page.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select

from reseen.files.system_limits import memory_for_threads
from reseen.hubs.hub import Hub
from reseen.records import Sighting
from reseen.scan import owed
from reseen.scan.context import ScanContext
from reseen.scan.pace import USUAL, Pace
from reseen.scan.progress import Listener, Outcome
from reseen.scan.recheck import GONE_AFTER, Change, revisit
from reseen.scan.stopping import on_signals
from reseen.scan.target import Options, Target
from reseen.scan.walk import walk
from reseen.store import change_log
from reseen.store.database import Store, now, upsert
from reseen.store.schema import repositories, watermarks
from reseen.store.sealing import Keyring

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class WatchIntervals:
    """How often to look."""

    round: float = 60.0
    """Seconds from the end of a round to the next."""
    recheck: float = 6 * 3600.0
    """Seconds between rechecks of known sightings."""
    rechecked: int = 1000
    """Sightings of one recheck, the longest unseen first."""
    first: timedelta = timedelta(days=1)
    """How far back the first round of all looks."""
    overlap: timedelta = timedelta(hours=1)
    """How far before its mark a round begins."""


EVERY_MINUTE = WatchIntervals()


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: for whoever shows that the watch is alive."""

    since: datetime
    """Changes from this instant on were looked at."""
    walked: int
    """Repositories whose files were listed."""
    ended: bool
    """False: the hub stayed away; the next round begins at the same instant."""


Finding = Sighting | Change
"""A new sighting, or a known one whose state is another."""


@dataclass(frozen=True, slots=True)
class WatchContext:
    """One watch: what it looks at, how far it goes, and whom it tells."""

    store: Store
    keyring: Keyring | None
    target: Target
    """Its `since` is where the first round of all begins."""
    options: Options
    found: Callable[[Finding], None]
    intervals: WatchIntervals = EVERY_MINUTE
    pace: Pace = USUAL
    before: Callable[[], Iterable[Sighting]] | None = None
    """Called before each round, in a thread: what the registry learned since, matched against all
    that was seen; the sightings that are new by that."""
    rounds: Callable[[Round], None] | None = None
    """Called after each round."""
    walked: Callable[[Outcome, Target], None] | None = None
    """Called after each walk: a round's own, or one that reads what is owed."""
    gone_after: timedelta = GONE_AFTER
    """How long strangers must be refused before that means gone."""


def watch(context: WatchContext, open_hub: Callable[[], Hub]) -> None:
    """Watch in an event loop of its own until Ctrl-C or SIGTERM. Raises HubError when the target
    cannot be listed, and StoreError."""

    async def whole() -> None:
        stop = asyncio.Event()
        hub = open_hub()
        try:
            with on_signals(stop):
                await watching(context, hub, stop)
        finally:
            await hub.close()

    with memory_for_threads():
        asyncio.run(whole())


async def watching(context: WatchContext, hub: Hub, stop: asyncio.Event) -> None:
    """As `watch`, inside a running loop, until `stop` is set."""
    await _Watch(context, hub, stop).run()


async def one_round(
    context: WatchContext, hub: Hub, stop: asyncio.Event, listener: Listener
) -> Outcome:
    """One round inside a running loop, from the mark that a watch or an earlier round of the same
    target left; what it came to."""
    _, outcome = await _Watch(context, hub, stop).round(None, listener)
    return outcome


class _Watch:
    """One process's watch over one hub."""

    def __init__(self, context: WatchContext, hub: Hub, stop: asyncio.Event) -> None:
        self._context, self._hub, self._stop = context, hub, stop
        self._store = context.store
        self._key = replace(context.target, since=None).key
        self._version = -1
        """The registry's last change of which all that is owed was read."""
        self._began = 0
        """When this round began, in microseconds."""

    async def run(self) -> None:
        context, stop = self._context, self._stop
        loop = asyncio.get_running_loop()
        recheck_at = time.monotonic() + context.intervals.recheck
        told = Listener(found=context.found)
        with ThreadPoolExecutor(1, thread_name_prefix="reseen-store") as thread:
            while not stop.is_set():
                if context.before is not None:
                    for sighting in await loop.run_in_executor(thread, context.before):
                        context.found(sighting)
                if await loop.run_in_executor(thread, self._owes):
                    await self._walk(owed.EVERYTHING, owed.AS_ASKED, told)
                since, outcome = await self.round(thread, told)
                if context.rounds:
                    context.rounds(Round(since, outcome.coverage.walked, outcome.ended))
                if not stop.is_set() and time.monotonic() >= recheck_at:
                    await revisit(
                        self._store,
                        self._hub,
                        most=context.intervals.rechecked,
                        on_change=context.found,
                        stop=stop,
                        gone_after=context.gone_after,
                    )
                    recheck_at = time.monotonic() + context.intervals.recheck
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), context.intervals.round)

    async def round(self, thread: Executor | None, listener: Listener) -> tuple[datetime, Outcome]:
        """What changed since the mark, which moves when all of it was looked at."""
        loop, context = asyncio.get_running_loop(), self._context
        since = await loop.run_in_executor(thread, self._mark)
        target = replace(context.target, since=since)
        outcome = await self._walk(target, replace(context.options, again=False), listener)
        if outcome.ended:
            await loop.run_in_executor(thread, self._move_mark, since)
        return since, outcome

    async def _walk(self, target: Target, options: Options, listener: Listener) -> Outcome:
        context = self._context
        outcome = await walk(
            ScanContext(
                context.store,
                context.keyring,
                self._hub,
                target,
                options,
                pace=context.pace,
                listener=listener,
                stop=self._stop,
            )
        )
        if context.walked:
            context.walked(outcome, target)
        return outcome

    def _owes(self) -> bool:
        """Whether the registry changed since the last round, and something is owed by that. What
        could not be read is not tried in every round."""
        with self._store.read() as connection:
            latest = change_log.latest(connection)
            changed, self._version = latest != self._version, latest
            return changed and owed.is_owed(connection, self._hub.name)

    def _mark(self) -> datetime:
        """Where this round begins. Kept at once: a killed round begins there again."""
        self._began = now()
        with self._store.write() as connection:
            at = connection.execute(
                select(watermarks.c.at).where(
                    watermarks.c.hub == self._hub.name, watermarks.c.target == self._key
                )
            ).scalar()
            if at is None:
                first = (
                    self._context.target.since or datetime.now(UTC) - self._context.intervals.first
                )
                at = (first - _EPOCH) // timedelta(microseconds=1)
                self._set(connection, at)
        return _EPOCH + timedelta(microseconds=at)

    def _move_mark(self, since: datetime) -> None:
        """To the newest change that the hub told of, less the overlap; never beyond the round's
        beginning (another scan can know more, and a hub's clock can be wrong) and never back."""
        with self._store.write() as connection:
            newest = connection.execute(
                select(func.max(repositories.c.modified_at)).where(
                    repositories.c.hub == self._hub.name,
                    repositories.c.modified_at <= self._began,
                )
            ).scalar()
            if newest is not None:
                overlap = self._context.intervals.overlap // timedelta(microseconds=1)
                before = (since - _EPOCH) // timedelta(microseconds=1)
                self._set(connection, max(before, newest - overlap))

    def _set(self, connection: Connection, at: int) -> None:
        upsert(
            connection,
            watermarks,
            [{"hub": self._hub.name, "target": self._key, "at": at}],
            key=("hub", "target"),
            update=("at",),
        )
