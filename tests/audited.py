"""What the audit log says, of one action or at all."""

from __future__ import annotations

from reseen.store import audit
from reseen.store.database import Store


def lines(store: Store, action: str | None = None) -> list[audit.AuditLine]:
    """The oldest first."""
    with store.read() as connection:
        return [line for line in audit.every(connection) if action in (None, line.action)]
