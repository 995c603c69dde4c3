"""Priorities: what of a listing is looked at, in which order, and what soundly needs no look.

What comes in: repositories as a hub lists them, and what is known. What goes out: a priority or
the reason for a skip. It promises that a skip is sound: an extension, a name or a size never is a
reason, because an uploader chooses those; they only order the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from enum import IntEnum

from reseen.hubs.hub import WantedRepositories
from reseen.records import Repository, RepoType
from reseen.scan.target import Target

WEIGHTS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".gguf", ".onnx")
ADAPTER_WORDS = ("lora", "lycoris", "locon", "loha", "lokr", "peft", "adapter", "dreambooth")
FEW_FILES = 12
"""An adapter's repository holds a handful of weight files (epochs, sizes); a base model's shards
are more, and larger."""
SMALLEST, LARGEST = 64 << 10, 4 << 30
"""Bytes in a repository that looks like an adapter's."""


class Priority(IntEnum):
    """Lower is sooner."""

    NOW = 0
    """The target names it, or something was found there."""
    ACCOUNT = 10
    """Of an account where something was found."""
    HINT = 20
    """A name or a path says so."""
    ADAPTER = 30
    """Looks like an adapter."""
    REST = 40


DISABLED = "disabled by the hub"
NO_COMMIT = "no commit listed"
NO_FILES = "no files"
GONE = "gone since it was listed"
NO_ACCESS = "no access"
HIDDEN = "deleted, or made private, since it was listed"
UNLISTED = "entries of the listing that could not be read"
NO_ACCOUNT = "accounts that could not be listed"
NO_REPOSITORY = "repositories that could not be looked up"


@dataclass(frozen=True, slots=True)
class Skip:
    """No look is needed."""

    reason: str


@dataclass(frozen=True, slots=True)
class HubListing:
    """One part of a target: a listing of the hub, or repositories to be asked for by name."""

    type: RepoType
    wanted: WantedRepositories | None = None
    repos: tuple[str, ...] = ()


def listings(target: Target) -> tuple[HubListing, ...]:
    """The target's parts. The same target always gives the same parts in the same order, because
    a cursor is stored by a part's number."""
    if target.owed:  # nothing is listed
        return ()
    types = sorted(set(target.types))
    parts = [HubListing(type, repos=tuple(sorted(set(target.repos)))) for type in types]
    parts = [part for part in parts if part.repos]
    authors = sorted(set(target.authors))
    parts += [
        HubListing(t, WantedRepositories(t, author, target.since))
        for author in authors
        for t in types
    ]
    if target.everything or (target.since is not None and not authors):
        parts += [HubListing(type, WantedRepositories(type, None, target.since)) for type in types]
    return tuple(parts)


def skip(repository: Repository, refs: bool, named: bool) -> Skip | None:
    """The reason why nothing can be found there, if there is one.

    `named`: the listing gave file names, so that none means that there is none. With `refs` a
    repository whose main branch is empty is looked at all the same: a file can stand in a pull
    request only.
    """
    if repository.disabled:
        return Skip(DISABLED)
    if repository.sha is None:
        return Skip(NO_COMMIT)
    if named and not refs and not repository.paths and not repository.used_storage:
        return Skip(NO_FILES)
    return None


def priority(
    repository: Repository, accounts: Set[str], hints: Callable[[Repository], int]
) -> Priority:
    """How soon to look. `accounts` are those with sightings; `hints` counts leads in a listing."""
    if repository.author in accounts:
        return Priority.ACCOUNT
    if hints(repository):
        return Priority.HINT
    if looks_like_adapter(repository):
        return Priority.ADAPTER
    return Priority.REST


def looks_like_adapter(repository: Repository) -> bool:
    """Tagged as one, or small with few weight files."""
    tags = [tag.lower() for tag in repository.tags]
    if any(word in tag for tag in tags for word in ADAPTER_WORDS):
        return True
    weights = sum(path.lower().endswith(WEIGHTS) for path in repository.paths)
    size = repository.used_storage
    return 1 <= weights <= FEW_FILES and (size is None or SMALLEST <= size <= LARGEST)
