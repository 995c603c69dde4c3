"""Leads from names and paths. They order the queue; alone they are never enough.

What comes in: the keyed index of the store, and with the key a path or name from a hub. What goes
out: evidence on the hint rung, in which nothing sealed stands. Without the key there is one lead
left: a file that is named by a SHA-256.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from reseen.match import evidence
from reseen.match.index import DigestIndex
from reseen.match.packed import Packed
from reseen.records import DigestKind, Evidence
from reseen.store.schema import claims, sealed_index

if TYPE_CHECKING:
    from reseen.store.sealing import Field, Keyring

_HEX64 = re.compile(r"(?:^|[^0-9a-fA-F])([0-9a-fA-F]{64})(?:[^0-9a-fA-F]|$)")
_NUMBER = re.compile(r"(?<![0-9])[0-9]{3,9}(?![0-9])")
_NUMBERS = 16  # numbers of one path that are looked at
_VERSION_DIGITS = 5  # a file named by fewer is a step or an epoch
_PATH_LENGTH = 1024  # characters of a path that are looked at: the end, where the name is

COMMON = 5
"""A file name that more removals than this share says nothing ("lora.safetensors")."""

_GENERIC = frozenset(
    f"{stem}.{suffix}"
    for stem in (
        "adapter_model",
        "diffusion_pytorch_model",
        "learned_embeds",
        "lora",
        "model",
        "pytorch_lora_weights",
        "pytorch_model",
        "sd_xl_base_1.0",
        "test",
    )
    for suffix in ("bin", "ckpt", "pt", "pth", "safetensors")
)


class Hints:
    """What of a name or path is a removal's. Needs the key for all but digests in names."""

    def __init__(self, index: DigestIndex, keyring: Keyring | None, tokens: dict[int, Packed]):
        """`tokens`: field -> packed tokens, owned by removals (numbered by their pk)."""
        self._index = index
        self._keyring = keyring
        self._tokens = tokens

    @classmethod
    def load(cls, connection: Connection, index: DigestIndex, keyring: Keyring | None) -> Hints:
        """Read the keyed index of removals in force; nothing of it without the key."""
        if keyring is None:
            return cls(index, None, {})
        from reseen.store.sealing import Field

        fields = (Field.FILE_NAME, Field.MODEL, Field.VERSION)
        return cls(index, keyring, {field: _load(connection, field) for field in fields})

    def of_path(self, path: str) -> Iterator[tuple[str, Evidence]]:
        """(removal, hint) for every lead that a file's path gives."""
        path = path[-_PATH_LENGTH:]
        name = path.rpartition("/")[2]
        if len(name) >= 64:
            for found in _HEX64.finditer(name):
                value = bytes.fromhex(found[1])
                for number in self._index.find(DigestKind.SHA256, value):
                    yield self._index.removal(number), evidence.file_named_by_digest(value)
        if self._keyring is None:
            return
        from reseen.store.sealing import Field

        if name.lower() not in _GENERIC:
            owners = self._owners(Field.FILE_NAME, name)
            if len(owners) <= COMMON:
                yield from ((removal, evidence.file_name()) for removal in owners)
        numbers = _NUMBER.findall(path)[-_NUMBERS:]
        if not numbers:
            return
        for model, version in pairwise(numbers):
            both = self._owners(Field.MODEL, model) & self._owners(Field.VERSION, version)
            yield from ((removal, evidence.path_ids()) for removal in both)
        stem = name.partition(".")[0]
        if stem == numbers[-1] and len(stem) >= _VERSION_DIGITS:
            for removal in self._owners(Field.VERSION, stem):
                yield removal, evidence.path_ids()

    def _owners(self, field: Field, value: str) -> set[str]:
        if self._keyring is None or not value:
            return set()
        pks = self._tokens[field].find(self._keyring.token(field, value))
        return {id for id in map(self._index.removal_by_pk, pks) if id is not None}


def _load(connection: Connection, field: Field) -> Packed:
    query = (
        select(sealed_index.c.token, claims.c.removal_pk)
        .join(claims, claims.c.pk == sealed_index.c.claim_pk)
        .where(sealed_index.c.field == int(field), claims.c.in_force == 1)
        .order_by(sealed_index.c.token)
        .execution_options(yield_per=10_000)
    )
    rows = connection.execute(query)
    return Packed(16, ((token, pk) for token, pk in rows if len(token) == 16))
