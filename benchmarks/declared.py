"""Declared digests matched a second: artifacts as a hub lists them, against a large registry.

    python benchmarks/declared.py [--removals N] [--artifacts N]

Makes a registry of its own (nobody's digests), loads it as a scan does, and matches artifacts in
batches; one in a thousand is a removal. Prints seconds to load, the registry's memory, artifacts
a second by SHA-256 and by pointer (masked), leads from names a second, and seconds to match a new
list against everything seen. Seconds are of the processor; each rate is the best of three, beside
plain dict look-ups of the same values, so that a slow machine shows.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from reseen.fingerprints.git import pointer_oid
from reseen.match.judge import judge_removals
from reseen.match.registry_index import RegistryIndex
from reseen.records import Artifact, DigestKind, RepoType
from reseen.store import schema
from reseen.store.database import Store
from reseen.store.sealing import Keyring

AIM = 500_000
"""Declared digests matched a second."""


def sha256_of(number: int) -> bytes:
    return hashlib.sha256(b"removal %d" % number).digest()


def size_of(number: int) -> int:
    return 1_000_000 + 37 * number


def fill(store: Store, count: int) -> None:
    """A registry of `count` removals, each with a SHA-256 and a size."""
    numbers = range(1, count + 1)
    removals = [{"pk": n, "id": f"rm-{n:08d}", "added_at": 0} for n in numbers]
    files = [{"pk": n, "removal_pk": n, "size": size_of(n), "list_pk": 1} for n in numbers]
    kind = int(DigestKind.SHA256)
    values = sorted((sha256_of(n), n) for n in numbers)
    digests = [{"kind": kind, "value": v, "claim_pk": n} for v, n in values]
    with store.write() as connection:
        connection.execute(insert(schema.lists), [{"pk": 1, "name": "bench", "created_at": 0}])
        connection.execute(insert(schema.removals), removals)
        connection.execute(insert(schema.claims), files)
        connection.execute(insert(schema.digests), digests)


def artifacts(count: int, removals: int, *, masked: bool) -> list[Artifact]:
    """What a hub lists: one in a thousand is a removal."""
    listed = []
    for number in range(count):
        hit = number % 1000 == 0
        which = number % removals + 1
        sha256 = sha256_of(which) if hit else hashlib.sha256(b"other %d" % number).digest()
        size = size_of(which) if hit else number
        listed.append(
            Artifact(
                hub="hub.example",
                type=RepoType.MODEL,
                repo="someone/test",
                revision="c" * 40,
                ref="main",
                path=f"folder/{number:07d}/sample {number}.safetensors",
                size=size,
                sha256=None if masked else sha256,
                git_oid=pointer_oid(sha256, size),
                masked=masked,
                lfs=True,
            )
        )
    return listed


def remember(store: Store, count: int) -> None:
    """The same artifacts as rows of what was seen."""
    rows: list[dict[str, Any]] = [
        {
            "repository_pk": 1,
            "commit": b"c" * 20,
            "path": a.path,
            "size": a.size,
            "sha256": a.sha256,
            "git_oid": a.git_oid,
            "flags": 2,
            "seen_at": 0,
        }
        for a in artifacts(count, count, masked=False)
    ]
    with store.write() as connection:
        repository = {"pk": 1, "hub": "hub.example", "type": "model", "repo": "a/b", "flags": 0}
        connection.execute(insert(schema.repositories), [repository])
        connection.execute(insert(schema.artifacts), rows)


def rate(work: Callable[[], int], count: int) -> float:
    """The best of three, a second."""
    best = 0.0
    for _ in range(3):
        started = time.process_time()
        work()
        best = max(best, count / (time.process_time() - started))
    return best


def matched(known: RegistryIndex, listed: Sequence[Artifact]) -> int:
    match = known.match
    return sum(1 for artifact in listed if match(artifact))


def resident() -> int:
    """Bytes of this process in memory; 0 where /proc does not say."""
    gc.collect()
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() if statm.exists() else 0


def measure(removals: int, count: int) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory(prefix="reseen-bench-") as folder,
        Store(f"sqlite:///{Path(folder) / 'bench.db'}") as store,
    ):
        fill(store, removals)
        remember(store, count)
        before = resident()
        started = time.process_time()
        with store.read() as connection:
            known = RegistryIndex.load(connection, Keyring(b"benchmark " * 3 + b"ok"))
        load = time.process_time() - started
        after = resident()
        shown, masked = (artifacts(count, removals, masked=m) for m in (False, True))
        assert matched(known, shown) == matched(known, masked) == -(-count // 1000)
        plain = {sha256_of(n): n for n in range(1, removals + 1)}
        results = {
            "removals": removals,
            "artifacts": count,
            "load_seconds": load,
            "registry_mib": (after - before) / 2**20,
            "sha256_a_second": rate(lambda: matched(known, shown), count),
            "pointers_a_second": rate(lambda: matched(known, masked), count),
            "plain_dict_a_second": rate(
                lambda: sum(1 for a in shown if a.sha256 is not None and plain.get(a.sha256)),
                count,
            ),
            "leads_a_second": rate(lambda: sum(1 for a in shown if known.hints(a)), count),
        }
        started = time.process_time()
        with store.read() as connection:
            past = judge_removals(connection, store.secret)
        results["past_seconds"] = time.process_time() - started
        assert len(past.new) >= count // 1000
        return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--removals", type=int, default=250_000)
    parser.add_argument("--artifacts", type=int, default=250_000)
    args = parser.parse_args()
    results = measure(args.removals, args.artifacts)
    print(json.dumps({**results, "aim_a_second": AIM}))


if __name__ == "__main__":
    main()
