"""Campaigns: accounts that re-upload together, found, drawn and followed.

What comes in: what a reviewer says of one. What goes out: the list, and a page for each. A campaign
is a description: nothing here leads to a decision, and only accounts with a confirmed sighting of
their own are offered for a notice.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.errors import InputError
from reseen.operations import campaigns as acts
from reseen.review import campaign_view, campaigns, confirmed, roles
from reseen.review.campaign_traits import SignalKind
from reseen.review.campaigns import CampaignAccount
from reseen.review.roles import Role
from reseen.web.access import Reader, Reviewer
from reseen.web.campaign_pictures import MOST_ACCOUNTS, MOST_REMOVALS, lately, matrix, timeline
from reseen.web.pages.notices import place_of
from reseen.web.rendering import page
from reseen.web.service import Served
from reseen.web.speech import N_

router = APIRouter()

SAID = {
    "out": N_("It is taken out, and stays out when campaigns are found anew."),
    "back": N_("It may belong to the campaign again: it returns when campaigns are found anew."),
    "watched": N_("The team watches this campaign: it stands first in the list."),
    "unwatched": N_("Nobody watches this campaign any more."),
}
WHY = {
    SignalKind.REMOVALS: N_("re-uploads the same removals"),
    SignalKind.SITTINGS: N_("re-uploads in the same two hours"),
    SignalKind.MARKS: N_("leaves the same traces of a tool (patterns of names, layouts of files)"),
    SignalKind.NAMES: N_("is named by the same pattern"),
}
MOST_LEFT = 100
MOST_DAYS = 60
"""Days in the table, the last ones."""


@router.get("/campaigns")
def show_all(request: Request, service: Served, who: Reader, ended: str = "") -> Response:
    """All that stand, or that ended."""
    with service.store.read() as connection:
        every = campaigns.every(connection, ended=bool(ended))
        named = campaign_view.nameable(connection, every)
    return page(request, "campaigns.html", who, campaigns=every, named=named, ended=bool(ended))


@router.get("/campaigns/{id}")
def show(request: Request, service: Served, who: Reader, id: str) -> Response:
    """One of them. Showing it writes nothing."""
    with service.store.read() as connection:
        campaign = campaigns.one(connection, id)
        seen = campaign_view.view(connection, campaign)
        users = roles.names(connection)
        to_draft = [
            (place, len(confirmed.to_add(connection, *place))) for place in sorted(seen.confirmed)
        ]
    order = sorted(campaign.accounts, key=lambda one: -len(seen.had[one.hub, one.account]))
    drawn = seen.removals[:MOST_REMOVALS]
    drawn_days = lately([(one.day, one.re_uploads) for one in seen.days])
    return page(
        request,
        "campaign.html",
        who,
        said=SAID,
        campaign=campaign,
        view=seen,
        rows=[_row(one, seen) for one in order],
        matrix=matrix([[id in seen.had[one.hub, one.account] for id, _ in drawn] for one in order]),
        not_drawn=(
            max(0, len(order) - MOST_ACCOUNTS),
            max(0, len(seen.removals) - MOST_REMOVALS),
        ),
        timeline=timeline(drawn_days),
        drawn_days=drawn_days,
        days=seen.days[-MOST_DAYS:],
        left=campaign.left[:MOST_LEFT],
        users=users,
        account_url=_account_url,
        to_draft=[(each, place_of(*each), files) for each, files in to_draft],
        may_act=who.role >= Role.REVIEWER,
    )


@router.post("/campaigns/{id}")
def change(
    id: str,
    service: Served,
    who: Reviewer,
    act: Annotated[str, Form(max_length=40)] = "",
    hub: Annotated[str, Form(max_length=400)] = "",
    account: Annotated[str, Form(max_length=400)] = "",
) -> Response:
    """An account is taken out, or put back; the campaign is watched, or not any more."""
    if act == "out":
        acts.take_out(service.store, id, (hub, account), by=who)
    elif act == "back":
        acts.put_back(service.store, id, (hub, account), by=who)
    elif act in ("watched", "unwatched"):
        acts.watch(service.store, id, on=act == "watched", by=who)
    else:
        raise InputError("there is nothing of that kind to do", remedy="Choose one of those shown.")
    return RedirectResponse(f"/campaigns/{quote(id, safe='')}?done={act}", status_code=303)


def _row(one: CampaignAccount, seen: campaign_view.CampaignView) -> dict[str, object]:
    place = (one.hub, one.account)
    said = sorted(one.bits.items(), key=lambda pair: -pair[1])
    return {
        "one": one,
        "url": _account_url(one.hub, one.account),
        "confirmed": place in seen.confirmed,
        "removals": len(seen.had[place]),
        "files": seen.files.get(place, 0),
        "why": [(WHY[kind], bits) for kind, bits in said],
    }


def _account_url(hub: str, account: str) -> str:
    return f"/accounts/{place_of(hub, account)}"
