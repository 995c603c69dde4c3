"""Queries against 50,000 SDXL removals and 1,000,000 of 128 modules, mapped from a saved index.

    python -m benchmarks.search_sketches [--sizes 50000x986,1000000x128] [--queries 128]

Prints a JSON object for each measurement, and all as rows of a table in the last line: milliseconds
of one core a query, alone and in batches of 64: where all look at the same modules, where each has
its own strongest ones among 256 that the secret names, and where these may be any; cold (the
arrays are not in the page cache) and warm; memory that is the process' own; bytes on disk. The
numbers are those of rank-4 updates; each query is one of the removed files turned to a cosine
between 0.25 and 1, and must be found.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.entries import SearchEntry
from reseen.match import nearest, saved, saved_columns
from reseen.match.nearest import BLOCK, NearestIndex

AIMS = {50_000: (5.0, 15.0), 1_000_000: (100.0, 300.0)}
"""Milliseconds a query in a batch: where modules are shared, and where each has its own."""
MOST_BYTES = 1_536
KEY = b"k" * 32
_POOL = 1 << 20
_BATCH = 64


def pool(rng: np.random.Generator) -> NDArray[np.int8]:
    """(n, 64): modules of rank 4 at length 1, in steps."""
    left = rng.standard_normal((_POOL, 8, 4), np.float32)
    right = rng.standard_normal((_POOL, 4, 8), np.float32)
    made = (left @ right).reshape(_POOL, 64)
    made *= 127 / np.linalg.norm(made, axis=1, keepdims=True)
    steps: NDArray[np.int8] = np.rint(made).astype(np.int8)
    return steps


def save(folder: Path, size: int, modules: int, rng: np.random.Generator) -> None:
    """A saved index of so many removals with so many modules, written as it is made."""
    some = pool(rng)
    ids = np.sort(rng.choice(2**32 - 1, modules, replace=False).astype(np.uint32) + 1)
    counts = [min(BLOCK, size - at) for at in range(0, size, BLOCK)]

    def codes() -> Iterator[NDArray[np.int8]]:
        for count in counts:
            for _ in range(modules):
                yield some[rng.integers(0, _POOL, count)]

    order = ids[ModuleOrder(b"benchmark").sorted(ids)]
    arrays: dict[str, Any] = {
        "column-order": ("I", (order,)),
        "column-ids": ("I", (ids,)),
        "column-keys": ("q", (np.arange(size),)),
        "column-codes": ("b", codes()),
    }
    saved.save(folder, KEY, saved.Parts({"sets": [[["sdxl"], modules, counts]]}, arrays))


def own_bytes() -> int:
    """Memory of this process that is in no file."""
    text = Path("/proc/self/status").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("RssAnon:")]
    return int(line.split()[1]) * 1024


def forget(folder: Path) -> None:
    """The files are no longer in the page cache, if they lie on a disk."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def queries(
    index: NearestIndex, count: int, own: bool, rng: np.random.Generator
) -> tuple[list[SearchEntry], list[int]]:
    """Removed files, turned; and their keys."""
    (held,) = index.sets.values()
    found, keys = [], []
    strengths = rng.lognormal(0, 0.6, len(held.ids)).astype(np.float32)
    for _ in range(count):
        block = held.blocks[rng.integers(len(held.blocks))]
        at = int(rng.integers(len(block.keys)))
        cosine = rng.uniform(0.25, 1)
        mine = np.ascontiguousarray(block.codes[:, at]).astype(np.float32) / 127
        noise = rng.standard_normal(mine.shape).astype(np.float32) / 8
        turned = cosine * mine + np.sqrt(1 - cosine**2) * noise
        turned *= 127 / np.linalg.norm(turned, axis=1, keepdims=True)
        norms = rng.lognormal(0, 0.6, len(held.ids)).astype(np.float32) if own else strengths
        found.append(SearchEntry("sdxl", held.ids, np.rint(turned).astype(np.int8), norms))
        keys.append(int(block.keys[at]))
    return found, keys


def measured(index: NearestIndex, asked: list[SearchEntry], keys: list[int]) -> tuple[float, float]:
    """Milliseconds of the processor a query, and the share of the planted that was found."""
    begun = time.process_time()
    answers = index.find_many(asked)
    took = (time.process_time() - begun) / len(asked) * 1e3
    found = sum(key in {c.key for c in some} for key, some in zip(keys, answers, strict=True))
    return took, found / len(keys)


def run(size: int, modules: int, count: int, folder: Path) -> list[dict[str, object]]:
    rng = np.random.default_rng(size)
    save(folder, size, modules, rng)
    before = own_bytes()
    about, parts = saved.open_parts(folder, KEY)
    index = saved_columns.put_back(about, parts)
    each = {own: queries(index, -(-count // _BATCH) * _BATCH, own, rng) for own in (False, True)}
    forget(folder)
    begun = time.perf_counter()
    index.find(each[False][0][0])
    cold = (time.perf_counter() - begun) * 1e3
    rows: list[dict[str, object]] = []
    what = f"{size:,} removed of {modules} modules"

    def row(name: str, told: str, aim: str = "", met: bool | None = None) -> None:
        rows.append({"what": f"{name}, {what}", "measured": told, "aim": aim, "met": met})
        print(json.dumps(rows[-1]), flush=True)

    row("a first query, arrays read from the disk", f"{cold:.0f} ms of the clock")
    measured(index, each[False][0][:_BATCH], each[False][1][:_BATCH])
    took, _ = measured(index, each[False][0][:1], each[False][1][:1])
    row("a query alone", f"{took:.0f} ms")
    shared, own = AIMS.get(size, (0.0, 0.0))
    for name, asked, aim, among in (
        ("a query in a batch of 64, the same modules", each[False], shared, nearest.AMONG),
        ("a query in a batch of 64, each its own of 256 modules", each[True], own, nearest.AMONG),
        ("a query in a batch of 64, each its own of all modules", each[True], 0.0, modules),
    ):
        usual, nearest.AMONG = nearest.AMONG, among
        took, found = measured(index, *asked)
        nearest.AMONG = usual
        met = took <= aim and found == 1 if aim else None
        told = f"{took:.1f} ms, {found:.2%} of the planted found"
        row(name, told, f"at most {aim:g} ms, all found" if aim else "", met)
    asking = sum(e.units.nbytes + e.norms.nbytes for some, _ in each.values() for e in some)
    mine = max(own_bytes() - before - asking, 0) / size
    row("memory of the process' own, a removal", f"{mine:,.0f} bytes",
        f"at most {MOST_BYTES:,} bytes", mine <= MOST_BYTES)  # fmt: skip
    disk = sum(path.stat().st_size for path in folder.iterdir()) / size
    row("on disk, a removal", f"{disk:,.0f} bytes")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Search among the sketches of removed files.")
    parser.add_argument("--sizes", default="50000x986,1000000x128")
    parser.add_argument("--queries", type=int, default=128)
    parser.add_argument("--folder", type=Path, help="where there is room for 9 GB")
    options = parser.parse_args()
    rows = []
    for text in options.sizes.split(","):
        size, modules = map(int, text.split("x"))
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="reseen-bench-") as name:
            rows += run(size, modules, options.queries, Path(name) / "index")
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
