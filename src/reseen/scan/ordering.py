"""The order within and between accounts: a sample of each before any is exhausted.

What comes in: what the signs of an account's repositories say, how many were looked at, in how many
of them something was found. What goes out: for each repository how soon to look, as if nothing more
were found in those before it. So the second of an account comes later than the first, the tenth
much later; and when something is found, the account is ordered anew and comes up.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, log1p

from reseen.scan.signs import Weighed

KINDS = ((0.002, 0.955), (0.1, 0.02), (0.5, 0.015), (0.9, 0.01))
"""Kinds of accounts: the share of copies among what they hold, and how many accounts are so before
anything is known. Nobody has counted them: the shares span what was seen, the numbers are cautious,
and what is found in an account soon outweighs them."""
_LEAST, _MOST = -2.0, 6.0
"""What repositories that nobody has looked at can say together for or against a kind of account:
a thousand harmless ones beside it hide no account."""
UNIT = 100
"""Priorities are in hundredths."""
LATEST = 2_000


def ordered(weighed: Sequence[Weighed], looked_at: int = 0, found: int = 0) -> list[int]:
    """A priority for each: the logarithm of the odds against it, so that lower is sooner.

    Of a repository `weighed` says what its signs say; of those looked at before, `found` held
    something.
    """
    unseen = [sum(_said(each.own, rate) for each in weighed) for rate, _ in KINDS]
    before = [
        log(share) + found * log(rate) + (looked_at - found) * log1p(-rate) for rate, share in KINDS
    ]
    priorities = [0] * len(weighed)
    soonest = sorted(range(len(weighed)), key=lambda n: -weighed[n].sum)
    for missed, place in enumerate(soonest):
        own, both = weighed[place].own, weighed[place].sum
        plain = unseen[0]
        logs = [
            known + missed * log1p(-rate) + min(_MOST, max(_LEAST, said - plain))
            for known, said, (rate, _) in zip(before, unseen, KINDS, strict=True)
        ]
        top = max(logs)
        likely = [exp(each - top) for each in logs]
        chance = sum(w * _chance(both, rate) for w, (rate, _) in zip(likely, KINDS, strict=True))
        priorities[place] = priority_of(chance / sum(likely))
        unseen = [said - _said(own, rate) for said, (rate, _) in zip(unseen, KINDS, strict=True)]
    return priorities


def priority_of(chance: float) -> int:
    """The priority of something that holds a copy with this chance."""
    chance = min(1 - 1e-9, max(1e-9, chance))
    odds = log((1 - chance) / chance)
    return round(max(-LATEST, min(LATEST, UNIT * odds)))


def _said(weight: float, rate: float) -> float:
    """What a repository that nobody has looked at says for an account of this rate."""
    return log1p(rate * (exp(weight) - 1))


def _chance(weight: float, rate: float) -> float:
    said = rate * exp(weight)
    return said / (1 - rate + said)
