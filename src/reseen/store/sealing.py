"""Seals names and makes search tokens of them. What comes in: names in clear, and the key. What
goes out: ciphertext and tokens.

One key of 32 bytes, from RESEEN_KEY or the key file; keys are derived from it (HKDF-SHA256, RFC
5869): one encrypts (AES-256-GCM, random nonce, bound to the removal's id), one makes index tokens
(keyed BLAKE2s, RFC 7693, 16 bytes), one makes the check value by which a store knows its key.
Texts that stand in append-only tables are sealed with keys of their own, which the store keeps
under this one (`kept_keys`), so that another key need not change them; a token of an earlier key is
hashed once more with the next. Database and key are kept apart: without the key the database tells
no name, and no name can be tried against it. Lengths are padded to steps of 64 bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import IntEnum
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from reseen.errors import SealError
from reseen.records import Names
from reseen.settings import Settings
from reseen.store import kept_keys, links, schema
from reseen.store.database import Store, insert_many
from reseen.store.kept_keys import KeptKeys, TextKeys, check_of, derive

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT, _TEXT_FORMAT = b"\x01", b"\x02"
_NONCE = 12
_STEP = 64
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode

PlainNames: TypeAlias = tuple[str, str, str, str]
"""Name, link, model id and version id, where the link is one of `links.plain_ids` and holds these:
what nearly all rows of long lists say. Is sealed and found as `Names` of the same."""


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


_PREFIXES = [b"%d\n" % number for number in range(max(SealedField) + 1)]
_NAME, _MODEL, _VERSION = SealedField.NAME, SealedField.MODEL, SealedField.VERSION


class Keyring:
    """Seals and opens names, and makes index tokens. Never shows its keys."""

    __slots__ = (
        *("_cipher", "_folds", "_kept", "_key", "_keyed", "_sealing", "_texts"),
        *("check", "for_heads", "for_indexes", "for_kept_files", "for_states"),
    )

    check: bytes
    """16 bytes that tell this key from others, and nothing else about it."""
    for_states: bytes
    """32 bytes: the key with which the gate authenticates the states that it keeps."""

    for_indexes: bytes
    """32 bytes: the key with which saved indexes are authenticated; workers may have it, for
    nothing else follows from it."""

    for_heads: bytes
    """32 bytes: the key with which heads of the audit log are signed."""

    for_kept_files: bytes
    """32 bytes: what is kept for a browser is sealed with this and with what that browser holds."""

    def __init__(self, key: bytes, kept: KeptKeys | None = None) -> None:
        """`key`: 32 bytes. `kept`: what the store keeps under it."""
        if len(key) != 32:
            raise SealError("a sealing key has 32 bytes", remedy=_HOW_A_KEY_LOOKS)
        self._sealing = derive(key, kept_keys.SEALING)
        # The key's block hashed once: three tokens a row make this the inner loop.
        self._key, self._kept = key, kept or KeptKeys()
        token_keys = (*self._kept.tokens, derive(key, kept_keys.INDEX_TOKENS))
        keyed, *folds = [hashlib.blake2s(key=one, digest_size=16) for one in token_keys]
        self._keyed, self._folds = keyed, tuple(folds)
        self._cipher: AESGCM | None = None
        self._texts: TextKeys | None = None
        self.check = check_of(key)
        self.for_states = derive(key, b"reseen gate states 1")
        self.for_indexes = derive(key, b"reseen indexes 1")
        self.for_heads = derive(key, b"reseen audit heads 1")
        self.for_kept_files = derive(key, b"reseen kept files 1")

    def __repr__(self) -> str:
        return "Keyring(sealed)"

    @classmethod
    def from_settings(cls, settings: Settings, create: bool) -> Keyring | None:
        """The key from RESEEN_KEY or the key file. None where there is none and `create` is false.
        Raises SealError for an unusable or unsafe one."""
        keys = given_keys(settings)
        if not keys and create:
            keys = [create_key(settings.key_file)]
        return cls(keys[0]) if keys else None

    @classmethod
    def for_store(cls, store: Store, settings: Settings, *, create: bool) -> Keyring | None:
        """As `from_settings`, and sure to be this store's key, or while it is rotated the next one.
        The way to get one: with `create` for what seals (import, add, withdraw), without for what
        only looks. From then on the store refuses to be used once another key seals it.
        Raises SealError when the store was sealed with another key."""
        store.sealed_with(None)
        with store.read() as connection:
            kept = kept_keys.known(connection)
        keys = given_keys(settings)
        if not keys and create and kept_keys.CHECK not in kept:
            keys = [create_key(settings.key_file)]
        if not keys:
            if create:
                raise SealError(
                    "the names in this registry are sealed with a key that is not here",
                    remedy=f"It is not in {settings.key_file}: put it there, or give it in "
                    "RESEEN_KEY or RESEEN_KEY_FILE.",
                )
            return None
        if create and not {kept_keys.CHECK, kept_keys.TEXTS} <= kept.keys():
            kept = _first_keys(store, keys)
        if kept_keys.CHECK not in kept:
            return cls(keys[0])
        working = working_key(keys, kept)
        store.sealed_with(kept[kept_keys.CHECK])
        return cls(working, kept_keys.of(working, kept))

    def seal(self, names: Names, id: str) -> bytes:
        """Ciphertext bound to the removal's id."""
        return self.seal_all([(names, id)])[0]

    def seal_all(self, many: Iterable[tuple[Names | PlainNames, str]]) -> list[bytes]:
        """As `seal`, of many."""
        return self._seal((_plain(names), b"names " + id.encode()) for names, id in many)

    def open(self, sealed: bytes, id: str) -> Names:
        """What `seal` took. Raises SealError."""
        plain = self._open(sealed, b"names " + id.encode())
        name, triggers, url, model_id, version_id, file_names, reason = json.loads(plain)
        return Names(name, tuple(triggers), url, model_id, version_id, tuple(file_names), reason)

    def seal_text(self, text: str, id: str) -> bytes:
        """The same for a free text (why a removal was withdrawn)."""
        plain, bound_to = _encode(text).encode("ascii"), b"text " + id.encode()
        keys = self._text_keys().own
        if not keys:
            return self._seal([(plain, bound_to)])[0]
        return _TEXT_FORMAT + bytes([len(keys) - 1]) + _encrypted(_aes(keys[-1]), plain, bound_to)

    def open_text(self, sealed: bytes, id: str) -> str:
        """What `seal_text` took. Raises SealError."""
        bound_to, keys = b"text " + id.encode(), self._text_keys()
        if sealed[:1] == _TEXT_FORMAT and len(sealed) > 1 and sealed[1] < len(keys.own):
            return str(json.loads(_decrypted([_aes(keys.own[sealed[1]])], sealed[2:], bound_to)))
        return str(json.loads(self._open(sealed, bound_to, keys.earlier)))

    def sealed_anew(self, sealed: bytes, id: str, new: Keyring) -> bytes:
        """What `seal` gave, sealed with another key; nobody reads it."""
        bound_to = b"names " + id.encode()
        return new._seal([(self._open(sealed, bound_to), bound_to)])[0]

    def token_anew(self, token: bytes) -> bytes:
        """A token of the key before this one as one of this."""
        fold = (self._folds[-1] if self._folds else self._keyed).copy()
        fold.update(token)
        return fold.digest()

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

    def tokens(self, names: Names | PlainNames) -> tuple[tuple[SealedField, bytes], ...]:
        """All tokens under which a removal with these names is found; no doubles."""
        if isinstance(names, tuple):
            return self._plain_tokens(*names)
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
            found.append((_MODEL, token(_MODEL, _normal_id(model))))
        if version:
            found.append((_VERSION, token(_VERSION, _normal_id(version))))
        for file_name in names.file_names:
            found.append((SealedField.FILE_NAME, self.token(SealedField.FILE_NAME, file_name)))
        return tuple(dict.fromkeys(found)) if len(names.file_names) > 1 else tuple(found)

    def _plain_tokens(
        self, name: str, link: str, model: str, version: str
    ) -> tuple[tuple[SealedField, bytes], ...]:
        """As `tokens`. The link tells no more than the ids."""
        of_name = self._token(_NAME, links.normal_name(name))
        of_model, of_version = self._token(_MODEL, model), self._token(_VERSION, version)
        return (_NAME, of_name), (_MODEL, of_model), (_VERSION, of_version)

    def _token(self, field: SealedField, normal: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(_PREFIXES[field] + normal.encode("utf-8", "surrogatepass"))
        token = keyed.digest()
        for fold in self._folds:
            again = fold.copy()
            again.update(token)
            token = again.digest()
        return token

    def _seal(self, many: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
        """Ciphertexts of (JSON, what it is bound to)."""
        encrypt, sealed = self._aes().encrypt, []
        for (plain, bound_to), nonce in zip(many, _nonces(), strict=False):
            padded = plain.ljust(-(-len(plain) // _STEP) * _STEP)  # JSON does not mind blanks
            sealed.append(_FORMAT + nonce + encrypt(nonce, padded, bound_to))
        return sealed

    def _open(self, sealed: bytes, bound_to: bytes, earlier: Sequence[bytes] = ()) -> bytes:
        """`earlier`: keys that may have sealed it too."""
        if sealed[:1] != _FORMAT or len(sealed) < 1 + _NONCE + 16:
            raise SealError("sealed by a newer Reseen, or damaged", remedy="Update Reseen.")
        return _decrypted([self._aes(), *map(_aes, earlier)], sealed[1:], bound_to)

    def _text_keys(self) -> TextKeys:
        if self._texts is None:
            self._texts = kept_keys.opened_texts(self._key, self._kept.texts)
        return self._texts

    def _aes(self) -> AESGCM:
        if self._cipher is None:
            self._cipher = _aes(self._sealing)
        return self._cipher


def _normal_id(id: str) -> str:
    """As `normal_name`, of what is nearly always a number."""
    return id if id.isdigit() and id.isascii() else links.normal_name(id)


def _nonces() -> Iterator[bytes]:
    """Random nonces without end, drawn many at a time. Never kept from one use to the next: a
    forked process would draw the same."""
    while True:
        drawn = os.urandom(256 * _NONCE)
        for at in range(0, len(drawn), _NONCE):
            yield drawn[at : at + _NONCE]


def _plain(names: Names | PlainNames) -> bytes:
    """The names as JSON, field by field: three times as fast as an encoder for any value."""
    if isinstance(names, tuple):
        name, url, model, version = map(encode_basestring_ascii, names)
        return f"[{name},[],{url},{model},{version},[],null]".encode("ascii")
    name, url, reason = _text(names.name), _text(names.url), _text(names.reason)
    model, version = _text(names.model_id), _text(names.version_id)
    words, files = _words(names.trigger_words), _words(names.file_names)
    return f"[{name},{words},{url},{model},{version},{files},{reason}]".encode("ascii")


def _text(value: str | None) -> str:
    return "null" if value is None else encode_basestring_ascii(value)


def _words(values: tuple[str, ...]) -> str:
    return f"[{','.join(map(encode_basestring_ascii, values))}]" if values else "[]"


def _aes(key: bytes) -> AESGCM:
    # imported late: looking something up needs tokens only
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _encrypted(aes: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    padded = plain.ljust(-(-len(plain) // _STEP) * _STEP)  # JSON does not mind blanks
    return nonce + aes.encrypt(nonce, padded, bound_to)


def _decrypted(ciphers: Sequence[AESGCM], sealed: bytes, bound_to: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag

    for aes in ciphers:
        with suppress(InvalidTag, ValueError):
            return aes.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound_to)
    raise SealError(
        "a sealed value does not open: the key is another, or the value was altered",
        remedy="Check RESEEN_KEY or RESEEN_KEY_FILE, or restore the registry.",
    )


def given_keys(settings: Settings) -> list[bytes]:
    """The keys that the settings give: RESEEN_KEY, or the key file and the one that a rotation puts
    beside it. Raises SealError for an unusable or unsafe one."""
    if settings.key is not None:
        return [parse_key(settings.key, "RESEEN_KEY")]
    files = (settings.key_file, next_key_file(settings))
    return [key for key in map(read_key, files) if key is not None]


def working_key(keys: Sequence[bytes], kept: Mapping[str, bytes]) -> bytes:
    """As `kept_keys.working`. Raises SealError where none of the keys is the store's."""
    working = kept_keys.working(keys, kept)
    if working is None:
        raise SealError(
            "this is not the key that the names in this registry are sealed with",
            remedy="Give the right one in RESEEN_KEY or RESEEN_KEY_FILE.",
        )
    return working


def next_key_file(settings: Settings) -> Path:
    """Where a rotation puts the new key until it ends."""
    return settings.key_file.with_name(f"{settings.key_file.name}.next")


def _first_keys(store: Store, keys: Sequence[bytes]) -> dict[str, bytes]:
    """What the store keeps of keys, with the check and the first key of texts made where they are
    not there: whoever comes second takes the first one's."""
    with store.write() as connection:
        check = [(kept_keys.CHECK, check_of(keys[0]))]
        insert_many(connection, schema.meta, ("name", "value"), check, ignore=True)
        kept = kept_keys.known(connection)
        working = kept_keys.working(keys, kept)
        if working is not None and kept_keys.TEXTS not in kept:
            kept_keys.first(connection, working)
            kept = kept_keys.known(connection)
        return kept


_HOW_A_KEY_LOOKS = (
    "A key is 64 hexadecimal digits. Put your copy of it back: a new one (openssl rand -hex 32) "
    "opens nothing that is sealed already."
)


def parse_key(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise SealError(f"{where} does not hold a sealing key", remedy=_HOW_A_KEY_LOOKS)
    return key


def read_key(path: Path) -> bytes | None:
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
    return parse_key(text, f"the key file {path}")


def create_key(path: Path) -> bytes:
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
    key = read_key(path)
    if key is None:
        raise SealError("the key file went away again", remedy="Try again.")
    return key
