"""Four walkers, one token: how much of the quota they use together, and whether any is refused;
then two of them are killed, and the others go on.

    python -m benchmarks.shared_quota [--on sqlite|postgresql] [--walkers N] [--window SECONDS]

Each walker is a process of its own at one scan in one store. The replica counts as the Hub does, in
fixed windows, and tells by `RateLimit` headers; the Hub's windows have 300 s, here they are scaled
down, and the walkers do not know how long they are. A window counts that began and ended while they
walked. What the killed ones held is kept from the others in that window: a slice each; what they
had listed and not stored is listed again. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgres import Cluster

from benchmarks.replicas import Served, ended, replica, start

AIM = 0.98
"""Share of the quota that is used, of each window in which nobody is killed."""


@contextmanager
def store_url(on: str) -> Iterator[str]:
    """An empty store's."""
    if on == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'quota.db'}"
        return
    with Cluster() as cluster, cluster.store() as url:
        yield url


def walk(served: Served, url: str, walkers: int, seconds: float, kill: int) -> None:
    """All at one scan; half-way, `kill` of them are killed."""
    given = {"seconds": seconds, "shared": "hub.example"}
    under_way = [start(served.endpoint, url, given) for _ in range(walkers)]
    if kill:
        time.sleep(seconds / 2)
        for process in under_way[:kill]:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
    for process in under_way[kill:]:
        ended(process)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--walkers", type=int, default=4)
    parser.add_argument("--kill", type=int, default=0, help="half-way, so many of them")
    parser.add_argument("--quota", type=int, default=300, help="API requests in a window")
    parser.add_argument("--window", type=float, default=20.0, help="seconds")
    parser.add_argument("--windows", type=int, default=6)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds")
    given = parser.parse_args()
    options = [
        *("--big", str(given.quota * given.windows * 2), "--latency", str(given.latency)),
        *("--api-quota", str(given.quota), "--window", str(given.window)),
    ]
    with store_url(given.on) as url, replica(*options) as served:
        seconds = given.window * given.windows
        walk(served, url, given.walkers, seconds, given.kill)
    by_window = {int(n): count for n, count in served.stats["api_by_window"].items()}
    first, last = min(by_window), max(by_window)  # neither is whole
    whole = [by_window.get(number, 0) / given.quota for number in range(first + 1, last)]
    result = {
        "on": given.on,
        "walkers": given.walkers,
        "killed": given.kill,
        "quota": given.quota,
        "window_seconds": given.window,
        "share_used_by_window": whole,
        "refused": served.stats["refused"],
        "listed_again": served.stats["trees_again"],
        "aim_share": AIM,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
