"""What stores of objects state of their files: MD5, SHA-1 and CRCs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table; nobody stated anything like it before."""
    pk = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "stated_digests",
        sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("value", sa.LargeBinary, primary_key=True),
        sa.Column(
            "artifact_pk",
            pk,
            sa.ForeignKey("artifacts.pk"),
            primary_key=True,
            autoincrement=False,
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_stated_digests_artifact", "stated_digests", ["artifact_pk"])
