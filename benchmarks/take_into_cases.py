"""Taking sightings into cases: 100,000 new ones, and the same again when their state changed.

    python -m benchmarks.take_into_cases [--sightings N] [--on sqlite|postgresql|both]

Fills a store with sightings that nobody was told of (half as many repositories, one file in four
read in full), then runs what the worker runs, `cases.put_all`, and prints seconds. PostgreSQL is
started for this where it is installed; else that is said.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import update

from reseen.records import Confirmed, DigestKind, Rung, SightingState
from reseen.review import cases
from reseen.store import schema
from reseen.store.database import Store, insert_many, now

AIMS = {"sqlite": 5.0, "postgresql": 10.0}
"""Seconds for 100,000 new sightings."""
REMOVALS = 5_000


def fill(store: Store, count: int) -> None:
    """Sightings of `REMOVALS` removals, two in each repository, as scans leave them."""
    at = now()
    repositories = -(-count // 2)
    with store.write() as connection:
        insert_many(
            *(connection, schema.removals, ("pk", "id", "added_at")),
            ((n + 1, f"rm-{n:08d}", at) for n in range(REMOVALS)),
        )
        insert_many(
            *(connection, schema.repositories),
            ("pk", "hub", "type", "repo", "downloads", "likes", "flags"),
            (
                (n + 1, "hub.example", "model", f"account-{n % 997:03d}/lora-{n}", n % 9_973, 1, 0)
                for n in range(repositories)
            ),
        )
        insert_many(
            *(connection, schema.artifacts),
            ("pk", "repository_pk", "commit", "path", "size", "git_oid", "flags", "seen_at"),
            (
                (
                    n + 1,
                    n // 2 + 1,
                    b"\x01" * 20,
                    f"file-{n % 2}.safetensors",
                    10**8,
                    _oid(n),
                    1,
                    at,
                )
                for n in range(count)
            ),
        )
        read = range(0, count, 4)
        insert_many(
            *(connection, schema.readings, ("artifact_pk", "at", "full")),
            ((n + 1, at, 1) for n in read),
        )
        insert_many(
            *(connection, schema.read_digests, ("kind", "value", "artifact_pk")),
            ((int(DigestKind.SHA256), hashlib.sha256(b"%d" % n).digest(), n + 1) for n in read),
        )
        live, said = SightingState.LIVE.value, Confirmed.NONE.value
        insert_many(
            *(connection, schema.sightings),
            (
                *("pk", "id", "removal_pk", "artifact_pk", "rung", "state", "confirmed"),
                *("missed", "first_seen", "last_seen", "touched"),
            ),
            (
                (
                    *(n + 1, f"sg-{n:012d}", (n // 2) % REMOVALS + 1, n + 1),
                    *(int(Rung.DECLARED if n % 4 else Rung.BYTES), live, said, 0, at, at, 1),
                )
                for n in range(count)
            ),
        )


def measure(store: Store, count: int) -> dict[str, float]:
    """Seconds to take all of them (`own`: of this process, whatever else the machine does), and to
    take them again after a change of each."""
    fill(store, count)
    started, busy = time.perf_counter(), time.process_time()
    done = cases.put_all(store)
    first, own = time.perf_counter() - started, time.process_time() - busy
    assert done.sightings == count, done
    with store.write() as connection:
        gone = {"state": SightingState.GONE.value, "touched": 1}
        connection.execute(update(schema.sightings).values(gone))
    started = time.perf_counter()
    assert cases.put_all(store).sightings == count
    again = time.perf_counter() - started
    return {"new": round(first, 2), "own": round(own, 2), "changed": round(again, 2)}


@contextmanager
def url_of(kind: str) -> Iterator[str]:
    """An empty database of this kind. Raises Missing."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'reseen.db'}"
        return
    from tests.postgres import Cluster

    with Cluster() as cluster, cluster.database() as url:
        yield url


def _oid(number: int) -> bytes:
    return hashlib.sha1(b"%d" % number, usedforsecurity=False).digest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sightings", type=int, default=100_000)
    parser.add_argument("--on", choices=[*AIMS, "both"], default="both")
    given = parser.parse_args()
    from tests.postgres import Missing

    for kind in AIMS if given.on == "both" else (given.on,):
        try:
            with url_of(kind) as url, Store(url) as store:
                seconds = measure(store, given.sightings)
        except Missing as e:
            print(f"{kind}: not measured: {e}", file=sys.stderr)
            continue
        aim = AIMS[kind] * given.sightings / 100_000
        result = {"on": kind, "sightings": given.sightings, "seconds": seconds, "aim": aim}
        print(json.dumps(result | {"held": seconds["new"] <= aim}))


if __name__ == "__main__":
    main()
