"""The names of a removal in clear, for a reviewer who asks; recorded."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from reseen.errors import SealError
from reseen.records import Names
from reseen.registry import removals
from reseen.registry.removals import Withdrawal, names_of
from reseen.review import cases, name_rate
from reseen.review.roles import Role, Who
from reseen.store import audit, schema
from reseen.store.sealing import Keyring


def reveal(connection: Connection, keyring: Keyring | None, case_id: str, who: Who) -> Names:
    """What the list says of the removal of a case. Needs a write transaction: a reveal that cannot
    be recorded does not happen. Raises AccessError, NotFound, SealError, and Conflict where this
    person asked for too many."""
    key = _may(keyring, who)
    row = cases.row(connection, case_id)
    id = connection.scalar(
        select(schema.removals.c.id).where(schema.removals.c.pk == row.removal_pk)
    )
    name_rate.check(connection, who)
    audit.write(connection, name_rate.REVEAL, str(id), actor=who.actor, case=row.id)
    return names_of(connection, key, row.removal_pk, str(id))


@dataclass(frozen=True, slots=True, repr=False)
class RevealedRemoval:
    """What is sealed of a removal, in clear."""

    names: Names
    reasons: tuple[Withdrawal, ...]
    """Why it was withdrawn or restored."""


def reveal_removal(
    connection: Connection, keyring: Keyring | None, removal: str, who: Who
) -> RevealedRemoval:
    """The same of a removal itself, with the reasons for withdrawing and restoring it."""
    key = _may(keyring, who)
    name_rate.check(connection, who)
    names = removals.reveal(connection, key, removal, actor=who.actor)
    return RevealedRemoval(names, removals.history(connection, key, removal))


def _may(keyring: Keyring | None, who: Who) -> Keyring:
    who.must_be(Role.REVIEWER)
    if keyring is None:
        raise SealError(
            "the names are sealed, and the key is not here",
            remedy="Give the key in RESEEN_KEY or RESEEN_KEY_FILE.",
        )
    return keyring
