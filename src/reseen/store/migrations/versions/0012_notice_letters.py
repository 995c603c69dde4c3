"""Letters: the exact bytes of what left the house of a notice, which the database itself refuses
to change.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table."""
    pk = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "notice_letters",
        sa.Column("pk", pk, primary_key=True),
        sa.Column("notice_pk", pk, sa.ForeignKey("notices.pk"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("user_pk", pk, sa.ForeignKey("users.pk")),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("what", sa.String(12), nullable=False),
        sa.Column("how", sa.String(8), nullable=False),
        sa.Column("form", sa.String(8), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_notice_letters_notice_pk", "notice_letters", ["notice_pk"])
    _append_only("notice_letters", "pk = NEW.pk")


def _append_only(table: str, there: str) -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    refusal = "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    if postgresql:
        refusal = "EXECUTE FUNCTION append_only()"
    for verb in ("UPDATE", "DELETE", "TRUNCATE") if postgresql else ("UPDATE", "DELETE"):
        each = "STATEMENT" if verb == "TRUNCATE" else "ROW"
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"FOR EACH {each} {refusal}"
        )
    if not postgresql:
        exists = f"EXISTS (SELECT 1 FROM {table} WHERE {there})"  # noqa: S608 - our names
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} FOR EACH ROW "
            f"WHEN {exists} {refusal}"
        )
