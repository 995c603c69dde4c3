"""What asking a file for parts costs where a store has many removals of one architecture.

Sketches are made of numbers, not of files, in a store that is removed afterwards: about 15 KB each.
Seconds of one core, not of the clock: what else the machine does shows little.

    python -m benchmarks.parts_cost [--removals 10000 100000] [--folder /dev/shm]
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from tests import removals_made

from benchmarks.adapters import make, shapes, sketch
from benchmarks.parts import Merge, uneven
from reseen.fingerprints.sketch import Components, Sketch
from reseen.match.registry_parts import PartSearch, search_for
from reseen.records import Digest, DigestKind, Names, RemovedFile
from reseen.store.database import Store
from reseen.store.sealing import Keyring

MODULES = shapes("sd1", True)[:64]
_BATCH = 1_000


def stranger(like: Sketch, seed: int) -> Sketch:
    """Numbers as good as those of a real one, for what they cost."""
    rng = np.random.default_rng([5, seed])
    more = like.components
    assert more is not None

    def steps() -> np.ndarray:
        return np.clip(np.rint(rng.normal(0, 40, like.s.shape)), -127, 127).astype(np.int8)

    components = Components(
        *(more.ids, more.ranks, more.has_space, more.space_scales, steps()),
        *(more.has_up, more.up_scales, steps()),
    )
    return replace(like, s=steps(), components=components)


def files(like: Sketch, first: int, count: int) -> Iterator[RemovedFile]:
    for n in range(first, first + count):
        digest = Digest(DigestKind.SHA256, hashlib.sha256(b"cost %d" % n).digest())
        yield RemovedFile((digest,), sketch=stranger(like, n).encode())


def spent(what: Callable[[], object]) -> float:
    """Seconds of one core."""
    began = time.process_time()
    what()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--removals", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, default=None)
    chosen = parser.parse_args()
    adapters = [make("sd1", n, rank=8, modules=MODULES) for n in range(3)]
    like = sketch(adapters[0], components=True)
    method: Merge = uneven
    merge = sketch(method(adapters[:2], np.random.default_rng(1)), components=True)
    other = sketch(adapters[2], components=True)
    keyring = Keyring(bytes(range(32)))
    with (
        tempfile.TemporaryDirectory(dir=chosen.folder) as folder,
        Store(f"sqlite:///{Path(folder) / 'cost.db'}") as store,
    ):
        _put(store, keyring, [RemovedFile((), sketch=like.encode())])
        have = 1
        print("| removals | first file | a stranger | a merge | found |\n|---:|---:|---:|---:|---|")
        for count in sorted(chosen.removals):
            while have < count:
                many = min(_BATCH, count - have)
                _put(store, keyring, list(files(like, have, many)))
                have += many
            _tell(store, have, merge, other)


def _put(store: Store, keyring: Keyring, some: list[RemovedFile]) -> None:
    new = [removals_made.NewRemoval("sample", "models.example", None, Names(), (f,)) for f in some]
    with store.write() as connection:
        removals_made.insert(connection, keyring, new)


def _tell(store: Store, have: int, merge: Sketch, other: Sketch) -> None:
    made: list[PartSearch] = []
    with store.read() as connection:
        first = spent(lambda: made.append(search_for(connection, store.read, merge.architecture)))
    (search,) = made
    cells = [first, spent(lambda: search.found(other)), spent(lambda: search.found(merge))]
    found = any(part.is_sure for part in search.found(merge))
    told = " | ".join(f"{each:.2f} s" for each in cells)
    print(f"| {have:,} | {told} | {'yes' if found else 'no'} |", flush=True)


if __name__ == "__main__":
    main()
