"""`make engines`: a sweep, Ray Data and Spark say the same of the same files, and what each costs.

    python -m benchmarks.engines [--files N] [--rows N]

Two measurements, printed as JSON:

- N files of all kinds (`benchmarks.sweep_world`), at the usual depth and in full: the sorted table
  of each engine (key, status, SHA-256, removal, lists, rung, relation, score), which must be equal
  byte for byte; in full also what `scan folder` finds, by the same background;
- N rows that take 10 ms each, waiting and not computing: the part of the time that an engine adds
  with two workers, and what it takes of the processor for each row, starting left out; and of twice
  as many rows with it (at most so much). The clock says something on an idle machine alone.

Ray gets two processors and a gigabyte at most; Spark needs Java 17 or 21.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pyarrow
import pyarrow.parquet

from benchmarks.processes_here import processor_seconds
from benchmarks.sweep_world import KEYRING, SECONDS_A_ROW, SweepWorld, WaitingSetup, make
from reseen.observed import sightings
from reseen.records import archive_path
from reseen.scan.folder import scan_folder
from reseen.scan.sweep import on_ray, on_spark, parts
from reseen.scan.sweep.engines import EngineSetup
from reseen.scan.sweep.examiner import Depth
from reseen.scan.sweep.processes import SweepSource, Workers
from reseen.scan.sweep.run import SweepAsked, SweepWork, run
from reseen.store.database import Store

COMPARED = ("key", "status", "sha256", "removal", "list_id", "rung", "relation", "score")
FOUND = ("key", "removal", "list_id", "rung", "relation", "score")
"""What a scan of the folder says too, of the rows in which a removal stands."""
WORKERS = 2
MOST_OVERHEAD = 0.05


def as_bytes(rows: list[dict[str, Any]], columns: tuple[str, ...] = COMPARED) -> bytes:
    """Rows as a sorted table in CSV; scores to four digits."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    for row in sorted(rows, key=lambda each: str(each["key"])):
        score = row["score"]
        told = {**row, "score": "" if score is None else f"{score:.4f}"}
        write.writerow([told[name] for name in columns])
    return out.getvalue().encode()


# -- the same table three times --------------------------------------------------------------------


def by_sweep(world: SweepWorld, depth: Depth, out: Path) -> list[dict[str, Any]]:
    key = KEYRING.for_indexes
    source = SweepSource(world.index, key, str(world.files), out)
    run(SweepAsked(world.manifest, source, depth, SweepWork(jobs=WORKERS, part_rows=100)))
    sweep = parts.opened(out, key)
    return [row for mark in parts.marks(out, key, sweep) for row in parts.rows(out, mark)]


def setup_of(world: SweepWorld, depth: Depth) -> EngineSetup:
    return EngineSetup(world.index, world.key_file, str(world.files), world.mac, depth)


def by_ray(world: SweepWorld, depth: Depth, out: Path) -> list[dict[str, Any]]:
    import ray

    rows = ray.data.read_parquet(str(world.manifest), override_num_blocks=8)
    on_ray.swept(rows, setup_of(world, depth), WORKERS, 100).write_parquet(str(out))
    return read_back(out)


def by_spark(session: Any, world: SweepWorld, depth: Depth, out: Path) -> list[dict[str, Any]]:
    rows = session.read.parquet(str(world.manifest)).repartition(4)
    on_spark.swept(rows, setup_of(world, depth)).write.parquet(str(out))
    return read_back(out)


def read_back(out: Path) -> list[dict[str, Any]]:
    """What an engine wrote."""
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(str(out)).to_pylist()
    return rows


def by_scan(world: SweepWorld) -> list[dict[str, Any]]:
    """What a scan of the folder records; of an archive the strongest in it."""
    with Store(f"sqlite:///{world.store}") as store:
        done = scan_folder(store, KEYRING, world.files, jobs=WORKERS)
        with store.read() as connection:
            every = [each for each in sightings.every(connection) if each.rung.on_ladder]
    assert done.coverage.artifacts > 0
    root = f"{world.files}/"
    found: dict[str, dict[str, Any]] = {}
    for one in sorted(every, key=lambda each: each.rung):
        top = max(one.evidence, key=lambda e: (e.rung, e.likeness or 0.0))
        key = archive_path(one.path) if one.member else one.path
        found[key] = {
            "key": key.removeprefix(root),
            "removal": one.removal,
            "list_id": "1",
            "rung": top.rung.label,
            "relation": top.figures.get("relation"),
            "score": None if top.likeness is None else round(top.likeness, 4),
        }
    return [*found.values()]


def hashed_rightly(world: SweepWorld, rows: list[dict[str, Any]]) -> bool:
    """In full, the SHA-256 of each row is its file's; of a pointer what that states."""
    for row in rows:
        data = (world.files / row["key"]).read_bytes()
        is_pointer = row["key"].endswith("pointer.safetensors")
        right = hashlib.sha256(data).hexdigest()
        if data and row["sha256"] != (data.decode()[54:118] if is_pointer else right):
            print(row, len(data), file=sys.stderr)
            return False
    return True


