"""A campaign keeps its identity when accounts join or leave.

Goes in which accounts each known campaign has and had, and the groups that were found now; comes
out which campaign each group is. Pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

C = TypeVar("C")
Place = tuple[str, str]
"""A hub and an account's name."""


def followed(
    known: Mapping[C, Collection[Place]], found: Sequence[Collection[Place]]
) -> list[C | None]:
    """For each group the campaign that it is, None for a new one. Most in common comes first, and
    at least half of the smaller of both; each campaign is at most one group."""
    pairs = []
    for at, group in enumerate(found):
        mine = set(group)
        for order, (campaign, accounts) in enumerate(known.items()):
            common = len(mine.intersection(accounts))
            if common and common * 2 >= min(len(mine), len(accounts)):
                pairs.append((-common, order, at, campaign))
    answer: list[C | None] = [None] * len(found)
    taken: set[C] = set()
    for _, _, at, campaign in sorted(pairs, key=lambda pair: pair[:3]):
        if answer[at] is None and campaign not in taken:
            answer[at] = campaign
            taken.add(campaign)
    return answer


def without(
    groups: Sequence[Collection[Place]], apart: Mapping[Place, Collection[Place]]
) -> list[set[Place]]:
    """The groups without accounts that a person took out. `apart`: for such an account those of the
    campaigns that it was taken out of: it stays out of every group with one of them, whatever that
    campaign is called by now."""
    return [
        {one for one in group if not set(apart.get(one, ())).intersection(set(group) - {one})}
        for group in groups
    ]
