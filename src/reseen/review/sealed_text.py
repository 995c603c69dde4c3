"""Ids of what people make, and the bounds of what they write."""

from __future__ import annotations

import secrets

from reseen.errors import InputError, SealError
from reseen.store import ids
from reseen.store.sealing import Keyring

MOST_TEXT = 4_000
"""Characters in a reason or a comment."""


def new_id(prefix: str) -> str:
    """Opaque and at random: 60 bits, so that no two in a store are equal."""
    return f"{prefix}-{ids.digits(secrets.token_bytes(10))[:12]}"


def written(text: str, what: str) -> str:
    """Text that a person wrote, trimmed. Raises InputError where it is empty or too long."""
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise InputError(f"the {what} is empty", remedy="Say in a few words why.")
    if len(text) > MOST_TEXT:
        raise InputError(
            f"the {what} is longer than {MOST_TEXT:,} characters", remedy="Say it in fewer words."
        )
    return text


def seal(keyring: Keyring | None, text: str, id: str) -> bytes:
    """What a person wrote, sealed: it can hold a name. Raises SealError without the key."""
    if keyring is None:
        raise SealError(
            "what people write is sealed, and the key is not here",
            remedy="Give the key in RESEEN_KEY or RESEEN_KEY_FILE.",
        )
    return keyring.seal_text(text, id)


def opened(keyring: Keyring | None, sealed: bytes | None, id: str) -> str | None:
    """And back; None where there is nothing, no key, or another one."""
    if keyring is None or sealed is None:
        return None
    try:
        return keyring.open_text(sealed, id)
    except SealError:
        return None
