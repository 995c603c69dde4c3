"""What somebody does to a removal who knows how it is recognised, step by step, until it is lost.

    python -m benchmarks.escapes [--files 2] [--write]

Made adapters of rank 8 for the 128 attention layers of SD 1.x, a background of 256 and 205 decoys.
Each escape is made stronger step by step. A step says what the file still does (the error of its
layers' outputs on random inputs, as a share of what the removal adds to the base's: 0 as before, 1
as different as the base alone), and what is said of it. docs/escapes.md has what came of it.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from tests.match.merges import stranger

from benchmarks.adapters import (
    Adapter,
    Factors,
    make,
    norm,
    recipe_of,
    renamed,
    sampled,
    shapes,
    sketch,
)
from benchmarks.edits_parts import energy
from benchmarks.parts import side_by_side
from benchmarks.sketched import of_values
from reseen.fingerprints.choice import KEPT, ModuleOrder
from reseen.fingerprints.entries import entries
from reseen.fingerprints.sketch import Sketch, module_id
from reseen.match.calibration import Background
from reseen.match.compare import compare
from reseen.match.nearest import NearestIndex
from reseen.match.parts import PartVerdict, parts
from reseen.match.sketch_index import row_of
from reseen.match.together import adds_up, opposed, together

PAGE = Path(__file__).parents[1] / "docs" / "escapes.md"
START = "## What was measured\n"
KEY = b"an installation's secret"
OF_BASE = 0.1
"""How large an update is beside the base's matrix."""
COPY, PART, TOGETHER, LEAD, LOST = "copy", "part", "together", "lead", "lost"
HEAD = "| escape | step | error | said |\n|---|---|---:|---|"


