"""What the digests cost that are computed only where they are asked for, against SHA-256.

    python -m benchmarks.on_demand [--rank N]

A synthetic SDXL adapter in float16 goes through MD5, SHA-1, CRC32C and CRC64-NVME one by one, the
four together, a full reading without them, and one with all of them. Seconds are the processor's,
of all threads together, over those of SHA-256 of the same bytes in the same round: medians of the
rounds. Prints one line of JSON; it takes a minute.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Collection
from statistics import median

import numpy as np

from benchmarks.fingerprint import adapter
from reseen.files.source import Memory, run
from reseen.fingerprints.digests import BLOCK, Fingerprinter, look_inside
from reseen.fingerprints.kinds import ON_DEMAND
from reseen.fingerprints.on_demand import OnDemandDigests, check
from reseen.records import DigestKind

ROUNDS = 7
AIM_OF_FOUR, AIM_OF_ALL = 4.0, 8.5


def sha256(data: bytes) -> None:
    hashlib.sha256(data).digest()


def alone(kinds: Collection[DigestKind]) -> Callable[[bytes], None]:
    """These and nothing else, block by block, as a reading hands them on."""

    def work(data: bytes) -> None:
        made, view = OnDemandDigests(kinds), memoryview(data)
        for start in range(0, len(data), BLOCK):
            made.update(view[start : start + BLOCK])
        assert set(made.values()) == set(kinds)

    return work


def reading(also: Collection[DigestKind]) -> Callable[[bytes], None]:
    """A full reading: all digests and the sketch."""

    def work(data: bytes) -> None:
        pass_ = Fingerprinter(len(data), run(Memory(data), look_inside(len(data))), also=also)
        for start in range(0, len(data), BLOCK):
            pass_.update(data[start : start + BLOCK])
        assert pass_.finish().sketch is not None

    return work


def seconds(work: Callable[[bytes], None], data: bytes) -> float:
    start = time.process_time()
    work(data)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rank", type=int, default=16)
    data = adapter(parser.parse_args().rank, np.dtype(np.float16))
    check(ON_DEMAND)
    works: dict[str, Callable[[bytes], None]] = {"sha256": sha256}
    works |= {kind.label: alone([kind]) for kind in ON_DEMAND}
    works |= {"the four": alone(ON_DEMAND), "a reading": reading(()), "all": reading(ON_DEMAND)}
    for work in works.values():
        work(data)  # what is made once in a process
    rounds = [{name: seconds(work, data) for name, work in works.items()} for _ in range(ROUNDS)]
    ratios = {
        name: round(median(each[name] / each["sha256"] for each in rounds), 2) for name in works
    }
    rate = len(data) / median(each["sha256"] for each in rounds) / 1e9
    told = {
        "megabytes": len(data) // 10**6,
        "sha256_gb_a_second": round(rate, 2),
        "times_sha256": ratios,
        "aims": {"the four": AIM_OF_FOUR, "all": AIM_OF_ALL},
        "met": ratios["the four"] <= AIM_OF_FOUR and ratios["all"] <= AIM_OF_ALL,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
