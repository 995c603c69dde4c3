"""A quota that binds: how much of it the walk uses, and whether it is ever refused.

    python -m benchmarks.quota [--quota N] [--window SECONDS] [--windows N]

The replica counts as the Hub does, in fixed windows, and tells by `RateLimit` headers; the walk is
stopped at the end of the last window. The Hub's windows have 300 s; here they are scaled down, and
the walk does not know how long they are. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks.replicas import replica, scan

AIM = 0.95
"""Share of the quota that is used."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quota", type=int, default=1_000, help="API requests in a window")
    parser.add_argument("--window", type=float, default=15.0, help="seconds")
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds")
    given = parser.parse_args()
    repositories = given.quota * given.windows * 2
    options = [
        *("--big", str(repositories), "--latency", str(given.latency)),
        *("--api-quota", str(given.quota), "--window", str(given.window)),
    ]
    with replica(*options) as served, tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()  # its first window began a moment before
        spare = 1.0
        seconds = given.window * given.windows - spare - (time.monotonic() - began)
        ours = scan(served.endpoint, Path(folder) / "quota.db", seconds=seconds)
    answered = served.stats["statuses"].get("200", 0)
    result = {
        "quota": given.quota,
        "window_seconds": given.window,
        "windows": given.windows,
        "requests": ours["requests"],
        "answered": answered,
        "share_used": answered / (given.quota * given.windows),
        "refused": served.stats["refused"],
        "aim_share": AIM,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
