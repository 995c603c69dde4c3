"""Import of a long list: 250,000 rows of name, former link and SHA-256, as a whole process.

    python -m benchmarks.import_list [--rows N] [--keep FOLDER]

Makes its own list (nobody's names), runs the import in a process of its own and prints seconds;
in the same run it fills a bare sqlite3 table with the same bytes, so that a slow machine shows.
With --keep the registry stays, for benchmarks/lookup.py.
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
from pathlib import Path

AIM = 7.0
"""Seconds for 250,000 rows."""

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


def run_import(folder: Path, path: Path, rows: int) -> float:
    """Seconds of a whole process that imports a list into a new registry."""
    environ = {**os.environ, "RESEEN_HOME": str(folder), "RESEEN_DB": "", "RESEEN_KEY": ""}
    if _has_verb():
        command = [sys.executable, "-m", "reseen", "registry", "import", str(path)]
    else:
        command = [sys.executable, "-c", _RUN, str(path), str(rows)]
    started = time.perf_counter()
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    with sqlite3.connect(folder / "reseen.db") as database:
        (there,) = database.execute("SELECT count(*) FROM removals").fetchone()
    assert there == rows, there
    return seconds


def _has_verb() -> bool:
    command = [sys.executable, "-m", "reseen", "registry", "import", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0 and "FILE" in done.stdout


def bare_sqlite(folder: Path, path: Path) -> float:
    """Seconds to read the same list with csv and put it into one table with one index."""
    started = time.perf_counter()
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
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=250_000)
    parser.add_argument("--keep", type=Path, help="folder for the registry, which stays")
    parser.add_argument("--json", action="store_true", help="one object, for the table in docs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = Path(temporary) / "long list.csv"
        write_list(path, options.rows)
        bare = bare_sqlite(Path(temporary), path)
        seconds = run_import(folder, path, options.rows)
        size = (folder / "reseen.db").stat().st_size
    figures = {
        "rows": options.rows, "seconds": round(seconds, 2), "aim": AIM,
        "bare_sqlite_seconds": round(bare, 2), "megabytes": round(size / 1e6, 1),
    }  # fmt: skip
    if options.json:
        print(json.dumps(figures))
    else:
        print(
            f"import of {options.rows:,} rows: {seconds:.2f} s (aim: {AIM:.0f} s for 250,000);"
            f" bare sqlite3 without sealing or look-up: {bare:.2f} s; store: {size / 1e6:.0f} MB"
        )


if __name__ == "__main__":
    main()
