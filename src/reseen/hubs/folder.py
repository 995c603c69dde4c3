"""A directory tree or a local Hub cache: each regular file from 1 KiB on is an artifact, and each
Git LFS pointer is the artifact that it states.

What comes in: a folder. What goes out: `LocalArtifact`s to read from disk, and a `Problem` for each
thing that was not looked at. Promised: nothing outside the folder is read through a link; whatever
a file is called, its path is shown in printable characters.

A Hub cache keeps each content once, in `blobs/`, under its etag (the SHA-256 of an LFS file, git's
name of another), and links to it from `snapshots/<commit>/`:
https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from reseen.errors import FileError
from reseen.files import lfs_pointer
from reseen.files.shards import ENDING as SHARDS_INDEX
from reseen.hubs.answers import COMMIT, SMALLEST, is_repo_id
from reseen.hubs.kinds import FOLDER
from reseen.records import Artifact, LfsPointer, Problem, RepoType

_CACHED = re.compile(r"(model|dataset|space)s--(.+)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_OID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class LocalArtifact:
    """A file on disk, ready to be fingerprinted."""

    artifact: Artifact
    """Hub "folder". In a Hub cache: type, repository and commit as the cache's folders say, and the
    digest that the blob's name declares; elsewhere the repository is the folder, the commit "".
    `artifact.path` is for showing: what cannot be printed is escaped."""
    file: Path
    """What to open: a regular file, or the link of a Hub cache that leads to one in its blobs: what
    stands beside it there belongs to it. Never print it; print `artifact.path`."""
    content: tuple[int, int]
    """(device, inode): equal for one content seen at several places."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Which repository, at which commit, the files below a folder belong to."""

    base: Path
    """Paths are shown from here on."""
    type: RepoType
    repo: str
    revision: str
    links_into: Path | None = None
    """The one folder that links may lead into: a Hub cache's blobs."""


def walk(root: Path) -> Iterator[LocalArtifact | Problem]:
    """Everything below `root` (or `root` itself, when it is a file), in a stable order.

    Raises FileError when there is nothing at `root`.
    """
    try:
        real = root.resolve(strict=True)
        is_folder = real.is_dir()
    except (OSError, RuntimeError, ValueError):
        raise FileError(
            "there is no such file or folder", remedy="Check the path, and that it may be read."
        ) from None
    if is_folder:
        return _walk(real)
    return iter(_look(real, _Place(real.parent, RepoType.MODEL, shown(real.parent), "")))


def shown(path: Path | str) -> str:
    """A path in printable characters: what is no UTF-8, or controls a terminal, is escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _walk(root: Path) -> Iterator[LocalArtifact | Problem]:
    plain = _Place(root, RepoType.MODEL, shown(root), "")
    left: list[tuple[Path, _Place]] = [(root, plain)]
    while left:
        folder, place = left.pop()
        try:
            folders, others = _listed(folder)
            cached = _cached(folder, folders) if place is plain else None
            if cached is not None:
                yield from _unlinked(cached)
                left.extend(reversed(_snapshots(cached)))
                continue
        except OSError as e:
            yield _problem(folder, f"the folder cannot be read: {e.strerror}")
            continue
        for path in others:
            yield from _look(path, place)
        left.extend((path, place) for path in reversed(folders))


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders in a folder, and all else in it, by name; a link is no folder."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    folders = [Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False)]
    others = [Path(entry) for entry in entries if not entry.is_dir(follow_symlinks=False)]
    return folders, others


def _look(path: Path, place: _Place) -> Iterator[LocalArtifact | Problem]:
    """One thing that is no folder."""
    try:
        status = os.lstat(path)
        target = path
        if stat.S_ISLNK(status.st_mode):
            target = path.resolve(strict=True)
            status = os.lstat(target)
            if place.links_into is None or not target.is_relative_to(place.links_into):
                # A link within the folder names what is visited anyway.
                if not target.is_relative_to(place.base):
                    yield _problem(path, "a link that leads out of the folder; not followed")
                return
        if not stat.S_ISREG(status.st_mode):
            yield _problem(path, "neither a file nor a folder")
            return
        pointer = _pointer(target, status.st_size)
        if status.st_size < SMALLEST and pointer is None and not path.name.endswith(SHARDS_INDEX):
            return
        if not os.access(target, os.R_OK):
            yield _problem(path, "the file may not be read")
            return
    except RuntimeError:  # how pathlib says it before Python 3.13
        yield _problem(path, "a link that leads in a circle")
        return
    except OSError as e:
        yield _problem(path, f"cannot be looked at: {e.strerror}")
        return
    etag = target.name if target.parent == place.links_into else ""
    artifact = Artifact(
        hub=FOLDER,
        type=place.type,
        repo=place.repo,
        revision=place.revision,
        ref=None,
        path=shown(path.relative_to(place.base)),
        size=status.st_size,
        sha256=bytes.fromhex(etag) if _SHA256.fullmatch(etag) else None,
        git_oid=bytes.fromhex(etag) if _GIT_OID.fullmatch(etag) else None,
        lfs=_SHA256.fullmatch(etag) is not None,
    )
    if pointer is not None:
        sha256, size = pointer.sha256, pointer.size
        artifact = replace(
            artifact, sha256=sha256, size=size, git_oid=None, lfs=True, on_pointer=True
        )
    yield LocalArtifact(artifact, path, (status.st_dev, status.st_ino))


def _pointer(file: Path, size: int) -> LfsPointer | None:
    """What a file states that git put here instead of a large one."""
    if not lfs_pointer.SHORTEST <= size < lfs_pointer.LIMIT:
        return None
    try:
        with file.open("rb") as opened:
            return lfs_pointer.parse(opened.read(lfs_pointer.LIMIT))
    except OSError:  # where it could be a model's, it is said below
        return None


def _cached(folder: Path, folders: list[Path]) -> _Place | None:
    """The repository that a Hub cache keeps in this folder, if it is such a folder."""
    named = _CACHED.fullmatch(folder.name)
    if named is None or not {folder / "blobs", folder / "snapshots"} <= set(folders):
        return None
    repo = named[2].replace("--", "/", 1)
    if not is_repo_id(repo):
        return None
    return _Place(folder, RepoType(named[1]), repo, "", folder / "blobs")


def _snapshots(cached: _Place) -> list[tuple[Path, _Place]]:
    """The snapshots of a cached repository, each a place at its commit."""
    return [
        (
            folder,
            replace(
                cached,
                base=folder,
                revision=folder.name if COMMIT.fullmatch(folder.name) else "",
            ),
        )
        for folder in _listed(cached.base / "snapshots")[0]
    ]


def _unlinked(cached: _Place) -> Iterator[LocalArtifact | Problem]:
    """The contents that no snapshot of a cached repository names (any more)."""
    linked: set[str] = set()
    for folder, _, names in os.walk(cached.base / "snapshots"):
        linked.update(os.path.realpath(os.path.join(folder, name)) for name in names)
    for blob in _listed(cached.base / "blobs")[1]:
        if str(blob) not in linked:
            yield from _look(blob, cached)


def _problem(path: Path, reason: str) -> Problem:
    return Problem(shown(path), reason)
