"""Accounts that re-upload together, as groups.

Goes in a `Population`, come out groups with what speaks for each of their accounts. Pairs that have
much in common make seeds; a seed grows by every account that belongs to it as a whole, and loses
those that do not. What bounds it: what more than `MOST_HOLDERS` accounts have makes no pair, and an
account is compared with `MOST_CANDIDATES` at most, those that it has most in common with.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from reseen.review.campaign_score import Population, Profile, Score
from reseen.review.campaign_traits import Key, SignalKind, Traits

MARGIN = 9.0
"""Bits beyond those by which one of all accounts would belong to a group by chance; for a group of
many, beyond those by which so many would: false discoveries stay the same part of what is found."""
MOST_COUNTED = 32
"""Accounts of a group that are counted so: whoever makes more lowers nothing further."""
AFTER = 7.0
"""Bits that must be of what the account did after others of the group had: others can copy what an
account did, and nobody can copy what it will do."""
ALONE, ALONE_BITS = 10, 50.0
"""So many removals in common that say so much are enough alone; below, a second kind is needed."""
OF_ALL = 0.15
"""Share of an account's files that must be re-uploads of what the group has: who mirrors a hub has
some of everything."""
BESIDE = 7.0
"""Bits that must speak for an account without the kind of signal that says most: one kind is not
enough, but for many removals in common."""
LINK = 12.0
LINK_BESIDE, LINK_ALONE = 3.0, 7
"""Bits of a pair that may begin a group, in all and without the kind that says most; so many
removals in common are enough without another kind."""
MOST_LINKS = 8
SLACK = 8.0
"""Bits that are let go when a group begins to grow."""
SMALLEST = 3
"""Accounts of a group: two are a pair."""
LARGEST = 2_000
MOST_HOLDERS = 120
MOST_CANDIDATES = 300
ROUNDS, ONLY_GROWS = 8, 2
MERGED = 0.5
"""Share of a group's accounts that must belong to a larger one, for them to be one."""


@dataclass(frozen=True, slots=True)
class AccountGroup:
    """Accounts that re-upload together."""

    scores: Mapping[int, Score]
    """What speaks for each account, by its number in the population."""


def groups(population: Population) -> list[AccountGroup]:
    """All groups, the largest first; no account is in two."""
    accounts = population.accounts
    bar = math.log2(max(2, len(accounts))) + MARGIN
    postings = _postings(population)
    links = _links(population, postings)
    found: list[dict[int, Score]] = []
    taken: set[int] = set()
    tried: set[frozenset[int]] = set()
    order = sorted(links, key=lambda number: (-links[number][0][0], number))
    for number in order:
        if number in taken:
            continue
        seed = frozenset([number, *(other for _, other in links[number])])
        if seed in tried:
            continue
        tried.add(seed)
        grown = _grown(population, postings, seed, bar)
        if len(grown) >= SMALLEST:
            found.append(grown)
            taken.update(grown)
    return _apart(population, found, bar)


def belongs(one: Traits, score: Score, bar: float, beside: float = BESIDE) -> bool:
    """Whether an account has so much in common with a group, whoever had it first."""
    if score.total < bar or not (_is_much(score) or score.beside >= beside):
        return False
    # Who mirrors a hub has something of everything.
    return not score.shared or score.shared >= OF_ALL * one.contents


def _is_much(score: Score) -> bool:
    return score.shared >= ALONE and score.bits[SignalKind.REMOVALS] >= ALONE_BITS


def _by_own_acts(score: Score) -> bool:
    """Whether what ties an account to a group is what the account did. Who was there first may be
    one whom the others copy: it is no account of the group, unless it re-uploaded much of it."""
    return score.after >= AFTER or _is_much(score)


def _postings(population: Population) -> dict[tuple[SignalKind, Key], list[int]]:
    """Who has each thing; what too many or one alone has is left out."""
    found: dict[tuple[SignalKind, Key], list[int]] = defaultdict(list)
    for number, things in enumerate(population.things):
        for kind, mine in things.items():
            holders = population.holders[kind]
            for key in mine:
                if 1 < holders[key] <= MOST_HOLDERS:
                    found[kind, key].append(number)
    return found


