"""How much speaks for an account's belonging to a set of accounts, in bits.

Goes in an account and a group, come out bits for each kind of signal: the negative logarithm (to
base 2) of how likely an account that has nothing to do with the group has so much in common with
it. Chances come from how common each thing is among all accounts that were seen, so that what many
have (an uploader, a trainer, a popular model, a busy evening) says little. The formulas are in
docs/campaigns.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reseen.review.campaign_traits import NEVER, Key, SignalKind, Traits

SHARED_BY = 0.4
"""Share of the others of a group that have a mark or a key of a name, for it to be the group's."""

HOURS = 3.0
"""By how much likelier a sitting is a group's than by all sittings: people have their hours."""
NAMINGS = 3
"""Ways in which a name can be like others: a stem, all but one letter of it, a shape."""


class Population:
    """How common each thing is among all accounts that were seen.

    `accounts`: those with a re-upload of their own, which are compared. `others`: some of those
    without, which only say what is common.
    """

    def __init__(self, accounts: Sequence[Traits], others: Iterable[Traits]) -> None:
        self.accounts = accounts
        self.things = [_things(one) for one in accounts]
        self.holders: dict[SignalKind, Counter[Key]] = {
            kind: Counter(key for mine in self.things for key in mine[kind]) for kind in SignalKind
        }
        """How many accounts have each thing."""
        self.beside: dict[SignalKind, Counter[Key]] = {kind: Counter() for kind in SignalKind}
        """And how many of the others."""
        self.others = 0
        for other in others:
            self.others += 1
            for kind, keys in ((SignalKind.MARKS, other.marks), (SignalKind.NAMES, other.names)):
                here = self.holders[kind]
                self.beside[kind].update(key for key in keys if key in here)
        self.held = {kind: found.total() for kind, found in self.holders.items()}
        self.messages = frozenset(key for one in accounts for key in one.messages)
        self.told = sum(one.has_history for one in accounts)
        """Accounts of which commits are known."""


@dataclass(frozen=True, slots=True)
class _Had:
    """How many accounts of a group have a thing; who first, and since when the next."""

    count: int
    at: int
    who: int
    next: int = NEVER

    def also(self, at: int, who: int) -> _Had:
        """One account more."""
        if at < self.at:
            return _Had(self.count + 1, at, who, self.at)
        return _Had(self.count + 1, self.at, self.who, min(self.next, at))


class Profile:
    """What the accounts of a group have, and which of them had each thing first."""

    def __init__(self, population: Population, numbers: Iterable[int]) -> None:
        self.population = population
        self.numbers = frozenset(numbers)
        """Of accounts, in the population's order."""
        self.had: dict[SignalKind, dict[Key, _Had]] = {kind: {} for kind in SignalKind}
        """Who has each thing, and since when."""
        for number in sorted(self.numbers):
            for kind, mine in population.things[number].items():
                theirs = self.had[kind]
                for key, at in mine.items():
                    had = theirs.get(key)
                    theirs[key] = _Had(1, at, number) if had is None else had.also(at, number)
        self._held: dict[SignalKind, int] = {}
        self._outside: dict[SignalKind, int] = {}
        for kind, theirs in self.had.items():
            self._held[kind] = sum(had.count for had in theirs.values())
            holders = population.holders[kind]
            self._outside[kind] = sum(holders[key] for key in theirs) - self._held[kind]

    def score(self, number: int) -> Score:
        """How much speaks for an account's being one of this group, its own part in it left out."""
        bits: dict[SignalKind, float] = {}
        after: dict[SignalKind, float] = {}
        shared = 0
        inside = number in self.numbers
        for kind, mine in self.population.things[number].items():
            theirs = self.had[kind]
            common: dict[Key, int] = {}
            later: dict[Key, int] = {}
            for key in mine.keys() & theirs.keys():
                had, at = theirs[key], mine[key]
                others = had.count - inside
                if others:
                    common[key] = others
                    first = had.next if had.who == number else had.at
                    if first < at < NEVER:
                        later[key] = others
            if kind is SignalKind.REMOVALS:
                shared = len(common)
            if not common:
                bits[kind] = after[kind] = 0.0
                continue
            counted = kind in (SignalKind.REMOVALS, SignalKind.SITTINGS)
            measure = self._by_pool if counted else self._by_rarest
            bits[kind] = measure(kind, number, common)
            after[kind] = measure(kind, number, later) if later != common else bits[kind]
        return Score(bits, sum(after.values()), shared)

    def _by_pool(self, kind: SignalKind, number: int, common: Mapping[Key, int]) -> float:
        """Bits of so many hits, when what an outsider has is one of the group's things as often as
        with all outsiders: the union bound over which of them hit."""
        if not common:
            return 0.0
        mine = self.population.things[number][kind]
        outside, held = self._outside[kind], self.population.held[kind] - self._held[kind]
        if number in self.numbers:
            theirs = self.had[kind]
            alone = [key for key in mine if theirs[key].count == 1]
            outside -= sum(self.population.holders[kind][key] - 1 for key in alone)
        else:
            outside -= len(common)
            held -= len(mine)
        alike = HOURS if kind is SignalKind.SITTINGS else 1.0
        chance = min(1.0, alike * (outside + 1) / (held + 1))
        return max(0.0, -len(common) * math.log2(chance) - _choices(len(mine), len(common)))

    def _by_rarest(self, kind: SignalKind, number: int, common: Mapping[Key, int]) -> float:
        """Bits of the rarest thing that many of the group have, of those that the account has."""
        others = len(self.numbers) - (number in self.numbers)
        least = max(1, math.ceil(others * SHARED_BY))
        best = 0.0
        for key, count in common.items():
            if count >= least:
                best = max(best, -math.log2(self._share(kind, key, count, others)))
        tries = NAMINGS if kind is SignalKind.NAMES else len(self.population.things[number][kind])
        return max(0.0, best - math.log2(max(1, tries)))

    def _share(self, kind: SignalKind, key: Key, count: int, others: int) -> float:
        """How common a thing is outside: among those that re-upload or among all, whichever is
        more. `count` of `others` of the group have it, and so does the account itself."""
        there = self.population
        outside = there.holders[kind][key] - count
        if key in there.messages:
            return min(1.0, outside / max(1, there.told - others))
        total = len(there.accounts) - others
        every = (outside + there.beside[kind][key]) / max(1, total + there.others)
        return min(1.0, max(outside / max(1, total), every))


@dataclass(frozen=True, slots=True)
class Score:
    """What speaks for an account's being one of a group."""

    bits: Mapping[SignalKind, float]
    after: float
    """Of these, by what it did after others of the group."""
    shared: int
    """Its removals that others of the group have."""

    @property
    def total(self) -> float:
        return sum(self.bits.values())

    @property
    def beside(self) -> float:
        """Without the kind that says most."""
        return self.total - max(self.bits.values())


def _things(one: Traits) -> dict[SignalKind, Mapping[Key, int]]:
    return {
        SignalKind.REMOVALS: one.removals,
        SignalKind.SITTINGS: one.sittings,
        SignalKind.MARKS: one.marks,
        SignalKind.NAMES: dict.fromkeys(one.names, one.began),
    }


def _choices(tries: int, hits: int) -> float:
    return math.log2(math.comb(tries, hits))
