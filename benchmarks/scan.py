"""A hub of 20,000 repositories with 50 ms latency: our walk against the plain loop that one would
write with the stock client, `list_models` and then `list_repo_tree` of each.

    python -m benchmarks.scan [--repositories N] [--sample N] [--workers N]

Both run against the same replica on the same machine, one after the other. The walk is measured
whole. The loop is measured on a sample of the repositories, and scaled to all of them (it does the
same for each, one after another); its listing is measured whole. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from pathlib import Path

from huggingface_hub import HfApi

from benchmarks.replicas import replica, scan

AIM = 15.0
"""Times as fast as the plain loop."""


def plain_loop(endpoint: str, count: int, sample: int) -> dict[str, float]:
    """Seconds that the loop takes for `count` repositories, by a sample of them."""
    api = HfApi(endpoint=endpoint, token=False)
    began = time.monotonic()
    ids = [model.id for model in api.list_models(limit=count)]
    listing = time.monotonic() - began
    assert len(ids) == count
    step = max(1, count // sample)
    some = list(itertools.islice(ids, 0, None, step))[:sample]
    began = time.monotonic()
    for id in some:
        list(api.list_repo_tree(id, recursive=True))
    each = (time.monotonic() - began) / len(some)
    return {"listing_seconds": listing, "each_seconds": each, "seconds": listing + each * count}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=20_000)
    parser.add_argument("--sample", type=int, default=300, help="of the plain loop")
    parser.add_argument("--workers", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds")
    given = parser.parse_args()
    options = ("--big", str(given.repositories), "--latency", str(given.latency))
    with replica(*options) as served, tempfile.TemporaryDirectory() as folder:
        loop = plain_loop(served.endpoint, given.repositories, given.sample)
        ours = scan(served.endpoint, Path(folder) / "scan.db", workers=given.workers)
    assert ours["ended"]
    assert ours["walked"] == given.repositories
    result = {
        "repositories": given.repositories,
        "latency_seconds": given.latency,
        "scan_seconds": ours["seconds"],
        "scan_cpu_seconds": ours["cpu_seconds"],
        "repositories_a_second": given.repositories / ours["seconds"],
        "peak_mib": ours["peak_mib"],
        "loop_seconds_scaled": loop["seconds"],
        "loop_sample": min(given.sample, given.repositories),
        "times_as_fast": loop["seconds"] / ours["seconds"],
        "refused": served.stats["refused"],
        "aim_times": AIM,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
