"""Of files that were looked into before reasons were kept it is said that they are not recorded,
and what they could be judged by is made from what is known of them. Sightings among them that stand
on their weights are looked at once more by the next scan of their repository.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_LOOKED = "judged_by IS NULL AND architecture IS NOT NULL"
_WEIGHTS = (
    "EXISTS (SELECT 1 FROM read_sketches s"
    " WHERE s.artifact_pk = readings.artifact_pk AND s.complete = 1)"
)
_TENSORS = (
    "EXISTS (SELECT 1 FROM read_digests d"
    " WHERE d.artifact_pk = readings.artifact_pk AND d.kind IN (6, 7))"
)


def upgrade() -> None:
    """Rows alone."""
    op.execute(
        "INSERT INTO blind_spots (artifact_pk, spot, code, reason, count) "  # noqa: S608 - our own
        "SELECT artifact_pk, 0, 'not-recorded', "
        "'not recorded: it was looked into before that was kept', 1 FROM readings "
        f"WHERE {_LOOKED} AND NOT EXISTS "
        "(SELECT 1 FROM blind_spots b WHERE b.artifact_pk = readings.artifact_pk)"
    )
    op.execute(
        "UPDATE walks SET version = 0 WHERE repository_pk IN ("
        "SELECT a.repository_pk FROM artifacts a"
        " JOIN blind_spots b ON b.artifact_pk = a.pk"
        " JOIN readings r ON r.artifact_pk = a.pk"
        " JOIN sightings s ON s.artifact_pk = a.pk"
        " WHERE b.code = 'not-recorded' AND r.full = 0 AND s.rung = 30)"
    )
    op.execute(
        "UPDATE readings SET judged_by = TRIM("  # noqa: S608 - our own
        "CASE WHEN readings.full = 1 THEN 'bytes ' ELSE '' END || "
        f"CASE WHEN readings.full = 1 AND {_TENSORS} THEN 'tensors ' ELSE '' END || "
        f"CASE WHEN {_WEIGHTS} THEN 'weights' ELSE '' END) WHERE {_LOOKED}"
    )
