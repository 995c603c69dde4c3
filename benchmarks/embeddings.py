"""Textual inversions on a model of training: strangers who began with one word, and edited copies.

No embeddings of people are to be had, and the tokenizers' tables are not either. So files are made:
one to eight rows, half of the files from one word's row, each row moved away from it by the usual
way times `amount` (a random direction; a share of it along the word's row itself). Prints how many
of all pairs are called copies, with and without the guard by norms, and how many copies are found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from reseen.fingerprints.rows import EmbeddingRows, make
from reseen.match.rows import ALIKE, compare_rows, needed

FILES, WIDTH = 400, 768
USUAL = 0.388
"""The length of a row of CLIP-L's, and of the usual way from it (times 0.7 to 2)."""
AMOUNTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 4.0, None)
"""Of training; None: each file another, from 0 to 1.2."""
MIXED = (0.0, 0.05, 0.2, 0.4, 0.8, 1.2)
Floats = NDArray[np.float64]

EDITS: Mapping[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "as float16": lambda rows, _: rows.astype(np.float16).astype(np.float64),
    "as bfloat16": lambda rows, _: rows.astype(ml_dtypes.bfloat16).astype(np.float64),
    "as 8-bit floats": lambda rows, _: rows.astype(ml_dtypes.float8_e4m3fn).astype(np.float64),
    "scaled by 0.7": lambda rows, _: 0.7 * rows,
    "noise of 0.1": lambda rows, rng: rows + 0.1 * rows.std() * rng.standard_normal(rows.shape),
    "noise of 0.3": lambda rows, rng: rows + 0.3 * rows.std() * rng.standard_normal(rows.shape),
    "half of the rows": lambda rows, _: rows[: max(1, len(rows) // 2)],
    "turned round": lambda rows, _: rows[::-1],
}


def files(norm: float, along: float, amount: float | None, seed: int = 0) -> list[Floats]:
    """Strangers' embeddings, every second from the same word."""
    rng = np.random.default_rng(seed)

    def word() -> Floats:
        drawn = rng.standard_normal(WIDTH)
        return drawn * (norm / np.linalg.norm(drawn))

    shared, made = word(), []
    for number in range(FILES):
        began = shared if number % 2 else word()
        count = int(rng.integers(1, 9))
        moves = rng.standard_normal((count, WIDTH))
        moves /= np.linalg.norm(moves, axis=1, keepdims=True)
        moves = np.sqrt(1 - along**2) * moves + along * began / norm
        much = float(rng.choice(MIXED)) if amount is None else amount
        made.append(began + much * USUAL * np.sqrt(rng.uniform(0.5, 4, (count, 1))) * moves)
    return made


def sketched(rows: Floats) -> EmbeddingRows:
    found, _ = make([rows.astype(np.float32)])
    assert found is not None
    return found


def called_copies(some: list[EmbeddingRows]) -> tuple[int, int, float]:
    """Pairs in which either is called a copy of the other; those that would be without the guard;
    the share of rows that tell."""
    owner = np.repeat(np.arange(len(some)), [len(rows) for rows in some])
    units = np.concatenate([rows.units() for rows in some])
    least = np.concatenate([needed(rows) for rows in some])
    cosines = units @ units.T
    near = {(owner[a], owner[b]) for a, b in np.argwhere(cosines >= ALIKE) if owner[a] < owner[b]}
    candidates = np.argwhere(cosines >= least[:, None])
    told = {
        (min(a, b), max(a, b))
        for a, b in {(int(owner[a]), int(owner[b])) for a, b in candidates}
        if a != b and compare_rows(some[a], some[b]) is not None
    }
    return len(told), len(near), float((least <= 1).mean())


def main() -> None:
    pairs = FILES * (FILES - 1) // 2
    print(f"{FILES} files, {pairs:,} pairs; called copies / without the guard / rows that tell")
    worst = 0
    for norm in (0.4, 0.45, 0.5):
        for along in (0.0, 0.3, 0.5):
            for amount in AMOUNTS:
                some = [sketched(rows) for rows in files(norm, along, amount)]
                told, near, tell = called_copies(some)
                worst = max(worst, told)
                name = "mixed" if amount is None else f"{amount:.1f}"
                print(f"{norm:.2f} {along:.1f} {name:>5}  {told:6,} {near:7,}  {tell:.2f}")
    print(f"most pairs called copies: {worst}")
    rng = np.random.default_rng(1)
    for amount in (1.0, 2.0):
        made = files(0.4, 0.0, amount)
        telling = [rows for rows in made if sketched(rows).tells.any()]
        print(f"amount {amount}: {len(telling)} of {FILES} files have a row that tells")
        for name, edit in EDITS.items():
            found = sum(
                compare_rows(sketched(rows), sketched(edit(rows, rng))) is not None
                for rows in telling
            )
            print(f"  {name:<18}{found} of {len(telling)} found")


if __name__ == "__main__":
    main()
