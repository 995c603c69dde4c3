"""Everything that a scan must know of the registry, in memory: removals in force only.

What comes in: the store's rows, once. What goes out: matches, without asking the store again.
`learn` adds what a scan found out on its way; nothing else changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from reseen.records import Artifact, Digest, Fingerprint, Match, RemovedFile, Repository

if TYPE_CHECKING:
    from reseen.registry.sealing import Keyring


class Known:
    """All removals in force, ready to be matched against."""

    @classmethod
    def load(cls, connection: Connection, keyring: Keyring | None = None) -> Known:
        """Read the registry in force. Without the key, names are no hints; all else works."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Removals in force."""
        raise NotImplementedError

    def match(self, artifact: Artifact) -> tuple[Match, ...]:
        """Matches by what the hub declares: rungs declared and pointer, strongest first."""
        raise NotImplementedError

    def match_fingerprint(self, fingerprint: Fingerprint) -> tuple[Match, ...]:
        """Matches by what was read: rungs bytes and tensors, with hints; hint-only ones too."""
        raise NotImplementedError

    def hints(self, artifact: Artifact) -> tuple[Match, ...]:
        """Leads from the file's name and path, and from short hashes."""
        raise NotImplementedError

    def hints_of_listing(self, repository: Repository) -> int:
        """How many leads a repository's listing gives (names, paths): orders the queue."""
        raise NotImplementedError

    def hints_inside(self, embedded: tuple[Digest, ...]) -> tuple[Match, ...]:
        """Leads from what a file says of itself in its metadata."""
        raise NotImplementedError

    def could_hold(
        self, size: int | None, data_size: int | None = None, layout: bytes | None = None
    ) -> bool:
        """May such a file hold a removal's tensors? With a data size or a layout: does one equal
        a removal's. With the file's size only: does a removal's data section and a header of
        bounded length fit it."""
        raise NotImplementedError

    def claims(self, match: Match) -> tuple[RemovedFile, ...]:
        """The removal's files that the match's digests name: what a claim must agree with."""
        raise NotImplementedError

    def learn(self, removal: str, fingerprint: Fingerprint) -> None:
        """A removal's bytes were read: match their digests from now on."""
        raise NotImplementedError
