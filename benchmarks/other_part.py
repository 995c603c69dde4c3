"""A removal that is a merge itself: what is said of its other part, and of others' merges of that.

    python -m benchmarks.other_part

Made adapters of the 128 attention layers of SD 1.x. The removal is the removed model (rank 8) and
another part at a strength; one of rank 32 or 64 is itself 4 or 8 times as strong in energy, as if
each of its ranks were as strong as one of the model's. The files: the other part alone, and merged
equally with a stranger.
"""

from __future__ import annotations

from benchmarks.adapters import make, recipe_of, sampled, shapes, sketch
from benchmarks.parts import side_by_side
from reseen.match.calibration import Background
from reseen.match.compare import compare
from reseen.match.other_part import contained

RANKS, STRENGTHS = (8, 32, 64), (0.1, 0.3, 0.5, 1.0, 2.0)


def main() -> None:
    layers = shapes("sd1", True)
    strangers = (
        sampled("sd1", 10_000 + n, rank=(4, 8, 16)[n % 3], recipe=recipe_of(n)) for n in range(256)
    )
    background = Background(tuple(strangers))
    model, stranger = (make("sd1", seed, rank=8, modules=layers) for seed in (1, 2))
    print("| other part | strength | file | mean | its columns there | said |")
    print("|---|---:|---|---:|---:|---|")
    for rank in RANKS:
        other = make("sd1", 30 + rank, rank=rank, modules=layers)
        files = {
            "alone": sketch(other, components=True),
            "merged with a stranger": sketch(
                side_by_side([other, stranger], [1, 1]), components=True
            ),
        }
        for strength in STRENGTHS:
            removal = sketch(side_by_side([model, other], [1, strength]), components=True)
            for name, file in files.items():
                found, there = compare(removal, file, background), contained(removal, file)
                assert found is not None
                assert there is not None
                said = "copy: " * found.is_copy + found.relation.value
                figures = f"{found.mean:.2f} | {there.value:.2f} | {said}"
                print(f"| rank {rank} | {strength} | {name} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
