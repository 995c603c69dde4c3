"""`make bench-sweep`: what a hub's own storage costs to look through.

    python -m benchmarks.sweep [--rows N] [--start-rows N] [--files N] [--removals N]

Three measurements, each printed as JSON, with its aim where there is one:

- a manifest with a SHA-256 in each row, one in a thousand a removal's: rows a second by checksums
  alone, with one process and with two, and what looking through the manifest takes before that;
- adapters of rank 16 that no removal is like, on a disk and without checksums: bytes read at the
  usual depth as a part of theirs, requests and seconds of the processor for each;
- a manifest of many rows (`--start-rows`): seconds until its first shard of a thousand is done,
  and the memory of the largest process.

Makes everything itself; of the adapters only numbers are random, names and shapes are true.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pyarrow
import pyarrow.parquet
from replica.made import Tensor, safetensors
from tests.match.made import remove

from benchmarks.adapters import Adapter, make, sketch
from benchmarks.declared import fill, sha256_of
from reseen.hubs.object_store import ObjectStore
from reseen.match.registry_index import RegistryIndex
from reseen.records import RemovedFile
from reseen.scan.sweep.examiner import Depth, Examiner
from reseen.scan.sweep.manifest import look_through
from reseen.scan.sweep.processes import SweepSource
from reseen.scan.sweep.run import SweepAsked, SweepWork, run
from reseen.store.database import Store
from reseen.store.sealing import Keyring

KEY = Keyring(b"benchmark " * 3 + b"ok").for_indexes
AIMS = {"sdxl": 0.01, "flux": 0.015}
"""The part of a file of rank 16 that may be read."""
START_SECONDS, START_MIB = 60, 1024
_GROUP = 1_000_000
_PREFIXES = {"unet.": "lora_unet_", "clip_l.": "lora_te1_", "clip_g.": "lora_te2_"}


def manifest(path: Path, rows: int, removals: int) -> None:
    """Keys of three steps, sizes, and SHA-256s as 32 bytes."""
    rng = np.random.default_rng(0)
    types = (pyarrow.string(), pyarrow.int64(), pyarrow.binary(32))
    schema = pyarrow.schema(list(zip(("key", "size", "sha256"), types, strict=True)))
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for first in range(0, rows, _GROUP):
            count = min(_GROUP, rows - first)
            keys = [
                f"account-{n % 99_991:05}/model-{n}/a.safetensors"
                for n in range(first, first + count)
            ]
            values = rng.bytes(32 * count)
            digests = [values[32 * n : 32 * n + 32] for n in range(count)]
            for n in range(0, count, 1000):
                digests[n] = sha256_of((first + n) // 1000 % removals + 1)
            sizes = rng.integers(1 << 20, 1 << 30, count)
            columns = [pyarrow.array(keys), pyarrow.array(sizes), pyarrow.array(digests, types[2])]
            writer.write_table(pyarrow.table(columns, schema=schema))


def index(folder: Path, removals: int) -> Path:
    """The saved index of a registry with so many SHA-256s."""
    with Store(f"sqlite:///{folder / 'bench.db'}") as store:
        fill(store, removals)
        with store.read() as connection:
            RegistryIndex.load(connection).save(folder / "index", KEY)
    return folder / "index"


def exact(folder: Path, rows: int, removals: int) -> dict[str, Any]:
    """By checksums alone."""
    manifest(folder / "manifest", rows, removals)
    at = index(folder, removals)
    started = time.perf_counter()
    look_through(folder / "manifest")
    found: dict[str, Any] = {"rows": rows, "removals": removals}
    found["look_through_seconds"] = round(time.perf_counter() - started, 2)
    for jobs in (1, 2):
        out = folder / f"out-{jobs}"
        asked = SweepAsked(
            folder / "manifest",
            SweepSource(at, KEY, str(folder), out),
            Depth.NONE,
            SweepWork(jobs=jobs),
        )
        started, processor = time.perf_counter(), time.process_time()
        done = run(asked)
        took = time.perf_counter() - started
        assert done.counts["match"] == -(-rows // 1000)
        if jobs == 1:
            spent = time.process_time() - processor
            found["rows_a_second_of_the_processor"] = round(rows / spent)
        found[f"rows_a_second_{jobs}"] = round(rows / took)
        found["mib_of_parts"] = round(sum(p.stat().st_size for p in out.iterdir()) / 2**20, 1)
    return found


def file_of(adapter: Adapter) -> bytes:
    """As its trainers write it: kohya's names, of Flux.1 those of diffusers; float16."""
    tensors = []
    for name, factors in adapter.layers.items():
        up, down = factors.scaled_up.astype(np.float16), factors.down.astype(np.float16)
        if adapter.architecture == "flux":
            names = (f"{name}.lora_B.weight", f"{name}.lora_A.weight")
        else:
            prefix = next(each for each in _PREFIXES if name.startswith(each))
            base = _PREFIXES[prefix] + name.removeprefix(prefix).replace(".", "_")
            names = (f"{base}.lora_up.weight", f"{base}.lora_down.weight")
        tensors += [
            Tensor(n, "F16", v.shape, v.tobytes()) for n, v in zip(names, (up, down), strict=True)
        ]
    return safetensors(tensors, {"format": "pt"})


