"""`reseen campaigns`: accounts that re-upload together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseen.cli.common import (
    count,
    db_option,
    emit,
    json_option,
    look_into,
    note,
    open_store,
    say,
    settings_for,
)
from reseen.cli.lazy import LazyGroup
from reseen.texts import visible

if TYPE_CHECKING:
    from reseen.review.campaign_view import CampaignView
    from reseen.review.campaigns import Campaign


@click.group(cls=LazyGroup, verbs={})
def campaigns() -> None:
    """Accounts that re-upload together: a description, never evidence.

    What is found is looked at with the pages of the service, where people take accounts out that do
    not belong to a campaign.
    """


@campaigns.command()
@db_option
@json_option
def find(db: str | None, as_json: bool) -> None:
    """Find campaigns anew in all that was seen. The service does that by itself, after scans."""
    from reseen.operations.campaigns import find as act

    with open_store(settings_for(db)) as store:
        standing = act(store)
    if as_json:
        emit({"campaigns": standing})
    else:
        note(count(standing, "campaign") if standing else "No campaigns.")


@campaigns.command("list")
@click.option("--ended", is_flag=True, help="Those that are not found any more.")
@db_option
@json_option
def list_(ended: bool, db: str | None, as_json: bool) -> None:
    """List campaigns: watched ones first, then the last changed."""
    from reseen.review import campaign_view
    from reseen.review import campaigns as kept

    with look_into(settings_for(db)) as store, store.read() as connection:
        every = kept.every(connection, ended=ended)
        named = campaign_view.nameable(connection, every)
    for one in every:
        fields = _fields(one, len(named[one.id]))
        if as_json:
            emit(fields)
        else:
            watched = "  watched" if one.watched else ""
            new = f", {one.new:,} new" if one.new else ""
            say(f"{one.id}  {count(len(one.accounts), 'account')}{new}{watched}")
    if not as_json:
        note(count(len(every), "campaign") if every else "No campaigns.")


@campaigns.command()
@click.argument("id")
@click.option(
    "--for-others",
    is_flag=True,
    help="Only what may leave: accounts with a confirmed sighting; of leads how many there are.",
)
@db_option
@json_option
def show(id: str, for_others: bool, db: str | None, as_json: bool) -> None:
    """Show the campaign ID: its accounts, and why each belongs to it."""
    from reseen.review import campaign_view
    from reseen.review import campaigns as kept

    with look_into(settings_for(db)) as store, store.read() as connection:
        seen = campaign_view.view(connection, kept.one(connection, id))
    if for_others:
        seen = campaign_view.for_others(seen)
    if as_json:
        emit(_shown(seen))
        return
    for one in seen.campaign.accounts:
        place = (one.hub, one.account)
        standing = "confirmed" if place in seen.confirmed else "lead"
        bits = ", ".join(f"{kind.value} {found:.0f}" for kind, found in one.bits.items())
        new = ", new" if one.is_new else ""
        say(f"{visible(one.hub)} {visible(one.account)}  {standing}{new}  {bits}")
    note(
        f"{count(len(seen.removals), 'removal')}; {count(len(seen.confirmed), 'account')} with a "
        f"confirmed sighting, {count(seen.leads, 'lead')}."
    )
    note("A campaign is no evidence, and no reason for a decision.")


def _fields(one: Campaign, confirmed: int) -> dict[str, object]:
    """As a documented JSON object."""
    return {
        "campaign": one.id,
        "accounts": len(one.accounts),
        "new": one.new,
        "confirmed": confirmed,
        "watched": one.watched,
        "found_at": one.found_at.isoformat(),
        "changed_at": one.changed_at.isoformat(),
        "ended_at": None if one.ended_at is None else one.ended_at.isoformat(),
    }


def _shown(seen: CampaignView) -> dict[str, object]:
    return {
        **_fields(seen.campaign, len(seen.confirmed)),
        "leads": seen.leads,
        "members": [
            {
                "hub": one.hub,
                "account": one.account,
                "confirmed": (one.hub, one.account) in seen.confirmed,
                "new": one.is_new,
                "joined_at": one.joined_at.isoformat(),
                "removals": sorted(seen.had[one.hub, one.account]),
                "bits": {kind.value: found for kind, found in one.bits.items()},
            }
            for one in seen.campaign.accounts
        ],
        "days": [
            {"day": one.day.isoformat(), "re_uploads": one.re_uploads, "accounts": one.accounts}
            for one in seen.days
        ],
    }
