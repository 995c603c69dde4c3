"""What was removed: put in, read out, learned about, withdrawn, revealed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from reseen.records import Digest, Fingerprint, Names, Removal, RemovedFile
from reseen.registry.sealing import Keyring


@dataclass(frozen=True, slots=True)
class New:
    """A removal to put in."""

    list: str
    site: str | None
    removed_on: date | None
    names: Names
    files: tuple[RemovedFile, ...]


def insert(connection: Connection, keyring: Keyring, new: Sequence[New]) -> list[str]:
    """Put removals in, in bulk, and return their ids in the same order. Short digests that a longer
    one of the same file implies are not stored. Checks nothing for doubles."""
    raise NotImplementedError


def add_file(connection: Connection, removal_pk: int, file: RemovedFile) -> int:
    """One more file for a removal; returns its pk."""
    raise NotImplementedError


def add_digests(
    connection: Connection, file_pk: int, digests: Sequence[Digest], *, learned: bool = False
) -> int:
    """More digests for a file; returns how many were new."""
    raise NotImplementedError


def set_names(connection: Connection, keyring: Keyring, removal: str, names: Names) -> None:
    """Seal names anew and index them (merging keeps old tokens)."""
    raise NotImplementedError


def holders(
    connection: Connection, digests: Sequence[Digest]
) -> dict[Digest, list[tuple[int, int]]]:
    """For each digest that is known: (removal pk, file pk), withdrawn removals too."""
    raise NotImplementedError


def pk_of(connection: Connection, removal: str) -> int:
    """Raises NotFound."""
    raise NotImplementedError


def by_id(connection: Connection, removal: str) -> Removal:
    """One removal with its files and digests. Raises NotFound."""
    raise NotImplementedError


def every(
    connection: Connection, *, list: str | None = None, withdrawn: bool | None = None
) -> Iterator[Removal]:
    """All, oldest first, streamed; `withdrawn` None: both kinds."""
    raise NotImplementedError


def learn(connection: Connection, file_pk: int, fingerprint: Fingerprint) -> int:
    """Keep what a full reading of the same bytes taught about a file; returns new digests."""
    raise NotImplementedError


def withdraw(connection: Connection, keyring: Keyring | None, removal: str, why: str) -> bool:
    """Take a removal out of force; False if it was out already. Audited; the reason is sealed
    (raises SealError without a key)."""
    raise NotImplementedError


def restore(connection: Connection, keyring: Keyring | None, removal: str, why: str) -> bool:
    """The way back."""
    raise NotImplementedError


def reveal(connection: Connection, keyring: Keyring, removal: str) -> Names:
    """The names in clear: needs a write transaction, since it is audited."""
    raise NotImplementedError
