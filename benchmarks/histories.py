"""Very many histories of acts: what is known in the end must not depend on their order.

    python -m benchmarks.histories --count 5000

Each history is drawn from a seed (tests/histories says how) and played; a difference is printed
with its seed, in as few acts as still come to it. What was played is written down after each
history (`--progress`): run again, it goes on behind the last one. `--processes` plays histories by
real commands against a served hub instead, and kills some of them with SIGKILL.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

MOST_SHRUNK = 3
"""Histories of one kind of difference that are made short; the others are only named."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="Histories in all.")
    parser.add_argument("--first", type=int, default=1, help="The first seed.")
    parser.add_argument("--progress", type=Path, default=ROOT / "bench-output" / "histories.json")
    parser.add_argument("--anew", action="store_true", help="Forget what was played.")
    parser.add_argument("--processes", type=int, metavar="N", help="N histories with kills.")
    options = parser.parse_args()
    if options.processes:
        from tests.histories.killed import play_all

        return play_all(options.processes, options.first)
    return _play(options)


def _play(options: argparse.Namespace) -> int:
    from tests.histories.acts import draw
    from tests.histories.play import play, said, shrunk

    options.progress.parent.mkdir(parents=True, exist_ok=True)
    done: dict[str, list[str]] = {}
    if options.progress.exists() and not options.anew:
        done = json.loads(options.progress.read_text())
    kinds: Counter[str] = Counter(kind for some in done.values() for kind in some)
    began, played = time.monotonic(), 0
    for seed in range(options.first, options.first + options.count):
        if str(seed) in done:
            continue
        history = draw(seed)
        played += 1
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # the logs go nowhere
                found = play(history)
        except Exception as e:  # noqa: BLE001 - a crash is a finding like another
            print(
                f"seed {seed}: {''.join(traceback.format_exception(e))}{said(history)}", flush=True
            )
            done[str(seed)] = [type(e).__name__]
            _keep(options.progress, done)
            continue
        mine = sorted({each.kind for each in found})
        done[str(seed)] = mine
        for kind in mine:
            kinds[kind] += 1
            print(f"seed {seed}: {kind}", flush=True)
            if kinds[kind] <= MOST_SHRUNK:
                with contextlib.redirect_stdout(io.StringIO()):
                    fewest = shrunk(history, kind)
                    again = play(fewest)
                print(said(fewest), *(f"    {each}" for each in again), sep="\n", flush=True)
        _keep(options.progress, done)
    seconds = time.monotonic() - began
    faults = sum(bool(some) for some in done.values())
    acts = sum(len(draw(int(seed))) for seed in done)
    print(f"{len(done):,} histories of {acts:,} acts, {faults:,} with differences")
    print(f"{played:,} of them in {seconds:,.0f} s now")
    for kind, count in kinds.most_common():
        print(f"  {count:>6,}  {kind}")
    return 1 if faults else 0


def _keep(path: Path, done: dict[str, list[str]]) -> None:
    """Whole, or not at all: whoever is killed here goes on behind the last that was played."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(done))
    new.replace(path)


if __name__ == "__main__":
    sys.exit(main())
