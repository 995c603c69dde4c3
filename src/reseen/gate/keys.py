"""Keys of the gate: who may ask it what, and how often.

What comes in: a connection, a name, scopes, a rate. What goes out: the key itself once, when it is
made, and after that only its id, name and scopes. The store keeps the SHA-256 of the key's 256
random bits, so that a stolen database opens no gate. Every key that is made or revoked is a line in
the audit log, as is its use (see `use`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
import secrets
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select, update

from reseen.errors import InputError, NotFound
from reseen.observed.artifacts import instant
from reseen.store import audit, ids, service_schema
from reseen.store.database import now

PREFIX = "rsk_"
_SECRET, _CHECK = 32, 4
_LENGTH = len(PREFIX) + (_SECRET + _CHECK) * 4 // 3
FASTEST = 100_000.0
"""Requests a second that a key may be given at most."""


class KeyScope(StrEnum):
    """What a key is good for."""

    CHECK = "check"
    """POST /v1/check."""
    FILE = "file"
    """POST /v1/check/file."""
    TRUSTED = "trusted"
    """Digests sent under it count as computed from bytes: for who hashes what it receives."""
    METRICS = "metrics"
    """GET /metrics."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is shown: nothing of its secret is in it."""

    id: str
    """Short and opaque, e.g. "ky-4f7k2q9d"."""
    name: str
    scopes: frozenset[KeyScope]
    rate: float
    """Requests a second, in each worker."""
    created_at: datetime
    revoked_at: datetime | None = None


def make(
    connection: Connection,
    name: str,
    scopes: Collection[KeyScope],
    rate: float = 50.0,
    *,
    actor: str | None = None,
    created_by: int | None = None,
) -> tuple[Key, str]:
    """A new key, and its secret text, which nobody can show again. `created_by`: a user's pk.
    Raises InputError for a name, scopes or rate that make no sense."""
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise InputError("a key needs a name of up to 100 characters", remedy="Say who uses it.")
    if not scopes:
        raise InputError(
            "a key needs a scope", remedy="One or more of: " + ", ".join(KeyScope) + "."
        )
    rate = checked_rate(rate)
    secret = secrets.token_bytes(_SECRET)
    at = now()
    (drawn,) = ids.draw(1)
    id = "ky-" + drawn.removeprefix("rm-")
    words = " ".join(sorted(scopes))
    row = {
        "id": id,
        "name": name,
        "hash": hashlib.sha256(secret).digest(),
        "scopes": words,
        "rate": rate,
        "created_at": at,
        "created_by": created_by,
    }
    connection.execute(service_schema.api_keys.insert(), [row])
    audit.write(connection, "key-made", id, actor=actor, scopes=words, rate=f"{rate:g}")
    return Key(id, name, frozenset(scopes), rate, instant(at)), _text(secret)


def checked_rate(given: float | str) -> float:
    """Requests a second. Raises InputError."""
    try:
        rate = float(given)
    except ValueError:
        rate = math.nan
    if not math.isfinite(rate) or not 0 < rate <= FASTEST:
        raise InputError(
            "the rate is not a number of requests a second", remedy=f"Up to {FASTEST:,.0f}."
        )
    return rate


def every(connection: Connection) -> list[Key]:
    """All keys, revoked ones too, oldest first."""
    table = service_schema.api_keys
    return [_key(row) for row in connection.execute(select(table).order_by(table.c.pk))]


def in_force(connection: Connection) -> dict[bytes, Key]:
    """The keys that open something, by the hash of their secret."""
    table = service_schema.api_keys
    query = select(table).where(table.c.revoked_at.is_(None))
    return {bytes(row.hash): _key(row) for row in connection.execute(query)}


def revoke(connection: Connection, key: str, *, actor: str | None = None) -> bool:
    """Make a key worth nothing, for ever; False if it was before. Audited. Raises NotFound."""
    table = service_schema.api_keys.c
    row = connection.execute(select(table.pk, table.revoked_at).where(table.id == key)).first()
    if row is None:
        raise NotFound.of("key", key, "See them with: reseen key list")
    if row.revoked_at is not None:
        return False
    connection.execute(
        update(service_schema.api_keys).where(table.pk == row.pk).values(revoked_at=now())
    )
    audit.write(connection, "key-revoked", key, actor=actor)
    return True


def hashed(text: str) -> bytes | None:
    """A key's text -> the hash that the store knows it by; None for what no key looks like. The
    checksum in it spares a mistyped one the look-up."""
    if len(text) != _LENGTH or not text.startswith(PREFIX) or not _LOOKS.fullmatch(text):
        return None
    try:
        raw = base64.urlsafe_b64decode(text[len(PREFIX) :])
    except (binascii.Error, ValueError):
        return None
    secret, check = raw[:_SECRET], raw[_SECRET:]
    if zlib.crc32(secret).to_bytes(_CHECK, "big") != check:
        return None
    return hashlib.sha256(secret).digest()


_LOOKS = re.compile(r"rsk_[A-Za-z0-9_-]{48}")


def _text(secret: bytes) -> str:
    check = zlib.crc32(secret).to_bytes(_CHECK, "big")
    return PREFIX + base64.urlsafe_b64encode(secret + check).decode("ascii")


def _key(row: Row[Any]) -> Key:
    known = set(KeyScope)
    return Key(
        id=row.id,
        name=row.name,
        scopes=frozenset(KeyScope(word) for word in row.scopes.split() if word in known),
        rate=row.rate,
        created_at=instant(row.created_at),
        revoked_at=instant(row.revoked_at),
    )
