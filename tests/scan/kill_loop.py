"""Kill -9 at random moments of a scan, again and again; the result is that of an undisturbed run.

    python tests/scan/kill_loop.py --kills 100

The replica runs in a process of its own. Each scan is a forked child that is killed after a random
part of the time that an undisturbed scan took, and started again on the same store until it ends;
then its store is compared with the undisturbed one, and the next round begins with a new store.
A kill counts only when it met a living child: nothing here depends on how fast the machine is.
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
from difflib import unified_diff
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

SERVE = """
import sys
from replica.sample import sample_world
from replica.server import Replica
with Replica(sample_world(), latency=0.003) as hub:
    print(hub.endpoint, flush=True)
    sys.stdin.read()
"""
MOST_LIVES = 60
"""Kills of one scan; then it may end, so that every round does."""


def scan(url: str, endpoint: str) -> None:
    from tests.scan.walking import walk_hub

    from reseen.scan.target import Confirm, Options
    from reseen.store.database import Store

    with Store(url) as store:
        outcome = walk_hub(store, endpoint, options=Options(confirm=Confirm.FULL, refs=True))
    assert outcome.ended


def result(url: str, names: dict[str, int]) -> str:
    """Everything that must not depend on kills, in one text."""
    from sqlalchemy import func, select

    from reseen.observed import sightings
    from reseen.records import Rung
    from reseen.store.database import Store
    from reseen.store.schema import artifacts, repositories, scans, walks

    with Store(url) as store, store.read() as connection:
        found = sorted(
            (
                names[s.removal],
                s.type.value,
                s.repo,
                s.ref or "",
                s.path,
                s.rung.label,
                s.state.value,
                s.confirmed.value,
                # Which weaker evidence is noted beside stronger depends on what was learned first.
                sorted(
                    f"{e.rung.label} {e.kind}"
                    for e in s.evidence
                    if e.rung > Rung.WEIGHTS or e.rung is s.rung
                ),
            )
            for s in sightings.every(connection)
        )
        # Killed after its end and before its exit, a scan is followed by another that finds all
        # of it unchanged: the first one is what is compared.
        query = select(scans.c.ended_at, scans.c.coverage).order_by(scans.c.pk).limit(1)
        ended, text = connection.execute(query).one()
        coverage = json.loads(text)
        # What was asked and read again because of a kill is counted: it was asked.
        for again in ("requests", "bytes_read", "bytes_by"):
            del coverage[again]
        rows = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar()
            for table in (repositories, artifacts, walks)
        }
    lines = [json.dumps(each) for each in found]
    return "\n".join(
        [
            f"ended: {ended is not None}",
            json.dumps(coverage, sort_keys=True),
            json.dumps(rows),
            *lines,
        ]
    )


def new_store(folder: Path, name: str) -> tuple[str, dict[str, int]]:
    from replica.sample import sample_world
    from tests.scan.walking import fill

    from reseen.store.database import Store

    url = f"sqlite:///{folder / name}.db"
    with Store(url) as store:
        ids = fill(store, sample_world())
    return url, {id: number for number, id in ids.items()}


def live(url: str, endpoint: str, seconds: float | None) -> bool:
    """One life of a scan; killed after so many seconds. True when it was killed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            scan(url, endpoint)
            code = 0
        finally:
            os._exit(code)
    if seconds is not None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break
            time.sleep(0.002)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "the scan failed"
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    kills = rounds = 0
    serve = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with tempfile.TemporaryDirectory() as name, serve:
        assert serve.stdin is not None
        assert serve.stdout is not None
        endpoint = serve.stdout.readline().strip()
        folder = Path(name)
        url, names = new_store(folder, "undisturbed")
        began = time.monotonic()
        assert not live(url, endpoint, None)
        undisturbed = time.monotonic() - began
        expected = result(url, names)
        while kills < options.kills:
            rounds += 1
            url, names = new_store(folder, f"round-{rounds}")
            lives = 0
            while True:
                killing = kills < options.kills and lives < MOST_LIVES
                seconds = dice.uniform(0.0, undisturbed * 0.5) if killing else None
                lives += 1
                if not live(url, endpoint, seconds):
                    break
                kills += 1
            told = result(url, names)
            if told != expected:
                print(f"round {rounds} differs after {lives - 1} kills:")
                print("\n".join(unified_diff(expected.split("\n"), told.split("\n"), n=0)))
                return 1
            print(f"round {rounds}: {lives - 1} kills, the same result", flush=True)
        serve.stdin.close()
    print(f"{kills} kills in {rounds} scans: every result is that of an undisturbed scan")
    return 0


if __name__ == "__main__":
    sys.exit(main())