def _links(
    population: Population, postings: Mapping[tuple[SignalKind, Key], list[int]]
) -> dict[int, list[tuple[float, int]]]:
    """For each account the accounts that it has much in common with, the most first."""
    found: dict[int, list[tuple[float, int]]] = {}
    for number, things in enumerate(population.things):
        near: Counter[int] = Counter()
        for kind, mine in things.items():
            for key in mine:
                near.update(postings.get((kind, key), ()))
        del near[number]
        alone = Profile(population, [number])
        mine_too = population.accounts[number]
        linked = []
        for other, common in near.most_common(MOST_CANDIDATES):
            if common < 2:
                break
            score = alone.score(other)
            if score.total < LINK or not (
                score.beside >= LINK_BESIDE or score.shared >= LINK_ALONE
            ):
                continue
            least = max(mine_too.contents, population.accounts[other].contents)
            if score.shared >= OF_ALL * least or not score.shared:
                linked.append((score.total, other))
        if linked:
            found[number] = heapq.nlargest(MOST_LINKS, linked)
    return found


def _grown(
    population: Population, postings: Mapping[tuple[SignalKind, Key], list[int]],
    seed: Collection[int], bar: float,
) -> dict[int, Score]:  # fmt: skip
    """A seed with all that belong to it, without those that do not. At first less is asked for: a
    seed is small, and what it has in common shows better with every account."""
    members = set(seed)
    scores: dict[int, Score] = {}
    for step in range(ROUNDS):
        let_go = SLACK * max(0.0, 1 - step / (ROUNDS - 3))
        profile, asked = Profile(population, members), bar - _by_size(len(members))
        common: Counter[int] = Counter()
        for kind, had in profile.had.items():
            for key in had:
                common.update(postings.get((kind, key), ()))
        near = members.union(number for number, things in common.items() if things > 1)
        scores = {number: profile.score(number) for number in near}
        scores = {
            number: score
            for number, score in scores.items()
            if belongs(population.accounts[number], score, asked - let_go, BESIDE - let_go / 2)
        }
        before, members = members, set(scores) | (members if step < ONLY_GROWS else set())
        if len(members) < 2 or len(members) > LARGEST:
            return {}
        if members == before and not let_go:
            break
    return scores


def _apart(population: Population, found: list[dict[int, Score]], bar: float) -> list[AccountGroup]:
    """Groups of which no account is in two: those whose accounts belong to each other are one, and
    an account of two groups goes where more speaks for it."""
    found.sort(key=len, reverse=True)
    kept: list[set[int]] = []
    for one in found:
        mine = set(one)
        for at, other in enumerate(kept):
            theirs = Profile(population, other)
            there = sum(_fits(theirs, number, bar) for number in mine)
            if there >= MERGED * len(mine):
                kept[at] = other | mine
                break
        else:
            kept.append(mine)
    profiles = [Profile(population, some) for some in kept]
    best: dict[int, tuple[float, int]] = {}
    for at, profile in enumerate(profiles):
        for number in profile.numbers:
            if _fits(profile, number, bar):
                total = profile.score(number).total
                best[number] = max(best.get(number, (0.0, -1)), (total, at))
    apart: list[AccountGroup] = []
    for at in range(len(kept)):
        mine = {number for number, (_, where) in best.items() if where == at}
        while True:  # who left may have held another
            profile = Profile(population, mine)
            stay = {number for number in mine if _fits(profile, number, bar)}
            if stay == mine:
                break
            mine = stay
        scores = {number: profile.score(number) for number in sorted(mine)}
        scores = {number: score for number, score in scores.items() if _by_own_acts(score)}
        if len(scores) >= SMALLEST:
            apart.append(AccountGroup(scores))
    return sorted(apart, key=lambda group: -len(group.scores))


def _fits(profile: Profile, number: int, bar: float) -> bool:
    asked = bar - _by_size(len(profile.numbers))
    return belongs(profile.population.accounts[number], profile.score(number), asked)


def _by_size(accounts: int) -> float:
    """Bits by which less is asked for a group of so many."""
    return math.log2(max(1, min(accounts, MOST_COUNTED)))
