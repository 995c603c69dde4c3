"""`make bench-shared-index`: a saved index of a gigabyte, opened by several processes of a sweep.

    python -m benchmarks.shared_index [--removals N] [--processes N]

Makes a registry of SDXL adapters that are numbers alone, saves its index, and opens it as the
processes of a sweep, of Ray and of Spark do: every byte is verified, then mapped. Prints as JSON
the seconds until a new process could examine its first file, by the clock and of the processor;
and, when each process has looked at every page, what of the machine's memory they hold of the index
together (the sum of their proportional shares, as Linux counts them), in copies of it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from tests import removals_made

from benchmarks.adapters import make, sketch
from benchmarks.sketched import of_values
from reseen.match import saved
from reseen.match.registry_index import RegistryIndex
from reseen.records import Names, RemovedFile
from reseen.scan.sweep.examiner import Depth
from reseen.scan.sweep.processes import WorkerSetup
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEYRING = Keyring(b"benchmark " * 3 + b"ok")
MOST_SECONDS, MOST_COPIES = 5.0, 1.05
_AT_ONCE = 500
_PAGE = 4096


def index(folder: Path, removals: int) -> Path:
    """The saved index of a registry with so many adapters."""
    rng, like = np.random.default_rng(0), sketch(make("sdxl", 1, rank=16), components=False)
    size = like.values().shape
    with Store(f"sqlite:///{folder / 'bench.db'}") as store:
        for first in range(0, removals, _AT_ONCE):
            files = [
                RemovedFile(
                    (), sketch=of_values(like, rng.standard_normal(size, np.float32)).encode()
                )
                for _ in range(first, min(first + _AT_ONCE, removals))
            ]
            new = [removals_made.NewRemoval("bench", None, None, Names(), (f,)) for f in files]
            with store.write() as connection:
                removals_made.insert(connection, KEYRING, new)
        with store.read() as connection:
            RegistryIndex.load(connection).save(folder / "index", KEYRING.for_indexes)
    return folder / "index"


def child(folder: Path, began: float) -> None:
    """One process: it opens the index, says so, looks at every page, and waits for the others."""
    pages: list[Any] = []
    real = saved._mapped

    def mapped(path: Path, length: int, expected: str) -> Any:
        pages.append(real(path, length, expected))
        return pages[-1]

    saved._mapped = mapped
    key, mac = KEYRING.for_indexes, saved.mac_of(folder)
    examiner = WorkerSetup(folder, key, str(folder), mac, Depth.HEADER, 64).open()
    ready = {"seconds": time.time() - began, "processor_seconds": time.process_time()}
    assert sum(sum(each[at] for at in range(0, len(each), _PAGE)) for each in pages) > 0
    print(json.dumps(ready), flush=True)
    sys.stdin.readline()  # the others have looked at every page too
    print(json.dumps(memory(folder)), flush=True)
    sys.stdin.readline()
    assert examiner is not None


def memory(folder: Path) -> dict[str, float]:
    """MiB: this process' share of the index's pages, and what it holds beside them."""
    share = other = 0
    of_index = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):
            of_index = str(folder) in rest
        elif name == "Pss:":
            count = int(rest.split()[0])
            share, other = (share + count, other) if of_index else (share, other + count)
    return {"index_mib": share / 1024, "other_mib": other / 1024}


def measure(removals: int, processes: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="reseen-bench-") as name:
        folder = index(Path(name), removals)
        size = sum(path.stat().st_size for path in folder.iterdir()) / 2**20
        alone = _started(folder)
        first = _told(alone)
        alone.communicate("\n\n")
        every = [_started(folder) for _ in range(processes)]
        ready = [_told(each) for each in every]
        for each in every:
            _go_on(each)
        held = [_told(each) for each in every]
        for each in every:
            _go_on(each)
            each.wait()
        copies = sum(each["index_mib"] for each in held) / size
    return {
        "removals": removals,
        "index_mib": round(size),
        "processes": processes,
        "ready_seconds": round(first["seconds"], 2),
        "ready_processor_seconds": round(first["processor_seconds"], 2),
        "all_ready_seconds": round(max(each["seconds"] for each in ready), 2),
        "copies": round(copies, 3),
        "own_mib_each": round(max(each["other_mib"] for each in held)),
        "met": first["seconds"] <= MOST_SECONDS and copies <= MOST_COPIES,
    }


def _started(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.shared_index", "--child", str(folder)]
    return subprocess.Popen(
        [*command, str(time.time())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _told(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdout is not None
    told: dict[str, float] = json.loads(process.stdout.readline())
    return told


def _go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--removals", type=int, default=8000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(Path(given.child[0]), float(given.child[1]))
    else:
        print(json.dumps(measure(given.removals, given.processes)))


if __name__ == "__main__":
    main()
