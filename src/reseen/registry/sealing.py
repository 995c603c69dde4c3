"""Sealing. What comes in: names in clear, and the key. What goes out: ciphertext and tokens."""

from __future__ import annotations

from enum import IntEnum

from reseen.records import Names
from reseen.registry.store import Store
from reseen.settings import Settings


class Field(IntEnum):
    """What an index token stands for. The number is what the store keeps: never change one."""

    NAME = 1
    FILE_NAME = 2
    """Without folders."""
    LINK = 3
    """The former URL, in `links.normal` form; for a link with a model id, see MODEL."""
    MODEL = 4
    """The bare model id, on whatever site."""
    VERSION = 5
    """The bare version id, on whatever site."""
    SOURCE = 6
    """Site, model id and version id together: what lists are merged by."""


class Keyring:
    """Seals and opens names, and makes index tokens. Never shows its keys."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes."""
        raise NotImplementedError

    @classmethod
    def from_settings(cls, settings: Settings, create: bool) -> Keyring | None:
        """The key from RESEEN_KEY or the key file. None where there is none and `create` is false.
        Raises SealError for an unusable or unsafe one."""
        raise NotImplementedError

    @classmethod
    def for_store(cls, store: Store, settings: Settings, *, create: bool) -> Keyring | None:
        """As `from_settings`, and sure to be this store's key. THE WAY TO GET ONE: with `create`
        for what seals (import, add, withdraw), without for what only looks.
        Raises SealError when the store was sealed with another key."""
        raise NotImplementedError

    def seal(self, names: Names, id: str) -> bytes:
        """Ciphertext bound to the removal's id."""
        raise NotImplementedError

    def open(self, sealed: bytes, id: str) -> Names:
        """What `seal` took. Raises SealError."""
        raise NotImplementedError

    def seal_text(self, text: str, id: str) -> bytes:
        """The same for a free text (why a removal was withdrawn)."""
        raise NotImplementedError

    def open_text(self, sealed: bytes, id: str) -> str:
        raise NotImplementedError

    def token(self, field: Field, value: str) -> bytes:
        """16 bytes: keyed hash of (field, normalised value). Normalises by itself."""
        raise NotImplementedError

    def source_token(self, site: str, model_id: str, version_id: str) -> bytes:
        """The token of Field.SOURCE."""
        raise NotImplementedError

    def tokens(self, names: Names, site: str | None) -> tuple[tuple[Field, bytes], ...]:
        """All tokens under which a removal with these names is found; no doubles."""
        raise NotImplementedError
