"""How long a scan of a large hub takes to find, by the plan of quota that its token has.

    python -m benchmarks.quota_plans [--repositories N] [--kind N] [--keep FILE]
    python -m benchmarks.quota_plans --requests N N N [--times N]

A population of `benchmarks.best_first_world`, walked by the product's own walk over a hub in
memory, with no HTTP: how many requests of the API had been made when each sighting was stored.
Beside it the orders of a plain loop. Which plan pays for them decides when: the Hub counts in fixed
windows of 300 seconds, a walk uses a whole window up and waits for the next. The population is made
by laws that stand in `best_first_world`; the Hub's own is not known. `--keep`: what was found so
far is kept there, and shown in the place of a walk where it is there already. `--requests`: of
another measurement, to 50, 90 and 99 %, for a hub that is so many times as large. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks.best_first import KINDS, fill, plain, walked
from benchmarks.best_first_world import population
from reseen.store.database import Store

PLANS: Mapping[str, int] = {
    "without a token": 500,
    "free": 1_000,
    "PRO": 2_500,
    "Team, Academia": 3_000,
    "Enterprise": 6_000,
    "Enterprise Plus": 10_000,
    "Enterprise Plus, higher limits": 100_000,
}
"""Requests of the API in a window (the Hub's documentation of rate limits, of September 2025)."""
WINDOW = 300
"""Seconds."""
SHARES = (0.5, 0.9, 0.99)
REMOVED, THERE = 50_000, 5_000
"""Lines of the registry, and those of them that are at the hub."""


def seconds(requests: int, quota: int) -> int:
    """When so many requests are answered: windows that were used up before the last, at least."""
    return (requests - 1) // quota * WINDOW


def counted(kind: int, seed: int, repositories: int, keep: Path | None) -> dict[str, Any]:
    """Requests made when each sighting was found, by order."""
    began = time.monotonic()
    made = population(KINDS[kind], seed, repositories, REMOVED, THERE)
    result: dict[str, Any] = {
        "kind": KINDS[kind].label,
        "seed": seed,
        "repositories": repositories,
        "sightings": made.sightings,
        "listing": plain(made, newest=False),
        "newest": plain(made, newest=True),
    }
    kept = 0.0

    def tell(found_at: list[int]) -> None:
        nonlocal kept
        if keep is not None and time.monotonic() - kept > 30:
            kept = time.monotonic()
            keep.write_text(json.dumps(result | {"ours": found_at, "ended": False}))

    with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/reseen.db") as store:
        fill(store, made.removed, KINDS[kind].dates)
        ours = walked(made, store, tell=tell)
    result |= {"ours": ours, "ended": True, "seconds": round(time.monotonic() - began)}
    if keep is not None:
        keep.write_text(json.dumps(result))
    return result


def requests_to(found_at: Sequence[int], total: int) -> list[int | None]:
    """For each share; None where the walk was stopped before it."""
    places = [ceil(total * share) - 1 for share in SHARES]
    return [found_at[place] if place < len(found_at) else None for place in places]


def table(result: Mapping[str, Any]) -> str:
    """Rows of Markdown: requests to each share by order, and time by plan."""
    total = result["sightings"]
    ours = requests_to(result["ours"], total)
    lines = [
        f"| {result['repositories']:,} repositories, {total:,} sightings | 50 % | 90 % | 99 % |",
        "|---|---|---|---|",
        f"| requests | {' | '.join(map(_number, ours))} |",
    ]
    for name in ("newest", "listing"):
        numbers = requests_to(result[name], total)
        lines.append(f"| adapters first, {name} | {' | '.join(map(_number, numbers))} |")
    return "\n".join([*lines, *by_plan(ours)])


def by_plan(requests: Sequence[int | None]) -> list[str]:
    """A row for each plan: when so many requests are answered."""
    return [
        f"| {plan}, {quota:,} in 300 s | "
        + " | ".join(_time(None if n is None else seconds(n, quota)) for n in requests)
        + " |"
        for plan, quota in PLANS.items()
    ]


def _number(number: int | None) -> str:
    return "not reached" if number is None else f"{number:,}"


def _time(number: int | None) -> str:
    if number is None:
        return "not reached"
    if number < 2 * 3600:
        return f"{number // 60 or 'under 5'} min"
    hours = timedelta(seconds=number) / timedelta(hours=1)
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=1_000_000)
    parser.add_argument("--kind", type=int, default=8, help="of the populations, by its place")
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--requests", type=int, nargs=3)
    parser.add_argument("--times", type=int, default=1)
    given = parser.parse_args()
    if given.requests is not None:
        requests = [number * given.times for number in given.requests]
        print(
            "\n".join([f"| requests | {' | '.join(map(_number, requests))} |", *by_plan(requests)])
        )
        return
    if given.keep is not None and given.keep.exists():
        result = json.loads(given.keep.read_text())
    else:
        result = counted(given.kind, given.seed, given.repositories, given.keep)
    print(table(result))


if __name__ == "__main__":
    main()
