"""The names of a removal in clear, for a reviewer who asks; recorded."""

from __future__ import annotations

from sqlalchemy import Connection, select

from reseen.errors import SealError
from reseen.records import Names
from reseen.registry.removals import names_of
from reseen.review import cases, name_rate
from reseen.review.roles import Role, Who
from reseen.store import audit, schema
from reseen.store.sealing import Keyring


def reveal(connection: Connection, keyring: Keyring | None, case_id: str, who: Who) -> Names:
    """What the list says of the removal of a case. Needs a write transaction: a reveal that cannot
    be recorded does not happen. Raises AccessError, NotFound, SealError, and Conflict where this
    person asked for too many."""
    who.must_be(Role.REVIEWER)
    if keyring is None:
        raise SealError(
            "the names are sealed, and the key is not here",
            remedy="Give the key in RESEEN_KEY or RESEEN_KEY_FILE.",
        )
    row = cases.row(connection, case_id)
    id = connection.scalar(
        select(schema.removals.c.id).where(schema.removals.c.pk == row.removal_pk)
    )
    name_rate.check(connection, who)
    audit.write(connection, name_rate.REVEAL, str(id), actor=who.actor, case=row.id)
    return names_of(connection, keyring, row.removal_pk, str(id))
