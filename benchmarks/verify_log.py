"""Proving a store against its audit log: `audit verify` over decided cases.

    python -m benchmarks.verify_log [--cases N] [--on sqlite|postgresql|both]

Fills a store in bulk with cases of one sighting each, one in four read in full, all decided by a
person, with the lines that cover the decisions; then runs what `reseen audit verify` runs, and
prints seconds and the memory that it took. PostgreSQL is started for this where it is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.take_into_cases import url_of
from reseen.operations import log_check
from reseen.records import Confirmed, DigestKind, Rung, SightingState
from reseen.review.decision_records import appended
from reseen.review.verdicts import CaseState, Verdict
from reseen.store import audit, schema, service_schema
from reseen.store.database import Store, insert_many, now

AIM = 60.0
"""Seconds for 1,000,000 cases on SQLite."""
REMOVALS = 1_000
_BATCH = 20_000


def fill(store: Store, count: int) -> None:
    """`count` decided cases: `REMOVALS` removals in each repository."""
    at, declared, read = now(), int(Rung.DECLARED), int(Rung.BYTES)
    repositories = -(-count // REMOVALS)
    with store.write() as connection:
        insert_many(
            *(connection, schema.removals, ("pk", "id", "added_at", "withdrawn_at")),
            ((n + 1, f"rm-{n:08d}", at, at) for n in range(REMOVALS)),
        )
        insert_many(
            *(connection, schema.repositories, ("pk", "hub", "type", "repo", "flags")),
            ((n + 1, "hub.example", "model", f"account/{n}", 0) for n in range(repositories)),
        )
        insert_many(
            *(connection, schema.artifacts),
            ("pk", "repository_pk", "commit", "path", "size", "git_oid", "flags", "seen_at"),
            (
                (n + 1, n + 1, b"\x01" * 20, "a.safetensors", 10**8, _sha(n)[:20], 1, at)
                for n in range(repositories)
            ),
        )
        full = range(0, repositories, 4)
        insert_many(
            *(connection, schema.readings, ("artifact_pk", "at", "full")),
            ((n + 1, at, 1) for n in full),
        )
        insert_many(
            *(connection, schema.read_digests, ("kind", "value", "artifact_pk")),
            sorted((int(DigestKind.SHA256), _sha(n), n + 1) for n in full),
        )
        insert_many(
            *(connection, service_schema.users, ("pk", "name", "role", "created_at")),
            [(1, "sample", "reviewer", at)],
        )
        rung = [read if n % 4 == 0 else declared for n in range(repositories)]
        said = [Confirmed.NONE.value if n % 4 else Confirmed.BYTES.value for n in range(4)]
        insert_many(
            *(connection, schema.sightings),
            (
                *("pk", "id", "removal_pk", "artifact_pk", "rung", "state", "confirmed"),
                *("missed", "first_seen", "last_seen", "touched"),
            ),
            (
                (
                    *(n + 1, f"sg-{n:012d}", n % REMOVALS + 1, n // REMOVALS + 1),
                    *(rung[n // REMOVALS], SightingState.LIVE.value, said[n // REMOVALS % 4]),
                    *(0, at, at, 0),
                )
                for n in range(count)
            ),
        )
        insert_many(
            *(connection, service_schema.cases),
            (
                *("pk", "id", "removal_pk", "repository_pk", "hub", "account", "opened_at"),
                *("changed_at", "state", "verdict", "rung", "reach", "live", "version"),
            ),
            (
                (
                    *(n + 1, f"cs-{n:012d}", n % REMOVALS + 1, n // REMOVALS + 1, "hub.example"),
                    *("account", at, at, CaseState.DECIDED.value, Verdict.CONFIRM.value),
                    *(rung[n // REMOVALS], 0, 1, 1),
                )
                for n in range(count)
            ),
        )
        insert_many(
            *(connection, service_schema.case_sightings),
            ("sighting_pk", "case_pk", "added_at", "rung", "confirmed"),
            (
                (n + 1, n + 1, at, rung[n // REMOVALS], said[n // REMOVALS % 4])
                for n in range(count)
            ),
        )
    for first in range(0, count, _BATCH):
        with store.write() as connection:
            acts = []
            for n in range(first, min(first + _BATCH, count)):
                id, of = f"dc-{n:012d}", n // REMOVALS
                word = Verdict.CONFIRM.value
                row = (n + 1, id, n + 1, at, 1, word, b"\x01" * 93, None, None, None, 1)
                sha = None if of % 4 else _sha(of)
                kept = appended(row, [(n + 1, n + 1, rung[of], said[of % 4], sha)])
                details: dict[str, str | int | None] = {"verdict": word, "decision": id}
                acts.append(audit.Act("decide", f"cs-{n:012d}", "user:sample", details, kept))
            audit.append(connection, acts)


def _sha(n: int) -> bytes:
    return hashlib.sha256(b"%d" % n).digest()


def measure(url: str) -> dict[str, float]:
    """Seconds, and those of this process alone; MiB above what importing took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Store(url) as store:
        started, busy = time.perf_counter(), time.process_time()
        done = log_check.verify(store)
        took, own = time.perf_counter() - started, time.process_time() - busy
    assert done.wrong == (), done.wrong
    above = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {
        "cases": done.cases, "lines": done.lines, "seconds": round(took, 1),
        "own": round(own, 1), "mib": round(above),
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--on", choices=("sqlite", "postgresql", "both"), default="sqlite")
    parser.add_argument("--url", help="Measure a store that is filled, in this process.")
    given = parser.parse_args(arguments)
    if given.url:
        print(json.dumps(measure(given.url)))
        return 0
    for kind in ("sqlite", "postgresql") if given.on == "both" else (given.on,):
        with url_of(kind) as url:
            with Store(url) as store:
                fill(store, given.cases)
            # In a process of its own, so that its memory is that of verifying alone.
            command = [sys.executable, "-m", "benchmarks.verify_log", "--url", url]
            told = subprocess.run(
                command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
            )
            print(kind, told.stdout.strip())
            if kind == "sqlite" and given.cases == 1_000_000:
                print(f"aim: {AIM:g} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
