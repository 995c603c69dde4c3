"""The files of the benchmark, each from a seed: removed adapters, strangers, and what is made of
the removed ones.

What comes in: a size, and which half: `tune`, on which bars may be set, or `held-out`, on which
nothing may; the two have no seed in common. What goes out: the files of a `Task`, and `Query`s,
each a file with the removals that are in it.

An edit class is a kind of file, made of several edits by turns. Merges are made by PEFT's own
script where it is installed, else by the same rules of ours; files that public tools write are
made where these run. Half of the merges have removals alone in them, the others as many strangers.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks import parts
from benchmarks.adapters import Adapter, Factors, make, recipe_of, renamed, shapes
from benchmarks.edits import Case, File, NotMade, edits, has, original, write
from benchmarks.recognition.method import Task

ARCHITECTURE, RANK = "sd1", 4
HALVES = ("tune", "held-out")
_SEED = {"tune": 1_000_000, "held-out": 2_000_000}
_OTHERS, _NEVER, _MIXED = 100_000, 200_000, 300_000
"""Where the seeds begin: of the strangers that are given, of those that are asked about, and of
those that merges are made with."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is made for each half."""

    removals: int
    others: int
    files: int
    """Of each edit class, of the held-out half."""
    tuned: int
    """The same of the half that may be tuned on."""
    modules: int = 128

    def of(self, half: str) -> int:
        return self.tuned if half == "tune" else self.files


SIZES = {
    "small": Size(removals=110, others=110, files=4, tuned=2),
    "default": Size(removals=150, others=150, files=24, tuned=6),
    "published": Size(removals=300, others=300, files=300, tuned=30),
}

SINGLE: Mapping[str, tuple[str, ...]] = {
    "lossless": (
        *("metadata stripped", "tensors reordered", "re-saved by safetensors", "to a torch file"),
        *("names of peft", "names of comfyui", "names of diffusers, second form"),
        *("converted by diffusers", "alpha folded into factors", "another alpha, factors to match"),
        *("factors times M and its inverse", "rank dimensions permuted", "scaled by 0.5"),
        *("LoKr with a 1x1 first factor", "scaled by 2.0"),
    ),
    "number formats": (
        *("float32", "bfloat16", "float8 e4m3", "float8 e5m2", "8-bit integers", "4-bit integers"),
    ),
    "noise, 0.1 and 0.3 sigma": ("noise 0.1 sigma", "noise 0.3 sigma"),
    "noise, 1 sigma": ("noise 1 sigma",),
    "resized": ("resized to 1/2", "resized to 1/4"),
    "layers left out": (
        *("half the modules dropped", "four blocks only", "64 layers kept"),
        *("the strongest 16 layers dropped", "the strongest half dropped"),
    ),
    "layers of a stranger": (
        *("16 layers of a stranger", "a quarter of a stranger", "the strongest 16 of a stranger"),
    ),
    "signs and strengths": ("half the blocks negated", "every block at its own strength"),
    "pruned": ("smallest 10% pruned", "smallest 50% pruned", "random 50% pruned"),
    "trained on": ("trained on, equal norm",),
    "another algorithm": ("nearest LoKr, 2x2", "nearest LoKr and back"),
}
"""Edits of one removal, by the names of `benchmarks.edits`."""


@dataclass(frozen=True, slots=True)
class Merging:
    """A way to merge."""

    ours: parts.Merge
    peft: str = ""
    """What PEFT calls it; empty where it has no such way, or takes minutes for it."""
    weights: Callable[[int], list[float]] | None = None


def _uneven(count: int) -> list[float]:
    return [float(w) for w in np.geomspace(0.05, 1, count)]


MERGES: Mapping[str, Merging] = {
    "concatenation": Merging(parts.equal, "cat"),
    "concatenation, weights 0.05 to 1": Merging(parts.uneven, "cat", _uneven),
    "concatenation, cut by SVD": Merging(parts.cut),
    "factor sum": Merging(parts.summed, "linear"),
    "TIES": Merging(parts.ties, "ties"),
    "DARE": Merging(parts.dare, "dare_linear"),
}
COUNTS = (2, 4, 8, 16)
WEIGHTS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
BY_WEIGHT = "one beside another, by weight"
STRANGERS = "strangers, never removed"
CLASSES = (*SINGLE, *MERGES, BY_WEIGHT, STRANGERS)


@dataclass(frozen=True, slots=True)
class Target:
    """A removal that is in a file."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One file that is asked about."""

    of: str
    """Its edit class."""
    number: int
    edit: str
    by: str
    """Whose program made it: "ours", or the tool's."""
    targets: tuple[Target, ...]
    parts: int
    """How many adapters are in it."""
    file: File


