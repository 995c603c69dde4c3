"""The secret that decides which modules of a file are looked at first.

It is made from the store's own secret until it is changed; nobody else is told it.
"""

from __future__ import annotations

import secrets

from sqlalchemy import Connection

from reseen.store import meta

_NAME = "search-key"
_CONTEXT = "reseen search key 1"


def of(connection: Connection) -> bytes:
    """The secret in force."""
    kept = meta.value(connection, _NAME)
    if kept is not None:
        return kept
    secret = meta.value(connection, "secret") or b""
    from blake3 import blake3  # slow to import, and opening a store needs none

    return blake3(secret, derive_key_context=_CONTEXT).digest()


def change(connection: Connection) -> None:
    """Another, from now on: what is read and loaded later is chosen by it."""
    meta.keep(connection, _NAME, secrets.token_bytes(32))
