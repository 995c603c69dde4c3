"""What a scan is asked to look at, and how far it may go.

What comes in: a person's choices. What goes out: two frozen values that the walk and `visit` obey,
and from which the store knows a scan again, so that the same command goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from reseen.observed.walks import ACCOUNT, ALL_REFS, REFS, Asked, leading
from reseen.records import DigestKind, RepoType


class Confirm(StrEnum):
    """How far a match is checked by reading."""

    NONE = "none"
    """Nothing is read: what the hub declares is all there is."""
    HEADER = "header"
    """The container's header by Range: consistent with the claim, or doubtful."""
    FULL = "full"
    """Every byte, through the hashes; nothing is kept."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which repositories of a hub to look at: all, or those named here."""

    types: tuple[RepoType, ...] = (RepoType.MODEL,)
    repos: tuple[str, ...] = ()
    """ "owner/name", each looked up as each of `types`."""
    typed: tuple[tuple[RepoType, str], ...] = ()
    """Those that were named with their type: each looked up as that alone."""
    authors: tuple[str, ...] = ()
    """Accounts, with everything of theirs."""
    since: datetime | None = None
    """Only what was created or modified at or after this instant."""
    everything: bool = False
    """The whole hub."""
    owed: bool = False
    """Nothing is listed: what is owed to the repositories that were walked before (`scan.owed`),
    each as far as was ever asked. Those named in `repos` and `authors` only, where any are."""
    removal: str | None = None
    """With `owed`: repositories only where this removal stands."""

    @property
    def names(self) -> tuple[str, ...]:
        """All repositories that were named."""
        return tuple(dict.fromkeys((*self.repos, *(repo for _, repo in self.typed))))

    @property
    def all_types(self) -> tuple[RepoType, ...]:
        """Of all that is looked at."""
        return tuple(dict.fromkeys((*self.types, *(type for type, _ in self.typed))))

    @property
    def is_ordered(self) -> bool:
        """More is listed than what is named: it is looked at in an order of its own."""
        return self.everything or bool(self.authors) or self.since is not None

    @property
    def is_whole_hub(self) -> bool:
        """All repositories of its types are listed."""
        return self.everything and self.since is None

    def has_account(self, author: str) -> bool:
        """Is everything of this account listed?"""
        named = author in self.authors and self.since is None and not self.owed
        return named or self.is_whole_hub

    @property
    def is_narrow(self) -> bool:
        """Only some of what is owed."""
        return self.owed and bool(self.names or self.authors or self.removal)

    @property
    def key(self) -> str:
        """32 hex digits: the same for the same target, whatever the order it was given in."""
        since = self.since.astimezone(UTC).isoformat() if self.since else None
        value: list[object] = [
            sorted(self.types),
            sorted(set(self.repos)),
            sorted(set(self.authors)),
            since,
            self.everything,
        ]
        if self.typed:
            value += ["typed", *sorted(set(self.typed))]
        if self.owed:
            value += ["owed", self.removal]
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def target_naming(
    named: Iterable[tuple[str, RepoType | None]], types: Collection[RepoType], *, more: bool
) -> Target:
    """What these repositories are, each with its type where that is known. `types`: of what was
    named without, models where there are none. `more`: something beside repositories is looked at,
    which is of these types too."""
    told = dict.fromkeys(named)
    repos = tuple(repo for repo, type in told if type is None)
    typed = tuple((type, repo) for repo, type in told if type is not None)
    if not types and not repos and not more and len({type for type, _ in typed}) == 1:
        return Target((typed[0][0],), tuple(repo for _, repo in typed))
    usual = (RepoType.MODEL,) if repos or more else ()
    return Target(tuple(dict.fromkeys(types)) or usual, repos, typed)


@dataclass(frozen=True, slots=True)
class Options:
    """How far a scan may go."""

    confirm: Confirm = Confirm.HEADER
    refs: bool = False
    """Walk branches, tags, pull-request refs and history of every repository."""
    follow: bool = True
    """After a sighting, walk the repository's refs and the account's other repositories at once."""
    edited: bool = True
    """Also look for edited and altered copies: read the header of what could hold a removal's
    tensors, all of what has a removal's data size or layout, and, where removals have sketches, as
    much of what looks like weights as tells whether it is like one. `confirm` none turns it off."""
    whole: bool = False
    """Read every byte of each file, whatever it is: for a hub's own storage, where that is cheap.
    Larger ones than `max_artifact_bytes` excepted."""
    max_artifact_bytes: int = 8 << 30
    """Bytes of one artifact that is read in full; a larger one is a problem with a reason."""
    max_visit_bytes: int = 64 << 30
    """Bytes read in one visit."""
    max_scan_bytes: int = 64 << 30
    """Bytes read in one scan, over all its lives; what is left out then is counted."""
    background: int = 64
    """Adapters that match nothing and are read in full all the same, at most, in one life of a
    scan: sketches of strangers, against which p-values are calibrated. None is read where the
    registry has no sketch of its architecture, and none once 512 of it are known. 0: never."""
    max_artifacts: int = 200_000
    """Artifacts of one commit that are looked at; more are a problem with a reason."""
    readers: int = 4
    """Artifacts of one visit that are read at the same time."""
    also: frozenset[DigestKind] = frozenset()
    """Kinds of digests that full readings compute beside the usual ones."""
    again: bool = True
    """Ask for the refs and the accounts of sightings again that were asked for in an earlier scan:
    there may be more of them now."""

    @property
    def reads_unclaimed(self) -> bool:
        """May files be read although nothing is declared of them?"""
        return self.edited and self.confirm is not Confirm.NONE


def asked(options: Options, target: Target) -> Asked:
    """What a scan asks of every repository that it comes to. Where it is about nothing but what is
    owed, what is followed is what was asked before."""
    follow = 0
    if options.follow and not target.owed:
        follow = REFS | sum(ACCOUNT[type] for type in target.all_types)
        follow |= ALL_REFS if options.refs else 0
        follow |= leading(_LEVELS.index(options.confirm), options.reads_unclaimed)
    return Asked(_LEVELS.index(options.confirm), options.reads_unclaimed, follow)


def strongest(options: Options, target: Target, before: Asked) -> Options:
    """How far to go at a repository of which `before` was asked in earlier scans: as far as any of
    them asked; but a scan that is to read nothing reads nothing, and what is followed is the scan's
    own choice unless it is about nothing but what is owed."""
    if target.owed:
        options = replace(options, follow=before.follow > 0)
    elif options.confirm is Confirm.NONE:
        return options
    confirm = _LEVELS[max(_LEVELS.index(options.confirm), before.confirm)]
    return replace(options, confirm=confirm, edited=options.edited or before.edited)


def as_asked(options: Options, before: Asked) -> Options:
    """How far to go at a repository that is none of the scan's own, where a removal learned
    something: as far as earlier scans asked. What is found there is followed another time."""
    confirm = _LEVELS[before.confirm]
    return replace(options, confirm=confirm, edited=before.edited, follow=False)


_LEVELS = tuple(Confirm)
