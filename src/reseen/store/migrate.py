"""Bring an older store to the head schema with alembic. Imported only when there is one.

An empty store is never migrated: `store` makes it at the head. So the first revision does nothing.
All revisions run in one transaction of the only writer: two that upgrade at once do it once, and
one that is stopped leaves the store as it was. That is why no copy is kept beside it: a copy would
double what has to be guarded, and nobody would delete it.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from reseen.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection) -> None:
    """Within the caller's write transaction: all revisions up to the head, or none."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise StoreError(
            "the registry's schema is none that this Reseen knows",
            remedy="Update Reseen, or name another registry with --db or RESEEN_DB.",
        ) from None
