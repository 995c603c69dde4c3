"""With which token a private repository was seen is kept. Of those that were seen before it is not
known, until they are seen again: they are gone by nobody's word.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column."""
    op.add_column("repositories", sa.Column("seen_as", sa.LargeBinary))
