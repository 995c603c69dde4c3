"""A worker of the service over a hub on loopback, and waiting for what it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from replica.server import Replica
from tests.scan.walking import QUICK, Hasty

from reseen.hubs.client_options import ClientOptions
from reseen.hubs.huggingface import HuggingFace
from reseen.operations.worker import Intervals, Worker
from reseen.settings import HubSettings, Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring

INTERVALS = Intervals(look=0.02, beat=0.02, housekeeping=0.05, recheck=10**9)


def worker_at(
    store: Store, keyring: Keyring | None, settings: Settings, replica: Replica, **more: float
) -> Worker:
    """Not started."""

    def hub(_: HubSettings) -> HuggingFace:
        clock = Hasty()
        options = ClientOptions(attempts=2, clock=clock, sleep=clock.sleep)
        return HuggingFace(replica.endpoint, None, options)

    # Strangers are refused what is deleted: a second such answer is enough here.
    first = replace(settings.hubs[0], endpoint=replica.endpoint, gone_after=timedelta(0))
    return Worker(
        store,
        keyring,
        replace(settings, hubs=(first,)),
        intervals=replace(INTERVALS, **more),
        pace=replace(QUICK, patience=0.1),
        open_hub=hub,
    )


@contextmanager
def working(worker: Worker) -> Iterator[Worker]:
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def until(holds: Callable[[], bool]) -> None:
    """Wait for it, for as long as a loaded machine needs."""
    last = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < last, "it never came"
        time.sleep(0.05)  # to look costs as much as a worker's own step
