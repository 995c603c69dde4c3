"""Look-up as a whole process, on a registry of 250,000 removals: by name, link and digests.

    python -m benchmarks.lookup [--rows N] [--registry FOLDER] [--runs N] [--json]

Makes the registry with benchmarks/import_list.py unless a folder is given where it kept one. Each
kind of query runs several times, in a new process each, for another removal each; what is printed
is the median, and the slowest beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.import_list import row_of, run_import, write_list

AIM = 0.35
"""Seconds."""


def queries(number: int) -> dict[str, str]:
    """What a person may have of removal `number`."""
    name, link, sha256 = row_of(number)
    bare, _, version = link.partition("?")
    return {
        "name": name.upper(),
        "link": link,
        "link without its slug": f"{bare.rpartition('/')[0]}?{version}".removeprefix("https://"),
        "SHA-256": sha256,
        "AutoV2": sha256[:10].upper(),
    }


def lookup(folder: Path, query: str) -> float:
    """Seconds of one whole process; it must find exactly one removal."""
    environ = {**os.environ, "RESEEN_HOME": str(folder), "RESEEN_DB": "", "RESEEN_KEY": ""}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "reseen", "lookup", "--json", query],
        env=environ, check=True, capture_output=True, text=True,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    (found,) = done.stdout.splitlines()
    assert json.loads(found)["removal"].startswith("rm-")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=250_000)
    parser.add_argument("--registry", type=Path, help="folder that import_list kept")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="one object, for the table in docs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.registry or Path(temporary)
        if options.registry is None:
            path = folder / "long list.csv"
            write_list(path, options.rows)
            run_import(folder, path, options.rows)
        chance = random.Random(1)
        times: dict[str, list[float]] = {}
        for _ in range(options.runs):
            for kind, query in queries(chance.randrange(options.rows)).items():
                times.setdefault(kind, []).append(lookup(folder, query))
    seconds = {kind: round(statistics.median(each), 3) for kind, each in times.items()}
    if options.json:
        slowest = {kind: round(max(each), 3) for kind, each in times.items()}
        figures = {"removals": options.rows, "aim": AIM, "seconds": seconds, "slowest": slowest}
        print(json.dumps(figures))
        return
    for kind, each in times.items():
        print(
            f"lookup by {kind}: {seconds[kind]:.3f} s, slowest {max(each):.3f} s "
            f"(aim: under {AIM} s)"
        )


if __name__ == "__main__":
    main()