class Half:
    """One half of the files of a size."""

    def __init__(self, size: Size, half: str) -> None:
        self.size, self._seed = size, _SEED[half]
        self._modules = shapes(ARCHITECTURE, True)[: size.modules]
        self._made = lru_cache(maxsize=64)(self._make)

    def task(self, folder: Path) -> Task:
        """Write what a method is given."""
        registry = {}
        for place, count in (("registry", self.size.removals), ("others", self.size.others)):
            (folder / place).mkdir(parents=True, exist_ok=True)
            for n in range(count):
                begin = 0 if place == "registry" else _OTHERS
                path = folder / place / f"{place}-{n:04d}.safetensors"
                write(original(self._made(begin + n)), path)
                if place == "registry":
                    registry[path.stem] = path
        others = tuple(sorted((folder / "others").iterdir()))
        return Task(folder, registry, others)

    def query(self, of: str, number: int) -> Query | NotMade:
        """The file of a class by its number; NotMade where no edit of the class can be made."""
        rng = np.random.default_rng([zlib.crc32(of.encode()), self._seed, number])
        if of == STRANGERS:
            file = original(self._made(_NEVER + number))
            return Query(of, number, "as it is", "ours", (), 1, file)
        if of in SINGLE:
            return self._single(of, number, rng)
        if of == BY_WEIGHT:
            weight = WEIGHTS[number % len(WEIGHTS)]
            mine, other = self._at(number), self._made(_MIXED + number)
            merged = parts.side_by_side([mine, other], [weight, 1.0])
            target = Target(self._name(number), weight)
            return Query(of, number, f"{weight:g}", "ours", (target,), 2, original(merged))
        return self._merge(of, number, rng)

    def _single(self, of: str, number: int, rng: np.random.Generator) -> Query | NotMade:
        """By turns; what cannot be made of this adapter, or here, leaves its turn to the next."""
        names = SINGLE[of]
        every = {edit.name: edit for edit in edits()}
        others = [self._made(_MIXED + number)]
        why: NotMade | None = None
        for turn in range(len(names)):
            edit = every[names[(number + turn) % len(names)]]
            made = edit.make(Case(self._at(number), others, rng))
            if isinstance(made, NotMade):
                why = why or made
                continue
            by: str = "ours" if made.saved_by == "own" else made.saved_by
            by = "diffusers" if edit.name == "converted by diffusers" else by
            return Query(of, number, edit.name, by, (Target(self._name(number)),), 1, made)
        assert why is not None
        return why

    def _merge(self, of: str, number: int, rng: np.random.Generator) -> Query:
        way, count = MERGES[of], COUNTS[number % len(COUNTS)]
        known = count if number // len(COUNTS) % 2 == 0 else count // 2
        first = number * 5
        removed = [self._at(first + n) for n in range(known)]
        strangers = [self._made(_MIXED + first + n) for n in range(count - known)]
        weights = [1 / count] * count if way.weights is None else way.weights(count)
        order = rng.permutation(count).tolist()  # the weak ones are not always the removed ones
        every = [*removed, *strangers]
        mixed = [every[at] for at in order]
        if way.peft and has("peft") and has("torch"):
            from benchmarks.edits_peft import merged as by_peft

            layers = by_peft(mixed, way.peft, weights, seed=number)
            made, by = renamed(mixed[0], layers), "peft"
        else:
            made, by = way.ours(mixed, rng), "ours"
        targets = tuple(
            Target(self._name(first + at), weights[place])
            for place, at in enumerate(order)
            if at < known
        )
        return Query(of, number, f"{of}, {count} parts", by, targets, count, original(made))

    def _at(self, number: int) -> Adapter:
        return self._made(number % self.size.removals)

    def _name(self, number: int) -> str:
        return f"registry-{number % self.size.removals:04d}"

    def _make(self, number: int) -> Adapter:
        recipe = recipe_of(number)
        # What strangers have in common is no more the other half's than they are.
        apart = self._seed // 1000
        recipe = replace(
            recipe,
            init=None if recipe.init is None else recipe.init + apart,
            family=None if recipe.family is None else recipe.family + apart,
        )
        made = make(
            ARCHITECTURE, self._seed + number, rank=RANK, recipe=recipe, modules=self._modules
        )
        return made if recipe.family is None else _balanced(made)


def _balanced(adapter: Adapter) -> Adapter:
    """The same updates, each rank of the down factors as long as the first: what a family shares
    is made as a product, and a sum of factors would be of that rank's down factor alone."""
    layers = {}
    for name, f in adapter.layers.items():
        lengths = np.linalg.norm(f.down, axis=1)
        by = (lengths[0] / np.maximum(lengths, 1e-30)).astype(np.float32)
        layers[name] = Factors(f.up / by, f.down * by[:, None], f.alpha)
    return renamed(adapter, layers)


def numbers(size: Size, half: str) -> Iterator[tuple[str, int]]:
    """Every file that is asked about, the classes by turns, so that a run that was stopped has
    something of each."""
    for number in range(size.of(half)):
        for of in CLASSES:
            yield of, number
