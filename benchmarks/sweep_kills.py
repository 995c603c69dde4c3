"""`make bench-kills`: processes of a sweep and of Ray killed a hundred times; every row comes once.

    python -m benchmarks.sweep_kills [--files N] [--sweep KILLS] [--ray KILLS] [--seed N]

What is killed, by SIGKILL: for `reseen sweep run` the processes that examine and the one that
started them; for Ray Data its actors, the processes beside them that examine, its other tasks, and
the driver, with which its actors end. Whoever was killed as a driver is started again, as people
do: a sweep goes on by its parts, Ray by its own checkpoint (`CheckpointConfig`, which its makers
call beta) of the column `key`. A kill falls when something new was written, and between two such at
most once more, so that every run ends at last; then the next begins.

Of every run that ended: rows lost, rows doubled, and rows that say other than an undisturbed sweep
does. All must be 0. Printed as JSON, with the seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


from benchmarks.engines import as_bytes, by_sweep, read_back
from benchmarks.processes_here import command_of, descendants
from benchmarks.sweep_world import KEYRING, SweepWorld, make
from reseen.scan.sweep import on_ray, parts
from reseen.scan.sweep.engines import EngineSetup
from reseen.scan.sweep.examiner import Depth
from reseen.scan.sweep.processes import SweepSource
from reseen.scan.sweep.run import SweepAsked, SweepWork, run

ROWS = 10
"""Of a part, and of a batch."""
MOST_GAVE_UP = 20
LONGEST = 900.0
"""Seconds in which something new is written, or it hangs."""


@dataclass(slots=True)
class Killed:
    """What came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    """By what was killed."""
    runs: int = 0
    """Runs that ended, with every row."""
    gave_up: int = 0
    """Drivers that ended by themselves when something of theirs was killed, and were started again
    as those that were killed."""
    lost: int = 0
    doubled: int = 0
    other: int = 0
    """Rows that are not as in an undisturbed sweep."""

    @property
    def is_right(self) -> bool:
        return self.lost == self.doubled == self.other == 0


@dataclass(frozen=True, slots=True)
class Way:
    """One way to sweep."""

    name: str
    written: Callable[[Path], int]
    """How many pieces of it are there."""
    rows: Callable[[Path], list[dict[str, Any]]]
    kind: Callable[[str], str | None]
    """What a process is, by its command line; None: it is left alone."""


def _sweep_written(out: Path) -> int:
    return len([*out.glob("part-*.json")])


def _sweep_rows(out: Path) -> list[dict[str, Any]]:
    key = KEYRING.for_indexes
    sweep = parts.opened(out, key)
    return [row for mark in parts.marks(out, key, sweep) for row in parts.rows(out, mark)]


def _sweep_kind(command: str) -> str | None:
    return "process that examines" if "spawn_main" in command else None


def _ray_written(out: Path) -> int:
    return len([*out.glob("*.parquet")])


_RAYS_OWN = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent")


def _ray_kind(command: str) -> str | None:
    if "spawn_main" in command:
        return "process that examines"
    if command.startswith("ray::MapWorker(MapBatches(RayExaminer))"):
        return "actor"
    is_other = command.startswith("ray::") and not command.startswith(_RAYS_OWN)
    return "other task or actor" if is_other else None


WAYS = {
    "sweep": Way("sweep", _sweep_written, _sweep_rows, _sweep_kind),
    "ray": Way("ray", _ray_written, read_back, _ray_kind),
}


def play(world: SweepWorld, way: Way, kills: int, folder: Path, rng: random.Random) -> Killed:
    """Runs, one after another, until so many kills have fallen."""
    killed = Killed()
    expected = by_sweep(world, Depth.FULL, folder / f"undisturbed {way.name}")
    table = as_bytes(expected)
    wanted = Counter(row["key"] for row in expected)
    while killed.kills.total() < kills:
        out = folder / f"{way.name}-{killed.runs}"
        _play_one(world, way, kills, out, (killed, rng))
        rows = way.rows(out)
        found = Counter(row["key"] for row in rows)
        killed.runs += 1
        killed.lost += (wanted - found).total()
        killed.doubled += (found - wanted).total()
        once = as_bytes([*{row["key"]: row for row in rows}.values()])
        killed.other += len(set(table.splitlines()) - set(once.splitlines()))
        print(way.name, killed, file=sys.stderr, flush=True)
    return killed


