"""Who did what, append-only. Never a sealed value."""

from __future__ import annotations

from sqlalchemy import Connection


def write(connection: Connection, action: str, subject: str, **details: str | int | None) -> None:
    """Append one line."""
    raise NotImplementedError
