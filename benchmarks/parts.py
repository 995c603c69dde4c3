"""What is inside a merge: parts found and strangers taken for parts, by how the merge was made.

See `SAID`, and docs/parts.md for what came of it. With folders of trained adapters these are merged
as well, without decoys: for them it is said what is a lead.

    python -m benchmarks.parts [FOLDER ...] [--merges 2] [--seed 1] [--write]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.adapters import (
    Adapter,
    Factors,
    Matrix,
    Recipe,
    files_in,
    make,
    read,
    renamed,
    shapes,
    sketch,
)
from benchmarks.edits import truncated
from benchmarks.kinship import kinship
from reseen.fingerprints.local import sketch_of
from reseen.fingerprints.sketch import Sketch
from reseen.match.parts import PartVerdict, parts

PARTS, STRANGERS, DECOYS = 12, 24, 210
COUNTS = (2, 4, 8)
PAGE = Path(__file__).parents[1] / "docs" / "parts.md"
START = "## What was measured\n"
SAID = (
    f"Made adapters of rank 8 for the 128 attention layers of SD 1.x: {PARTS} removals of which "
    f"2, 4 or 8 are merged, {STRANGERS} that are never merged, and {DECOYS} others as decoys, all "
    "of one world unless it says otherwise. *All known*: every part is a removal. *One known*: one "
    "part, and the strangers. A cell says how many were found as *inside a merge*, behind a plus "
    "sign how many more as *may be inside a merge*, and of how many; the last column says so of "
    "the strangers."
)
_STRONG = Recipe(init=42, family=1, share=0.2)
WORLDS = {
    "own seeds": (Recipe(), Recipe()),
    "one seed": (Recipe(init=42), Recipe(init=42)),
    "one recipe": (_STRONG, _STRONG),
    "one recipe that no decoy has": (_STRONG, Recipe()),
    "one start of B that no decoy has": (Recipe(), Recipe()),
}
"""The recipe of removals and strangers, and that of the decoys. Strangers of the strong one have a
mean cosine of 0.2 to each other, and a quarter of their columns in common. One start: as PiSSA's,
converted."""


def _each(
    adapters: Sequence[Adapter], change: Callable[[Sequence[Factors]], tuple[Matrix, Matrix]]
) -> Adapter:
    layers = {}
    for name in adapters[0].layers:
        having = [adapter.layers[name] for adapter in adapters if name in adapter.layers]
        up, down = change(having)
        layers[name] = Factors(up, down, float(up.shape[1]))
    return renamed(adapters[0], layers)


def _concatenated(weights: Sequence[float], several: Sequence[Factors]) -> tuple[Matrix, Matrix]:
    ups = [f.scaled_up * np.float32(w) for f, w in zip(several, weights, strict=False)]
    return np.concatenate(ups, axis=1), np.concatenate([f.down for f in several])


def _halves(several: Sequence[Factors]) -> list[tuple[Matrix, Matrix]]:
    """Both factors of each, at the root of an equal weight."""
    roots = [np.float32(np.sqrt(f.alpha / f.rank / len(several))) for f in several]
    return [(f.up * root, f.down * root) for f, root in zip(several, roots, strict=True)]


def side_by_side(adapters: Sequence[Adapter], weights: Sequence[float]) -> Adapter:
    """The ranks of all side by side, each at its weight."""
    return _each(adapters, lambda several: _concatenated(weights, several))


def equal(adapters: Sequence[Adapter], rng: np.random.Generator) -> Adapter:
    return side_by_side(adapters, [1 / len(adapters)] * len(adapters))


def uneven(adapters: Sequence[Adapter], rng: np.random.Generator) -> Adapter:
    return side_by_side(adapters, np.geomspace(0.05, 1, len(adapters)).tolist())


def cut(adapters: Sequence[Adapter], rng: np.random.Generator) -> Adapter:
    def one(several: Sequence[Factors]) -> tuple[Matrix, Matrix]:
        up, down = _concatenated([1 / len(several)] * len(several), several)
        made = truncated(up, down, several[0].rank)
        return made.up, made.down

    return _each(adapters, one)


def summed(adapters: Sequence[Adapter], rng: np.random.Generator) -> Adapter:
    """As sd-scripts' merge_lora.py and PEFT's `linear`."""

    def one(several: Sequence[Factors]) -> tuple[Matrix, Matrix]:
        halves = _halves(several)
        return np.sum([up for up, _ in halves], axis=0), np.sum([d for _, d in halves], axis=0)

    return _each(adapters, one)


def ties(adapters: Sequence[Adapter], rng: np.random.Generator) -> Adapter:
    """Of both factors, as PEFT: the larger half of each, the sign of most, and their mean."""

    def voted(matrices: Sequence[Matrix]) -> Matrix:
        kept = []
        for matrix in matrices:
            sizes = np.abs(matrix)
            half = np.partition(sizes, sizes.size // 2, axis=None)[sizes.size // 2]
            kept.append(np.where(sizes >= half, matrix, 0))
        stacked = np.stack(kept)
        agrees = (np.sign(stacked) == np.sign(stacked.sum(axis=0))) & (stacked != 0)
        mean = (stacked * agrees).sum(axis=0) / np.maximum(agrees.sum(axis=0), 1)
        return np.asarray(mean, np.float32)

    def one(several: Sequence[Factors]) -> tuple[Matrix, Matrix]:
        halves = _halves(several)
        return voted([up for up, _ in halves]), voted([down for _, down in halves])

    return _each(adapters, one)


def dare(adapters: Sequence[Adapter], rng: np.random.Generator) -> Adapter:
    """Of both factors, as PEFT: half of the numbers dropped, the rest doubled, and summed."""

    def thinned(matrix: Matrix) -> Matrix:
        return np.asarray(matrix * (rng.random(matrix.shape, np.float32) < 0.5) * 2, np.float32)

    def one(several: Sequence[Factors]) -> tuple[Matrix, Matrix]:
        halves = _halves(several)
        ups, downs = [thinned(up) for up, _ in halves], [thinned(down) for _, down in halves]
        return np.sum(ups, axis=0), np.sum(downs, axis=0)

    return _each(adapters, one)


@cache
def _start() -> Adapter:
    return make("sd1", 7, rank=4, modules=shapes("sd1", True))


def begun(adapter: Adapter) -> Adapter:
    """As if it had been trained from where all begin, with that taken off again: half of the up
    factor is everybody's."""
    layers = {}
    for name, f in adapter.layers.items():
        start, half = _start().layers[name], f.rank // 2
        own = np.float32(0.3)
        up = np.concatenate([start.up + own * f.up[:, :half], start.up], axis=1)
        down = np.concatenate([start.down + own * f.down[:half], -start.down])
        layers[name] = Factors(up, down, f.alpha)
    return renamed(adapter, layers)


