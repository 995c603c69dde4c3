"""The quota of a hub in the store, where all meet who ask with one token, from any machine.

What comes in: how a walker stands (`hubs.shared_quota.Standing`). What goes out: its slice. Of a
window the store knows the fewest requests that the hub said are left, and what each walker holds:
what it may send, or has sent without hearing an answer. What is left less all that is held can be
given away, and never more; the hub's own word corrects it, also for those who share the token and
not the store. What a walker holds runs out unless it says a word, at once where it was killed on
this machine; then it is counted as sent.

The token is nowhere here: a hash of it with the store's secret tells tokens apart. As a stranger,
each machine has its own, for the Hub counts those by their address. Clocks of machines that share
a store should agree to a second: windows end by them.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from reseen.hubs.quota_windows import Window, joined
from reseen.hubs.shared_quota import QuotaSlice, Standing
from reseen.store.database import Store, now
from reseen.store.lease import SECOND, Leases, Owner
from reseen.store.quota_schema import quota_slices, quotas

LASTS = 15 * SECOND
"""How long what a walker holds is its own without a word of it: longer than a slice is good."""
MOST_BUCKETS = 32
"""Of one hub and token: a hub that names ever new ones is not written down further."""
MOST_LEFT = 2**31 - 1
KEPT = 3600 * SECOND
"""How long a window that is over is kept."""

FIRSTS = Leases(quotas, lasts=LASTS)
SLICES = Leases(quota_slices, lasts=LASTS)


class StoreWindows:
    """The windows of one hub, in a store. What is held is this object's own."""

    def __init__(self, store: Store, hub: str) -> None:
        """`hub`: what the store calls it."""
        self._store, self._hub, self._owner = store, hub, Owner.this()

    async def take(self, access: bytes | None, bucket: str, standing: Standing) -> QuotaSlice:
        at = now()  # before others are waited for: what the standing says is of this instant
        place = QuotaPlace(self._hub, principal(self._store.secret, access), bucket)
        return await asyncio.to_thread(self._take, place, standing, at)

    def _take(self, place: QuotaPlace, standing: Standing, at: int) -> QuotaSlice:
        with self._store.write() as connection:
            return take(connection, place, self._owner, standing, at)


def principal(secret: bytes, access: bytes | None) -> bytes:
    """Who asks, without telling it. `access`: as `Abilities.access`."""
    who = b"token " + access if access is not None else b"here " + socket.gethostname().encode()
    return hmac.digest(secret, b"quota " + who, "sha256")


@dataclass(frozen=True, slots=True)
class QuotaPlace:
    """Which quota."""

    hub: str
    principal: bytes
    bucket: str


