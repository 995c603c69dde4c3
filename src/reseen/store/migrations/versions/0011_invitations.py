"""One-time links by which people come in for the first time; and indexes for what the start page
counts, for what a list says, and for what somebody did lately.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table and six indexes."""
    pk = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "invitations",
        sa.Column("token", sa.LargeBinary, primary_key=True),
        sa.Column("user_pk", pk, sa.ForeignKey("users.pk")),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ux_invitations_user_pk", "invitations", ["user_pk"], unique=True)
    op.create_index("ix_audit_actor", "audit", ["actor", "at"])
    op.create_index("ix_audit_action", "audit", ["action", "pk"])
    op.create_index("ix_claims_list", "claims", ["list_pk", "removal_pk", "source", "in_force"])
    op.create_index("ix_decisions_at", "decisions", ["at"])
    op.create_index("ix_cases_opened", "cases", ["opened_at", "rung", "state", "verdict"])
    claimed = sa.text("claimed_by IS NOT NULL")
    op.create_index(
        "ix_cases_claimed",
        "cases",
        ["claimed_until"],
        sqlite_where=claimed,
        postgresql_where=claimed,
    )
