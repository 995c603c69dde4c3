"""When each hub was looked at last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from reseen.observed.artifacts import instant
from reseen.store.schema import scans


@dataclass(frozen=True, slots=True)
class HubLook:
    """A hub, and its last scan."""

    hub: str
    begun: datetime | None
    """None: it was never scanned."""
    ended: datetime | None
    """None: the scan goes on, or was broken off and goes on when it is asked for again."""


def last_looks(connection: Connection, hubs: Iterable[str]) -> list[HubLook]:
    """The last scan of each of these hubs, whatever it was of."""
    found = []
    for hub in hubs:
        query = select(scans.c.started_at, scans.c.ended_at).where(scans.c.hub == hub)
        row = connection.execute(query.order_by(scans.c.pk.desc()).limit(1)).one_or_none()
        begun, ended = (None, None) if row is None else (row.started_at, row.ended_at)
        found.append(HubLook(hub, instant(begun), instant(ended)))
    return found
