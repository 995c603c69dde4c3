"""Claims may go from one removal to another, when their list says by now what is one: each such
move is kept, and covered by a line of the log.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table, which the database itself refuses to change."""
    op.create_table(
        "claim_moves",
        sa.Column("pk", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("claim_pk", sa.BigInteger, nullable=False),
        sa.Column("from_pk", sa.BigInteger, nullable=False),
        sa.Column("to_pk", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_claim_moves_claim_pk", "claim_moves", ["claim_pk"])
    op.create_index("ix_claim_moves_from_pk", "claim_moves", ["from_pk"])
    postgresql = op.get_bind().dialect.name == "postgresql"
    refusal = "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    if postgresql:
        refusal = "EXECUTE FUNCTION append_only()"
    for verb in ("UPDATE", "DELETE", "TRUNCATE") if postgresql else ("UPDATE", "DELETE"):
        each = "STATEMENT" if verb == "TRUNCATE" else "ROW"
        op.execute(
            f"CREATE TRIGGER claim_moves_no_{verb.lower()} BEFORE {verb} ON claim_moves "
            f"FOR EACH {each} {refusal}"
        )
    if not postgresql:
        there = "EXISTS (SELECT 1 FROM claim_moves WHERE pk = NEW.pk)"
        op.execute(
            "CREATE TRIGGER claim_moves_no_replace BEFORE INSERT ON claim_moves FOR EACH ROW "
            f"WHEN {there} {refusal}"
        )
