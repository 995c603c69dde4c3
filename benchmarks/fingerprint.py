"""What fingerprinting costs: the sketch and all digests against SHA-256 of the same bytes.

    python -m benchmarks.fingerprint [--rank N] [--gigabytes N]

Makes a synthetic SDXL adapter (true module shapes, small factors as training leaves them) in
float16 and in bfloat16, and times, in turns and in one run: SHA-256 by hashlib; the linear numbers
alone, which are all of a sketch 1, as the stream passes, header and plan included; the same with
the components of sketch 2; all digests with that. One core each for the first three; all digests
may use a second one, as they do in use. Then a sparse file of a checkpoint's size is fingerprinted
in a process of its own, for its peak memory. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from unittest.mock import patch

# One core each: numpy's matrix products must not take the other one.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import ml_dtypes
import numpy as np
from safetensors.numpy import save

from reseen.files.containers import read_listing
from reseen.files.source import Memory, run
from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.digests import BLOCK, Fingerprinter, look_inside
from reseen.fingerprints.signs import forget_signs
from reseen.fingerprints.sketch import module_id
from reseen.fingerprints.sketcher import Sketcher
from reseen.match.first_read import first_modules
from reseen.match.nearest import NearestIndex
from reseen.updates.names.known import known
from reseen.updates.plan import Plan, plan

_PARTS = (("sdxl", "lora_unet_"), ("clip_l", "lora_te1_"), ("clip_g", "lora_te2_"))
_TRAINED = ("attn", "ff", "proj_", "mlp")
_ROUNDS = 7

# VmHWM and not ru_maxrss: that one counts what the parent held before it.
_PEAK = """
import sys
from pathlib import Path
from reseen.fingerprints.whole import fingerprint
fingerprint(Path(sys.argv[1]))
status = Path("/proc/self/status").read_text()
print(status.split("VmHWM:")[1].split()[0])
"""


def adapter(rank: int, dtype: np.dtype[np.generic]) -> bytes:
    """A synthetic SDXL adapter with kohya's names: attention, feed-forward, both text encoders."""
    rng = np.random.default_rng(0)
    tensors = {}
    for model, prefix in _PARTS:
        for layer in known(model).layers.values():
            if layer.kernel != 1 or not any(word in layer.name for word in _TRAINED):
                continue
            name = prefix + layer.name.replace(".", "_")
            up = rng.standard_normal((layer.out, rank)) * 0.01 * rng.lognormal(0, 0.6)
            down = rng.uniform(-1, 1, (rank, layer.inn)) / np.sqrt(layer.inn)
            tensors[f"{name}.lora_up.weight"] = up.astype(dtype)
            tensors[f"{name}.lora_down.weight"] = down.astype(dtype)
            tensors[f"{name}.alpha"] = np.array(rank / 2).astype(dtype)
    return save(tensors)


def first_bytes(made: Plan) -> int:
    """Bytes that a scan reads first of a file with these modules, where one like it was removed."""
    layers = {module.name: list(module.tensors.values()) for module in made.modules}
    offered = {
        name: (min(t.start for t in some), max(t.start + t.length for t in some))
        for name, some in layers.items()
    }
    ids = np.array(sorted({module_id(name) for name in layers}), np.uint32)
    row = (frozenset({made.architecture}), ids, np.zeros((len(ids), 64), np.int8), 1)
    index = NearestIndex(ModuleOrder(b"benchmark")).plus([row])
    names = first_modules(index, [made.architecture], offered)
    return sum(t.length for name in names for t in layers[name])


def sketch(data: bytes) -> None:
    made = plan(run(Memory(data), read_listing(len(data))))
    stream = Sketcher(made)
    view = memoryview(data)
    for start in range(0, len(data), BLOCK):
        stream.feed(view[start : start + BLOCK])
    assert stream.finish().sketch is not None


def linear(data: bytes) -> None:
    """As a sketch 1 was made."""
    with patch("reseen.fingerprints.sketcher.MOST_COMPONENTS", 0):
        sketch(data)


def everything(data: bytes) -> None:
    passing = Fingerprinter(len(data), run(Memory(data), look_inside(len(data))))
    for start in range(0, len(data), BLOCK):
        passing.update(data[start : start + BLOCK])
    assert passing.finish().sketch is not None


def sha256(data: bytes) -> None:
    hashlib.sha256(data).digest()


def ratios(data: bytes) -> dict[str, float]:
    """Median over the rounds of each time over SHA-256's of the same round."""

    def seconds(work: Callable[[bytes], None]) -> float:
        start = time.perf_counter()
        work(data)
        return time.perf_counter() - start

    forget_signs()
    first = seconds(sketch) / seconds(sha256)
    works = (sha256, linear, sketch, everything)
    rounds = [tuple(map(seconds, works)) for _ in range(_ROUNDS)]
    return {
        "linear": round(median(each[1] / each[0] for each in rounds), 2),
        "sketch": round(median(each[2] / each[0] for each in rounds), 2),
        "sketch_first": round(first, 2),
        "all_digests": round(median(each[3] / each[0] for each in rounds), 2),
        "sha256_gb_a_second": round(len(data) / median(each[0] for each in rounds) / 1e9, 2),
    }


def peak_memory(gigabytes: float) -> float:
    """MiB that a process needs to fingerprint a file with one large tensor after another."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        rows, columns = 12_288, 3_072
        length = rows * columns * 4
        count = max(1, int(gigabytes * 1e9 / length))
        header: dict[str, object] = {}
        for n in range(count):
            name = f"diffusion_model.double_blocks.{n}.img_mlp.0.diff"
            offsets = [n * length, (n + 1) * length]
            header[name] = {"dtype": "F32", "shape": [rows, columns], "data_offsets": offsets}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with path.open("wb") as out:
            out.write(len(text).to_bytes(8, "little") + text)
            out.truncate(8 + len(text) + count * length)
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=True
        )
        return float(done.stdout) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--gigabytes", type=float, default=7.0)
    arguments = parser.parse_args()
    result: dict[str, object] = {"rank": arguments.rank}
    for name, dtype in (("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16)):
        data = adapter(arguments.rank, np.dtype(dtype))
        listing = run(Memory(data), read_listing(len(data)))
        share = first_bytes(plan(listing)) / len(data)
        result |= {f"{name}_{key}": value for key, value in ratios(data).items()}
        result |= {"bytes": len(data), "searched_share": round(share, 4)}
        result |= {"header_share": round(listing.header_bytes / len(data), 4)}
    result["peak_mib"] = round(peak_memory(arguments.gigabytes))
    result["gigabytes"] = arguments.gigabytes
    print(json.dumps(result))


if __name__ == "__main__":
    main()