def take(
    connection: Connection, place: QuotaPlace, owner: Owner, standing: Standing, at: int
) -> QuotaSlice:
    """As `SharedWindows.take`, at an instant (microseconds), in a transaction that writes."""
    row = _row(connection, place, at)
    if row is None:
        return QuotaSlice(standing.wanted, window=standing.window)
    others, lost = _held_by_others(connection, row.pk, owner, at)
    window = _window(row, standing, lost, at)
    paused_until = max(row.paused_until, at + round(standing.pause * SECOND))
    goes_first = _goes_first(row, owner, standing, at)
    granted, first = 0, False
    if standing.wanted > 0 and paused_until <= at:
        if window is not None:
            free = window.left - sum(others) - standing.held
            # Smaller towards the end, so that nobody holds what others wait for.
            granted = max(0, min(standing.wanted, -(-free // (2 * (len(others) + 1)))))
        elif goes_first is None:
            granted, first, goes_first = 1, True, str(owner)
    _hold(connection, row.pk, owner, standing.held + granted, at)
    values = {
        **(_stored(window) if window is not None else {}),
        "paused_until": paused_until,
        **FIRSTS.free(),
    }
    if goes_first == str(owner):
        values |= FIRSTS.taken(owner, at)
    elif goes_first is not None:
        values |= {"leased_by": row.leased_by, "leased_until": row.leased_until}
    if any(row._mapping[name] != value for name, value in values.items()):
        connection.execute(update(quotas).where(quotas.c.pk == row.pk).values(values))
    pause = max(0, paused_until - at) / SECOND
    return QuotaSlice(granted, first, _from_now(window, at), pause)


def _row(connection: Connection, place: QuotaPlace, at: int) -> Row[Any] | None:
    """The row of a quota; None where there are too many of this token."""
    mine = (quotas.c.hub == place.hub) & (quotas.c.principal == place.principal)
    bucket = ascii(place.bucket)[1:-1]
    query = select(quotas).where(mine, quotas.c.bucket == bucket)
    if (row := connection.execute(query).first()) is not None:
        return row
    _forget_old(connection, at)
    if (connection.scalar(select(func.count()).where(mine)) or 0) >= MOST_BUCKETS:
        return None
    made = {"hub": place.hub, "principal": place.principal, "bucket": bucket}
    nothing = {"left": 0, "earliest": 0, "latest": 0, "paused_until": 0}
    connection.execute(insert(quotas).values(made | nothing))
    return connection.execute(query).one()


def _forget_old(connection: Connection, at: int) -> None:
    """Windows that were over long ago, and of which nobody holds anything."""
    held = select(quota_slices.c.quota_pk).where(quota_slices.c.leased_until > at)
    old = (quotas.c.latest < at - KEPT) & (quotas.c.paused_until < at) & quotas.c.pk.not_in(held)
    pks = list(connection.scalars(select(quotas.c.pk).where(old)))
    if pks:
        connection.execute(delete(quota_slices).where(quota_slices.c.quota_pk.in_(pks)))
        connection.execute(delete(quotas).where(quotas.c.pk.in_(pks)))


def _held_by_others(
    connection: Connection, pk: int, owner: Owner, at: int
) -> tuple[list[int], int]:
    """What each other walker holds; and how much those held who are gone."""
    query = select(quota_slices).where(
        quota_slices.c.quota_pk == pk, quota_slices.c.leased_by != str(owner)
    )
    others = connection.execute(query).all()
    gone = [row for row in others if SLICES.may_take(row, owner, at)]
    if gone:
        _drop(connection, pk, [row.leased_by for row in gone])
    return [row.held for row in others if row not in gone], sum(row.held for row in gone)


def _window(row: Row[Any], standing: Standing, lost: int, at: int) -> Window | None:
    """What all know of the window that goes on now, in seconds of the wall clock."""
    present = at / SECOND
    window = None
    if row.latest > at:
        left = max(0, row.left - lost)
        window = Window(left, row.earliest / SECOND, row.latest / SECOND)
    if (told := standing.window) is not None:
        moved = Window(told.left, present + told.earliest, present + told.latest)
        window = joined(window, moved, present)
    return window if window is not None and window.latest > present else None


def _goes_first(row: Row[Any], owner: Owner, standing: Standing, at: int) -> str | None:
    """Whose request goes first, before the others', and is not answered yet."""
    if row.leased_by == str(owner):
        return row.leased_by if standing.first else None
    return None if FIRSTS.may_take(row, owner, at) else row.leased_by


def _hold(connection: Connection, pk: int, owner: Owner, count: int, at: int) -> None:
    """Note what a walker holds now."""
    mine = (quota_slices.c.quota_pk == pk) & (quota_slices.c.leased_by == str(owner))
    if count == 0:
        _drop(connection, pk, [str(owner)])
        return
    values = {"held": min(count, MOST_LEFT), **SLICES.taken(owner, at)}
    done = connection.execute(update(quota_slices).where(mine).values(values))
    if done.rowcount == 0:
        connection.execute(insert(quota_slices).values(quota_pk=pk, **values))


def _drop(connection: Connection, pk: int, holders: Collection[str]) -> None:
    connection.execute(
        delete(quota_slices).where(
            quota_slices.c.quota_pk == pk, quota_slices.c.leased_by.in_(holders)
        )
    )


def _stored(window: Window) -> dict[str, int]:
    return {
        "left": min(window.left, MOST_LEFT),
        "earliest": round(window.earliest * SECOND),
        "latest": round(window.latest * SECOND),
    }


def _from_now(window: Window | None, at: int) -> Window | None:
    if window is None:
        return None
    present = at / SECOND
    return Window(window.left, window.earliest - present, window.latest - present)
