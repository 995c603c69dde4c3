"""Leads from names and paths. They order the queue; alone they are never enough.

What comes in: the keyed index of the store, and with the key a path or name from a hub. What goes
out: evidence on the hint rung, in which nothing sealed stands. Without the key there is one lead
left: a file that is named by a SHA-256.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from itertools import pairwise

from sqlalchemy import Connection, select

from reseen.match import evidence
from reseen.match.digest_table import DigestTable
from reseen.records import Evidence
from reseen.store.database import chunks
from reseen.store.schema import claims, sealed_index
from reseen.store.sealing import Keyring, SealedField

_HEX64 = re.compile(r"(?:^|[^0-9a-fA-F])([0-9a-fA-F]{64})(?:[^0-9a-fA-F]|$)")
_NUMBER = re.compile(r"(?<![0-9])[0-9]{3,9}(?![0-9])")
_NUMBERS = 16  # numbers of one path that are looked at
_VERSION_DIGITS = 5  # a file named by fewer is a step or an epoch

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


_FIELDS = (SealedField.FILE_NAME, SealedField.MODEL, SealedField.VERSION)


class Hints:
    """What of a name or path is a removal's: the keyed index of what lists say. Never changes."""

    def __init__(
        self,
        keyring: Keyring,
        tokens: Mapping[SealedField, DigestTable],
        later: Mapping[int, Mapping[SealedField, frozenset[bytes]]],
    ):
        """`tokens`: by field, owned by removals (by pk). `later`: removals that changed since, by
        pk: these are all their tokens."""
        self.keyring = keyring
        self._tokens = tokens
        self._later = later

    @classmethod
    def load(cls, connection: Connection, keyring: Keyring) -> Hints:
        """Read the keyed index of removals in force."""
        return cls(keyring, {field: _load(connection, field) for field in _FIELDS}, {})

    def plus(self, connection: Connection, removal_pks: Collection[int]) -> Hints:
        """The same, with these removals as they are now."""
        later: dict[int, dict[SealedField, frozenset[bytes]]] = {pk: {} for pk in removal_pks}
        for chunk in chunks(sorted(later)):
            query = (
                select(claims.c.removal_pk, sealed_index.c.field, sealed_index.c.token)
                .join(claims, claims.c.pk == sealed_index.c.claim_pk)
                .where(claims.c.removal_pk.in_(chunk), claims.c.in_force == 1)
                .where(sealed_index.c.field.in_([int(field) for field in _FIELDS]))
            )
            for pk, number, token in connection.execute(query):
                field = SealedField(number)
                later[pk][field] = later[pk].get(field, frozenset()) | {bytes(token)}
        return Hints(self.keyring, self._tokens, {**self._later, **later})

    def of_path(self, path: str, name: str) -> Iterator[tuple[int, Evidence]]:
        """(removal's pk, hint) for every lead that a file's path gives; `name`: its last part."""
        return hints_of_path(self._owners, path, name)

    def _owners(self, field: SealedField, value: str) -> set[int]:
        if not value:
            return set()
        token = self.keyring.token(field, value)
        found = set(self._tokens[field].find(token))
        if self._later:
            found.difference_update(self._later)
            found.update(pk for pk, some in self._later.items() if token in some.get(field, ()))
        return found


Owners = Callable[[SealedField, str], Set[int]]
"""Removals in force (by pk) of which a list says this value."""


def hints_of_path(owners: Owners, path: str, name: str) -> Iterator[tuple[int, Evidence]]:
    """(removal's pk, hint) for every lead that a file's path gives; `name`: its last part."""
    if name.lower() not in _GENERIC:
        called_so = owners(SealedField.FILE_NAME, name)
        if len(called_so) <= COMMON:
            yield from ((removal, evidence.file_name()) for removal in sorted(called_so))
    numbers = _NUMBER.findall(path)[-_NUMBERS:]
    if not numbers:
        return
    for model, version in pairwise(numbers):
        both = owners(SealedField.MODEL, model) & owners(SealedField.VERSION, version)
        yield from ((removal, evidence.path_ids()) for removal in sorted(both))
    stem = name.partition(".")[0]
    if stem == numbers[-1] and len(stem) >= _VERSION_DIGITS:
        for removal in sorted(owners(SealedField.VERSION, stem)):
            yield removal, evidence.path_ids()


def sha256s_in(name: str) -> Iterator[bytes]:
    """The SHA-256s by which a file is named."""
    if len(name) >= 64:
        for found in _HEX64.finditer(name):
            yield bytes.fromhex(found[1])


def _load(connection: Connection, field: SealedField) -> DigestTable:
    query = (
        select(sealed_index.c.token, claims.c.removal_pk)
        .join(claims, claims.c.pk == sealed_index.c.claim_pk)
        .where(sealed_index.c.field == int(field), claims.c.in_force == 1)
        .order_by(sealed_index.c.token)
        .execution_options(yield_per=10_000)
    )
    rows = connection.execute(query)
    return DigestTable(16, ((token, pk) for token, pk in rows if len(token) == 16))
