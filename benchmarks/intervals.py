"""What so many successes of so many tries prove: Clopper and Pearson's intervals (1934)."""

from __future__ import annotations

from math import exp, lgamma, log


def interval(successes: int, tries: int, level: float = 0.95) -> tuple[float, float]:
    """The shares under which neither so few successes nor so many would be a surprise: each end
    leaves half of what is left of the level. (0, 1) of no tries."""
    if not tries:
        return 0.0, 1.0
    side = (1 - level) / 2
    return _low(successes, tries, side), 1 - _low(tries - successes, tries, side)


def at_least(successes: int, tries: int) -> float:
    """The smallest share under which so many successes, or more, have one chance in twenty."""
    return _low(successes, tries, 0.05)


def at_most(successes: int, tries: int) -> float:
    """The largest share under which so few successes, or fewer, have one chance in twenty."""
    return 1 - _low(tries - successes, tries, 0.05)


def _low(successes: int, tries: int, chance: float) -> float:
    """The share under which at least so many successes have this chance."""
    if successes <= 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):
        share = (low + high) / 2
        low, high = (share, high) if _tail(successes, tries, share) < chance else (low, share)
    return low


def _tail(successes: int, tries: int, share: float) -> float:
    """The chance of so many successes or more."""
    if share <= 0 or share >= 1:
        return float(share >= 1)
    if 2 * successes > tries:
        return sum(_chance(k, tries, share) for k in range(successes, tries + 1))
    return 1 - sum(_chance(k, tries, share) for k in range(successes))


def _chance(successes: int, tries: int, share: float) -> float:
    ways = lgamma(tries + 1) - lgamma(successes + 1) - lgamma(tries - successes + 1)
    return exp(ways + successes * log(share) + (tries - successes) * log(1 - share))
