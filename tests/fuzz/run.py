"""Long runs: reader by reader, seed by seed, going on where the last one ended.

What comes in: how many inputs each reader is to have in all, and a file that remembers how far each
is. What goes out: the same file, with the inputs played, the seconds, and each kind of fault with
the first seeds that gave it. Beside what `play` calls a fault, a run watches the process:
- an input may take `SECONDS` of processor time;
- the process may grow by `MEBIBYTES` over what it held before the reader began, and no further: the
  system refuses more (RLIMIT_AS, with room for what is mapped and not used).
"""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType

from tests.fuzz.play import Fault, FuzzedReader, play, watching

SECONDS = 5.0
MEBIBYTES = 256
ROOM = 768 << 20
"""Bytes of addresses beside what is used: arenas, stacks of threads, libraries that are loaded."""
BATCH = 2_000
MOST_SEEDS = 5
"""Seeds kept of each kind of fault."""


class TooSlow(BaseException):
    """An input is worked on for longer than any may be."""


@dataclass
class Progress:
    """How far one reader is."""

    inputs: int = 0
    """Seeds 0 to this, without it, are played."""
    seconds: float = 0.0
    taken: dict[str, int] = field(default_factory=dict)
    faults: dict[str, list[int]] = field(default_factory=dict)
    slowest: float = 0.0
    peak: int = 0
    """MiB beyond what the process held before."""


def load(path: Path) -> dict[str, Progress]:
    if not path.exists():
        return {}
    return {name: Progress(**told) for name, told in json.loads(path.read_text()).items()}


def keep(path: Path, name: str, progress: Progress) -> None:
    """The file as others left it, with this reader's line; it appears whole."""
    told = {each: asdict(p) for each, p in load(path).items()}
    told[name] = asdict(progress)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(told, indent=1))
    draft.replace(path)


def table(told: dict[str, Progress]) -> str:
    """What was played, for docs/hostile-files.md."""
    lines = [
        "| reader | inputs | seconds | slowest, ms | MiB | kinds of faults |",
        "|---|---|---|---|---|---|",
    ]
    for name, p in sorted(told.items()):
        lines.append(
            f"| {name} | {p.inputs:,} | {p.seconds:,.0f} | {1000 * p.slowest:,.0f} | {p.peak} "
            f"| {len(p.faults)} |"
        )
    inputs, seconds = (sum(getattr(p, n) for p in told.values()) for n in ("inputs", "seconds"))
    lines.append(f"| all | {inputs:,} | {seconds:,.0f} | | | |")
    return "\n".join(lines)


def play_batch(
    reader: FuzzedReader, seeds: Iterable[int], progress: Progress, say: Callable[[str], None]
) -> None:
    """Play these seeds, with the clock beside."""
    taken: Counter[str] = Counter(progress.taken)
    with watching() as kept:
        for seed in seeds:
            began = time.process_time()
            faults = _timed(reader, seed, kept, taken)
            spent = time.process_time() - began
            progress.slowest = max(progress.slowest, round(spent, 3))
            progress.inputs += 1
            for fault in faults:
                known = progress.faults.setdefault(fault.what, [])
                if len(known) < MOST_SEEDS:
                    known.append(seed)
                    say(str(fault))
    progress.taken = dict(taken)


def _timed(reader: FuzzedReader, seed: int, kept: list[str], taken: Counter[str]) -> list[Fault]:
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        how, faults = play(reader, seed, kept)
        taken[how] += 1
        return faults
    except TooSlow:
        return [Fault(reader.name, seed, f"takes longer than {SECONDS:.0f} s")]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def run(
    reader: FuzzedReader,
    upto: int,
    path: Path,
    until: float | None,
    say: Callable[[str], None],
) -> bool:
    """Play a reader's seeds up to a number, or until an instant; whether it is there."""
    progress = load(path).get(reader.name, Progress())
    if progress.inputs >= upto:
        return True
    signal.signal(signal.SIGPROF, _too_slow)
    play_batch(reader, range(3), Progress(), say)  # what is loaded once is not the inputs' doing
    idle = _now_held()
    _limit(ROOM)
    while progress.inputs < upto:
        if until is not None and time.time() >= until:
            return False
        began = time.monotonic()
        _forget_peak()
        first = progress.inputs
        play_batch(reader, range(first, min(first + BATCH, upto)), progress, say)
        progress.seconds = round(progress.seconds + time.monotonic() - began, 1)
        grown = (_peak() - idle) >> 20
        progress.peak = max(progress.peak, grown)
        if grown > MEBIBYTES:
            kind = f"the process grows by more than {MEBIBYTES} MiB"
            progress.faults.setdefault(kind, []).append(first)
            say(f"{reader.name} {first}: {kind} ({grown} MiB)")
        keep(path, reader.name, progress)
    say(
        f"{reader.name}: {progress.inputs:,} inputs, {progress.seconds:.0f} s, "
        f"{len(progress.faults)} faults, slowest {1000 * progress.slowest:.0f} ms, "
        f"peak {progress.peak} MiB"
    )
    return True


def _too_slow(_: int, __: FrameType | None) -> None:
    raise TooSlow


def _limit(room: int) -> None:
    """No more addresses than are mapped now, and some."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (MEBIBYTES << 20) + room
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _now_held() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _peak() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # not ours to clear: the peak then stays the highest of all
        return