def _play_one(
    world: SweepWorld, way: Way, kills: int, out: Path, state: tuple[Killed, random.Random]
) -> None:
    """One run, until it has ended whole."""
    killed, rng = state
    early = True  # a kill may fall before anything new is written
    while True:
        log = Path(f"{out} log")
        with log.open("ab") as said:
            driver = subprocess.Popen(_command(world, way, out), stdout=said, stderr=said)
        try:
            for is_news in _moments(driver, way, out, rng.uniform(3, 30)):
                if killed.kills.total() >= kills or not (is_news or early):
                    continue
                early = is_news
                time.sleep(rng.random())
                at_driver = rng.random() < 0.4
                root = os.getpid() if way.name == "ray" else driver.pid
                victims = {} if at_driver else _victims(root, way)
                pid = rng.choice(sorted(victims)) if victims else driver.pid
                if driver.poll() is None and _kill(pid):
                    print(way.name, victims.get(pid, "driver"), file=sys.stderr, flush=True)
                    killed.kills[victims.get(pid, "driver")] += 1
        finally:
            if driver.poll() is None:
                driver.kill()
        _wait_until_gone(driver)
        if driver.returncode == 0:
            return
        if driver.returncode != -signal.SIGKILL:
            killed.gave_up += 1
            print(way.name, log.read_text(errors="replace")[-2000:], file=sys.stderr, flush=True)
            if killed.gave_up > MOST_GAVE_UP:
                raise RuntimeError(f"drivers of {way.name} end by themselves")


def _moments(
    driver: subprocess.Popen[bytes], way: Way, out: Path, seconds: float
) -> Iterator[bool]:
    """When something new is written (True), and when for some seconds nothing was (False, once);
    ends with the driver."""
    before, at, told = way.written(out), time.monotonic(), False
    while driver.poll() is None:
        now = way.written(out)
        if now > before:
            before, at, told = now, time.monotonic(), False
            yield True
        elif not told and time.monotonic() > at + seconds:
            told = True
            yield False
        elif time.monotonic() > at + LONGEST:
            raise TimeoutError(f"{way.name} wrote nothing new in {LONGEST:.0f} s")
        time.sleep(0.05)


def _victims(driver: int, way: Way) -> dict[int, str]:
    found = {pid: way.kind(command_of(pid)) for pid in descendants(driver)}
    return {pid: kind for pid, kind in found.items() if kind is not None}


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _wait_until_gone(driver: subprocess.Popen[bytes]) -> None:
    """What it started ends with it, by itself."""
    driver.wait()
    left, until = descendants(driver.pid), time.monotonic() + 60
    while left and time.monotonic() < until:
        left = descendants(driver.pid)
        time.sleep(0.1)


# -- a driver, in a process of its own -------------------------------------------------------------


def _command(world: SweepWorld, way: Way, out: Path) -> list[str]:
    root = str(world.files.parent)
    return [sys.executable, "-m", "benchmarks.sweep_kills", "--drive", way.name, root, str(out)]


def _drive(way: str, world: SweepWorld, out: Path) -> None:
    if way == "sweep":
        source = SweepSource(world.index, KEYRING.for_indexes, str(world.files), out)
        run(SweepAsked(world.manifest, source, Depth.FULL, SweepWork(2, part_rows=ROWS)))
        return
    import ray
    from ray.data.checkpoint import CheckpointConfig

    ray.init(address="auto", log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = 1000  # bytes: some rows of a manifest, as a large one has many
    context.checkpoint_config = CheckpointConfig(
        id_column="key",
        checkpoint_path=f"{out} checkpoint",
        delete_checkpoint_on_success=False,
    )
    setup = EngineSetup(world.index, world.key_file, str(world.files), world.mac, Depth.FULL)
    rows = ray.data.read_parquet(str(world.manifest))
    on_ray.swept(rows, setup, 2, ROWS).write_parquet(str(out))


@contextmanager
def _cluster(way: Way) -> Iterator[None]:
    """Ray's, which outlives its drivers."""
    if way.name == "sweep":
        yield
        return
    import ray

    ray.init(
        num_cpus=6, object_store_memory=200_000_000, include_dashboard=False, log_to_driver=False
    )
    os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
    try:
        yield
    finally:
        ray.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--sweep", type=int, default=50)
    parser.add_argument("--ray", type=int, default=50)
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--drive", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive:
        way, root, out = given.drive
        _drive(way, SweepWorld.at(Path(root)), Path(out))
        return
    with tempfile.TemporaryDirectory(prefix="reseen-bench-") as name:
        world, rng = make(Path(name) / "world", given.files), random.Random(given.seed)
        for way, kills in ((WAYS["sweep"], given.sweep), (WAYS["ray"], given.ray)):
            if kills:
                started = time.monotonic()
                with _cluster(way):
                    killed = play(world, way, kills, Path(name), rng)
                told = {
                    "way": way.name,
                    "rows": given.files,
                    "kills": killed.kills.total(),
                    "of": dict(sorted(killed.kills.items())),
                    "runs": killed.runs,
                    "gave_up": killed.gave_up,
                    "lost": killed.lost,
                    "doubled": killed.doubled,
                    "other": killed.other,
                    "met": killed.is_right,
                    "seconds": round(time.monotonic() - started),
                }
                print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
