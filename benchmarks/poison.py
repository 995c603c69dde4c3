"""What others upload, and what it may do to the recognition of one removal's copies.

    python -m benchmarks.poison [--keys 2] [--write]

An installation has read 1,500 honest files of as many accounts. Somebody uploads files that are
made to spoil its background, before or after the removal is added; which of all these files are in
the sample, the key decides as in the product (`match.background.in_order`). Then copies of the
removal are compared, from a mean of 0.26 to 0.99. Goes on where it was: `.cache/poison.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import count, product
from pathlib import Path

import numpy as np

from benchmarks.adapters import recipe_of, sampled
from benchmarks.sketched import alike, of_values
from reseen.fingerprints.sketch import Sketch
from reseen.match.background import MOST, in_order, number
from reseen.match.calibration import Background, unit
from reseen.match.compare import compare
from reseen.observed.samples import SampledFile

CACHE = Path(".cache") / "poison.json"
PAGE = Path(__file__).parents[1] / "docs" / "poison.md"
HONEST = 1_500
FILES = (1, 5, 10, 100, 10_000)
ACCOUNTS = (1, 1_000)
WHEN = ("before", "after")
MEANS = (
    *(round(0.26 + 0.02 * step, 2) for step in range(12)),
    *(0.51, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99),
)
REMOVAL = sampled("sd1", 1, rank=8)
N = len(REMOVAL.ids)
OTHERS = tuple(sampled("sd1", 50 + n, rank=8) for n in range(12))


def half(rng: np.random.Generator) -> Sketch:
    """Like the removal in half of its modules: mean 0.43, the weaker half 0."""
    return alike(REMOVAL, np.where(rng.permutation(N) < N // 2, 0.86, 0.0), rng)


def means(rng: np.random.Generator) -> Sketch:
    """Like the removal in all modules, by a mean between 0.05 and 0.47."""
    return alike(REMOVAL, rng.uniform(0.05, 0.47), rng)


def family(rng: np.random.Generator) -> Sketch:
    """Like one another by a mean of 0.43, and like nothing else."""
    return alike(OTHERS[0], 0.66, rng)


def merges(rng: np.random.Generator) -> Sketch:
    """Equal merges of the removal with 3 to 11 others."""
    parts = rng.choice(len(OTHERS), rng.integers(3, 12), replace=False)
    values = unit(REMOVAL.values()) + sum(unit(OTHERS[n].values()) for n in parts)
    noise = 0.3 * unit(rng.standard_normal((N, 64)).astype(np.float32))
    return of_values(REMOVAL, values + noise)


def random(rng: np.random.Generator) -> Sketch:
    """Random numbers."""
    return of_values(REMOVAL, rng.standard_normal((N, 64)).astype(np.float32))


KINDS: Mapping[str, Callable[[np.random.Generator], Sketch]] = {
    "half of the modules": half,
    "means of 0.05 to 0.47": means,
    "alike among themselves": family,
    "weak merges of it": merges,
    "random": random,
}


@dataclass(frozen=True, slots=True)
class Spoiled:
    """What became of the copies."""

    kind: str
    files: int
    accounts: int
    when: str
    sample: int
    """Files in the sample."""
    bad: int
    """Of them, made to spoil it."""
    answers: tuple[str, ...]
    """Of each of `MEANS`: "copy", "uncertain" or "no match"."""


@lru_cache(maxsize=1)
def honest() -> tuple[Sketch, ...]:
    """Half with an initialisation of their own, a third with one of three, a sixth in families of
    one recipe with means of 0.01 to 0.06."""
    return tuple(
        sampled("sd1", 3_000 + n, rank=(4, 8, 16)[n % 3], recipe=recipe_of(n))
        for n in range(HONEST)
    )


def spoiled(kind: str, files: int, accounts: int, when: str, key: int) -> Spoiled:
    secret, made = _secret(key, accounts), KINDS[kind]
    every = [SampledFile(n, ("hub", f"honest{n}"), ("x", "x", b"%d" % n)) for n in range(HONEST)]
    every += [
        SampledFile(HONEST + n, ("hub", f"bad{n % accounts}"), ("y", "y", b"%d" % n))
        for n in range(files)
    ]
    sighted: set[int] = set()
    clean = Background(tuple(honest()[:MOST]))
    while True:
        left = (file for file in every if file.artifact_pk not in sighted)
        drawn = in_order(secret, left)[:MOST]
        sketches, bad = [], []
        for file in drawn:
            own = file.artifact_pk - HONEST
            if own < 0:
                sketches.append(honest()[file.artifact_pk])
            else:
                sketches.append(made(np.random.default_rng([key, own])))
                bad.append((file.artifact_pk, sketches[-1]))
        accounts_ = tuple(hash(file.account) % 2**53 for file in drawn)
        background = Background(tuple(sketches), accounts_)
        # What was a copy when it came is a sighting, and no stranger: after the removal was added
        # it was compared as it came; before that, with all the others.
        against = clean if when == "after" else background
        found = {pk for pk, sketch in bad if is_copy(sketch, against)}
        if not found:
            break
        sighted |= found
    answers = tuple(answer(mean, background, key) for mean in MEANS)
    return Spoiled(kind, files, accounts, when, len(drawn), len(bad), answers)


def _secret(key: int, accounts: int) -> bytes:
    """A key; one that draws the account, where there is one alone."""
    secrets = (b"%032d" % n for n in count(1_000 * key))
    drawn = MOST / HONEST
    return next(s for s in secrets if accounts > 1 or number(s, ("hub", "bad0")) < drawn)


def is_copy(sketch: Sketch, background: Background) -> bool:
    found = compare(REMOVAL, sketch, background)
    return found is not None and found.is_copy


def answer(mean: float, background: Background, key: int) -> str:
    found = compare(REMOVAL, alike(REMOVAL, mean, np.random.default_rng([9, key])), background)
    assert found is not None
    return "copy" if found.is_copy else "uncertain" if found.is_lead else "no match"


def measured(keys: int) -> list[list[Spoiled]]:
    """For each row the outcome under each key."""
    known = json.loads(CACHE.read_text()) if CACHE.exists() else {}
    rows = []
    wanted = [("random", 0, 1, "before"), *product(KINDS, FILES, ACCOUNTS, WHEN)]
    for kind, files, accounts, when in wanted:
        if files == 1 and accounts > 1:
            continue
        row = []
        for key in range(keys):
            name = f"{kind}/{files}/{accounts}/{when}/{key}"
            if name not in known:
                known[name] = asdict(spoiled(kind, files, accounts, when, key))
                CACHE.parent.mkdir(exist_ok=True)
                CACHE.write_text(json.dumps(known))
            row.append(Spoiled(**{**known[name], "answers": tuple(known[name]["answers"])}))
        print(line(row), flush=True)
        rows.append(row)
    return rows


def _from(row: Sequence[Spoiled], wanted: set[str]) -> str:
    """The least mean from which on every answer is one of these, under every key."""
    least: float | None = None
    for at in reversed(range(len(MEANS))):
        if not all(each.answers[at] in wanted for each in row):
            break
        least = MEANS[at]
    return "none" if least is None else f"{least:.2f}"


def line(row: Sequence[Spoiled]) -> str:
    first = row[0]
    bad = max(each.bad for each in row)
    unsure = sorted(
        {MEANS[at] for each in row for at, a in enumerate(each.answers) if a == "uncertain"}
    )
    lost = sum(
        a == "no match" and MEANS[at] >= 0.5 for each in row for at, a in enumerate(each.answers)
    )
    between = f"{unsure[0]:.2f} to {unsure[-1]:.2f}" if unsure else ""
    return (
        f"| {first.kind if first.files else 'none'} | {first.files:,} | {first.accounts:,} "
        f"| {first.when} | {bad} of {first.sample} | {_from(row, {'copy'})} | {between} "
        f"| {_from(row, {'copy', 'uncertain'})} | {lost} |"
    )


HEAD = (
    "| uploaded | files | accounts | removal added | in the sample | a copy from | uncertain "
    "| no match below | copies of 0.5 lost |\n|---|---:|---:|---|---:|---:|---:|---:|---:|"
)


def page(rows: Sequence[Sequence[Spoiled]], keys: int) -> str:
    table = "\n".join(line(row) for row in rows)
    return f"""# What others upload, and what it may do

