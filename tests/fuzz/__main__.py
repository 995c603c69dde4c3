"""Plays foreign inputs through every reader: one again by its seed, or millions.

    python -m tests.fuzz READER SEED [--show]     one input: how it is taken, and what is wrong
    python -m tests.fuzz --count 400000           every reader's inputs up to this many
    python -m tests.fuzz --list                   the readers
    python -m tests.fuzz --table                  what was played

A long run keeps in a file how far it is (--progress, .cache/fuzz.json), and goes on from there.
`--jobs` plays as many readers side by side; `--until HH:MM` ends it, by this machine's clock;
`--only` names readers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from tests.fuzz import chance, run
from tests.fuzz.play import made, play, watching
from tests.fuzz.readers import READERS

PROGRESS = Path(".cache") / "fuzz.json"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reader", nargs="?", choices=[*READERS])
    parser.add_argument("seed", nargs="?", type=int)
    parser.add_argument("--show", action="store_true", help="the input itself, too")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table", action="store_true", help="what was played, as a table")
    parser.add_argument("--count", type=int, default=400_000)
    parser.add_argument("--only", nargs="*", choices=[*READERS], default=[*READERS])
    parser.add_argument("--progress", type=Path, default=PROGRESS)
    parser.add_argument("--until", help="HH:MM of today")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    if args.table:
        print(run.table(run.load(args.progress)))
        return 0
    if args.list:
        print(*READERS, sep="\n")
        return 0
    if args.reader is not None:
        if args.seed is None:
            parser.error("name a seed too")
        return _one(args.reader, args.seed, show=args.show)
    return _many(args)


def _one(name: str, seed: int, *, show: bool) -> int:
    reader = READERS[name]
    if show:
        print(made(reader, seed))
    with watching() as kept:
        taken, faults = play(reader, seed, kept, twice=True)
    print(f"{name} {seed}: {taken}")
    for fault in faults:
        print(f"  fault: {fault.what}")
    return 1 if faults else 0


def _many(args: argparse.Namespace) -> int:
    args.progress.parent.mkdir(exist_ok=True)
    until = None if args.until is None else _instant(args.until)
    if args.jobs > 1:
        return _side_by_side(args)
    for name in args.only:
        # A process each: what one reader's libraries hold is not counted against the next.
        child = os.fork()
        if child == 0:
            done = run.run(READERS[name], args.count, args.progress, until, _say)
            chance.tidy()  # what a process leaves that ends so
            os._exit(0 if done else 3)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == 3:
            break
        if code != 0:
            _say(f"{name}: the process ended with {code}")
    return _found(args)


def _found(args: argparse.Namespace) -> int:
    faults = {n: p.faults for n, p in run.load(args.progress).items() if p.faults}
    return 1 if faults else 0


def _side_by_side(args: argparse.Namespace) -> int:
    waiting, running = list(args.only), []
    while waiting or running:
        while waiting and len(running) < args.jobs:
            more = ["--until", args.until] if args.until else []
            name = waiting.pop(0)
            command = [
                sys.executable,
                "-m",
                "tests.fuzz",
                "--only",
                name,
                "--count",
                str(args.count),
            ]
            command += ["--progress", str(args.progress.with_suffix(f".{name}.json")), *more]
            running.append(subprocess.Popen(command))
        running[0].wait()
        running = [each for each in running if each.poll() is None]
    for name in args.only:
        own = args.progress.with_suffix(f".{name}.json")
        for each, progress in run.load(own).items():
            run.keep(args.progress, each, progress)
    return _found(args)


def _instant(text: str) -> float:
    hour, minute = map(int, text.split(":"))
    now = datetime.now().astimezone()
    then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (then if then > now - timedelta(hours=12) else then + timedelta(days=1)).timestamp()


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
