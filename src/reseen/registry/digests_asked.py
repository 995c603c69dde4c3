"""Which digests are computed at full readings beside the usual ones, and so learned of removals.

Stores of objects state MD5, SHA-1 or CRCs and nothing better: a removal is found there only where
these are known of it. They cost as much as the others together, so they are computed where a store
is in use: an installation asks for them once, and all its readings obey.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from reseen.fingerprints import on_demand
from reseen.records import DigestKind
from reseen.store import meta

_NAME = "digests asked for"


def asked(connection: Connection) -> frozenset[DigestKind]:
    """Which are asked for. Raises InputError where one of them cannot be computed here."""
    kinds = said(connection)
    on_demand.check(kinds)
    return kinds


def said(connection: Connection) -> frozenset[DigestKind]:
    """The same, whether or not they can be computed here."""
    kept = meta.value(connection, _NAME)
    return frozenset(map(DigestKind, kept or b""))


def ask(connection: Connection, kinds: Collection[DigestKind]) -> None:
    """From now on these are, and no others. Raises InputError as `asked` does."""
    on_demand.check(kinds)
    meta.keep(connection, _NAME, bytes(sorted(kinds)))
