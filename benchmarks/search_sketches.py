"""A query against 50,000 and 1,000,000 removed files, against going through all of them.

    python -m benchmarks.search_sketches [--sizes 50000,1000000] [--queries 512]

Prints a JSON object a size and threshold, and all as rows of a table in the last line: milliseconds
of one core a query in a batch, for the index and the exhaustive comparison in the same run, whether
both found the same, and bytes a removed file. The searched numbers are those of rank-4 updates;
each query is one of the removed files turned to a cosine between 0.2 and 1.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import json
import math
import time

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.sketch import SEARCHED
from reseen.match.nearest import LEAST, NEAR, NearestIndex, Query, _interleaved

AIMS = {50_000: 1.0, 1_000_000: 20.0}
"""Milliseconds a query."""
MOST_BYTES = 1_200
_BATCH = 25_000

Floats = NDArray[np.float32]


def drawn(count: int, rng: np.random.Generator) -> Floats:
    """(count, 16, 64), each 64 at length 1."""
    left = rng.standard_normal((count * 16, 8, 4), np.float32)
    right = rng.standard_normal((count * 16, 4, 8), np.float32)
    made: Floats = (left @ right).reshape(count, 16, 64)
    made /= np.linalg.norm(made, axis=2, keepdims=True)
    return made


def steps(units: Floats) -> NDArray[np.int8]:
    return np.rint(units.reshape(-1, SEARCHED) * 127).astype(np.int8)


def exhaustive(
    all_codes: NDArray[np.int8], queries: NDArray[np.int8], least: float
) -> set[tuple[int, int]]:
    """(query, row) of all that reach the cosine, by all numbers of all rows."""
    turned = (queries.astype(np.float32) / np.float32(127 * 127 * 16)).T.copy()
    found: set[tuple[int, int]] = set()
    for start in range(0, len(all_codes), 4_096):
        near = all_codes[start : start + 4_096].astype(np.float32) @ turned
        for row, query in np.argwhere(near >= least).tolist():
            found.add((query, row + start))
    return found


def run(size: int, count: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    rng = np.random.default_rng(size)
    slots = np.arange(1, 17, dtype=np.uint32)
    index = NearestIndex()
    first = drawn(count, rng)
    index.add("sdxl", slots, steps(first), range(count))
    for start in range(count, size, _BATCH):
        some = min(_BATCH, size - start)
        index.add("sdxl", slots, steps(drawn(some, rng)), range(start, start + some))
    (group,) = index._groups.values()
    each = (group._codes.nbytes + group._keys.nbytes) / size
    # As the index holds them; the order of the numbers does not change a product.
    codes = group.codes
    cosine = rng.uniform(0.2, 1, (count, 1, 1)).astype(np.float32)
    turned = cosine * first + np.sqrt(1 - cosine * cosine) * drawn(count, rng)
    turned /= np.linalg.norm(turned, axis=2, keepdims=True)
    numbers = steps(turned)
    queries = [Query("sdxl", row, slots) for row in numbers]
    whole = _interleaved(numbers)
    index.find_many(queries[:8])  # warm
    times = {}
    for least in (LEAST, NEAR):
        begun = time.process_time()
        answers = index.find_many(queries, least)
        took = (time.process_time() - begun) / count * 1e3
        begun = time.process_time()
        truth = exhaustive(codes, whole, least)
        all_took = (time.process_time() - begun) / count * 1e3
        found = {(q, c.key) for q, some in enumerate(answers) for c in some}
        # On the very edge two sums of floats may differ by their order.
        edge = {
            (q, key)
            for q, key in found ^ truth
            if math.isclose(
                float(codes[key].astype(np.float32) @ whole[q]) / (127 * 127 * 16),
                least,
                abs_tol=1e-6,
            )
        }
        times[least] = took
        recall = len((found & truth) | (edge & truth)) / max(len(truth), 1)
        aim = AIMS.get(size, 0.0) / (1 if least == LEAST else 10)
        rows.append(
            {
                "what": f"query, {size:,} removed, cosine from {least}",
                "measured": f"{took:.2f} ms, recall {recall:.4f} of exhaustive ({all_took:.2f} ms)",
                "aim": f"under {aim:g} ms, the same found" if aim else "",
                "met": took < aim and recall == 1 if aim else None,
            }
        )
        print(
            json.dumps(
                {
                    "removed": size,
                    "least": least,
                    "ms_a_query": round(took, 3),
                    "ms_exhaustive": round(all_took, 3),
                    "found": len(found),
                    "found_exhaustive": len(truth),
                    "recall": recall,
                    "bytes_each": round(each),
                    "aim_ms": AIMS.get(size) if least == LEAST else None,
                    "times_faster_than_exhaustive": round(all_took / took, 1),
                    "times_faster_than_general": round(times[LEAST] / took, 1),
                    "bytes_aim": MOST_BYTES,
                }
            ),
            flush=True,
        )
    rows.append(
        {
            "what": f"memory a removed file while searching, {size:,} removed",
            "measured": f"{each:,.0f} bytes",
            "aim": f"at most {MOST_BYTES:,} bytes",
            "met": each <= MOST_BYTES,
        }
    )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Search among the sketches of removed files.")
    parser.add_argument("--sizes", default="50000,1000000")
    parser.add_argument("--queries", type=int, default=512)
    options = parser.parse_args()
    rows = [row for size in options.sizes.split(",") for row in run(int(size), options.queries)]
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
