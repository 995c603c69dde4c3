"""Who did what, append-only. Never a sealed value, never the place of a sighting."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from reseen.registry import schema
from reseen.registry.store import now


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that somebody did."""

    at: datetime
    actor: str
    """The account of the operating system."""
    action: str
    """"import", "add", "withdraw", "restore", "reveal", "export" ..."""
    subject: str
    """An id, or "*"."""
    details: Mapping[str, str | int | None]


def write(connection: Connection, action: str, subject: str, **details: str | int | None) -> None:
    """Append one line; it stands or falls with the transaction."""
    connection.execute(
        schema.audit.insert(),
        [
            {
                "at": now(),
                "actor": _actor(),
                "action": action[:32],
                "subject": subject,
                "details": json.dumps(details, sort_keys=True) if details else None,
            }
        ],
    )


def every(connection: Connection, subject: str | None = None) -> Iterator[Line]:
    """All lines, or those of one subject; oldest first."""
    query = select(schema.audit).order_by(schema.audit.c.pk)
    if subject is not None:
        query = query.where(schema.audit.c.subject == subject)
    for row in connection.execute(query.execution_options(yield_per=1000)):
        yield Line(
            at=datetime.fromtimestamp(row.at / 1e6, UTC),
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            details=json.loads(row.details) if row.details else {},
        )


def _actor() -> str:
    import getpass  # slow to import, and only writers need it

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
