"""How many accounts of campaigns are found, and how many others are drawn in.

Worlds as people make them (`campaigns_world`), on seeds that no threshold was chosen on. The aims:
95 of 100 accounts of campaigns found, and at most one other of 10,000 drawn in. `--write` puts the
tables into docs/campaigns.md; `--scale` says how long many accounts take, and how much memory.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from benchmarks.campaigns_world import KINDS, World, world
from reseen.review.campaign_groups import AccountGroup, groups
from reseen.review.campaign_score import Population
from reseen.review.campaign_traits import first_copies, traits

PAGE = Path(__file__).parents[1] / "docs" / "campaigns.md"
MARK = "<!-- What follows is made by `make bench-campaigns`. -->\n"
CHOSEN_ON = "1 to 3"
SEEDS = tuple(range(201, 205))
"""None of them was looked at before the last change of what finds campaigns."""


def population_of(seen: World) -> Population:
    """As the store's accounts become one."""
    with_re_uploads = [one for one in seen.accounts if one.removals]
    first = first_copies(with_re_uploads)
    return Population(
        [traits(one, first) for one in with_re_uploads],
        (traits(one, first) for one in seen.accounts if not one.removals),
    )


class Tally:
    """What several worlds came to."""

    def __init__(self) -> None:
        self.members: Counter[str] = Counter()
        self.known: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.campaigns: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self.compared: Counter[str] = Counter()
        self.drawn_in: Counter[str] = Counter()
        self.groups = self.of_one = 0
        self.seconds: list[float] = []

    def add(self, seen: World, there: Population, found: list[AccountGroup]) -> None:
        """One world more."""
        by_name = {name: n for n, (_, members) in enumerate(seen.campaigns) for name in members}
        compared = {one.name for one in there.accounts}
        held = set()
        for group in found:
            names = {there.accounts[number].name for number in group.scores}
            held |= names
            self.groups += 1
            self.of_one += len({by_name[name] for name in names if name in by_name}) == 1
        for kind, members in seen.campaigns:
            self.campaigns[kind] += 1
            self.members[kind] += len(members)
            self.known[kind] += len(members & compared)
            self.found[kind] += len(members & held)
            self.seen[kind] += len(members & held) >= min(3, len(members))
        for name, kind in seen.kinds.items():
            self.others[kind] += 1
            self.compared[kind] += name in compared
            self.drawn_in[kind] += name in held

    def lines(self) -> list[str]:
        """Tables in Markdown."""
        rows = ["| campaigns | planted | seen | accounts | with a known re-upload | found | part |"]
        rows += ["|---|---:|---:|---:|---:|---:|---:|"]
        for kind in (*KINDS, "all"):
            counted = (self.campaigns, self.seen, self.members, self.known, self.found)
            planted, seen, of, known, found = (
                one.total() if kind == "all" else one[kind] for one in counted
            )
            rows.append(
                f"| {kind} | {planted} | {seen} | {of:,} | {known:,} | {found:,} "
                f"| {100 * found / max(1, of):.1f} % |"
            )
        rows += ["", "| other accounts | in all | with a known re-upload | drawn in |"]
        rows += ["|---|---:|---:|---:|"]
        for kind in sorted(self.others):
            rows.append(
                f"| {kind} | {self.others[kind]:,} | {self.compared[kind]:,} "
                f"| {self.drawn_in[kind]} |"
            )
        total, drawn = self.others.total(), self.drawn_in.total()
        rows.append(f"| all | {total:,} | {self.compared.total():,} | {drawn} |")
        per = 10_000 * drawn / max(1, total)
        rows += [
            "",
            f"Of {self.groups} groups {self.of_one} have accounts of one campaign alone. Of 10,000 "
            f"other accounts {per:.1f} were drawn in. Finding took "
            f"{max(self.seconds):.0f} seconds of one core at most.",
        ]
        return rows


def measured(seeds: tuple[int, ...], accounts: int, plain: bool) -> list[str]:
    """Lines about all of these worlds. `plain`: as if no commit of any repository were known."""
    every = Tally()
    each = ["| seed | accounts of campaigns | found | others drawn in |", "|---|---:|---:|---:|"]
    for seed in seeds:
        one, seen = Tally(), world(seed, accounts=accounts)
        if plain:
            seen = replace(seen, accounts=tuple(replace(a, commits=()) for a in seen.accounts))
        there = population_of(seen)
        began = time.process_time()
        found = groups(there)
        every.seconds.append(time.process_time() - began)
        for tally in (one, every):
            tally.add(seen, there, found)
        members, held = one.members.total(), one.found.total()
        each.append(
            f"| {seed} | {members} | {held} ({100 * held / members:.1f} %) "
            f"| {one.drawn_in.total()} of {one.others.total():,} |"
        )
        print(each[-1], flush=True)
    text = (
        f"{len(seeds)} worlds of {accounts:,} accounts with 30 campaigns each (seeds {seeds[0]} to "
        f"{seeds[-1]}; thresholds were chosen on {CHOSEN_ON})."
    )
    return [text, "", *every.lines(), "", *each]


def scale(accounts: int) -> str:
    """How long one large world takes."""
    there = population_of(world(7, accounts=accounts))
    began = time.process_time()
    found = groups(there)
    took = time.process_time() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"| {accounts:,} | {len(there.accounts):,} | {len(found)} | {took:,.0f} | {memory:,.0f} |"
    )


def main() -> None:
    """Measure, and print or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--scale", type=int, metavar="ACCOUNTS")
    parser.add_argument("--plain", action="store_true", help="as if no commits were known")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.scale:
        print("| accounts | compared | groups | seconds | MB at most |")
        print(scale(given.scale))
        return
    lines = measured(SEEDS[: given.seeds], given.accounts, given.plain)
    text = "\n".join(lines) + "\n"
    if given.write:
        before = PAGE.read_text("utf-8").partition(MARK)[0]
        PAGE.write_text(before + MARK + "\n" + text, "utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
