"""What of an artifact was not read is kept, with its reason. An artifact that was read before says
nothing of it until it is read again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table, and what a reading could be judged on."""
    op.add_column("readings", sa.Column("judged_by", sa.String(32)))
    op.create_table(
        "blind_spots",
        sa.Column(
            "artifact_pk",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.ForeignKey("artifacts.pk"),
            primary_key=True,
        ),
        sa.Column("spot", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("code", sa.String(24), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("scan_pk", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_blind_spots_scan_pk", "blind_spots", ["scan_pk"])
