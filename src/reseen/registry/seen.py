"""What hubs declared and what reading told: remembered compactly, written in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from reseen.records import Artifact, Container, Digest, Repository


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading an artifact told."""

    artifact_pk: int
    container: Container | None = None
    data_size: int | None = None
    layout: bytes | None = None
    full: bool = False
    """Every byte was read."""
    problem: str | None = None
    digests: tuple[Digest, ...] = ()
    """Computed from its bytes."""


def repositories(
    connection: Connection, listed: Sequence[Repository], *, at: int | None = None
) -> list[int]:
    """Remember repositories as listed; their pks in the same order."""
    raise NotImplementedError


def artifacts(
    connection: Connection,
    repository_pk: int,
    seen: Sequence[Artifact],
    *,
    since: int = 0,
    at: int | None = None,
) -> list[int]:
    """Remember artifacts of one repository; their pks in the same order. One row for one path and
    content: its commit and ref are the newest of the ref it was first seen on (main wins over
    others, a ref over history); a row not seen since `since` takes any."""
    raise NotImplementedError


def artifact(connection: Connection, artifact_pk: int) -> Artifact:
    """Raises NotFound."""
    raise NotImplementedError


def walked(
    connection: Connection,
    repository_pk: int,
    commit: str,
    *,
    refs: bool = False,
    at: int | None = None,
) -> None:
    """All files of this commit are known; with `refs`, those of all refs and the history too."""
    raise NotImplementedError


def walked_commits(connection: Connection, repository_pk: int) -> dict[str, bool]:
    """Commit -> whether refs were walked too."""
    raise NotImplementedError


def readings(connection: Connection, read: Sequence[Reading], *, at: int | None = None) -> None:
    """Remember what reading told; a full reading is never replaced by less."""
    raise NotImplementedError


def commit_bytes(commit: str) -> bytes:
    """A commit as the store keeps it: hex becomes bytes."""
    raise NotImplementedError


def commit_text(commit: bytes) -> str:
    """And back."""
    raise NotImplementedError
