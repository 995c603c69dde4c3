"""Campaigns as they are kept: accounts that re-upload together, and what people said of them.

What comes in: groups as they were found, and what a person does. What goes out: campaigns. A
campaign is a description and never evidence: nothing in a case, a decision or a notice reads what
stands here. An account that a person took out stays out, and of every group with accounts of that
campaign. Everything happens in the caller's transaction; what people did is appended, and audited
in lines that name no account.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from reseen.errors import Conflict, NotFound
from reseen.observed.artifacts import instant
from reseen.review import campaign_following
from reseen.review.campaign_following import Place
from reseen.review.campaign_groups import SMALLEST
from reseen.review.campaign_score import Score
from reseen.review.campaign_traits import SignalKind
from reseen.review.roles import Role, Who
from reseen.store import audit, audit_rows, ids
from reseen.store.campaign_schema import campaign_accounts, campaign_events, campaigns
from reseen.store.database import now, reserve, upsert
from reseen.store.log_proof import CoveredTable, LogRow

TAKEN_OUT, PUT_BACK, WATCHED, UNWATCHED = "taken out", "put back", "watched", "unwatched"
NEW = 14 * 86_400 * 1_000_000
"""Microseconds. An account that joined a known campaign is new for so long."""
MOST = 500
"""Campaigns that are listed."""


@dataclass(frozen=True, slots=True)
class CampaignAccount:
    """An account of a campaign, and why it belongs there."""

    hub: str
    account: str
    joined_at: datetime
    left_at: datetime | None
    is_new: bool
    bits: Mapping[SignalKind, float]
    shared: int
    """Its removals that others of the campaign have."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """Accounts that re-upload together."""

    pk: int
    id: str
    found_at: datetime
    changed_at: datetime
    ended_at: datetime | None
    watched: bool
    accounts: tuple[CampaignAccount, ...]
    """Those that belong to it now, most said first."""
    left: tuple[CampaignAccount, ...]
    out: tuple[tuple[Place, datetime, int], ...]
    """Accounts that a person took out: when, and who (by pk)."""

    @property
    def new(self) -> int:
        return sum(one.is_new for one in self.accounts)


# -- what is found -------------------------------------------------------------------------------


def keep(connection: Connection, found: Sequence[Mapping[Place, Score]]) -> int:
    """Keep the groups of accounts, with what speaks for each, that were found now, instead of
    what was found before; how many campaigns stand."""
    at = now()
    members = _members(connection)
    stand = select(campaigns.c.pk).where(campaigns.c.ended_at.is_(None))
    standing = set(connection.scalars(stand))
    apart = _apart(connection, members)
    left = campaign_following.without([list(one) for one in found], apart)
    kept = [
        {place: scores[place] for place in sorted(places)}
        for scores, places in zip(found, left, strict=True)
        if len(places) >= SMALLEST
    ]
    which = campaign_following.followed(
        {pk: list(some) for pk, some in sorted(members.items())},
        [list(one) for one in kept],
    )
    for pk, accounts in zip(which, kept, strict=True):
        _keep_one(connection, pk, accounts, members.get(pk or 0, {}), at)
    for pk in sorted(standing - set(which)):
        here = members.get(pk, {})
        _leave(connection, pk, [place for place, row in here.items() if not row.left_at], at)
        connection.execute(update(campaigns).where(campaigns.c.pk == pk).values(ended_at=at))
    return len(kept)


def _keep_one(
    connection: Connection, pk: int | None, accounts: Mapping[Place, Score],
    before: Mapping[Place, Any], at: int,
) -> None:  # fmt: skip
    standing = {place for place, row in before.items() if row.left_at is None}
    if pk is None:
        (pk,) = reserve(connection, campaigns, 1)
        id = f"cp-{ids.digits(secrets.token_bytes(5))}"
        connection.execute(
            campaigns.insert().values(pk=pk, id=id, found_at=at, changed_at=at, ended_at=None)
        )
    elif standing != accounts.keys():
        changed = update(campaigns).where(campaigns.c.pk == pk)
        connection.execute(changed.values(changed_at=at, ended_at=None))
    _leave(connection, pk, sorted(standing - accounts.keys()), at)
    rows = [
        {
            "campaign_pk": pk,
            "hub": place[0],
            "account": place[1],
            "joined_at": before[place].joined_at if place in standing else at,
            "left_at": None,
            "why": _why(score),
        }
        for place, score in accounts.items()
    ]
    key = ("campaign_pk", "hub", "account")
    upsert(connection, campaign_accounts, rows, key=key, update=("joined_at", "left_at", "why"))


def _leave(connection: Connection, pk: int, places: Sequence[Place], at: int) -> None:
    a = campaign_accounts.c
    for hub, account in places:
        mine = (a.campaign_pk == pk, a.hub == hub, a.account == account)
        connection.execute(update(campaign_accounts).where(*mine).values(left_at=at))


def _why(score: Score) -> str:
    bits = {kind.value: round(found, 1) for kind, found in score.bits.items() if found >= 0.05}
    return json.dumps({"bits": bits, "shared": score.shared}, sort_keys=True)


# -- what people say -----------------------------------------------------------------------------


def take_out(connection: Connection, id: str, place: Place, who: Who) -> None:
    """This account does not belong to the campaign: it leaves, and stays out. Raises AccessError,
    NotFound, and Conflict where it is out already."""
    who.must_be(Role.REVIEWER)
    row = _by_id(connection, id)
    a = campaign_accounts.c
    mine = (a.campaign_pk == row.pk, a.hub == place[0], a.account == place[1])
    if connection.scalar(select(a.campaign_pk).where(*mine)) is None:
        raise NotFound.of("account of this campaign", place[1], "Its page shows them.")
    if place in _out(connection, [row.pk]).get(row.pk, {}):
        raise Conflict("that account is out already", remedy="Load the page again.")
    connection.execute(
        update(campaign_accounts).where(*mine, a.left_at.is_(None)).values(left_at=now())
    )
    _event(connection, row, TAKEN_OUT, who, place)


def put_back(connection: Connection, id: str, place: Place, who: Who) -> None:
    """Undo that: it belongs to the campaign again where it is found again. Raises AccessError,
    NotFound."""
    who.must_be(Role.REVIEWER)
    row = _by_id(connection, id)
    if place not in _out(connection, [row.pk]).get(row.pk, {}):
        raise NotFound.of("account that was taken out", place[1], "Its page shows them.")
    _event(connection, row, PUT_BACK, who, place)


def watch(connection: Connection, id: str, who: Who, *, on: bool) -> None:
    """The team watches the campaign, or does not any more. Raises AccessError, NotFound."""
    who.must_be(Role.REVIEWER)
    row = _by_id(connection, id)
    if (row.pk in _watched(connection)) != on:
        _event(connection, row, WATCHED if on else UNWATCHED, who)


def _event(
    connection: Connection, row: Any, what: str, who: Who, place: Place | None = None
) -> None:
    (pk,) = reserve(connection, campaign_events, 1)
    hub, account = place or (None, None)
    kept = [audit.Appended(campaign_events, [(pk, now(), what, row.pk, hub, account, who.pk)])]
    action = f"campaign-{what.replace(' ', '-')}"
    audit.append(connection, [audit.Act(action, row.id, who.actor, {}, kept)])


# -- what is shown -------------------------------------------------------------------------------


def every(connection: Connection, *, ended: bool = False) -> list[Campaign]:
    """Campaigns that stand, or that ended: watched ones first, then the last changed."""
    c = campaigns.c
    which = c.ended_at.is_not(None) if ended else c.ended_at.is_(None)
    e = campaign_events.c
    said = select(func.max(e.pk)).where(e.what.in_((WATCHED, UNWATCHED))).group_by(e.campaign_pk)
    watched = select(e.campaign_pk).where(e.pk.in_(said), e.what == WATCHED)
    order = (c.pk.not_in(watched), c.changed_at.desc(), c.pk.desc())
    query = select(campaigns).where(which).order_by(*order).limit(MOST)
    return _campaigns(connection, connection.execute(query).all())


def one(connection: Connection, id: str) -> Campaign:
    """By its id. Raises NotFound."""
    return _campaigns(connection, [_by_id(connection, id)])[0]


def of_account(connection: Connection, hub: str, account: str) -> list[str]:
    """Ids of campaigns that an account belongs to."""
    a, c = campaign_accounts.c, campaigns.c
    query = (
        select(c.id)
        .join(campaign_accounts, a.campaign_pk == c.pk)
        .where(a.hub == hub, a.account == account, a.left_at.is_(None), c.ended_at.is_(None))
        .order_by(c.id)
    )
    return list(connection.scalars(query))


def _campaigns(connection: Connection, rows: Sequence[Any]) -> list[Campaign]:
    pks = [row.pk for row in rows]
    members, watched, outs = _members(connection, pks), _watched(connection), _out(connection, pks)
    recent = now() - NEW
    found = []
    for row in rows:
        out = outs.get(row.pk, {})
        accounts = [
            _account(place, each, row, recent) for place, each in members.get(row.pk, {}).items()
        ]
        accounts.sort(key=lambda each: (-sum(each.bits.values()), each.hub, each.account))
        found.append(
            Campaign(
                row.pk,
                row.id,
                instant(row.found_at),
                instant(row.changed_at),
                instant(row.ended_at),
                row.pk in watched,
                tuple(each for each in accounts if each.left_at is None),
                tuple(a for a in accounts if a.left_at and (a.hub, a.account) not in out),
                tuple((place, instant(at), by) for place, (at, by) in sorted(out.items())),
            )
        )
    return found


def _account(place: Place, row: Any, campaign: Any, recent: int) -> CampaignAccount:
    why = json.loads(row.why)
    return CampaignAccount(
        *place,
        joined_at=instant(row.joined_at),
        left_at=instant(row.left_at),
        is_new=row.joined_at > campaign.found_at and row.joined_at > recent,
        bits={SignalKind(kind): bits for kind, bits in why["bits"].items()},
        shared=why["shared"],
    )


def _members(
    connection: Connection, pks: Sequence[int] | None = None
) -> dict[int, dict[Place, Any]]:
    """Accounts that belong, or belonged, by campaign."""
    a = campaign_accounts.c
    query = select(campaign_accounts).order_by(a.campaign_pk, a.hub, a.account)
    if pks is not None:
        query = query.where(a.campaign_pk.in_(pks))
    found: dict[int, dict[Place, Any]] = {}
    for row in connection.execute(query):
        found.setdefault(row.campaign_pk, {})[row.hub, row.account] = row
    return found


def _out(
    connection: Connection, pks: Sequence[int] | None = None
) -> dict[int, dict[Place, tuple[int, int]]]:
    """Accounts that a person took out, by campaign: when, and who."""
    e = campaign_events.c
    query = select(campaign_events).where(e.what.in_((TAKEN_OUT, PUT_BACK))).order_by(e.pk)
    if pks is not None:
        query = query.where(e.campaign_pk.in_(pks))
    found: dict[int, dict[Place, tuple[int, int]]] = {}
    for row in connection.execute(query):
        out = found.setdefault(row.campaign_pk, {})
        if row.what == TAKEN_OUT:
            out[row.hub, row.account] = (row.at, row.user_pk)
        else:
            out.pop((row.hub, row.account), None)
    return found


def _apart(
    connection: Connection, members: Mapping[int, Mapping[Place, Any]]
) -> dict[Place, set[Place]]:
    """For each account that was taken out: those with which it is never put again."""
    found: dict[Place, set[Place]] = {}
    for pk, out in _out(connection).items():
        for place in out:
            found.setdefault(place, set()).update(members.get(pk, {}).keys() - {place})
    return found


def _watched(connection: Connection) -> set[int]:
    e = campaign_events.c
    query = select(e.campaign_pk, e.what).where(e.what.in_((WATCHED, UNWATCHED))).order_by(e.pk)
    last = {row.campaign_pk: row.what for row in connection.execute(query)}
    return {pk for pk, what in last.items() if what == WATCHED}


def _by_id(connection: Connection, id: str) -> Any:
    row = connection.execute(select(campaigns).where(campaigns.c.id == ids.given(id))).one_or_none()
    if row is None:
        raise NotFound.of("campaign", id, "`reseen campaigns list` shows them.")
    return row


# -- what the log proves -------------------------------------------------------------------------


def covered_tables(connection: Connection) -> dict[str, CoveredTable]:
    """The table of what people said, which lines of the log cover."""
    return {campaign_events.name: CoveredTable(_rows(connection), _named(connection))}


def _rows(connection: Connection) -> Generator[LogRow]:
    e = campaign_events.c
    columns = [e[name] for name in audit_rows.COLUMNS[campaign_events.name]]
    for row in connection.execute(select(*columns).order_by(e.pk)):
        yield row.pk, [audit_rows.text(campaign_events.name, row)]


def _named(connection: Connection) -> Callable[[int], str]:
    def named(pk: int) -> str:
        e = campaign_events.c
        query = select(campaigns.c.id).join(campaign_events, e.campaign_pk == campaigns.c.pk)
        id = connection.scalar(query.where(e.pk == pk))
        return f"what somebody said of a campaign (row {pk}, {id})"

    return named
