"""Stopping in order: signals, or another thread's word, become an event, and an event ends what is
under way."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Coroutine, Iterable, Iterator


@contextlib.contextmanager
def on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM set `stop`, once; a second one interrupts as usual."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    terminated = signal.getsignal(signal.SIGTERM)

    def heed_no_more() -> None:
        for each in signals:
            if loop.remove_signal_handler(each) and each is signal.SIGTERM:
                signal.signal(each, terminated)  # not what kills: what was there before

    def stopped() -> None:
        stop.set()
        heed_no_more()

    # Only the main thread may, and not on every system: then nothing stops us in order.
    with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
        for each in signals:
            loop.add_signal_handler(each, stopped)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            heed_no_more()


@contextlib.contextmanager
def on_word(ending: threading.Event, stop: asyncio.Event) -> Iterator[None]:
    """Another thread sets `stop`, by setting `ending`: for work in a loop of its own. At the end of
    that `ending` is set in any case."""

    async def heed() -> None:
        await asyncio.to_thread(ending.wait)
        stop.set()

    heeding = asyncio.create_task(heed())
    try:
        yield
    finally:
        ending.set()  # nobody waits for it any more
        heeding.cancel()


async def until(stop: asyncio.Event, work: Iterable[Coroutine[object, object, None]]) -> bool:
    """Run all of the work; True when `stop` came first, and the rest was cancelled. The first
    exception cancels the rest and is raised."""
    stopping = asyncio.create_task(stop.wait())
    tasks = [asyncio.create_task(each) for each in work]
    pending: set[asyncio.Task[None]] = set(tasks)
    try:
        while pending and not stop.is_set():
            done, _ = await asyncio.wait({*pending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task is not stopping:
                    pending.discard(task)
                    task.result()
    finally:
        for each in (stopping, *pending):
            each.cancel()
        await asyncio.gather(stopping, *pending, return_exceptions=True)
    return stop.is_set() and any(task.cancelled() for task in tasks)
