"""Very many histories of acts: what is known in the end must not depend on their order.

    python -m benchmarks.histories --count 5000

Each history is drawn from a seed (tests/histories says how) and played; a difference is printed
with its seed, in as few acts as still come to it. `--processes` plays histories by real commands
against a served hub instead, and kills some of them with SIGKILL.

What was played is written down after each history (`--progress`), with a digest of the code that
played it: run again, it goes on behind the last one, and begins anew when that code is another.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

PLAYED_BY = ("src", "tests/histories", "replica")
"""Where the code is that a history's end depends on."""
MOST_SHRUNK = 3
"""Histories of one kind of difference that are made short; the others are only named."""


@dataclass(frozen=True, slots=True)
class Played:
    """One history, and what differed at its end."""

    acts: int
    kinds: Sequence[str] = ()
    """Of differences, each once; or the name of the error that ended it."""
    kills: int = 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="Histories in all.")
    parser.add_argument("--first", type=int, default=1, help="The first seed.")
    parser.add_argument("--progress", type=Path, help="Default: a file in bench-output.")
    parser.add_argument("--anew", action="store_true", help="Forget what was played.")
    parser.add_argument("--processes", type=int, metavar="N", help="N histories with kills.")
    options = parser.parse_args()
    killed = options.processes is not None
    name = "histories-killed.json" if killed else "histories.json"
    progress = options.progress or ROOT / "bench-output" / name
    if options.anew:
        progress.unlink(missing_ok=True)
    count = options.processes if killed else options.count
    seeds = range(options.first, options.first + count)
    return play_all(seeds, progress, by_processes if killed else InProcess().play)


def play_all(seeds: Sequence[int], progress: Path, play_one: Callable[[int], Played]) -> int:
    """Play those that were not played yet by this code, and say what came of all. Ends with 1 where
    anything differed."""
    code = digest_of_code()
    done = read(progress, code)
    began, played = time.monotonic(), 0
    for seed in seeds:
        if seed in done:
            continue
        done[seed] = _caught(seed, play_one)
        played += 1
        keep(progress, code, done)
    seconds = time.monotonic() - began
    faults = sum(bool(each.kinds) for each in done.values())
    acts, kills = (sum(getattr(each, what) for each in done.values()) for what in ("acts", "kills"))
    told = f", {kills:,} processes killed" if kills else ""
    print(f"{len(done):,} histories of {acts:,} acts{told}, {faults:,} with differences")
    print(f"{played:,} of them in {seconds:,.0f} s now; code {code}")
    for kind, count in Counter(kind for each in done.values() for kind in each.kinds).most_common():
        print(f"  {count:>6,}  {kind}")
    return 1 if faults else 0


def digest_of_code(root: Path = ROOT, places: Sequence[str] = PLAYED_BY) -> str:
    """What tells the code that plays histories from what it was before, or will be. `places`:
    folders, or files, of other code that results depend on."""
    told = hashlib.sha256()
    files = (path for place in places for path in (root / place, *(root / place).rglob("*")))
    for path in sorted(path for path in files if path.is_file() and path.suffix != ".pyc"):
        told.update(f"{path.relative_to(root)}\0".encode())
        told.update(hashlib.sha256(path.read_bytes()).digest())
    return told.hexdigest()[:16]


def read(progress: Path, code: str) -> dict[int, Played]:
    """What this code has played; nothing where another did."""
    if not progress.exists():
        return {}
    told = json.loads(progress.read_text())
    if told.get("code") != code:
        print("played before by other code: begun anew", flush=True)
        return {}
    return {int(seed): Played(**each) for seed, each in told["played"].items()}


def keep(progress: Path, code: str, done: dict[int, Played]) -> None:
    """Whole, or not at all: whoever is killed here goes on behind the last that was played."""
    progress.parent.mkdir(parents=True, exist_ok=True)
    new = progress.with_suffix(".new")
    played = {str(seed): asdict(each) for seed, each in done.items()}
    new.write_text(json.dumps({"code": code, "played": played}))
    new.replace(progress)


def _caught(seed: int, play_one: Callable[[int], Played]) -> Played:
    try:
        return play_one(seed)
    except Exception as e:  # noqa: BLE001 - a crash is a finding like another
        print(f"seed {seed}: {''.join(traceback.format_exception(e))}", flush=True)
        return Played(0, (type(e).__name__,))


class InProcess:
    """Plays histories in this process, and makes some of those that differ short."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()

    def play(self, seed: int) -> Played:
        from tests.histories.acts import draw
        from tests.histories.play import play, said, shrunk

        history = draw(seed)
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # the logs go nowhere
                found = play(history)
        except Exception:
            print(said(history), flush=True)
            raise
        kinds = sorted({each.kind for each in found})
        for kind in kinds:
            self._kinds[kind] += 1
            print(f"seed {seed}: {kind}", flush=True)
            if self._kinds[kind] <= MOST_SHRUNK:
                with contextlib.redirect_stdout(io.StringIO()):
                    fewest = shrunk(history, kind)
                    again = play(fewest)
                print(said(fewest), *(f"    {each}" for each in again), sep="\n", flush=True)
        return Played(len(history), kinds)


def by_processes(seed: int) -> Played:
    """By real commands, some of which are killed."""
    from tests.histories.killed import play_killed
    from tests.histories.play import said

    history, kills, found = play_killed(seed)
    print(f"seed {seed}: {kills} kills, {len(found)} differences", flush=True)
    if found:
        print(said(history), *(f"    {each}" for each in found), sep="\n", flush=True)
    return Played(len(history), sorted({each.kind for each in found}), kills)


if __name__ == "__main__":
    sys.exit(main())
