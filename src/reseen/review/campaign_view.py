"""A campaign with everything that its page, its report and the command line show of it.

What comes in: a campaign. What goes out: which account had which removal, day by day, and which
accounts may be named outside: those with a confirmed sighting of their own. The others are leads.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from sqlalchemy import Connection

from reseen.observed.artifacts import instant
from reseen.registry import removals
from reseen.review import confirmed
from reseen.review.campaign_following import Place
from reseen.review.campaign_rows import ReUpload, confirmed_once, re_uploads
from reseen.review.campaigns import Campaign


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a campaign."""

    day: date
    re_uploads: int
    accounts: int


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign and what its accounts re-uploaded."""

    campaign: Campaign
    removals: tuple[tuple[str, int], ...]
    """Ids, with how many of its accounts had each; those of most accounts first."""
    had: dict[Place, frozenset[str]]
    files: dict[Place, int]
    days: tuple[Day, ...]
    """Those with re-uploads: by when their repositories were made; where the hub does not say that,
    by when they were first seen. The oldest first."""
    undated: int
    """Re-uploads of which only the day is known on which they were first seen."""
    confirmed: frozenset[Place]
    """Accounts with a confirmed sighting of their own."""

    leads: int
    """Accounts without one: they stay inside."""


def view(connection: Connection, campaign: Campaign) -> CampaignView:
    """Of one campaign."""
    places = {(one.hub, one.account) for one in campaign.accounts}
    found = re_uploads(connection, places)
    pks = sorted({one.removal_pk for one in found})
    named = dict(zip(pks, _ids(connection, pks), strict=True))
    had: dict[Place, set[str]] = defaultdict(set)
    for one in found:
        had[one.hub, one.account].add(named[one.removal_pk])
    holders = Counter(id for some in had.values() for id in some)
    named_outside = _confirmed(connection, found)
    return CampaignView(
        campaign=campaign,
        removals=tuple(sorted(holders.items(), key=lambda pair: (-pair[1], pair[0]))),
        had={place: frozenset(had[place]) for place in places},
        files=Counter((one.hub, one.account) for one in found),
        days=_days(found),
        undated=sum(one.at is None for one in found),
        confirmed=named_outside,
        leads=len(places - named_outside),
    )


def for_others(seen: CampaignView) -> CampaignView:
    """What of it may leave: nothing of an account without a confirmed sighting of its own but that
    there are so many; no day, for these are of all."""
    mine = seen.confirmed
    had = {place: some for place, some in seen.had.items() if place in mine}
    holders = Counter(id for some in had.values() for id in some)
    accounts = tuple(a for a in seen.campaign.accounts if (a.hub, a.account) in mine)
    return CampaignView(
        campaign=replace(seen.campaign, accounts=accounts, left=(), out=()),
        removals=tuple(sorted(holders.items(), key=lambda pair: (-pair[1], pair[0]))),
        had=had,
        files={place: count for place, count in seen.files.items() if place in mine},
        days=(),
        undated=0,
        confirmed=mine,
        leads=seen.leads,
    )


def nameable(connection: Connection, campaigns: Collection[Campaign]) -> dict[str, set[Place]]:
    """By the campaign's id: the accounts with a confirmed sighting of their own."""
    rows = confirmed_once(connection, [each.pk for each in campaigns])
    standing = confirmed.standing(connection, {sighting_pk for _, _, sighting_pk in rows})
    found: dict[int, set[Place]] = {each.pk: set() for each in campaigns}
    for campaign_pk, place, sighting_pk in rows:
        if sighting_pk in standing:
            found[campaign_pk].add(place)
    return {each.id: found[each.pk] for each in campaigns}


def _confirmed(connection: Connection, found: Collection[ReUpload]) -> frozenset[Place]:
    standing = confirmed.standing(connection, {one.sighting_pk for one in found})
    return frozenset((one.hub, one.account) for one in found if one.sighting_pk in standing)


def _ids(connection: Connection, pks: Collection[int]) -> list[str]:
    ids = removals.ids_of(connection, pks)
    by_pk = {pk: id for id, pk in removals.pks_of(connection, ids).items()}
    return [by_pk[pk] for pk in sorted(pks)]


def _days(found: Collection[ReUpload]) -> tuple[Day, ...]:
    on: dict[date, list[ReUpload]] = defaultdict(list)
    for one in found:
        at: datetime = instant(one.first_seen if one.at is None else one.at)
        on[at.astimezone(UTC).date()].append(one)
    return tuple(
        Day(day, len(some), len({(one.hub, one.account) for one in some}))
        for day, some in sorted(on.items())
    )
