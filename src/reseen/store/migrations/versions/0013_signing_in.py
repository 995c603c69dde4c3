"""Second factors, sign-ins under way, tries that count in all workers; how a session began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Five tables, and three columns."""
    pk = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    for column in (
        sa.Column("browser", sa.String(40)),
        sa.Column("how", sa.String(12)),
        sa.Column("confirmed_at", sa.BigInteger),
    ):
        op.add_column("sessions", column)
    op.create_table(
        "second_factors",
        sa.Column("pk", pk, primary_key=True),
        sa.Column("user_pk", pk, sa.ForeignKey("users.pk"), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("credential", sa.LargeBinary, unique=True),
        sa.Column("public_key", sa.LargeBinary),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
    )
    op.create_index("ix_second_factors_user_pk", "second_factors", ["user_pk"])
    op.create_table(
        "recovery_codes",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("user_pk", pk, sa.ForeignKey("users.pk"), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_recovery_codes_user_pk", "recovery_codes", ["user_pk"])
    op.create_table("factor_roles", sa.Column("role", sa.String(16), primary_key=True))
    op.create_table(
        "sign_in_steps",
        sa.Column("token", sa.LargeBinary, primary_key=True),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("bound", sa.LargeBinary, nullable=False),
        sa.Column("user_pk", pk, sa.ForeignKey("users.pk")),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_sign_in_steps_ends_at", "sign_in_steps", ["ends_at"])
    op.create_table(
        "sign_in_tries",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("began", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_sign_in_tries_ends_at", "sign_in_tries", ["ends_at"])
