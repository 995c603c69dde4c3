"""What somebody has begun and not ended, on the way in: kept for some minutes, taken once.

What comes in: a connection, a token that only one browser knows, the cookie that this browser
holds. What goes out: what was begun, or None. The store keeps hashes of both; a step is for the
browser that began it alone, and is over after `LIFE`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select

from reseen.store.database import now
from reseen.store.sign_in_schema import sign_in_steps

LIFE = 10 * 60 * 1_000_000
WITH_PASSWORD, AT_ISSUER, NEW_APP = "password", "issuer", "app"
"""Kinds."""


@dataclass(frozen=True, slots=True)
class SignInStep:
    """Something that was begun."""

    kind: str
    what: Mapping[str, str]
    user_pk: int | None = None
    sealed: bytes | None = field(default=None, repr=False)


def begin(connection: Connection, step: SignInStep, token: str, held: str) -> None:
    """Keep it. One of the same token goes; so do those that are over."""
    at, kept = now(), _hash(token)
    t = sign_in_steps.c
    connection.execute(delete(sign_in_steps).where((t.ends_at <= at) | (t.token == kept)))
    connection.execute(
        sign_in_steps.insert(),
        [
            {
                "token": kept,
                "kind": step.kind,
                "bound": _hash(held),
                "user_pk": step.user_pk,
                "what": json.dumps(dict(step.what)),
                "sealed": step.sealed,
                "ends_at": at + LIFE,
            }
        ],
    )


def find(connection: Connection, kind: str, token: str, held: str | None) -> SignInStep | None:
    """What this browser has begun."""
    if held is None:
        return None
    t = sign_in_steps.c
    query = select(sign_in_steps).where(t.token == _hash(token), t.kind == kind, t.ends_at > now())
    row = connection.execute(query).one_or_none()
    if row is None or not hmac.compare_digest(bytes(row.bound), _hash(held)):
        return None
    return SignInStep(row.kind, json.loads(row.what), row.user_pk, row.sealed)


def take(connection: Connection, kind: str, token: str, held: str | None) -> SignInStep | None:
    """The same, and nobody takes it again."""
    found = find(connection, kind, token, held)
    if found is not None:
        connection.execute(delete(sign_in_steps).where(sign_in_steps.c.token == _hash(token)))
    return found


def end_of(connection: Connection, user_pk: int) -> None:
    """Whatever this user has begun is over."""
    connection.execute(delete(sign_in_steps).where(sign_in_steps.c.user_pk == user_pk))


def _hash(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
