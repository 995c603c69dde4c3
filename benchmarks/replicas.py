"""What the benchmarks of the walk share: a replica in a process of its own, and a scan in another.

Nothing here measures; `scan` gives seconds, what was covered, and the peak memory of its process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

_SCAN = """
import asyncio, json, resource, sys, time
from reseen.hubs.client_options import ClientOptions
from reseen.hubs.huggingface import HuggingFace
from reseen.scan.shared_windows import StoreWindows
from reseen.store.sealing import Keyring
from reseen.store.database import Store
from reseen.scan.target import Confirm, Options, Target
from reseen.scan.context import ScanContext
from reseen.scan.pace import Pace
from reseen.scan.progress import Listener
from reseen.scan.walk import walk

given = json.loads(sys.argv[1])
stop = asyncio.Event()
told = []

def report(progress):
    told.append((time.monotonic(), progress.listed, progress.walked))
    del told[:-2]
    if given["listing_only"] and not progress.listing:
        stop.set()

async def main(store):
    if given["seconds"]:
        asyncio.get_running_loop().call_later(given["seconds"], stop.set)
    options = Options(confirm=Confirm.NONE, follow=False)
    pace = Pace(workers=0 if given["listing_only"] else given["workers"])
    shared = StoreWindows(store, given["shared"]) if given["shared"] else None
    token = "hf_sample" if shared else None
    async with HuggingFace(given["endpoint"], token, ClientOptions(shared=shared)) as hub:
        return await walk(ScanContext(store, None, hub, Target(everything=True), options,
                                      pace=pace, listener=Listener(report), stop=stop))

with Store(given["db"]) as store:
    began = time.monotonic()
    cpu = time.process_time()
    outcome = asyncio.run(main(store))
    print(json.dumps({
        "seconds": time.monotonic() - began,
        "cpu_seconds": time.process_time() - cpu,
        "listed": outcome.coverage.listed,
        "walked": outcome.coverage.walked,
        "artifacts": outcome.coverage.artifacts,
        "requests": outcome.coverage.requests,
        "sightings": len(outcome.sightings),
        "ended": outcome.ended,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))
"""


@dataclass(slots=True)
class Served:
    """A replica under way; `stats` is filled when it has ended."""

    endpoint: str
    stats: dict[str, Any] = field(default_factory=dict)


@contextmanager
def replica(*options: str) -> Iterator[Served]:
    """`python -m replica --stats` with these options."""
    process = subprocess.Popen(
        [sys.executable, "-m", "replica", "--stats", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        served = Served(json.loads(process.stdout.readline())["endpoint"])
        yield served
    finally:
        process.terminate()
        rest = process.communicate(timeout=60)[0]
    served.stats = json.loads(rest)


def scan(
    endpoint: str,
    db: Path,
    *,
    workers: int = 32,
    seconds: float | None = None,
    listing_only: bool = False,
) -> dict[str, Any]:
    """A scan of everything as a process of its own. `seconds`: stop it then."""
    given = {"workers": workers, "seconds": seconds, "listing_only": listing_only, "shared": ""}
    return ended(start(endpoint, f"sqlite:///{db}", given))


def start(endpoint: str, db: str, given: Mapping[str, Any]) -> subprocess.Popen[str]:
    """A scan of everything as a process of its own, begun. `db`: a store's URL. `shared`: the hub's
    name, where its quota is shared with others."""
    usual = {"workers": 32, "seconds": None, "listing_only": False, "shared": ""}
    told = json.dumps({**usual, **given, "endpoint": endpoint, "db": db})
    return subprocess.Popen(
        [sys.executable, "-c", _SCAN, told], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a scan that was begun came to."""
    said = process.communicate()[0]
    assert process.returncode == 0
    result: dict[str, Any] = json.loads(said)
    return result
