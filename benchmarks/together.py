"""Two files of one account together: strangers called a removal, and halves of one found.

    python -m benchmarks.together [--strangers 450]

Sketches of attention layers of SD 1.x, drawn (`benchmarks.adapters.sampled`): strangers of which a
half have nothing in common, a third share an initialisation, a sixth are of a recipe; all pairs of
them are put together as if they were opposed, at equal strength and so that the second takes away
the most of the first, and held against removals; as many where the second of each pair is negated.
And made halves of a removal, a stranger's numbers on top at several strengths, as files in half
precision.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.adapters import Adapter, Matrix, make, recipe_of, sampled, shapes, sketch
from benchmarks.edits import File, write
from benchmarks.namings import kohya
from benchmarks.parts import side_by_side
from reseen.fingerprints.choice import ModuleOrder
from reseen.fingerprints.local import sketch_of
from reseen.fingerprints.sketch import Sketch
from reseen.match.calibration import NO_BACKGROUND, unit
from reseen.match.compare import compare
from reseen.match.together import ADDS_UP, OPPOSED, adds_up, opposed, together

REMOVALS = 12
NOISE = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0, 300.0)


def strangers(first: int, number: int) -> list[Sketch]:
    return [
        sampled("sd1", first + n, rank=(4, 8, 16)[n % 3], recipe=recipe_of(n))
        for n in range(number)
    ]


def all_pairs(files: Sequence[Sketch], removals: Sequence[Sketch]) -> tuple[int, int, int, float]:
    """Pairs, those that are opposed, comparisons, and the largest mean of any."""
    numbers = np.stack([each.values() for each in files])
    units = np.stack([unit(each.values()) for each in removals])
    flat = numbers.reshape(len(files), -1)
    products = flat @ flat.T
    alike = np.stack([unit(each) for each in numbers]).reshape(len(files), -1)
    means = alike @ alike.T / numbers.shape[1]
    pairs = below = compared = 0
    largest = 0.0
    for at in range(len(files)):
        rest = numbers[at + 1 :]
        pairs += len(rest)
        below += int((means[at, at + 1 :] <= OPPOSED).sum())
        strengths = -products[at, at + 1 :] / np.diag(products)[at + 1 :]
        for signs in (1.0, -1.0):
            for each in (np.full(len(rest), signs), signs * strengths):
                sums = numbers[at] + each[:, None, None].astype(np.float32) * rest
                found = _means(sums, units)
                compared += found.size
                largest = max(largest, float(np.abs(found).max(initial=0)))
    return pairs, below, compared, largest


def _means(sums: Matrix, units: Matrix) -> Matrix:
    """(pairs, removals): the mean cosines of the modules."""
    lengths = np.maximum(np.linalg.norm(sums, axis=2, keepdims=True), 1e-30)
    flat = (sums / lengths).reshape(len(sums), sums.shape[1] * sums.shape[2])
    made: Matrix = flat @ units.reshape(len(units), -1).T / units.shape[1]
    return made


def halves(removal: Adapter, noise: Adapter, size: float, share: float) -> tuple[Adapter, Adapter]:
    return (
        side_by_side([removal, noise], [share, size]),
        side_by_side([removal, noise], [1 - share, -size]),
    )


def in_file(adapter: Adapter) -> Sketch:
    """As a file in half precision has it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "half.safetensors"
        write(File(kohya(adapter, "float16")), path)
        found = sketch_of(path).sketch
    assert found is not None
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strangers", type=int, default=450)
    chosen = parser.parse_args()
    pairs, below, compared, largest = all_pairs(
        strangers(30_000, chosen.strangers), strangers(40_000, REMOVALS)
    )
    print(
        f"{pairs:,} pairs of strangers, of which {below} are opposed; put together in four ways "
        f"and held against {REMOVALS} removals ({compared:,} comparisons) their largest mean is "
        f"{largest:.3f}, and {ADDS_UP} is needed."
    )
    layers = shapes("sd1", True)
    removal, noise = (make("sd1", seed, rank=4, modules=layers) for seed in (1, 2))
    own, order = sketch(removal), ModuleOrder(b"benchmark")
    print("\n| share | noise | alone | opposed | together | said |\n|---:|---:|---:|---|---:|---|")
    for share in (0.5, 1.0):
        for size in NOISE:
            one, other = map(in_file, halves(removal, noise, size, share))
            alone = [found for each in (one, other) if (found := compare(own, each))]
            made = together(own, one, other, NO_BACKGROUND)
            against = any(opposed([one, other], order))
            mean = 0.0 if made is None else made[1].mean
            said = "a copy alone" if any(each.is_copy for each in alone) else "not found"
            if against and made is not None and adds_up(made[1]) and said == "not found":
                said = "found together"
            means = max(abs(each.mean) for each in alone)
            print(
                f"| {share} | {size} | {means:.2f} | {against} | {mean:.2f} | {said} |", flush=True
            )


if __name__ == "__main__":
    main()
