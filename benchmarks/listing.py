"""Peak memory of a listing: nothing is kept in memory per repository.

    python -m benchmarks.listing [--repositories N]

Lists a replica that makes its repositories as they are asked for, and stops when the listing is
done; the files are not listed. With --repositories 1000000 it is the measurement that the aim is
about; the default is a fifth of that, and a run of a tenth of it shows that the peak does not grow
with the number. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.replicas import replica, scan

AIM = 300
"""MiB, for 1,000,000 repositories."""


def listing(count: int) -> dict[str, Any]:
    with replica("--big", str(count)) as served, tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "listing.db"
        ours = scan(served.endpoint, db, listing_only=True)
        assert ours["listed"] == count
        return ours | {"store_mib": db.stat().st_size / 2**20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=200_000)
    given = parser.parse_args()
    some = listing(given.repositories // 10)
    every = listing(given.repositories)
    result = {
        "repositories": given.repositories,
        "peak_mib": every["peak_mib"],
        "peak_mib_of_a_tenth": some["peak_mib"],
        "seconds": every["seconds"],
        "store_mib": every["store_mib"],
        "aim_mib": AIM,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
