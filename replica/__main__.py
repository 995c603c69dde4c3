"""`python -m replica`: a small synthetic Hub on loopback, until it is interrupted.

Prints one line of JSON (endpoint, cdn, repositories) once it answers; with --stats also one when
it ends. Benchmarks start it so, as a process of its own.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from replica.big import BigWorld
from replica.journal import Entry
from replica.lists import write_csv
from replica.quota import GENEROUS, Quota
from replica.sample import removed_adapter, sample_world
from replica.server import Replica
from replica.world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m replica", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--big", type=int, metavar="N", help="N repositories, none of them stored")
    parser.add_argument("--every", type=int, default=100, help="with --big: one in EVERY is a copy")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--api-quota", type=int, help="API requests in a window")
    parser.add_argument("--window", type=float, default=300.0, help="seconds")
    parser.add_argument("--list", type=Path, metavar="FILE", help="write the removals to this CSV")
    parser.add_argument("--stats", action="store_true", help="print the counts at the end")
    given = parser.parse_args()

    world: World
    if given.big is not None:
        removals = [removed_adapter(n) for n in range(1, 6)]
        world, repositories = BigWorld(given.big, removals, every=given.every), given.big
    else:
        world = sample_world()
        repositories = len(world.repositories)
    if given.list:
        write_csv(given.list, world.removals)
    limits = GENEROUS | ({"api": given.api_quota} if given.api_quota else {})

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    quota = Quota(limits, given.window)
    with Replica(world, quota=quota, latency=given.latency, port=given.port) as hub:
        print(json.dumps({"endpoint": hub.endpoint, "cdn": hub.cdn, "repositories": repositories}))
        sys.stdout.flush()
        stop.wait()
    if given.stats:
        journal = hub.journal
        counts = {
            "requests": journal.requests,
            "statuses": journal.statuses,
            "sent": journal.sent,
            "refused": quota.refused,
            "api_by_window": {n: count for (k, n), count in quota.answered.items() if k == "api"},
            "trees_again": _again(journal.entries),
        }
        print(json.dumps(counts))
    return 0


def _again(entries: Iterable[Entry]) -> int:
    """How often a repository's files were listed that had been listed before."""
    trees = Counter(e.path for e in entries if e.route == "tree" and e.status == 200)
    return sum(trees.values()) - len(trees)


if __name__ == "__main__":
    sys.exit(main())
