"""A directory tree or a local Hub cache: each regular file from 1 KiB on is an artifact.

What comes in: a folder. What goes out: `LocalArtifact`s to read from disk, and a `Problem` for each
thing that was not looked at. Nothing outside the folder is read through a link.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reseen.records import Artifact, Problem


@dataclass(frozen=True, slots=True)
class LocalArtifact:
    """A file on disk, ready to be fingerprinted."""

    artifact: Artifact
    """Hub "folder". In a Hub cache: type, repository and commit as the cache's folders say, and the
    digest that the blob's name declares; elsewhere the repository is the folder."""
    file: Path
    """What to open: a regular file, links resolved. Never print it; print `artifact.path`."""
    content: tuple[int, int]
    """(device, inode): equal for one content seen at several places."""


def walk(root: Path) -> Iterator[LocalArtifact | Problem]:
    """Everything below `root` (or `root` itself, when it is a file), in a stable order.

    Raises InputError when there is nothing at `root`.
    """
    raise NotImplementedError
