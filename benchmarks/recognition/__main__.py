"""The recognition benchmark: how often a method knows removed adapters again, and whom it accuses.

    python -m benchmarks.recognition [--size small|default|published] [--method NAME ...] [--write]

`--method`: `reseen`, `digests`, `tlsh`, a callable as `package.module:name`, or a program as
`program:COMMAND` (docs/recognition-benchmark.md). What is answered is kept in bench-output, and a
run goes on where it was stopped. `--write` puts figures and plots into the docs.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import time
from pathlib import Path

from benchmarks.recognition import page
from benchmarks.recognition.method import MethodFailed
from benchmarks.recognition.run import How, played
from benchmarks.recognition.world import HALVES, SIZES

KEPT = Path("bench-output") / "recognition"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="default")
    parser.add_argument("--method", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=1, help="processes that ask at once")
    parser.add_argument("--minutes", type=float, help="stop asking a method after so many")
    parser.add_argument("--kept", type=Path, default=KEPT, help="where answers are kept")
    parser.add_argument("--write", action="store_true", help="into docs/recognition-benchmark.md")
    chosen = parser.parse_args()
    size, runs = SIZES[chosen.size], []
    for method in chosen.method or ["reseen", "digests", "tlsh"]:
        began = time.process_time()
        print(f"{method}:", flush=True)
        folder = chosen.kept / chosen.size / re.sub(r"[^\w.-]+", "-", method)
        jobs = 1 if method.startswith("program:") else chosen.jobs
        how = How(folder, jobs, time.monotonic() + 60 * (chosen.minutes or math.inf))
        try:
            halves = [played(method, size, half, how) for half in HALVES]
        except MethodFailed as e:
            print(f"  not asked: {e}", file=sys.stderr)
            return 2
        runs.append(page.Run(method, *halves))
        print(f"  {time.process_time() - began:.0f} s of this processor", flush=True)
    print(page.text(runs, chosen.size, size))
    if chosen.write:
        page.keep(runs, chosen.size, size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
