"""What files state of themselves: the digests in their metadata, as far as they are known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_HINT = 10
_KINDS = {"embedded-data-sha256": (6, 32), "embedded-autov1": (8, 4), "embedded-autov3": (10, 6)}
"""How such a hint was called: the digest's kind, and its bytes."""
_LONG, _SHORT = 6, 10


def upgrade() -> None:
    """One table, with the digests by which hints were given. Of what gave none nothing is known
    before it is read again."""
    pk = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "embedded_digests",
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
    op.create_index("ix_embedded_digests_artifact", "embedded_digests", ["artifact_pk"])
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    told = connection.execute(
        sa.text(
            "SELECT DISTINCT s.artifact_pk, e.kind, e.value FROM evidence e "
            "JOIN sightings s ON s.pk = e.sighting_pk WHERE e.rung = :hint"
        ),
        {"hint": _HINT},
    )
    found: set[tuple[int, bytes, int]] = set()
    for artifact_pk, name, value in told:
        kind, length = _KINDS.get(name, (0, 0))
        if kind and len(value) == 2 * length:
            found.add((kind, bytes.fromhex(value), artifact_pk))
    begun = {(value[:6], pk) for kind, value, pk in found if kind == _LONG}
    rows = [
        {"kind": kind, "value": value, "pk": pk}
        for kind, value, pk in sorted(found)
        if kind != _SHORT or (value, pk) not in begun
    ]
    if rows:
        insert = (
            "INSERT INTO embedded_digests (kind, value, artifact_pk) VALUES (:kind, :value, :pk)"
        )
        connection.execute(sa.text(insert), rows)
