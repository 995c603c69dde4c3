"""`make bench-index`: a saved index of 250,000 removals: opened, looked up in, shared, and a gate.

    python -m benchmarks.saved_index [--removals N]

Makes a registry of its own (nobody's digests), saves its index, and prints as JSON: seconds to save
and to open (every byte is verified), its size, SHA-256s looked up a second in the mapped index and
in one that was loaded from the store, memory that is a process' own (by two processes at once), and
the time from a gate's start in a new process until it is ready from its last state, without the
store. Seconds are of the clock, and of the processor where it says so: only the latter mean much on
a machine that does other things.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.declared import fill, sha256_of
from reseen.match.registry_index import RegistryIndex
from reseen.records import DigestKind
from reseen.settings import Settings
from reseen.store.database import Store
from reseen.store.sealing import Keyring

AIM = 2.0
"""Seconds until a gate is ready from its saved index."""
KEYRING = Keyring(b"benchmark " * 3 + b"ok")
_ASKED = 200_000


def own_mib() -> float:
    """What of this process' memory no other has, and its share of what several map."""
    text = Path("/proc/self/smaps_rollup").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("Pss:")]
    return int(line.split()[1]) / 1024


def lookups(index: RegistryIndex, removals: int) -> float:
    """A second of the processor, the best of three; one in a hundred is a removal's."""
    asked = [
        sha256_of(n % removals + 1) if n % 100 == 0 else hashlib.sha256(b"other %d" % n).digest()
        for n in range(_ASKED)
    ]
    best = 0.0
    for _ in range(3):
        started = time.process_time()
        found = sum(1 for value in asked if index.find(DigestKind.SHA256, value))
        best = max(best, _ASKED / (time.process_time() - started))
        assert found == _ASKED // 100
    return best


def child(what: str, folder: Path, removals: int) -> dict[str, Any]:
    """One process that opens it."""
    if what == "gate":
        from reseen.gate.gate import GateProcess

        made = GateProcess(settings(folder), KEYRING, None)
        made.start()
        while not made.ready().ready:
            time.sleep(0.002)
        ready = time.time()
        assert len(made.live) == removals
        print(json.dumps({"ready": ready, "processor": time.process_time()}), flush=True)
        os._exit(0)
    before, started = own_mib(), (time.perf_counter(), time.process_time())
    index = RegistryIndex.open(folder / "index", KEYRING.for_indexes)
    took = time.perf_counter() - started[0], time.process_time() - started[1]
    rate = lookups(index, removals)
    print("open", flush=True)
    sys.stdin.readline()  # the other process has it open too
    return {
        "open_seconds": took[0],
        "open_processor_seconds": took[1],
        "mapped_a_second": rate,
        "own_mib": own_mib() - before,
    }


def settings(folder: Path) -> Settings:
    return Settings(
        home=folder,
        db=f"sqlite:///{folder / 'away.db'}",
        key_file=folder / "key",
        state=folder / "gate",
    )


def _start(what: str, folder: Path, removals: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.saved_index", "--child", what]
    return subprocess.Popen(
        [*command, "--folder", str(folder), "--removals", str(removals)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _gate(folder: Path, removals: int) -> tuple[float, float]:
    started = time.time()
    process = _start("gate", folder, removals)
    told = json.loads(process.communicate()[0])
    return told["ready"] - started, told["processor"]


def measure(removals: int) -> dict[str, Any]:
    from reseen.gate import state
    from reseen.gate.policy import Policy

    with tempfile.TemporaryDirectory(prefix="reseen-bench-") as name:
        folder = Path(name)
        with Store(f"sqlite:///{folder / 'bench.db'}") as store:
            fill(store, removals)
            with store.read() as connection:
                index = RegistryIndex.load(connection)
        loaded = lookups(index, removals)
        started = time.perf_counter()
        index.save(folder / "index", KEYRING.for_indexes)
        results: dict[str, Any] = {
            "removals": removals,
            "save_seconds": time.perf_counter() - started,
            "mib_on_disk": sum(f.stat().st_size for f in (folder / "index").iterdir()) / 2**20,
            "loaded_a_second": loaded,
        }
        both = [_start("open", folder, removals) for _ in range(2)]
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
        told = [json.loads(process.communicate("on\n")[0]) for process in both]
        results |= {key: [round(one[key], 3) for one in told] for key in told[0]}
        last = state.LastState(index, {1: "bench"}, {}, Policy(), time.time())
        state.keep(folder / "gate" / state.FILE, KEYRING, last)
        ready = [_gate(folder, removals) for _ in range(5)]
        results["gate_ready_seconds"] = sorted(each for each, _ in ready)[2]
        results["gate_ready_processor_seconds"] = sorted(each for _, each in ready)[2]
        return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--removals", type=int, default=250_000)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(child(args.child, args.folder, args.removals)))
    else:
        print(json.dumps({**measure(args.removals), "aim_seconds": AIM}))


if __name__ == "__main__":
    main()
