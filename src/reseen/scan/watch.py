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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select

from reseen.hubs.hub import Hub
from reseen.observed import known_commits, sightings
from reseen.records import Sighting
from reseen.scan.context import ScanContext
from reseen.scan.lookback import record_past
from reseen.scan.pace import USUAL, Pace
from reseen.scan.progress import Report
from reseen.scan.recheck import Change, revisit
from reseen.scan.stopping import on_signals
from reseen.scan.target import Options, Target
from reseen.scan.walk import walk
from reseen.store.database import Store, now, upsert
from reseen.store.schema import repositories, watermarks
from reseen.store.sealing import Keyring

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rhythm:
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


EVERY_MINUTE = Rhythm()


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


def watch(
    store: Store,
    keyring: Keyring | None,
    open_hub: Callable[[], Hub],
    target: Target,
    options: Options,
    found: Callable[[Finding], None],
    *,
    rhythm: Rhythm = EVERY_MINUTE,
    pace: Pace = USUAL,
    report: Report | None = None,
    rounds: Callable[[Round], None] | None = None,
) -> None:
    """Watch in an event loop of its own until Ctrl-C or SIGTERM.

    `target.since` is where the first round of all begins. Raises HubError when the target cannot be
    listed, and StoreError.
    """

    async def whole() -> None:
        stop = asyncio.Event()
        hub = open_hub()
        try:
            with on_signals(stop):
                await watching(
                    store,
                    keyring,
                    hub,
                    target,
                    options,
                    found,
                    rhythm=rhythm,
                    pace=pace,
                    report=report,
                    rounds=rounds,
                    stop=stop,
                )
        finally:
            await hub.close()

    asyncio.run(whole())


async def watching(
    store: Store,
    keyring: Keyring | None,
    hub: Hub,
    target: Target,
    options: Options,
    found: Callable[[Finding], None],
    *,
    rhythm: Rhythm = EVERY_MINUTE,
    pace: Pace = USUAL,
    report: Report | None = None,
    rounds: Callable[[Round], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """As `watch`, inside a running loop, until `stop` is set."""
    state = _Watch(store, keyring, hub, target, options, found, rhythm, pace)
    await state.run(stop or asyncio.Event(), report, rounds)


class _Watch:
    """One process's watch over one hub."""

    def __init__(
        self,
        store: Store,
        keyring: Keyring | None,
        hub: Hub,
        target: Target,
        options: Options,
        found: Callable[[Finding], None],
        rhythm: Rhythm,
        pace: Pace,
    ) -> None:
        self._store, self._keyring, self._hub = store, keyring, hub
        self._target, self._options, self._found = target, options, found
        self._rhythm, self._pace = rhythm, pace
        self._key = replace(target, since=None).key
        self._registry: tuple[int | None, ...] = ()
        self._began = 0
        """When this round began, in microseconds."""

    async def run(
        self, stop: asyncio.Event, report: Report | None, rounds: Callable[[Round], None] | None
    ) -> None:
        loop = asyncio.get_running_loop()
        recheck_at = time.monotonic() + self._rhythm.recheck
        with ThreadPoolExecutor(1, thread_name_prefix="reseen-store") as thread:
            while not stop.is_set():
                for sighting in await loop.run_in_executor(thread, self._past):
                    self._found(sighting)
                since = await loop.run_in_executor(thread, self._mark)
                outcome = await walk(
                    ScanContext(
                        self._store,
                        self._keyring,
                        self._hub,
                        replace(self._target, since=since),
                        replace(self._options, again=False),
                        pace=self._pace,
                        report=report,
                        found=self._found,
                        stop=stop,
                    )
                )
                if outcome.ended:
                    await loop.run_in_executor(thread, self._move_mark, since)
                if rounds:
                    rounds(Round(since, outcome.coverage.walked, outcome.ended))
                if not stop.is_set() and time.monotonic() >= recheck_at:
                    most, told = self._rhythm.rechecked, self._found
                    await revisit(self._store, self._hub, most=most, told=told, stop=stop)
                    recheck_at = time.monotonic() + self._rhythm.recheck
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._rhythm.round)

    def _past(self) -> list[Sighting]:
        """What the registry learned since the last round, against everything stored."""
        with self._store.read() as connection:
            state = known_commits.registry_state(connection)
        if state == self._registry:
            return []
        with self._store.write() as connection:
            new = record_past(connection, self._store.secret)
            found = [sightings.by_id(connection, id) for id, _ in new]
        self._registry = state
        return found

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
                first = self._target.since or datetime.now(UTC) - self._rhythm.first
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
                overlap = self._rhythm.overlap // timedelta(microseconds=1)
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
