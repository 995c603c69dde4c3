"""What the memory of a walk weighs: bytes of the store a repository, and for a hub of the size of
the largest.

    python -m benchmarks.storage [--repositories N]

Walks a replica whose repositories hold two LFS files each, and divides; the figure for the whole
hub is that times its number of repositories. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from benchmarks.replicas import replica, scan

HUB = 3_250_000
"""Models at the largest hub, roughly."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=5_000)
    given = parser.parse_args()
    options = ("--big", str(given.repositories))
    with replica(*options) as served, tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "storage.db"
        ours = scan(served.endpoint, db)
        with closing(sqlite3.connect(db)) as connection:
            connection.execute("vacuum")
        size = db.stat().st_size
    each = size / given.repositories
    result = {
        "repositories": given.repositories,
        "artifacts": ours["artifacts"],
        "bytes_a_repository": each,
        "gib_for_the_largest_hub": each * HUB / 2**30,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
