"""What is looked at to find campaigns: accounts with the files that were seen at them, as values.

A campaign is a set of accounts that re-upload together: a description, never evidence. Everything
that is computed about one takes these values, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as it stands, or stood, in a repository of an account."""

    repo: str
    """The repository's name without the account's."""
    path: str
    content: bytes
    """What tells its bytes from others: a digest, or the hub's object id."""
    at: int | None = None
    """When its repository was made, as the hub says: microseconds since 1970."""
    removal: int | None = None
    """Which removal it was recognised as, by pk; None: none, or refuted, or put there by a stranger
    (a proposal)."""
    layout: bytes | None = None
    """Digest of the names, kinds and shapes of its tensors, where its header was read."""


@dataclass(frozen=True, slots=True)
class SeenCommit:
    """A commit of the history of a repository, where that was asked for."""

    repo: str
    """As in `SeenFile`."""
    message: bytes
    """A keyed hash of its title's shape (`observed.commit_messages`)."""
    at: int
    """When, as who made it says: microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class SeenAccount:
    """An account with what was seen of it."""

    hub: str
    name: str
    files: tuple[SeenFile, ...]
    commits: tuple[SeenCommit, ...] = ()

    @property
    def place(self) -> str:
        """Which of all accounts it is."""
        return f"{self.hub} {self.name}"

    @property
    def removals(self) -> frozenset[int]:
        """Of which it had a copy itself."""
        return frozenset(file.removal for file in self.files if file.removal is not None)
