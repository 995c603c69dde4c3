"""The names of a removal in clear, for a reviewer who asks; recorded."""

from __future__ import annotations

from sqlalchemy import Connection, select

from reseen.errors import SealError
from reseen.records import Names
from reseen.review import cases
from reseen.review.who import Role, Who
from reseen.store import audit, schema
from reseen.store.sealing import Keyring


def reveal(connection: Connection, keyring: Keyring | None, case_id: str, who: Who) -> Names:
    """What the list says of the removal of a case. Needs a write transaction: a reveal that cannot
    be recorded does not happen. Raises AccessError, NotFound, SealError."""
    who.must_be(Role.REVIEWER)
    if keyring is None:
        raise SealError(
            "the names are sealed, and the key is not here",
            remedy="Give the key in RESEEN_KEY or RESEEN_KEY_FILE.",
        )
    row = cases.row(connection, case_id)
    removal = connection.execute(
        select(schema.removals).where(schema.removals.c.pk == row.removal_pk)
    ).one()
    audit.write(connection, "reveal", removal.id, actor=who.actor, case=row.id)
    return Names() if removal.sealed is None else keyring.open(removal.sealed, removal.id)