Made by `make bench-poison` (`python -m benchmarks.poison --write`), under {keys} keys. A store
has read {HONEST:,} honest adapters of as many accounts (SD 1.5 attention, {N} modules). Somebody
uploads files that are made to spoil the background of p-values; a sample of all is drawn by the
key, account by account, at most five files of one. Files that are copies themselves are sightings,
and no part of it. Then copies of one removal are compared, from a mean cosine of {MEANS[0]} to
{MEANS[-1]}. One account alone is drawn by one key in three: the keys here are such.

What the columns say: how many of the sample's files were made to spoil it; from which mean on every
copy was found; at which means some answer was "uncertain: files of this recipe resemble each
other", a lead; below which mean some copy was neither found nor a lead; and how many copies of a
mean over 0.5 were lost. All modules of a copy agree as far; the worst of all keys counts.

{HEAD}
{table}

From one account nothing is lost, however many files it has. From a hundred files of as many
accounts on, beside fifteen hundred honest ones, weak copies are lost, and files that are like the
removal make stronger ones uncertain. Nothing makes a copy of a
mean over 0.5 "no match".
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--keys", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="into docs/poison.md")
    chosen = parser.parse_args()
    print(HEAD)
    rows = measured(chosen.keys)
    if chosen.write:
        PAGE.write_text(page(rows, chosen.keys))


if __name__ == "__main__":
    main()
