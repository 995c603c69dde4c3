"""A hub is asked by hash: what it says becomes artifacts and sightings, as what a list says does.

What comes in: a hub, the digests of each question. What goes out: rows, and an account. It promises
that what a hub said before it broke off is kept; that a sighting whose digest the hub has nowhere
any more is missed, and gone after two such answers, as after two rechecks; and that no answer puts
anything above the rung `declared`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from reseen.errors import HubError
from reseen.files.system_limits import memory_for_threads
from reseen.hubs.hub import AskableHub, ByHash, Hub, askable
from reseen.match.registry_index import RegistryIndex
from reseen.observed import sightings
from reseen.records import Problem, Sighting, SightingState
from reseen.scan.record import record
from reseen.scan.stopping import on_signals, on_word, until
from reseen.scan.visit import stated
from reseen.store.database import Store
from reseen.store.sealing import Keyring

MOST_PROBLEMS = 1_000
"""That are told one by one."""
MOST_ELSEWHERE = 100_000
"""Addresses at other places that are kept of one locator's answers."""

Questions = Iterable[Sequence[bytes]]
"""The digests of each question, made just before it is put: whoever makes them records that."""


@dataclass(slots=True)
class AskedByHash:
    """What came of asking a hub by hash."""

    asked: int = 0
    """Digests that the hub answered for."""
    there: int = 0
    """Those of them that stand there, by its word."""
    repositories: int = 0
    files: int = 0
    requests: int = 0
    found: list[Sighting] = field(default_factory=list)
    """New."""
    missed: int = 0
    """Sightings there of which the hub says now that it has no such file."""
    gone: list[Sighting] = field(default_factory=list)
    """Those of them that are gone by that."""
    problems: list[Problem] = field(default_factory=list)
    elsewhere: dict[str, None] = field(default_factory=dict)
    """Addresses at other places where a locator says that copies stand, each once."""
    error: HubError | None = None
    """Why the rest was not asked."""
    stopped: bool = False


Report = Callable[[AskedByHash], None]


def ask(
    store: Store,
    keyring: Keyring | None,
    open_hub: Callable[[], Hub],
    questions: Questions,
    report: Report | None = None,
    ending: threading.Event | None = None,
) -> AskedByHash:
    """Put these questions to a hub, one after the other, in an event loop of its own; Ctrl-C stops
    it in order. `report` is told after each part of an answer. `ending`: work of a service, which
    another thread stops by setting it. Raises HubMissing for a hub that cannot be asked."""

    async def whole() -> AskedByHash:
        stop = asyncio.Event()
        hub = open_hub()
        try:
            asking = _Asking(store, keyring, askable(hub), report)
            with on_signals(stop) if ending is None else on_word(ending, stop):
                await asking.put(questions, stop)
            asking.came.requests = hub.usage.requests
            return asking.came
        finally:
            await hub.close()

    # The memory of a service is bounded for all that it does, not for this.
    with memory_for_threads() if ending is None else nullcontext():
        return asyncio.run(whole())


class _Asking:
    """One hub is asked."""

    def __init__(
        self, store: Store, keyring: Keyring | None, hub: AskableHub, report: Report | None
    ) -> None:
        self._store, self._hub, self._report = store, hub, report
        with store.read() as connection:
            self._known = RegistryIndex.load(connection, keyring)
        self.came = AskedByHash()

    async def put(self, questions: Questions, stop: asyncio.Event) -> None:
        """All questions, until one is not answered or we are stopped."""
        for digests in questions:
            if not digests:
                continue
            try:
                self.came.stopped = await until(stop, [self._put_one(digests)])
            except HubError as e:
                self.came.error = e
                return
            if self.came.stopped or stop.is_set():  # the next one is not even made
                self.came.stopped = True
                return

    async def _put_one(self, digests: Sequence[bytes]) -> None:
        parts = self._hub.ask(digests)
        absent = 0
        try:
            async for part in parts:
                self._take(part)
                absent += len(part.absent)
                self.came.requests = self._hub.usage.requests
                if self._report:
                    self._report(self.came)
        finally:
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()
        self.came.asked += len(digests)
        self.came.there += len(digests) - absent

    def _take(self, part: ByHash) -> None:
        """One part of an answer, in one transaction."""
        came, hub = self.came, self._hub.name
        with self._store.write() as connection:
            self._known = self._known.followed(connection)
            for repository, files in part.found:
                visit = stated(self._known, repository, files)
                came.problems += visit.problems
                came.files += len(visit.seen)
                came.found += [
                    sightings.by_id(connection, id) for id in record(connection, visit).new
                ]
            for id in sightings.standing_with(connection, hub, part.absent):
                came.missed += 1
                if sightings.answered(connection, id, SightingState.GONE) is SightingState.GONE:
                    came.gone.append(sightings.by_id(connection, id))
        came.repositories += len(part.found)
        came.elsewhere |= dict.fromkeys(part.elsewhere)
        while len(came.elsewhere) > MOST_ELSEWHERE:
            came.elsewhere.popitem()
        came.problems += part.problems
        del came.problems[MOST_PROBLEMS:]
