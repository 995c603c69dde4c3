"""The first schema: nothing to do, since an empty store is made at the head."""

from __future__ import annotations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing: see `reseen.store.migrate`."""
