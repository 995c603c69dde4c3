"""Priorities: what of a listing is looked at, in which order, and what soundly needs no look.

What comes in: repositories as a hub lists them, and what is known. What goes out: a priority or
the reason for a skip. It promises that a skip is sound: an extension, a name or a size never is a
reason, because an uploader chooses those; they only order the queue.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import IntEnum

from reseen.hubs.hub import WantedRepositories
from reseen.records import Repository, RepoType
from reseen.scan.signs import FileCount, is_tagged, signs_of
from reseen.scan.target import Target

SMALLEST, LARGEST = 64 << 10, 4 << 30
"""Bytes in a repository that looks like an adapter's."""


class Priority(IntEnum):
    """Lower is sooner: hundredths of the logarithm of the odds against a find (`ordering`), and
    what stands for them where nothing was counted yet."""

    NOW = -3_000
    """The target names it. Never written anew."""
    ACCOUNT = 0
    """Of an account where something was found. Where an order is written (`Target.is_ordered`),
    what is less urgent waits for it."""
    BESIDE = 100
    """The refs and the history of a repository where something was found: a guess."""
    HINT = 200
    """A name or a path says so."""
    ADAPTER = 400
    """Looks like an adapter."""
    REST = 600


DISABLED = "disabled by the hub"
NO_COMMIT = "no commit listed"
NO_FILES = "no files"
GONE = "gone since it was listed"
NO_ACCESS = "no access"
HIDDEN = "deleted, or made private, since it was listed"
UNLISTED = "entries of the listing that could not be read"
NO_ACCOUNT = "accounts that could not be listed"
NO_REPOSITORY = "repositories that could not be looked up"
NO_TYPE = {type: f"{type}s, which could not be listed" for type in RepoType}
LACKED = {type: f"{type}s, which this hub does not have" for type in RepoType}


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
    named = {(type, repo) for type in types for repo in target.repos} | set(target.typed)
    parts = [
        HubListing(type, repos=tuple(sorted(repo for each, repo in named if each is type)))
        for type in sorted({type for type, _ in named})
    ]
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


def priority(repository: Repository, accounts: Set[str], hints: int) -> Priority:
    """How soon to look, until the listing has ended and the order is written. `accounts` are those
    with sightings; `hints` is how many leads the listing's names and paths give."""
    if repository.author in accounts:
        return Priority.ACCOUNT
    if hints:
        return Priority.HINT
    if looks_like_adapter(repository):
        return Priority.ADAPTER
    return Priority.REST


def looks_like_adapter(repository: Repository) -> bool:
    """Tagged as one, or small with few weight files."""
    if is_tagged(repository):
        return True
    size = repository.used_storage
    files = signs_of(repository, 0) & 7
    return FileCount.ONE <= files <= FileCount.FEW and (size is None or SMALLEST <= size <= LARGEST)