Merge = Callable[[Sequence[Adapter], np.random.Generator], Adapter]
METHODS: dict[str, Merge] = {
    "ranks concatenated, equal weights": equal,
    "ranks concatenated, weights 0.05 to 1": uneven,
    "the same equally, cut to the rank of one by SVD": cut,
    "factors summed": summed,
    "TIES on factors, density 0.5": ties,
    "DARE on factors, density 0.5": dare,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """What was said of so many."""

    inside: int = 0
    maybe: int = 0
    of: int = 0

    @classmethod
    def counted(cls, verdicts: Sequence[PartVerdict]) -> Cell:
        said = Counter(verdicts)
        return cls(said[PartVerdict.PART], said[PartVerdict.LEAD], len(verdicts))

    def plus(self, other: Cell) -> Cell:
        return Cell(self.inside + other.inside, self.maybe + other.maybe, self.of + other.of)

    def __str__(self) -> str:
        return f"{self.inside} + {self.maybe} of {self.of:,}"


@dataclass(frozen=True, slots=True)
class Row:
    world: str
    method: str
    parts: int
    all_known: Cell
    one_known: Cell
    strangers: Cell

    def __str__(self) -> str:
        cells = f"{self.all_known} | {self.one_known} | {self.strangers}"
        return f"| {self.world} | {self.method} | {self.parts} | {cells} |"


def _said(
    file: Sketch,
    known: Sequence[Sketch],
    strangers: Sequence[Sketch],
    decoys: Sequence[Sketch] = (),
) -> tuple[Cell, Cell]:
    """Of parts that are known, and of strangers."""
    said = [part.verdict for part in parts(file, [*known, *strangers], decoys)]
    return Cell.counted(said[: len(known)]), Cell.counted(said[len(known) :])


def rows(world: str, merges: int, seed: int) -> Iterator[Row]:
    """Of made adapters of a world."""
    recipe, of_decoys = WORLDS[world]

    def one(number: int, recipe: Recipe) -> Adapter:
        layers = shapes("sd1", True)
        made = make("sd1", 100_000 * seed + number, recipe=recipe, modules=layers)
        return begun(made) if world.startswith("one start") and number < 2_000 else made

    removed = [one(n, recipe) for n in range(PARTS)]
    sketches = [sketch(adapter, components=True) for adapter in removed]
    strangers = [sketch(one(1_000 + n, recipe), components=True) for n in range(STRANGERS)]
    decoys = [sketch(one(2_000 + n, of_decoys), components=True) for n in range(DECOYS)]
    rng = np.random.default_rng([41, seed])
    for method, merge in METHODS.items():
        for count in COUNTS:
            cells = [Cell(), Cell(), Cell()]
            for _ in range(merges):
                chosen = rng.choice(PARTS, count, replace=False).tolist()
                file = sketch(merge([removed[n] for n in chosen], rng), components=True)
                for at, which in enumerate((chosen, chosen[:1])):
                    known, others = _said(file, [sketches[n] for n in which], strangers, decoys)
                    cells[at], cells[2] = cells[at].plus(known), cells[2].plus(others)
            yield Row(world, method, count, *cells)


@dataclass(frozen=True, slots=True)
class Trained:
    """Trained files that may be merged: of one architecture, rank and set of layers."""

    adapter: Adapter
    sketch: Sketch
    face: str
    """Files of one face are no strangers; empty where that is not known."""


def trained(folder: Path) -> list[list[Trained]]:
    """The files of a folder that can be merged with others of it."""
    faces = kinship(folder)
    groups: dict[tuple[object, ...], list[Trained]] = {}
    for path in files_in([folder]):
        adapter, found = read(path), sketch_of(path).sketch
        if adapter is None or found is None:
            continue
        key = (found.architecture, found.rank, found.ids.tobytes())
        face = faces.get(path.name, path.name)
        groups.setdefault(key, []).append(Trained(adapter, found, face))
    return [group for group in groups.values() if len(group) > 2]


def trained_rows(folder: Path, merges: int, seed: int) -> Iterator[Row]:
    """All parts known, one known, and strangers, as for made ones; there are no decoys."""
    for group in trained(folder):
        world = f"{len(group)} files: {group[0].sketch.architecture}, rank {group[0].sketch.rank}"
        rng = np.random.default_rng([43, seed])
        for method, merge in METHODS.items():
            for count in COUNTS:
                if count < len(group):
                    yield _trained_row(world, (method, merge), group, (count, merges), rng)


def _trained_row(
    world: str,
    how: tuple[str, Merge],
    group: Sequence[Trained],
    many: tuple[int, int],
    rng: np.random.Generator,
) -> Row:
    cells = [Cell(), Cell(), Cell()]
    for _ in range(many[1]):
        chosen = [group[n] for n in rng.choice(len(group), many[0], replace=False).tolist()]
        file = sketch(how[1]([each.adapter for each in chosen], rng), components=True)
        faces = {each.face for each in chosen}
        strangers = [each.sketch for each in group if each.face not in faces]
        for at, which in enumerate((chosen, chosen[:1])):
            known, others = _said(file, [each.sketch for each in which], strangers)
            cells[at], cells[2] = cells[at].plus(known), cells[2].plus(others)
    return Row(world, how[0], many[0], *cells)


HEAD = (
    "| of | merged by | parts | all known | one known | strangers |\n|---|---|---:|---:|---:|---:|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--merges", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="into docs/parts.md")
    chosen = parser.parse_args()
    began = time.monotonic()
    lines = [HEAD]
    if chosen.folders:
        every = (r for f in chosen.folders for r in trained_rows(f, chosen.merges, chosen.seed))
    else:
        every = (r for world in WORLDS for r in rows(world, chosen.merges, chosen.seed))
    print(HEAD)
    for row in every:
        print(row, flush=True)
        lines.append(str(row))
    print(f"{time.monotonic() - began:.0f} seconds")
    if chosen.write and not chosen.folders:
        before = PAGE.read_text().split(START)[0]
        command = f"`python -m benchmarks.parts --merges {chosen.merges} --write`"
        after = PAGE.read_text().partition("\n## Trained")
        text = f"{before}{START}\nMade by {command}. {SAID}\n\n" + "\n".join(lines) + "\n"
        PAGE.write_text(text + after[1] + after[2])


if __name__ == "__main__":
    main()
