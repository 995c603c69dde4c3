"""Guessing is slow: tries are counted in the store, by all workers and machines together.

What comes in: what somebody tries, as `Limit`s; a connection that writes. What goes out: nothing,
or a Conflict after too many. A try is counted before it is judged, so that many at once are no way
around it, and given back when it was right. Names are counted whether or not somebody has them:
being slowed down tells nothing about who exists. While the database is away nobody signs in, and
nobody is counted.

Each limit is a sliding window, kept as two counts: of the window under way, and of the one before,
of which as much is counted as still lies within. A library (`limits`) does the same over Redis or
memcached and not over a database; with it a service of several machines would need one server more.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, tuple_, update

from reseen.errors import Conflict
from reseen.store.database import insert_for, now
from reseen.store.kept_keys import derive
from reseen.store.sign_in_schema import sign_in_tries

QUARTER = 15 * 60 * 1_000_000
DAY = 24 * 3600 * 1_000_000
BY_PAIR = 8
"""Refusals of a name at an address, in a quarter of an hour; and of whoever is known already: a
device that signed in before, or a session that is asked for the password again."""
BY_ADDRESS = 40
BY_NAME = 100
"""Refusals of a name from anywhere: somebody with many addresses."""
AT_ISSUER = 200
"""Of one address, of which a team may share one."""
FACTOR = 8
"""Refusals of somebody's second factor. Whoever gets here has the password."""
FACTOR_A_DAY = 40


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries of one kind at most."""

    what: str
    """What is tried: the kind, then who or where."""
    most: int
    window: int = QUARTER
    forgiven: bool = False
    """Whether what was tried in vain before is forgotten when one was right."""


def of_sign_in(name: str, address: str) -> tuple[Limit, ...]:
    """Of somebody whom nothing tells from a stranger."""
    return (
        Limit(f"pair {name} {address}", BY_PAIR, forgiven=True),
        Limit(f"address {address}", BY_ADDRESS),
        Limit(f"name {name}", BY_NAME),
    )


def of_known(kind: str, id: str) -> tuple[Limit, ...]:
    """Of a device on which this person signed in before, or of a session: what strangers try with
    the same name does not count for it."""
    return (Limit(f"{kind} {id}", BY_PAIR, forgiven=True),)


def of_issuer(address: str) -> tuple[Limit, ...]:
    """Of whoever goes to the OpenID provider and does not come back."""
    return (Limit(f"issuer {address}", AT_ISSUER),)


def of_factor(user_pk: int) -> tuple[Limit, ...]:
    """Of a second factor."""
    return (
        Limit(f"factor {user_pk}", FACTOR, forgiven=True),
        Limit(f"factor a day {user_pk}", FACTOR_A_DAY, DAY),
    )


def take(connection: Connection, secret: bytes, limits: Sequence[Limit]) -> None:
    """Count one try. Raises Conflict, and counts nothing, where one limit is reached. `secret`: of
    the store."""
    at, t = now(), sign_in_tries.c
    connection.execute(delete(sign_in_tries).where(t.ends_at <= at))
    keys = {limit: _key(secret, limit) for limit in limits}
    query = select(t.key, t.began, t.tries).where(t.key.in_(keys.values()))
    counts = {(bytes(row.key), row.began): row.tries for row in connection.execute(query)}
    for limit, key in keys.items():
        began = at - at % limit.window
        left = 1 - (at - began) / limit.window
        before = counts.get((key, began - limit.window), 0)
        if counts.get((key, began), 0) + math.ceil(before * left) >= limit.most:
            raise Conflict(
                "too many sign-ins were refused",
                remedy="Wait a quarter of an hour, or ask an administrator."
                if limit.window == QUARTER
                else "Wait a day, or ask an administrator.",
            )
    rows = [
        {
            "key": key,
            "began": at - at % limit.window,
            "tries": 1,
            "ends_at": at - at % limit.window + 2 * limit.window,
        }
        for limit, key in keys.items()
    ]
    insert = insert_for(connection)(sign_in_tries)
    connection.execute(
        insert.on_conflict_do_update(index_elements=["key", "began"], set_={"tries": t.tries + 1}),
        rows,
    )


def give_back(connection: Connection, secret: bytes, limits: Sequence[Limit]) -> None:
    """The try that was counted last was right."""
    at, t = now(), sign_in_tries.c
    for limit in limits:
        key = _key(secret, limit)
        if limit.forgiven:
            connection.execute(delete(sign_in_tries).where(t.key == key))
            continue
        began = at - at % limit.window
        query = (
            select(t.key, t.began)
            .where(t.key == key, t.began <= began, t.tries > 0)
            .order_by(t.began.desc())
            .limit(1)
        )
        row = connection.execute(query).one_or_none()
        if row is not None:
            connection.execute(
                update(sign_in_tries)
                .where(tuple_(t.key, t.began) == tuple_(row.key, row.began))
                .values(tries=t.tries - 1)
            )


def _key(secret: bytes, limit: Limit) -> bytes:
    said = limit.what.encode("utf-8", "surrogatepass")
    return hmac.new(derive(secret, b"reseen tries 1"), said, hashlib.sha256).digest()[:16]
