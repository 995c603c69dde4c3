"""Campaigns: accounts that re-upload together, and what people said of them, which the database
itself refuses to change.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three tables."""
    pk = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "campaigns",
        sa.Column("pk", pk, primary_key=True),
        sa.Column("id", sa.String(16), nullable=False, unique=True),
        sa.Column("found_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_table(
        "campaign_accounts",
        sa.Column(
            "campaign_pk",
            pk,
            sa.ForeignKey("campaigns.pk"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("hub", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("joined_at", sa.BigInteger, nullable=False),
        sa.Column("left_at", sa.BigInteger),
        sa.Column("why", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_campaign_accounts_account", "campaign_accounts", ["hub", "account"])
    op.create_table(
        "campaign_events",
        sa.Column("pk", pk, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("what", sa.String(12), nullable=False),
        sa.Column("campaign_pk", sa.BigInteger, nullable=False),
        sa.Column("hub", sa.Text),
        sa.Column("account", sa.Text),
        sa.Column("user_pk", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_campaign_events_campaign_pk", "campaign_events", ["campaign_pk"])
    postgresql = op.get_bind().dialect.name == "postgresql"
    refusal = "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    if postgresql:
        refusal = "EXECUTE FUNCTION append_only()"
    for verb in ("UPDATE", "DELETE", "TRUNCATE") if postgresql else ("UPDATE", "DELETE"):
        each = "STATEMENT" if verb == "TRUNCATE" else "ROW"
        op.execute(
            f"CREATE TRIGGER campaign_events_no_{verb.lower()} BEFORE {verb} ON campaign_events "
            f"FOR EACH {each} {refusal}"
        )
    if not postgresql:
        there = "EXISTS (SELECT 1 FROM campaign_events WHERE pk = NEW.pk)"
        op.execute(
            "CREATE TRIGGER campaign_events_no_replace BEFORE INSERT ON campaign_events "
            f"FOR EACH ROW WHEN {there} {refusal}"
        )