def compare(folder: Path, files: int, engines: list[str], session: Any) -> dict[str, Any]:
    world = make(folder, files)
    told: dict[str, Any] = {"files": files, "engines": ["sweep", *engines]}
    for depth in (Depth.HEADER, Depth.FULL):
        started = time.perf_counter()
        rows = by_sweep(world, depth, folder / f"sweep-{depth}")
        seconds = {"sweep": round(time.perf_counter() - started, 1)}
        table = as_bytes(rows)
        assert len(rows) == files
        for engine in engines:
            started, out = time.perf_counter(), folder / f"{engine}-{depth}"
            others = (
                by_ray(world, depth, out)
                if engine == "ray"
                else by_spark(session, world, depth, out)
            )
            seconds[engine] = round(time.perf_counter() - started, 1)
            say_difference(f"{engine} at {depth}", table, as_bytes(others))
        counts: dict[str, int] = {}
        for row in rows:
            counts[row["status"]] = counts.get(row["status"], 0) + 1
        told[depth.value] = {
            "sha256_of_each_table": hashlib.sha256(table).hexdigest(),
            "counts": dict(sorted(counts.items())),
            "rungs": sorted({row["rung"] for row in rows if row["rung"]}),
            "seconds": seconds,
        }
    scanned = as_bytes(by_scan(world), FOUND)
    say_difference("scan folder", as_bytes([row for row in rows if row["removal"]], FOUND), scanned)
    assert hashed_rightly(world, rows)
    told["scan_folder"] = f"the same {len(scanned.splitlines())} rows with a removal"
    return told


def say_difference(what: str, expected: bytes, found: bytes) -> None:
    """Raises AssertionError, with the first rows that differ."""
    if expected == found:
        return
    ours, theirs = (set(each.decode().splitlines()) for each in (expected, found))
    for line in sorted(ours ^ theirs)[:10]:
        print("<" if line in ours else ">", line, file=sys.stderr)
    raise AssertionError(f"{what} differs in {len(ours ^ theirs)} lines")


# -- what an engine adds ---------------------------------------------------------------------------


def rows_only(path: Path, count: int) -> Path:
    keys = [f"account/model/{number}.safetensors" for number in range(count)]
    table = pyarrow.table({"key": keys, "size": [1] * count})
    pyarrow.parquet.write_table(table, path, row_group_size=256)
    return path


def overhead(folder: Path, rows: int, engines: list[str], session: Any) -> dict[str, Any]:
    """Of so many rows and of twice as many: starting falls out of the difference."""
    setup = WaitingSetup(Path(), Path(), "", "")

    def ray_writes(manifest: Path, out: Path) -> None:
        import ray

        # Blocks of a batch each: a manifest this small would be one, and keep one actor busy.
        ray.data.DataContext.get_current().target_max_block_size = 10_000
        read = ray.data.read_parquet(str(manifest))
        on_ray.swept(read, setup, WORKERS).write_parquet(str(out))

    def spark_writes(manifest: Path, out: Path) -> None:
        read = session.read.parquet(str(manifest)).repartition(WORKERS)
        on_spark.swept(read, setup).write.parquet(str(out))

    def pool_alone(manifest: Path, out: Path) -> None:
        batches = pyarrow.parquet.ParquetFile(manifest).iter_batches(256)
        workers = Workers(setup.worker(), WORKERS)
        for _ in workers.examined(enumerate(batches)):
            pass
        workers.close()

    ways: dict[str, Callable[[Path, Path], None]] = {"sweep": pool_alone}
    ways |= {"ray": ray_writes} if "ray" in engines else {}
    ways |= {"spark": spark_writes} if "spark" in engines else {}
    told: dict[str, Any] = {"rows": rows, "ms_a_row": 1000 * SECONDS_A_ROW, "workers": WORKERS}
    for name, way in ways.items():
        way(rows_only(folder / "warm.parquet", 512), folder / f"{name}-warm")
        took = []
        for count in (rows, 2 * rows):
            manifest = rows_only(folder / f"rows-{count}.parquet", count)
            started, processor = time.perf_counter(), processor_seconds()
            way(manifest, folder / f"{name}-{count}")
            took.append((time.perf_counter() - started, processor_seconds() - processor))
        clock, processor = (after - before for before, after in zip(*took, strict=True))
        aim = rows * SECONDS_A_ROW / WORKERS
        told[name] = {
            "overhead": round(clock / aim - 1, 4),
            "processor_ms_a_row": round(1000 * processor / rows, 3),
            "processor_ms_a_row_at_most": round(1000 * took[1][1] / (2 * rows), 3),
            "seconds_of_all": round(took[1][0], 1),
            "met": clock / aim - 1 <= MOST_OVERHEAD,
        }
    return told


# -- the engines -----------------------------------------------------------------------------------


@contextmanager
def ray_running() -> Iterator[None]:
    import logging

    import ray

    ray.init(
        num_cpus=WORKERS + 1,  # one to read and write
        object_store_memory=300_000_000,
        include_dashboard=False,
        logging_level=logging.ERROR,
        log_to_driver=False,
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        yield
    finally:
        ray.shutdown()


def spark_session(master: str = f"local[{WORKERS}]") -> Any:
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    return (
        SparkSession.builder.master(master)
        .appName("reseen")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "256")
        .config("spark.speculation", "false")
        .getOrCreate()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--engines", nargs="*", default=["ray", "spark"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reseen-bench-") as name, ExitStack() as running:
        folder, session = Path(name), None
        if "spark" in given.engines:
            session = spark_session()
            running.callback(session.stop)
        if "ray" in given.engines:
            running.enter_context(ray_running())
        for what, count in ((compare, given.files), (overhead, given.rows)):
            if count:
                place = folder / what.__name__
                place.mkdir()
                print(json.dumps(what(place, count, given.engines, session)), flush=True)


if __name__ == "__main__":
    main()