@dataclass(frozen=True, slots=True, eq=False)
class Escaped:
    """A file, or two, and what is left of what the removal does."""

    sketches: tuple[Sketch, ...]
    error: float


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What an escape is made of."""

    removal: Adapter
    other: Adapter
    rng: np.random.Generator


Escape = Callable[[Given, float], Escaped]


def _layers() -> Mapping[str, int]:
    return {shape.name: shape.out for shape in shapes("sd1", True)}


def _made(adapter: Adapter, error: float) -> Escaped:
    return Escaped((sketch(adapter, components=True),), error)


def _lacking(given: Given, lost: set[str], *, replaced: bool) -> Escaped:
    own, other = given.removal.layers, given.other.layers
    layers = {n: other[n] if n in lost else f for n, f in own.items() if replaced or n not in lost}
    gone = energy({n: own[n] for n in lost})
    put = energy({n: other[n] for n in lost}) if replaced else 0.0
    return _made(renamed(given.removal, layers), float(np.sqrt((gone + put) / energy(own))))


def _some(given: Given, count: float) -> set[str]:
    names = sorted(given.removal.layers)
    return {names[at] for at in given.rng.permutation(len(names))[: int(count)]}


def _first_looked_at(given: Given, count: float) -> set[str]:
    names = sorted(given.removal.layers)
    ids = np.array([module_id(name) for name in names], np.uint32)
    return {names[at] for at in ModuleOrder(KEY).sorted(ids)[: int(count)]}


def _flipped(given: Given, count: float, *sides: str) -> Escaped:
    """The sign of channels between two matrices of each attention, in both: it computes the same.
    `sides`: which matrices; the output matrix reads its channels, the others make theirs."""
    layers = dict(given.removal.layers)
    for name, f in given.removal.layers.items():
        if not name.endswith(sides):
            continue
        reads = name.endswith("to_out.0")
        pair = "value" if reads or name.endswith("to_v") else "query"
        seed = [11, module_id(f"{name.split('.to_')[0]} {pair}")]
        channels = f.down.shape[1] if reads else len(f.up)
        which = np.random.default_rng(seed).permutation(channels)[: int(count)]
        layers[name] = _with_flipped(f, which, given.rng, reads=reads)
    return _made(renamed(given.removal, layers), 0.0)


def _with_flipped(
    f: Factors, which: np.ndarray, rng: np.random.Generator, *, reads: bool
) -> Factors:
    """(W + U) D or D (W + U), less W: the base's rows, or columns, twice, and the update's own."""
    size = np.float32(norm(f.scaled_up, f.down) / OF_BASE)
    up, down = f.scaled_up.copy(), f.down.copy()
    if reads:
        down[:, which] *= -1
        rows = np.zeros((len(which), f.down.shape[1]), np.float32)
        rows[np.arange(len(which)), which] = 1
        columns = rng.standard_normal((len(f.up), len(which)), np.float32)
        columns *= -2 * size / np.float32(np.sqrt(len(f.up) * f.down.shape[1]))
    else:
        up[which] *= -1
        columns = np.zeros((len(f.up), len(which)), np.float32)
        columns[which, np.arange(len(which))] = -2
        rows = rng.standard_normal((len(which), f.down.shape[1]), np.float32)
        rows *= size / np.float32(np.sqrt(len(f.up) * f.down.shape[1]))
    both = np.concatenate([up, columns], axis=1)
    return Factors(both, np.concatenate([down, rows]), float(both.shape[1]))


def _noised(given: Given, size: float) -> Escaped:
    """Noise of full rank, so large beside the update of each layer: drawn as its sketch is."""
    own = sketch(given.removal)
    noise = given.rng.standard_normal(own.values().shape).astype(np.float32)
    return Escaped((of_values(own, own.values() + size * own.norms[:, None] * noise),), size)


def _on_top(given: Given, size: float) -> Escaped:
    file = side_by_side([given.removal, given.other], [1, size])
    put = energy(given.other.layers) / energy(given.removal.layers)
    return _made(file, size * float(np.sqrt(put)))


def _on_top_and_noised(given: Given, size: float) -> Escaped:
    """A fifth of their spread on all factors besides."""
    file = side_by_side([given.removal, given.other], [1, size])
    layers = {}
    for name, f in file.layers.items():
        up, down = (
            m + np.float32(0.2 * m.std()) * given.rng.standard_normal(m.shape, np.float32)
            for m in (f.up, f.down)
        )
        layers[name] = Factors(up, down, f.alpha)
    put = size * size * energy(given.other.layers) / energy(given.removal.layers)
    return _made(renamed(file, layers), float(np.sqrt(put + 0.08 * (1 + put))))


def _halves_in_noise(given: Given, size: float) -> Escaped:
    """With noise of full rank, so large beside each layer, in the one and taken off again."""
    own = sketch(given.removal)
    noise = size * own.norms[:, None] * given.rng.standard_normal(own.values().shape)
    added = noise.astype(np.float32)
    half = own.values() / np.float32(2)
    files = (of_values(own, half + added), of_values(own, half - added))
    return Escaped(files, 0.0)


def _halves(given: Given, size: float) -> Escaped:
    both = [given.removal, given.other]
    files = (side_by_side(both, [0.5, size]), side_by_side(both, [0.5, -size]))
    return Escaped(tuple(sketch(file, components=True) for file in files), 0.0)


def _negated(given: Given, share: float) -> Escaped:
    """Blocks that are to be loaded at a negative strength."""
    blocks = sorted({name.split(".transformer")[0] for name in given.removal.layers})
    order = given.rng.permutation(len(blocks))
    turned = {blocks[at] for at in order[: round(share * len(blocks))]}
    layers = {
        name: Factors(-f.up, f.down, f.alpha) if name.split(".transformer")[0] in turned else f
        for name, f in given.removal.layers.items()
    }
    return _made(renamed(given.removal, layers), 0.0)


VALUE, QUERY = ("to_v", "to_out.0"), ("to_q", "to_k")
CHANNELS = (1, 2, 4, 8, 16)
COUNTS = (16, KEPT, 64, 96, 112, 120)
ESCAPES: dict[str, tuple[Escape, tuple[float, ...]]] = {
    "layers dropped, of 128": (lambda g, n: _lacking(g, _some(g, n), replaced=False), COUNTS),
    "the same, those that are looked at first": (
        lambda g, n: _lacking(g, _first_looked_at(g, n), replaced=False),
        COUNTS,
    ),
    "layers replaced by a stranger's": (
        lambda g, n: _lacking(g, _some(g, n), replaced=True),
        COUNTS,
    ),
    "the same, those that are looked at first, replaced": (
        lambda g, n: _lacking(g, _first_looked_at(g, n), replaced=True),
        COUNTS,
    ),
    "channels flipped, value and output": (lambda g, n: _flipped(g, n, *VALUE), CHANNELS),
    "channels flipped, query and key": (lambda g, n: _flipped(g, n, *QUERY), CHANNELS),
    "channels flipped, all four": (lambda g, n: _flipped(g, n, *VALUE, *QUERY), CHANNELS),
    "noise of full rank": (_noised, (0.1, 0.2, 0.35, 0.5, 1, 1.5, 2, 4)),
    "a stranger on top": (_on_top, (0.2, 0.5, 1, 2, 4, 8, 20)),
    "a stranger on top, and noise": (_on_top_and_noised, (0.2, 0.5, 1, 2, 4)),
    "two halves in one account, a stranger taken off again": (_halves, (1, 3, 10, 30, 100, 300)),
    "two halves in one account, noise of full rank": (_halves_in_noise, (1, 3, 10, 30, 100)),
    "blocks negated, share": (_negated, (0.1, 0.25, 0.5, 0.75, 1)),
}
"""Each with its steps."""


@cache
def _background() -> Background:
    drawn = (
        sampled("sd1", 10_000 + n, rank=(4, 8, 16)[n % 3], recipe=recipe_of(n)) for n in range(256)
    )
    return Background(tuple(drawn))


@cache
def _decoys() -> tuple[Sketch, ...]:
    like = sketch(make("sd1", 0, modules=shapes("sd1", True)), components=True)
    return tuple(stranger(like, seed) for seed in range(205))


def said(removal: Sketch, file: Sketch) -> str:
    """What a scan would say of a file that it read whole."""
    index = NearestIndex(ModuleOrder(KEY)).plus([row_of(0, removal)])
    near = any(index.find(each) for each in entries(file))
    found = compare(removal, file, _background()) if near else None
    if found is not None and found.is_copy:
        return COPY
    (part,) = parts(file, [removal], _decoys())
    if part.verdict is PartVerdict.PART:
        return PART
    lead = part.verdict is PartVerdict.LEAD or (found is not None and found.is_lead)
    return LEAD if lead else LOST


def of_files(removal: Sketch, files: tuple[Sketch, ...]) -> str:
    """The same of what stands in one account."""
    order = (COPY, PART, TOGETHER, LEAD, LOST)
    every = [said(removal, file) for file in files]
    if len(files) == 2 and any(opposed(files, ModuleOrder(KEY))):
        made = together(removal, *files, _background())
        if made is not None and adds_up(made[1]):
            every.append(TOGETHER)
    return min(every, key=order.index)


def rows(files: int) -> Iterator[str]:
    layers = shapes("sd1", True)
    pairs = [
        (make("sd1", 500 + n, modules=layers), make("sd1", 700 + n, modules=layers))
        for n in range(files)
    ]
    own = [sketch(removal, components=True) for removal, _ in pairs]
    for name, (escape, steps) in ESCAPES.items():
        for step in steps:
            told: Counter[str] = Counter()
            errors = []
            for number, (removal, other) in enumerate(pairs):
                made = escape(Given(removal, other, np.random.default_rng([7, number])), step)
                told[of_files(own[number], made.sketches)] += 1
                errors.append(made.error)
            words = ", ".join(f"{what} {n}" for what, n in told.items())
            yield f"| {name} | {step:g} | {np.mean(errors):.2f} | {words} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="into docs/escapes.md")
    chosen = parser.parse_args()
    began = time.monotonic()
    lines = []
    print(HEAD)
    for row in rows(chosen.files):
        print(row, flush=True)
        lines.append(row)
    print(f"{time.monotonic() - began:.0f} seconds")
    if chosen.write:
        before = PAGE.read_text("utf-8").split(START)[0]
        command = f"`python -m benchmarks.escapes --files {chosen.files} --write`"
        table = "\n".join([HEAD, *lines])
        PAGE.write_text(f"{before}{START}\nMade by {command}.\n\n{table}\n", "utf-8")


if __name__ == "__main__":
    main()
