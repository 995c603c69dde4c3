"""Who did what, append-only and chained. Never a sealed value, never the place of a sighting.

What comes in: what somebody did, within the transaction that does it. What goes out: lines, oldest
first. It promises: lines are numbered 1, 2, 3 ... and each holds a hash over the line before and
itself, so that no line can be changed, left out or put in without changing every hash after it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from reseen.registry import schema
from reseen.registry.store import now

START = bytes(32)
"""What stands for the hash before the first line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that somebody did."""

    number: int
    at: datetime
    actor: str
    """The account of the operating system, "user:" and a name, or "key:" and an id."""
    action: str
    """"import", "add", "withdraw", "restore", "reveal", "export" ..."""
    subject: str
    """An id, or "*"."""
    details: Mapping[str, str | int | None]
    hash: bytes


def write(
    connection: Connection,
    action: str,
    subject: str,
    *,
    actor: str | None = None,
    **details: str | int | None,
) -> None:
    """Append one line; it stands or falls with the transaction, which must be one of
    `store.write()`: the line before is read here. `actor` None: the account of the operating
    system."""
    table = schema.audit.c
    last = connection.execute(
        select(table.pk, table.hash).order_by(table.pk.desc()).limit(1)
    ).one_or_none()
    number, before = (1, START) if last is None else (last.pk + 1, bytes(last.hash or START))
    at, by = now(), _account() if actor is None else actor
    told = json.dumps(details, sort_keys=True) if details else None
    connection.execute(
        schema.audit.insert(),
        [
            {
                "pk": number,
                "at": at,
                "actor": by,
                "action": action[:32],
                "subject": subject,
                "details": told,
                "hash": chained(before, number, at, by, action[:32], subject, told),
            }
        ],
    )


def chained(
    before: bytes,
    number: int,
    at: int,
    actor: str,
    action: str,
    subject: str,
    details: str | None,
) -> bytes:
    """A line's hash: SHA-256 of the hash before it and the line as a JSON array in ASCII, with no
    blanks between values. `at` is in microseconds since 1970; `details` is the text that is
    stored, or null."""
    line = json.dumps([number, at, actor, action, subject, details], separators=(",", ":"))
    return hashlib.sha256(before + line.encode("ascii")).digest()


def every(connection: Connection, subject: str | None = None) -> Iterator[Line]:
    """All lines, or those of one subject; oldest first."""
    query = select(schema.audit).order_by(schema.audit.c.pk)
    if subject is not None:
        query = query.where(schema.audit.c.subject == subject)
    for row in connection.execute(query.execution_options(yield_per=1000)):
        yield Line(
            number=row.pk,
            at=datetime.fromtimestamp(row.at / 1e6, UTC),
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            details=json.loads(row.details) if row.details else {},
            hash=bytes(row.hash or b""),
        )


def _account() -> str:
    import getpass  # slow to import, and only writers need it

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
