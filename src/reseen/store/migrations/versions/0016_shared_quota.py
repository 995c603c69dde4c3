"""A hub's quota, shared by all who walk with one token: its window, and who holds how much."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables, empty: nobody walks meanwhile."""
    pk = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "quotas",
        sa.Column("pk", pk, primary_key=True),
        sa.Column("hub", sa.Text, nullable=False),
        sa.Column("principal", sa.LargeBinary, nullable=False),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("left", sa.Integer, nullable=False),
        sa.Column("earliest", sa.BigInteger, nullable=False),
        sa.Column("latest", sa.BigInteger, nullable=False),
        sa.Column("paused_until", sa.BigInteger, nullable=False),
        sa.Column("leased_by", sa.Text),
        sa.Column("leased_until", sa.BigInteger),
    )
    op.create_index("ux_quotas", "quotas", ["hub", "principal", "bucket"], unique=True)
    op.create_table(
        "quota_slices",
        sa.Column(
            "quota_pk", pk, sa.ForeignKey("quotas.pk"), primary_key=True, autoincrement=False
        ),
        sa.Column("leased_by", sa.Text, primary_key=True),
        sa.Column("leased_until", sa.BigInteger, nullable=False),
        sa.Column("held", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