def share(folder: Path, model: str, files: int) -> dict[str, Any]:
    """Adapters that no removal is like, at the usual depth."""
    (folder / "store").mkdir(parents=True)
    with Store(f"sqlite:///{folder / 'bench.db'}") as store:
        for seed in range(1, 4):
            made = sketch(make(model, seed, rank=16), components=True)
            remove(store, RemovedFile((), sketch=made.encode()))
        with store.read() as connection:
            RegistryIndex.load(connection).save(folder / "index", KEY)
    keys, sizes = [], []
    for number in range(files):
        data = file_of(make(model, 1000 + number, rank=16))
        (folder / "store" / f"{number}.safetensors").write_bytes(data)
        keys.append(f"{number}.safetensors")
        sizes.append(len(data))
    store_read = ObjectStore(str(folder / "store"))
    batch = pyarrow.RecordBatch.from_pydict({"key": keys, "size": sizes})
    known = RegistryIndex.open(folder / "index", KEY)
    started, processor = time.perf_counter(), time.process_time()
    rows = Examiner(known, store_read, Depth.HEADER)(batch).to_pylist()
    took, spent = time.perf_counter() - started, time.process_time() - processor
    assert {row["status"] for row in rows} == {"clear"}, rows
    read = sum(row["bytes_read"] for row in rows) / sum(sizes)
    return {
        "model": model,
        "files": files,
        "mib_each": round(sum(sizes) / files / 2**20, 1),
        "read_share": round(read, 5),
        "aim": AIMS[model],
        "met": read <= AIMS[model],
        "requests_each": round(store_read.usage.requests / files, 1),
        "seconds_each": round(took / files, 3),
        "processor_seconds_each": round(spent / files, 3),
    }


_START = """
import sys
from pathlib import Path
from reseen.scan.sweep.examiner import Depth
from reseen.scan.sweep.processes import SweepSource
from reseen.scan.sweep.run import SweepAsked, SweepWork, run
manifest, index, key, out = sys.argv[1:5]
source = SweepSource(Path(index), bytes.fromhex(key), ".", Path(out))
done = run(SweepAsked(Path(manifest), source, Depth.NONE, SweepWork(shard=(1, 1000))))
print(done.rows, Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def start(folder: Path, rows: int, removals: int) -> dict[str, Any]:
    """Until the first shard of a thousand is done."""
    manifest(folder / "manifest", rows, removals)
    given = (folder / "manifest", index(folder, removals), KEY.hex(), folder / "out")
    started = time.perf_counter()
    told = subprocess.run(
        [sys.executable, "-c", _START, *map(str, given)], check=True, capture_output=True, text=True
    ).stdout.split()
    took, mib = time.perf_counter() - started, int(told[1]) / 1024
    return {
        "rows": rows,
        "manifest_mib": round((folder / "manifest").stat().st_size / 2**20),
        "seconds": round(took, 1),
        "mib": round(mib),
        "met": took <= START_SECONDS and mib <= START_MIB,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--start-rows", type=int, default=10_000_000)
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--removals", type=int, default=50_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reseen-bench-") as name:
        for number, model in enumerate(AIMS):
            if given.files:
                print(json.dumps(share(Path(name) / str(number), model, given.files)), flush=True)
        for what, rows in ((exact, given.rows), (start, given.start_rows)):
            if rows:
                folder = Path(name) / what.__name__
                folder.mkdir()
                print(json.dumps(what(folder, rows, given.removals)), flush=True)


if __name__ == "__main__":
    main()
