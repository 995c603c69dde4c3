"""The queue of a team: how strong a case stands and which bytes it is about, so that it is ordered
and grouped in the index; whose a case is; filters that have a name.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_STRONGEST_FIRST = (sa.text("strength DESC"), sa.text("reach DESC"), "opened_at", "pk")
_INDICES: dict[str, list[str | sa.TextClause]] = {
    "ix_cases_queue": ["state", *_STRONGEST_FIRST, "live", "removal_pk", "rung"],
    "ix_cases_strength": [*_STRONGEST_FIRST],
    "ix_cases_account": ["hub", "account", "state", *_STRONGEST_FIRST],
    "ix_cases_uploader": ["account", "state", *_STRONGEST_FIRST],
    "ix_cases_removal": ["removal_pk", "state", *_STRONGEST_FIRST],
    "ix_cases_verdict": ["verdict", "state", *_STRONGEST_FIRST],
    "ix_cases_live": ["live", "state", *_STRONGEST_FIRST],
    "ix_cases_sha256": ["sha256"],
}
"""In the order of the queue, so that a page of it is a walk along one."""


def upgrade() -> None:
    """Two columns, from what is known; two tables."""
    op.add_column(
        "cases", sa.Column("strength", sa.SmallInteger, server_default="0", nullable=False)
    )
    op.add_column("cases", sa.Column("sha256", sa.LargeBinary))
    _fill(op.get_bind())
    op.drop_index("ix_cases_queue", "cases")
    op.drop_index("ix_cases_account", "cases")
    for name, columns in _INDICES.items():
        op.create_index(name, "cases", columns)
    pk = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "assignments",
        sa.Column("case_pk", pk, sa.ForeignKey("cases.pk"), primary_key=True, autoincrement=False),
        sa.Column("user_pk", pk, sa.ForeignKey("users.pk"), nullable=False),
        sa.Column("by_pk", pk, sa.ForeignKey("users.pk"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_assignments_user_pk", "assignments", ["user_pk"])
    op.create_table(
        "saved_filters",
        sa.Column("pk", pk, primary_key=True),
        sa.Column("id", sa.String(24), nullable=False, unique=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("user_pk", pk, sa.ForeignKey("users.pk"), nullable=False),
        sa.Column("shared", sa.SmallInteger, nullable=False),
        sa.Column("filter", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ux_saved_filters", "saved_filters", ["user_pk", "name"], unique=True)


def _fill(connection: sa.Connection) -> None:
    """What follows from sightings that are there: as the next change of a case would say it."""
    connection.execute(sa.text("UPDATE cases SET strength = rung"))
    strongest = (
        "SELECT s.artifact_pk FROM case_sightings k JOIN sightings s ON s.pk = k.sighting_pk "
        "WHERE k.case_pk = cases.pk ORDER BY s.rung DESC, s.pk LIMIT 1"
    )
    read = (
        "SELECT d.value FROM read_digests d JOIN readings r "  # noqa: S608 - our own names
        "ON r.artifact_pk = d.artifact_pk "
        f"WHERE d.artifact_pk = ({strongest}) AND d.kind = 1 AND r.full = 1 "
        "AND NOT EXISTS (SELECT 1 FROM read_digests o WHERE o.artifact_pk = d.artifact_pk "
        "AND o.kind = 1 AND o.value <> d.value)"
    )
    stated = f"SELECT a.sha256 FROM artifacts a WHERE a.pk = ({strongest})"  # noqa: S608 - ours
    filled = f"UPDATE cases SET sha256 = COALESCE(({read}), ({stated}))"  # noqa: S608 - ours
    connection.execute(sa.text(filled))
    alike: set[int] = set()
    rows = connection.execute(
        sa.text(
            "SELECT k.case_pk, e.figures FROM evidence e JOIN case_sightings k "
            "ON k.sighting_pk = e.sighting_pk JOIN cases c ON c.pk = k.case_pk "
            "WHERE e.rung = 30 AND e.stands = 1 AND e.figures IS NOT NULL "
            "AND c.rung BETWEEN 1 AND 54"
        )
    )
    for case, figures in rows:
        told = json.loads(figures)
        whole = "rows" not in told and "cosine" in told
        sure = not str(told.get("relation", "")).startswith(("uncertain", "by order"))
        least = (("cosine", 0.97), ("agreeing", 0.99), ("coverage", 0.995))
        if whole and sure and all(float(told.get(name, 1.0)) >= at for name, at in least):
            alike.add(case)
    if alike:
        update = sa.text("UPDATE cases SET strength = 55 WHERE pk = :pk")
        connection.execute(update, [{"pk": pk} for pk in sorted(alike)])
