"""What known innocents change: parts found, and files taken for merges of a removal that has an
accelerator in it itself. See `SAID`, and docs/parts.md for what came of it.

    python -m benchmarks.parts_innocents [--merges 4] [--seed 1]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.adapters import Adapter, Factors, make, renamed, shapes, sketch
from benchmarks.parts import METHODS, Cell, Merge
from reseen.fingerprints.sketch import Sketch
from reseen.match.parts import hides, parts

INNOCENTS, PLAIN, MIXED, DECOYS = 8, 8, 8, 205
RANKS = (4, 16)
COUNTS = (2, 4, 8)
SAID = (
    f"Made adapters for the 128 attention layers of SD 1.x: {INNOCENTS} innocents, of rank "
    f"{RANKS[0]} and {RANKS[1]} by turns; {PLAIN} removals of rank 8, and {MIXED} that have an "
    f"innocent in them at a fifth of its strength; {DECOYS} decoys. *Parts*: a file of one plain "
    "removal and innocents, so many in all. *Strangers*: a file of one adapter that nobody removed "
    "and of innocents, asked for all removals; the mixed ones have one of these in them."
)


@dataclass(frozen=True, slots=True)
class _Made:
    plain: list[Adapter]
    innocents: list[Adapter]
    sketches: list[Sketch]
    """Of all removals, the plain ones first."""
    decoys: list[Sketch]
    known: list[Sketch]
    """Those innocents that hide no removal."""


def mixed(removal: Adapter, innocent: Adapter) -> Adapter:
    """A removed model with an innocent in it: the up factors stand side by side as they were."""
    layers = {}
    for name, first in removal.layers.items():
        other = innocent.layers[name]
        up = np.concatenate([first.scaled_up, other.scaled_up], axis=1)
        down = np.concatenate([first.down, other.down * np.float32(0.2)])
        layers[name] = Factors(up, down, float(len(down)))
    return renamed(removal, layers)


def world(seed: int) -> _Made:
    layers = shapes("sd1", True)

    def one(number: int, rank: int = 8) -> Adapter:
        return make("sd1", 100_000 * seed + number, rank=rank, modules=layers)

    innocents = [one(n, RANKS[n % 2]) for n in range(INNOCENTS)]
    plain = [one(100 + n) for n in range(PLAIN)]
    removals = [*plain, *(mixed(one(200 + n), innocents[n % INNOCENTS]) for n in range(MIXED))]
    sketches = [sketch(each, components=True) for each in removals]
    every = [sketch(each, components=True) for each in innocents]
    return _Made(
        plain=plain,
        innocents=innocents,
        sketches=sketches,
        decoys=[sketch(one(1_000 + n), components=True) for n in range(DECOYS)],
        known=[each for each in every if not any(hides(each, removal) for removal in sketches)],
    )


def row(made: _Made, how: tuple[str, Merge], count: int, many: tuple[int, int]) -> str:
    """One line of the table: without innocents, and with them."""
    rng = np.random.default_rng([71, many[1], count])
    cells = [Cell() for _ in range(4)]
    layers = shapes("sd1", True)
    for turn in range(many[0]):
        rest = rng.choice(INNOCENTS, count - 1, replace=False).tolist()
        others = [made.innocents[n] for n in rest]
        which = int(rng.integers(PLAIN))
        stranger = make("sd1", 100_000 * many[1] + 9_000 + turn, rank=8, modules=layers)
        for at, first in enumerate((made.plain[which], stranger)):
            file = sketch(how[1](_padded([first, *others]), rng), components=True)
            asked = [made.sketches[which]] if at == 0 else made.sketches
            rest_known = [] if at else [s for n, s in enumerate(made.sketches) if n != which]
            for known, innocents in enumerate(((), made.known)):
                said = parts(file, [*asked, *rest_known], made.decoys, innocents)
                verdicts = [part.verdict for part in said[: len(asked)]]
                place = 2 * at + known
                cells[place] = cells[place].plus(Cell.counted(verdicts))
    return f"| {how[0]} | {count} | {' | '.join(map(str, cells))} |"


def _padded(adapters: Sequence[Adapter]) -> list[Adapter]:
    """At one rank, by columns of zeros: factors are summed of equal shapes alone."""
    rank = max(f.rank for each in adapters for f in each.layers.values())
    padded = []
    for each in adapters:
        layers = {}
        for name, f in each.layers.items():
            more = rank - f.rank
            up, down = np.pad(f.scaled_up, ((0, 0), (0, more))), np.pad(f.down, ((0, more), (0, 0)))
            layers[name] = Factors(up, down, float(rank))
        padded.append(renamed(each, layers))
    return padded


HEAD = (
    "| merged by | in all | parts, none known | parts, innocents known | strangers, none known | "
    "strangers, innocents known |\n|---|---:|---:|---:|---:|---:|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--merges", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    began = time.monotonic()
    made = world(chosen.seed)
    print(SAID)
    print(f"{len(made.known)} of {INNOCENTS} innocents hide no removal, and are known.\n")
    print(HEAD)
    for how in METHODS.items():
        for count in COUNTS:
            print(row(made, how, count, (chosen.merges, chosen.seed)), flush=True)
    print(f"{time.monotonic() - began:.0f} seconds")


if __name__ == "__main__":
    main()
