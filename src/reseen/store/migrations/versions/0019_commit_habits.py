"""What commits of a repository's history tell of who made them: the shapes of messages, hours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table, empty: histories that were asked for before are not asked for again."""
    pk = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "commit_habits",
        sa.Column(
            "repository_pk",
            pk,
            sa.ForeignKey("repositories.pk"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("message", sa.LargeBinary, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
