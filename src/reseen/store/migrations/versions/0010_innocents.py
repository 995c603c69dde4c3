"""Known innocents: adapters that many use, proposed by one person and confirmed by another, with
what they did, which the database itself refuses to change.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_KEYS = {
    "innocents": "pk = NEW.pk OR id = NEW.id",
    "innocent_digests": "innocent_pk = NEW.innocent_pk AND kind = NEW.kind",
    "innocent_sketches": "innocent_pk = NEW.innocent_pk AND number = NEW.number",
    "innocent_events": "pk = NEW.pk",
}
"""Append-only tables, and when a row of each is there already."""


def upgrade() -> None:
    """Five tables."""
    pk = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "innocents",
        sa.Column("pk", pk, primary_key=True),
        sa.Column("id", sa.String(16), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "innocent_digests",
        sa.Column("innocent_pk", pk, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "innocent_sketches",
        sa.Column("innocent_pk", pk, primary_key=True, autoincrement=False),
        sa.Column("number", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("architecture", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "innocent_events",
        sa.Column("pk", pk, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("what", sa.String(12), nullable=False),
        sa.Column("innocent_pk", sa.BigInteger, nullable=False),
        sa.Column("user_pk", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
    )
    op.create_index("ix_innocent_events_innocent_pk", "innocent_events", ["innocent_pk"])
    op.create_table(
        "innocent_near",
        sa.Column("innocent_pk", pk, sa.ForeignKey("innocents.pk"), primary_key=True),
        sa.Column("removal_pk", pk, sa.ForeignKey("removals.pk"), primary_key=True),
        sa.Column("rung", sa.SmallInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    for table, there in _KEYS.items():
        _append_only(table, there)


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
