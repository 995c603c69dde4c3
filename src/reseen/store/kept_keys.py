"""Keys that the store itself keeps, sealed under the sealing key; and a rotation under way.

What comes in: the sealing key (raw), and a connection. What goes out: the keys that texts in
append-only tables are sealed with, and those of earlier sealing keys that are still needed. They
are never kept but under the sealing key of now: who has an earlier one, and the database, opens
none of them. docs/security.md says what that is worth.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, select

from reseen.errors import SealError
from reseen.store import meta, schema
from reseen.store.database import insert_many

CHECK, TEXTS, TOKENS, ROTATION = "key_check", "text_keys", "token_keys", "key_rotation"
"""Names in `meta`."""
SEALING, INDEX_TOKENS = b"reseen sealing 1", b"reseen index tokens 1"
"""Purposes of what is derived from a sealing key, and is needed after it as well."""
_NONCE = 12


def derive(key: bytes, purpose: bytes) -> bytes:
    """32 bytes by HKDF-SHA256 (RFC 5869) without salt: one block of output needs two HMACs."""
    extracted = hmac.digest(bytes(32), key, "sha256")
    return hmac.digest(extracted, purpose + b"\x01", "sha256")


def check_of(key: bytes) -> bytes:
    """16 bytes that tell this key from others, and nothing else about it."""
    return derive(key, b"reseen key check 1")[:16]


@dataclass(frozen=True, slots=True, repr=False)
class TextKeys:
    """With what texts in append-only tables are sealed, which a new sealing key does not change."""

    own: tuple[bytes, ...] = ()
    """By number; the last seals what is new."""
    earlier: tuple[bytes, ...] = ()
    """With which earlier sealing keys sealed texts themselves, before there were text keys."""


@dataclass(frozen=True, slots=True, repr=False)
class KeptKeys:
    """What the store keeps under the sealing key, as it stands there."""

    texts: bytes | None = None
    """Opened when a text is: see `opened_texts`."""
    tokens: tuple[bytes, ...] = ()
    """The token keys of earlier sealing keys, the first one first."""


@dataclass(frozen=True, slots=True, repr=False)
class SealRotation:
    """A rotation under way."""

    check: bytes
    """Of the new key."""
    old: bytes
    """The old key, sealed under the new one."""


def known(connection: Connection) -> dict[str, bytes]:
    """What `meta` keeps of keys, by name."""
    m = schema.meta.c
    query = select(m.name, m.value).where(m.name.in_((CHECK, TEXTS, TOKENS, ROTATION)))
    return {name: bytes(value) for name, value in connection.execute(query)}


def working(keys: Iterable[bytes], kept: Mapping[str, bytes]) -> bytes | None:
    """The key that the store is sealed with, where one of `keys` is that one, or the one that a
    rotation under way goes to; None where none of them is."""
    rotation = under_way(kept)
    for key in keys:
        if hmac.compare_digest(kept.get(CHECK, b""), check_of(key)):
            return key
        if rotation is not None and hmac.compare_digest(rotation.check, check_of(key)):
            return _opened(key, rotation.old, ROTATION)
    return None


def under_way(kept: Mapping[str, bytes]) -> SealRotation | None:
    """The rotation under way."""
    value = kept.get(ROTATION)
    return None if value is None else SealRotation(value[:16], value[16:])


def of(key: bytes, kept: Mapping[str, bytes]) -> KeptKeys:
    """What is kept under this key."""
    tokens = kept.get(TOKENS)
    opened = () if tokens is None else tuple(_split(_opened(key, tokens, TOKENS)))
    return KeptKeys(kept.get(TEXTS), opened)


def opened_texts(key: bytes, sealed: bytes | None) -> TextKeys:
    """The keys of texts; none where the store has none yet."""
    if sealed is None:
        return TextKeys()
    told = json.loads(_opened(key, sealed, TEXTS))
    own, earlier = (tuple(bytes.fromhex(one) for one in told[name]) for name in ("own", "earlier"))
    return TextKeys(own, earlier)


def first(connection: Connection, key: bytes) -> None:
    """Make the first key of texts, where there is none: whoever comes second takes it as it is."""
    new = _sealed(key, _texts(TextKeys((os.urandom(32),))), TEXTS)
    insert_many(connection, schema.meta, ("name", "value"), [(TEXTS, new)], ignore=True)


def begin(connection: Connection, old: bytes, new: bytes) -> None:
    """From now on the new key is accepted too."""
    meta.keep(connection, ROTATION, check_of(new) + _sealed(new, old, ROTATION))


def end(connection: Connection, old: bytes, new: bytes) -> None:
    """From now on only the new key is accepted: what is kept is sealed under it, with the old one's
    share of what was sealed and indexed, and texts get a key that no earlier one ever sealed."""
    kept = known(connection)
    texts = opened_texts(old, kept.get(TEXTS))
    texts = replace(
        texts,
        own=(*texts.own, os.urandom(32)),
        earlier=(*texts.earlier, derive(old, SEALING)),
    )
    tokens = (*of(old, kept).tokens, derive(old, INDEX_TOKENS))
    meta.keep(connection, TEXTS, _sealed(new, _texts(texts), TEXTS))
    meta.keep(connection, TOKENS, _sealed(new, b"".join(tokens), TOKENS))
    meta.keep(connection, CHECK, check_of(new))
    connection.execute(delete(schema.meta).where(schema.meta.c.name == ROTATION))


def _texts(keys: TextKeys) -> bytes:
    told = {"own": [k.hex() for k in keys.own], "earlier": [k.hex() for k in keys.earlier]}
    return json.dumps(told).encode("ascii")


def _split(keys: bytes) -> list[bytes]:
    return [keys[at : at + 32] for at in range(0, len(keys), 32)]


def _sealed(key: bytes, plain: bytes, name: str) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE)
    aes = AESGCM(derive(key, b"reseen kept keys 1"))
    return nonce + aes.encrypt(nonce, plain, name.encode("ascii"))


def _opened(key: bytes, sealed: bytes, name: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    aes = AESGCM(derive(key, b"reseen kept keys 1"))
    try:
        return aes.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode("ascii"))
    except InvalidTag:
        raise SealError(
            "a key that the registry keeps does not open: it was altered",
            remedy="Restore the registry from a backup.",
        ) from None
