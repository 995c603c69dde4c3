"""Strangers of one seed on few layers, and of one maker of adapters: pairs by the million.

    python -m benchmarks.few_layers

Sketches are drawn as `benchmarks.adapters.sampled` draws them: P times B is Gaussian, Q times A is
the seed's, the same for all. Pairs of few layers are compared by the formula of the verdict, all at
once, and the closest of them by the verdict itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.adapters import recipe_of, sampled
from benchmarks.sketched import of_values, some_of
from reseen.match.calibration import OPPOSED, Background, unit
from reseen.match.compare import COPY_LOWER, COPY_MEAN, COPY_MEAN_ALONE, RECIPE_P, compare

PAIRS = 1_000_000
_BATCH = 50_000
_CLOSEST = 200
"""Pairs of a batch that are compared whole."""
LIKE = sampled("sd1", 1, rank=8)
N = len(LIKE.ids)
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FewLayers:
    """Strangers of one seed."""

    modules: int
    rank: int
    fall: float
    """How the strength of ranks falls: k to the minus this."""
    pairs: int
    accused: int
    largest: float


def of_one_seed(modules: int, rank: int, fall: float, pairs: int = PAIRS) -> FewLayers:
    """Pairs whose A is what the seed drew; a fresh seed for every batch."""
    like = some_of(LIKE, np.arange(N) < modules)
    rng = np.random.default_rng([modules, rank, int(10 * fall)])
    strength = (np.arange(1, rank + 1) ** -fall).astype(np.float32)
    done, accused, largest = 0, 0, 0.0
    while done < pairs:
        size = min(_BATCH, pairs - done)
        seed = rng.standard_normal((modules, rank, 8), np.float32)

        def side(size: int = size, seed: Values = seed) -> Values:
            ups = rng.standard_normal((size, modules, 8, rank), np.float32) * strength
            made: Values = np.asarray((ups @ seed).reshape(size, modules, 64), np.float32)
            return made

        first, second = side(), side()
        lengths = np.linalg.norm(first, axis=2) * np.linalg.norm(second, axis=2)
        cosines = np.einsum("pmn,pmn->pm", first, second) / lengths
        means = np.maximum(np.abs(cosines.mean(axis=1)), np.abs(cosines).mean(axis=1))
        largest = max(largest, float(np.abs(cosines.mean(axis=1)).max()))
        for at in np.argsort(-means)[:_CLOSEST]:
            one, other = (replace(of_values(like, s[at]), rank=rank) for s in (first, second))
            found = compare(one, other)
            accused += found is not None and found.is_copy
        done += size
    return FewLayers(modules, rank, fall, pairs, accused, largest)


# -- one maker of adapters -------------------------------------------------------------------------


def image_to_lora(rng: np.random.Generator) -> Callable[[int], Values]:
    """Adapters that a network makes of an image: what it always makes, and what 64 numbers of the
    image turn it to."""
    always = rng.standard_normal((N, 64), np.float32)
    turns = rng.standard_normal((64, N * 64), np.float32)

    def some(count: int) -> Values:
        image = rng.standard_normal((count, 64), np.float32) / np.float32(8)
        return np.asarray(always + (image @ turns).reshape(count, N, 64), np.float32)

    return some


def pissa(rng: np.random.Generator) -> Callable[[int], Values]:
    """Trained from the leading directions of one base, which stay in what is added."""
    begun = rng.standard_normal((N, 64), np.float32)

    def some(count: int) -> Values:
        made: Values = begun + np.float32(0.4) * rng.standard_normal((count, N, 64), np.float32)
        return made

    return some


def shared_basis(rng: np.random.Generator) -> Callable[[int], Values]:
    """Sums of 24 directions that all have."""
    basis = rng.standard_normal((24, N * 64), np.float32)

    def some(count: int) -> Values:
        made: Values = (rng.standard_normal((count, 24), np.float32) @ basis).reshape(count, N, 64)
        return made

    return some


MAKERS = {"image to LoRA": image_to_lora, "PiSSA": pissa, "shared basis": shared_basis}


@dataclass(frozen=True, slots=True)
class OneMaker:
    """Strangers of one maker."""

    maker: str
    held: int
    """Of its files in the background, of 256."""
    pairs: int
    accused: int
    uncertain: int
    largest: float
    again: str
    """Its own files in half precision: known again, of ten."""


def of_one_maker(maker: str, held: int, files: int = 448) -> OneMaker:
    """All pairs of so many files, against a background of 256 that holds some of the maker's."""
    rng = np.random.default_rng([held, len(maker)])
    make = MAKERS[maker](rng)
    honest = [sampled("sd1", 3_000 + n, rank=8, recipe=recipe_of(n)) for n in range(256 - held)]
    background = Background((*(of_values(LIKE, v) for v in make(held)), *honest))
    values = make(files)
    sketches = [of_values(LIKE, each) for each in values]
    units = np.stack([unit(each.values()) for each in sketches])
    null = background.null(LIKE.ids)
    accused = uncertain = pairs = 0
    largest = 0.0
    for one in range(1, files):
        cosines = np.einsum("fmn,mn->fm", units[:one], units[one])
        (likeness,) = null.likeness(units[one : one + 1])
        sizes = np.where(cosines <= OPPOSED, -cosines, cosines).mean(axis=1)
        for other, (mean, size) in enumerate(zip(cosines.mean(axis=1), sizes, strict=True)):
            pairs += 1
            largest = max(largest, abs(float(mean)))
            if max(abs(mean), size) < COPY_MEAN:
                continue
            turned = bool((cosines[other] <= OPPOSED).any())
            if not turned and pairs % 50 and null.resembling(likeness, float(mean)) > RECIPE_P:
                # The verdict's own rule, for the many; each fiftieth pair is compared whole.
                weaker = np.sort(cosines[other])[: (N + 1) // 2].mean()
                uncertain += mean >= COPY_MEAN_ALONE or weaker >= COPY_LOWER
                continue
            found = compare(sketches[one], sketches[other], background)
            accused += found is not None and found.is_copy
            uncertain += found is not None and found.is_lead
    again = 0
    for sketch, each in zip(sketches[:10], values, strict=False):
        half = of_values(LIKE, each.astype(np.float16).astype(np.float32))
        found = compare(sketch, half, background)
        again += found is not None and found.is_copy
    return OneMaker(maker, held, pairs, accused, uncertain, largest, f"{again} of 10")


def rows() -> Iterator[str]:
    """The tables of the page."""
    yield "| layers | rank | fall of ranks | pairs | called a copy | largest mean |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for modules in (1, 2, 3, 4, 8):
        for rank in (1, 2, 3, 4):
            for fall in (0.0, 1.0) if rank > 1 else (0.0,):
                r = of_one_seed(modules, rank, fall)
                yield (
                    f"| {r.modules} | {r.rank} | {r.fall:.0f} | {r.pairs:,} | {r.accused} "
                    f"| {r.largest:.3f} |"
                )
    yield ""
    yield (
        "| maker | its files in the background | pairs | called a copy | uncertain | largest mean "
        "| half precision known |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for maker in MAKERS:
        for held in (40, 128):
            m = of_one_maker(maker, held)
            yield (
                f"| {m.maker} | {m.held} of 256 | {m.pairs:,} | {m.accused} | {m.uncertain:,} "
                f"| {m.largest:.3f} | {m.again} |"
            )


def page(lines: Sequence[str]) -> list[str]:
    """The part of docs/strangers.md that these tables are of."""
    between = lines.index("")
    return [
        "## Few layers",
        "",
        "LoRA of one seed: A is what the seed drew, B is each one's own, so that a layer of rank 1 "
        "has eight numbers of its own in a sketch, however many it has in the file. The strength "
        "of ranks is even, or falls like 1/k. No background.",
        "",
        *lines[:between],
        "",
        "## One maker of adapters",
        "",
        "Strangers that share what their maker always does: a network that makes a LoRA of an "
        "image (the same beginning, and 64 numbers of the image); training from the leading "
        "directions of one base (PiSSA, where they stay in the update); sums of 24 directions that "
        "all have. They agree by 0.5 and more, so without a background they would be called "
        "copies. With one that holds 40 or 128 of the maker's files among 256, each of an account "
        "of its own, they are uncertain, a lead; and a file in half precision is known again.",
        "",
        *lines[between + 1 :],
    ]


def main() -> None:
    for row in rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()
