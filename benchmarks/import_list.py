"""Import of a long list: 250,000 rows of name, former link and SHA-256, as a whole process.

    python -m benchmarks.import_list [--rows N] [--rounds N] [--on sqlite|postgresql|both]
                                     [--keep FOLDER]

Makes its own list (nobody's names) and runs the import in a process of its own. Before each, the
same bytes go into one table of a bare sqlite3, so that a slow machine slows both: what counts is
the median of the ratios of the rounds. PostgreSQL is started for this where it is installed; its
time is compared with that of SQLite in the same round. With --keep the registry stays, for
benchmarks/lookup.py.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.postgres import Cluster

AIM = 6.0
"""Times the seconds of bare sqlite3."""
AIM_POSTGRESQL = 2.0
"""Times the seconds of ours on SQLite."""

_RUN = """
import sys
from pathlib import Path
from reseen.registry.imports import import_list
from reseen.store.sealing import Keyring
from reseen.store.database import Store
from reseen.settings import Settings
settings = Settings.from_environment()
with Store(settings.db) as store:
    keyring = Keyring.for_store(store, settings, create=True)
    account = import_list(store, keyring, Path(sys.argv[1]))
assert account.added == int(sys.argv[2]), account
"""


def row_of(number: int) -> tuple[str, str, str]:
    """Row `number` of the list: name, former link, SHA-256."""
    name = f"Sample person {number:06d} - style of painting v{number % 7}"
    model, version = 100_000 + 3 * number, 200_000 + 5 * number
    link = f"https://civitai.com/models/{model}/sample-person-{number}?modelVersionId={version}"
    return name, link, hashlib.sha256(f"sample {number}".encode()).hexdigest()


def write_list(path: Path, rows: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "link", "SHA256"])
        writer.writerows(row_of(number) for number in range(rows))


@dataclass(frozen=True, slots=True)
class Import:
    """What a whole process took."""

    seconds: float
    processor: float
    """Seconds, with those of the process beside it."""
    peak: float
    """The most memory that it or the process beside it held, in MiB."""


def run_import(folder: Path, path: Path, rows: int, url: str = "") -> Import:
    """A whole process that imports a list into a new registry, in the folder or at a server's
    URL."""
    environ = {**os.environ, "RESEEN_HOME": str(folder), "RESEEN_DB": url, "RESEEN_KEY": ""}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its bytecode
    if _has_verb(environ):
        command = [sys.executable, "-m", "reseen", "registry", "import", str(path)]
    else:
        command = [sys.executable, "-c", _RUN, str(path), str(rows)]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.returncode
    there = _count(url) if url else _count_in(folder / "reseen.db")
    assert there == rows, there
    return Import(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _count_in(file: Path) -> int:
    # Closed here and now: else it goes away with its files while the next round clears them.
    with closing(sqlite3.connect(file)) as database:
        (there,) = database.execute("SELECT count(*) FROM removals").fetchone()
        return int(there)


def _count(url: str) -> int:
    import psycopg

    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM removals").fetchone()
        return int(row[0]) if row else 0


def _has_verb(environ: dict[str, str]) -> bool:
    command = [sys.executable, "-m", "reseen", "registry", "import", "--help"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    return done.returncode == 0 and "FILE" in done.stdout


def bare_sqlite(folder: Path, path: Path) -> tuple[float, float]:
    """Seconds to read the same list with csv and put it into one table with one index; by the
    clock and of the processor."""
    started, used = time.perf_counter(), time.process_time()
    database = sqlite3.connect(folder / "bare.db")
    database.execute("CREATE TABLE removals (name TEXT, link TEXT, sha256 BLOB)")
    with path.open(newline="") as file:
        rows = csv.reader(file)
        next(rows)
        database.executemany(
            "INSERT INTO removals VALUES (?, ?, ?)", ((n, u, bytes.fromhex(h)) for n, u, h in rows)
        )
    database.execute("CREATE INDEX ix ON removals (sha256)")
    database.commit()
    database.close()
    return time.perf_counter() - started, time.process_time() - used


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds, measured one after another."""

    bare: float
    bare_processor: float
    sqlite: Import
    postgresql: float | None = None


def measure(path: Path, rows: int, folder: Path, server: Cluster | None) -> Round:
    """One round; the registry is left in the folder."""
    for old in folder.glob("*.db*"):
        old.unlink()
    bare = bare_sqlite(folder, path)
    sqlite = run_import(folder, path, rows)
    if server is None:
        return Round(*bare, sqlite)
    with tempfile.TemporaryDirectory() as home, server.database() as url:
        return Round(*bare, sqlite, run_import(Path(home), path, rows, url).seconds)


@contextmanager
def _server(wanted: bool) -> Iterator[Cluster | None]:
    if not wanted:
        yield None
        return
    from tests.postgres import Cluster, Missing

    try:
        cluster = Cluster()
    except Missing as e:
        print(f"postgresql: not measured: {e}", file=sys.stderr)
        yield None
        return
    with cluster:
        yield cluster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=250_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--on", choices=["sqlite", "postgresql", "both"], default="sqlite")
    parser.add_argument("--keep", type=Path, help="folder for the registry, which stays")
    parser.add_argument("--json", action="store_true", help="one object, for the table in docs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, _server(options.on != "sqlite") as server:
        folder = options.keep or Path(temporary) / "registry"
        folder.mkdir(parents=True, exist_ok=True)
        path = Path(temporary) / "long list.csv"
        write_list(path, options.rows)
        rounds = [
            measure(path, options.rows, folder, server) for _ in range(max(1, options.rounds))
        ]
        size = (folder / "reseen.db").stat().st_size
    figures: dict[str, float | int] = {
        "rows": options.rows,
        "rounds": len(rounds),
        "seconds": round(median(r.sqlite.seconds for r in rounds), 2),
        "bare_sqlite_seconds": round(median(r.bare for r in rounds), 2),
        "times_bare": round(median(r.sqlite.seconds / r.bare for r in rounds), 1),
        "processor_times_bare": round(
            median(r.sqlite.processor / r.bare_processor for r in rounds), 1
        ),
        "aim_times": AIM,
        "peak_mebibytes": round(median(r.sqlite.peak for r in rounds)),
        "megabytes": round(size / 1e6, 1),
    }
    there = [(r.postgresql, r.sqlite.seconds) for r in rounds if r.postgresql is not None]
    if there:
        figures["postgresql_seconds"] = round(median(seconds for seconds, _ in there), 2)
        figures["times_sqlite"] = round(median(seconds / ours for seconds, ours in there), 2)
        figures["aim_times_sqlite"] = AIM_POSTGRESQL
    if options.json:
        print(json.dumps(figures))
        return
    print(
        f"import of {options.rows:,} rows, {len(rounds)} rounds: {figures['seconds']} s, "
        f"{figures['times_bare']} times bare sqlite3 without sealing or look-up "
        f"({figures['bare_sqlite_seconds']} s; aim: {AIM:.0f} times), of the processor "
        f"{figures['processor_times_bare']} times; store: {size / 1e6:.0f} MB; "
        f"at most {figures['peak_mebibytes']} MiB of memory"
    )
    if there:
        print(
            f"on PostgreSQL: {figures['postgresql_seconds']} s, {figures['times_sqlite']} times "
            f"that on SQLite (aim: {AIM_POSTGRESQL:.0f} times)"
        )


if __name__ == "__main__":
    main()
