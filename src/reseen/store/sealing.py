"""Seals names and makes search tokens of them. What comes in: names in clear, and the key. What
goes out: ciphertext and tokens.

One key of 32 bytes, from RESEEN_KEY or the key file; three keys are derived from it (HKDF-SHA256,
RFC 5869): one encrypts (AES-256-GCM, random nonce, bound to the removal's id), one makes index
tokens (keyed BLAKE2s, RFC 7693, 16 bytes), one makes the check value by which a store knows its
key. Database and key are kept apart: without the key the database tells no name, and no name can be
tried against it. Lengths are padded to steps of 64 bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from reseen.errors import SealError
from reseen.records import Names
from reseen.settings import Settings
from reseen.store import links, schema
from reseen.store.database import Store, insert_many

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT = b"\x01"
_NONCE = 12
_STEP = 64
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class SealedField(IntEnum):
    """What an index token stands for. The number is what the store keeps: never change one."""

    NAME = 1
    FILE_NAME = 2
    """Without folders."""
    LINK = 3
    """The former URL, normalised; a link that holds a model id is found by MODEL instead."""
    MODEL = 4
    """The bare model id, on whatever site."""
    VERSION = 5
    """The bare version id, on whatever site."""
    SOURCE = 6
    """What a row of a list says that has neither a full digest nor a version: by this it is known
    when it comes again (`rows.Draft.otherwise`)."""


_PREFIXES = {field: b"%d\n" % field for field in SealedField}
_NAME, _MODEL, _VERSION = SealedField.NAME, SealedField.MODEL, SealedField.VERSION


class Keyring:
    """Seals and opens names, and makes index tokens. Never shows its keys."""

    __slots__ = ("_cipher", "_keyed", "_sealing", "check", "for_heads", "for_indexes", "for_states")

    check: bytes
    """16 bytes that tell this key from others, and nothing else about it."""
    for_states: bytes
    """32 bytes: the key with which the gate authenticates the states that it keeps."""

    for_indexes: bytes
    """32 bytes: the key with which saved indexes are authenticated; workers may have it, for
    nothing else follows from it."""

    for_heads: bytes
    """32 bytes: the key with which heads of the audit log are signed."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes."""
        if len(key) != 32:
            raise SealError("a sealing key has 32 bytes", remedy=_HOW_A_KEY_LOOKS)
        self._sealing = derive(key, b"reseen sealing 1")
        # The key's block hashed once: three tokens a row make this the inner loop.
        token_key = derive(key, b"reseen index tokens 1")
        self._keyed = hashlib.blake2s(key=token_key, digest_size=16)
        self._cipher: AESGCM | None = None
        self.check = derive(key, b"reseen key check 1")[:16]
        self.for_states = derive(key, b"reseen gate states 1")
        self.for_indexes = derive(key, b"reseen indexes 1")
        self.for_heads = derive(key, b"reseen audit heads 1")

    def __repr__(self) -> str:
        return "Keyring(sealed)"

    @classmethod
    def from_settings(cls, settings: Settings, create: bool) -> Keyring | None:
        """The key from RESEEN_KEY or the key file. None where there is none and `create` is false.
        Raises SealError for an unusable or unsafe one."""
        if settings.key is not None:
            return cls(_parse_key(settings.key, "RESEEN_KEY"))
        key = _read_key(settings.key_file)
        if key is None and create:
            key = _create_key(settings.key_file)
        return None if key is None else cls(key)

    @classmethod
    def for_store(cls, store: Store, settings: Settings, *, create: bool) -> Keyring | None:
        """As `from_settings`, and sure to be this store's key. The way to get one: with `create`
        for what seals (import, add, withdraw), without for what only looks.
        Raises SealError when the store was sealed with another key."""
        with store.read() as connection:
            known = _known_check(connection)
        keyring = cls.from_settings(settings, create and known is None)
        if keyring is None:
            if create:
                raise SealError(
                    "the names in this registry are sealed with a key that is not here",
                    remedy="Give it in RESEEN_KEY or RESEEN_KEY_FILE.",
                )
            return None
        if known is None and create:
            with store.write() as connection:
                first = [("key_check", keyring.check)]
                insert_many(connection, schema.meta, ("name", "value"), first, ignore=True)
                known = _known_check(connection)
        if known is not None and not hmac.compare_digest(known, keyring.check):
            raise SealError(
                "this is not the key that the names in this registry are sealed with",
                remedy="Give the right one in RESEEN_KEY or RESEEN_KEY_FILE.",
            )
        return keyring

    def seal(self, names: Names, id: str) -> bytes:
        """Ciphertext bound to the removal's id."""
        return self.seal_all([(names, id)])[0]

    def seal_all(self, many: Iterable[tuple[Names, str]]) -> list[bytes]:
        """As `seal`, of many."""
        return self._seal((_plain(names), b"names " + id.encode()) for names, id in many)

    def open(self, sealed: bytes, id: str) -> Names:
        """What `seal` took. Raises SealError."""
        plain = self._open(sealed, b"names " + id.encode())
        name, triggers, url, model_id, version_id, file_names, reason = json.loads(plain)
        return Names(name, tuple(triggers), url, model_id, version_id, tuple(file_names), reason)

    def seal_text(self, text: str, id: str) -> bytes:
        """The same for a free text (why a removal was withdrawn)."""
        return self._seal([(_encode(text).encode("ascii"), b"text " + id.encode())])[0]

    def open_text(self, sealed: bytes, id: str) -> str:
        """What `seal_text` took. Raises SealError."""
        return str(json.loads(self._open(sealed, b"text " + id.encode())))

    def token(self, field: SealedField, value: str) -> bytes:
        """16 bytes: keyed hash of (field, normalised value). Normalises by itself."""
        if field is SealedField.FILE_NAME:
            normal = links.normal_file_name(value)
        elif field is SealedField.LINK:
            link = links.parse(value)
            normal = link.normal if link else links.normal_name(value)
        else:
            normal = links.normal_name(value)
        return self._token(field, normal)

    def source_token(self, site: str, said: str) -> bytes:
        """The token of SealedField.SOURCE."""
        return self._token(
            SealedField.SOURCE, f"{links.normal_site(site)}\n{links.normal_name(said)}"
        )

    def tokens(self, names: Names) -> tuple[tuple[SealedField, bytes], ...]:
        """All tokens under which a removal with these names is found; no doubles."""
        found: list[tuple[SealedField, bytes]] = []
        model, version, token = names.model_id, names.version_id, self._token
        if names.name:
            found.append((_NAME, token(_NAME, links.normal_name(names.name))))
        # A link that only repeats the ids needs no reading.
        if names.url and not (
            model and version and f"/models/{model}" in names.url and version in names.url
        ):
            link = links.parse(names.url)
            if link and (link.model_id or link.version_id):
                model, version = model or link.model_id, version or link.version_id
            else:
                found.append((SealedField.LINK, self.token(SealedField.LINK, names.url)))
        if model:
            found.append((_MODEL, token(_MODEL, links.normal_name(model))))
        if version:
            found.append((_VERSION, token(_VERSION, links.normal_name(version))))
        for file_name in names.file_names:
            found.append((SealedField.FILE_NAME, self.token(SealedField.FILE_NAME, file_name)))
        return tuple(dict.fromkeys(found)) if len(names.file_names) > 1 else tuple(found)

    def _token(self, field: SealedField, normal: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(_PREFIXES[field] + normal.encode("utf-8", "surrogatepass"))
        return keyed.digest()

    def _seal(self, many: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
        """Ciphertexts of (JSON, what it is bound to)."""
        encrypt, sealed = self._aes().encrypt, []
        for (plain, bound_to), nonce in zip(many, _nonces(), strict=False):
            padded = plain.ljust(-(-len(plain) // _STEP) * _STEP)  # JSON does not mind blanks
            sealed.append(_FORMAT + nonce + encrypt(nonce, padded, bound_to))
        return sealed

    def _open(self, sealed: bytes, bound_to: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        if sealed[:1] != _FORMAT or len(sealed) < 1 + _NONCE + 16:
            raise SealError("sealed by a newer Reseen, or damaged", remedy="Update Reseen.")
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return self._aes().decrypt(nonce, body, bound_to)
        except InvalidTag:
            raise SealError(
                "a sealed value does not open: the key is another, or the value was altered",
                remedy="Check RESEEN_KEY or RESEEN_KEY_FILE, or restore the registry.",
            ) from None

    def _aes(self) -> AESGCM:
        if self._cipher is None:  # imported late: looking something up needs tokens only
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher = AESGCM(self._sealing)
        return self._cipher


def _nonces() -> Iterator[bytes]:
    """Random nonces without end, drawn many at a time. Never kept from one use to the next: a
    forked process would draw the same."""
    while True:
        drawn = os.urandom(256 * _NONCE)
        for at in range(0, len(drawn), _NONCE):
            yield drawn[at : at + _NONCE]


def _plain(names: Names) -> bytes:
    """The names as JSON, field by field: three times as fast as an encoder for any value."""
    fields = (
        _text(names.name),
        _words(names.trigger_words),
        _text(names.url),
        _text(names.model_id),
        _text(names.version_id),
        _words(names.file_names),
        _text(names.reason),
    )
    return f"[{','.join(fields)}]".encode("ascii")


def _text(value: str | None) -> str:
    return "null" if value is None else _encode(value)


def _words(values: tuple[str, ...]) -> str:
    return f"[{','.join(map(_encode, values))}]" if values else "[]"


def derive(key: bytes, purpose: bytes) -> bytes:
    """32 bytes by HKDF-SHA256 (RFC 5869) without salt: one block of output needs two HMACs."""
    extracted = hmac.digest(bytes(32), key, "sha256")
    return hmac.digest(extracted, purpose + b"\x01", "sha256")


def _known_check(connection: Connection) -> bytes | None:
    query = select(schema.meta.c.value).where(schema.meta.c.name == "key_check")
    return connection.scalar(query)


_HOW_A_KEY_LOOKS = "A key is 64 hexadecimal digits; make one with: openssl rand -hex 32"


def _parse_key(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise SealError(f"{where} does not hold a sealing key", remedy=_HOW_A_KEY_LOOKS)
    return key


def _read_key(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SealError(
                    f"the key file {path} is not a regular file", remedy=_HOW_A_KEY_LOOKS
                )
            if status.st_mode & 0o077:
                raise SealError(
                    f"the key file {path} can be read or written by others",
                    remedy=f"Make it yours alone: chmod 600 {path}",
                )
            text = file.read(1024).decode("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as e:
        raise SealError(
            f"the key file {path} cannot be read: {e.strerror}", remedy="Check RESEEN_KEY_FILE."
        ) from None
    return _parse_key(text, f"the key file {path}")


def _create_key(path: Path) -> bytes:
    """A new key file. Whoever comes second takes the first one's key: the file appears whole."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                draft.chmod(0o600)
                file.write(secrets.token_hex(32).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # the other one's key is as good
                os.link(draft, path)
        finally:
            draft.unlink()
    except OSError as e:
        raise SealError(
            f"the key file {path} cannot be made: {e.strerror}",
            remedy="Set RESEEN_KEY_FILE to a place that can be written, or give RESEEN_KEY.",
        ) from None
    key = _read_key(path)
    if key is None:
        raise SealError("the key file went away again", remedy="Try again.")
    return key
